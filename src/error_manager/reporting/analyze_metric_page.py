"""Draws what an offline analysis found in metrics as HTML (seed box: Report Generator)."""

from __future__ import annotations

import html
import statistics
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from error_manager.analysis.envelope import Slice
from error_manager.analysis.metric_finding import MetricFindings, MetricSeries, Moment
from error_manager.reporting.analyze_frame import page
from error_manager.reporting.analyze_metric import (
    highest,
    news_text,
    notable_text,
    notes,
    rows_text,
    series_text,
    usual_text,
)
from error_manager.reporting.analyze_words import figure, moment_text

_MOST: Final = 20
"""Moments of each column on the page; all that were kept are in moments.csv."""
_WIDTH: Final = 1_000
_HEIGHT: Final = 200
_EDGE: Final = 0.06
"""Room above and below the values, as share of the height."""
_GAP: Final = 4
"""Slices so many times as far apart as usual are not joined."""


def metrics_to_html(findings: Sequence[MetricFindings]) -> str:
    """Return one page with a plot of each column and its moments."""
    title = findings[0].source if len(findings) == 1 else f"{len(findings)} files"
    return page(
        f"Metrics in {title}", "".join(_table(found, is_named=len(findings) > 1) for found in findings)
    )


def _table(found: MetricFindings, *, is_named: bool) -> str:
    told = "".join(f"<p>{html.escape(note)}</p>" for note in (rows_text(found), *notes(found)))
    source = f"<h2>{html.escape(found.source)}</h2>" if is_named else ""
    return source + told + "".join(_series(found, series) for series in found.series)


def _series(found: MetricFindings, series: MetricSeries) -> str:
    moments = highest(series, _MOST)
    rows = "".join(_moment(number, moment) for number, moment in enumerate(moments, start=1))
    listed = f'<div class="found">{rows}</div>' if rows else ""
    return (
        f"<h2>{html.escape(series.name)}</h2><p>{html.escape(series_text(series))}</p>"
        f"{_plot(found, series, moments)}<p>{notable_text(series, len(moments))}</p>{listed}"
    )


def _moment(number: int, moment: Moment) -> str:
    return (
        f'<div class="item"><div class="side"><b>{moment.score:.2f}</b><span>score</span></div>'
        f'<div><i class="dot">{number}</i> {moment_text(moment.at_s)}: <b>{figure(moment.value)}</b>, '
        f'usual there {usual_text(moment)}<div class="where">{news_text(moment)} (line {moment.line:,})</div>'
        "</div></div>"
    )


def _plot(found: MetricFindings, series: MetricSeries, moments: Sequence[Moment]) -> str:
    span_s, span = (found.end_s - found.start_s) or 1.0, (series.high - series.low) or 1.0

    def across(at_s: float) -> float:
        return min(1.0, max(0.0, (at_s - found.start_s) / span_s))

    def down(value: float) -> float:
        return _EDGE + (1 - 2 * _EDGE) * (series.high - value) / span

    def points(slices: Sequence[Slice], values: Sequence[float]) -> str:
        return " ".join(
            f"{_WIDTH * across(each.start_s):.1f},{_HEIGHT * down(value):.1f}"
            for each, value in zip(slices, values, strict=True)
        )

    drawn = ""
    for part in _parts(series.slices):
        edge = points(part, [each.high for each in part])
        back = points(part[::-1], [each.low for each in part[::-1]])
        drawn += (
            f'<polygon points="{edge} {back}"/><polyline points="{points(part, [e.mean for e in part])}"/>'
        )
    dots = "".join(
        f'<i class="dot" style="left:{across(each.at_s):.2%};top:{down(each.value):.2%}" '
        f'title="{moment_text(each.at_s)}: {figure(each.value)}">{number}</i>'
        for number, each in sorted(enumerate(moments, start=1), key=lambda one: one[1].score)
    )
    return (
        f'<div class="chart"><div class="axis"><span>{figure(series.high)}</span></div><div class="plot">'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" height="{_HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="values over time, {figure(series.low)} to {figure(series.high)}">{drawn}</svg>'
        f"{dots}</div>"
        f'<div class="axis"><span>{figure(series.low)}</span></div>'
        f'<div class="axis"><span>{moment_text(found.start_s)}</span>'
        f"<span>{moment_text(found.end_s)}</span></div></div>"
    )


def _parts(slices: Sequence[Slice]) -> Iterator[Sequence[Slice]]:
    """Yield the slices that are to be joined: where values are missing for long, the line is cut."""
    steps = [after.start_s - before.start_s for before, after in pairwise(slices)]
    widest = _GAP * statistics.median(steps) if steps else 0.0
    begin = 0
    for place, step in enumerate(steps, start=1):
        if step > widest:
            yield slices[begin:place]
            begin = place
    yield slices[begin:]
