import numpy as np

from error_manager.analysis import anomaly_season

WEEKDAYS = np.arange(28) % 7


def simulate(rate, *, seed, days=28):
    """Return half-hour counts of an office rhythm (x .5 at weekends), minutes, and the true log season."""
    rng = np.random.default_rng(seed)
    wave = np.cos(2 * np.pi * (np.arange(48) / 48 - 0.3))
    season = 1 + 0.6 * np.sign(wave) * np.sqrt(np.abs(wave))
    true = season[None] * np.where(WEEKDAYS >= 5, 0.5, 1.0)[:, None]
    minutes = np.zeros((1, 28, 48))
    minutes[:, 28 - days :] = 30.0
    return rng.poisson(rate * true * minutes).astype(float), minutes, np.log(true)


def test_fit_finds_time_of_day_and_weekend():
    """At 20 events a minute, four weeks: the log season is found to .12 (root mean square)."""
    counts, minutes, true = simulate(20.0, seed=1)
    season = anomaly_season.fit(counts, minutes, np.zeros(1), WEEKDAYS)
    found = season.slots[0][None] + season.weekdays[0][WEEKDAYS][:, None]
    off = found - true
    assert np.sqrt(np.mean((off - off.mean()) ** 2)) < 0.12


def test_little_data_make_a_wide_error():
    """One day at one event an hour: the season is not known, and that is known; four weeks: it is."""
    counts, minutes, _ = simulate(1 / 60, seed=2, days=1)
    young = anomaly_season.fit(counts, minutes, np.zeros(1), WEEKDAYS)
    counts, minutes, _ = simulate(20.0, seed=3)
    old = anomaly_season.fit(counts, minutes, np.zeros(1), WEEKDAYS)
    assert young.slot_variance.mean() > 0.2
    assert old.slot_variance.mean() < 0.02


def test_holiday_stays_out_of_the_season():
    """One day of four weeks at .4 times its rate moves no weekday by more than a quarter of that."""
    counts, minutes, _ = simulate(20.0, seed=4)
    usual = anomaly_season.fit(counts, minutes, np.zeros(1), WEEKDAYS)
    counts[:, 16] = np.round(counts[:, 16] * 0.4)
    holiday = anomaly_season.fit(counts, minutes, np.zeros(1), WEEKDAYS)
    assert np.abs(holiday.weekdays - usual.weekdays).max() < 0.25 * -np.log(0.4)


def test_series_do_not_influence_one_another():
    """Fitted alone or beside 200 others, a series gets the same season."""
    parts = [simulate(rate, seed=seed) for seed, rate in enumerate((0.05, 3.0, 200.0))]
    counts, minutes = (np.concatenate([part[at] for part in parts] * 70) for at in (0, 1))
    many = anomaly_season.fit(counts, minutes, np.zeros(len(counts)), WEEKDAYS)
    alone = anomaly_season.fit(counts[1:2], minutes[1:2], np.zeros(1), WEEKDAYS)
    assert np.allclose(many.slots[1], alone.slots[0], atol=1e-9)
    assert np.allclose(many.slots[205], alone.slots[0], atol=1e-9)
