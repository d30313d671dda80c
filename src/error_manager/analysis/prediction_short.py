"""A handful of values that are no counts: their mean, and how sure that is (seed box: Trend Prediction)."""

from __future__ import annotations

import numpy as np
from scipy.special import stdtrit

from error_manager.analysis.prediction_path import LEVELS, Array


class ShortModel:
    """The mean of a few values with the prediction interval of Student's t."""

    def __init__(self, values: Array) -> None:
        """Fit to values, NaN = not observed; none or one leaves the spread at the size of the value."""
        seen = values[~np.isnan(values)]
        self._mean = float(seen.mean()) if seen.size else 0.0
        spread = float(seen.std(ddof=1)) if seen.size > 1 else abs(self._mean)
        size = max(1, seen.size)
        free = max(1, seen.size - 1)
        is_positive = bool(seen.size and seen.min() >= 0)
        self._bounds = stdtrit(free, LEVELS) * spread * np.sqrt(1.0 + 1.0 / size)
        self._floor = -self._mean if is_positive else -np.inf

    def steps(self, horizon: int) -> Array:
        """Return mean and the four quantiles per step, shape (5, horizon)."""
        rows = self._mean + np.concatenate([[0.0], np.maximum(self._bounds, self._floor)])
        return np.repeat(rows[:, None], horizon, 1)

    def total(self, horizon: int) -> Array:
        """Return mean and the four quantiles of the sum, shape (5,), as if all steps missed alike."""
        return self.blocks(0, horizon, 1)[:, 0]

    def blocks(self, first: int, width: int, count: int) -> Array:  # noqa: ARG002  # any block is alike
        """Return the same of the sums of blocks of steps, shape (5, count)."""
        return self.steps(count) * width
