"""Words and rows for what an offline analysis found in metrics (seed box: Report Generator)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, assert_never

from error_manager.analysis.metric_finding import MetricFindings, MetricSeries, Moment, News
from error_manager.analysis.novelty import WARM
from error_manager.core.wording import plural
from error_manager.reporting.analyze import csv_text
from error_manager.reporting.analyze_words import figure, moment_text, range_text, unread_text

_MOMENT_COLUMNS: Final = (
    "file", "column", "line", "time", "value", "score", "usual_low", "usual_high", "new", "new_values",
    "known_values",
)  # fmt: skip
_SERIES_COLUMNS: Final = (
    "file", "column", "values", "missing", "unreadable", "lowest", "mean", "highest", "notable"
)  # fmt: skip


def moments_to_csv(findings: Iterable[MetricFindings]) -> str:
    """Return all moments that were kept as CSV; cells that a spreadsheet would run are quoted with ``'``."""
    return csv_text(
        _MOMENT_COLUMNS,
        (
            {
                "file": found.source,
                "column": series.name,
                "line": moment.line,
                "time": moment_text(moment.at_s),
                "value": moment.value,
                "score": round(moment.score, 4),
                "usual_low": moment.novelty.usual[0],
                "usual_high": moment.novelty.usual[1],
                "new": moment.novelty.news.value,
                "new_values": moment.novelty.width,
                "known_values": moment.novelty.known,
            }
            for found in findings
            for series in found.series
            for moment in series.moments
        ),
    )


def series_to_csv(findings: Iterable[MetricFindings]) -> str:
    """Return what was read of each column as CSV; cells as in ``moments_to_csv``."""
    return csv_text(
        _SERIES_COLUMNS,
        (
            {
                "file": found.source,
                "column": series.name,
                "values": series.count,
                "missing": series.missing,
                "unreadable": series.unreadable.count,
                "lowest": series.low,
                "mean": series.mean,
                "highest": series.high,
                "notable": series.notable,
            }
            for found in findings
            for series in found.series
        ),
    )


def rows_text(found: MetricFindings) -> str:
    """Return how many rows of what time were read."""
    times = range_text(found.start_s, found.end_s)
    return f"{found.rows:,} {plural(found.rows, 'row')}, {times}, times from {found.time_column}"


def notes(found: MetricFindings) -> Iterator[str]:
    """Yield what could not be read, and what looks wrong."""
    if found.unread_times.count:
        yield unread_text(found.unread_times, "no time that can be read")
    if found.uneven.count:
        yield unread_text(found.uneven, "more cells than the header")
    if found.unordered:
        rows, are = plural(found.unordered, "row"), "is" if found.unordered == 1 else "are"
        yield (
            f"{found.unordered:,} {rows} {are} not later than the row before: values are scored in the order "
            "of the rows; one file per host, oldest row first, is expected"
        )
    if found.left_out:
        yield f"not scored, no numbers: {', '.join(found.left_out)}"


def series_text(series: MetricSeries) -> str:
    """Return what was read of a column."""
    parts = [f"{series.count:,} {plural(series.count, 'value')}"]
    if series.missing:
        parts.append(f"{series.missing:,} missing")
    if series.unreadable.count:
        first = series.unreadable
        parts.append(f"{first.count:,} unreadable (first: line {first.line:,}, {first.text!r})")
    span = f"lowest {figure(series.low)}, mean {figure(series.mean)}, highest {figure(series.high)}"
    return f"{', '.join(parts)}; {span}"


def notable_text(series: MetricSeries, shown: int) -> str:
    """Return how many moments are notable, and why there are none in a short series."""
    if not series.notable:
        few = f": the first {WARM} values have no score" if series.count <= WARM else ""
        return f"nothing notable{few}"
    rest = f"; the {shown:,} highest" if shown < series.notable else ""
    return f"{series.notable:,} notable {plural(series.notable, 'moment')}{rest}"


def highest(series: MetricSeries, most: int) -> tuple[Moment, ...]:
    """Return the moments with the highest scores, in the order of time."""
    best = sorted(series.moments, key=lambda each: -each.score)[:most]
    return tuple(sorted(best, key=lambda each: each.line))


def news_text(moment: Moment) -> str:
    """Return what is new about a moment."""
    novelty = moment.novelty
    before = f"the {novelty.known:,} before"
    match novelty.news:
        case News.ABOVE | News.BELOW:
            return f"{novelty.news.value} all {novelty.known:,} before"
        case News.SEQUENCE:
            return f"after such values as never in {before}"
        case News.COURSE:
            many = f"{novelty.width} values in a row" if novelty.width > 1 else "a value"
            return f"{many} unlike any of {before}"
        case _:
            assert_never(novelty.news)


def usual_text(moment: Moment) -> str:
    """Return the range of what is usual there."""
    low, high = map(figure, moment.novelty.usual)
    return low if low == high else f"{low} to {high}"
