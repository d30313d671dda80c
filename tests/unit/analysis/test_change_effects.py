import numpy as np
import pytest

from error_manager.analysis.change_effects import Effect, relate_changes

DAY_S = 86_400.0
LENGTH_S = 14 * DAY_S
CHANGE = 9 * DAY_S + 36_000.0


def rhythm(rng, count):
    """Return times with a strong rhythm of the day."""
    at = rng.uniform(0, LENGTH_S, count * 2)
    return at[rng.random(len(at)) * 2 < 1 + 0.9 * np.sin(2 * np.pi * at / DAY_S)]


def relate(streams, changes=(CHANGE,)):
    """Return the effects of changes on streams."""
    patterns = np.repeat(np.arange(len(streams)), [len(own) for own in streams])
    return relate_changes(
        np.concatenate(streams), patterns, changes, n_patterns=len(streams), observed=(0.0, LENGTH_S)
    )


def test_births_and_rises_are_laid_at_the_door_of_the_change():
    """Pattern 3 is born 20 minutes after, 5 triples; forty others with a strong rhythm do not move."""
    rng = np.random.default_rng(1)
    streams = [rhythm(rng, 600) for _ in range(40)]
    streams[3] = CHANGE + 1_200 + rng.uniform(0, DAY_S, 60)
    streams[3][0] = CHANGE + 1_200
    streams[5] = np.append(streams[5], rng.uniform(CHANGE, CHANGE + DAY_S, 90))
    found = {effect.pattern: effect for effect in relate(streams)}
    assert {number: effect.effect for number, effect in found.items()} == {3: Effect.BORN, 5: Effect.ROSE}
    assert (found[3].before, found[3].delay_s) == (0, pytest.approx(1_200.0))
    assert found[5].ratio > 2
    assert 0.5 < found[5].score < found[3].score <= 1.0


def test_the_rhythm_of_the_day_is_no_rise():
    """Changes each morning, when everything rises as on every morning, have no effects."""
    rng = np.random.default_rng(2)
    streams = [rhythm(rng, 900) for _ in range(40)]
    assert relate(streams, [day * DAY_S for day in range(8, 13)]) == ()


def test_a_rise_that_began_before_is_not_the_change():
    """Tripled since six hours before the change: not its doing."""
    rng = np.random.default_rng(3)
    streams = [rng.uniform(0, LENGTH_S, 600) for _ in range(20)]
    streams[4] = np.append(streams[4], rng.uniform(CHANGE - 30_000, CHANGE + 30_000, 90))
    assert relate(streams) == ()


def test_changes_outside_and_too_early_say_nothing():
    """Nothing is known before the window, after it, or when fewer than two days lie before."""
    rng = np.random.default_rng(4)
    streams = [rng.uniform(0, LENGTH_S, 600) for _ in range(20)]
    streams[4] = rng.uniform(DAY_S, DAY_S * 2, 300)
    assert relate(streams, [-5.0, DAY_S, LENGTH_S + 5]) == ()
