"""Reads panics and stacks of Go (seed box: Error Wrapper).

Source: https://pkg.go.dev/runtime/debug#Stack, the output of Go 1.26, github.com/pkg/errors ("%+v").
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from error_manager.core.limits import MAX_EXCEPTIONS, MAX_FRAMES
from error_manager.core.types import ExceptionInfo, Frame
from error_manager.decoding.stacktext.trace import Trace, new_frame, number, stack, text_of, trace_of

PLATFORM: Final = "go"
_PANIC: Final = re.compile(
    r"\s*(?:.{0,200}?http: panic serving [^\s]{1,100}: |(?:.{0,200}?\b)?(?P<word>panic|fatal error): )"
    r"(?P<text>.*)$"
)
_GOROUTINE: Final = re.compile(r"goroutine [0-9]{1,19} (?:gp=\S+ m=\S+ (?:mp=\S+ )?)?\[")
_PLACE: Final = re.compile(r"(?:\t| {4,8})(?P<path>\S.*):(?P<line>[0-9]{1,10})(?: \+0x[0-9a-f]{1,16})?\s*$")
_FLAG: Final = re.compile(r" \[recovered(?:, repanicked)?\]$")
_ENDED: Final = re.compile(r"^(?:exit status [0-9]+|\[signal |\[originating |goroutine running on )")


def parse(lines: Sequence[str]) -> Trace | None:
    """Return the panics with the stack of the goroutine that ended, or the frames of a stack without one."""
    panics, start = _panics(lines)
    frames = _frames(lines, start)
    if not panics:
        return trace_of(PLATFORM, (), frames)
    exceptions = [_exception(word, text) for word, text in panics[:-1]]
    word, text = panics[-1]
    return trace_of(PLATFORM, [*exceptions, _exception(word, text, frames)])


def _panics(lines: Sequence[str]) -> tuple[list[tuple[str, str]], int]:
    """Return kind and text of each panic, and the line where the stack starts."""
    panics: list[tuple[str, list[str]]] = []
    for place, line in enumerate(lines):
        if _GOROUTINE.match(line):
            return [(word, text_of(text)) for word, text in panics], place + 1
        match = _PANIC.match(line)
        if match is not None and len(panics) < MAX_EXCEPTIONS:
            if not panics or line[:1] == "\t":
                panics.append((match["word"] or "panic", [_FLAG.sub("", match["text"])]))
        elif panics and not _ENDED.match(line):
            panics[-1][1].append(line)
    if panics and any(line.startswith(("panic: ", "fatal error: ")) for line in lines):
        return [(word, text_of(text)) for word, text in panics[:1]], len(lines)
    first = next((place for place, line in enumerate(lines) if _PLACE.match(line)), len(lines))
    return [], max(0, first - 1)


def _exception(word: str, text: str, frames: Sequence[Frame] = ()) -> ExceptionInfo:
    is_runtime = text.startswith("runtime error: ")
    return ExceptionInfo(
        type="runtime.Error" if is_runtime else word,
        value=text.removeprefix("runtime error: "),
        frames=stack(frames),
    )


def _frames(lines: Sequence[str], start: int) -> list[Frame]:
    """Return the frames of the first stack, oldest first; where a goroutine was made is no call of it."""
    frames: list[Frame] = []
    called = ""
    for line in lines[start:]:
        if match := _PLACE.match(line):
            if called and not called.startswith("created by ") and len(frames) < 4 * MAX_FRAMES:
                frames.append(_frame(called, match["path"], number(match["line"])))
            called = ""
        elif not line.strip():
            if frames:
                break
        elif _GOROUTINE.match(line) and frames:
            break
        else:
            called = line.strip()
    return frames[::-1]


def _frame(called: str, path: str, line: int) -> Frame:
    name = called[: called.rfind("(")] if called.endswith(")") else called
    folder, slash, last = name.rpartition("/")
    package, dot, function = last.partition(".")
    if not dot:  # built in: panic, goexit
        package, function, slash = "runtime", last, ""
    return new_frame(
        PLATFORM,
        function=function,
        module=f"{folder}{slash}{package}",
        path=path,
        lineno=line,
        is_runtime=package == "runtime" and not folder,
    )
