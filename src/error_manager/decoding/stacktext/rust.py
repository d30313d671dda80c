"""Reads panics and backtraces of Rust, and the chains that ``anyhow`` prints (seed box: Error Wrapper).

Source: https://doc.rust-lang.org/std/backtrace, the output of rustc 1.95, https://docs.rs/anyhow ("Display").
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from error_manager.core.limits import MAX_EXCEPTIONS, MAX_FRAMES
from error_manager.core.types import ExceptionInfo, Frame
from error_manager.decoding.stacktext.trace import Trace, new_frame, split_place, stack, text_of, trace_of

PLATFORM: Final = "rust"
_PANIC: Final = re.compile(
    r".{0,300}?thread '(?P<thread>[^']{0,200})'(?: \([0-9]{1,19}\))? panicked at (?P<rest>.*)$"
)
_OLD: Final = re.compile(r"'(?P<value>.*)', (?P<place>[^',]{1,1000}:[0-9]{1,10}:[0-9]{1,10})$")
_FRAME: Final = re.compile(r"\s*[0-9]{1,6}: +(?:0x[0-9a-f]{1,16} - )?(?P<name>\S.*)$")
_AT: Final = re.compile(r"\s+at (?P<place>\S.*:[0-9]{1,10})\s*$")
_HASH: Final = re.compile(r"\[[0-9a-f]{8,16}\]|::h[0-9a-f]{16}$")
_ERROR: Final = re.compile(r"(?:.{0,300}?\b)?Error: (?P<value>.*)$")
_CAUSE: Final = re.compile(r"(?:    |\t)(?: *[0-9]{1,4}: )?(?P<value>\S.*)$")


@dataclass(slots=True)
class _Panic:
    value: list[str]
    place: str = ""
    frames: list[Frame] = field(default_factory=list)
    is_open: bool = True


def parse(lines: Sequence[str]) -> Trace | None:
    """Return the panics in order, else the chain of an ``anyhow`` error."""
    panics: list[_Panic] = []
    for line in lines:
        match = _PANIC.match(line)
        if match is not None and len(panics) < MAX_EXCEPTIONS:
            panics.append(_panic(match["rest"].rstrip()))
        elif panics:
            _read(panics[-1], line)
    if not panics:
        return _parse_chain(lines)
    return trace_of(PLATFORM, [_exception(panic) for panic in panics])


def _panic(rest: str) -> _Panic:
    if match := _OLD.match(rest):
        return _Panic(value=[match["value"]], place=match["place"])
    if rest.startswith("'"):  # the old form with a message of several lines
        return _Panic(value=[rest[1:]])
    return _Panic(value=[], place=rest.removesuffix(":"))


def _read(panic: _Panic, line: str) -> None:
    if line.startswith(("stack backtrace:", "note: ")):
        panic.is_open = False
    elif panic.is_open:
        if not panic.place and (found := line.rpartition("', "))[1]:
            panic.value.append(found[0])
            panic.place = found[2]
            panic.is_open = False
        else:
            panic.value.append(line)
    else:
        read_frame(panic.frames, line)


def read_frame(frames: list[Frame], line: str) -> None:
    """Add the frame of a line ``n: name``, or give the newest one the place of a line ``at file:line``."""
    if (match := _AT.match(line)) and frames:
        newest = frames[-1]
        path, number_of_line, column = split_place(match["place"])
        frames[-1] = new_frame(
            PLATFORM,
            function=newest.function,
            module=newest.module,
            path=path.removeprefix("./"),
            lineno=number_of_line,
            colno=column,
        )
    elif (match := _FRAME.match(line)) and len(frames) < 4 * MAX_FRAMES:
        module, function = _split_name(_HASH.sub("", match["name"].rstrip()))
        frames.append(new_frame(PLATFORM, function=function, module=module))


def _split_name(name: str) -> tuple[str, str]:
    """Return the path and the last part of a name; ``::`` between angle brackets parts nothing."""
    depth = 0
    end = len(name)
    for place in range(len(name) - 1, 0, -1):
        depth += {">": 1, "<": -1}.get(name[place], 0)
        if depth == 0 and name[place - 1 : place + 1] == "::":
            if name[place + 1 : place + 2] != "<" or end < len(name):
                return name[: place - 1], name[place + 1 : end]
            end = place - 1  # the types of a generic function: Cart::total::<i32>
    return "", name[:end]


def _exception(panic: _Panic) -> ExceptionInfo:
    frames = panic.frames[::-1]
    if not frames and panic.place:
        path, line, column = split_place(panic.place)
        frames = [new_frame(PLATFORM, path=path, lineno=line, colno=column)]
    return ExceptionInfo(type="panic", value=text_of(panic.value), frames=stack(frames))


def _parse_chain(lines: Sequence[str]) -> Trace | None:
    """Return ``Error: ...`` with what follows ``Caused by:``, the cause first."""
    mark = next((place for place, line in enumerate(lines) if line.strip() == "Caused by:"), None)
    top = mark or 0
    while top > 0 and (mark or 0) - top < MAX_EXCEPTIONS and not _ERROR.match(lines[top]):
        top -= 1
    head = _ERROR.match(lines[top]) if mark is not None and lines else None
    if mark is None or head is None:
        return None
    values = [text_of([head["value"], *lines[top + 1 : mark]])]
    frames: list[Frame] = []
    is_trace = False
    for line in lines[mark + 1 :]:
        is_trace = is_trace or line.lower().startswith("stack backtrace:")
        match = _CAUSE.match(line)
        if is_trace:
            read_frame(frames, line)
        elif match is not None and len(values) < MAX_EXCEPTIONS:
            values.append(text_of([match["value"]]))
    raised = ExceptionInfo(type="Error", value=values[0], frames=stack(frames[::-1]))
    return trace_of(
        PLATFORM, [*(ExceptionInfo(type="Error", value=value) for value in reversed(values[1:])), raised]
    )
