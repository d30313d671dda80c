"""Numbers and lengths of time in words (seed box: none)."""

from __future__ import annotations

from datetime import timedelta


def plural(count: int, one: str) -> str:
    """Return the word for so many: ``error`` for one, ``errors`` for any other number."""
    return one if count == 1 else f"{one}s"


def span(length: timedelta) -> str:
    """Return a length of time in one unit: ``4 s``, ``12 min``, ``5 h``, ``3 days``."""
    seconds = length.total_seconds()
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"


def number(value: float) -> str:
    """Return a count or rate: whole with separators from ten on, two telling digits below."""
    return f"{value:,.0f}" if value >= 9.95 else f"{value:.2g}"
