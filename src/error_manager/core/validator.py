"""Checks a decoded error before it is processed or sent (seed box: Validator)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from error_manager.core.ids import parse_event_id
from error_manager.core.limits import (
    EARLIEST,
    LATEST,
    MAX_BREADCRUMBS,
    MAX_EXCEPTIONS,
    MAX_FRAMES,
    MAX_LABEL_CHARS,
    MAX_MESSAGE_CHARS,
    MAX_NAME_CHARS,
    MAX_OCCURRENCES,
    MAX_TAGS,
    MAX_TEXT_CHARS,
)
from error_manager.core.types import ErrorEvent, FieldError, Severity

_SEVERITIES: Final = frozenset(Severity)
_MAX_CHARS: Final = {
    "message": MAX_MESSAGE_CHARS,
    "template": MAX_MESSAGE_CHARS,
    "stack_trace": MAX_TEXT_CHARS,
    "manager_context": MAX_TEXT_CHARS,
    "module": MAX_NAME_CHARS,
    "error_code": MAX_NAME_CHARS,
    "transaction": MAX_NAME_CHARS,
    "platform": MAX_LABEL_CHARS,
    "logger": MAX_LABEL_CHARS,
    "server_name": MAX_LABEL_CHARS,
    "service": MAX_LABEL_CHARS,
    "release": MAX_LABEL_CHARS,
    "dist": MAX_LABEL_CHARS,
    "environment": MAX_LABEL_CHARS,
}
_MAX_MEMBERS: Final = {
    "exceptions": MAX_EXCEPTIONS,
    "frames": MAX_FRAMES,
    "breadcrumbs": MAX_BREADCRUMBS,
    "tags": MAX_TAGS,
}


def validate(event: ErrorEvent) -> tuple[FieldError, ...]:
    """Return every field that is missing, out of range or too large; nothing when the error is sound.

    Decoders cut to the same caps: what they return always passes. This also guards what is made by hand.
    """
    return tuple(
        FieldError(path=path, message=message)
        for path, message in (*_required(event), *_texts(event), *_counts(event))
    )


def too_long(*texts: tuple[str, str, int]) -> tuple[FieldError, ...]:
    """Return each (path, text, limit in characters) whose text is longer."""
    return tuple(
        FieldError(path=path, message=f"expected at most {limit} characters, got {len(text)}")
        for path, text, limit in texts
        if len(text) > limit
    )


def _required(event: ErrorEvent) -> Iterator[tuple[str, str]]:
    if not event.message.strip():
        yield "message", "required: a text that is not empty"
    if parse_event_id(event.event_id) != event.event_id:
        yield "event_id", "expected 32 lower-case hexadecimal digits"
    if event.severity not in _SEVERITIES:
        yield "severity", f"expected one of {', '.join(Severity)}"
    if event.timestamp.tzinfo is None:
        yield "timestamp", "expected a time with a zone"
    elif not EARLIEST <= event.timestamp < LATEST:
        yield "timestamp", "expected a time from 1970 to 2099"
    if not 1 <= event.occurrences <= MAX_OCCURRENCES:
        yield "occurrences", f"expected a whole number from 1 to {MAX_OCCURRENCES}"


def _texts(event: ErrorEvent) -> Iterator[tuple[str, str]]:
    for name, limit in _MAX_CHARS.items():
        size = len(getattr(event, name))
        if size > limit:
            yield name, f"expected at most {limit} characters, got {size}"


def _counts(event: ErrorEvent) -> Iterator[tuple[str, str]]:
    for name, limit in _MAX_MEMBERS.items():
        size = len(getattr(event, name))
        if size > limit:
            yield name, f"expected at most {limit} members, got {size}"
    for place, exception in enumerate(event.exceptions):
        if len(exception.frames) > MAX_FRAMES:
            yield f"exceptions.{place}.frames", f"expected at most {MAX_FRAMES} members"
