import numpy as np
import pytest

from error_manager.analysis.anomaly import RateDetector
from error_manager.analysis.anomaly_alert import Deploy, Kind

MONDAY_S = 1_767_571_200.0
START_S = MONDAY_S + 10 * 3600
"""Ten in the morning: far from the midnight at which holidays begin."""
HISTORY_HOURS = 14 * 24 + 10


def counts(rates, *, hours, seed, size=20.0):
    """Return negative binomial counts of constant rates per minute, shape (minutes, series)."""
    rng = np.random.default_rng(seed)
    mean = np.tile(np.asarray(rates, dtype=float), (hours * 60, 1))
    return rng.poisson(rng.gamma(size, mean / size)).astype(float)


def warm(rates, *, group=0):
    """Return a detector of series s0, s1, ... that have had these rates for two weeks."""
    keys = [f"s{place}" for place in range(len(rates))]
    detector = RateDetector()
    detector.add(keys, group=group)
    hours = np.repeat(60.0 * np.asarray(rates, dtype=float)[:, None], HISTORY_HOURS, axis=1)
    detector.learn_history(keys, START_S - 3600 * HISTORY_HOURS, 3600, hours)
    return detector


def watch(detector, data, *, deploys=(), first=0, start_s=START_S):
    """Return the alerts of counts given minute by minute, as (key, kind, minute found, is over)."""
    told = []
    for minute, row in enumerate(data, start=first):
        told += detector.update(start_s + 60.0 * minute, row, deploys=deploys)
    return [
        (alert.key, alert.kind, int((alert.detected_s - start_s) // 60), alert.ended_s is not None)
        for alert in told
    ]


def test_quiet_series_are_left_alone():
    """Twelve hours of six steady series, from 3 events an hour to 100 a minute: nothing is told."""
    rates = [0.05, 0.3, 1, 5, 20, 100]
    assert watch(warm(rates), counts(rates, hours=12, seed=1)) == []


@pytest.mark.parametrize(("place", "within"), [(0, 39), (1, 5), (2, 2), (3, 2)])
def test_burst_is_told_once_within_minutes_at_any_rate(place, within):
    """Forty minutes at twenty times the rate, of .01, .2, 5 and 300 a minute: one alert, one end."""
    rates = [0.01, 0.2, 5, 300]
    data = counts(rates, hours=4, seed=2)
    data[60:100, place] = counts([20 * rates[place]], hours=1, seed=3)[:40, 0]
    told = watch(warm(rates), data)
    assert [row[:2] for row in told][:1] == [(f"s{place}", Kind.BURST)]
    assert 60 <= told[0][2] <= 60 + within
    assert told[1:] in ([], [(*told[0][:3], True)])


def test_alert_carries_its_evidence():
    """Five times the rate of 20: observed, expected, band, ratio and score fit together."""
    data = counts([20], hours=1, seed=4)
    data[30:] = 100.0
    detector = warm([20])
    (alert,) = [one for at, row in enumerate(data) for one in detector.update(START_S + 60.0 * at, row)]
    assert (alert.started_s, alert.detected_s, alert.window_minutes) == (START_S + 1800, START_S + 1800, 1)
    assert (alert.observed, alert.ratio) == (100.0, alert.observed / alert.expected)
    assert 15 < alert.expected < 25
    assert alert.lower < alert.expected < alert.upper < alert.observed
    assert 22 < alert.score <= 100


def test_an_incident_ended_with_its_last_minute():
    """Not when that became certain: the quiet minutes it took are not counted against it."""
    data = counts([2], hours=3, seed=6)
    data[60:75] = 40.0
    detector = warm([2])
    found, over = (one for at, row in enumerate(data) for one in detector.update(START_S + 60.0 * at, row))
    assert (found.ended_s, over.started_s, over.ended_s) == (None, found.started_s, START_S + 60 * 75)
    assert (over.window_minutes, over.observed) == (15, 15 * 40.0)
    assert 15 < over.expected < 60


def test_lasting_change_is_told_once_and_becomes_the_level():
    """A rate that triples for good is one incident, over as a step; no word of it in the hours after."""
    detector = warm([4])
    found, over = watch(detector, counts([12], hours=9, seed=5))
    assert (found[1], found[3], over[1], over[3]) == (Kind.BURST, False, Kind.STEP, True)
    later = detector.expected("s0", START_S + 9 * 3600, 60)
    assert 10 < np.mean(later.mean) < 14


def test_deploy_finds_smaller_steps_of_its_group_alone():
    """A fall from .5 to .2 a minute is told after a deploy, and only of the group it concerns."""
    detector = warm([0.5], group=1)
    detector.add(["other"], group=2)
    detector.learn_history(["other"], START_S - 3600 * HISTORY_HOURS, 3600, np.full((1, HISTORY_HOURS), 30.0))
    at = np.arange(480)
    data = np.where(at < 240, at % 2 == 0, at % 5 == 0).astype(float)[:, None]
    told = watch(detector, np.repeat(data, 2, axis=1), deploys=[Deploy(at_s=START_S + 240 * 60, group=1)])
    assert [row[:2] for row in told] == [("s0", Kind.STEP)]
    assert 240 < told[0][2] < 480


def test_birth_is_told_at_the_first_event_and_its_rate_not_again():
    """A pattern that begins with 20 a minute is told at once and then known: no burst, no step."""
    detector = RateDetector()
    detector.add(["s0"])
    data = counts([20], hours=6, seed=8)
    data[:45] = 0
    assert watch(detector, data) == [("s0", Kind.BIRTH, 45, False), ("s0", Kind.BIRTH, 45, True)]


def test_known_series_are_no_births():
    """The first event of a series that existed before is nothing to tell."""
    detector = RateDetector()
    detector.add(["s0"], is_known=True)
    assert watch(detector, counts([20], hours=3, seed=9)) == []


def test_silence_is_told_but_not_minutes_that_were_not_collected():
    """Three hours without a heartbeat are told and end; three hours without collection are not."""
    data = counts([1.0, 1.0], hours=8, seed=10)
    data[120:300, 0] = 0
    data[120:300, 1] = np.nan
    told = watch(warm([1.0, 1.0]), data)
    assert [row[:2] for row in told] == [("s0", Kind.SILENCE)] * 2
    assert 120 < told[0][2] < 180


def test_silence_of_a_bursty_series_is_not_told():
    """A series that comes in one hour of six, at random, is quiet five hours without a word."""
    hours = np.where(np.random.default_rng(11).uniform(size=(1, HISTORY_HOURS)) < 1 / 6, 360.0, 0.0)
    detector = RateDetector()
    detector.add(["s0"])
    detector.learn_history(["s0"], START_S - 3600 * HISTORY_HOURS, 3600, hours)
    assert watch(detector, np.zeros((300, 1))) == []


def test_slow_growth_is_told_once():
    """4 % an hour for 30 hours, which no window of minutes shows, is told once and not as bursts."""
    rng = np.random.default_rng(12)
    data = rng.poisson(1.04 ** (np.arange(30 * 60) / 60.0))[:, None].astype(float)
    found = [row for row in watch(warm([1.0]), data) if not row[3]]
    assert [row[1] for row in found] == [Kind.GROWTH]


def test_bursts_at_one_time_of_day_become_routine():
    """A job at noon is told on the first two days and on the third no more."""
    detector = warm([2.0])
    told = []
    for day in range(3):
        data = counts([2.0], hours=4, seed=13 + day)
        data[120] += 60
        told += [day for row in watch(detector, data, first=day * 1440) if not row[3]]
    assert told == [0, 1]


def test_fall_at_midnight_is_the_calendar():
    """A rate that halves at midnight (a holiday) is not told; the same fall at noon is."""
    quiet, falling = warm([6.0, 60.0]), warm([6.0, 60.0])
    midnight = np.concatenate([counts([6.0, 60.0], hours=14, seed=16), counts([2.7, 27.0], hours=5, seed=17)])
    assert watch(quiet, midnight) == []
    noon = np.concatenate([counts([6.0, 60.0], hours=2, seed=16), counts([2.7, 27.0], hours=4, seed=17)])
    assert {row[0] for row in watch(falling, noon) if row[1] is Kind.STEP} == {"s0", "s1"}


def test_series_told_often_are_judged_more_strictly():
    """Of twelve bursts in as many hours, the later ones are no longer told."""
    data = counts([2.0], hours=24, seed=18)
    for burst in range(12):
        data[burst * 120 + 60] += 14
    found = [row for row in watch(warm([2.0]), data) if not row[3]]
    assert 4 <= len(found) <= 8


def test_history_spares_the_learning():
    """With four weeks of hours known, a weekly and daily season is expected from the first minute on."""
    at = np.arange(28 * 24)
    rates = 600.0 * (1.2 + np.sin(2 * np.pi * at / 24)) * np.where((at // 24) % 7 >= 5, 0.5, 1.0)
    detector = RateDetector()
    detector.add(["a"])
    detector.learn_history(["a"], MONDAY_S - 28 * 86_400, 3600, rates[None])
    band = detector.expected("a", MONDAY_S, 7 * 1440)
    hourly = np.array(band.mean).reshape(-1, 60).sum(axis=1)
    assert np.abs(hourly / rates[: 7 * 24] - 1.0).max() < 0.12
    rows = [band.lower, band.lower95, band.lower80, band.mean, band.upper80, band.upper95, band.upper]
    assert (np.diff(np.array(rows), axis=0) >= 0).all()
    with pytest.raises(ValueError, match="half hour"):
        detector.learn_history(["a"], MONDAY_S + 60, 3600, rates[None])
    with pytest.raises(ValueError, match="not watched"):
        detector.learn_history(["b"], MONDAY_S, 3600, rates[None])


def test_series_come_and_go():
    """Others are not disturbed; a name twice, a wrong number of counts and an old minute are refused."""
    detector = RateDetector()
    detector.add(["a", "b", "c"], is_known=True)
    detector.update(START_S, [1, 2, 3])
    detector.remove(["b"])
    detector.add(["d"], group=2)
    assert detector.keys == ("a", "c", "d")
    assert [alert.key for alert in detector.update(START_S + 60, [0, 0, 4])] == ["d"]
    with pytest.raises(ValueError, match="watched already"):
        detector.add(["a"])
    with pytest.raises(ValueError, match="2 counts for 3 series"):
        detector.update(START_S + 120, [1, 2])
    with pytest.raises(ValueError, match="has been"):
        detector.update(START_S + 60, [1, 2, 3])


def test_detector_goes_on_from_its_bytes():
    """Stopped and read back, in the middle of incidents too, it tells the same as one that ran through."""
    rates = [0.2, 5, 300]
    data = counts(rates, hours=5, seed=19)
    data[100:140] *= 6
    detector, whole = warm(rates), []
    for at, row in enumerate(data):
        whole += detector.update(START_S + 60.0 * at, row)
    detector, parts = warm(rates), []
    for at, row in enumerate(data):
        if at in {7, 110, 137}:
            detector = RateDetector.from_bytes(detector.to_bytes())
        parts += detector.update(START_S + 60.0 * at, row)
    assert parts == whole
    assert len(whole) >= 4


def test_series_are_judged_alone():
    """A series gets the same alerts beside others as alone: batch and stream, few and many are one."""
    rates = [0.2, 5, 300]
    data = counts(rates, hours=4, seed=20)
    data[100:130] *= 6
    beside = watch(warm(rates), data)
    for place, rate in enumerate(rates):
        detector = RateDetector()
        detector.add([f"s{place}"])
        hours = np.full((1, HISTORY_HOURS), 60.0 * rate)
        detector.learn_history([f"s{place}"], START_S - 3600 * HISTORY_HOURS, 3600, hours)
        alone = watch(detector, data[:, place : place + 1])
        assert alone == [row for row in beside if row[0] == f"s{place}"]


def test_minutes_left_out_are_as_good_as_minutes_not_collected():
    """Calls that skip minutes tell what calls with NaN in them tell, over midnight and for a day too."""
    data = counts([3.0], hours=30, seed=21)
    data[60:1500] = np.nan
    data[1600:1620] *= 9
    told = []
    for skip in (False, True):
        detector, alerts = warm([3.0]), []
        for at, row in enumerate(data):
            if not (skip and np.isnan(row).all()):
                alerts += detector.update(START_S + 60.0 * at, row)
        told.append(alerts)
    assert told[0] == told[1]
    assert len(told[0]) == 2


@pytest.mark.parametrize(
    "harm", [lambda data: b"", lambda data: data[:-8], lambda data: b"EMAD\x09\x00" + data[6:]]
)
def test_bytes_that_are_no_state_are_refused(harm):
    """Nothing, a cut state and another version raise ValueError."""
    detector = RateDetector()
    detector.add(["a"])
    with pytest.raises(ValueError, match="anomaly state"):
        RateDetector.from_bytes(harm(detector.to_bytes()))


def test_a_daily_job_is_missed_on_the_first_night():
    """A hundred errors at two on each of eight nights; on the ninth none: told an hour late, once."""
    halves = np.zeros((1, 8 * 48))
    halves[0, 4::48] = 100.0
    detector = RateDetector()
    detector.add(["job"], is_known=True)
    detector.learn_history(["job"], MONDAY_S, 1800, halves)
    told = watch(detector, np.zeros((300, 1)), start_s=MONDAY_S + 8 * 86_400)
    assert told == [("job", Kind.SILENCE, 210, False)]


def test_the_end_of_what_was_new_is_not_told_and_its_return_is():
    """Twenty a minute for an hour, then none: one birth. The same two days later: one burst."""
    data = np.zeros((2 * 1440 + 120, 1))
    data[10:70] = data[2890:2950] = counts([20], hours=1, seed=10)
    detector = RateDetector()
    detector.add(["new"])
    told = watch(detector, data)
    assert [row[:2] for row in told if not row[3]] == [("new", Kind.BIRTH), ("new", Kind.BURST)]


def test_the_way_back_from_a_rise_is_not_told():
    """Ten times the rate for five hours, then as before: the rise is told, the fall to what was is not."""
    data = counts([2], hours=12, seed=11)
    data[60:360] = counts([20], hours=5, seed=12)
    told = watch(warm([2]), data)
    assert {row[1] for row in told if not row[3]} == {Kind.BURST}
