"""Draws a report as one HTML file without scripts or links to elsewhere (seed box: Template Engine)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from error_manager.reporting.generator import Report
from error_manager.storage.base import HistoryPoint

_WIDTH: Final = 960
_HEIGHT: Final = 160
_GAP: Final = 0.15  # of a bar's width


def to_html(report: Report) -> bytes:
    """Return the report as a page; everything in it is escaped."""
    bars = _bars(report.history)
    peak = max((point.count for point in report.history), default=0)
    text = (
        _environment()
        .get_template("report.html")
        .render(report=report, bars=bars, width=_WIDTH, height=_HEIGHT, peak=peak)
    )
    return text.encode("utf-8", "replace")


def _bars(history: Sequence[HistoryPoint]) -> list[tuple[float, float, float, float, HistoryPoint]]:
    """Return (x, y, width, height, point) of each bar; zero-based."""
    peak = max((point.count for point in history), default=0) or 1
    step = _WIDTH / max(1, len(history))
    return [
        (
            round(index * step, 2),
            round(_HEIGHT - point.count / peak * _HEIGHT, 2),
            round(step * (1 - _GAP), 2),
            round(point.count / peak * _HEIGHT, 2),
            point,
        )
        for index, point in enumerate(history)
    ]


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("error_manager.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["thousands"] = lambda number: f"{number:,}"
    made.filters["percent"] = lambda share: f"{share * 100:.1f} %"
    return made
