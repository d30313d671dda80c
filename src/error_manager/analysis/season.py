"""Daily and weekly rhythm of hourly counts, and how strong it is (seed box: Frequency Analyzer)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc

from error_manager.analysis.week import DAY_HOURS, EPOCH_OFFSET_H, HOUR_S, WEEK_DAYS, WEEK_HOURS, WORKDAYS

Array = NDArray[np.float64]

_PRIOR_HOUR: Final = 6.0
"""Errors of a flat day that each hour of the day is mixed with: with few errors a rhythm is not believed."""
_PRIOR_WEEKDAY: Final = 40.0
"""Errors of a flat week that each weekday is mixed with: a month has only four of each."""
_PRIOR_KIND: Final = 1.0
"""Errors that an hour of working days, or of weekends, is mixed with as the product has them."""
_CAP_TIMES: Final = 3.0
"""An hour counts in the rhythm with at most so many times what is usual then: bursts are no rhythm."""
FEWEST_DAYS: Final = 3
FEWEST_WEEKS: Final = 2
WEEKS_FOR_HOURS: Final = 3
_PASSES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Seasons:
    """The rhythm of n series.

    Attributes:
        profile: expected share of the mean rate per hour of the week (Monday 00:00 UTC first), shape (n,
            168),
            mean 1 per series.
        daily_strength: share of the variation within days that the hour of the day explains, 0..1, shape
            (n,).
        daily_p: probability of so strong a daily rhythm by chance; 1 with less than three days.
        weekly_strength: share of the variation of days that the weekday explains, 0..1.
        weekly_p: as ``daily_p``; 1 with less than two weeks.
    """

    profile: Array
    daily_strength: Array
    daily_p: Array
    weekly_strength: Array
    weekly_p: Array


def hour_of_week(start_s: float, hours: int) -> NDArray[np.intp]:
    """Return the hour of the week (0 = Monday 00:00 UTC) of consecutive hours.

    Args:
        start_s: start of the first hour, seconds since the epoch.
        hours: how many.
    """
    first = int(start_s // HOUR_S) + EPOCH_OFFSET_H
    return (first + np.arange(hours)) % WEEK_HOURS


def seasons(hourly: Array, start_s: float) -> Seasons:
    """Return the rhythm of series of hourly counts.

    The profile is (hour of the day) x (weekday), corrected for hours of weekends when those are proven
    other; each mixed with a flat one by how few errors there are, from counts that are capped at three
    times what their hour usually has.

    Args:
        hourly: shape (n, h), >= 0, NaN = not collected; oldest first.
        start_s: start of the first hour, seconds since the epoch.

    Source:
        Strength is omega squared of a two-way layout without interaction (blocks = days, or weeks), of
        counts made even in variance by 2 sqrt(x + 3/8) (F. J. Anscombe, Biometrika 35 (1948) 246-254); p
        by the F test of the same layout; cells that were not collected are estimated and cost a degree of
        freedom each (F. Yates, Empire J. Exp. Agric. 1 (1933) 129-142).
    """
    weekhour = hour_of_week(start_s, hourly.shape[1])
    capped = _capped(hourly, weekhour)
    by_hour = _hour_profile(capped, weekhour % DAY_HOURS)
    days = _blocks(hourly, skip=(-int(weekhour[0])) % DAY_HOURS, width=DAY_HOURS)
    daily_strength, daily_p = _explained(_even(days), fewest=FEWEST_DAYS)
    weeks = _weeks(days, by_hour, first_day=(int(weekhour[0]) + DAY_HOURS - 1) // DAY_HOURS % WEEK_DAYS)
    weekly_strength, weekly_p = _explained(_even(weeks), fewest=FEWEST_WEEKS)
    by_weekday = _weekday_profile(capped, by_hour, weekhour, weekly_strength)
    product = (by_weekday[:, :, None] * by_hour[:, None, :]).reshape(len(hourly), WEEK_HOURS)
    profile = product * _weekend_shape(capped, product, weekhour)
    profile /= profile.mean(axis=1, keepdims=True)
    return Seasons(
        profile=profile,
        daily_strength=daily_strength,
        daily_p=daily_p,
        weekly_strength=weekly_strength,
        weekly_p=weekly_p,
    )


def _even(counts: Array) -> Array:
    return 2.0 * np.sqrt(counts + 0.375)


def _capped(hourly: Array, weekhour: NDArray[np.intp]) -> Array:
    """Return counts cut to three times what is usual then plus the series' mean, plus 3.

    Usual is the larger of the medians of the hour of the day and, from three weeks on, of the hour of the
    week (a weekly job is a rhythm).
    """
    usual = np.zeros_like(hourly)
    places = [weekhour % DAY_HOURS, weekhour]
    for place in places if hourly.shape[1] >= WEEKS_FOR_HOURS * WEEK_HOURS else places[:1]:
        for which in np.unique(place):
            columns = np.flatnonzero(place == which)
            middle = _median(hourly[:, columns])
            usual[:, columns] = np.maximum(usual[:, columns], middle[:, None])
    limit = _CAP_TIMES * (usual + _mean(hourly, axis=1)[:, None]) + 3.0
    return np.asarray(np.minimum(hourly, limit))


def _hour_profile(hourly: Array, hour: NDArray[np.intp]) -> Array:
    mean = np.maximum(_mean(hourly, axis=1), 1e-12)
    profile = np.ones((len(hourly), DAY_HOURS))
    for which in range(DAY_HOURS):
        cells = hourly[:, hour == which]
        seen = np.isfinite(cells).sum(axis=1)
        counted = np.nansum(cells, axis=1)
        profile[:, which] = (counted + _PRIOR_HOUR) / (mean * seen + _PRIOR_HOUR)
    return np.asarray(profile / profile.mean(axis=1, keepdims=True))


def _weekday_profile(hourly: Array, by_hour: Array, weekhour: NDArray[np.intp], strength: Array) -> Array:
    expected = np.where(np.isfinite(hourly), by_hour[:, weekhour % DAY_HOURS], 0.0)
    level = np.nansum(hourly, axis=1) / np.maximum(expected.sum(axis=1), 1e-12)
    profile = np.ones((len(hourly), WEEK_DAYS))
    for which in range(WEEK_DAYS):
        columns = weekhour // DAY_HOURS == which
        counted = np.nansum(hourly[:, columns], axis=1)
        exposed = level * expected[:, columns].sum(axis=1)
        # One odd Monday is no rhythm: as much as one of its days counts as flat, unless the rhythm is proven.
        weekdays = columns.sum() / DAY_HOURS
        prior = (1.0 - strength) * (_PRIOR_WEEKDAY + exposed / max(weekdays, 1.0)) + 1.0
        profile[:, which] = (counted + prior) / (exposed + prior)
    return profile


def _weekend_shape(hourly: Array, product: Array, weekhour: NDArray[np.intp]) -> Array:
    """Return what hours of working days and of weekends have beyond the product, 1 while that is unproven.

    Nights of a weekend are not the product of quiet nights and quiet weekends. Proven is how far the
    deviance of the 48 kinds of hours is above its degrees of freedom, measured by how much the hours of
    one kind differ.
    """
    expected = np.where(np.isfinite(hourly), product[:, weekhour], 0.0)
    level = np.nansum(hourly, axis=1) / np.maximum(expected.sum(axis=1), 1e-12)
    expected *= level[:, None]
    kind = weekhour % DAY_HOURS + DAY_HOURS * (weekhour >= WORKDAYS * DAY_HOURS)
    shape = np.ones((len(hourly), 2 * DAY_HOURS))
    deviance, spread, free = np.zeros(len(hourly)), np.zeros(len(hourly)), np.zeros(len(hourly))
    for which in np.unique(kind):
        y, e = hourly[:, kind == which], expected[:, kind == which]
        count, mean = np.nansum(y, axis=1), e.sum(axis=1)
        deviance += 2.0 * (count * np.log(np.maximum(count, 1e-9) / np.maximum(mean, 1e-9)) - count + mean)
        fitted = e * (count / np.maximum(mean, 1e-9))[:, None]
        spread += np.nansum((y - fitted) ** 2 / np.maximum(fitted, 0.1), axis=1)
        free += np.maximum(np.isfinite(y).sum(axis=1) - 1.0, 0.0)
        shape[:, which] = (count + _PRIOR_KIND) / (mean + _PRIOR_KIND)
    dispersion = np.maximum(spread / np.maximum(free, 1.0), 1.0)
    proven = np.clip(deviance / (2.0 * DAY_HOURS) / dispersion - 1.5, 0.0, 1.0)
    week = np.arange(WEEK_HOURS)
    place = week % DAY_HOURS + DAY_HOURS * (week >= WORKDAYS * DAY_HOURS)
    return np.asarray(shape[:, place] ** proven[:, None])


def _blocks(values: Array, *, skip: int, width: int) -> Array:
    """Return whole blocks of ``width`` columns after the first ``skip``, shape (n, blocks, width)."""
    blocks = max(0, values.shape[1] - skip) // width
    return values[:, skip : skip + blocks * width].reshape(len(values), blocks, width)


def _weeks(days: Array, by_hour: Array, *, first_day: int) -> Array:
    """Return the totals of days as weeks, shape (n, weeks, 7); NaN where less than half is known."""
    known = np.where(np.isfinite(days), by_hour[:, None, :], 0.0).sum(axis=2) / DAY_HOURS
    totals = np.where(known >= 0.5, np.nansum(days, axis=2) / np.maximum(known, 0.5), np.nan)
    return _blocks(totals, skip=(-first_day) % WEEK_DAYS, width=WEEK_DAYS)


def _explained(cells: Array, *, fewest: int) -> tuple[Array, Array]:
    """Return (omega squared, p of the F test) of the columns of layouts (n, blocks, columns)."""
    series, blocks, columns = cells.shape
    if blocks < fewest:
        return np.zeros(series), np.ones(series)
    known = np.isfinite(cells)
    filled = _filled(cells, known)
    total = filled.mean(axis=(1, 2), keepdims=True)
    by_column = filled.mean(axis=1, keepdims=True) - total
    rest = filled - filled.mean(axis=2, keepdims=True) - by_column
    free = np.maximum((blocks - 1) * (columns - 1) - (~known).sum(axis=(1, 2)), 1.0)
    explained = blocks * (by_column**2).sum(axis=(1, 2))
    unexplained = np.maximum((rest**2).sum(axis=(1, 2)), 1e-9)
    noise = unexplained / free
    strength = (explained - (columns - 1) * noise) / (explained + unexplained + noise)
    p = fdtrc(columns - 1.0, free, explained / (columns - 1) / noise)
    is_known = known.sum(axis=(1, 2)) >= columns * fewest
    is_varied = (cells - total).any(axis=(1, 2)) & (explained > 1e-9)
    use = is_known & is_varied
    return np.where(use, np.clip(strength, 0.0, 1.0), 0.0), np.where(use, p, 1.0)


def _filled(cells: Array, known: NDArray[np.bool_]) -> Array:
    """Return the cells with the unknown ones estimated from their block and column (Yates, iterated)."""
    filled = np.where(known, cells, _mean(cells.reshape(len(cells), -1), axis=1)[:, None, None])
    if known.all():
        return filled
    for _ in range(_PASSES):
        fitted = filled.mean(axis=2, keepdims=True) + filled.mean(axis=1, keepdims=True)
        filled = np.where(known, cells, fitted - filled.mean(axis=(1, 2), keepdims=True))
    return filled


def _mean(values: Array, *, axis: int) -> Array:
    """Return the mean of what is known, 0 when nothing is."""
    seen = np.isfinite(values).sum(axis=axis)
    return np.asarray(np.nansum(values, axis=axis) / np.maximum(seen, 1))


def _median(values: Array) -> Array:
    """Return the median of each row over what is known, 0 when nothing is."""
    ordered = np.sort(values, axis=1)  # NaN last
    seen = np.isfinite(values).sum(axis=1)
    rows = np.arange(len(values))
    low = ordered[rows, np.maximum(seen - 1, 0) // 2]
    high = ordered[rows, np.minimum(seen // 2, values.shape[1] - 1)]
    return np.where(seen > 0, (low + high) / 2, 0.0)
