"""When errors were taken in, and when nobody did (seed box: Aggregator). A serving process reads it, too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_GRACE_S: Final = 2.0
"""A restart of a receiving process takes this long at most; senders try again for longer."""


def gaps(
    spans: Sequence[tuple[float, float]], *, start_s: float, end_s: float, since_s: float
) -> tuple[tuple[float, float], ...]:
    """Return the stretches of a window in which nobody collected; arguments as ``aggregator.collected``."""
    found, at = [], start_s
    for start, end in joined([(float("-inf"), since_s), *spans]):
        if start > at:
            found.append((at, min(start, end_s)))
        at = max(at, end)
        if at >= end_s:
            break
    else:
        found.append((at, end_s))
    return tuple((start, end) for start, end in found if end > start)


def joined(spans: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return spans in order of time, those joined that overlap or have less than a restart between them."""
    found: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1] + _GRACE_S:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return found
