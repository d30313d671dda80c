"""States are entered on strong evidence, left on weak, and told once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import binom

from error_manager.analysis.pattern_state import (
    CALM_FOR,
    NEW_FOR,
    REGRESSED_FOR,
    Departure,
    Facts,
    PatternTrend,
    next_state,
    quiet_times,
)

NOW = datetime(2026, 3, 10, 14, 20, tzinfo=UTC)
OLD = NOW - timedelta(days=40)
USUAL = Facts(first_seen=OLD, last_seen=NOW)
RISE = Departure(ratio=3.4, surprise=12.0, since=NOW - timedelta(minutes=15))
FALL = Departure(ratio=0.2, surprise=9.0, since=NOW - timedelta(days=1))


def quiet(*, longest_h=0, pauses=0, **since):
    """Return the facts of a pattern without an error for so long, after pauses of its own."""
    return replace(
        USUAL,
        last_seen=NOW - timedelta(**since),
        quiet=timedelta(**since),
        longest_pause=timedelta(hours=longest_h),
        pauses=pauses,
    )


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        (USUAL, PatternTrend.ONGOING),
        (replace(USUAL, first_seen=NOW - timedelta(hours=1)), PatternTrend.NEW),
        (replace(USUAL, first_seen=NOW - timedelta(hours=1), rise=RISE), PatternTrend.NEW),
        (replace(USUAL, rise=RISE), PatternTrend.RISING),
        (replace(USUAL, rise=replace(RISE, ratio=1.9)), PatternTrend.ONGOING),
        (replace(USUAL, rise=replace(RISE, surprise=5.9)), PatternTrend.ONGOING),
        (replace(USUAL, fall=FALL), PatternTrend.FADING),
        (replace(USUAL, rise=RISE, fall=FALL), PatternTrend.RISING),
        (replace(USUAL, fall=replace(FALL, surprise=4.9)), PatternTrend.ONGOING),
        (replace(USUAL, silence=Departure(ratio=0, surprise=8.0)), PatternTrend.SILENT),
        (quiet(days=2), PatternTrend.SILENT),
        (quiet(days=1, hours=23), PatternTrend.ONGOING),
        (quiet(days=2, longest_h=4, pauses=3), PatternTrend.SILENT),
        (quiet(days=2, longest_h=5, pauses=3), PatternTrend.ONGOING),
        (quiet(days=14, longest_h=112, pauses=3), PatternTrend.SILENT),
        (quiet(days=14, longest_h=113, pauses=3), PatternTrend.ONGOING),
        (replace(USUAL, resolved_at=OLD, returned_at=NOW), PatternTrend.REGRESSED),
        (replace(USUAL, resolved_at=OLD), PatternTrend.ONGOING),
        (replace(USUAL, rise=RISE, resolved_at=OLD, returned_at=NOW), PatternTrend.REGRESSED),
    ],
)
def test_first_look(facts, state):
    """What the facts alone say, with the thresholds of the guide."""
    change = next_state(None, facts, NOW)
    assert (change.state, change.is_changed, change.noticed_at) == (state, True, NOW)


def test_rising_is_told_once_with_its_begin_and_clearest_ratio():
    """Told at the first look; a clearer ratio later is kept, a wobble below the entry is not told."""
    change = next_state(None, replace(USUAL, rise=RISE), NOW)
    assert (change.since, change.ratio) == (RISE.since, 3.4)
    for ratio, seen in ((5.0, 5.0), (1.5, 5.0), (2.5, 5.0)):
        later = change.noticed_at + timedelta(minutes=1)
        change = next_state(change, replace(USUAL, rise=Departure(ratio=ratio, surprise=1.0)), later)
        assert (change.state, change.is_changed, change.ratio) == (PatternTrend.RISING, False, seen)
        assert change.since == RISE.since


def test_rising_ends_only_when_it_was_calm_for_a_while():
    """Two hours without weak evidence end it; a relapse within them starts the wait anew."""
    change = next_state(None, replace(USUAL, rise=RISE), NOW)
    almost = NOW + CALM_FOR - timedelta(minutes=1)
    change = next_state(change, USUAL, almost)
    assert change.state is PatternTrend.RISING
    relapse = next_state(change, replace(USUAL, rise=replace(RISE, ratio=1.5)), almost)
    assert next_state(relapse, USUAL, NOW + CALM_FOR).state is PatternTrend.RISING
    ended = next_state(change, USUAL, NOW + CALM_FOR)
    assert (ended.state, ended.is_changed, ended.since) == (PatternTrend.ONGOING, True, NOW)


def test_new_becomes_ongoing_after_a_day():
    """The first day is new, the next is not."""
    facts = replace(USUAL, first_seen=NOW)
    change = next_state(None, facts, NOW)
    assert next_state(change, facts, NOW + NEW_FOR - timedelta(seconds=1)).state is PatternTrend.NEW
    assert next_state(change, facts, NOW + NEW_FOR).state is PatternTrend.ONGOING


def test_silence_lasts_until_the_next_error():
    """However the usual rate sinks meanwhile; the error that ends it brings no other state by itself."""
    silent = replace(USUAL, last_seen=NOW - timedelta(hours=3), silence=Departure(ratio=0, surprise=9.0))
    change = next_state(None, silent, NOW)
    assert (change.state, change.since) == (PatternTrend.SILENT, silent.last_seen)
    sunken = replace(silent, silence=Departure(ratio=0, surprise=0.5))
    assert next_state(change, sunken, NOW + timedelta(days=5)).state is PatternTrend.SILENT
    later = NOW + timedelta(days=6)
    assert next_state(change, replace(USUAL, last_seen=later), later).state is PatternTrend.ONGOING


@pytest.mark.parametrize("pauses", [8, 20, 70, 400])
def test_a_pause_beyond_habit_is_as_seldom_as_promised(pauses):
    """1 / C(k + n, n) is a thousandth for each pause, by scipy; below and above it is three or ten times."""
    times = quiet_times(pauses)
    assert 3 <= times <= 10
    if 3.001 < times < 9.999:
        assert 1 / binom(times + pauses, pauses) == pytest.approx(1e-3 / pauses, rel=1e-3)
    else:
        assert pauses == 400
        assert 1 / binom(3 + pauses, pauses) < 1e-3 / pauses


def test_after_downtime_nothing_is_silent():
    """Four days without an error of which a day was collected are not two days of quiet."""
    away = replace(quiet(days=4), quiet=timedelta(days=1))
    assert next_state(None, away, NOW).state is PatternTrend.ONGOING


def test_a_regression_lasts_a_week_and_a_second_one_is_told_again():
    """Regressed for seven days from its first error; resolved and back again is another change."""
    facts = replace(USUAL, resolved_at=NOW - timedelta(days=1), returned_at=NOW)
    change = next_state(None, facts, NOW)
    assert not next_state(change, facts, NOW + timedelta(days=1)).is_changed
    assert next_state(change, facts, NOW + REGRESSED_FOR).state is PatternTrend.ONGOING
    again = NOW + timedelta(days=2)
    second = next_state(change, replace(facts, returned_at=again), again)
    assert (second.state, second.since, second.is_changed) == (PatternTrend.REGRESSED, again, True)


def test_while_nothing_is_collected_a_state_stays():
    """No errors because nobody collects them is neither silent nor fading nor calm."""
    change = next_state(None, replace(USUAL, rise=RISE), NOW)
    away = replace(USUAL, is_collected=False, silence=Departure(ratio=0, surprise=50.0))
    assert next_state(change, away, NOW + timedelta(hours=9)).state is PatternTrend.RISING


departure = st.builds(
    Departure, ratio=st.floats(0, 50), surprise=st.floats(0, 300), since=st.none() | st.just(NOW)
)


facts_of = st.builds(
    Facts, first_seen=st.just(OLD), last_seen=st.just(NOW), rise=departure, fall=departure, silence=departure
)


@given(st.lists(facts_of, min_size=1, max_size=20))
def test_only_a_change_is_told_and_the_same_facts_change_nothing(looks):
    """``is_changed`` says that the state differs from before; a second look at the same facts differs not."""
    change = None
    for minute, facts in enumerate(looks):
        now = NOW + timedelta(minutes=minute)
        after = next_state(change, facts, now)
        assert after.is_changed == (change is None or change.state is not after.state)
        assert not next_state(after, facts, now).is_changed
        change = after
