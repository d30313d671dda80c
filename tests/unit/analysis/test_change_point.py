"""Changes of level: by hand, planted, absent from noise, and blind to gaps and rhythm."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from error_manager.analysis.change_point import PENALTY, change_points

FLAT = np.ones((1, 720))


def test_a_step_by_hand():
    """Ten an hour, then twenty: the gain is twice the likelihood ratio of Poisson segments (dispersion 1)."""
    counts = np.repeat([10.0, 20.0], 360)[None, :]
    ((found,),) = change_points(counts, FLAT)
    gain = 2 * (3600 * math.log(10) + 7200 * math.log(20) - 10_800 * math.log(15))
    assert (found.index, found.before, found.after) == (360, 10.0, 20.0)
    assert found.gain == pytest.approx(gain)


def test_noise_has_no_change():
    """At most one in 500 series-months of chance, at rates from .01 to 100 an hour."""
    rng = np.random.default_rng(12)
    rates = np.exp(rng.uniform(np.log(0.01), np.log(100), 500))
    found = change_points(rng.poisson(np.tile(rates[:, None], 720)).astype(float), np.ones((500, 720)))
    assert sum(map(len, found)) <= 1


@pytest.mark.parametrize(("factor", "rate"), [(3.0, 2.0), (0.3, 5.0), (2.0, 20.0)])
def test_planted_steps_are_found(factor, rate):
    """At least 95 of 100 within six hours, and no second change."""
    rng = np.random.default_rng(13)
    mean = np.full((100, 720), rate)
    mean[:, 300:] *= factor
    found = change_points(rng.poisson(mean).astype(float), np.ones((100, 720)))
    assert sum(any(abs(change.index - 300) <= 6 for change in one) for one in found) >= 95
    assert sum(map(len, found)) <= 105


def test_an_incident_has_a_begin_and_an_end():
    """Four hours of ten times the rate: up at 400, down at 404."""
    rng = np.random.default_rng(14)
    mean = np.full((1, 720), 10.0)
    mean[0, 400:404] *= 10
    (found,) = change_points(rng.poisson(mean).astype(float), FLAT)
    assert [change.index for change in found] == [400, 404]
    assert found[0].after > 5 * found[0].before
    assert found[1].after < found[1].before / 5


def test_rhythm_is_no_change():
    """A nightly job, with its rhythm as exposure, has no change; without it nearly every night is one."""
    night = np.where(np.arange(720) % 24 == 2, 24.0, 0.0)
    counts = night[None, :] * 6
    assert change_points(counts, np.maximum(night, 0.01)[None, :]) == ((),)


def test_a_gap_is_no_change():
    """Two days that were not collected are passed over; as zeros they would be two changes."""
    counts = np.full((1, 720), 9.0)
    counts[0, 200:248] = np.nan
    assert change_points(counts, FLAT) == ((),)
    assert [change.index for change in change_points(np.nan_to_num(counts), FLAT)[0]] == [200, 248]


@given(st.lists(st.integers(0, 200) | st.none(), min_size=1, max_size=120))
def test_whatever_comes(values):
    """Changes are inside, ascending, worth more than the penalty; levels are the means between them."""
    counts = np.asarray([[np.nan if value is None else float(value) for value in values]])
    (found,) = change_points(counts, np.ones(counts.shape))
    cuts = [0, *(change.index for change in found), len(values)]
    assert all(after - before >= 2 for before, after in pairwise(cuts) if found)
    for place, change in enumerate(found):
        assert change.gain > PENALTY
        assert change.before == pytest.approx(np.nanmean(counts[0, cuts[place] : cuts[place + 1]]))
        assert change.after == pytest.approx(np.nanmean(counts[0, cuts[place + 1] : cuts[place + 2]]))
