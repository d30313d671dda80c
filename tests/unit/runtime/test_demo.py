"""The demo is reproducible, about as large as asked, and plants its incidents where the truth says."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from error_manager.decoding.json_text import decode_json
from error_manager.decoding.native import decode_native
from error_manager.runtime.demo.bodies import BodyMaker
from error_manager.runtime.demo.schedule import DAYS, fixed_at, incidents, moments

START = datetime(2026, 3, 2, tzinfo=UTC)
END = START + timedelta(days=DAYS)


@pytest.fixture(scope="module")
def planned():
    """A small demo."""
    return moments(START, END, errors=20_000, rng=Random(5))


def test_the_number_and_order_are_as_asked(planned):
    """Within 2 %, in order of time, inside the fourteen days."""
    assert abs(len(planned) - 20_000) <= 400
    assert [m.at for m in planned] == sorted(m.at for m in planned)
    assert planned[-1].at < END


def test_the_same_seed_makes_the_same_bytes(planned):
    """Reproducible by seed; another seed differs."""
    again = moments(START, END, errors=20_000, rng=Random(5))
    bodies = [BodyMaker(START, seed=5).body(moment, i) for i, moment in enumerate(planned[:50])]
    assert bodies == [BodyMaker(START, seed=5).body(moment, i) for i, moment in enumerate(again[:50])]
    assert bodies != [BodyMaker(START, seed=6).body(moment, i) for i, moment in enumerate(planned[:50])]


def test_every_fault_makes_a_valid_error(planned):
    """One error of each fault passes the strict decoder."""
    maker = BodyMaker(START, seed=5)
    first = {moment.fault.key: (index, moment) for index, moment in reversed(list(enumerate(planned)))}
    for index, moment in first.values():
        event_id, body = maker.body(moment, index)
        event = decode_native(decode_json(body), received_at=moment.at, event_id=event_id)
        assert (event.event_id, event.timestamp) == (event_id, moment.at)
        assert json.loads(body)["platform"] == event.platform


def test_incidents_lie_where_the_truth_says(planned):
    """Each planted error falls into its incident's time (a cascade's echoes within a minute after)."""
    truth = {incident.kind: incident for incident in incidents(START)}
    for moment in planned:
        if moment.incident:
            incident = truth[moment.incident]
            assert incident.start <= moment.at <= incident.end + timedelta(minutes=1)
            assert moment.fault.key in incident.faults


def test_the_batch_falls_silent_and_the_mended_fault_comes_back(planned):
    """No import warning after the silence began; the coupon fault is quiet between mending and release."""
    silence = next(incident for incident in incidents(START) if incident.kind == "silent_batch")
    assert not [m for m in planned if m.fault.key == "batch-import" and m.at >= silence.start]
    coupon = [m.at for m in planned if m.fault.key == "api-coupon" and m.at >= fixed_at(START)]
    regression = next(incident for incident in incidents(START) if incident.kind == "regression")
    assert coupon
    assert min(coupon) >= regression.start


def test_days_have_a_rhythm(planned):
    """Evenings see several times the errors of the small hours."""
    by_hour = Counter(m.at.hour for m in planned if m.fault.key == "api-stock")
    assert by_hour[14] > 3 * by_hour[3]
