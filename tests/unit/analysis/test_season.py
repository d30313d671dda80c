"""Rhythm and its strength: against scipy, by hand, and on noise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from error_manager.analysis.season import hour_of_week, seasons

MONDAY_S = 1_767_571_200.0  # 2026-01-05 00:00 UTC, a Monday
HOURS_OF_FOUR_WEEKS = 4 * 168
NIGHT = np.where(np.arange(24) == 2, 24.0, 0.0)


def test_hours_of_the_week_begin_on_monday():
    """Hour 0 of a Monday is 0; a Thursday in 1970 begins at 72; a week has 168."""
    assert hour_of_week(MONDAY_S, 3).tolist() == [0, 1, 2]
    assert hour_of_week(0.0, 1).tolist() == [72]
    assert hour_of_week(MONDAY_S + 3600 * 167, 2).tolist() == [167, 0]


def test_strength_and_p_are_those_of_the_two_way_layout():
    """F by hand from row and column means; p from scipy's F distribution; omega squared by its formula."""
    rng = np.random.default_rng(3)
    hourly = rng.poisson(5.0 + 3.0 * np.sin(np.arange(24) / 24 * 2 * np.pi), (5, 24)).astype(float)
    even = 2 * np.sqrt(hourly + 0.375)
    effect = even.mean(axis=0) - even.mean()
    rest = even - even.mean(axis=1, keepdims=True) - effect
    between, within = 5 * (effect**2).sum(), (rest**2).sum()
    noise = within / (23 * 4)
    found = seasons(hourly.reshape(1, -1), MONDAY_S)
    assert found.daily_p[0] == pytest.approx(stats.f.sf(between / 23 / noise, 23, 92))
    assert found.daily_strength[0] == pytest.approx((between - 23 * noise) / (between + within + noise))


def test_a_nightly_job_is_all_rhythm():
    """160 errors at two each night: strength near 1, and nearly all of the profile lies there."""
    found = seasons(np.tile(NIGHT * 160 / 24, 30)[None, :], MONDAY_S)
    assert found.daily_strength[0] > 0.99
    assert found.profile[0, 2] > 22
    assert found.profile.mean(axis=1) == pytest.approx([1.0])


def test_a_quiet_weekend_is_a_weekly_rhythm():
    """Four weeks of ten an hour on five days and none on two."""
    week = np.repeat([10.0] * 5 + [0.0] * 2, 24)
    found = seasons(np.tile(week, 4)[None, :], MONDAY_S)
    assert found.weekly_strength[0] > 0.95
    assert found.weekly_p[0] < 1e-6
    assert found.profile[0, 24 * 5] < found.profile[0, 0] / 3


def test_noise_has_no_rhythm():
    """Of 2,000 constant Poisson series one in a hundred passes at p < .01 (binomial 99.9 % range)."""
    rng = np.random.default_rng(8)
    found = seasons(rng.poisson(3.0, (2000, 720)).astype(float), MONDAY_S)
    low, high = stats.binom.ppf([0.0005, 0.9995], 2000, 0.01)
    assert low <= (found.daily_p < 0.01).sum() <= high
    assert low <= (found.weekly_p < 0.01).sum() <= high
    assert found.daily_strength.mean() < 0.01


def test_one_burst_is_no_rhythm():
    """A thousand errors in one hour of a month move the profile of that hour little."""
    hourly = np.ones((1, 720))
    hourly[0, 350] = 1000.0
    assert seasons(hourly, MONDAY_S).profile.max() < 1.6


@given(st.integers(0, 400), st.integers(0, 60), st.integers(0, 6))
def test_what_was_not_collected_is_no_zero(first, length, seed):
    """A gap leaves the profile of a constant series flat, finite, positive and with mean 1."""
    hourly = np.full((1, 480), 8.0)
    hourly[0, first : first + length] = np.nan
    found = seasons(hourly, MONDAY_S + seed * 86_400)
    assert np.isfinite(found.profile).all()
    assert found.profile == pytest.approx(np.ones((1, 168)), abs=0.02)
    assert (found.daily_strength[0], found.weekly_strength[0]) == (0.0, 0.0)


@pytest.mark.parametrize("hours", [1, 23, 24, 71, 720])
def test_short_and_empty_series_have_a_flat_profile(hours):
    """Nothing known, or nothing counted: mean 1, no rhythm."""
    for hourly in (np.zeros((1, hours)), np.full((1, hours), np.nan)):
        found = seasons(hourly, MONDAY_S)
        assert found.profile == pytest.approx(np.ones((1, 168)))
        assert (found.daily_p[0], found.weekly_p[0]) == (1.0, 1.0)


def test_a_weekly_job_and_office_hours_are_in_the_profile():
    """A job each Tuesday at six; and nights and weekends with a fiftieth of the rate of working hours."""
    weekhour = np.arange(HOURS_OF_FOUR_WEEKS) % 168
    job = np.where(weekhour == 30, 100.0, 0.0)
    office = np.where((weekhour < 120) & (weekhour % 24 >= 8) & (weekhour % 24 < 18), 50.0, 1.0)
    found = seasons(np.stack((job, office)), MONDAY_S)
    assert found.profile[0, 30] > 100
    assert found.profile[1, 120:].sum() < 0.06 * found.profile[1].sum()


def test_two_weeks_do_not_make_an_hour_of_the_week():
    """One burst within two weeks is capped: half of the Tuesdays at six is no rhythm."""
    hourly = np.ones((1, HOURS_OF_FOUR_WEEKS // 2))
    hourly[0, 30] = 1000.0
    assert (
        seasons(hourly, MONDAY_S).profile.max() < 2.5
    )  # capped at 9 errors; as it came it would be over 100
