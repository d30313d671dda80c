"""Which exceptions and frames of an error tell what happened (seed boxes: Fingerprint, Cluster Engine)."""

from __future__ import annotations

from error_manager.core.place import is_nested
from error_manager.core.quick import evolve
from error_manager.core.text_mask import are_clean, mask_sensitive
from error_manager.core.types import ErrorEvent, ExceptionInfo, Frame


def told_exceptions(exceptions: tuple[ExceptionInfo, ...]) -> tuple[ExceptionInfo, ...]:
    """Return the exceptions inside groups instead of the groups: the wrapper says nothing about the fault."""
    inner = tuple(exception for exception in exceptions if not exception.is_group)
    return inner or exceptions


def stack_of(told: tuple[ExceptionInfo, ...], event: ErrorEvent) -> tuple[Frame, ...]:
    """Return the stack of the raised exception, else the nearest one there is."""
    if told and told[-1].frames:  # nearly always: a generator less
        return told[-1].frames
    return next((exception.frames for exception in reversed(told) if exception.frames), ()) or event.frames


def named_frames(own: list[Frame]) -> list[Frame]:
    """Return the frames without nameless functions, which count as part of the function around them."""
    return [
        frame
        for place, frame in enumerate(own)
        if not (is_nested(frame) and place and own[place - 1].filename == frame.filename)
    ]


def masked_frame(frame: Frame) -> Frame:
    """Return the frame as the server keeps it, as far as places are told by it."""
    names = (frame.function, frame.module, frame.filename, frame.abs_path)
    if are_clean(names):
        return frame
    masked = tuple(map(mask_sensitive, names))
    if masked == names:
        return frame
    function, module, filename, abs_path = masked
    return evolve(frame, {"function": function, "module": module, "filename": filename, "abs_path": abs_path})
