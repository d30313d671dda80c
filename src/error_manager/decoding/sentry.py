"""Decodes one event of the Sentry protocol, field by field (seed box: Validator).

Only 134 of 204 recorded events of released clients follow the published schema, so nothing is refused for one
bad field: the field is dropped or cut, a note says so, the error is kept.

Source: https://develop.sentry.dev/sdk/data-model/event-payloads/ and recordings of released clients.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from error_manager.core.errors import MalformedPayloadError
from error_manager.core.limits import (
    MAX_FINGERPRINT_PARTS,
    MAX_LABEL_CHARS,
    MAX_MESSAGE_CHARS,
    MAX_NAME_CHARS,
)
from error_manager.core.quick import maker
from error_manager.core.types import ErrorEvent, EventId, ExceptionInfo, Frame, ItemCategory
from error_manager.decoding.envelope import sdk_text
from error_manager.decoding.messages import NO_MESSAGE, exception_message, interpolate
from error_manager.decoding.reader import FieldReader, scalar_text
from error_manager.decoding.sentry_context import read_breadcrumbs, read_request, read_user
from error_manager.decoding.sentry_stack import read_exceptions, read_stack, read_threads
from error_manager.decoding.sentry_wire import decode_event
from error_manager.decoding.severity import read_severity
from error_manager.decoding.text_stack import EXTRA_KEYS, with_text_stack
from error_manager.decoding.times import parse_time

_event_of: Final = maker(ErrorEvent)
_LEGACY_EXCEPTION: Final = "sentry.interfaces.Exception"
_LEGACY_STACK: Final = "sentry.interfaces.Stacktrace"
_LEGACY_MESSAGE: Final = "sentry.interfaces.Message"
_LEGACY_REQUEST: Final = "sentry.interfaces.Http"
_LEGACY_USER: Final = "sentry.interfaces.User"
_NOT_ERRORS: Final[Mapping[str, ItemCategory]] = {
    "transaction": ItemCategory.TRANSACTION,
    "feedback": ItemCategory.FEEDBACK,
}
_MAX_ORIGINAL_CHARS: Final = 100
# Read below, or of no use to whoever looks at an error; all other members are kept in ``extra``.
_KNOWN: Final = frozenset(
    {
        "event_id",
        "timestamp",
        "platform",
        "level",
        "logger",
        "transaction",
        "server_name",
        "release",
        "dist",
        "environment",
        "message",
        "logentry",
        "exception",
        "threads",
        "stacktrace",
        "breadcrumbs",
        "tags",
        "user",
        "request",
        "contexts",
        "extra",
        "modules",
        "fingerprint",
        "sdk",
        "culprit",
        "type",
        "_meta",
        "debug_meta",
        "errors",
        "project",
        "key_id",
        "received",
        "start_timestamp",
        "transaction_info",
        "time_spent",
        "checksum",
        "hashes",
        "repos",
        "version",
        "site",
        "spans",
        "measurements",
        _LEGACY_EXCEPTION,
        _LEGACY_STACK,
        _LEGACY_MESSAGE,
        _LEGACY_REQUEST,
        _LEGACY_USER,
    }
)


def decode_sentry(body: bytes, *, received_at: datetime, event_id: EventId) -> ErrorEvent | ItemCategory:
    """Return the error in the JSON of one event, or the category of what is not an error.

    Args:
        body: the payload of an ``event`` item, or the JSON of ``/store/``.
        received_at: aware; the time of errors that carry none that can be read.
        event_id: what the client was told; the id inside the body is not looked at.

    Raises:
        MalformedPayloadError: the body is not JSON, or not an object.
    """
    value = decode_event(body)
    if not isinstance(value, dict):
        raise MalformedPayloadError("The event is not a JSON object.")
    kind = value.get("type")
    if isinstance(kind, str) and kind in _NOT_ERRORS:
        return _NOT_ERRORS[kind]
    event = _error(value, received_at, event_id)
    if event.frames or any(exception.frames for exception in event.exceptions):
        return event
    return with_text_stack(
        event, event.message, *(event.extra[key] for key in EXTRA_KEYS if key in event.extra)
    )


def _error(value: dict[str, object], received_at: datetime, event_id: EventId) -> ErrorEvent:
    reader = FieldReader()
    get = value.get
    label = _Labels(reader, value)
    platform = label("platform")
    exceptions = read_exceptions(reader, get("exception") or get(_LEGACY_EXCEPTION), platform)
    frames = _frames(reader, value, exceptions, platform)
    breadcrumbs = read_breadcrumbs(reader, get("breadcrumbs"))
    user = read_user(reader, get("user") or get(_LEGACY_USER))
    request = read_request(reader, get("request") or get(_LEGACY_REQUEST))
    message, template = _message(reader, value)
    transaction = label("transaction", MAX_NAME_CHARS) or label("culprit", MAX_NAME_CHARS)
    contexts = _contexts(reader, get("contexts"))
    trace = contexts.get("trace")
    trace = trace if isinstance(trace, dict) else {}
    timestamp, original = _time(reader, get("timestamp"), received_at)
    modules = get("modules")
    return _event_of(
        event_id=event_id,
        timestamp=timestamp,
        message=message or exception_message(exceptions) or transaction or NO_MESSAGE,
        severity=read_severity(reader, get("level")),
        platform=platform,
        logger=label("logger"),
        transaction=transaction,
        server_name=label("server_name"),
        release=label("release"),
        dist=label("dist"),
        environment=label("environment"),
        template=template,
        exceptions=exceptions,
        frames=frames,
        breadcrumbs=breadcrumbs,
        tags=reader.tags(get("tags")),
        user=user,
        request=request,
        contexts=contexts,
        extra=_extra(reader, value),
        modules=reader.pairs(modules, "modules") if modules else {},
        sdk=sdk_text(get("sdk")),
        fingerprint=reader.texts(get("fingerprint"), "fingerprint", MAX_FINGERPRINT_PARTS),
        trace_id=reader.text(trace.get("trace_id"), "trace_id", MAX_LABEL_CHARS),
        span_id=reader.text(trace.get("span_id"), "span_id", MAX_LABEL_CHARS),
        original_timestamp=original,
        notes=tuple(reader.notes),
    )


def _frames(
    reader: FieldReader, value: dict[str, object], exceptions: tuple[ExceptionInfo, ...], platform: str
) -> tuple[Frame, ...]:
    """Return the stack of an error whose exceptions have none: that of a thread, or of the error itself."""
    for exception in exceptions:
        if exception.frames:
            return ()
    return read_threads(reader, value.get("threads"), platform) or read_stack(
        reader, value.get("stacktrace") or value.get(_LEGACY_STACK), "", platform
    )


class _Labels:
    """Reads the short texts at the top of an event."""

    __slots__ = ("_get", "_reader")

    def __init__(self, reader: FieldReader, value: dict[str, object]) -> None:
        self._reader = reader
        self._get = value.get

    def __call__(self, name: str, limit: int = MAX_LABEL_CHARS) -> str:
        return self._reader.text(self._get(name), name, limit)


def _message(reader: FieldReader, value: dict[str, object]) -> tuple[str, str]:
    """Return the readable message and its template ("" when nothing was filled in)."""
    for name in ("logentry", _LEGACY_MESSAGE, "message"):
        entry = value.get(name)
        if isinstance(entry, dict):
            template = reader.text(entry.get("message"), "message", MAX_MESSAGE_CHARS)
            formatted = reader.text(entry.get("formatted"), "message", MAX_MESSAGE_CHARS)
            message = formatted or interpolate(template, entry.get("params"))
            if message.strip():
                return message, template if template != message else ""
        elif entry is not None:
            message = reader.text(entry, "message", MAX_MESSAGE_CHARS)
            if message.strip():
                return message, ""
    return "", ""


def _contexts(reader: FieldReader, value: object) -> dict[str, object]:
    contexts = reader.mapping(value, "contexts")
    if None in contexts.values():
        return {name: context for name, context in contexts.items() if context is not None}
    return contexts


def _extra(reader: FieldReader, value: dict[str, object]) -> dict[str, object]:
    unknown = value.keys() - _KNOWN
    if not unknown:
        return reader.mapping(value.get("extra"), "extra")
    extra = value.get("extra")
    members = {name: value[name] for name in value if name in unknown}
    if isinstance(extra, dict):
        members = extra | {name: member for name, member in members.items() if name not in extra}
    elif extra is not None:
        members["extra"] = scalar_text(extra)
    return reader.mapping(members, "extra")


def _time(reader: FieldReader, value: object, received_at: datetime) -> tuple[datetime, str]:
    """Return the time of the error, and what the client said when that cannot be used."""
    time = parse_time(value)
    if time is not None:
        return time, ""
    if value is None:
        return received_at, ""
    reader.note("timestamp", "replaced by the time of receipt: expected a time from 1970 to 2099")
    return received_at, scalar_text(value, _MAX_ORIGINAL_CHARS)
