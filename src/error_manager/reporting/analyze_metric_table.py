"""Draws what an offline analysis found in metrics for a terminal (seed box: Report Generator)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from error_manager.analysis.metric_finding import MetricFindings, MetricSeries, Moment
from error_manager.analysis.timeline import sparkline
from error_manager.reporting.analyze_metric import (
    highest,
    news_text,
    notable_text,
    notes,
    rows_text,
    series_text,
    usual_text,
)
from error_manager.reporting.analyze_table import cut, printable, styled
from error_manager.reporting.analyze_words import figure, moment_text

_MOST_SLICES: Final = 100
_LEVELS: Final = 8
_INDENT: Final = "  "


def render_metrics(findings: Sequence[MetricFindings], *, top: int, width: int, is_styled: bool) -> str:
    """Return what was read, and per column its shape with the moments marked, and the moments.

    Args:
        findings: masked, one per file.
        top: moments to show of each column.
        width: of the terminal in characters; lines are cut to it.
        is_styled: with colors.
    """
    lines: list[str] = []
    for found in findings:
        lines += [cut(printable(f"{found.source}: {rows_text(found)}"), width)]
        lines += [cut(printable(f"{_INDENT}{note}"), width) for note in notes(found)]
        for series in found.series:
            lines += ["", styled(cut(printable(series.name), width), "1", is_on=is_styled)]
            lines += [cut(line, width) for line in _series(found, series, top=top, width=width)]
        lines.append("")
    return "\n".join(lines[:-1])


def _series(found: MetricFindings, series: MetricSeries, *, top: int, width: int) -> Iterator[str]:
    moments = highest(series, top)
    yield _INDENT + printable(series_text(series))
    size = max(1, min(_MOST_SLICES, width - len(_INDENT), len(series.slices)))
    yield _INDENT + sparkline(_levels(found, series, moments, size))
    if moments:
        yield _INDENT + _marks(found, moments, size)
    yield _INDENT + notable_text(series, len(moments))
    yield from _moments(moments)


def _levels(found: MetricFindings, series: MetricSeries, moments: Sequence[Moment], size: int) -> list[int]:
    """Return the height 1..8 of each slice of time: of its mean, or of a moment in it; 0 without a value."""
    totals, counts = [0.0] * size, [0] * size
    for each in series.slices:
        place = _place(found, each.start_s, size)
        totals[place] += each.total
        counts[place] += each.count
    shown = {
        place: total / count for place, (total, count) in enumerate(zip(totals, counts, strict=True)) if count
    }
    for moment in sorted(moments, key=lambda each: each.score):
        shown[_place(found, moment.at_s, size)] = moment.value
    low = min(shown.values())
    span = (max(shown.values()) - low) or 1.0
    return [
        1 + round((_LEVELS - 1) * (shown[place] - low) / span) if place in shown else 0
        for place in range(size)
    ]


def _marks(found: MetricFindings, moments: Sequence[Moment], size: int) -> str:
    places = {_place(found, moment.at_s, size) for moment in moments}
    return "".join("^" if place in places else " " for place in range(size)).rstrip()


def _place(found: MetricFindings, at_s: float, size: int) -> int:
    span = (found.end_s - found.start_s) or 1.0
    return min(size - 1, max(0, int(size * (at_s - found.start_s) / span)))


def _moments(moments: Sequence[Moment]) -> Iterator[str]:
    rows = [
        (moment_text(each.at_s), f"{each.line:,}", figure(each.value), usual_text(each), f"{each.score:.2f}",
         news_text(each))
        for each in moments
    ]  # fmt: skip
    if not rows:
        return
    rows.insert(0, ("when (UTC)", "line", "value", "usual there", "score", "what is new"))
    widths = [max(len(row[place]) for row in rows) for place in range(5)]
    for when, *cells, news in rows:
        figures = "  ".join(f"{cell:>{room}}" for cell, room in zip(cells, widths[1:], strict=True))
        yield f"{_INDENT}{when:{widths[0]}}  {figures}  {news}"
