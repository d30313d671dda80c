"""When a rate went up: the moment, its interval, and how sure it is that it did."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from error_manager.analysis.onset import find_onset


def test_a_sudden_rise_is_found_at_its_first_event():
    """Ten events a minute apart after half an hour of silence: the first of them, known to a minute."""
    onset = find_onset(1_800 + 60.0 * np.arange(10), start_s=0.0, end_s=2_400.0)
    assert onset.at_s == 1_800
    assert 1_600 < onset.low_s <= 1_800
    assert onset.high_s == 1_800


def test_the_gain_is_that_worked_out_by_hand():
    """Ten events in the last quarter of the window gain 10 ln 4 over a steady rate."""
    onset = find_onset(1_800 + 60.0 * np.arange(10), start_s=0.0, end_s=2_400.0)
    assert onset.gain == pytest.approx(10 * np.log(4))


def test_a_rise_out_of_a_background_is_found():
    """Two events a minute, then twenty: the interval covers the change."""
    rng = np.random.default_rng(3)
    times = np.sort(np.concatenate((rng.uniform(0, 3_600, 120), rng.uniform(1_800, 3_600, 600))))
    onset = find_onset(times, start_s=0.0, end_s=3_600.0)
    assert onset.low_s <= 1_800 <= onset.high_s + 5
    assert onset.high_s - onset.low_s < 60


def test_a_steady_rate_gains_little_and_is_dated_nowhere():
    """Evenly spread events show no rise: no gain, and the interval is the whole window."""
    onset = find_onset(np.arange(30.0, 3_600, 60), start_s=0.0, end_s=3_600.0)
    assert onset.gain < 1
    assert onset.high_s - onset.low_s > 3_000


def test_one_event_of_a_silent_pattern_is_a_sharp_onset_when_its_rate_is_known():
    """Without the usual rate a single event says little; with it, it is the beginning."""
    times = np.array([2_000.0])
    assert find_onset(times, start_s=0.0, end_s=2_400.0).gain < 2
    known = find_onset(times, start_s=0.0, end_s=2_400.0, usual_per_s=1e-7)
    assert (known.at_s, known.high_s) == (2_000, 2_000)
    assert known.gain > 5


def test_events_at_the_usual_rate_are_no_rise():
    """As many as expected: no gain over the known rate."""
    times = np.arange(30.0, 3_600, 60)
    assert find_onset(times, start_s=0.0, end_s=3_600.0, usual_per_s=1 / 60).gain < 1


@given(
    gaps=st.lists(st.floats(0, 500), min_size=1, max_size=40),
    usual=st.none() | st.floats(0, 1),
)
def test_an_onset_is_an_event_within_its_interval(gaps, usual):
    """Whatever the events: the onset is one of them, within its interval, within the window."""
    times = np.cumsum(np.array(gaps))
    end_s = float(times[-1]) + 1.0
    onset = find_onset(times, start_s=0.0, end_s=end_s, usual_per_s=usual)
    assert onset.at_s in times
    assert 0 <= onset.low_s <= onset.at_s <= onset.high_s <= end_s
    assert onset.gain >= 0
