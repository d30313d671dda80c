"""How new the newest value of a metric is, value by value (seed box: Anomaly Detection).

For series of values such as a share of errors or a duration per minute; counts of events have a detector of
their own, which knows that counts scatter. Nothing is assumed of the values but their order: unit, sign
and the length of a step do not matter. Only values up to the newest are used.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from error_manager.analysis.metric_finding import News, Novelty
from error_manager.analysis.novelty_context import ContextMemory
from error_manager.analysis.novelty_usual import usual_range

KEPT: Final = 8_192
"""Values that are remembered: four weeks of five minutes, almost a year of hours."""
NOTABLE: Final = 0.5
"""From this score on a value is worth telling."""
WARM: Final = 100
"""Values before the first score."""
_WIDTHS: Final = (1, 2, 4, 8, 16, 32)
"""Values in the windows that are compared with the windows before them."""
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


class _Parts(NamedTuple):
    """What a score is made of: record in units of what is notable; distance and weighed surprise, 0..1."""

    beyond: float = 0.0
    distance: float = 0.0
    surprise: float = 0.0

    @property
    def nearby(self) -> float:
        return (self.distance + self.surprise) / _NEIGHBOR

    @property
    def excess(self) -> float:
        return max(self.beyond, self.nearby)


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
        self._parts = _Parts()
        self._widest = 1

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
        if self._seen <= WARM:
            return 0.0
        self._parts = _Parts(beyond, distance, _SURPRISE * surprise)
        excess = self._parts.excess
        return self._tell(excess / (1.0 + excess))

    def explain(self) -> Novelty:
        """Return what is new about the newest value, when it had a score, and what is usual there."""
        values, parts = self._values[self._begin : self._end], self._parts
        if parts.beyond >= parts.nearby:
            is_above = bool(values[-1] > values[-2])
            news, width = (News.ABOVE if is_above else News.BELOW), 1
        elif parts.distance >= parts.surprise:
            news, width = News.COURSE, self._widest
        else:
            news, width = News.SEQUENCE, 1
        return Novelty(news=news, known=len(values) - 1, width=width, usual=usual_range(values, width))

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
        excess = most = 0.0
        for place, (width, nearest) in enumerate(_nearest(values)):
            farthest = self._farthest[place]
            if nearest > farthest:
                beyond = (nearest - farthest) / nearest
                excess += beyond
                if beyond > most:
                    most, self._widest = beyond, width
            self._farthest[place] = max(nearest, farthest * (1.0 - _FADE))
        return excess / len(_WIDTHS)

    def _tell(self, score: float) -> float:
        """Return the score, or 0 while it does not exceed the last one told."""
        rest = max(_REST, int(_REST_SHARE * min(self._seen, self._kept)))
        if self._seen - self._told_at <= rest and score <= self._told:
            return 0.0
        self._told_at, self._told = self._seen, score
        return score


def _nearest(values: npt.NDArray[np.float64]) -> Iterator[tuple[int, float]]:
    """Yield each width and the mean distance of the newest window of it to the nearest window before.

    Windows are compared value by value from the newest back, in arrays that fit the cache: all windows at
    once take eight times as long. Widths of which there are too few windows are left out.
    """
    size, widest = len(values), _WIDTHS[-1]
    count = size - widest - 1
    total, part, step = np.zeros(count), np.empty(count), np.empty(count)
    back = 0
    for width in _WIDTHS:
        if size < 3 * width + 1:
            return
        part.fill(0.0)
        while back < width:
            np.subtract(values[widest - 1 - back :][:count], values[size - 1 - back], out=step)
            np.abs(step, out=step)
            part += step
            back += 1
        total += part
        yield width, float(total[: size - widest - width].min()) / width


def score_novelty(values: Iterable[float]) -> npt.NDArray[np.float64]:
    """Return the score of each value of a series, as a detector gives it when the value comes."""
    detector = NoveltyDetector()
    return np.array([detector.update(float(value)) for value in values])
