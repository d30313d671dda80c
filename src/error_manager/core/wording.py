"""Words that follow a number (seed box: none)."""

from __future__ import annotations


def plural(count: int, one: str) -> str:
    """Return the word for so many: ``error`` for one, ``errors`` for any other number."""
    return one if count == 1 else f"{one}s"
