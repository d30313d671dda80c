"""Reads stack traces of PHP: uncaught, logged, chained with "Next", Laravel's form (seed box: Error Wrapper).

Source: https://www.php.net/manual/exception.tostring.php, the output of PHP 8.2.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from error_manager.core.limits import MAX_EXCEPTIONS, MAX_FRAMES
from error_manager.core.types import ExceptionInfo, Frame
from error_manager.decoding.stacktext.trace import Trace, new_frame, number, stack, text_of, trace_of

PLATFORM: Final = "php"
_STARTS: Final = ("Stack trace:", "[stacktrace]")
_FRAME: Final = re.compile(
    r"\s*#[0-9]{1,6} (?P<rest>(?:[^\s(][^(]*\([0-9]{1,10}\)|\[internal function\]): .*|\{main\}\s*)$"
)
_PLACE: Final = re.compile(r"(?P<file>.+)\((?P<line>[0-9]{1,10})\)$")
_HEAD: Final = re.compile(
    r"(?:.*\bUncaught |.*\bNext |\s*)(?P<type>[A-Za-z_\\][\w\\@$./:-]{0,300})(?:: (?P<value>.*))?$"
)
_LARAVEL: Final = re.compile(
    r".*\[object\] \((?P<type>[\w\\]{1,300})\(code: [^)]{0,40}\): (?P<value>.*) at (?P<file>[^()]{1,1000})"
    r":(?P<line>[0-9]{1,10})\)$"
)
_HEAD_LINES: Final = 50


def parse(lines: Sequence[str]) -> Trace | None:
    """Return the exceptions of a trace, oldest first, or the frames of one without a head."""
    exceptions: list[ExceptionInfo] = []
    bare: list[Frame] = []
    end = 0
    for place, line in enumerate(lines):
        is_start = line.strip() in _STARTS
        if not is_start and (end or not _FRAME.match(line)):
            continue
        if is_start and len(exceptions) < MAX_EXCEPTIONS:
            calls, end_of_trace = _calls(lines, place + 1)
            found = _exception(lines[end:place], calls)
            if found is None:
                bare = bare or _frames("", 0, calls)
            else:
                exceptions.append(found)
            end = end_of_trace
        elif not is_start:
            calls, end = _calls(lines, place)
            bare = _frames("", 0, calls)
    return trace_of(PLATFORM, exceptions, bare)


def _calls(lines: Sequence[str], start: int) -> tuple[list[str], int]:
    """Return what stands behind the numbers of the frames, and the line behind the last one."""
    calls: list[str] = []
    place = start
    while place < len(lines) and (match := _FRAME.match(lines[place])):
        if len(calls) < 2 * MAX_FRAMES:
            calls.append(match["rest"].rstrip())
        place += 1
    return calls, place


def _exception(above: Sequence[str], calls: list[str]) -> ExceptionInfo | None:
    """Return the exception whose head ends right above its trace; a message may have several lines."""
    last = above[-1].rstrip() if above else ""
    if match := _LARAVEL.match(last):
        frames = _frames(match["file"], number(match["line"]), calls)
        return ExceptionInfo(type=_name(match["type"]), value=text_of([match["value"]]), frames=stack(frames))
    text, mark, place = last.rpartition(" in ")
    file, colon, line = place.rpartition(":")
    if not mark or not colon or not number(line):
        return None
    start = len(above) - 1
    while start > 0 and above[start - 1].strip() and len(above) - start < _HEAD_LINES:
        start -= 1
    message = [*above[start:-1], text]
    match = next((found for each in message if (found := _HEAD.match(each))), None)
    at = next((at for at, each in enumerate(message) if _HEAD.match(each)), 0)
    if match is None:
        return None
    value = text_of([match["value"] or "", *message[at + 1 :]])
    return ExceptionInfo(type=match["type"], value=value, frames=stack(_frames(file, number(line), calls)))


def _name(text: str) -> str:
    """Return a name without the doubled backslashes of a trace that was logged as JSON."""
    return text.replace("\\\\", "\\")


def _frames(file: str, line: int, calls: list[str]) -> list[Frame]:
    """Return the frames, oldest first: PHP prints with each function where it was called from."""
    places: list[tuple[str, int]] = [(file, line)] if file else []
    functions: list[str] = []
    for call in calls:
        if call == "{main}":
            continue
        place, _, function = call.partition(": ")
        match = _PLACE.match(place)
        places.append((match["file"], number(match["line"])) if match else ("", 0))
        functions.append(_name(function.partition("(")[0]).replace("->", "::") or "?")
    if file:
        functions.append("")
    frames = [
        new_frame(PLATFORM, function=function, path=path or "<internal>", lineno=number_of_line)
        for (path, number_of_line), function in zip(places, functions, strict=True)
    ]
    return frames[::-1]
