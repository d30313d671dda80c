"""Burstiness and memory: published limits, hand calculation, random cuts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from error_manager.analysis.burstiness import burstiness, times_of


def test_a_clock_is_minus_one():
    """Equal gaps: -1 exactly, no memory, all quantiles the gap."""
    found = burstiness(np.arange(0.0, 100.0, 10.0))
    assert found is not None
    assert (found.burstiness, found.memory, found.gaps) == (pytest.approx(-1.0), 0.0, 9)
    assert found.gap_quantiles_s == (10.0,) * 5


def test_all_at_once_is_plus_one():
    """One gap takes everything: r = sqrt(m - 1), the most that m gaps can have."""
    found = burstiness(np.asarray([0.0] * 9 + [50.0]))
    assert found is not None
    assert found.burstiness == pytest.approx(1.0)


@pytest.mark.parametrize("events", [8, 20, 100])
def test_chance_is_zero_at_any_number(events):
    """Random times have a mean within .05 of 0, nearer than without the correction."""
    rng = np.random.default_rng(events)
    times = [np.sort(rng.random(events)) for _ in range(1000)]
    ratios = np.asarray([np.diff(one).std() / np.diff(one).mean() for one in times])
    mean = np.mean([found.burstiness for one in times if (found := burstiness(one))])
    assert mean == pytest.approx(0.0, abs=0.05)
    assert abs(mean) < abs(((ratios - 1) / (ratios + 1)).mean())


def test_memory_is_the_correlation_of_neighbouring_gaps():
    """Against scipy's Pearson correlation."""
    rng = np.random.default_rng(2)
    times = np.cumsum(rng.exponential(1.0, 60))
    gaps = np.diff(times)
    found = burstiness(times)
    assert found is not None
    assert found.memory == pytest.approx(float(stats.pearsonr(gaps[:-1], gaps[1:]).statistic))


def test_by_hand():
    """Gaps 1, 1, 1, 5: mean 2, deviation sqrt(3), m = 4."""
    found = burstiness(np.asarray([0.0, 1.0, 2.0, 3.0, 8.0]))
    assert found is not None
    ratio = math.sqrt(3.0) / 2.0
    expected = (math.sqrt(5) * ratio - math.sqrt(3)) / ((math.sqrt(5) - 2) * ratio + math.sqrt(3))
    assert found.burstiness == pytest.approx(expected)
    assert found.gap_quantiles_s[2] == 1.0


@pytest.mark.parametrize("times", [[], [1.0], [1.0, 2.0, 3.0, 4.0], [3.0] * 9])
def test_too_few_gaps_say_nothing(times):
    """Fewer than four gaps, or all at the same moment."""
    assert burstiness(np.asarray(times, dtype=np.float64)) is None


@given(st.lists(st.integers(0, 30) | st.none(), max_size=50))
def test_times_keep_their_buckets(values):
    """As many times as errors, ascending, each within its bucket."""
    counts = np.asarray([np.nan if value is None else float(value) for value in values], dtype=np.float64)
    times = times_of(counts, 1000.0, 60.0)
    found = (
        np.histogram(times, bins=len(counts), range=(1000.0, 1000.0 + 60.0 * len(counts)))[0]
        if values
        else []
    )
    assert list(found) == [value or 0 for value in values]
    assert (np.diff(times) >= 0).all()


def test_only_the_newest_are_kept():
    """Of 50,000 errors the last 20,000 at most, whole buckets."""
    times = times_of(np.full(50, 1000.0), 0.0, 60.0)
    assert (len(times), times.min() >= 30 * 60.0) == (20_000, True)
