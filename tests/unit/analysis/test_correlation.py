import numpy as np

from error_manager.analysis.correlation import correlate
from error_manager.analysis.explanation import Kind

DAY_S = 86_400.0


def planted(rng, *, days=6.0):
    """Return events of 30 patterns, independent but for 0 -> 1 after 20 s (half of the time)."""
    length_s = days * DAY_S
    times = [np.sort(rng.uniform(0, length_s, 400)) for _ in range(30)]
    led = times[0][rng.random(len(times[0])) < 0.5] + 20.0
    times[1] = np.sort(np.concatenate([times[1], led[led < length_s]]))
    patterns = np.concatenate([np.full(len(own), number) for number, own in enumerate(times)])
    return np.concatenate(times), patterns, length_s


def test_planted_link_is_found():
    """One link among 870 pairs: found with its direction, lag and exact counts, and nothing else."""
    times, patterns, length_s = planted(np.random.default_rng(7))
    found = correlate(times, patterns, n_patterns=30, observed=(0.0, length_s))
    direct = [relation for relation in found if relation.kind is Kind.DIRECT]
    assert [(relation.cause, relation.effect) for relation in direct] == [(0, 1)]
    assert abs(direct[0].lag_s - 20) < 0.5
    assert direct[0].support <= direct[0].occasions <= 400
