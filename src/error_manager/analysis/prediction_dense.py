"""Series with something in most steps: two models by their past errors (seed box: Trend Prediction)."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri, stdtrit

from error_manager.analysis.prediction_path import (
    LEVELS,
    Array,
    cut_windows,
    extend,
    fill_gaps,
    level,
    season_parts,
)

ORIGINS: Final = 14
"""Earlier origins, one short season apart, from which the models are judged and the bands come."""
_LONG_SEASONS: Final = 4
"""Long seasons in a window: what is older tells little of the next week."""
_PLAIN_WINDOW: Final = 336
"""Steps in the window of a series without a season."""
_POWER: Final = 3.0
"""Weight of a model = error ** -power; M4 hourly OWA .46 at 0, .393 at 1, .381 at 3."""
_PACE: Final = 0.005
"""Pace of the level of the calmest model: half of it is from the last 140 steps."""
_NEIGHBORS: Final = 6
"""Steps on either side whose errors share a spread."""
_SMEAR: Final = np.arange(0.03, 0.98, 0.06)
"""Quantiles of the errors that make a mean of a median; the tails beyond would let one burst decide."""
_ALIKE: Final = 0.3
"""Correlation of the errors of two days of one forecast, until four origins have told."""
_ALIKE_ORIGINS: Final = 4.0


class DenseModel:
    """The paths of a series from its end and from earlier origins, in a scale that evens its noise."""

    def __init__(
        self, values: Array, *, seasons: tuple[int, ...], horizon: int, unseen: float, is_count: bool
    ) -> None:
        """Fit to a series.

        Args:
            values: oldest first, shape (n,), NaN = not observed; n >= ``history(seasons)``.
            seasons: none, the short one, or the short and the long one (a multiple), in steps.
            horizon: steps that may be asked for.
            unseen: relative variance of what the history is too short to show.
            is_count: whether values are counts.
        """
        self._scale = _Scale(values, is_count=is_count)
        self._is_count = is_count
        self._season = seasons[0] if seasons else 0
        self._unseen = np.sqrt(unseen) if self._scale.is_log else 0.0
        scaled = self._scale.into(values)
        lags = _lags(seasons)
        spare = (len(values) - int(lags.max()) - 3 * len(lags)) // max(1, self._season)
        ends = len(values) - max(1, self._season) * np.arange(int(np.clip(spare, 1, ORIGINS)) + 1)
        paths = np.stack(_paths(scaled, ends=ends, seasons=seasons, lags=lags, horizon=horizon))
        low, high = float(np.nanmin(scaled)), float(np.nanmax(scaled))
        paths = np.clip(paths, 2 * low - high, 2 * high - low)
        ahead = np.concatenate([scaled, np.full(horizon, np.nan)])
        self._truth = cut_windows(ahead, length=horizon, ends=ends[1:] + horizon)
        missed = np.nan_to_num(np.abs(self._truth - paths[:, 1:])).sum((1, 2))
        weights = (missed / missed.max() + 1e-9) ** -_POWER if missed.any() else np.ones(len(paths))
        path = np.tensordot(weights / weights.sum(), paths, 1)
        self._path, self._past = path[0], path[1:]
        self._spread, self._relative = _spread(self._truth - self._past)
        self._surprise = float(np.nanstd(scaled)) if not self._relative.size else 0.0
        self._means, self._past_means = self._mean(self._path), self._mean(self._past)

    def steps(self, horizon: int) -> Array:
        """Return median and the four quantiles per step, shape (5, horizon)."""
        path = self._path[:horizon]
        if self._relative.size:
            bounds = _quantiles(self._relative)[:, None] * self._spread[:horizon]
            bounds = np.sign(bounds) * np.hypot(bounds, ndtri(LEVELS)[:, None] * self._unseen)
        else:
            bounds = np.repeat(stdtrit(3, LEVELS)[:, None] * self._surprise, horizon, 1)
        rows = self._scale.back(np.vstack([path, path + bounds]))
        return np.vstack([rows[:1], np.round(rows[1:])]) if self._is_count else rows

    def total(self, horizon: int) -> Array:
        """Return median and the four quantiles of the sum over the horizon, shape (5,).

        The errors of past forecasts of the same sums, day by day: their size, and how alike they are within
        one forecast, give the error of the whole; Student's t covers that there were few.
        """
        starts = np.arange(0, horizon, min(self._season or horizon, horizon))
        is_known = ~np.isnan(self._truth[:, :horizon])
        past = np.where(is_known, self._past_means[:, :horizon], 0.0)
        truth = np.where(is_known, self._scale.back(self._truth[:, :horizon]), 0.0)
        known = np.add.reduceat(is_known, starts, 1)
        enough = known >= 0.5 * np.diff(np.append(starts, horizon))
        miss = self._scale.into(np.add.reduceat(truth, starts, 1))
        miss = np.where(enough, miss - self._scale.into(np.add.reduceat(past, starts, 1)), 0.0)
        parts = np.add.reduceat(self._means[:horizon], starts)
        whole = float(parts.sum())
        shares = self._scale.shares(parts)
        free = max(2.0, enough.sum() / len(starts) ** 2)
        bias = miss.sum() / (enough.sum() + _ALIKE_ORIGINS * len(starts))
        squares = float(np.square(miss).sum())
        variance = squares / max(1, enough.sum()) if enough.any() else self._surprise**2
        pairs = np.square(enough.sum(1)) - enough.sum(1)
        alike = (np.square(miss.sum(1)).sum() - squares) / max(1, pairs.sum()) / max(variance, 1e-300)
        origins = int((pairs > 0).sum())
        alike = (origins * alike + _ALIKE_ORIGINS * _ALIKE) / (origins + _ALIKE_ORIGINS)
        alike = float(np.clip(alike, 0.0, 1.0))
        variance *= (1.0 - alike) * float(np.square(shares).sum()) + alike * float(shares.sum()) ** 2
        variance += self._unseen**2
        center = float(self._scale.into(np.array(whole))) + bias * float(shares.sum())
        rows = self._scale.back(np.append(center, center + stdtrit(free, LEVELS) * np.sqrt(variance)))
        return np.append(rows[:1], np.round(rows[1:])) if self._is_count else rows

    def blocks(self, first: int, width: int, count: int) -> Array:
        """Return median and the four quantiles of the sums of blocks of steps, shape (5, count).

        As ``total`` of one day, from the misses of past forecasts at the same distance: each block alone.
        """
        shape, end = (-1, count, width), first + width * count
        is_known = ~np.isnan(self._truth[:, first:end])
        past = np.where(is_known, self._past_means[:, first:end], 0.0).reshape(shape).sum(2)
        truth = np.where(is_known, self._scale.back(self._truth[:, first:end]), 0.0).reshape(shape).sum(2)
        enough = is_known.reshape(shape).sum(2) >= 0.5 * width
        miss = np.where(enough, self._scale.into(truth) - self._scale.into(past), 0.0)
        seen = enough.sum(0)
        variance = np.where(seen > 0, np.square(miss).sum(0) / np.maximum(seen, 1), self._surprise**2)
        center = self._scale.into(self._means[first:end].reshape(shape[1:]).sum(1))
        center = center + miss.sum(0) / (seen + _ALIKE_ORIGINS)
        bounds = stdtrit(np.maximum(2.0, seen), LEVELS[:, None]) * np.sqrt(variance + self._unseen**2)
        rows = self._scale.back(np.vstack([center, center + bounds]))
        return np.vstack([rows[:1], np.round(rows[1:])]) if self._is_count else rows

    def _mean(self, path: Array) -> Array:
        """Return the mean of what is expected around a path of medians."""
        if not self._relative.size:
            return self._scale.back(path)
        marks = np.quantile(self._relative, _SMEAR)
        spread = self._spread[: path.shape[-1]]
        return np.asarray(np.mean([self._scale.back(path + mark * spread) for mark in marks], axis=0))


class _Scale:
    """A scale in which noise is about even: the logarithm of what is never negative."""

    def __init__(self, values: Array, *, is_count: bool) -> None:
        seen = values[~np.isnan(values)]
        self.is_log = is_count or bool(seen.min() >= 0)
        positive = seen[seen > 0]
        self._offset = 1.0 if is_count or not positive.size else 0.01 * float(np.median(positive))

    def into(self, values: Array) -> Array:
        return np.log(values + self._offset) if self.is_log else np.asarray(values)

    def back(self, values: Array) -> Array:
        return np.maximum(np.exp(values) - self._offset, 0.0) if self.is_log else values

    def shares(self, parts: Array) -> Array:
        """Return how much an error of each part, in this scale, moves their sum in this scale."""
        return (parts + 1e-9) / (parts + 1e-9).sum() if self.is_log else np.ones_like(parts)


def history(seasons: tuple[int, ...]) -> int:
    """Return how many steps of history a model with these seasons needs: four origins to be judged from."""
    lags = _lags(seasons)
    return int(lags.max()) + 3 * len(lags) + 4 * (seasons[0] if seasons else 1)


def _lags(seasons: tuple[int, ...]) -> npt.NDArray[np.int64]:
    lags = {1, 2}
    for season in seasons:
        lags |= {season - 1, season, season + 1}
    if len(seasons) > 1:
        lags.add(2 * seasons[0])
    return np.array(sorted(lag for lag in lags if lag > 0))


def _paths(
    scaled: Array,
    *,
    ends: npt.NDArray[np.int64],
    seasons: tuple[int, ...],
    lags: npt.NDArray[np.int64],
    horizon: int,
) -> list[Array]:
    """Return the models' paths from each end, each of shape (len(ends), horizon)."""
    if not seasons:
        windows = cut_windows(scaled, length=min(len(scaled), _PLAIN_WINDOW), ends=ends)
        filled = fill_gaps(windows, np.zeros_like(windows))
        begins = np.argmax(~np.isnan(windows), 1)
        flat = np.repeat(level(filled, begins=begins, pace=_PACE), horizon, 1)
        return [extend(filled, begins=begins, lags=lags, horizon=horizon), flat]
    short, ratio = seasons[0], seasons[-1] // seasons[0]
    windows = cut_windows(scaled, length=seasons[-1] * _LONG_SEASONS, ends=ends)
    begins = np.argmax(~np.isnan(windows), 1)
    seasonal, ahead = season_parts(windows, short=short, ratio=ratio, horizon=horizon)
    filled = fill_gaps(windows, seasonal)
    near = np.array([1, 2, 3, short])
    rest = filled - seasonal
    return [
        extend(filled, begins=begins, lags=lags, horizon=horizon),
        ahead + extend(rest, begins=begins, lags=near, horizon=horizon),
        ahead + level(rest, begins=begins, pace=_PACE),
    ]


def _spread(misses: Array) -> tuple[Array, Array]:
    """Return the mean size of the misses by step, never falling much, and the misses in units of it.

    Args:
        misses: by origin and step, NaN where the truth is not known, shape (origins, horizon).

    Returns:
        Shapes (horizon,) and (known misses,).
    """
    is_known = ~np.isnan(misses)
    sizes = np.nan_to_num(np.abs(misses)).sum(0)
    near = np.ones(2 * _NEIGHBORS + 1)
    middle = slice(_NEIGHBORS, _NEIGHBORS + len(sizes))
    spread = np.convolve(sizes, near)[middle] / np.maximum(np.convolve(is_known.sum(0), near)[middle], 1e-9)
    spread = np.maximum(spread, 0.9 * np.maximum.accumulate(spread))
    return spread, (misses / np.maximum(spread, 1e-300))[is_known]


def _quantiles(misses: Array) -> Array:
    """Return the four quantiles, moved outwards for the finite number of misses (conformal)."""
    size = misses.size
    outwards = np.where(LEVELS < 0.5, LEVELS * (size + 1) / size - 1 / size, LEVELS * (size + 1) / size)
    return np.asarray(np.quantile(misses, np.clip(outwards, 0.0, 1.0)))
