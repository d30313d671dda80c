import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from error_manager.analysis.anomaly_tail import band, deviation, score, sigmas_of, threshold


@pytest.mark.parametrize(
    ("count", "mean", "size"),
    [(10, 1.0, 1e9), (30, 9.0, 1e9), (6, 0.1, 1e9), (60, 20.0, 8.0), (25, 5.0, 4.0)],
)
def test_deviation_is_the_tail_probability(count, mean, size):
    """Against the exact tail of the negative binomial (scipy.special.nbdtrc): within .2 deviations."""
    exact = float(special.nbdtrc(count - 1, size, size / (size + mean)))
    if size > 1e6:
        exact = float(special.pdtrc(count - 1, mean))
    told = float(deviation(np.array([float(count)]), np.array([mean]), np.array([size]))[0])
    assert abs(told + float(special.ndtri(exact))) < 0.2


@given(st.floats(0.01, 500.0), st.floats(0.5, 1e6), st.integers(0, 5000), st.integers(0, 5000))
def test_more_events_are_never_less_surprising(mean, size, one, other):
    """The deviation grows with the count."""
    few, many = sorted((one, other))
    values = deviation(np.array([few, many], dtype=float), np.array([mean] * 2), np.array([size] * 2))
    assert values[0] <= values[1]


def test_threshold_bounds_all_series_together():
    """With ten times the series each is judged so strictly that the total stays; 60 is the least."""
    expected = [series * 30_240 * float(special.ndtr(-threshold(series))) for series in (60, 600, 6000)]
    assert expected == pytest.approx([3.0, 3.0, 3.0])
    assert threshold(1) == threshold(60)


def test_score_is_the_probability():
    """5 deviations are 25 (p = 2.9e-7, 15.06 nats of 60), 12 and more are 100; the sign does not matter."""
    assert (score(5.0), score(-5.0), score(0.0), score(12.0)) == (25.1, 25.1, 1.2, 100.0)


@pytest.mark.parametrize(("mean", "size"), [(2.0, 50.0), (40.0, 5.0), (400.0, 1e6)])
def test_band_covers_what_it_says(mean, size):
    """80 % and 95 % of simulated counts, within what counts allow."""
    rng = np.random.default_rng(1)
    counts = rng.poisson(rng.gamma(size, mean / size, 20_000))
    for coverage in (0.80, 0.95):
        lower, upper = band(np.array([mean]), np.array([size]), sigmas_of(coverage))
        inside = ((counts >= np.floor(lower)) & (counts <= np.ceil(upper))).mean()
        assert coverage - 0.01 <= inside <= coverage + 0.15
