"""Paths of a seasonal series from several origins at once, by two models (seed box: Trend Prediction).

Everything here works on a batch of windows of one series that end at different origins, in a scale in which
its noise is about even. NaN is "not observed".
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

LEVELS: Final = np.array([0.025, 0.1, 0.9, 0.975])
"""Quantiles that bound the bands of 95 % and 80 %, in the order in which models give them."""
_RIDGE: Final = 1e-4
"""Pull of the coefficients to 0, as a share of a lag's mean square: above 1e-3 level changes are lost."""
_DECAY: Final = 0.97
"""Weight of a season one earlier in the profile: half after 23 days."""
_SHRINK: Final = 1.0
"""Weeks of "no difference between the days" mixed into the part of the profile that differs by the day."""


def cut_windows(values: Array, *, length: int, ends: npt.NDArray[np.int64]) -> Array:
    """Return the last ``length`` values before each end, NaN where the series had not begun.

    Args:
        values: the series, oldest first, shape (n,).
        length: of a window.
        ends: index of the first value after each window, shape (b,), each <= n.

    Returns:
        Windows, shape (b, length).
    """
    padded = np.concatenate([np.full(length, np.nan), values])
    return np.asarray(padded[ends[:, None] + np.arange(length)])


def season_parts(windows: Array, *, short: int, ratio: int, horizon: int) -> tuple[Array, Array]:
    """Return the seasonal part of each window and of what follows it.

    The level of each short season is a centered mean over ``ratio`` of them; the profile is the weighted mean
    of the deviations from it by the place in the short season, and a shrunk mean of what is left by the place
    in the long one.

    Args:
        windows: shape (b, w), w a multiple of ``short * ratio``.
        short: values per short season (24 of a day).
        ratio: short seasons per long one (7 of a week).
        horizon: values wanted after the window.

    Returns:
        Shapes (b, w) and (b, horizon).
    """
    batch, width = windows.shape
    rounds = width // short
    cube = windows.reshape(batch, rounds, short)
    is_seen = ~np.isnan(cube)
    level = _centered_mean(np.where(is_seen, cube, 0.0).sum(2), is_seen.sum(2), span=ratio)
    deviation = np.where(is_seen, cube - level[:, :, None], 0.0)
    weight = is_seen * _DECAY ** np.arange(rounds - 1, -1, -1)[None, :, None]
    common = (deviation * weight).sum(1) / np.maximum(weight.sum(1), 1e-9)
    rest = (deviation - common[:, None, :]) * weight
    shape = (batch, rounds // ratio, ratio, short)
    special = rest.reshape(shape).sum(1) / (weight.reshape(shape).sum(1) + _SHRINK)
    profile = (common[:, None, :] + special).reshape(batch, ratio * short)
    ahead = np.tile(profile, (1, -(-horizon // profile.shape[1])))[:, :horizon]
    return np.tile(profile, (1, rounds // ratio)), ahead


def _centered_mean(sums: Array, counts: npt.NDArray[np.int64], *, span: int) -> Array:
    """Return the mean over ``span`` neighbors along the last axis, of what was observed."""
    half = span // 2
    ends = np.clip(np.arange(sums.shape[1])[:, None] + np.array([-half, span - half]), 0, sums.shape[1])
    summed = np.concatenate([np.zeros((len(sums), 1)), np.cumsum(sums, 1)], 1)
    counted = np.concatenate([np.zeros((len(sums), 1)), np.cumsum(counts, 1)], 1)
    total = summed[:, ends[:, 1]] - summed[:, ends[:, 0]]
    number = counted[:, ends[:, 1]] - counted[:, ends[:, 0]]
    return np.asarray(total / np.maximum(number, 1.0))


def fill_gaps(windows: Array, seasonal: Array) -> Array:
    """Return the windows with gaps filled by the seasonal part and the level last seen."""
    rest = windows - seasonal
    is_seen = ~np.isnan(rest)
    place = np.where(is_seen, np.arange(rest.shape[1])[None, :], -1)
    before = np.maximum.accumulate(place, 1)
    first = np.argmax(is_seen, 1)
    level = np.take_along_axis(rest, np.where(before < 0, first[:, None], before), 1)
    return np.where(is_seen, windows, np.nan_to_num(level) + seasonal)


def level(windows: Array, *, begins: npt.NDArray[np.int64], pace: float) -> Array:
    """Return the exponentially smoothed level at the end of each window.

    Args:
        windows: without gaps, shape (b, w).
        begins: index of the first value of each window that was observed, shape (b,).
        pace: weight of the newest value, 0..1.

    Returns:
        Shape (b, 1).
    """
    width = windows.shape[1]
    weights = (1.0 - pace) ** np.arange(width - 1, -1, -1) * (np.arange(width)[None, :] >= begins[:, None])
    return np.asarray((windows * weights).sum(1, keepdims=True) / weights.sum(1, keepdims=True))


def extend(
    windows: Array, *, begins: npt.NDArray[np.int64], lags: npt.NDArray[np.int64], horizon: int
) -> Array:
    """Return each window's continuation by an autoregression fitted to it by least squares with a ridge.

    Args:
        windows: without gaps, shape (b, w).
        begins: index of the first value of each window that was observed, shape (b,).
        lags: how far back the regressors lie, shape (p,), each >= 1.
        horizon: values wanted.

    Returns:
        Shape (b, horizon).
    """
    batch, width = windows.shape
    reach = int(lags.max())
    is_in = np.arange(width)[None, :] >= begins[:, None]
    mean = (windows * is_in).sum(1, keepdims=True) / np.maximum(is_in.sum(1, keepdims=True), 1)
    centered = (windows - mean) * is_in
    times = np.arange(reach, width)
    design = centered[:, times[:, None] - lags]
    weight = (times[None, :] - reach >= begins[:, None]).astype(float)
    weighted = np.swapaxes(design * weight[:, :, None], 1, 2)
    gram = weighted @ design
    moment = weighted @ centered[:, reach:, None]
    scale = np.trace(gram, axis1=1, axis2=2) / len(lags)
    ridge = (_RIDGE * scale + 1e-9)[:, None, None] * np.eye(len(lags))
    coefficients = np.linalg.solve(gram + ridge, moment)[:, :, 0]
    path = np.concatenate([centered, np.zeros((batch, horizon))], 1)
    for step in range(width, width + horizon):
        path[:, step] = np.einsum("bp,bp->b", path[:, step - lags], coefficients)
    return np.asarray(path[:, width:] + mean)
