"""What is read from a stack that was sent as text, and how its pieces are made (seed box: Error Wrapper)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from error_manager.core.in_app import is_in_app
from error_manager.core.limits import (
    MAX_EXCEPTIONS,
    MAX_FRAMES,
    MAX_LINE,
    MAX_NAME_CHARS,
    MAX_TEXT_CHARS,
    cut_middle,
    cut_text,
)
from error_manager.core.types import ExceptionInfo, Frame

HEAD_LINES: Final = 50
"""Lines above the first frame among which the type of the exception is looked for: a long message."""
_TYPE: Final = re.compile(
    r"(?:^|[\s\"'>(\]])(?P<type>[A-Za-z_$][\w$]{0,200}(?:[.\\/+:]{1,2}[A-Za-z_$][\w$]{0,200}){0,20})"
    r"(?: \[\w{1,80}\]| \((?:0x)?[0-9A-Fa-f]{1,16}\))?(?::(?: (?P<value>.*))?)?$"
)
_ANYWHERE: Final = re.compile(
    r"(?<![\w$.\\])(?P<type>(?:[A-Za-z_$][\w$]{0,100}\.){0,20}[A-Za-z_$][\w$]{0,100}(?:Error|Exception|Throwable))"
    r"(?: \[\w{1,80}\])?(?::(?: (?P<value>.*))?)?$"
)
_ENDINGS: Final = ("Error", "Exception", "Throwable", "Failure", "Fault", "Interrupt", "Exit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A stack that was read from text.

    ``exceptions``: oldest cause first, the raised one last. ``frames``: of a stack without an exception.
    """

    platform: str
    exceptions: tuple[ExceptionInfo, ...] = ()
    frames: tuple[Frame, ...] = ()


def trace_of(
    platform: str, exceptions: Sequence[ExceptionInfo], frames: Sequence[Frame] = ()
) -> Trace | None:
    """Return the trace within the caps of one error, or None when there is neither exception nor frame."""
    if not exceptions and not frames:
        return None
    return Trace(
        platform=platform,
        exceptions=tuple(cut_middle(tuple(exceptions), MAX_EXCEPTIONS)),
        frames=() if exceptions else stack(frames),
    )


def stack(frames: Sequence[Frame]) -> tuple[Frame, ...]:
    """Return at most ``MAX_FRAMES`` frames, oldest first; a longer stack loses its middle."""
    return tuple(cut_middle(tuple(frames), MAX_FRAMES))


def new_frame(
    platform: str,
    *,
    function: str = "",
    module: str = "",
    path: str = "",
    lineno: int = 0,
    colno: int = 0,
    package: str = "",
    context_line: str = "",
    is_runtime: bool = False,
) -> Frame:
    """Return a frame whose names are within the caps.

    Args:
        platform: decides which frames belong to the application.
        function: as the runtime prints it, without arguments.
        module: dotted module, package or class, "" when the text names none.
        path: of the file, as printed.
        lineno: from 1, 0 when unknown.
        colno: from 1, 0 when unknown.
        package: library or jar.
        context_line: source line.
        is_runtime: the frame is known to be no code of the application.
    """
    path = path[:MAX_NAME_CHARS]
    is_full = path.startswith("/") or "://" in path or path[1:3] in {":\\", ":/"}
    module = module[:MAX_NAME_CHARS]
    package = package[:MAX_NAME_CHARS]
    in_app = not is_runtime and is_in_app(
        platform=platform, filename=path, abs_path=path if is_full else "", module=module, package=package
    )
    return Frame(
        function=function[:MAX_NAME_CHARS],
        module=module,
        filename=path,
        abs_path=path if is_full else "",
        lineno=lineno,
        colno=colno,
        in_app=in_app,
        context_line=cut_text(context_line, MAX_TEXT_CHARS),
        package=package,
    )


def number(text: str | None) -> int:
    """Return a line or column number, 0 when the text is none or out of range."""
    if not text or len(text) > 10 or not (text.isascii() and text.isdecimal()):
        return 0
    value = int(text)
    return value if value <= MAX_LINE else 0


def split_place(text: str) -> tuple[str, int, int]:
    """Return path, line and column of ``path:line:column`` or ``path:line``."""
    head, mark, last = text.rpartition(":")
    if not mark or not (found := number(last)):
        return text, 0, 0
    path, mark, before = head.rpartition(":")
    if mark and (line := number(before)):
        return path, line, found
    return head, found, 0


def text_of(lines: Sequence[str]) -> str:
    """Return the lines of a message as one text without blank ends, within the cap."""
    return cut_text("\n".join(lines).strip(), MAX_TEXT_CHARS)


def split_module(name: str) -> tuple[str, str]:
    """Return package and type of a qualified name: the type starts at the first word with a capital."""
    words = name.split(".")
    place = next((at for at, word in enumerate(words) if word[:1].isupper()), len(words) - 1)
    return ".".join(words[:place]), ".".join(words[place:])


def split_head(line: str) -> tuple[str, str] | None:
    """Return type and value of a line like ``some.Type: value`` (or a type alone), or None."""
    match = _TYPE.match(line[:MAX_TEXT_CHARS])
    return (match["type"], match["value"] or "") if match is not None and match.start("type") == 0 else None


def find_head(lines: Sequence[str], first_frame: int) -> tuple[str, str, int] | None:
    """Return type, value and line of the exception above the first frame of a stack, or None.

    A message may have several lines and may itself look like a head, so the topmost line of the block counts
    whose type is named like one; else the line right above that has a type somewhere inside.
    """
    top = first_frame
    while top > 0 and first_frame - top < HEAD_LINES and lines[top - 1].strip():
        top -= 1
    plain: tuple[str, str, int] | None = None
    for place in range(top, first_frame):
        line = lines[place].strip()
        head = split_head(line)
        if head is not None and head[0].endswith(_ENDINGS):
            return _head(head, lines, place, first_frame)
        inside = _ANYWHERE.search(line[: MAX_NAME_CHARS * 2])
        if inside is not None:
            return _head((inside["type"], inside["value"] or ""), lines, place, first_frame)
        if plain is None and head is not None:
            plain = _head(head, lines, place, first_frame)
    return plain


def _head(head: tuple[str, str], lines: Sequence[str], place: int, end: int) -> tuple[str, str, int]:
    return head[0], text_of([head[1], *lines[place + 1 : end]]), place
