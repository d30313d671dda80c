"""How many are to come: point and bands per step and in total (seed box: Trend Prediction).

A series with something in most steps is forecast by two models of its seasons, weighed by how well each did
from earlier origins; the same origins give the bands (``prediction_dense.py``). A sparse or short series of
counts is forecast as draws from a negative binomial around a shrunk daily profile (``prediction_sparse.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from error_manager.analysis.prediction_dense import DenseModel, history
from error_manager.analysis.prediction_path import Array
from error_manager.analysis.prediction_short import ShortModel
from error_manager.analysis.prediction_sparse import SparseModel

DAY_S: Final = 86_400
WEEK_S: Final = 7 * DAY_S
SPARSE_SHARE: Final = 0.5
"""More than this share of the steps of four weeks without an event: sparse."""
_UNSEEN_DAY: Final = 0.4
"""Relative variance of a rate by the hour of the day, while no day was seen; it fades with the first days."""
_UNSEEN_WEEK: Final = 0.15
"""... and by the day of the week; it fades with the first weeks."""
_RECENT_S: Final = 4 * WEEK_S


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forecast:
    """What is expected per step, oldest first, each of shape (horizon,).

    ``point`` is the median (of sparse counts the mean: their median is 0). ``lower80 <= point <= upper80``
    within ``lower95`` and ``upper95``; all are finite, and >= 0 for counts.
    """

    point: Array
    lower80: Array
    upper80: Array
    lower95: Array
    upper95: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastTotal:
    """What is expected in sum; the bands are of the sum, not the sum of the bands."""

    point: float
    lower80: float
    upper80: float
    lower95: float
    upper95: float


def is_over(counts: Array) -> bool:
    """Return whether a series has been quiet for at least as long as it came for.

    Of one cluster of events nothing says when, or whether, another one comes: its mean is no forecast.

    Args:
        counts: per step, oldest first, shape (n,), NaN = not observed, which counts for neither.
    """
    seen = np.flatnonzero(np.nan_to_num(counts) > 0)
    if not seen.size:
        return True
    is_observed = np.isfinite(counts)
    lived = is_observed[seen[0] : seen[-1] + 1].sum()
    return bool(is_observed[seen[-1] + 1 :].sum() >= lived)


class Prediction:
    """A series' model, fitted once, asked for steps and totals."""

    def __init__(
        self,
        counts: Array,
        *,
        step_s: float,
        horizon: int,
        seasons: tuple[int, ...] | None = None,
        is_count: bool = True,
    ) -> None:
        """Fit.

        Args:
            counts: per step, oldest first, shape (n,), NaN = not observed; >= 0 when ``is_count``.
            step_s: seconds per step, > 0.
            horizon: steps that may be asked for, >= 1.
            seasons: lengths in steps, shortest first, each a multiple of the one before, at most two;
                by default the day and the week.
            is_count: counts are never negative and may be sparse; other values are neither promised.
        """
        values = np.asarray(counts, dtype=np.float64)
        values = np.where(np.isfinite(values), values, np.nan)
        seen = np.flatnonzero(~np.isnan(values))
        values = values[seen[0] :] if seen.size else values[:0]
        self._horizon = horizon
        self._model = _fit(
            values,
            step_s=step_s,
            horizon=horizon,
            seasons=_seasons(step_s) if seasons is None else seasons,
            is_count=is_count,
        )

    def forecast(self, horizon: int | None = None) -> Forecast:
        """Return what is expected in each of the next steps (all by default)."""
        rows = _nest(self._model.steps(self._horizon if horizon is None else horizon))
        return Forecast(lower95=rows[1], lower80=rows[2], point=rows[0], upper80=rows[3], upper95=rows[4])

    def blocks(self, first: int, width: int) -> Forecast:
        """Return what is expected in the sums of all blocks of ``width`` steps from step ``first`` on.

        Each has the band of its own sum, as if it were asked for alone; blocks that end beyond the horizon
        are left out.
        """
        count = (self._horizon - first) // width
        rows = _nest(self._model.blocks(first, width, count))
        return Forecast(lower95=rows[1], lower80=rows[2], point=rows[0], upper80=rows[3], upper95=rows[4])

    def total(self, horizon: int | None = None) -> ForecastTotal:
        """Return what is expected in sum over the next steps (all by default)."""
        rows = _nest(self._model.total(self._horizon if horizon is None else horizon))
        point, lower95, lower80, upper80, upper95 = map(float, rows)
        return ForecastTotal(point=point, lower80=lower80, upper80=upper80, lower95=lower95, upper95=upper95)


def _fit(
    values: Array, *, step_s: float, horizon: int, seasons: tuple[int, ...], is_count: bool
) -> DenseModel | SparseModel | ShortModel:
    """Return the model that suits the length and the density of a series."""
    usable = next((part for part in (seasons, seasons[:1], ()) if len(values) >= history(part)), None)
    days = float((~np.isnan(values)).sum()) * step_s / DAY_S
    unseen = _UNSEEN_DAY * np.exp(-days) + _UNSEEN_WEEK * np.exp(-days / 7)
    recent = values[-max(1, int(_RECENT_S / step_s)) :]
    is_sparse = (recent == 0).sum() > SPARSE_SHARE * (~np.isnan(recent)).sum()
    if is_count and (not usable or is_sparse):
        return SparseModel(values, step_s=step_s, short=seasons[0] if seasons else 1, unseen=unseen)
    if usable is None:
        return ShortModel(values)
    return DenseModel(values, seasons=usable, horizon=horizon, unseen=unseen, is_count=is_count)


def _seasons(step_s: float) -> tuple[int, ...]:
    """Return the day and the week in steps, as far as they are whole and longer than one."""
    return tuple(int(span // step_s) for span in (DAY_S, WEEK_S) if span % step_s == 0 and span // step_s > 1)


def _nest(rows: Array) -> Array:
    """Return point and the four quantiles so that each band holds the point and the narrower band."""
    point = rows[0]
    lower80, upper80 = np.minimum(rows[2], point), np.maximum(rows[3], point)
    return np.stack([point, np.minimum(rows[1], lower80), lower80, upper80, np.maximum(rows[4], upper80)])
