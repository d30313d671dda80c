"""How many errors are usual in an hour or a day, and the band they fall into (seed box: Frequency Analyzer).

Standard library only: serving processes draw the past with it, and they load no numpy.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter
from statistics import NormalDist
from typing import Final

from error_manager.analysis.week import DAY_HOURS, EPOCH_OFFSET_H, HOUR_S, WEEK_HOURS, WORKDAYS

LEVELS: Final = (0.025, 0.1, 0.9, 0.975)
_HOLDS: Final = timedelta(days=7)
"""What is usual is not drawn further beyond what it was learned from: as far as a forecast goes."""
_LEAST_COLLECTED: Final = 0.5
"""A bucket of which less was collected has no band."""
_MOST: Final = 300.0
"""Larger means are counted in bundles: a bound is exact to 1/300 of the mean, and found in some 400 steps."""
_SCORES: Final = tuple(NormalDist().inv_cdf(level) for level in LEVELS)
_LEAST_VARIANCE: Final = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """What a pattern usually does: the rate of an hour is level x its day x its hour.

    Attributes:
        level: errors per hour, mean of a week.
        days: of the seven UTC weekdays, Monday first, mean 1.
        workday: of the 24 hours of Monday to Friday, mean 1.
        weekend: of those of Saturday and Sunday.
        day_variance: relative variance that all hours of a day have in common: how sure the level is, and
            how much days differ beyond chance.
        hour_variance: relative variance from hour to hour beyond that.
        since: from when on there was anything to learn from: a month ago, or the first error.
        until: up to when it was learned.
    """

    level: float
    days: tuple[float, ...]
    workday: tuple[float, ...]
    weekend: tuple[float, ...]
    day_variance: float
    hour_variance: float
    since: datetime
    until: datetime

    def rate(self, time_s: float) -> float:
        """Return the errors per hour that are usual at a time in seconds since the epoch."""
        day, hour = divmod((int(time_s // HOUR_S) + EPOCH_OFFSET_H) % WEEK_HOURS, DAY_HOURS)
        return self.level * self.days[day] * (self.workday if day < WORKDAYS else self.weekend)[hour]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """How many errors are usual in a bucket, and the bands that hold 80 and 95 % of what comes."""

    point: float
    lower80: int
    upper80: int
    lower95: int
    upper95: int


def expected(
    usual: Usual,
    starts: Sequence[datetime],
    *,
    bucket_s: int,
    now: datetime,
    gaps: Sequence[tuple[float, float]] = (),
) -> tuple[Expected | None, ...]:
    """Return what is usual in each bucket; None where nothing is known, or too little was collected.

    What is expected is that of the time that is over and was collected: of the bucket that goes on, of the
    time since its start.

    Args:
        usual: of the pattern.
        starts: of the buckets, whole UTC hours.
        bucket_s: their length in seconds, whole hours.
        now: buckets end there.
        gaps: (start, end) in seconds of the times in which nobody collected, apart and in order of time.

    Source:
        A day D has the rate of its hours h times a factor of the day (mean 1, variance d) times factors of
        its hours (mean 1, variance h each), so N_D = sum of Poisson(m_h) has mean M = sum m_h and, by the
        law of total variance and without the product d h, variance M + d M^2 + h sum m_h^2: what hours have
        in common does not even out over a day. Its law is taken as the negative binomial of these two moments
        (as ``baseline.departures`` does). Clumps make a part s of an hour vary by h / s.
    """
    since_s, end_s = usual.since.timestamp(), min(now, usual.until + _HOLDS).timestamp()
    known: dict[tuple[float, float], Expected] = {}
    found: list[Expected | None] = []
    for start in starts:
        first = start.timestamp()
        last = min(first + bucket_s, end_s)
        hours = _collected(max(first, since_s), last, gaps)
        moments = _moments(usual, hours)
        passed = (min(first + bucket_s, now.timestamp()) - first) / HOUR_S
        if moments is None or sum(share for _, share in hours) < _LEAST_COLLECTED * passed:
            found.append(None)
            continue
        if moments not in known:
            known[moments] = negative_binomial(*moments)
        found.append(known[moments])
    return tuple(found)


def negative_binomial(mean: float, variance: float) -> Expected:
    """Return mean and quantiles of counts: the smallest that so much of what comes is below or at.

    Args:
        mean: > 0.
        variance: relative variance beyond that of a Poisson count.

    Source:
        P(0) = (1 + variance mean)^(-1 / variance), P(k) = P(k-1) (k - 1 + r) / k q with r = 1 / variance and
        q = mean / (mean + r). A large mean is counted in bundles of the same relative variance in all; one so
        sure that bundles would widen it is near to normal: E. A. Cornish and R. A. Fisher, Revue de
        l'Institut International de Statistique 5 (1938) 307-320, with the skewness.
    """
    whole = variance + 1.0 / mean
    if mean > _MOST and whole < 1.0 / _MOST:
        skewness = (whole + variance) / math.sqrt(whole)
        moves = [math.sqrt(whole) * (z + (z * z - 1.0) * skewness / 6.0) for z in _SCORES]
        bounds = [round(mean * (1.0 + move)) for move in moves]
    else:
        bounds = _counted(mean, whole)
    lower95, lower80, upper80, upper95 = bounds
    return Expected(
        point=float(f"{mean:.4g}"), lower80=lower80, upper80=upper80, lower95=lower95, upper95=upper95
    )


def _counted(mean: float, whole: float) -> list[int]:
    """Return the quantiles of a mean with a relative variance in all, in bundles; see above."""
    bundle = max(1.0, mean / _MOST)
    center = mean / bundle
    wide = max(whole - 1.0 / center, _LEAST_VARIANCE)
    size, ratio = 1.0 / wide, center / (center + 1.0 / wide)
    count, chance = 0, math.exp(-size * math.log1p(center * wide))
    below, bounds = chance, []
    for level in LEVELS:
        while below < level:
            count += 1
            chance *= (count - 1.0 + size) / count * ratio
            below += chance
        bounds.append(round(count * bundle))
    return bounds


def _collected(
    first: float, last: float, gaps: Sequence[tuple[float, float]]
) -> tuple[tuple[float, float], ...]:
    """Return the start of each hour from ``first`` to ``last`` with the share of it that was collected."""
    missing = gaps[bisect_right(gaps, first, key=itemgetter(1)) : bisect_left(gaps, last, key=itemgetter(0))]
    hours, at = [], first
    while at < last:
        end = min(last, (at // HOUR_S + 1) * HOUR_S)
        lost = sum(max(0.0, min(end, until) - max(at, since)) for since, until in missing)
        hours.append((at, (end - at - lost) / HOUR_S))
        at = end
    return tuple(hours)


def _moments(usual: Usual, hours: Sequence[tuple[float, float]]) -> tuple[float, float] | None:
    """Return mean and relative extra variance of the sum of some hours; None when none was collected."""
    mean = squares = 0.0
    for start, share in hours:
        rate = usual.rate(start)
        mean += rate * share
        squares += rate * rate * share
    if mean <= 0.0:
        return None
    # Rounded: days that are alike are worked out once.
    wide = usual.day_variance + usual.hour_variance * squares / (mean * mean)
    return float(f"{mean:.6g}"), float(f"{wide:.6g}")
