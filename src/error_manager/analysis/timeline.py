"""Counts over time in a bounded number of buckets, and their shape (seed box: Temporal Analyzer)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

MAX_BUCKETS: Final = 120
"""Buckets of the whole range; the width doubles when they do not suffice: at most 5 kB per pattern."""
_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_BURST_SLICES: Final = 20
BURST_SHARE: Final = 0.8
"""Share of a pattern's lines within one twentieth of the range from which it came in a burst ..."""
BURST_EVEN_SHARE: Final = 0.4
"""... unless this share of all lines came then too."""
BURST_LINES: Final = 20


class TimeRange:
    """The range of all times seen, in minutes since 1970, and the width of its buckets."""

    def __init__(self) -> None:
        self.first: int | None = None
        self.last: int | None = None
        self.width = 1

    def add(self, minute: int) -> bool:
        """Take a minute into the range; return whether the width grew (counts are to be folded again)."""
        self.first = minute if self.first is None else min(self.first, minute)
        self.last = minute if self.last is None else max(self.last, minute)
        grew = False
        while self.last // self.width - self.first // self.width >= MAX_BUCKETS:
            self.width *= 2
            grew = True
        return grew

    def share(self, minute: int) -> float:
        """Return how far into the range a minute is (0..1); 0 when there is no range."""
        if self.first is None or self.last is None or self.last <= self.first:
            return 0.0
        return (minute - self.first) / (self.last - self.first)

    def series(self, counts: Mapping[int, int], size: int) -> list[int]:
        """Return counts per equal slice of the range.

        Args:
            counts: by bucket (minute // width).
            size: slices wanted; fewer come back when the range has fewer buckets.

        Returns:
            Counts, oldest first; empty when no line had a time.
        """
        if self.first is None or self.last is None:
            return []
        start = self.first // self.width
        buckets = self.last // self.width - start + 1
        slices = [0] * min(size, buckets)
        for bucket, count in counts.items():
            place = (bucket - start) * len(slices) // buckets
            if 0 <= place < len(slices):
                slices[place] += count
        return slices


def fold(counts: Mapping[int, int], factor: int) -> dict[int, int]:
    """Return the counts in buckets that are ``factor`` times as wide."""
    folded: dict[int, int] = {}
    for bucket, count in counts.items():
        folded[bucket // factor] = folded.get(bucket // factor, 0) + count
    return folded


def sparkline(counts: Sequence[int]) -> str:
    """Return one block per count, its height the share of the largest; a space for none."""
    top = max(counts, default=0)
    if top == 0:
        return ""
    return "".join(" " if count == 0 else _BLOCKS[(count * len(_BLOCKS) - 1) // top] for count in counts)


def is_bursty(counts: Sequence[int], everything: Sequence[int]) -> bool:
    """Return whether most lines of a pattern came at one time, when most others did not.

    Args:
        counts: of the pattern per slice of the range.
        everything: of all lines per slice, of the same length.
    """
    total = sum(counts)
    if total < BURST_LINES or len(counts) < _BURST_SLICES:
        return False
    size = max(1, len(counts) // _BURST_SLICES)
    best, place = max((sum(counts[at : at + size]), -at) for at in range(len(counts) - size + 1))
    around = sum(everything[-place : -place + size])
    return best >= BURST_SHARE * total and around < BURST_EVEN_SHARE * max(1, sum(everything))
