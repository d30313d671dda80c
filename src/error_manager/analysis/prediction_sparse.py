"""Sparse and short series of counts: draws from a negative binomial (seed box: Trend Prediction)."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import betainc

Array = npt.NDArray[np.float64]

HALF_LIFE_S: Final = 7 * 86_400.0
"""After this time a count weighs half."""
_PRIOR: Final = 0.5
"""Events added to those seen (Jeffreys): a series without any is expected to have some."""
_FLAT: Final = 6.0
"""Expected events of "every hour is like the other" mixed into an hour's share."""
_ROUNDS: Final = 60
"""Halvings that find a quantile: counts to 2**60."""
_LEVELS: Final = np.array([0.025, 0.1, 0.9, 0.975])


class SparseModel:
    """A rate per step with a daily profile, how much counts scatter around it, and how sure it is."""

    def __init__(self, values: Array, *, step_s: float, short: int) -> None:
        """Fit to counts.

        Args:
            values: oldest first, shape (n,), NaN = not observed.
            step_s: seconds per step.
            short: steps per day; 1 = no daily profile.
        """
        ages = np.arange(len(values) - 1, -1, -1)
        is_seen = ~np.isnan(values)
        counts = np.where(is_seen, values, 0.0)
        weights = is_seen * 0.5 ** (ages * step_s / HALF_LIFE_S)
        seen = max(float(weights.sum()), 1e-9)
        self._rate = (float(weights @ counts) + _PRIOR) / (seen + 1.0)
        place = (-1 - ages) % short
        share = np.ones(short)
        if short > 1:
            wide = _scatter(counts, np.full(len(counts), self._rate), weights)
            flat = _FLAT * (1.0 + wide * self._rate)
            events = np.bincount(place, weights * counts, minlength=short)
            expected = np.bincount(place, weights * self._rate, minlength=short)
            share = (events + flat) / (expected + flat)
            share /= share.mean()
        self._share = share
        means = self._rate * share[place]
        self._wide = _scatter(counts, means, weights)
        self._counts, self._means, self._is_seen = counts, means, is_seen
        events_seen = float(is_seen @ (weights * weights))
        self._doubt = (1.0 + self._wide * self._rate) / (self._rate * seen * seen / max(events_seen, 1e-9))
        self._short = short

    def steps(self, horizon: int) -> Array:
        """Return mean and the four quantiles per step, shape (5, horizon)."""
        means = self._rate * self._share[np.arange(horizon) % self._short]
        return _bounds(means, np.full(horizon, self._wide + self._doubt))

    def total(self, horizon: int) -> Array:
        """Return mean and the four quantiles of the sum over the horizon, shape (5,)."""
        mean = float(self._rate * self._share[np.arange(horizon) % self._short].sum())
        wide = self._wide_of_sums(horizon) + self._doubt
        return _bounds(np.array([mean]), np.array([wide]))[:, 0]

    def _wide_of_sums(self, horizon: int) -> float:
        """Return how much sums over the horizon scatter, mixed with what independent steps would give."""
        alone = self._wide / horizon
        size = len(self._counts) // horizon
        if size == 0:
            return self._wide if horizon > len(self._counts) else alone
        shape = (size, horizon)
        counts, means = (
            (array * self._is_seen)[-size * horizon :].reshape(shape).sum(1)
            for array in (self._counts, self._means)
        )
        together = _scatter(counts, means, np.ones(size))
        return float(max(alone, (size * together + 2.0 * alone) / (size + 2.0)))


def _scatter(counts: Array, means: Array, weights: Array) -> float:
    """Return alpha of variance = mean + alpha * mean ** 2, by moments; 0 at least."""
    squares = float(weights @ np.square(means))
    if squares <= 0:
        return 0.0
    return max(0.0, float(weights @ (np.square(counts - means) - means)) / squares)


def _bounds(means: Array, wide: Array) -> Array:
    """Return mean and the four quantiles of negative binomials with variance mean + wide * mean ** 2."""
    wide = np.maximum(wide, 1e-6)
    size, chance = 1.0 / wide, 1.0 / (1.0 + wide * means)
    levels = _LEVELS[:, None]
    low = np.full((4, len(means)), -1.0)
    high = np.full((4, len(means)), 1.0)
    for _ in range(_ROUNDS):
        is_short = betainc(size, high + 1.0, chance) < levels
        if not is_short.any():
            break
        high = np.where(is_short, 2.0 * high + 1.0, high)
    for _ in range(_ROUNDS):
        if (high - low <= 1.0).all():
            break
        middle = np.floor((low + high) / 2.0)
        is_short = betainc(size, middle + 1.0, chance) < levels
        low, high = np.where(is_short, middle, low), np.where(is_short, high, middle)
    return np.vstack([means, high])
