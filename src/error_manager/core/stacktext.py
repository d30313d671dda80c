"""The stack of an error as text, in the form its language prints (seed box: Error Wrapper)."""

from __future__ import annotations

from typing import Final

from error_manager.core.limits import MAX_TEXT_CHARS, cut_text_middle
from error_manager.core.quick import evolve
from error_manager.core.types import ErrorEvent, ExceptionInfo, Frame

_JVM: Final = frozenset({"java", "kotlin", "scala", "groovy", "android"})
_CAUSE: Final = "\nThe above exception was the direct cause of the following exception:\n"


def with_stack(event: ErrorEvent) -> ErrorEvent:
    """Return the error with its stack as text, at most ``MAX_TEXT_CHARS`` long; what the client sent stays.

    Written from masked frames when an error is stored or read, so that it is neither masked nor kept twice.
    """
    if event.stack_trace or not (text := render_stack(event)):
        return event
    return evolve(event, {"stack_trace": cut_text_middle(text, MAX_TEXT_CHARS)})


def render_stack(event: ErrorEvent) -> str:
    """Return the stack of the exceptions, oldest cause first as in Python, or "" when there are no frames."""
    if event.exceptions:
        if not any(exception.frames for exception in event.exceptions):
            return ""
        if event.platform in _JVM:
            return "\nCaused by: ".join(
                _newest_first(exception, "\tat ") for exception in reversed(event.exceptions)
            )
        if event.platform != "python":
            return "\nCaused by: ".join(
                _newest_first(exception, "    at ") for exception in reversed(event.exceptions)
            )
        return _CAUSE.join(_python(exception) for exception in event.exceptions)
    return "\n".join(_python_frame(frame) for frame in event.frames)


def _head(exception: ExceptionInfo) -> str:
    name = exception.type or "Error"
    if exception.module and exception.module not in {"builtins", "__main__"} and "." not in name:
        name = f"{exception.module}.{name}"
    return f"{name}: {exception.value}" if exception.value else name


def _python(exception: ExceptionInfo) -> str:
    if not exception.frames:
        return _head(exception)
    frames = "\n".join(_python_frame(frame) for frame in exception.frames)
    return f"Traceback (most recent call last):\n{frames}\n{_head(exception)}"


def _python_frame(frame: Frame) -> str:
    file = frame.abs_path or frame.filename or frame.module or "?"
    text = f'  File "{file}", line {frame.lineno}, in {frame.function or "?"}'
    line = frame.context_line.strip()
    return f"{text}\n    {line}" if line else text


def _newest_first(exception: ExceptionInfo, mark: str) -> str:
    return "\n".join((_head(exception), *(f"{mark}{_call(frame)}" for frame in reversed(exception.frames))))


def _call(frame: Frame) -> str:
    name = ".".join(part for part in (frame.module, frame.function) if part) or "?"
    file = frame.filename or frame.abs_path
    place = (
        ":".join([file, *(str(number) for number in (frame.lineno, frame.colno) if number > 0)])
        if file
        else ""
    )
    return f"{name}({place})" if place else name
