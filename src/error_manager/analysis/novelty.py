"""How new the newest value of a metric is, value by value (seed box: Anomaly Detection).

For series of values such as a share of errors or a duration per minute; counts of events have a detector of
their own, which knows that counts scatter. Nothing is assumed of the values but their order: unit, sign
and the length of a step do not matter. Only values up to the newest are used.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

from error_manager.analysis.novelty_context import ContextMemory

KEPT: Final = 8_192
"""Values that are remembered: four weeks of five minutes, almost a year of hours."""
NOTABLE: Final = 0.5
"""From this score on a value is worth telling."""
_WARM: Final = 100
"""Values before the first score."""
_WIDTHS: Final = (1, 2, 4, 8, 16, 32)
"""Values in the windows that are compared with the windows before them."""
_WIDTH_BEGINS: Final = (0, *_WIDTHS[:-1])
_FADE: Final = 1e-3
"""What the largest distance seen loses per value: half after 690."""
_RECORD: Final = 0.005
"""Exceeding all values remembered by this share of their range is notable, if it is also more than ..."""
_STEP: Final = 0.22
"""... this share of the usual step from one value to the next: noise alone breaks records by little."""
_NEIGHBOR: Final = 0.13
"""Mean excess over the largest distance (0..1), surprise added, that is notable."""
_SURPRISE: Final = 0.25
"""Weight of the surprise of the context beside the excess of distances."""
_REST_SHARE: Final = 0.05
_REST: Final = 20
"""After a score, this many values (or that share of the values seen) must exceed it to have one."""


class NoveltyDetector:
    """Scores the values of one series as they come; state: the last values and the contexts."""

    def __init__(self, *, kept: int = KEPT) -> None:
        """Start without history, to remember so many values."""
        self._kept = kept
        self._values: npt.NDArray[np.float64] = np.empty(2 * kept)
        self._begin = self._end = 0
        self._seen = 0
        self._farthest = [0.0] * len(_WIDTHS)
        self._context = ContextMemory()
        self._told_at, self._told = 0, 0.0

    def update(self, value: float) -> float:
        """Return how new a value is, and remember it.

        Args:
            value: the next value; NaN or infinite = not measured: scored 0 and forgotten.

        Returns:
            0 (seen before, or a burst already told) to 1; notable from ``NOTABLE`` on.
        """
        if not math.isfinite(value):
            return 0.0
        past = self._values[self._begin : self._end]
        surprise = self._context.update(value, past)
        beyond = self._beyond_record(value, past)
        self._append(value)
        distance = self._beyond_neighbors()
        self._seen += 1
        if self._seen <= _WARM:
            return 0.0
        excess = max(beyond, (distance + _SURPRISE * surprise) / _NEIGHBOR)
        return self._tell(excess / (1.0 + excess))

    def _append(self, value: float) -> None:
        if self._end == len(self._values):
            kept = self._values[self._end - self._kept + 1 :].copy()
            self._values[: len(kept)] = kept
            self._begin, self._end = 0, len(kept)
        self._values[self._end] = value
        self._end += 1
        self._begin = max(self._begin, self._end - self._kept)

    def _beyond_record(self, value: float, past: npt.NDArray[np.float64]) -> float:
        """Return how far a value exceeds all remembered, in units of what is notable."""
        if not len(past):
            return 0.0
        low, high = float(past.min()), float(past.max())
        beyond = max(value - high, low - value)
        if beyond <= 0:
            return 0.0
        step = float(np.median(np.abs(np.diff(past)))) if len(past) > 1 else 0.0
        return beyond / max(_RECORD * (high - low + beyond), _STEP * step)

    def _beyond_neighbors(self) -> float:
        """Return how far the newest windows are from their nearest neighbors, beyond what has been (0..1)."""
        values = self._values[self._begin : self._end]
        size, widest = len(values), _WIDTHS[-1]
        if size < 2 * widest:
            return 0.0
        behind = np.lib.stride_tricks.sliding_window_view(values, widest).T[::-1]
        steps = np.abs(behind - behind[:, -1:])
        sums = np.cumsum(np.add.reduceat(steps, _WIDTH_BEGINS, axis=0), axis=0)
        excess = 0.0
        for place, width in enumerate(_WIDTHS):
            if size < 3 * width + 1:
                continue
            nearest = float(sums[place, : size - widest - width].min()) / width
            farthest = self._farthest[place]
            if nearest > farthest:
                excess += (nearest - farthest) / nearest
            self._farthest[place] = max(nearest, farthest * (1.0 - _FADE))
        return excess / len(_WIDTHS)

    def _tell(self, score: float) -> float:
        """Return the score, or 0 while it does not exceed the last one told."""
        rest = max(_REST, int(_REST_SHARE * min(self._seen, self._kept)))
        if self._seen - self._told_at <= rest and score <= self._told:
            return 0.0
        self._told_at, self._told = self._seen, score
        return score


def score_novelty(values: Iterable[float]) -> npt.NDArray[np.float64]:
    """Return the score of each value of a series, as a detector gives it when the value comes."""
    detector = NoveltyDetector()
    return np.array([detector.update(float(value)) for value in values])
