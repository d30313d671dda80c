"""Sparse and short series of counts: draws from a negative binomial (seed box: Trend Prediction)."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.special import betainc

from error_manager.analysis.prediction_path import LEVELS, Array

HALF_LIFE_S: Final = 7 * 86_400.0
"""After this time a count weighs half."""
_PRIOR: Final = 0.5
"""Events added to those seen (Jeffreys): a series without any is expected to have some."""
_FLAT: Final = 6.0
"""Expected events of "every hour is like the other" mixed into an hour's share."""
_BLOCK_S: Final = 86_400.0
"""Sums scatter as sums of days do: hours of a burst are alike, days seldom."""
_ALIKE: Final = 0.3
"""Correlation of the excess of two days until these many days have told."""
_ALIKE_BLOCKS: Final = 4.0
_ROUNDS: Final = 60
"""Halvings that find a quantile: counts to 2**60."""


class SparseModel:
    """A rate per step with a daily profile, how much counts scatter around it, and how sure it is."""

    def __init__(self, values: Array, *, step_s: float, short: int, unseen: float) -> None:
        """Fit to counts.

        Args:
            values: oldest first, shape (n,), NaN = not observed.
            step_s: seconds per step.
            short: steps per day; 1 = no daily profile.
            unseen: relative variance of what the history is too short to show.
        """
        self._block = max(1, round(_BLOCK_S / step_s))
        fill = -len(values) % self._block
        values = np.concatenate([np.full(fill, np.nan), values])
        ages = np.arange(len(values) - 1, -1, -1)
        is_seen = ~np.isnan(values)
        counts = np.where(is_seen, values, 0.0)
        weights = is_seen * 0.5 ** (ages * step_s / HALF_LIFE_S)
        seen = float(weights.sum())
        self._rate = (float(weights @ counts) + _PRIOR) / (seen + 1.0)
        place = (-1 - ages) % short
        flat = _FLAT * (1.0 + _scatter(counts, self._rate * is_seen, weights) * self._rate)
        events = np.bincount(place, weights * counts, minlength=short)
        expected = np.bincount(place, weights * self._rate, minlength=short)
        self._share = (events + flat) / (expected + flat)
        self._share /= self._share.mean()
        means = self._rate * self._share[place] * is_seen
        self._wide = _scatter(counts, means, weights)
        blocks, block_means, block_weights = (
            array.reshape(-1, self._block).sum(1) for array in (counts, means, weights / self._block)
        )
        self._block_wide, self._alike = _block_scatter(blocks, block_means, block_weights)
        variances = block_means + self._block_wide * np.square(block_means)
        size = max(float((block_weights * block_means).sum()), _PRIOR)
        self._doubt = unseen + (float(np.square(block_weights) @ variances) + _PRIOR) / size**2

    def steps(self, horizon: int) -> Array:
        """Return mean and the four quantiles per step, shape (5, horizon)."""
        means = self._means(horizon)
        return _bounds(means, np.full(horizon, self._wide + self._doubt))

    def total(self, horizon: int) -> Array:
        """Return mean and the four quantiles of the sum over the horizon, shape (5,)."""
        return self.blocks(0, horizon, 1)[:, 0]

    def blocks(self, first: int, width: int, count: int) -> Array:
        """Return mean and the four quantiles of the sums of blocks of steps, shape (5, count)."""
        means = self._means(first + width * count)[first:].reshape(count, width).sum(1)
        return _bounds(means, np.full(count, self._summed(width)))

    def _summed(self, steps: int) -> float:
        """Return the relative extra variance of the sum of so many steps."""
        blocks = steps / self._block
        wide = self._block_wide * (1.0 + self._alike * max(0.0, blocks - 1.0)) / blocks
        return (min(wide, self._wide) if blocks < 1.0 else wide) + self._doubt

    def _means(self, horizon: int) -> Array:
        return np.asarray(self._rate * self._share[np.arange(horizon) % len(self._share)])


def _block_scatter(counts: Array, means: Array, weights: Array) -> tuple[float, float]:
    """Return alpha of the sums of blocks, and how alike one block's excess is to the next one's (0..1)."""
    wide = _scatter(counts, means, weights)
    if wide <= 0 or len(counts) < 2:
        return wide, _ALIKE
    excess = counts - means
    pairs = np.sqrt(weights[1:] * weights[:-1])
    together = float(pairs @ (excess[1:] * excess[:-1])) / max(
        float(pairs @ (means[1:] * means[:-1])), 1e-300
    )
    sure = float(weights.sum()) / (float(weights.sum()) + _ALIKE_BLOCKS)
    return wide, float(np.clip(sure * together / wide + (1.0 - sure) * _ALIKE, 0.0, 1.0))


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
    levels = LEVELS[:, None]
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
