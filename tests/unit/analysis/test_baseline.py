"""What is usual and how far from it: probabilities against scipy, windows by hand, gaps and jobs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from error_manager.analysis.baseline import (
    _surprise_less,
    _surprise_more,
    baseline,
    departures,
    expected_rate,
)

MONDAY_S = 1_767_571_200.0
HOURS = 720
END_S = MONDAY_S + 3600.0 * HOURS


def look(hourly, minutes=None, *, first_s=MONDAY_S, last_s=END_S - 1):
    """Return (baseline, departures) of one pattern at the end of a month."""
    counts = np.asarray(hourly, dtype=np.float64).reshape(1, -1)
    if minutes is None:
        minutes = np.repeat(counts[:, -24:] / 60.0, 60, axis=1)
    known = baseline(counts, minutes, start_s=MONDAY_S, first_seen_s=np.asarray([first_s]))
    found = departures(known, counts[:, -168:], minutes, end_s=END_S, last_seen_s=np.asarray([last_s]))
    return known, found


@pytest.mark.parametrize(
    ("count", "mean", "variance"), [(0, 3.0, 0.1), (1, 0.02, 0.5), (40, 12.0, 0.05), (9, 9.0, 2.0)]
)
def test_surprises_are_those_of_the_negative_binomial(count, mean, variance):
    """-log10 of scipy's tails, with r = 1 / variance and p = r / (r + mean)."""
    size = 1 / variance
    law = stats.nbinom(size, size / (size + mean))
    one = [np.asarray([value], dtype=np.float64) for value in (count, mean, variance)]
    assert _surprise_more(*one)[0] == pytest.approx(-np.log10(law.sf(count - 1)) if count else 0.0)
    assert _surprise_less(*one)[0] == pytest.approx(-np.log10(law.cdf(count)))


def test_a_constant_pattern_is_as_usual():
    """Twelve an hour: level 12, nothing departs, the rate of any hour is 12."""
    known, found = look(np.full(HOURS, 12.0))
    assert known.level[0] == pytest.approx(12.0, rel=0.01)
    assert expected_rate(known, END_S)[0] == pytest.approx(12.0, rel=0.01)
    assert found.rise_surprise[0] < 2
    assert found.fall_surprise[0] < 2
    assert found.silence_surprise[0] < 1


def test_a_rise_is_told_with_its_ratio_and_begin():
    """A last quarter of 41 errors where 3 are usual: 41.5 / 3.5, since fifteen minutes before the end."""
    known, _ = look(np.full(HOURS, 12.0))
    minutes = np.full((1, 1440), 0.2)
    minutes[0, -15:] = 41 / 15
    hourly = np.full((1, 168), 12.0)
    found = departures(known, hourly, minutes, end_s=END_S, last_seen_s=np.asarray([END_S - 1]))
    mean = known.level[0] / 4
    assert found.rise_ratio[0] == pytest.approx(41.5 / (mean + 0.5), rel=0.01)
    assert found.rise_surprise[0] > 6
    assert found.rise_since_s[0] == END_S - 15 * 60


def test_what_was_not_collected_is_no_silence_and_no_fall():
    """Three days without collection: nothing is said; three days without an error: all of it is."""
    gone = np.full(HOURS, 12.0)
    gone[-72:] = np.nan
    minutes = np.full((1, 1440), np.nan)
    _, away = look(gone, minutes, last_s=END_S - 72 * 3600 - 1)
    assert (away.silence_surprise[0], away.rise_surprise[0]) == (0.0, 0.0)
    assert away.fall_surprise[0] < 2
    quiet = np.nan_to_num(gone)
    before, _ = look(np.full(HOURS, 12.0))
    found = departures(
        before, quiet[None, -168:], np.zeros((1, 1440)), end_s=END_S,
        last_seen_s=np.asarray([END_S - 72 * 3600 - 1]),
    )  # fmt: skip
    assert found.silence_surprise[0] > 20
    assert found.fall_surprise[0] > 5
    assert found.fall_ratio[0] < 0.01


def test_a_nightly_job_is_neither_rising_at_night_nor_silent_by_day():
    """160 errors at two each night: no rise while it runs, no silence at noon; a missed night is one."""
    night = np.zeros(HOURS)
    night[2::24] = 160.0
    minutes = np.zeros((1, 1440))
    minutes[0, 120:135] = 160 / 15
    known, _ = look(night, minutes)
    two = END_S + 2 * 3600
    running = np.zeros((1, 1440))
    running[0, -10:] = 16.0
    running[0, -1440 + 10 : -1440 + 15] = 12.0
    here = departures(
        known, night[None, -168:], running, end_s=two + 600, last_seen_s=np.asarray([two + 590])
    )
    assert here.rise_surprise[0] < 6
    noon = END_S + 12 * 3600
    week = np.concatenate((night[-166:], [0, 0, 160.0, *([0.0] * 9)]))[None, -168:]
    last = np.asarray([END_S + 2 * 3600 + 900])
    assert departures(known, week, minutes, end_s=noon, last_seen_s=last).silence_surprise[0] < 1
    missed = np.concatenate((night[-166:], [0.0] * 12))[None, -168:]
    last = np.asarray([END_S - 22 * 3600 + 900.0])
    assert (
        departures(known, missed, np.zeros((1, 1440)), end_s=noon, last_seen_s=last).silence_surprise[0] > 6
    )


def test_a_weekly_job_is_no_rise_and_three_times_of_it_are():
    """120 errors each Wednesday: one more time is as usual, 360 errors are three times a burst."""
    weeks = np.zeros(HOURS)
    weeks[48::168] = 120.0
    known, _ = look(weeks)
    assert (known.burst[0], known.burst_day[0]) == (120.0, 120.0)
    for size, is_rise in ((120.0, False), (360.0, True)):
        minutes = np.zeros((1, 1440))
        minutes[0, -30:] = size / 30
        found = departures(
            known, weeks[None, -168:], minutes, end_s=END_S + 1800, last_seen_s=np.asarray([END_S + 1799])
        )
        assert bool(found.rise_ratio[0] >= 2) is is_rise


def test_only_what_comes_in_bursts_is_held_against_bursts():
    """Errors at any hour, office hours, and one incident of a pattern that comes all day: no bursts."""
    rng = np.random.default_rng(2)
    office = np.where((np.arange(HOURS) % 24 >= 8) & (np.arange(HOURS) % 24 < 18), 30.0, 0.0)
    incident = rng.poisson(0.5, HOURS).astype(float)
    incident[300:302] = 400.0
    for hourly in (rng.poisson(0.02, HOURS).astype(float), office, incident):
        known, _ = look(hourly)
        assert known.burst[0] <= 1.0
    once = np.zeros(HOURS)
    once[300:302] = 400.0
    known, _ = look(once)
    assert (known.burst[0], known.burst_day[0]) == (0.0, 0.0)


def test_pauses_are_counted_in_collected_hours():
    """Errors at hours 10, 11, 20 and 40, hours 25 to 29 not collected: 8 and 14 hours; 10 more before."""
    hourly = np.zeros(HOURS)
    hourly[[10, 11, 20, 40]] = 1.0
    hourly[25:30] = np.nan
    born, _ = look(hourly, first_s=MONDAY_S + 10 * 3600)
    assert (born.pause_h[0], born.pauses[0]) == (14.0, 2.0)
    hourly[20] = 0.0
    older, found = look(hourly, first_s=MONDAY_S - 86400, last_s=MONDAY_S + 40.5 * 3600)
    assert (older.pause_h[0], older.pauses[0]) == (23.0, 2.0)
    assert found.quiet_h[0] == 168


def test_hours_before_birth_do_not_count():
    """Born two days ago at twelve an hour: the level is 12, not a fifteenth of it, and rests on little."""
    hourly = np.zeros(HOURS)
    hourly[-48:] = 12.0
    known, _ = look(hourly, first_s=END_S - 48 * 3600)
    old, _ = look(np.full(HOURS, 12.0))
    assert known.level[0] == pytest.approx(12.0, rel=0.02)
    assert known.day_variance[0] > old.day_variance[0] + 0.3


def test_many_patterns_at_once_are_each_judged_alone():
    """The same pattern among others gives the same numbers."""
    rng = np.random.default_rng(1)
    hourly = rng.poisson(np.asarray([[0.1], [4.0], [90.0]]) * np.ones((3, HOURS))).astype(float)
    minutes = rng.poisson(hourly[:, -24:].repeat(60, axis=1) / 60).astype(float)
    first = np.full(3, MONDAY_S)
    all_known = baseline(hourly, minutes, start_s=MONDAY_S, first_seen_s=first)
    one_known = baseline(hourly[1:2], minutes[1:2], start_s=MONDAY_S, first_seen_s=first[:1])
    for name in (
        "level",
        "known",
        "day_variance",
        "hour_variance",
        "quarter_variance",
        "gap_h",
        "pause_h",
        "burst",
    ):
        assert getattr(all_known, name)[1] == pytest.approx(getattr(one_known, name)[0])
    assert replace(all_known, level=one_known.level).profile.shape == (3, 168)
