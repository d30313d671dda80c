"""What a pattern usually does, and how far it is from that now (seed box: Frequency Analyzer).

``baseline`` looks at a month once an hour; ``departures`` holds the last day against it each minute. Both for
many patterns at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincc

from error_manager.analysis.season import hour_of_week, seasons
from error_manager.analysis.usual import Usual
from error_manager.analysis.week import DAY_HOURS, WEEK_DAYS, WEEK_HOURS, WORKDAYS

Array = NDArray[np.float64]

HOUR_S: Final = 3600.0
MINUTE_S: Final = 60.0
HALF_LIFE_DAYS: Final = 3.5
"""A day counts half as much as one this much later, when there are errors enough ..."""
LONGEST_HALF_LIFE_DAYS: Final = 30.0
_WANTED_ERRORS: Final = 30.0
"""... and the half-life grows until the days that count hold about so many."""
_PRIOR: Final = 0.5
"""Jeffreys' prior of a Poisson rate: half an error."""
_DAY_CAP: Final = 3.0
_YOUNG_DAYS: Final = 8.0
_YOUNG_VARIANCE: Final = 0.5
"""Relative variance of the level on the first day of a pattern, sinking to 0 at eight days."""
_LEAST_VARIANCE: Final = 0.01
"""Relative variance from day to day that every level has (0.1 squared)."""
RISE_WINDOWS_MIN: Final = (15, 60, 360, 1440)
FALL_WINDOWS_H: Final = (24, 72, 168)
_QUARTER_MIN: Final = 15
_HOUR_MIN: Final = 60
CLUMPED: Final = 5.0
"""Errors come in bursts when chance would spread them over so many times as many hours."""
_LEAST_BURST_DAYS: Final = 3
"""Two days before the last one, so that a burst can have come twice."""
_LEAST_P: Final = 1e-300
_LEAST_FREE: Final = 0.5
"""Share of the days that are left to tell how much days differ, at least."""
_DAY: Final = timedelta(days=1)
_DIGITS: Final = 3
"""Digits behind the point of a rhythm that is kept: its mean is 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What n patterns usually do.

    Attributes:
        profile: the rhythm, shape (n, 168), mean 1 (hour of the week, Monday 00:00 UTC first).
        level: mean rate, errors per hour, shape (n,).
        known: errors that the level rests on (discounted): its relative variance is 1 / known.
        day_variance: relative variance of the rate from day to day beyond chance.
        hour_variance: the same from hour to hour within days.
        quarter_variance: the same from quarter to quarter within hours.
        slow_level, slow_known: level and what it rests on of the time before the last week, for what fades.
        gap_h: longest pause of the counted time that ended (whole hours without an error), in hours of the
            mean rhythm.
        pause_h: longest time without an error in collected hours; that before the first error too, of a
            pattern that is older than the counts.
        pauses: how many such times there were.
        burst, burst_day: errors that a burst has in two neighbouring hours and in a day, as often as twice
            in the days before the last one; 0 for a pattern that does not come in bursts.
    """

    profile: Array
    level: Array
    known: Array
    day_variance: Array
    hour_variance: Array
    quarter_variance: Array
    slow_level: Array
    slow_known: Array
    gap_h: Array
    pause_h: Array
    pauses: Array
    burst: Array
    burst_day: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Departures:
    """How far n patterns are from what is usual; see ``pattern_state.Departure``.

    Attributes:
        rise_ratio, rise_surprise, rise_since_s: above the usual rate, in the clearest of four windows up
            to a day;
            ``since`` is NaN when there is none.
        fall_ratio, fall_surprise, fall_since_s: below it, in the clearest of three windows up to a week.
        silence_surprise: of no error since the last one.
        quiet_h: collected hours since the last error that are over.
    """

    rise_ratio: Array
    rise_surprise: Array
    rise_since_s: Array
    fall_ratio: Array
    fall_surprise: Array
    fall_since_s: Array
    silence_surprise: Array
    quiet_h: Array


def baseline(hourly: Array, minutes: Array, *, start_s: float, first_seen_s: Array) -> Baseline:
    """Return what patterns usually do.

    Args:
        hourly: shape (n, h), closed hours, oldest first, NaN = not collected; a month is best.
        minutes: shape (n, m), closed minutes up to the end of ``hourly``, m a multiple of 15; a day is
            enough.
        start_s: start of the first hour, seconds since the epoch.
        first_seen_s: first error of each pattern, seconds since the epoch: before it there is nothing to
            count.

    Source:
        Discounted Gamma-Poisson: weights 2^(-age / half-life), half-life 3.5 to 30 days; days are capped
        at three times their median plus mean. Variances by moments: (chi-square / degrees - 1) / mean.
    """
    hours = hourly.shape[1]
    starts = start_s + HOUR_S * np.arange(hours)
    alive = np.where(starts[None, :] + HOUR_S > first_seen_s[:, None], hourly, np.nan)
    rhythm = seasons(alive, start_s).profile
    expected = np.where(np.isfinite(alive), rhythm[:, hour_of_week(start_s, hours)], 0.0)
    days = max(1, hours // DAY_HOURS)
    counted, exposed = _by_day(np.nan_to_num(alive), days), _by_day(expected, days)
    capped = _capped(counted, exposed)
    age = np.arange(days)[::-1] + 0.5
    mean_day = DAY_HOURS * capped.sum(axis=1) / np.maximum(exposed.sum(axis=1), 1.0)
    half_life = np.clip(
        np.log(2) * _WANTED_ERRORS / np.maximum(mean_day, 1e-9), HALF_LIFE_DAYS, LONGEST_HALF_LIFE_DAYS
    )
    weights = np.exp2(-age[None, :] / half_life[:, None])
    level, known = _level(capped, exposed, weights)
    slow_level, slow_known = _level(capped, exposed, weights * (age > 7.0))
    pause_h, pauses = _pauses(alive)
    burst, burst_day = _bursts(alive)
    return Baseline(
        profile=rhythm,
        level=level,
        known=known,
        day_variance=_extra(capped, exposed)
        + _young((starts[-1] + HOUR_S - first_seen_s) / (HOUR_S * DAY_HOURS))
        + _LEAST_VARIANCE,
        hour_variance=_extra_within(alive, expected, days),
        quarter_variance=_quarter_variance(minutes),
        slow_level=slow_level,
        slow_known=slow_known,
        gap_h=_longest_pause(alive, expected),
        pause_h=pause_h,
        pauses=pauses,
        burst=burst,
        burst_day=burst_day,
    )


def departures(
    known: Baseline, hourly: Array, minutes: Array, *, end_s: float, last_seen_s: Array
) -> Departures:
    """Return how far patterns are from what is usual, at ``end_s``.

    A window below a day is held against the busiest hour it touches, a longer one against all hours it
    touches: a job that starts ten minutes early is no rise. A pattern that comes in bursts is held against
    the bursts of the month: one more of them is no rise. The chance of a count is negative binomial,
    its variance the sum of what the level, days, hours and quarters bring.

    Args:
        known: what ``baseline`` returned, at most some hours ago.
        hourly: closed hours up to the last full one, shape (n, h), a week at least; what is quiet for longer
            than these is quiet for all of them.
        minutes: the last 1,440 closed minutes up to ``end_s``, shape (n, 1440); NaN = not collected.
        end_s: end of the last minute, seconds since the epoch.
        last_seen_s: last error of each pattern.
    """
    rise = _rise(known, minutes, end_s)
    fall = _fall(known, hourly, end_s)
    silence, quiet_h = _silence(known, hourly, end_s, last_seen_s)
    return Departures(
        rise_ratio=rise[0],
        rise_surprise=rise[1],
        rise_since_s=rise[2],
        fall_ratio=fall[0],
        fall_surprise=fall[1],
        fall_since_s=fall[2],
        silence_surprise=silence,
        quiet_h=quiet_h,
    )


def compact(known: Baseline, *, since: Sequence[datetime], until: datetime) -> tuple[Usual, ...]:
    """Return what patterns usually do in 57 numbers each, to be kept.

    The profile of ``season`` is a weekday times an hour of the day, the hours of weekends with a shape of
    their own: seven days and two times 24 hours say all of it.

    What the hours of a day have in common is how much days differ by themselves, d, and how sure the level
    is: 1 / known of chance, and d over the days that the level rests on. Of ``day_variance`` d is what the
    hours do not explain: h sum m^2 / M^2 is left of their own variance h in a day. The weekdays were fitted
    to the same n days, which leaves n - 7 to tell d (half of n at least). The least ``day_variance`` is a
    caution for alarms and left out; that of a young pattern is added.

    Args:
        known: of ``baseline``.
        since: from when on there was anything to learn from, per pattern.
        until: up to when.
    """
    seen = np.asarray([(until - first) / _DAY for first in since])
    held = np.maximum(known.known / np.maximum(known.level * DAY_HOURS, 1e-12), 1.0)
    free = np.maximum(1.0 - WEEK_DAYS / np.maximum(seen, 1.0), _LEAST_FREE)
    week = known.profile.reshape(-1, WEEK_DAYS, DAY_HOURS)
    left = np.square(week).sum(axis=(1, 2)) / np.square(week.sum(axis=2)).sum(axis=1)
    young = _young(seen)
    by_day = np.maximum(known.day_variance - young - _LEAST_VARIANCE - known.hour_variance * left, 0.0)
    by_day = by_day * (1.0 + 1.0 / held) / free + young
    days = week.mean(axis=2)
    shapes = week / np.maximum(days[:, :, None], 1e-12)
    columns = zip(
        known.level.tolist(),
        np.round(days, _DIGITS).tolist(),
        np.round(shapes[:, 0], _DIGITS).tolist(),
        np.round(shapes[:, WORKDAYS], _DIGITS).tolist(),
        (by_day + 1.0 / known.known).tolist(),
        known.hour_variance.tolist(),
        since,
        strict=True,
    )
    return tuple(
        Usual(
            level=_telling(level),
            days=tuple(days),
            workday=tuple(workday),
            weekend=tuple(weekend),
            day_variance=_telling(in_common),
            hour_variance=_telling(alone),
            since=first,
            until=until,
        )
        for level, days, workday, weekend, in_common, alone, first in columns
    )


def expected_rate(known: Baseline, at_s: float) -> Array:
    """Return the rate per hour that is usual in the hour of a moment."""
    return np.asarray(known.level * known.profile[:, hour_of_week(at_s, 1)[0]])


# ---------------------------------------------------------------------------------------------- what is usual
def _telling(value: float) -> float:
    """Return the first four digits of a number."""
    return float(f"{value:.4g}")


def _young(days: Array) -> Array:
    """Return the relative variance of the level of patterns that are so old."""
    return np.asarray(_YOUNG_VARIANCE * np.clip(1.0 - days / _YOUNG_DAYS, 0.0, 1.0))


def _by_day(values: Array, days: int) -> Array:
    """Return sums over days that end with the newest hour, shape (n, days)."""
    width = min(values.shape[1], days * DAY_HOURS)
    return np.asarray(values[:, -width:].reshape(len(values), days, -1).sum(axis=2))


def _capped(counted: Array, exposed: Array) -> Array:
    rate = np.where(exposed > 0, counted / np.maximum(exposed, 1e-9), np.nan)
    middle = np.nanmedian(np.where(np.isfinite(rate).any(axis=1, keepdims=True), rate, 0.0), axis=1)
    mean = counted.sum(axis=1) / np.maximum(exposed.sum(axis=1), 1e-9)
    return np.asarray(np.minimum(counted, exposed * (_DAY_CAP * (middle + mean))[:, None] + 3.0))


def _level(counted: Array, exposed: Array, weights: Array) -> tuple[Array, Array]:
    """Return (rate, errors it rests on): the effective number of a discounted sum is (sum w)^2 / sum w^2."""
    exposure = (weights * exposed).sum(axis=1)
    rate = ((weights * counted).sum(axis=1) + _PRIOR) / np.maximum(exposure, 1.0)
    effective = exposure**2 / np.maximum((weights**2 * exposed).sum(axis=1), 1e-9)
    return rate, np.maximum(rate * effective, _PRIOR)


def _extra(counted: Array, exposed: Array) -> Array:
    """Return the relative variance of rates beyond chance; blocks without exposure do not count."""
    rate = counted.sum(axis=1) / np.maximum(exposed.sum(axis=1), 1e-9)
    expected = rate[:, None] * exposed
    square = np.where(exposed > 0, (counted - expected) ** 2 - expected, 0.0).sum(axis=1)
    return np.asarray(np.maximum(square / np.maximum((expected**2).sum(axis=1), 1e-9), 0.0))


def _extra_within(alive: Array, expected: Array, days: int) -> Array:
    """Return the relative variance from hour to hour, each day held against its own mean."""
    width = min(alive.shape[1], days * DAY_HOURS)
    shape = (len(alive), days, -1)
    y = np.nan_to_num(alive[:, -width:]).reshape(shape)
    e = expected[:, -width:].reshape(shape)
    mean = y.sum(axis=2, keepdims=True) / np.maximum(e.sum(axis=2, keepdims=True), 1e-9) * e
    square = np.where(e > 0, (y - mean) ** 2 - mean, 0.0).sum(axis=(1, 2))
    return np.asarray(np.maximum(square / np.maximum((mean**2).sum(axis=(1, 2)), 1e-9), 0.0))


def _quarter_variance(minutes: Array) -> Array:
    """Return the relative variance of quarters of an hour around the mean of their hour."""
    width = minutes.shape[1] - minutes.shape[1] % 60
    quarters = np.nan_to_num(minutes[:, -width:]).reshape(len(minutes), -1, 4, _QUARTER_MIN).sum(axis=3)
    mean = quarters.mean(axis=2, keepdims=True)
    # Three of four quarters are free given their hour: 4 / 3.
    square = ((quarters - mean) ** 2 * 4.0 / 3.0 - mean).sum(axis=(1, 2))
    return np.asarray(np.maximum(square / np.maximum(4.0 * (mean**2).sum(axis=(1, 2)), 1e-9), 0.0))


def _longest_pause(alive: Array, expected: Array) -> Array:
    """Return what was expected in the longest stretch of hours without errors between two that had some."""
    passed = np.cumsum(expected, axis=1)
    has = np.nan_to_num(alive) > 0
    last = np.maximum.accumulate(np.where(has, passed, -1.0), axis=1)
    before = np.concatenate((np.full((len(alive), 1), -1.0), last[:, :-1]), axis=1)
    return np.asarray(np.where(has & (before >= 0), passed - expected - before, 0.0).max(axis=1))


def _pauses(alive: Array) -> tuple[Array, Array]:
    """Return (longest, number) of the times of collected hours without an error before one that has some."""
    passed = np.cumsum(np.isfinite(alive), axis=1)
    has = np.nan_to_num(alive) > 0
    last = np.maximum.accumulate(np.where(has, passed, 0), axis=1)
    before = np.concatenate((np.zeros((len(alive), 1), dtype=last.dtype), last[:, :-1]), axis=1)
    length = np.where(has, passed - 1 - before, 0)
    return length.max(axis=1).astype(np.float64), (length > 0).sum(axis=1).astype(np.float64)


def _bursts(alive: Array) -> tuple[Array, Array]:
    """Return (errors in two neighbouring hours, in a day) of the second largest burst before the last day."""
    counts, days = np.nan_to_num(alive), alive.shape[1] // DAY_HOURS
    if days < _LEAST_BURST_DAYS:
        return np.zeros(len(alive)), np.zeros(len(alive))
    lived = np.isfinite(alive).sum(axis=1)
    # Of hours with a Poisson number of errors so many have some.
    spread = -np.expm1(-counts.sum(axis=1) / np.maximum(lived, 1)) * lived
    is_clumped = spread >= CLUMPED * np.maximum((counts > 0).sum(axis=1), 1)
    pairs = counts + np.pad(counts[:, 1:], ((0, 0), (0, 1)))
    shape = (len(counts), days, DAY_HOURS)
    peaks = pairs[:, -days * DAY_HOURS :].reshape(shape)[:, :-1].max(axis=2)
    totals = counts[:, -days * DAY_HOURS :].reshape(shape)[:, :-1].sum(axis=2)
    second = (np.sort(each, axis=1)[:, -2] for each in (peaks, totals))
    burst, burst_day = (np.where(is_clumped, each, 0.0) for each in second)
    return burst, burst_day


# ---------------------------------------------------------------------------------------- how far from it now
def _rise(known: Baseline, minutes: Array, end_s: float) -> tuple[Array, Array, Array]:
    rows = len(minutes)
    counted = np.cumsum(np.nan_to_num(minutes)[:, ::-1], axis=1)
    observed = np.cumsum(np.isfinite(minutes)[:, ::-1], axis=1)
    ratio, surprise = np.ones(rows), np.zeros(rows)
    since = np.full(rows, np.nan)
    for width in RISE_WINDOWS_MIN:
        if width > minutes.shape[1]:
            continue
        count, share = counted[:, width - 1], observed[:, width - 1] / width
        usual = known.level * _touched(known.profile, end_s, width)
        mean = np.maximum(usual, known.burst if width <= _HOUR_MIN else known.burst_day) * share
        variance = known.day_variance + 1.0 / known.known
        # Errors that come in clumps vary the more the shorter the window: as one over its width.
        variance = variance + known.hour_variance * 60 / width
        if width < 60:
            variance = variance + known.quarter_variance
        found = _surprise_more(count, mean, variance)
        here = (count + _PRIOR) / (mean + _PRIOR)
        better = found > surprise
        ratio, surprise = np.where(better, here, ratio), np.where(better, found, surprise)
        since = np.where(better, _rise_began(counted, known, end_s, width), since)
    return ratio, surprise, since


def _touched(profile: Array, end_s: float, width_min: int) -> Array:
    """Return the exposure in mean hours of a window that ends at ``end_s``, see ``departures``."""
    first = int((end_s - width_min * MINUTE_S) // HOUR_S)
    last = int((end_s - 1) // HOUR_S)
    hours = profile[:, hour_of_week(first * HOUR_S, last - first + 1)]
    if width_min <= 60:
        return np.asarray(hours.max(axis=1) * width_min / 60)
    partial = hours.shape[1] - width_min / 60
    return np.asarray(hours.sum(axis=1) - partial * np.minimum(hours[:, 0], hours[:, -1]))


def _rise_began(counted: Array, known: Baseline, end_s: float, width: int) -> Array:
    """Return the start of the stretch, up to the window, that exceeds what is usual most (CUSUM), seconds."""
    minutes = np.arange(1, width + 1)
    hour = hour_of_week(0.0, 1)[0] + ((end_s - minutes * MINUTE_S) // HOUR_S).astype(np.int64)
    rate = known.profile[:, hour % WEEK_HOURS] * known.level[:, None] / 60
    excess = counted[:, :width] - 1.5 * np.cumsum(rate, axis=1)
    return np.asarray(end_s - MINUTE_S * minutes[excess.argmax(axis=1)])


def _fall(known: Baseline, hourly: Array, end_s: float) -> tuple[Array, Array, Array]:
    last_end = end_s - end_s % HOUR_S
    rows = len(hourly)
    ratio, surprise = np.ones(rows), np.zeros(rows)
    since = np.full(rows, np.nan)
    for width in FALL_WINDOWS_H:
        if width > hourly.shape[1]:
            continue
        part = hourly[:, -width:]
        rhythm = known.profile[:, hour_of_week(last_end - width * HOUR_S, width)]
        mean = known.slow_level * np.where(np.isfinite(part), rhythm, 0.0).sum(axis=1)
        count = np.nansum(part, axis=1)
        found = _surprise_less(count, mean, known.day_variance + 1.0 / known.slow_known)
        better = found > surprise
        ratio = np.where(better, (count + _PRIOR) / (mean + _PRIOR), ratio)
        surprise = np.where(better, found, surprise)
        since = np.where(better, last_end - width * HOUR_S, since)
    return ratio, surprise, since


def _silence(known: Baseline, hourly: Array, end_s: float, last_seen_s: Array) -> tuple[Array, Array]:
    """Return (-log10 of the chance of no error since the last, in how many hours), of hours that are over."""
    last_end = end_s - end_s % HOUR_S
    hours = hourly.shape[1]
    starts = last_end - HOUR_S * np.arange(hours, 0, -1)
    rhythm = known.profile[:, hour_of_week(starts[0], hours)]
    quiet = (starts[None, :] >= last_seen_s[:, None]) & np.isfinite(hourly)
    waited = np.where(quiet, rhythm, 0.0).sum(axis=1)
    variance = 1.0 / known.known + known.day_variance + known.hour_variance / np.maximum(waited, 1.0)
    surprise = _surprise_less(np.zeros(len(hourly)), known.level * waited, variance)
    return np.where(waited > 2.0 * known.gap_h, surprise, 0.0), quiet.sum(axis=1).astype(np.float64)


def _surprise_more(count: Array, mean: Array, variance: Array) -> Array:
    """Return -log10 P(N >= count), N negative binomial with relative extra variance, 0 for count 0.

    Source:
        P(N >= k) is the regularised incomplete beta I_q(k, r), q = mean / (mean + r), r = 1 / variance.
    """
    size = 1.0 / np.maximum(variance, 1e-9)
    p = betainc(np.maximum(count, 1.0), size, mean / (mean + size))
    return np.where(count > 0, -np.log10(np.maximum(p, _LEAST_P)), 0.0)


def _surprise_less(count: Array, mean: Array, variance: Array) -> Array:
    """Return -log10 P(N <= count), as ``_surprise_more``."""
    size = 1.0 / np.maximum(variance, 1e-9)
    p = betaincc(count + 1.0, size, mean / (mean + size))
    return np.asarray(-np.log10(np.maximum(p, _LEAST_P)))
