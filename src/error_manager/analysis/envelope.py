"""A series of values in a bounded number of slices of time, for drawing (seed box: Temporal Analyzer)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

MAX_SLICES: Final = 960
"""Slices of the whole time; their width doubles when they do not suffice."""
_FIRST_WIDTH_S: Final = 0.001


@dataclass(frozen=True, slots=True)
class Slice:
    """The values of one slice of time: when it begins, how many, lowest, highest and sum."""

    start_s: float
    count: int
    low: float
    high: float
    total: float

    @property
    def mean(self) -> float:
        """Return the mean of the values."""
        return self.total / self.count


class Envelope:
    """Keeps the lowest, the highest and the mean value per slice of time."""

    def __init__(self) -> None:
        """Start without values."""
        self._width_s = _FIRST_WIDTH_S
        self._slices: dict[int, Slice] = {}
        self._first = self._last = 0

    def add(self, at_s: float, value: float) -> None:
        """Take a value; times may come in any order."""
        place = math.floor(at_s / self._width_s)
        self._first = min(self._first, place) if self._slices else place
        self._last = max(self._last, place) if self._slices else place
        self._put(place, Slice(place * self._width_s, 1, value, value, value))
        while self._last - self._first >= MAX_SLICES:
            self._widen()

    def slices(self, most: int = MAX_SLICES) -> tuple[Slice, ...]:
        """Return the slices that have values, oldest first, at most ``most``."""
        while self._last - self._first >= most:
            self._widen()
        return tuple(self._slices[place] for place in sorted(self._slices))

    def _widen(self) -> None:
        known, self._slices = self._slices, {}
        self._width_s *= 2
        self._first, self._last = self._first // 2, self._last // 2
        for place, each in known.items():
            self._put(place // 2, each)

    def _put(self, place: int, new: Slice) -> None:
        old = self._slices.get(place)
        start_s = place * self._width_s
        if old is None:
            self._slices[place] = Slice(start_s, new.count, new.low, new.high, new.total)
        else:
            self._slices[place] = Slice(
                start_s, old.count + new.count, min(old.low, new.low), max(old.high, new.high),
                old.total + new.total,
            )  # fmt: skip
