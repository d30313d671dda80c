"""The slope against an independent fit, its interval and p by simulation, and its robustness."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from error_manager.analysis.trend import trends

DAYS = np.arange(30)


def test_the_slope_is_that_of_a_poisson_regression():
    """Counts near a smooth line: scipy's maximum of the likelihood gives the same slope."""
    rng = np.random.default_rng(4)
    exposure = np.where(DAYS % 7 < 5, 1.2, 0.5)
    counts = rng.poisson(exposure * np.exp(3.0 + 0.05 * DAYS)).astype(float)

    def loss(values):
        mean = exposure * np.exp(values[0] + values[1] * DAYS)
        return (mean - counts * np.log(mean)).sum()

    best = optimize.minimize(loss, [3.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-10})
    found = trends(counts[None, :], exposure[None, :])
    assert found.slope[0] == pytest.approx(best.x[1], abs=0.002)
    assert found.lower[0] < best.x[1] < found.upper[0]
    assert found.p[0] < 1e-6


@pytest.mark.parametrize("wild", [0.0, 0.5])
def test_constant_series_seldom_have_a_trend(wild):
    """Of 2,000 constant series, Poisson and overdispersed, at most 5 % (and 3 s. d. of that) pass at .05."""
    rng = np.random.default_rng(5)
    mean = np.full((2000, 30), 20.0) if wild == 0 else 20.0 * rng.gamma(1 / wild, wild, (2000, 30))
    found = trends(rng.poisson(mean).astype(float), np.ones((2000, 30)))
    assert (found.p < 0.05).sum() <= stats.binom.ppf(0.999, 2000, 0.05)
    inside = (found.lower <= 0) & (found.upper >= 0)
    assert inside.mean() >= 0.94


def test_the_interval_holds_the_true_slope():
    """Growth of 4 % a day: the 95 % interval holds it in at least 93 % of 1,000 series; the mean is right."""
    rng = np.random.default_rng(6)
    found = trends(
        rng.poisson(np.tile(20 * np.exp(0.04 * (DAYS - 15)), (1000, 1))).astype(float), np.ones((1000, 30))
    )
    assert ((found.lower <= 0.04) & (found.upper >= 0.04)).mean() >= 0.93
    assert found.slope.mean() == pytest.approx(0.04, abs=0.001)


def test_one_bad_day_is_no_trend():
    """The last day with thirty times the usual count moves the slope by less than 2 % a day."""
    counts = np.full((1, 30), 20.0)
    counts[0, -1] = 600.0
    found = trends(counts, np.ones((1, 30)))
    assert abs(found.slope[0]) < 0.02
    assert found.p[0] > 0.05


def test_too_little_says_nothing():
    """Four days, or seven errors: no slope, p 1, no interval."""
    for counts in (np.full((1, 4), 9.0), np.concatenate((np.zeros((1, 23)), np.ones((1, 7))), axis=1)):
        found = trends(counts, np.ones(counts.shape))
        assert (found.slope[0], found.p[0], found.upper[0]) == (0.0, 1.0, np.inf)
        assert found.conservative()[0] == 0.0


def test_the_sure_part_of_a_slope():
    """The nearest end of the 80 % interval: slope - width x 1.2816 / 1.96, 0 while the interval holds 0."""
    rng = np.random.default_rng(7)
    found = trends(rng.poisson(np.tile(20 * np.exp(0.06 * DAYS), (1, 1))).astype(float), np.ones((1, 30)))
    width = found.upper[0] - found.slope[0]
    assert found.conservative()[0] == pytest.approx(found.slope[0] - width * 1.2816 / 1.96, abs=1e-4)
    flat = trends(np.full((1, 30), 20.0), np.ones((1, 30)))
    assert flat.conservative()[0] == 0.0


@given(st.lists(st.integers(0, 10_000) | st.none(), min_size=1, max_size=40))
def test_any_counts_give_finite_slopes(values):
    """Gaps, zeros, leaps: the slope is finite, p between 0 and 1, the interval around it."""
    counts = np.asarray([[np.nan if value is None else float(value) for value in values]])
    found = trends(counts, np.ones(counts.shape))
    assert np.isfinite(found.slope).all()
    assert 0.0 <= found.p[0] <= 1.0
    assert found.lower[0] <= found.slope[0] <= found.upper[0]
    assert abs(found.conservative()[0]) <= abs(found.slope[0])
