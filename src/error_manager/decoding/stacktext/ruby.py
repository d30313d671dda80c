"""Reads backtraces of Ruby in both orders and both quote styles (seed box: Error Wrapper).

Source: https://docs.ruby-lang.org/en/master/Exception.html#method-i-full_message, the output of Ruby 3.1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from error_manager.core.limits import MAX_EXCEPTIONS, MAX_FRAMES
from error_manager.core.types import ExceptionInfo, Frame
from error_manager.decoding.stacktext.trace import (
    Trace,
    find_head,
    new_frame,
    number,
    stack,
    text_of,
    trace_of,
)

PLATFORM: Final = "ruby"
_PLACE: Final = re.compile(
    r"(?P<lead>\s*(?:[0-9]{1,10}: )?from |\s*)(?P<file>(?:[A-Za-z]:)?[^:\s][^:]{0,1000})"
    r":(?P<line>[0-9]{1,10}):in [`'](?P<function>[^']{1,1000})'(?P<rest>.*)$"
)
_LEVELS: Final = re.compile(r"\s*\.\.\. [0-9]+ levels\.\.\.$")
_TYPE_AT_END: Final = re.compile(r"(?P<type>[A-Z]\w{0,200}(?:::[A-Z]\w{0,200}){0,20})\)$")
_LOGGED: Final = re.compile(
    r"(?:.*\s)?(?P<type>[A-Z]\w{0,200}(?:::[A-Z]\w{0,200}){0,20}) \((?P<value>.*)\):?$"
)
_BOTTOM: Final = "Traceback (most recent call last):"


class _Error:
    """One exception as printed; ``frames`` in the order of the text."""

    __slots__ = ("frames", "is_headed", "type", "value")

    def __init__(self) -> None:
        self.type = ""
        self.value: list[str] = []
        self.frames: list[Frame] = []
        self.is_headed = False


def parse(lines: Sequence[str]) -> Trace | None:
    """Return the exceptions of a backtrace, or its frames when no exception stands above them."""
    first = next((place for place, line in enumerate(lines) if _PLACE.match(line)), None)
    if first is None:
        return None
    is_bottom = any(line.strip() == _BOTTOM for line in lines[:first])
    errors = _bottom(lines[first:]) if is_bottom else _top(lines, first)
    told = [error for error in errors if error.type or error.value]
    if not told:
        return trace_of(PLATFORM, (), errors[0].frames[::-1] if errors else ())
    exceptions = [
        ExceptionInfo(
            type=error.type,
            value=text_of(error.value),
            frames=stack(error.frames if is_bottom else error.frames[::-1]),
        )
        for error in told
    ]
    return trace_of(PLATFORM, exceptions if is_bottom else exceptions[::-1])


def _top(lines: Sequence[str], first: int) -> list[_Error]:
    """Return the exceptions of the usual order: the raised one first, its causes behind it."""
    errors: list[_Error] = []
    current: _Error | None = None
    for line in lines[first:]:
        match = _PLACE.match(line)
        if match is None:
            if current is not None and current.is_headed and len(current.frames) == 1:
                current.value.append(line)
            continue
        has_head = match["rest"].startswith(": ") and "from " not in match["lead"]
        if current is None or (has_head and len(errors) < MAX_EXCEPTIONS):
            current = _Error()
            errors.append(current)
            if has_head:
                _read_head(current, match["rest"])
        if len(current.frames) < 4 * MAX_FRAMES:
            current.frames.append(_frame(match))
    if errors and not errors[0].is_headed:
        _read_above(errors[0], lines, first)
    return errors


def _bottom(lines: Sequence[str]) -> list[_Error]:
    """Return the exceptions of ``order: :bottom``: a stack ends with place and message of its error."""
    errors: list[_Error] = []
    current = _Error()
    for line in lines:
        match = _PLACE.match(line)
        if match is None:
            if errors and not current.frames and not _LEVELS.match(line):
                errors[-1].value.append(line)
            continue
        if len(current.frames) < 4 * MAX_FRAMES:
            current.frames.append(_frame(match))
        if match["rest"].startswith(": ") and "from " not in match["lead"]:
            _read_head(current, match["rest"])
            if len(errors) < MAX_EXCEPTIONS:
                errors.append(current)
            current = _Error()
    return errors


def _read_head(error: _Error, rest: str) -> None:
    text = rest[2:].rstrip()
    before, mark, last = text.rpartition(" (")
    match = _TYPE_AT_END.match(last) if mark else None
    error.is_headed = True
    error.type = match["type"] if match is not None else "RuntimeError"
    error.value = [before if match is not None else text]


def _read_above(error: _Error, lines: Sequence[str], first: int) -> None:
    """Take type and message from the line above a bare backtrace, as loggers and Rails write it."""
    above = [line for line in lines[max(0, first - 3) : first] if line.strip()]
    if above and (match := _LOGGED.match(above[-1][:2_000])):
        error.type, error.value = match["type"], [match["value"]]
        return
    if above and (head := find_head(above, len(above))) is not None:
        error.type, error.value = head[0], [head[1]]


def _frame(match: re.Match[str]) -> Frame:
    function, module = match["function"], ""
    for mark in ("#", "."):  # 3.4 names the class: 'Shop::Cart#total', 'block in Shop::Cart.build'
        owner, found, name = function.rpartition(mark)
        if found and owner.rpartition(" ")[2][:1].isupper():
            words, _, module = owner.rpartition(" ")
            function = f"{words} {name}".strip()
            break
    return new_frame(
        PLATFORM,
        function=function,
        module=module,
        path=match["file"].strip(),
        lineno=number(match["line"]),
    )
