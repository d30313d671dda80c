"""A tight loop of errors costs two messages and loses no count."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

import error_manager
from error_manager.client.capture import Captured
from error_manager.client.folding import MAX_KEYS, FoldingTable


def fail(number: int) -> None:
    """Raise an exception that names the number."""
    raise ValueError(number)


def capture(number: int = 0) -> str:
    """Report an exception of one place."""
    try:
        fail(number)
    except ValueError:
        return error_manager.capture_exception()


def test_a_loop_is_sent_as_one_and_a_sum(begin, transport):
    """Of 1,000 errors the first is sent by itself, 999 as one with ``occurrences`` 999."""
    begin()
    ids = [capture(number) for number in range(1_000)]
    assert len(set(ids)) == 2
    assert error_manager.flush(5)
    assert sorted(error.get("occurrences", 1) for error in transport.errors) == [1, 999]
    stats = error_manager.stats()
    assert (stats.captured, stats.sent, stats.folded, stats.waiting) == (1_000, 1_000, 999, 0)
    assert "folding" in max(transport.errors, key=lambda error: error.get("occurrences", 1))["contexts"]


def test_threads_fold_to_an_exact_count(begin, transport):
    """Four threads with 250 errors each add up to 1,000."""
    begin()

    def work() -> None:
        for number in range(250):
            capture(number)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert error_manager.flush(5)
    assert sum(error.get("occurrences", 1) for error in transport.errors) == 1_000
    assert len(transport.errors) == 2


def test_the_sum_is_sent_when_the_window_ends(begin, transport):
    """Without a flush the sum follows at the end of the window; then a new window opens."""
    begin(fold_window_s=0.2)
    for _ in range(3):
        capture()
    deadline = time.monotonic() + 5
    while len(transport.errors) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [error.get("occurrences", 1) for error in transport.errors] == [1, 2]


def test_other_places_types_users_and_causes_are_not_folded(begin, transport):
    """Only the same error of the same user folds."""
    begin()
    capture()
    try:
        raise ValueError("elsewhere")
    except ValueError:
        error_manager.capture_exception()
    for user in ("u1", "u2"):
        with error_manager.bind(user={"id": user}):
            capture()
    for cause in (KeyError("a"), IndexError("a")):
        try:
            raise RuntimeError("outer") from cause
        except RuntimeError:
            error_manager.capture_exception()
    assert error_manager.flush(5)
    assert [error.get("occurrences", 1) for error in transport.errors] == [1] * 6


def test_messages_fold_by_template(begin, transport):
    """Messages of one template fold although their values differ."""
    begin()
    for number in range(5):
        error_manager.capture_message(f"job {number} failed", template="job %s failed")
    assert error_manager.flush(5)
    assert sorted(error.get("occurrences", 1) for error in transport.errors) == [1, 4]


def test_one_exception_by_two_routes_is_one_error(begin, transport):
    """What was reported directly is not reported again by logging; the same route counts again."""
    begin(hooks=("logging",), fold_window_s=0)
    import logging  # noqa: PLC0415  # only this test needs it

    try:
        fail(1)
    except ValueError as exc:
        first = error_manager.capture_exception(exc)
        logging.getLogger("shop").exception("again")
        error_manager.capture_exception(exc)
    assert error_manager.flush(5)
    assert transport.errors[0]["event_id"] == first
    assert error_manager.stats().captured == 2


def captured(name: str) -> Captured:
    """Return an error as the table holds it."""
    return Captured(event_id=name, timestamp_s=1.0, context={})


def test_a_full_table_lets_errors_through():
    """Beyond the bound each error is sent by itself, none is lost."""
    table = FoldingTable(60)
    assert all(table.is_first(number, 0.0) for number in range(MAX_KEYS))
    assert [table.is_first("more", 0.0), table.is_first("more", 0.0)] == [True, True]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 30)), max_size=60))
def test_no_count_is_lost(arrivals: list[tuple[str, float]]):
    """Sent singly plus occurrences of sums equals what arrived, for any arrivals and window ends."""
    table = FoldingTable(60)
    now_s, total = 0.0, 0
    for key, pause_s in arrivals:
        now_s += pause_s
        total += sum(one.occurrences for one in table.take_ended(now_s))
        if table.is_first(key, now_s):
            total += 1
        elif not table.count(key, now_s):
            assert table.hold(key, captured(key))
    total += sum(one.occurrences for one in table.take_all())
    assert total == len(arrivals)


def test_a_window_that_ended_meanwhile_sends_singly():
    """An error whose window closed while its snapshot was taken is handed back."""
    table = FoldingTable(60)
    table.is_first("a", 0.0)
    table.take_ended(61.0)
    assert not table.hold("a", captured("x"))


@pytest.mark.parametrize("window_s", [0.0, -1.0])
def test_folding_can_be_switched_off(window_s):
    """A window of 0 s folds nothing."""
    table = FoldingTable(window_s)
    assert table.is_first("a", 0.0)
    assert table.is_first("a", 0.0)
