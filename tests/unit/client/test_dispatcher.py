"""Queue, retries, counts, fork, and what must never reach the application."""

from __future__ import annotations

import gzip
import logging
import os
import sys
import threading
import time

import pytest

import error_manager
from error_manager.client import delivery as delivery_module
from error_manager.client.api import current_client
from error_manager.client.delivery import Delivery, Line
from error_manager.client.transport import Answer, TransportError


class Script:
    """A transport that answers what the script says, and keeps the sizes of what it was given."""

    def __init__(self, *answers: Answer | TransportError) -> None:
        self.answers = list(answers)
        self.counts: list[int] = []

    def post(self, body: bytes, *, timeout_s: float) -> Answer:
        self.counts.append(len(gzip.decompress(body).splitlines()))
        answer = self.answers.pop(0) if self.answers else Answer(status=200)
        if isinstance(answer, TransportError):
            raise answer
        return answer

    def forget(self) -> None:
        return


class Waits:
    """Keeps the pauses asked for; says "closing" from the given one on."""

    def __init__(self, closing_at: int = 99) -> None:
        self.pauses: list[float] = []
        self.said: list[str] = []
        self.closing_at = closing_at

    def __call__(self, pause_s: float) -> bool:
        self.pauses.append(pause_s)
        return len(self.pauses) >= self.closing_at


def deliver(script: Script, waits: Waits, count: int = 1):
    """Deliver a batch with four tries."""
    delivery = Delivery(
        script,
        max_attempts=4,
        backoff_s=1.0,
        timeout_s=1.0,
        wait=waits,
        jitter=lambda: 0.5,
        warn=waits.said.append,
    )
    return delivery.deliver([Line(b"{}", 2)] * count)


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([Answer(status=403)], "refused the key (403)"),
        ([Answer(status=401)], "refused the key (401)"),
        ([Answer(status=404)], "takes no errors at this address (404)"),
        ([TransportError("Connection refused")] * 4, "cannot be reached (Connection refused)"),
        ([Answer(status=500)] * 4, ""),
        ([Answer(status=429)] * 4, ""),
        ([Answer(status=200)], ""),
    ],
)
def test_a_wrong_key_and_a_wrong_address_are_said_once(answers, words):
    """However often they are tried; what passes by itself is not said."""
    waits = Waits()
    deliver(Script(*answers), waits)
    assert len(waits.said) == bool(words)
    assert words in "".join(waits.said)


def test_what_the_client_says_is_one_line_on_stderr(capsys, monkeypatch):
    """It names the place and not the key; a program without stderr goes on."""
    for stderr in (sys.stderr, None):
        monkeypatch.setattr(sys, "stderr", stderr)
        script = Script(Answer(status=403), Answer(status=403))
        assert error_manager.init("http://secretkey@127.0.0.1:9/1", transport=script, hooks=())
        for number in range(2):
            error_manager.capture_message(f"message {number}")
            assert error_manager.flush(5)
        error_manager.close()
    assert capsys.readouterr().err == (
        "error_manager: the server at 127.0.0.1:9 refused the key (403): "
        "copy the DSN from its page Connect.\n"
    )


def test_connection_errors_are_retried_with_doubling_pauses():
    """Pauses double and carry jitter; in the end the errors are dropped by name."""
    waits = Waits()
    tally = deliver(Script(*[TransportError("refused")] * 4), waits)
    assert (tally.sent, tally.dropped) == (0, {"network": 2})
    assert waits.pauses == [1.0, 2.0, 4.0]


def test_retry_after_is_honoured():
    """After 429 and 503 the client waits what the server asked for, then sends the same body."""
    waits = Waits()
    script = Script(Answer(status=429, retry_after_s=7.0), Answer(status=503))
    assert deliver(script, waits, 3) == (6, {})
    assert waits.pauses == [7.5, 2.0]
    assert script.counts == [3, 3, 3]


def test_closing_ends_the_retries():
    """A client that closes gives up after the try at hand."""
    tally = deliver(Script(*[TransportError("refused")] * 4), Waits(closing_at=1))
    assert tally.dropped == {"network": 2}


@pytest.mark.parametrize(
    ("status", "reason"),
    [(401, "rejected"), (404, "rejected"), (301, "rejected"), (400, "invalid"), (422, "invalid")],
)
def test_refusals_are_not_retried(status, reason):
    """What will not get better is dropped by name at once."""
    waits = Waits()
    assert deliver(Script(Answer(status=status)), waits).dropped == {reason: 2}
    assert waits.pauses == []


def test_a_body_too_large_is_split():
    """413 halves the batch until single errors are refused."""
    script = Script(
        Answer(status=413), Answer(status=200), Answer(status=413), Answer(status=413), Answer(status=200)
    )
    assert deliver(script, Waits(), 4) == (6, {"too_large": 2})
    assert script.counts == [4, 2, 2, 1, 1]


def test_errors_refused_one_by_one_are_counted():
    """The answer of the server names the invalid ones; an unreadable answer counts as taken."""
    body = b'{"results": [{"index": 0, "id": "x"}, {"index": 1, "errors": []}]}'
    assert deliver(Script(Answer(status=200, body=body)), Waits(), 2) == (2, {"invalid": 2})
    assert deliver(Script(Answer(status=200, body=b"<html>")), Waits(), 2) == (4, {})


PARTLY = b"""{"results": [{"index": 0, "id": "x"}, {"index": 1, "errors": [{"code": "invalid_fields"}]},
    {"index": 2, "errors": [{"path": "", "message": "over quota", "code": "rate_limited"}]}]}"""
LIMITED = b'{"results": [{"index": 0, "errors": [{"code": "rate_limited"}]}]}'


def test_errors_over_quota_are_sent_again():
    """Those of a batch alone, after the time the server named."""
    waits = Waits()
    script = Script(Answer(status=200, body=PARTLY, retry_after_s=7.0))
    assert deliver(script, waits, 3) == (4, {"invalid": 2})
    assert (script.counts, waits.pauses) == ([3, 1], [7.5])


def test_errors_that_stay_over_quota_are_dropped_by_that_name():
    """The tries of a batch are counted over its parts; closing ends them."""
    again = Answer(status=200, body=LIMITED, retry_after_s=1.0)
    script = Script(Answer(status=200, body=PARTLY), *[again] * 9)
    assert deliver(script, Waits(), 3) == (2, {"invalid": 2, "rate_limited": 2})
    assert script.counts == [3, 1, 1, 1]
    assert deliver(Script(again), Waits(closing_at=1)) == (0, {"rate_limited": 2})


def test_a_full_queue_drops_and_counts(begin, transport):
    """While the server hangs, the queue is bounded, callers are not held up, every error is counted."""
    transport.may_go.clear()
    begin(fold_window_s=0, max_queue=10)
    started = time.perf_counter()
    for number in range(200):
        error_manager.capture_message(f"m {number}")
    assert time.perf_counter() - started < 20  # the server hangs for good
    transport.may_go.set()
    assert error_manager.flush(5)
    stats = error_manager.stats()
    assert stats.captured == 200
    assert stats.sent + stats.dropped["queue_full"] == 200
    assert len(transport.errors) == stats.sent <= 10 + 50 + 10


def test_flush_gives_up_in_time(begin, transport):
    """``flush`` returns False after its time when the server hangs."""
    transport.may_go.clear()
    begin()
    error_manager.capture_message("m")
    started = time.perf_counter()
    assert not error_manager.flush(0.1)
    assert time.perf_counter() - started < 20  # the server hangs for good
    assert error_manager.stats().waiting == 1


def test_close_sends_what_waits(begin, transport):
    """``close`` sends queued errors and sums, and ends the thread."""
    begin()
    for _ in range(3):
        error_manager.capture_message("m")
    assert error_manager.close(5)
    assert sorted(error.get("occurrences", 1) for error in transport.errors) == [1, 2]
    assert not [thread for thread in threading.enumerate() if thread.name == "error-manager"]


def test_errors_go_in_few_requests(begin, transport):
    """A burst is sent together."""
    begin(fold_window_s=0)
    for number in range(40):
        error_manager.capture_message(f"m {number}")
    assert error_manager.flush(5)
    assert len(transport.errors) == 40
    assert len(transport.bodies) <= 3


def test_what_the_thread_logs_is_not_captured(begin, transport):
    """An error logged inside the background thread is counted as re-entrant, not sent."""

    def before_send(event):
        logging.getLogger("inside").error("from the thread")
        return event

    begin(hooks=("logging",), before_send=before_send)
    error_manager.capture_message("m")
    assert error_manager.flush(5)
    assert [error["message"] for error in transport.errors] == ["m"]
    assert error_manager.stats().dropped == {"reentrant": 1}


def test_a_failure_inside_is_counted_and_kept_from_the_application(begin, transport, monkeypatch):
    """A bug of ours reaches nobody but ``on_internal_error``; later errors are sent."""
    heard: list[Exception] = []
    begin(on_internal_error=heard.append)
    client = current_client()
    assert client is not None
    broken = RuntimeError("bug")

    def fail(*_args: object) -> None:
        raise broken

    monkeypatch.setattr(client.dispatcher, "put", fail)
    assert error_manager.capture_message("a") == ""
    monkeypatch.undo()
    assert error_manager.capture_message("b")
    assert error_manager.flush(5)
    assert heard == [broken]
    stats = error_manager.stats()
    assert (stats.captured, stats.sent, stats.dropped) == (2, 1, {"internal": 1})


def test_the_guard_lets_failures_out_in_tests(begin, monkeypatch):
    """With an ``on_internal_error`` that raises, a bug of ours is seen."""
    begin()
    client = current_client()
    assert client is not None

    def fail(*_args: object) -> None:
        raise RuntimeError("bug")

    monkeypatch.setattr(client.dispatcher, "put", fail)
    with pytest.raises(RuntimeError, match="bug"):
        error_manager.capture_message("a")


def test_an_error_that_cannot_be_built_does_not_end_the_thread(begin, transport):
    """A ``before_send`` that fails costs its own error only."""
    heard: list[Exception] = []

    def before_send(event):
        if event.message == "bad":
            raise RuntimeError("hook")
        return event

    begin(before_send=before_send, on_internal_error=heard.append)
    error_manager.capture_message("bad")
    error_manager.capture_message("good")
    assert error_manager.flush(5)
    assert [error["message"] for error in transport.errors] == ["good"]
    assert error_manager.stats().dropped == {"internal": 1}
    assert len(heard) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_begins_anew(begin, transport):
    """The child drops what waits in the parent, counts from zero, and sends by a thread of its own."""
    transport.may_go.clear()
    begin()
    error_manager.capture_message("parent")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            transport.may_go = threading.Event()
            transport.may_go.set()
            assert error_manager.stats().captured == 0
            error_manager.capture_message("child")
            assert error_manager.flush(5)
            assert [error["message"] for error in transport.errors] == ["child"]
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    transport.may_go.set()
    assert error_manager.flush(5)
    assert [error["message"] for error in transport.errors] == ["parent"]


def test_back_off_has_an_upper_bound():
    """Pauses grow to a minute, not further."""
    assert delivery_module.MAX_BACKOFF_S == 60.0
    waits = Waits()
    delivery = Delivery(
        Script(*[TransportError("refused")] * 12),
        max_attempts=12,
        backoff_s=1.0,
        timeout_s=1.0,
        wait=waits,
        jitter=lambda: 0.5,
        warn=waits.said.append,
    )
    delivery.deliver([Line(b"{}", 1)])
    assert max(waits.pauses) == 60.0
