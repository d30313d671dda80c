import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from error_manager.analysis.prediction import Prediction, is_over

HOUR_S = 3_600


def forecast(counts, **asked):
    """Return what is expected in each step."""
    return Prediction(counts, **asked).forecast()


def forecast_total(counts, **asked):
    """Return what is expected in sum."""
    return Prediction(counts, **asked).total()


def weekly(size, *, level=100.0, seed=1):
    """Return counts per hour with a day and a week of their own, and the rates they were drawn from."""
    hours = np.arange(size)
    day = np.exp(0.8 * np.sin(2 * np.pi * hours / 24))
    rates = level * day * np.where(hours // 24 % 7 >= 5, 0.4, 1.0)
    return np.random.default_rng(seed).poisson(rates).astype(float), rates


@settings(max_examples=150, deadline=None)
@given(
    counts=hnp.arrays(
        np.float64, st.integers(0, 600), elements=st.sampled_from([0, 0, 1, 2, 40, 9e5, np.nan])
    ),
    horizon=st.integers(1, 60),
    is_count=st.booleans(),
)
def test_bands_hold_each_other(counts, horizon, is_count):
    """Whatever came, each band holds the narrower one and the point; nothing is NaN, no count below 0."""
    ahead = forecast(counts, step_s=HOUR_S, horizon=horizon, is_count=is_count)
    total = forecast_total(counts, step_s=HOUR_S, horizon=horizon, is_count=is_count)
    for each in (ahead, total):
        rows = np.array([each.lower95, each.lower80, each.point, each.upper80, each.upper95])
        assert np.isfinite(rows).all()
        assert (np.diff(rows, axis=0) >= 0).all()
        assert (rows >= 0).all()
    assert ahead.point.shape == (horizon,)


@pytest.mark.parametrize("size", [10, 100, 300, 700])
@pytest.mark.parametrize("factor", [0.001, 1000.0])
def test_unit_does_not_matter(size, factor):
    """Values that are no counts may be milliseconds or seconds: the forecast has the same unit."""
    values = weekly(size)[0] + 1.0
    one = forecast(values, step_s=HOUR_S, horizon=24, is_count=False)
    other = forecast(values * factor, step_s=HOUR_S, horizon=24, is_count=False)
    for name in ("point", "lower80", "upper80", "lower95", "upper95"):
        assert getattr(other, name) == pytest.approx(getattr(one, name) * factor, rel=1e-6)


def test_day_and_week_are_learned():
    """After four weeks a Saturday is known to be calm: the rates of the next week within a fifth."""
    counts, rates = weekly(840)
    ahead = forecast(counts[:672], step_s=HOUR_S, horizon=168)
    assert np.median(np.abs(ahead.point / rates[672:] - 1)) < 0.1
    assert np.abs(ahead.point / rates[672:] - 1).max() < 0.5


def test_gaps_are_no_zeros():
    """A day in which nothing was collected changes the forecast little; as zeros it would."""
    counts, rates = weekly(840)
    with_gap, with_zeros = counts[:672].copy(), counts[:672].copy()
    with_gap[620:644], with_zeros[620:644] = np.nan, 0.0
    off = [
        np.abs(forecast(series, step_s=HOUR_S, horizon=24).point / rates[672:696] - 1).mean()
        for series in (with_gap, with_zeros)
    ]
    assert off[0] < 0.1 < off[1]


def test_nothing_seen_is_not_never():
    """No event in 30 days: less than .1 expected in a day, and one in a week is within the band."""
    silent = np.zeros(720)
    assert forecast_total(silent, step_s=HOUR_S, horizon=24).point < 0.1
    assert forecast_total(silent, step_s=HOUR_S, horizon=168).upper95 >= 1.0
    assert (forecast(silent, step_s=HOUR_S, horizon=24).upper80 < 1).all()


def test_constant_stays():
    """Seven each hour for three weeks: seven, give or take one at most."""
    ahead = forecast(np.full(504, 7.0), step_s=HOUR_S, horizon=24)
    assert ahead.point == pytest.approx(np.full(24, 7.0), rel=1e-6)
    assert (ahead.lower95 >= 6).all()
    assert (ahead.upper95 <= 8).all()


def test_sum_is_surer_than_its_parts():
    """Independent hours: the band of a day is far narrower than the sum of the bands of its hours."""
    counts = np.random.default_rng(3).poisson(20.0, 1_000).astype(float)
    ahead = forecast(counts, step_s=HOUR_S, horizon=24)
    total = forecast_total(counts, step_s=HOUR_S, horizon=24)
    assert total.upper80 - total.lower80 < 0.6 * (ahead.upper80 - ahead.lower80).sum()
    assert total.point == pytest.approx(480, rel=0.1)


@pytest.mark.parametrize("level", [0.05, 0.5, 20.0])
def test_bands_hold_what_comes(level):
    """Of 20 days that followed at least 13, of their hours at least 72 %, lie in their bands of 80 %."""
    days = hours = 0
    for seed in range(20):
        counts, _ = weekly(696, level=level, seed=seed)
        truth = counts[672:]
        ahead = forecast(counts[:672], step_s=HOUR_S, horizon=24)
        total = forecast_total(counts[:672], step_s=HOUR_S, horizon=24)
        hours += ((truth >= ahead.lower80) & (truth <= ahead.upper80)).sum()
        days += total.lower80 <= truth.sum() <= total.upper80
    assert days >= 13
    assert hours >= 0.72 * 20 * 24


def test_short_history_is_unsure():
    """Two hours of counts say little of the hours not seen: the band of a week spans a factor of three."""
    total = forecast_total(np.array([100.0, 120.0]), step_s=HOUR_S, horizon=168)
    assert total.upper80 > 3 * total.lower80 > 0


@pytest.mark.parametrize(
    ("counts", "answer"),
    [
        ([], True),
        ([0, 0], True),
        ([0, 4, 2, 9, 0, 0], False),
        ([0, 4, 2, 9, 0, 0, 0], True),
        ([5, 0, 0, 0, 5, 0, 0], False),
        ([4, 2, 9, 0, np.nan, np.nan, 0], False),
        ([4, np.nan, np.nan, 9, 0, 0], True),
    ],
)
def test_over_is_what_is_quiet_for_as_long_as_it_came(counts, answer):
    """First to last event against the steps since, by hand; what was not observed counts for neither."""
    assert is_over(np.asarray(counts, dtype=np.float64)) is answer
