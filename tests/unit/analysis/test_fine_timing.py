"""What follows what within one incident: direction, lag, no order without one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from error_manager.analysis.fine_timing import Stretch, follow_closely

HALF_HOUR_S = 1_800.0


def _all_pairs(count: int) -> list[Stretch]:
    pairs = itertools.combinations(range(count), 2)
    return [Stretch(first=one, second=other, start_s=0.0, end_s=HALF_HOUR_S) for one, other in pairs]


def _after(times, share: float, lag_s: float, rng) -> np.ndarray:
    chosen = times[rng.random(len(times)) < share]
    return np.sort(chosen + np.maximum(0.2, rng.normal(lag_s, lag_s / 5, len(chosen))))


def _spread(count: int, rng) -> np.ndarray:
    return np.sort(rng.random(count) * HALF_HOUR_S)


@pytest.mark.parametrize("errors", [60, 300, 1_800])
def test_a_cause_and_its_two_effects_are_found_at_any_rate(errors: int) -> None:
    """Directions and median lags (4 and 9 s) are right; that the effects go together is not told again."""
    rng = np.random.default_rng(errors)
    pool = _spread(errors, rng)
    found = follow_closely(
        {0: pool, 1: _after(pool, 0.8, 4.0, rng), 2: _after(pool, 0.7, 9.0, rng)}, _all_pairs(3)
    )
    assert [(one.cause, one.effect) for one in found] == [(0, 1), (0, 2)]
    assert [one.lag_s for one in found] == [pytest.approx(4.0, rel=0.1), pytest.approx(9.0, rel=0.1)]
    assert all(0.4 < one.support / one.occasions < 0.9 for one in found)


def test_the_order_of_the_pair_does_not_matter() -> None:
    """The same two patterns under exchanged numbers are the same relation the other way round."""
    rng = np.random.default_rng(1)
    pool = _spread(400, rng)
    late = _after(pool, 0.8, 4.0, rng)
    there = follow_closely({0: pool, 1: late}, _all_pairs(2))
    back = follow_closely({0: late, 1: pool}, _all_pairs(2))
    assert [(one.cause, one.effect) for one in (*there, *back)] == [(0, 1), (1, 0)]
    assert there[0].lag_s == pytest.approx(back[0].lag_s, abs=0.01)
    assert there[0].support == back[0].support


def test_of_a_chain_the_long_way_is_left_out() -> None:
    """0 brings 1, and 1 brings 2: that 2 comes after 0 is what these two say."""
    rng = np.random.default_rng(2)
    first = _spread(800, rng)
    second = _after(first, 1.0, 4.0, rng)
    found = follow_closely({0: first, 1: second, 2: _after(second, 0.9, 6.0, rng)}, _all_pairs(3))
    assert {(one.cause, one.effect) for one in found} == {(0, 1), (1, 2)}


def _minutely(count: int, rng) -> np.ndarray:
    return np.sort(np.floor(rng.random(count) * 30) * 60 + rng.gamma(2.0, 1.5, count))


def _clumped(count: int, rng) -> np.ndarray:
    starts = rng.random(count // 8) * HALF_HOUR_S
    return np.sort(np.repeat(starts, 8) + rng.exponential(2.0, len(starts) * 8))


def _decaying(count: int, rng) -> np.ndarray:
    return np.sort(rng.exponential(HALF_HOUR_S / 8, count))


@pytest.mark.parametrize("make", [_spread, _minutely, _clumped, _decaying])
def test_what_only_rises_together_is_no_relation(make) -> None:
    """Even errors, jobs of each minute, clumps, and two that decay alike: none follows the other."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        assert follow_closely({0: make(400, rng), 1: make(400, rng)}, _all_pairs(2)) == ()


def test_few_errors_say_nothing() -> None:
    """Under twenty of either nothing is told."""
    rng = np.random.default_rng(3)
    pool = _spread(19, rng)
    assert follow_closely({0: pool, 1: pool + 4.0}, _all_pairs(2)) == ()
