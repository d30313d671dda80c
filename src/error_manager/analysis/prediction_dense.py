"""Series with something in most steps: two models by their past errors (seed box: Trend Prediction)."""

from __future__ import annotations

from typing import Final

import numpy as np

from error_manager.analysis.prediction_path import Array, cut_windows, extend, fill_gaps, season_parts

ORIGINS: Final = 14
"""Earlier origins, one short season apart, from which the models are judged and the bands come."""
_LONG_SEASONS: Final = 4
"""Long seasons in a window: what is older tells little of the next week."""
_PLAIN_WINDOW: Final = 336
"""Steps in the window of a series without a season."""
_POWER: Final = 3.0
"""Weight of a model = error ** -power; M4 hourly OWA .438 at 0, .389 at 1, .378 at 2, .376 at 4."""
_LEVELS: Final = np.array([0.025, 0.1, 0.9, 0.975])
_NEIGHBORS: Final = 6
"""Steps on either side whose errors share a scale."""


class DenseModel:
    """The paths of a series from its end and from earlier origins, in a scale that evens its noise."""

    def __init__(self, values: Array, *, seasons: tuple[int, ...], horizon: int, is_count: bool) -> None:
        """Fit to a series.

        Args:
            values: oldest first, shape (n,), NaN = not observed; n >= ``history(seasons)``.
            seasons: none, the short one, or the short and the long one (a multiple), in steps.
            horizon: steps that may be asked for.
            is_count: whether values are counts.
        """
        self._scale = _Scale(values, is_count=is_count)
        scaled = self._scale.into(values)
        short = seasons[0] if seasons else 1
        lags = _lags(seasons)
        origins = int(np.clip((len(values) - 2 * int(lags.max())) // short, 1, ORIGINS))
        ends = len(values) - short * np.arange(origins + 1)
        paths = np.stack(_paths(scaled, ends=ends, seasons=seasons, lags=lags, horizon=horizon))
        low, high = float(np.nanmin(scaled)), float(np.nanmax(scaled))
        paths = np.clip(paths, 2 * low - high, 2 * high - low)
        ahead = np.concatenate([scaled, np.full(horizon, np.nan)])
        truth = cut_windows(ahead, length=horizon, ends=ends[1:] + horizon)
        is_known = ~np.isnan(truth)
        missed = np.where(is_known, np.abs(truth - paths[:, 1:]), 0.0).sum((1, 2)) / max(1, is_known.sum())
        weights = (missed + 1e-9 * (1.0 + high - low)) ** -_POWER
        path = np.tensordot(weights / weights.sum(), paths, 1)
        self._path, self._past, self._truth = path[0], path[1:], truth

    def steps(self, horizon: int) -> Array:
        """Return median and the four quantiles per step, shape (5, horizon)."""
        misses = (self._truth - self._past)[:, :horizon]
        is_known = ~np.isnan(misses)
        size = np.where(is_known, np.abs(misses), 0.0)
        scale = _smooth(size.sum(0)) / np.maximum(_smooth(is_known.sum(0).astype(float)), 1e-9)
        scale = np.maximum.accumulate(np.where(scale > 0, scale, 0.0) * 0.9) + 0.1 * scale
        relative = (misses / np.maximum(scale, 1e-12))[is_known]
        bounds = _quantiles(relative)
        path = self._path[:horizon]
        return self._scale.back(np.vstack([path, path + bounds[:, None] * scale]))

    def total(self, horizon: int) -> Array:
        """Return median and the four quantiles of the sum over the horizon, shape (5,)."""
        expected = self._scale.back(self._path[:horizon]).sum()
        past = self._scale.back(self._past[:, :horizon]).sum(1)
        truth = self._scale.back(self._truth[:, :horizon]).sum(1)
        misses = self._scale.into(truth) - self._scale.into(past)
        misses = misses[~np.isnan(misses)]
        bounds = _quantiles(misses) if misses.size else np.zeros(4)
        level = float(self._scale.into(expected))
        return self._scale.back(np.concatenate([[level], level + bounds]))


class _Scale:
    """A scale in which noise is about even: the logarithm of what is never negative."""

    def __init__(self, values: Array, *, is_count: bool) -> None:
        seen = values[~np.isnan(values)]
        self._is_log = is_count or bool(seen.min() >= 0)
        positive = seen[seen > 0]
        self._offset = 1.0 if is_count or not positive.size else 0.01 * float(np.median(positive))

    def into(self, values: Array) -> Array:
        return np.log(values + self._offset) if self._is_log else np.asarray(values)

    def back(self, values: Array) -> Array:
        return np.maximum(np.exp(values) - self._offset, 0.0) if self._is_log else values


def history(seasons: tuple[int, ...]) -> int:
    """Return how many steps of history a model with these seasons needs."""
    return 2 * int(_lags(seasons).max()) + (4 * seasons[0] if seasons else 8)


def _lags(seasons: tuple[int, ...]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    lags = {1, 2}
    for season in seasons:
        lags |= {season - 1, season, season + 1}
    if len(seasons) > 1:
        lags.add(2 * seasons[0])
    return np.array(sorted(lag for lag in lags if lag > 0))


def _paths(
    scaled: Array,
    *,
    ends: np.ndarray[tuple[int], np.dtype[np.int64]],
    seasons: tuple[int, ...],
    lags: np.ndarray[tuple[int], np.dtype[np.int64]],
    horizon: int,
) -> list[Array]:
    """Return the two models' paths from each end, each of shape (len(ends), horizon)."""
    if not seasons:
        windows = cut_windows(scaled, length=min(len(scaled), _PLAIN_WINDOW), ends=ends)
        filled = fill_gaps(windows, np.zeros_like(windows))
        begins = np.argmax(~np.isnan(windows), 1)
        return [extend(filled, begins=begins, lags=lags, horizon=horizon)]
    short, ratio = seasons[0], seasons[-1] // seasons[0]
    windows = cut_windows(scaled, length=seasons[-1] * _LONG_SEASONS, ends=ends)
    begins = np.argmax(~np.isnan(windows), 1)
    seasonal, ahead = season_parts(windows, short=short, ratio=ratio, horizon=horizon)
    filled = fill_gaps(windows, seasonal)
    near = np.array([1, 2, 3, short])
    return [
        extend(filled, begins=begins, lags=lags, horizon=horizon),
        ahead + extend(filled - seasonal, begins=begins, lags=near, horizon=horizon),
    ]


def _smooth(values: Array) -> Array:
    """Return sums over the neighbors of each place."""
    summed = np.convolve(values, np.ones(2 * _NEIGHBORS + 1), "full")
    return np.asarray(summed[_NEIGHBORS : _NEIGHBORS + len(values)])


def _quantiles(misses: Array) -> Array:
    """Return the four quantiles, moved outwards for the finite number of misses (conformal)."""
    size = misses.size
    outwards = np.where(_LEVELS < 0.5, _LEVELS * (size + 1) / size - 1 / size, _LEVELS * (size + 1) / size)
    return np.asarray(np.quantile(misses, np.clip(outwards, 0.0, 1.0)))
