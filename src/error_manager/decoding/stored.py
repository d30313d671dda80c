"""Decodes the JSON we stored straight into core types (seed box: Error Entry).

msgspec fills the dataclasses in C: ten times faster than reading field by field, but it takes nothing that is
not exactly of our form.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, get_type_hints

import msgspec

from error_manager.core.types import ErrorEvent, EventId, ExceptionInfo, Frame, Severity

_NAMES: Final = tuple(field.name for field in fields(ErrorEvent))
_HINTS: Final = {**get_type_hints(ErrorEvent), "tags": dict[str, str]}


def _form() -> type[msgspec.Struct]:
    """Return the form of a stored error: the fields of an error, with tags as an object."""
    form: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for field in fields(ErrorEvent):
        if field.name == "tags":
            form.append((field.name, _HINTS[field.name], msgspec.field(default_factory=dict)))
        elif field.default is not MISSING:
            form.append((field.name, _HINTS[field.name], field.default))
        elif field.default_factory is not MISSING:
            factory = msgspec.field(default_factory=field.default_factory)
            form.append((field.name, _HINTS[field.name], factory))
        else:
            form.append((field.name, _HINTS[field.name]))
    return msgspec.defstruct("StoredForm", form, kw_only=True)


_decode: Final = msgspec.json.Decoder(_form()).decode
_values: Final = attrgetter(*_NAMES)


def decode_proper(body: bytes) -> ErrorEvent | None:
    """Return a stored error, or None when its JSON is not exactly of our form."""
    try:
        form = _decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    values = dict(zip(_NAMES, _values(form), strict=True))
    values["tags"] = tuple(values["tags"].items())
    return ErrorEvent(**values)


class _GroupedFrame(msgspec.Struct, frozen=True, kw_only=True):
    """What grouping reads of a frame; locals and source around the line are most of a body."""

    function: str = ""
    module: str = ""
    filename: str = ""
    abs_path: str = ""
    lineno: int = 0
    colno: int = 0
    in_app: bool = True
    context_line: str = ""


class _HeadException(msgspec.Struct, frozen=True, kw_only=True):
    type: str = ""
    value: str = ""
    module: str = ""
    is_synthetic: bool = False
    is_group: bool = False


class _GroupedException(_HeadException, frozen=True, kw_only=True):
    frames: tuple[_GroupedFrame, ...] = ()


class _Grouped(msgspec.Struct, frozen=True, kw_only=True):
    message: str = ""
    severity: Severity = Severity.ERROR
    stack_trace: str = ""
    module: str = ""
    platform: str = ""
    logger: str = ""
    release: str = ""
    environment: str = ""
    template: str = ""
    tags: dict[str, str] = {}
    fingerprint: tuple[str, ...] = ()


class _HeadEvent(_Grouped, frozen=True, kw_only=True):
    exceptions: tuple[_HeadException, ...] = ()


class _GroupedEvent(_Grouped, frozen=True, kw_only=True):
    exceptions: tuple[_GroupedException, ...] = ()
    frames: tuple[_GroupedFrame, ...] = ()


_decode_head: Final = msgspec.json.Decoder(_HeadEvent).decode
_decode_grouped: Final = msgspec.json.Decoder(_GroupedEvent).decode
_frame_values: Final = attrgetter(*_GroupedFrame.__struct_fields__)
_NO_ID: Final = EventId("0" * 32)
_NO_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)


def decode_grouped(body: bytes, *, is_head: bool = False) -> ErrorEvent | None:
    """Return of a stored error only what grouping reads, or None when its JSON is not of our form.

    Grouping and its rules give the same answer as for the whole error, in a third of the time. ``is_head``
    leaves out frames, too, which is enough for rules that look at none.
    """
    try:
        form: _HeadEvent | _GroupedEvent = _decode_head(body) if is_head else _decode_grouped(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return ErrorEvent(
        event_id=_NO_ID,
        timestamp=_NO_TIME,
        message=form.message,
        severity=form.severity,
        stack_trace=form.stack_trace,
        module=form.module,
        platform=form.platform,
        logger=form.logger,
        release=form.release,
        environment=form.environment,
        template=form.template,
        exceptions=tuple([_exception(exception) for exception in form.exceptions]),
        frames=tuple([_frame(frame) for frame in form.frames]) if isinstance(form, _GroupedEvent) else (),
        tags=tuple(form.tags.items()),
        fingerprint=form.fingerprint,
    )


def _exception(form: _HeadException) -> ExceptionInfo:
    return ExceptionInfo(
        type=form.type,
        value=form.value,
        module=form.module,
        frames=tuple([_frame(frame) for frame in form.frames]) if isinstance(form, _GroupedException) else (),
        is_synthetic=form.is_synthetic,
        is_group=form.is_group,
    )


@lru_cache(maxsize=16_384)
def _frame(form: _GroupedFrame) -> Frame:
    """Return the frame; the same ones come in error after error."""
    return Frame(**dict(zip(_GroupedFrame.__struct_fields__, _frame_values(form), strict=True)))
