"""Whether a pattern grows from day to day, and how sure that is (seed box: Frequency Analyzer)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

Array = NDArray[np.float64]

FEWEST_DAYS: Final = 5
FEWEST_ERRORS: Final = 8
_HUBER: Final = 2.0
"""Residuals beyond two standard deviations count less, in proportion: one bad day is no trend."""
_FITS: Final = 12
_MOST_SLOPE: Final = 2.0
"""Steepest slope that is fitted, per day (e^2 = 7.4 times a day)."""
_MOST_MEMORY: Final = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Trends:
    """The trend of n series.

    Attributes:
        slope: of the log of the rate, per day; 0 when it cannot be told. exp(slope) is the factor per day.
        lower: lower end of the 95 % interval of the slope, -inf when it cannot be told.
        upper: upper end, inf when it cannot be told.
        p: probability of a slope as far from 0 by chance, 1 when it cannot be told.
        dispersion: variance over mean of the daily counts around the trend, >= 1.
    """

    slope: Array
    lower: Array
    upper: Array
    p: Array
    dispersion: Array

    @property
    def confidence(self) -> Array:
        """Return 1 - p: how sure it is that the rate changes at all."""
        return np.asarray(1.0 - self.p)

    def conservative(self, share: float = 0.8) -> Array:
        """Return the slope nearest to 0 within the interval that holds the true one in ``share`` of cases.

        It is 0 while the interval holds 0 and moves without a jump from there.
        """
        width = self.upper - self.slope
        narrow = width * _normal_share(share) / _normal_share(0.95)
        safe = np.where(np.isfinite(narrow), narrow, np.inf)
        return np.asarray(np.sign(self.slope) * np.maximum(np.abs(self.slope) - safe, 0.0))


def trends(counts: Array, exposure: Array) -> Trends:
    """Return the log-linear trend of daily counts.

    Args:
        counts: per day, shape (n, d), oldest first, >= 0; NaN = not collected.
        exposure: expected share of a day that was collected (rhythm taken out), shape (n, d), >= 0;
            1 is a whole average day. Days with 0 do not count.

    Source:
        Quasi-Poisson regression (P. McCullagh and J. A. Nelder, Generalized Linear Models, 1989, ch. 6 and
        9) with Huber weights on Pearson residuals (E. Cantoni and E. Ronchetti, JASA 96 (2001) 1022-1030).
        The variance of the slope is widened by (1 + r) / (1 - r), r the lag-one correlation of residuals,
        >= 0 (the first-order case of Newey and West, Econometrica 55 (1987) 703-708).
        p and interval by Student's t.
    """
    known = np.isfinite(counts) & (exposure > 0)
    y = np.where(known, counts, 0.0)
    e = np.where(known, exposure, 1.0)
    time = np.broadcast_to(np.arange(counts.shape[1], dtype=np.float64), y.shape)
    time = time - (time * known).sum(axis=1, keepdims=True) / np.maximum(known.sum(axis=1, keepdims=True), 1)
    slope, fitted, weights = _fit(y, e, time, known)
    free = np.maximum(known.sum(axis=1) - 2.0, 1.0)
    residual = np.where(known, (y - fitted) / np.sqrt(fitted), 0.0)
    # Huber's weights take some of the variance away: 0.95 is what is left of a normal one at two deviations.
    dispersion = np.maximum((weights * residual**2).sum(axis=1) / free / 0.95, 1.0)
    memory = np.clip(_memory(residual * weights), 0.0, _MOST_MEMORY)
    information = _information(weights * fitted, time)
    error = np.sqrt(dispersion * (1 + memory) / (1 - memory) / information)
    is_told = (known.sum(axis=1) >= FEWEST_DAYS) & (y.sum(axis=1) >= FEWEST_ERRORS)
    slope = np.where(is_told, slope, 0.0)
    width = np.where(is_told, error * stdtrit(free, 0.975), np.inf)
    p = np.where(is_told, 2.0 * stdtr(free, -np.abs(slope) / error), 1.0)
    return Trends(slope=slope, lower=slope - width, upper=slope + width, p=p, dispersion=dispersion)


def _fit(y: Array, e: Array, time: Array, known: NDArray[np.bool_]) -> tuple[Array, Array, Array]:
    """Return (slope, fitted counts, weights) by reweighted least squares on all series at once."""
    level = np.log((y.sum(axis=1) + 0.5) / (e * known).sum(axis=1).clip(1e-9))
    slope = np.zeros(len(y))
    weights = known.astype(np.float64)
    fitted = np.maximum(e * np.exp(level)[:, None], 1e-6)
    for _ in range(_FITS):
        w = weights * fitted
        working = (y - fitted) / fitted
        total = np.maximum(w.sum(axis=1), 1e-12)
        center = (w * time).sum(axis=1) / total
        step = (w * (time - center[:, None]) * working).sum(axis=1) / _information(w, time)
        shift = (w * working).sum(axis=1) / total - step * center
        slope = np.clip(slope + np.clip(step, -0.5, 0.5), -_MOST_SLOPE, _MOST_SLOPE)
        level = level + np.clip(shift, -1.0, 1.0)
        fitted = np.maximum(e * np.exp(np.clip(level[:, None] + slope[:, None] * time, -20.0, 20.0)), 1e-6)
        residual = np.abs(np.where(known, (y - fitted) / np.sqrt(fitted), 0.0))
        scale = np.sqrt(np.maximum((np.minimum(residual, 3.0 * _typical(residual, known)[:, None]) ** 2)
                                   .sum(axis=1) / np.maximum(known.sum(axis=1) - 2.0, 1.0), 1.0))  # fmt: skip
        weights = known * np.minimum(1.0, _HUBER * scale[:, None] / np.maximum(residual, 1e-9))
    return slope, fitted, weights


def _information(weights: Array, time: Array) -> Array:
    """Return the weighted sum of squares of time around its weighted mean: what is known about a slope."""
    total = np.maximum(weights.sum(axis=1), 1e-12)
    center = (weights * time).sum(axis=1) / total
    return np.asarray(np.maximum((weights * (time - center[:, None]) ** 2).sum(axis=1), 1e-9))


def _typical(residual: Array, known: NDArray[np.bool_]) -> Array:
    """Return the root mean square of the smaller three quarters of absolute residuals, at least 1."""
    ordered = np.sort(np.where(known, residual, np.inf), axis=1)
    kept = np.maximum((known.sum(axis=1) * 3) // 4, 1)
    inside = np.arange(residual.shape[1]) < kept[:, None]
    squares = np.where(inside & np.isfinite(ordered), ordered, 0.0) ** 2
    return np.asarray(np.maximum(np.sqrt(squares.sum(axis=1) / kept), 1.0))


def _memory(residual: Array) -> Array:
    """Return the lag-one correlation of residuals, 0 when there are too few."""
    power = np.maximum((residual**2).sum(axis=1), 1e-12)
    return np.asarray((residual[:, 1:] * residual[:, :-1]).sum(axis=1) / power)


def _normal_share(share: float) -> float:
    return float(stdtrit(1e6, (1.0 + share) / 2.0))
