"""Our own JSON form of an error: what is sent, stored, and shown on raw pages (seed box: Error Entry).

Field names are those of the dataclasses; defaults are left out (identity, time, message and severity are
always there); times are RFC 3339 in UTC with microseconds; tags are an object, tuples are lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from operator import attrgetter

from error_manager.core.types import Breadcrumb, ErrorEvent, ExceptionInfo, Frame, Request, User

# One attrgetter call fetches all fields of a value: half the time of a getattr each.
_EVENT_TEXTS = (
    "stack_trace",
    "module",
    "error_code",
    "manager_context",
    "platform",
    "logger",
    "transaction",
    "server_name",
    "service",
    "release",
    "dist",
    "environment",
    "template",
    "sdk",
    "trace_id",
    "span_id",
    "original_timestamp",
)
_EVENT_OBJECTS = ("contexts", "extra", "modules")
_EXCEPTION_TEXTS = ("type", "value", "module", "mechanism", "source", "thread_id")
_BREADCRUMB_TEXTS = ("category", "message", "level", "type")
_USER_TEXTS = ("id", "email", "username", "ip_address")
_REQUEST_TEXTS = ("url", "method", "query_string")
_REQUEST_OBJECTS = ("headers", "cookies", "env")

_event_texts = attrgetter(*_EVENT_TEXTS)
_event_objects = attrgetter(*_EVENT_OBJECTS)
_exception_texts = attrgetter(*_EXCEPTION_TEXTS)
_breadcrumb_texts = attrgetter(*_BREADCRUMB_TEXTS)
_user_texts = attrgetter(*_USER_TEXTS)
_request_texts = attrgetter(*_REQUEST_TEXTS)
_request_objects = attrgetter(*_REQUEST_OBJECTS)


def time_to_text(time: datetime) -> str:
    """Return an aware time as RFC 3339 in UTC, always with six digits: ``2026-11-23T21:40:00.123456Z``."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def event_to_json(event: ErrorEvent) -> dict[str, object]:
    """Return the JSON form of an error: plain dicts, lists, texts, numbers (free-form parts are shared)."""
    out: dict[str, object] = {
        "event_id": event.event_id,
        "timestamp": time_to_text(event.timestamp),
        "message": event.message,
        "severity": event.severity.value,
    }
    out |= _set_fields(_EVENT_TEXTS, _event_texts(event))
    if event.exceptions:
        out["exceptions"] = [_exception_to_json(exception) for exception in event.exceptions]
    if event.frames:
        out["frames"] = [_frame_to_json(frame) for frame in event.frames]
    if event.breadcrumbs:
        out["breadcrumbs"] = [_breadcrumb_to_json(breadcrumb) for breadcrumb in event.breadcrumbs]
    if event.tags:
        out["tags"] = dict(event.tags)
    if event.user is not None:
        out["user"] = _user_to_json(event.user)
    if event.request is not None:
        out["request"] = _request_to_json(event.request)
    out |= _set_objects(_EVENT_OBJECTS, _event_objects(event))
    if event.fingerprint:
        out["fingerprint"] = list(event.fingerprint)
    if event.occurrences != 1:
        out["occurrences"] = event.occurrences
    if event.notes:
        out["notes"] = [{"path": note.path, "reason": note.reason} for note in event.notes]
    return out


def _set_fields(names: tuple[str, ...], values: tuple[object, ...]) -> dict[str, object]:
    return {name: value for name, value in zip(names, values, strict=True) if value}


def _set_objects(
    names: tuple[str, ...], values: tuple[Mapping[str, object], ...]
) -> dict[str, dict[str, object]]:
    return {name: dict(value) for name, value in zip(names, values, strict=True) if value}


def _exception_to_json(exception: ExceptionInfo) -> dict[str, object]:
    out = _set_fields(_EXCEPTION_TEXTS, _exception_texts(exception))
    if exception.is_handled is not None:
        out["is_handled"] = exception.is_handled
    if exception.is_synthetic:
        out["is_synthetic"] = True
    if exception.exception_id is not None:
        out["exception_id"] = exception.exception_id
    if exception.parent_id is not None:
        out["parent_id"] = exception.parent_id
    if exception.is_group:
        out["is_group"] = True
    if exception.frames:
        out["frames"] = [_frame_to_json(frame) for frame in exception.frames]
    return out


def _frame_to_json(frame: Frame) -> dict[str, object]:  # noqa: C901  # a field a line: half the time of a loop
    out: dict[str, object] = {}
    if frame.function:
        out["function"] = frame.function
    if frame.module:
        out["module"] = frame.module
    if frame.filename:
        out["filename"] = frame.filename
    if frame.abs_path:
        out["abs_path"] = frame.abs_path
    if frame.lineno:
        out["lineno"] = frame.lineno
    if frame.colno:
        out["colno"] = frame.colno
    if frame.context_line:
        out["context_line"] = frame.context_line
    if frame.package:
        out["package"] = frame.package
    if not frame.in_app:
        out["in_app"] = False
    if frame.pre_context:
        out["pre_context"] = list(frame.pre_context)
    if frame.post_context:
        out["post_context"] = list(frame.post_context)
    if frame.variables:
        out["variables"] = dict(frame.variables)
    return out


def _breadcrumb_to_json(breadcrumb: Breadcrumb) -> dict[str, object]:
    out: dict[str, object] = {}
    if breadcrumb.timestamp is not None:
        out["timestamp"] = time_to_text(breadcrumb.timestamp)
    out |= _set_fields(_BREADCRUMB_TEXTS, _breadcrumb_texts(breadcrumb))
    if breadcrumb.data:
        out["data"] = dict(breadcrumb.data)
    return out


def _user_to_json(user: User) -> dict[str, object]:
    out = _set_fields(_USER_TEXTS, _user_texts(user))
    if user.data:
        out["data"] = dict(user.data)
    return out


def _request_to_json(request: Request) -> dict[str, object]:
    out = _set_fields(_REQUEST_TEXTS, _request_texts(request))
    out |= _set_objects(_REQUEST_OBJECTS, _request_objects(request))
    if request.data is not None:
        out["data"] = request.data
    return out
