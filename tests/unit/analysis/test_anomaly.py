import numpy as np
import pytest

from error_manager.analysis.anomaly import RateDetector
from error_manager.analysis.anomaly_alert import Deploy, Kind

START_S = 1_767_571_200.0
DAY = 1440


def counts(rates, *, days, seed, size=20.0):
    """Return negative binomial counts of constant rates per minute, shape (minutes, series)."""
    rng = np.random.default_rng(seed)
    mean = np.tile(np.asarray(rates, dtype=float), (days * DAY, 1))
    return rng.poisson(rng.gamma(size, mean / size)).astype(float)


def watch(data, *, deploys=(), known=True, detector=None, first=0):
    """Return the alerts of counts given minute by minute, as (key, kind, minute found, is over)."""
    if detector is None:
        detector = RateDetector()
        detector.add([f"s{place}" for place in range(data.shape[1])], is_known=known)
    told = []
    for minute, row in enumerate(data, start=first):
        told += detector.update(START_S + 60.0 * minute, row, deploys=deploys)
    return [
        (alert.key, alert.kind, int((alert.detected_s - START_S) // 60), alert.ended_s is not None)
        for alert in told
    ]


def test_quiet_series_are_left_alone():
    """Four days of six steady series, from 3 events an hour to 100 a minute: nothing is told."""
    assert watch(counts([0.05, 0.3, 1, 5, 20, 100], days=4, seed=1)) == []


@pytest.mark.parametrize(("place", "within"), [(0, 5), (1, 2), (2, 2)])
def test_burst_is_told_once_within_minutes_at_any_rate(place, within):
    """Thirty minutes at ten times the rate, of .2, 5 and 300 a minute: one alert, one end."""
    data = counts([0.2, 5, 300], days=3, seed=2)
    first = 2 * DAY + 700
    data[first : first + 30, place] = counts([10 * [0.2, 5, 300][place]], days=1, seed=3)[:30, 0]
    found, over = watch(data)
    assert (found[0], found[1], found[3]) == (f"s{place}", Kind.BURST, False)
    assert first <= found[2] <= first + within
    assert over == (*found[:3], True)


def test_lasting_change_is_told_once_and_becomes_the_level():
    """A rate that triples for good is one incident, over as a step; no word of it in the following day."""
    data = counts([4], days=4, seed=4)
    data[2 * DAY + 700 :] = counts([12], days=4, seed=5)[2 * DAY + 700 :]
    found, over = watch(data)
    assert (found[1], found[3], over[1], over[3]) == (Kind.BURST, False, Kind.STEP, True)


def test_deploy_calendar_finds_smaller_steps():
    """A halved rate of .5 a minute is told within four hours of a deploy that is known."""
    data = counts([0.5], days=3, seed=6)
    at = 2 * DAY + 600
    data[at:] = counts([0.15], days=3, seed=7)[at:]
    found = watch(data, deploys=[Deploy(at_s=START_S + 60 * at)])[0]
    assert found[:2] == ("s0", Kind.STEP)
    assert at < found[2] < at + 240


def test_first_event_of_a_series_is_a_birth_and_its_rate_is_not_told_again():
    """A pattern that begins with 20 a minute on the third day is told at its first minute, once."""
    data = counts([2, 20], days=4, seed=8)
    data[: 2 * DAY + 500, 1] = 0
    told = watch(data[:, 1:], known=False)
    assert [row[:3] for row in told] == [("s0", Kind.BIRTH, 2 * DAY + 500)] * 2


def test_silence_of_a_regular_series_is_told_but_not_minutes_that_were_not_collected():
    """Three hours without a heartbeat are told; three hours without collection are not."""
    data = counts([1.0, 1.0], days=4, seed=9)
    first = 3 * DAY + 300
    data[first : first + 180, 0] = 0
    data[first : first + 180, 1] = np.nan
    told = watch(data)
    assert {row[0] for row in told} == {"s0"}
    assert told[0][1] in {Kind.SILENCE, Kind.STEP}
    assert first < told[0][2] < first + 60


def test_detector_goes_on_from_its_bytes():
    """Stopped and read back at any hour, it tells the same as one that ran through."""
    data = counts([0.2, 5, 300], days=3, seed=10)
    data[2 * DAY + 100 : 2 * DAY + 140] *= 6
    whole = watch(data)
    detector = RateDetector()
    detector.add(["s0", "s1", "s2"], is_known=True)
    parts = []
    for first, last in ((0, 700), (700, 2 * DAY + 110), (2 * DAY + 110, 3 * DAY)):
        parts += watch(data[first:last], detector=detector, first=first)
        detector = RateDetector.from_bytes(detector.to_bytes())
    assert parts == whole
    assert len(whole) >= 6
