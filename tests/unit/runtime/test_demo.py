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
from error_manager.runtime.demo.faults import FAULTS
from error_manager.runtime.demo.order import spread, writing_order
from error_manager.runtime.demo.schedule import DAYS, RESOLVED_FAULT, fixed_at, incidents, moments
from error_manager.runtime.demo.truth import known_span, name_of, span_until, write_truth

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
    bodies = [BodyMaker(START, seed=5, name="5").body(moment, i) for i, moment in enumerate(planned[:50])]
    assert bodies == [
        BodyMaker(START, seed=5, name="5").body(moment, i) for i, moment in enumerate(again[:50])
    ]
    assert bodies != [
        BodyMaker(START, seed=6, name="6").body(moment, i) for i, moment in enumerate(planned[:50])
    ]


def test_every_fault_makes_a_valid_error(planned):
    """One error of each fault passes the strict decoder."""
    maker = BodyMaker(START, seed=5, name="5")
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


def test_every_error_is_written_once(planned):
    """The order holds each number of the plan exactly once, with its moment."""
    order = writing_order(planned, resolved_at=fixed_at(START), size=100)
    written = [*order.opening, *order.comeback, *(one for batch in order.batches for one in batch)]
    assert sorted(number for number, _ in written) == list(range(len(planned)))
    assert all(planned[number] is moment for number, moment in written)


def test_an_interrupted_demo_covers_all_days(planned):
    """After a tenth of the batches each day has errors, none more than three times its share."""
    order = writing_order(planned, resolved_at=fixed_at(START), size=50)
    tenth = order.batches[: len(order.batches) // 10]
    days = Counter((moment.at - START).days for batch in tenth for _, moment in batch)
    whole = Counter((moment.at - START).days for moment in planned)
    assert set(days) == set(range(DAYS))
    assert all(days[day] / days.total() < 3 * whole[day] / whole.total() for day in whole)


def test_what_makes_resolves_and_brings_back_a_pattern_comes_first_and_in_order(planned):
    """The first error of each fault, all of the resolved one until then, and the one that brings it back."""
    order = writing_order(planned, resolved_at=fixed_at(START), size=100)
    opening = [moment for _, moment in order.opening]
    assert [m.at for m in opening] == sorted(m.at for m in opening)
    first = {moment.fault.key: moment for moment in reversed(planned)}
    assert all(moment in opening for moment in first.values())
    coupon = [m for m in planned if m.fault.key == RESOLVED_FAULT]
    assert [m for m in opening if m.fault.key == RESOLVED_FAULT] == [
        m for m in coupon if m.at < fixed_at(START)
    ]
    assert [m for _, m in order.comeback] == [m for m in coupon if m.at >= fixed_at(START)][:1]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 8, 100])
def test_spread_is_a_permutation(count):
    """Nothing is left out or doubled, at any length."""
    assert sorted(spread(count)) == list(range(count))


def test_spread_halves_before_it_quarters():
    """The van der Corput sequence of eight, by hand."""
    assert spread(8) == [0, 4, 2, 6, 1, 5, 3, 7]


def test_a_later_run_goes_on_with_the_same_span(tmp_path):
    """An hour later the same numbers mean the same errors; others, or days not kept any more, do not."""
    path = tmp_path / "files" / "truth.json"
    span = span_until(datetime(2026, 3, 15, 10, 20, tzinfo=UTC))
    assert (span.start, span.end) == (START, datetime(2026, 3, 15, 10, tzinfo=UTC))
    assert known_span(path, seed=1, asked=9, since=START) is None
    write_truth(path, span, seed=1, asked=9, errors=8)
    assert known_span(path, seed=1, asked=9, since=START) == span
    assert known_span(path, seed=2, asked=9, since=START) is None
    assert known_span(path, seed=1, asked=10, since=START) is None
    assert known_span(path, seed=1, asked=9, since=START + timedelta(hours=1)) is None
    assert name_of(span, seed=1, asked=9) != name_of(span, seed=1, asked=10)
    path.write_text("[]")
    assert known_span(path, seed=1, asked=9, since=START) is None


def test_the_truth_ranks_every_fault_once(tmp_path):
    """The ranks are 1 to the number of faults; each stands in the truth file under the key of its fault."""
    path = tmp_path / "truth.json"
    write_truth(path, span_until(END), seed=1, asked=9, errors=8)
    ranks = json.loads(path.read_text(encoding="utf-8"))["risk_ranks"]
    assert sorted(ranks.values()) == list(range(1, len(FAULTS) + 1))
    assert ranks == {fault.key: fault.risk_rank for fault in FAULTS}
