"""Decodes our own JSON form of an error: strict from clients, lenient from storage (seed box: Validator).

Clients learn every wrong field at once. Unknown fields are kept in ``extra``; too long ones are cut with a
note, as everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from error_manager.core.errors import MalformedPayloadError, ValidationError
from error_manager.core.ids import parse_event_id
from error_manager.core.limits import (
    EARLIEST,
    MAX_FINGERPRINT_PARTS,
    MAX_LABEL_CHARS,
    MAX_MESSAGE_CHARS,
    MAX_NAME_CHARS,
    MAX_NOTES,
    MAX_OCCURRENCES,
    MAX_TEXT_CHARS,
    cut_text_middle,
)
from error_manager.core.types import ErrorEvent, EventId, ExceptionInfo, FieldError, FieldNote, Severity
from error_manager.decoding.json_text import decode_json
from error_manager.decoding.messages import NO_MESSAGE, exception_message
from error_manager.decoding.native_parts import (
    read_breadcrumbs,
    read_exceptions,
    read_frames,
    read_notes,
    read_request,
    read_user,
)
from error_manager.decoding.severity import parse_severity
from error_manager.decoding.stored import decode_proper
from error_manager.decoding.strict_reader import StrictReader
from error_manager.decoding.text_stack import with_text_stack
from error_manager.decoding.times import parse_time

_TEXT_LIMITS: Final[Mapping[str, int]] = {
    "module": MAX_NAME_CHARS,
    "error_code": MAX_NAME_CHARS,
    "platform": MAX_LABEL_CHARS,
    "logger": MAX_LABEL_CHARS,
    "transaction": MAX_NAME_CHARS,
    "server_name": MAX_LABEL_CHARS,
    "service": MAX_LABEL_CHARS,
    "release": MAX_LABEL_CHARS,
    "dist": MAX_LABEL_CHARS,
    "environment": MAX_LABEL_CHARS,
    "template": MAX_MESSAGE_CHARS,
    "sdk": MAX_LABEL_CHARS,
    "trace_id": MAX_LABEL_CHARS,
    "span_id": MAX_LABEL_CHARS,
    "original_timestamp": MAX_LABEL_CHARS,
}
_KNOWN: Final = _TEXT_LIMITS.keys() | {
    "event_id",
    "timestamp",
    "message",
    "severity",
    "stack_trace",
    "manager_context",
    "exceptions",
    "frames",
    "breadcrumbs",
    "tags",
    "user",
    "request",
    "contexts",
    "extra",
    "modules",
    "fingerprint",
    "occurrences",
    "notes",
}
_NO_ID: Final = EventId("0" * 32)


def decode_native(obj: object, *, received_at: datetime, event_id: EventId) -> ErrorEvent:
    """Return the error in a JSON object of our own form: in full (``core.encoding``), or a few plain fields.

    Args:
        obj: what ``decode_json`` returned; its free-form parts are used, and cut in place.
        received_at: aware; the time of an error that says none.
        event_id: the id of an error that says none.

    Raises:
        ValidationError: fields are wrong; names every one with its dotted path.
    """
    event, value = _checked(obj, received_at, event_id)
    return with_text_stack(event, value.get("stack_trace"), value.get("message"))


def check_native(obj: object, *, received_at: datetime, event_id: EventId) -> None:
    """Refuse what ``decode_native`` refuses; a stack that was sent as text is not read.

    Raises:
        ValidationError: fields are wrong; names every one with its dotted path.
    """
    _checked(obj, received_at, event_id)


def _checked(obj: object, received_at: datetime, event_id: EventId) -> tuple[ErrorEvent, dict[str, object]]:
    if not isinstance(obj, dict):
        raise ValidationError([FieldError(path="", message="expected an object")])
    reader = StrictReader()
    event = _read(reader, obj, received_at, event_id)
    if reader.errors:
        raise ValidationError(reader.errors)
    return event, obj


def decode_stored(body: bytes) -> ErrorEvent:
    """Return an error from its stored JSON; what another version wrote otherwise is dropped with a note.

    Raises:
        MalformedPayloadError: the body is not a JSON object at all.
    """
    event = decode_proper(body)
    if event is not None:
        return event
    obj = decode_json(body)
    if not isinstance(obj, dict):
        raise MalformedPayloadError("The stored error is not a JSON object.")
    reader = StrictReader()
    event = _read(reader, obj, EARLIEST, _NO_ID)
    dropped = [FieldNote(path=error.path, reason=f"dropped: {error.message}") for error in reader.errors]
    return replace(event, notes=(*event.notes, *dropped[:MAX_NOTES]))


def _read(
    reader: StrictReader, value: dict[str, object], received_at: datetime, event_id: EventId
) -> ErrorEvent:
    get = value.get
    texts = {
        name: reader.text(get(name), name, limit) for name, limit in _TEXT_LIMITS.items() if name in value
    }
    exceptions = read_exceptions(reader, get("exceptions"))
    message = _message(reader, get("message"), exceptions)
    extra = reader.mapping(get("extra"), "extra")
    if unknown := value.keys() - _KNOWN:
        others = {name: value[name] for name in value if name in unknown and name not in extra}
        extra = extra | reader.mapping(others, "extra")
    return ErrorEvent(
        event_id=_event_id(reader, get("event_id"), event_id),
        timestamp=_timestamp(reader, get("timestamp"), received_at),
        message=message,
        severity=_severity(reader, get("severity")),
        stack_trace=_stack_trace(reader, get("stack_trace")),
        manager_context=reader.json_text(get("manager_context"), "manager_context"),
        **texts,
        exceptions=exceptions,
        frames=read_frames(reader, get("frames"), ""),
        breadcrumbs=read_breadcrumbs(reader, get("breadcrumbs")),
        tags=reader.tags(get("tags")),
        user=read_user(reader, get("user")),
        request=read_request(reader, get("request")),
        contexts=reader.mapping(get("contexts"), "contexts"),
        extra=extra,
        modules=reader.pairs(get("modules"), "modules"),
        fingerprint=reader.texts(get("fingerprint"), "fingerprint", MAX_FINGERPRINT_PARTS),
        occurrences=_occurrences(reader, get("occurrences")),
        notes=read_notes(reader, get("notes")),
    )


def _stack_trace(reader: StrictReader, value: object) -> str:
    if isinstance(value, str) and len(value) > MAX_TEXT_CHARS:
        reader.note("stack_trace", f"cut in the middle from {len(value)} to {MAX_TEXT_CHARS} characters")
        return cut_text_middle(value, MAX_TEXT_CHARS)
    return reader.text(value, "stack_trace")


def _event_id(reader: StrictReader, value: object, given: EventId) -> EventId:
    if value is None:
        return given
    event_id = parse_event_id(value)
    if event_id is None:
        reader.fail("event_id", "expected 32 hexadecimal digits or a UUID")
        return given
    return event_id


def _timestamp(reader: StrictReader, value: object, received_at: datetime) -> datetime:
    if value is None:
        return received_at
    time = parse_time(value)
    if time is None:
        reader.fail("timestamp", "expected a time from 1970 to 2099: RFC 3339 text or seconds since 1970")
        return received_at
    return time


def _message(reader: StrictReader, value: object, exceptions: tuple[ExceptionInfo, ...]) -> str:
    message = reader.text(value, "message", MAX_MESSAGE_CHARS)
    if message.strip():
        return message
    if not exceptions and (value is None or isinstance(value, str)):
        reader.fail("message", "required: a text that is not empty")
    return exception_message(exceptions) or NO_MESSAGE


def _severity(reader: StrictReader, value: object) -> Severity:
    if value is None:
        return Severity.ERROR
    severity = parse_severity(value)
    if severity is None:
        reader.fail("severity", f"expected one of {', '.join(Severity)}")
        return Severity.ERROR
    return severity


def _occurrences(reader: StrictReader, value: object) -> int:
    if value is None:
        return 1
    if type(value) is int and 1 <= value <= MAX_OCCURRENCES:
        return value
    reader.fail("occurrences", f"expected a whole number from 1 to {MAX_OCCURRENCES}")
    return 1
