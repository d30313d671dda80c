"""Words for times, values and rows of tables (seed box: Report Generator)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from error_manager.analysis.unread import Unread
from error_manager.core.wording import plural, span

_CLOCK_FROM_S: Final = 1e8
"""Smaller times (before March 1973) are seconds since the beginning of something, not since 1970."""


def moment_text(at_s: float) -> str:
    """Return a time in UTC, with parts of a second where it has some; small numbers stay seconds."""
    if at_s < _CLOCK_FROM_S:
        return f"{at_s:,.10g} s"
    timespec = "seconds" if float(at_s).is_integer() else "milliseconds"
    return datetime.fromtimestamp(at_s, UTC).replace(tzinfo=None).isoformat(" ", timespec)


def range_text(start_s: float, end_s: float) -> str:
    """Return from when to when something lasted, and for how long."""
    zone = " UTC" if start_s >= _CLOCK_FROM_S else ""
    if start_s == end_s:
        return f"{moment_text(start_s)}{zone}"
    length = span(timedelta(seconds=min(end_s - start_s, 1e13)))
    return f"{moment_text(start_s)} to {moment_text(end_s)}{zone} ({length})"


def figure(value: float) -> str:
    """Return a value with at most four telling digits."""
    size = abs(value)
    if size >= 1e15 or 0 < size < 1e-4:
        return f"{value:.3e}"
    return f"{value:,.0f}" if size >= 1_000 else f"{value:.4g}"


def unread_text(unread: Unread, what: str) -> str:
    """Return how many were not read, with the first: ``3 rows left out: ... (line 12: 'x')``."""
    rows = f"{unread.count:,} {plural(unread.count, 'row')}"
    return f"{rows} left out, {what} (first: line {unread.line:,}, {unread.text!r})"
