"""Gives an error whose stack came as text alone its exceptions and frames (seed box: Validator)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from error_manager.core.limits import MAX_TEXT_CHARS, cut_text_middle
from error_manager.core.types import ErrorEvent, ExceptionInfo
from error_manager.decoding.stacktext.reader import parse_trace
from error_manager.decoding.stacktext.trace import Trace

EXTRA_KEYS: Final = (
    "stacktrace",
    "stack_trace",
    "traceback",
    "stack",
    "exc_info",
    "exception",
    "error.stack_trace",
    "exception.stacktrace",
)
"""Members of ``extra`` under which loggers put a stack as text."""
_UNKNOWN_PLATFORMS: Final = frozenset({"", "other"})


def with_text_stack(event: ErrorEvent, *texts: object) -> ErrorEvent:
    """Return the error with what the first text that holds a stack says; unchanged when it has frames.

    The text becomes ``stack_trace`` unless the client sent one. Exceptions without frames are replaced only
    when the text tells of the same raised type.

    Args:
        event: as decoded.
        texts: what may hold a stack, in order; anything that is no text of several lines is passed over.
    """
    if event.frames or any(exception.frames for exception in event.exceptions):
        return event
    for text in texts:
        if not isinstance(text, str) or "\n" not in text:
            continue
        trace = parse_trace(text)
        if trace is not None and _agrees(event.exceptions, trace):
            return _with(event, trace, text)
    return event


def _agrees(known: tuple[ExceptionInfo, ...], trace: Trace) -> bool:
    if not known or not trace.exceptions:
        return True
    told, said = trace.exceptions[-1].type, known[-1].type
    return not said or told == said or told.endswith((f".{said}", f"\\{said}")) or said.endswith(f".{told}")


def _with(event: ErrorEvent, trace: Trace, text: str) -> ErrorEvent:
    return replace(
        event,
        platform=trace.platform if event.platform in _UNKNOWN_PLATFORMS else event.platform,
        exceptions=trace.exceptions or event.exceptions,
        frames=trace.frames,
        stack_trace=event.stack_trace or cut_text_middle(text, MAX_TEXT_CHARS),
    )
