"""Reads stacks of C and C++: sanitizers, gdb, glibc, ``std::terminate`` (seed box: Error Wrapper).

Source: https://github.com/google/sanitizers/wiki, output of GCC 12 and gdb 13, backtrace_symbols(3).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from error_manager.core.limits import MAX_FRAMES
from error_manager.core.types import ExceptionInfo, Frame
from error_manager.decoding.stacktext.trace import (
    Trace,
    new_frame,
    split_place,
    stack,
    text_of,
    trace_of,
)

PLATFORM: Final = "native"
_SANITIZER: Final = re.compile(
    r"\s*(?:==[0-9]{1,10}==)?(?:ERROR|WARNING): (?P<tool>\w{1,40}Sanitizer): (?P<kind>[\w-]{1,80})"
    r"(?P<rest>.*)$"
)
_NUMBERED: Final = re.compile(r"\s*#(?P<number>[0-9]{1,6}) +(?:0x[0-9a-fA-F]{1,16} in )?(?P<rest>\S.*)$")
_SYMBOL: Final = re.compile(
    r"\s*(?P<module>[^\s()\[]{1,500})\((?P<name>[^()+]{0,500})(?:\+0x[0-9a-f]{1,16})?\)"
    r" ?\[0x[0-9a-f]{1,16}\]$"
)
_TERMINATED: Final = re.compile(
    r".{0,200}?terminate called after throwing an instance of '(?P<type>[^']{1,500})'"
)
_WHAT: Final = re.compile(r"\s*what\(\): +(?P<value>.*)$")
_SIGNAL: Final = re.compile(
    r"(?:Program|Thread .{1,80}) received signal (?P<name>SIG\w{1,10}), (?P<text>.*?)\.?$"
)
_LIBRARY: Final = re.compile(
    r" \((?P<package>[^()\s]{1,500})\+0x[0-9a-f]{1,16}\)(?: \(BuildId: \w{1,80}\))?$"
)
_RUNTIME: Final = re.compile(
    r"(?:_start$|__libc_start|__asan_|__ubsan_|__tsan_|__msan_|__interceptor_|__sanitizer|__GI_|__cxa_|__gnu_cxx::"
    r"|raise$|abort$|gsignal$|clone3?$|start_thread$|operator (?:new|delete)|std::)"
)


def parse(lines: Sequence[str]) -> Trace | None:
    """Return the error of a report with its first stack, or the frames of a stack without one."""
    kind, value = _head(lines)
    frames = _frames(lines)[::-1]
    if not kind:
        return trace_of(PLATFORM, (), frames)
    module, _, name = kind.rpartition(": ")
    return trace_of(PLATFORM, (ExceptionInfo(type=name, module=module, value=value, frames=stack(frames)),))


def _head(lines: Sequence[str]) -> tuple[str, str]:
    for place, line in enumerate(lines):
        if match := _SANITIZER.match(line):
            return f"{match['tool']}: {match['kind']}", text_of([match["rest"]])
        if match := _TERMINATED.match(line):
            what = _WHAT.match(lines[place + 1]) if place + 1 < len(lines) else None
            return match["type"], text_of([what["value"]]) if what is not None else ""
        if match := _SIGNAL.match(line):
            return match["name"], match["text"]
    return "", ""


def _frames(lines: Sequence[str]) -> list[Frame]:
    """Return the frames of the first stack, newest first as printed; a second ``#0`` starts another stack."""
    frames: list[Frame] = []
    for line in lines:
        if len(frames) >= 4 * MAX_FRAMES:
            break
        if match := _NUMBERED.match(line):
            if frames and int(match["number"]) == 0:
                break
            frames.append(_numbered(match["rest"].rstrip()))
        elif match := _SYMBOL.match(line):
            frames.append(_new(match["name"] or "?", package=match["module"]))
    return frames


def _numbered(rest: str) -> Frame:
    """Return the frame of ``name(types) file:line``, ``name (values) at file:line`` or ``name (lib+0x1)``."""
    if match := _LIBRARY.search(rest):
        return _new(rest[: match.start()], package=match["package"])
    name, mark, place = rest.rpartition(" at ")
    if not mark or ")" not in name:
        name, mark, place = rest.rpartition(" ")
        if not mark or ("/" not in place and ":" not in place):
            package = rest.rpartition(" from ")
            return _new(package[0] or rest, package=package[2] if package[1] else "")
    path, line, column = split_place(place)
    return _new(name, path=path, lineno=line, colno=column)


def _new(name: str, *, package: str = "", path: str = "", lineno: int = 0, colno: int = 0) -> Frame:
    function = _without_arguments(name)
    return new_frame(
        PLATFORM,
        function=function,
        path=path,
        lineno=lineno,
        colno=colno,
        package=package,
        is_runtime=_RUNTIME.match(function) is not None,
    )


def _without_arguments(name: str) -> str:
    """Return the name without its arguments: ``(anonymous namespace)::f(int)`` loses ``(int)``."""
    name = name.strip().removesuffix(" const")
    if not name.endswith(")"):
        return name
    depth = 0
    for place in range(len(name) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(name[place], 0)
        if depth == 0:
            return name[:place].strip() or name
    return name
