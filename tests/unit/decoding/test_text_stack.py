"""Errors whose stack came as text: the same group as with structured frames, and nothing lost."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from error_manager.core.fingerprint import fingerprint
from error_manager.core.types import ErrorEvent, EventId
from error_manager.decoding.native import decode_native
from error_manager.decoding.sentry import decode_sentry

STACKS = Path(__file__).parent / "stacks"
NOW = datetime(2026, 11, 23, tzinfo=UTC)
ID = EventId("0" * 32)
JAVA = (
    "java.lang.IllegalStateException: cannot pay order 17\n"
    "\tat com.acme.shop.Cart.total(Cart.java:31)\n"
    "\tat com.acme.shop.Orders.place(Orders.java:9)\n"
)


def frame(module: str, function: str, file: str, line: int) -> dict[str, object]:
    """Return a frame as clients of both protocols send it."""
    return {"module": module, "function": function, "filename": file, "lineno": line, "in_app": True}


FRAMES = [
    frame("com.acme.shop.Orders", "place", "Orders.java", 9),
    frame("com.acme.shop.Cart", "total", "Cart.java", 31),
]


def native(**fields: object) -> ErrorEvent:
    """Decode an error of our own form."""
    return decode_native({"message": "cannot pay", **fields}, received_at=NOW, event_id=ID)


def sentry(**fields: object) -> ErrorEvent:
    """Decode an event of the Sentry protocol."""
    event = decode_sentry(json.dumps(fields).encode(), received_at=NOW, event_id=ID)
    assert isinstance(event, ErrorEvent)
    return event


def test_native_text_groups_like_structure() -> None:
    """The same error with ``stack_trace`` as text and with exceptions is one pattern; the text is kept."""
    exception = {"type": "IllegalStateException", "module": "java.lang", "value": "x", "frames": FRAMES}
    structured = native(platform="java", exceptions=[exception])
    event = native(stack_trace=JAVA)
    assert fingerprint(event) == fingerprint(structured)
    assert (event.platform, event.stack_trace, event.message) == ("java", JAVA, "cannot pay")


@pytest.mark.parametrize(
    "fields",
    [
        {"message": JAVA},
        {"logentry": {"formatted": f"payment failed\n{JAVA}"}},
        {"message": "payment failed", "extra": {"stacktrace": JAVA}},
        {
            "exception": {"values": [{"type": "IllegalStateException", "value": "x"}]},
            "extra": {"stack_trace": JAVA},
        },
    ],
)
def test_sentry_text_groups_like_structure(fields: dict[str, object]) -> None:
    """A trace in the message, the log entry or extra gives the exceptions that a client would have sent."""
    exception = {"type": "IllegalStateException", "module": "java.lang", "stacktrace": {"frames": FRAMES}}
    structured = sentry(platform="java", exception={"values": [exception]})
    assert fingerprint(sentry(**fields)) == fingerprint(structured)


def test_structured_frames_win() -> None:
    """With frames the text is not read: nothing is replaced."""
    event = native(stack_trace=JAVA, frames=FRAMES[:1])
    assert (event.exceptions, len(event.frames)) == ((), 1)


def test_text_of_another_error_replaces_nothing() -> None:
    """An exception without frames stays when the text tells of another type."""
    event = sentry(exception={"values": [{"type": "Timeout", "value": "x"}]}, extra={"stacktrace": JAVA})
    assert [exception.type for exception in event.exceptions] == ["Timeout"]


def test_text_longer_than_the_cap_is_read_in_full() -> None:
    """The cause at the end of a long text is found although the kept text loses its middle."""
    text = (
        JAVA + "\tat com.acme.shop.Tree.walk(Tree.java:3)\n" * 900 + "Caused by: java.io.IOException: away\n"
    )
    event = native(stack_trace=text)
    assert [exception.type for exception in event.exceptions] == ["IOException", "IllegalStateException"]
    assert len(event.stack_trace) < len(text)


@pytest.mark.parametrize("text", ["", "no trace\nat all", "\n" * 1_000])
def test_other_text_stays_as_it_is(text: str) -> None:
    """Text without a trace is kept and makes no exception."""
    event = native(stack_trace=text)
    assert (event.stack_trace, event.exceptions, event.frames, event.platform) == (text, (), (), "")
