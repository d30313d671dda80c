"""The proper form of an event's exceptions, decoded straight into types (seed box: Validator).

Most events are within every cap and have every field of its published type. For those the parser itself
checks types and caps, in C; what does not fit is decoded as plain values and read field by field
(``sentry_stack``), with the same result and notes. Reading typed frames takes 30 us, reading plain ones 75.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from error_manager.core.limits import (
    MAX_CONTEXT_LINES,
    MAX_EXCEPTIONS,
    MAX_FRAMES,
    MAX_INTEGER,
    MAX_LABEL_CHARS,
    MAX_LINE,
    MAX_MEMBERS,
    MAX_NAME_CHARS,
    MAX_TEXT_CHARS,
    MIN_INTEGER,
)
from error_manager.decoding.json_text import decode_json

_LEVELS: Final = 8
"""Objects and lists inside each other that the typed form follows; clients cut their locals earlier."""

_Label = Annotated[str, Meta(max_length=MAX_LABEL_CHARS)]
_Name = Annotated[str, Meta(max_length=MAX_NAME_CHARS)]
_Text = Annotated[str, Meta(max_length=MAX_TEXT_CHARS)]
_Line = Annotated[int, Meta(ge=0, le=MAX_LINE)]
_Lines = Annotated[tuple[_Text, ...], Meta(max_length=MAX_CONTEXT_LINES)]
_Integer = Annotated[int, Meta(ge=MIN_INTEGER, le=MAX_INTEGER)]
_Scalar = _Text | _Integer | float | bool | None


def _free_form(levels: int) -> Any:  # noqa: ANN401  # a type made at run time
    """Return the type of any JSON value within all caps, that many levels deep."""
    inner: Any = _Scalar
    for _ in range(levels):
        inner = (
            _Scalar
            | Annotated[list[inner], Meta(max_length=MAX_MEMBERS)]
            | Annotated[dict[_Label, inner], Meta(max_length=MAX_MEMBERS)]
        )
    return inner


_Value: Any = _free_form(_LEVELS)
_Variables = Annotated[dict[_Label, _Value], Meta(max_length=MAX_MEMBERS)]


class WireFrame(Struct, gc=False):
    """One frame; members that are not listed are of no use to anybody."""

    function: _Name | None = None
    module: _Name | None = None
    filename: _Name | None = None
    abs_path: _Name | None = None
    package: _Name | None = None
    lineno: _Line | None = None
    colno: _Line | None = None
    in_app: bool | None = None
    context_line: _Text | None = None
    pre_context: _Lines | None = None
    post_context: _Lines | None = None
    vars: _Variables | None = None


class WireStack(Struct):
    """The frames of one exception, oldest call first."""

    frames: Annotated[list[WireFrame], Meta(max_length=MAX_FRAMES)] | None = None


class WireMechanism(Struct):
    """How the exception was caught, and its place in a group."""

    type: _Label | None = None
    handled: bool | None = None
    synthetic: bool | None = None
    exception_id: _Line | None = None
    parent_id: _Line | None = None
    is_exception_group: bool | None = None
    source: _Label | None = None


class WireException(Struct):
    """One exception. ``raw_stacktrace`` is looked at only in the patient way."""

    type: _Name | None = None
    value: _Text | None = None
    module: _Name | None = None
    mechanism: WireMechanism | None = None
    stacktrace: WireStack | None = None
    raw_stacktrace: None = None
    thread_id: _Label | _Integer | None = None


class WireExceptions(Struct):
    """The usual ``{"values": [...]}``."""

    values: Annotated[list[WireException], Meta(max_length=MAX_EXCEPTIONS)]


_split: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_plain: Final = msgspec.json.Decoder().decode
_exceptions: Final = msgspec.json.Decoder(WireExceptions).decode
_NUL: Final = b"\\u0000"


def decode_event(body: bytes) -> object:
    """Return the JSON value of an event as ``decode_json`` does, its exceptions typed when they are proper.

    Raises:
        MalformedPayloadError: it is not JSON.
    """
    if _NUL in body:
        return decode_json(body)
    try:
        parts = _split(body)
        raw = parts.pop("exception", None)
        value: dict[str, object] = {name: _plain(part) for name, part in parts.items()}
        if raw is not None:
            value["exception"] = _typed(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return decode_json(body)
    return value


def _typed(raw: msgspec.Raw) -> object:
    try:
        return _exceptions(raw)
    except msgspec.ValidationError:
        return _plain(raw)
