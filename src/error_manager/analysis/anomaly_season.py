"""Season of many series at once: time of day, weekday and drifting level (seed box: Anomaly Detector). Pure.

Half-hour counts of four weeks are fitted by penalised negative-binomial regression, all series in one batch:
log rate = level of the day (random walk whose large jumps are cheap) + eight day harmonics + seven weekday
terms. The penalties are priors, so little data means a flat season with a wide error, and the error is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SLOTS: Final = 48
"""Half-hour buckets of a day."""
DAYS: Final = 28
WEEK: Final = 7
HARMONICS: Final = 8
_HARMONIC_SPREAD: Final = 0.8
"""Prior deviation of the first harmonic (log rate); the h-th has this / h: what a sharp office day needs."""
_WEEKDAY_SPREAD: Final = 0.4
_WALK_SPREAD: Final = 0.1
"""Prior deviation of the level from one day to the next (log rate) ..."""
_WALK_JUMP: Final = 0.25
"""... of which larger moves than this count less and less: holidays and steps stay out of the season."""
_FIRST_SPREAD: Final = 10.0
_OUTLIER: Final = 2.5
"""Half hours further off than this many deviations lose weight (Huber)."""
_SLACK: Final = 0.06**2
"""Relative variance of a half hour that the model is never better than."""
_ROUNDS: Final = 7
_BATCH: Final = 128

_SIZE: Final = DAYS + 2 * HARMONICS + WEEK
_HARMONIC: Final = slice(DAYS, DAYS + 2 * HARMONICS)
_WEEKDAY: Final = slice(DAYS + 2 * HARMONICS, _SIZE)


def _harmonics() -> Floats:
    at = 2.0 * np.pi * (np.arange(SLOTS) + 0.5) / SLOTS
    waves = [wave(h * at) for h in range(1, HARMONICS + 1) for wave in (np.sin, np.cos)]
    return np.stack(waves, axis=1)


_WAVES: Final = _harmonics()
_WAVE_PAIRS: Final = (_WAVES[:, :, None] * _WAVES[:, None, :]).reshape(SLOTS, -1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """Log factors by half hour of the day (n, 48) and weekday (n, 7), and how well they are known.

    ``slot_variance``: of the log rate of a coming day by half hour, (n, 48); ``weekday_variance``: what is
    added by the weekday, (n, 7). ``slack``: relative variance of half hours beyond that of minutes, (n,).
    """

    slots: Floats
    weekdays: Floats
    slot_variance: Floats
    weekday_variance: Floats
    slack: Floats


SLOT_VARIANCE: Final = sum((_HARMONIC_SPREAD / h) ** 2 for h in range(1, HARMONICS + 1))
"""Variance of the log rate at a time of day never seen."""
WEEKDAY_VARIANCE: Final = _WEEKDAY_SPREAD**2


def fit(counts: Floats, minutes: Floats, spread: Floats, weekdays: NDArray[np.int64]) -> Season:
    """Return the season of each series.

    Args:
        counts: events per half hour, shape (n, 28, 48), oldest day first, the newest may be partly there.
        minutes: minutes observed in each, same shape, 0 = not at all.
        spread: relative variance of a minute beyond Poisson (1 / size of the negative binomial), shape (n,).
        weekdays: of the 28 days, 0..6.

    Source:
        Iteratively reweighted least squares: McCullagh and Nelder, Generalized Linear Models (1989), 2.5;
        priors as penalties: Wood, Generalized Additive Models (2017), 4.2.
    """
    parts = [
        _fit_batch(counts[at : at + _BATCH], minutes[at : at + _BATCH], spread[at : at + _BATCH], weekdays)
        for at in range(0, len(counts), _BATCH)
    ]
    return Season(
        slots=np.concatenate([part.slots for part in parts]),
        weekdays=np.concatenate([part.weekdays for part in parts]),
        slot_variance=np.concatenate([part.slot_variance for part in parts]),
        weekday_variance=np.concatenate([part.weekday_variance for part in parts]),
        slack=np.concatenate([part.slack for part in parts]),
    )


def _fit_batch(counts: Floats, minutes: Floats, spread: Floats, weekdays: NDArray[np.int64]) -> Season:
    series = len(counts)
    member = (weekdays[:, None] == np.arange(WEEK)).astype(np.float64)
    theta: Floats = np.zeros((series, _SIZE))
    theta[:, :DAYS] = _first_levels(counts, minutes)
    slack = np.full(series, _SLACK)
    exposure = np.log(np.maximum(minutes, 1e-9))
    hessian = np.zeros((series, _SIZE, _SIZE))
    with np.errstate(over="ignore"):
        for _ in range(_ROUNDS):
            eta = np.clip(_log_rate(theta, weekdays), -18.0, 18.0)
            mean = np.maximum(np.exp(eta + exposure), 1e-12)
            loose = spread[:, None, None] / np.maximum(minutes, 1.0) + slack[:, None, None]
            residual = (counts - mean) / np.sqrt(mean + loose * mean * mean)
            trust = np.minimum(1.0, _OUTLIER / np.maximum(np.abs(residual), 1e-9))
            weight = np.where(minutes > 0, trust * mean / (1.0 + loose * mean), 0.0)
            pull = np.where(minutes > 0, weight * (eta + np.clip((counts - mean) / mean, -1.0, 3.0)), 0.0)
            hessian = _information(weight, member) + _precision(theta)
            theta[:] = np.linalg.solve(hessian, _projection(pull, member)[:, :, None])[:, :, 0]
            slack[:] = _excess(counts, mean, spread, minutes)
    covariance: Floats = np.linalg.inv(hessian).astype(np.float64)
    return _season(theta, covariance, slack)


def _first_levels(counts: Floats, minutes: Floats) -> Floats:
    total = (counts.sum(axis=(1, 2)) + 0.1) / (minutes.sum(axis=(1, 2)) + 10.0)
    known = minutes.sum(axis=2)
    levels = (counts.sum(axis=2) + 240.0 * total[:, None]) / (known + 240.0)
    first: Floats = np.log(np.maximum(levels, 1e-9))
    return first


def _log_rate(theta: Floats, weekdays: NDArray[np.int64]) -> Floats:
    of_day = theta[:, :DAYS] + theta[:, _WEEKDAY][:, weekdays]
    of_slot = theta[:, _HARMONIC] @ _WAVES.T
    return of_day[:, :, None] + of_slot[:, None, :]


def _information(weight: Floats, member: Floats) -> Floats:
    series = len(weight)
    by_day = weight.sum(axis=2)
    by_weekday = member.T @ weight
    info = np.zeros((series, _SIZE, _SIZE))
    days = np.arange(DAYS)
    info[:, days, days] = by_day
    info[:, :DAYS, _HARMONIC] = weight @ _WAVES
    info[:, :DAYS, _WEEKDAY] = by_day[:, :, None] * member
    info[:, _HARMONIC, _HARMONIC] = (weight.sum(axis=1) @ _WAVE_PAIRS).reshape(
        series, 2 * HARMONICS, 2 * HARMONICS
    )
    info[:, _HARMONIC, _WEEKDAY] = (by_weekday @ _WAVES).transpose(0, 2, 1)
    week = np.arange(_SIZE - WEEK, _SIZE)
    info[:, week, week] = by_day @ member
    lower = np.tril_indices(_SIZE, -1)
    info[:, lower[0], lower[1]] = info[:, lower[1], lower[0]]
    return info


def _projection(pull: Floats, member: Floats) -> Floats:
    by_day = pull.sum(axis=2)
    return np.concatenate([by_day, pull.sum(axis=1) @ _WAVES, by_day @ member], axis=1)


def _precision(theta: Floats) -> Floats:
    """Return the prior precision; that of a day-to-day move falls with its size (Cauchy)."""
    series = len(theta)
    precision = np.zeros((series, _SIZE, _SIZE))
    moves = np.diff(theta[:, :DAYS], axis=1)
    stiff = 1.0 / (_WALK_SPREAD**2 * (1.0 + (moves / _WALK_JUMP) ** 2))
    at = np.arange(DAYS - 1)
    precision[:, at, at] += stiff
    precision[:, at + 1, at + 1] += stiff
    precision[:, at, at + 1] -= stiff
    precision[:, at + 1, at] -= stiff
    precision[:, 0, 0] += _FIRST_SPREAD**-2
    wave = np.repeat(np.arange(1, HARMONICS + 1), 2) / _HARMONIC_SPREAD
    at = np.arange(DAYS, DAYS + 2 * HARMONICS)
    precision[:, at, at] += wave**2
    at = np.arange(_SIZE - WEEK, _SIZE)
    precision[:, at, at] += _WEEKDAY_SPREAD**-2
    return precision


def _excess(counts: Floats, mean: Floats, spread: Floats, minutes: Floats) -> Floats:
    """Return the relative variance of half hours beyond that of their minutes: clipped moments."""
    own = mean + spread[:, None, None] / np.maximum(minutes, 1.0) * mean * mean
    loose = np.sqrt(own + _SLACK * mean * mean)
    off = np.clip(counts - mean, -3.0 * loose, 3.0 * loose)
    use = np.where(minutes > 0, 1.0 / (1.0 + mean) ** 2, 0.0)
    excess = (use * (off * off - own)).sum(axis=(1, 2)) + _SLACK
    slack: Floats = excess / ((use * mean * mean).sum(axis=(1, 2)) + 1.0)
    return slack.clip(_SLACK, 1.0)


def _season(theta: Floats, covariance: Floats, slack: Floats) -> Season:
    last = DAYS - 1
    waves = np.einsum("nij,si,sj->ns", covariance[:, _HARMONIC, _HARMONIC], _WAVES, _WAVES, optimize=True)
    slots = covariance[:, last, last, None] + waves + 2.0 * covariance[:, last, _HARMONIC] @ _WAVES.T
    week = np.diagonal(covariance[:, _WEEKDAY, _WEEKDAY], axis1=1, axis2=2)
    week = week + 2.0 * covariance[:, last, _WEEKDAY]
    least = week.min(axis=1, keepdims=True)
    return Season(
        slots=theta[:, _HARMONIC] @ _WAVES.T,
        weekdays=theta[:, _WEEKDAY],
        slot_variance=np.maximum(slots + least, 0.0),
        weekday_variance=week - least,
        slack=slack,
    )
