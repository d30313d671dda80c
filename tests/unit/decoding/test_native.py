"""Our own JSON form of an error, from clients and from storage."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from tests.event_strategies import errors

from error_manager.core.encoding import event_to_json
from error_manager.core.errors import MalformedPayloadError, ValidationError
from error_manager.core.types import (
    ErrorEvent,
    EventId,
    ExceptionInfo,
    FieldError,
    FieldNote,
    Frame,
    Severity,
    User,
)
from error_manager.decoding.native import decode_native, decode_stored

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
ID = EventId("0" * 32)


def decode(value: object) -> ErrorEvent:
    """Decode as the accepting side does."""
    return decode_native(json.loads(json.dumps(value)), received_at=NOW, event_id=ID)


def wrong(value: object) -> dict[str, str]:
    """Return the errors of a value, message by path."""
    with pytest.raises(ValidationError) as caught:
        decode(value)
    return {error.path: error.message for error in caught.value.errors}


@given(errors)
def test_clients_and_storage_give_back_what_was_encoded(event: ErrorEvent) -> None:
    """``decode(encode(error)) == error``, on both ways in."""
    written = event_to_json(event)
    body = msgspec.json.encode(written)
    assert decode_native(json.loads(json.dumps(written)), received_at=NOW, event_id=ID) == event
    assert decode_stored(body) == event


@given(errors)
def test_the_lenient_way_gives_the_same(event: ErrorEvent) -> None:
    """A stored error that the fast way does not take is read field by field, the odd field is noted."""
    written = event_to_json(event) | {"dist": 5}
    read = decode_stored(msgspec.json.encode(written))
    note = FieldNote(path="dist", reason="dropped: expected a text, got a number")
    assert read == replace(event, dist="", notes=(*event.notes, note))


def test_a_message_is_enough() -> None:
    """All else has defaults."""
    assert decode({"message": "no card"}) == ErrorEvent(event_id=ID, timestamp=NOW, message="no card")


def test_the_plain_form() -> None:
    """The document's fields, as a shell script would send them."""
    assert decode(
        {
            "message": "no card",
            "severity": "WARN",
            "module": "shop.pay",
            "error_code": "E42",
            "stack_trace": "Traceback ...",
            "timestamp": 1795442163,
            "manager_context": {"till": 3},
            "event_id": "01234567-89AB-cdef-0123-456789abcdef",
            "user": {"id": 5},
            "tags": {"vip": True, "n": 1, "none": None},
            "shop": "berlin",
        }
    ) == ErrorEvent(
        event_id=EventId("0123456789abcdef0123456789abcdef"),
        timestamp=datetime(2026, 11, 23, 13, 56, 3, tzinfo=UTC),
        message="no card",
        severity=Severity.WARNING,
        module="shop.pay",
        error_code="E42",
        stack_trace="Traceback ...",
        manager_context='{"till":3}',
        user=User(id="5"),
        tags=(("vip", "true"), ("n", "1")),
        extra={"shop": "berlin"},
    )


def test_exceptions_stand_in_for_the_message() -> None:
    """Without a message it is that of the raised exception; in-app is the default of a frame."""
    event = decode({"exceptions": [{"type": "A", "value": "b", "frames": [{"function": "f"}]}]})
    assert event.message == "A: b"
    assert event.exceptions == (ExceptionInfo(type="A", value="b", frames=(Frame(function="f"),)),)


@pytest.mark.parametrize("value", [None, 5, "text", [], True])
def test_only_objects_are_errors(value: object) -> None:
    """Anything else is refused, with an empty path."""
    assert wrong(value) == {"": "expected an object"}


@pytest.mark.parametrize("message", [None, "", " \n"])
def test_a_message_is_required(message: object) -> None:
    """Null and blank texts are no message."""
    assert wrong({"message": message}) == {"message": "required: a text that is not empty"}
    assert wrong({}) == {"message": "required: a text that is not empty"}


def test_every_wrong_field_is_named_at_once() -> None:
    """One answer lists all errors with dotted paths and what was expected."""
    assert wrong(
        {
            "message": 5,
            "severity": "bad",
            "timestamp": "yesterday",
            "event_id": "xyz",
            "occurrences": 0,
            "release": ["1"],
            "tags": {"a": {"b": 1}, "c": "fine"},
            "exceptions": [
                {"type": "A", "frames": [{}, {}, {"lineno": "12", "in_app": "yes", "pre_context": [1]}]},
                "text",
            ],
            "breadcrumbs": [{"timestamp": "never"}],
            "user": "ada",
            "request": {"headers": [["a", "b"]]},
            "contexts": 5,
            "fingerprint": "a",
            "frames": {},
        }
    ) == {
        "message": "expected a text, got a number",
        "severity": "expected one of debug, info, warning, error, critical, fatal",
        "timestamp": "expected a time from 1970 to 2099: RFC 3339 text or seconds since 1970",
        "event_id": "expected 32 hexadecimal digits or a UUID",
        "occurrences": "expected a whole number from 1 to 1000000000",
        "release": "expected a text, got a list",
        "tags.a": "expected a text, a number or a truth value, got an object",
        "exceptions.0.frames.2.lineno": "expected a whole number, got a text",
        "exceptions.0.frames.2.in_app": "expected true or false, got a text",
        "exceptions.0.frames.2.pre_context.0": "expected a text, got a number",
        "exceptions.1": "expected an object, got a text",
        "breadcrumbs.0.timestamp": "expected a time from 1970 to 2099: RFC 3339 text or seconds since 1970",
        "user": "expected an object, got a text",
        "request.headers": "expected an object, got a list",
        "contexts": "expected an object, got a number",
        "fingerprint": "expected a list of texts, got a text",
        "frames": "expected a list, got an object",
    }


@pytest.mark.parametrize("occurrences", [0, -1, 1.5, "2", True, 10**9 + 1])
def test_occurrences_are_a_count(occurrences: object) -> None:
    """A whole number from one to a thousand million."""
    assert wrong({"message": "a", "occurrences": occurrences}).keys() == {"occurrences"}


@pytest.mark.parametrize("lineno", [-1, 2**31, 1.0, True])
def test_lines_are_whole_numbers(lineno: object) -> None:
    """Strict where Sentry's form is lenient."""
    assert wrong({"message": "a", "frames": [{"lineno": lineno}]}).keys() == {"frames.0.lineno"}


def test_what_is_too_long_is_cut_with_a_note() -> None:
    """Size is no error: texts are cut, a stack trace in its middle."""
    event = decode(
        {
            "message": "m" * 10_000,
            "stack_trace": "a" * 20_000 + "b" * 20_000,
            "tags": {f"k{number}": "v" for number in range(150)},
            "frames": [{"function": str(number)} for number in range(300)],
            "exceptions": [{"type": "A"}] * 60,
            "breadcrumbs": [{"message": "a"}] * 150,
        }
    )
    assert event.message == "m" * 8_191 + "…"
    assert len(event.stack_trace) == 16_384
    assert (event.stack_trace[:5], event.stack_trace[-5:]) == ("aaaaa", "bbbbb")
    assert (len(event.tags), len(event.frames), len(event.exceptions)) == (100, 250, 50)
    assert {note.path for note in event.notes} == {
        "message",
        "stack_trace",
        "tags",
        "frames",
        "exceptions",
        "breadcrumbs",
    }


def test_the_number_of_errors_is_bounded() -> None:
    """20,000 wrong members do not make an answer of megabytes."""
    with pytest.raises(ValidationError) as caught:
        decode({"message": "a", "exceptions": ["x"] * 20_000})
    assert len(caught.value.errors) == 1_000
    assert caught.value.errors[0] == FieldError(path="exceptions.0", message="expected an object, got a text")


def test_storage_is_read_leniently() -> None:
    """Unknown fields are kept, an absent id and time have stand-ins, nothing is refused."""
    event = decode_stored(b'{"message": 5, "new": 1, "frames": [{"lineno": "x"}]}')
    assert event.message == "(no message)"
    assert event.frames == (Frame(),)
    assert [note.path for note in event.notes] == ["message", "frames.0.lineno"]
    assert (event.event_id, event.timestamp.year, event.extra) == ("0" * 32, 1970, {"new": 1})


@pytest.mark.parametrize("body", [b"", b"[]", b"text"])
def test_what_is_no_stored_error_is_malformed(body: bytes) -> None:
    """Only what is no JSON object is refused."""
    with pytest.raises(MalformedPayloadError):
        decode_stored(body)


def test_times_with_other_zones_are_the_same_instant() -> None:
    """A zone is turned into UTC."""
    event = decode({"message": "a", "timestamp": "2026-11-23T16:00:00+02:00"})
    assert event.timestamp == NOW
    assert event.timestamp.utcoffset() == timedelta(0)
