"""What is usual in a bucket: quantiles against scipy, moments and coverage by simulation, gaps by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from scipy import stats

from error_manager.analysis.baseline import baseline, compact
from error_manager.analysis.season import hour_of_week
from error_manager.analysis.usual import LEVELS, Usual, expected, negative_binomial

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
HOURS = 720
NOW = MONDAY + timedelta(hours=HOURS)
DAY_S = 86_400
HOUR_S = 3_600

PLAIN = Usual(
    level=10.0,
    days=(1.0, 1.0, 1.0, 1.0, 1.5, 0.5, 1.0),
    workday=(0.5, 1.5) * 12,
    weekend=(1.0,) * 24,
    day_variance=0.1,
    hour_variance=0.3,
    since=MONDAY,
    until=NOW,
)


def day_of(hourly):
    """Return the minutes of the last day, even within hours."""
    return hourly[:, -24:].repeat(60, axis=1) / 60


def learned(hourly):
    """Return what is usual of series of hours from Monday on."""
    first = np.full(len(hourly), MONDAY.timestamp())
    known = baseline(hourly, day_of(hourly), start_s=MONDAY.timestamp(), first_seen_s=first)
    return compact(known, since=[MONDAY] * len(hourly), until=NOW)


def bounds(one):
    """Return the four bounds in order of their levels."""
    return [one.lower95, one.lower80, one.upper80, one.upper95]


@pytest.mark.parametrize(
    ("mean", "variance"), [(0.02, 0.5), (3.0, 0.01), (12.0, 0.1), (80.0, 0.3), (299.0, 0.02), (3.0, 30.0)]
)
def test_bounds_are_quantiles_of_the_negative_binomial(mean, variance):
    """Those of scipy, with r = 1 / variance and p = r / (r + mean)."""
    law = stats.nbinom(1 / variance, 1 / (1 + variance * mean))
    assert bounds(negative_binomial(mean, variance)) == [law.ppf(level) for level in LEVELS]


@pytest.mark.parametrize(
    ("mean", "variance"), [(5e3, 0.02), (1e6, 0.5), (5e3, 20.0), (5e3, 7e-4), (301.0, 1e-5), (1e6, 1e-4)]
)
def test_bounds_of_large_means_are_near(mean, variance):
    """Bundles are a three-hundredth of the mean."""
    law = stats.nbinom(1 / variance, 1 / (1 + variance * mean))
    wanted = [law.ppf(level) for level in LEVELS]
    assert bounds(negative_binomial(mean, variance)) == pytest.approx(wanted, abs=mean / 200)


def test_hours_follow_the_week():
    """Monday 00:00, Friday 01:00 and Saturday 00:00: level x day x hour."""
    starts = [MONDAY, MONDAY + timedelta(days=4, hours=1), MONDAY + timedelta(days=5)]
    found = expected(PLAIN, starts, bucket_s=HOUR_S, now=NOW)
    assert [one and one.point for one in found] == [5.0, 22.5, 5.0]
    assert found[0] == negative_binomial(5.0, 0.4)


def test_a_day_is_no_sum_of_independent_hours():
    """Mean 240; variance 240 + 0.1 x 240^2 + 0.3 x (12 x 5^2 + 12 x 15^2), by hand."""
    (day,) = expected(PLAIN, [MONDAY], bucket_s=DAY_S, now=NOW)
    assert day == negative_binomial(240.0, 0.1 + 0.3 * (12 * 25 + 12 * 225) / 240**2)


def test_the_bucket_that_goes_on_is_held_against_its_part():
    """A quarter past: a quarter of the hour, whose clumps even out less; of the day the hours so far."""
    now = MONDAY + timedelta(days=1, hours=1, minutes=15)
    hour, later = expected(PLAIN, [now.replace(minute=0), now.replace(hour=2)], bucket_s=HOUR_S, now=now)
    assert hour == negative_binomial(3.75, 0.1 + 0.3 * 4)
    assert later is None
    (day,) = expected(PLAIN, [MONDAY + timedelta(days=1)], bucket_s=DAY_S, now=now)
    assert day is not None
    assert day.point == 8.75


def test_what_was_not_collected_is_not_expected():
    """A quarter missing leaves three; of more than half missing nothing is said."""
    start = MONDAY.timestamp()
    gaps = [(start, start + 900), (start + HOUR_S, start + 1.6 * HOUR_S)]
    found = expected(PLAIN, [MONDAY, MONDAY + timedelta(hours=1)], bucket_s=HOUR_S, now=NOW, gaps=gaps)
    assert [one and one.point for one in found] == [3.75, None]
    (day,) = expected(PLAIN, [MONDAY], bucket_s=DAY_S, now=NOW, gaps=gaps)
    assert day is not None
    assert day.point == pytest.approx(240 - 1.25 - 9, rel=1e-3)


def test_nothing_is_usual_before_the_first_error_nor_long_after_the_last_look():
    """A week after it was learned, as far as a forecast."""
    days = [MONDAY - timedelta(days=1), NOW + timedelta(days=6), NOW + timedelta(days=7)]
    found = expected(PLAIN, days, bucket_s=DAY_S, now=NOW + timedelta(days=30))
    assert [one is None for one in found] == [True, False, True]


@pytest.mark.parametrize(
    ("rate", "by_day", "by_hour"), [(20.0, 0.0, 0.0), (200.0, 0.0, 0.0), (20.0, 0.0, 0.5), (200.0, 0.2, 0.2)]
)
def test_the_band_of_80_percent_holds_so_many(rate, by_day, by_hour):
    """Poisson and negative binomial counts with a daily rhythm: hours and days of the month learned from.

    Those of the next week, which was not learned from, within wider limits.
    """
    rng = np.random.default_rng([2026, int(rate), int(100 * by_day), int(100 * by_hour)])
    series, hours = 10, HOURS + 168
    mean = rate * (1 + 0.7 * np.sin(np.arange(hours) * np.pi / 12)) * np.ones((series, 1))
    if by_day:
        mean = mean * np.repeat(rng.gamma(1 / by_day, by_day, (series, hours // 24)), 24, axis=1)
    if by_hour:
        mean = mean * rng.gamma(1 / by_hour, by_hour, mean.shape)
    counts = rng.poisson(mean).astype(np.float64)
    usual = learned(counts[:, :HOURS])
    for width in (1, 24):
        starts = [MONDAY + timedelta(hours=at) for at in range(0, hours, width)]
        bands = [expected(one, starts, bucket_s=width * HOUR_S, now=NOW + timedelta(days=7)) for one in usual]
        summed = counts.reshape(series, -1, width).sum(axis=2)
        low, high = (
            np.asarray([[getattr(one, name) for one in row] for row in bands])
            for name in ("lower80", "upper80")
        )
        is_held = (low <= summed) & (summed <= high)
        assert 0.75 < is_held[:, : HOURS // width].mean() < 0.92
        assert 0.6 < is_held[:, HOURS // width :].mean() < 0.95


def test_a_profile_is_kept_whole():
    """Seven days and two times 24 hours give each of the 168 hours back."""
    rng = np.random.default_rng(5)
    time = np.arange(HOURS)
    is_weekend = (time // 24) % 7 >= 5
    rate = np.where(is_weekend, 5 + 2 * (time % 24 > 20), 40 * (1 + 0.8 * np.sin(time * np.pi / 12)))
    counts = rng.poisson(rate, (1, HOURS)).astype(np.float64)
    first = MONDAY.timestamp()
    known = baseline(counts, day_of(counts), start_s=first, first_seen_s=np.asarray([first]))
    (usual,) = learned(counts)
    week = [usual.rate(first + HOUR_S * at) for at in range(168)]
    wanted = known.level[0] * known.profile[0, hour_of_week(first, 168)]
    np.testing.assert_allclose(week, wanted, atol=0.002 * known.level[0], rtol=0.002)
