import numpy as np
import pytest

from error_manager.analysis.log_finding import StretchKind
from error_manager.analysis.stretch import stretches

HOUR_S = 3_600.0


def counted(seed, rates):
    """Return Poisson counts of the rates per bucket."""
    return np.random.default_rng(seed).poisson(np.asarray(rates, dtype=float)).astype(np.float64)


def told(counts, step_s=60.0):
    """Return series, kind, start and end of each stretch."""
    found = stretches(counts, np.ones(counts.shape[1]), step_s=step_s)
    return [(each.series, each.kind, each.start, each.end) for each in found]


@pytest.mark.parametrize(
    ("change", "kind", "start", "end"),
    [
        ((slice(40, 50), 60.0), StretchKind.BURST, 40, 50),
        ((slice(90, 120), 60.0), StretchKind.RISE, 90, 120),
        ((slice(60, 90), 0.0), StretchKind.SILENCE, 60, 90),
        ((slice(80, 120), 1.5), StretchKind.FALL, 80, 120),
    ],
)
def test_each_kind_is_told_with_its_time(change, kind, start, end):
    """A burst ends, a rise lasts; silence is none at all, a fall is less."""
    rates = np.full((2, 120), 8.0)
    where, rate = change
    rates[1, where] = rate
    found = told(counted(3, rates))
    assert [(series, each) for series, each, _, _ in found] == [(1, kind)]
    assert abs(found[0][2] - start) <= 1
    assert abs(found[0][3] - end) <= 1


def test_steady_patterns_have_no_stretches():
    """Of a hundred steady patterns of all rates none is told."""
    rates = np.geomspace(0.3, 100, 100)[:, None] * np.ones((1, 120))
    assert told(counted(5, rates)) == []


def test_the_rhythm_of_all_is_no_change_of_each():
    """Where all patterns follow the day, none has stretches; one that bursts besides is told."""
    day = 1 + 0.8 * np.sin(2 * np.pi * np.arange(96) / 24)
    rates = np.geomspace(3, 60, 30)[:, None] * day[None, :]
    assert told(counted(7, rates), HOUR_S) == []
    rates[4, 50:53] *= 20
    assert [(series, kind) for series, kind, _, _ in told(counted(7, rates), HOUR_S)] == [
        (4, StretchKind.BURST)
    ]


def test_too_little_says_nothing():
    """A short range and a rare pattern are not judged."""
    short = np.zeros((1, 20))
    short[0, 10] = 500
    assert told(short) == []
    rare = np.zeros((1, 120))
    rare[0, 60] = 10
    assert told(rare) == []
