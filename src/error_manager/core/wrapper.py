"""Turns a raised exception into the exception chain of an error (seed box: Error Wrapper).

Two halves: ``snapshot.take_snapshot`` in the thread of the error, ``expand`` later; ``wrap`` does both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from types import CodeType
from typing import Final

from error_manager.core.frozen import MAX_CHARS, cut_texts, describe
from error_manager.core.in_app import is_in_app
from error_manager.core.snapshot import ExceptionSnapshot, FrameSnapshot, Snapshot, SyntaxPlace, take_snapshot
from error_manager.core.types import ExceptionInfo, Frame

ReadLines = Callable[[str, str, object], Sequence[str]]
"""Returns the lines of a source file: (path, module name, loader) -> lines, empty when there are none."""

CONTEXT_LINES: Final = 5
"""Source lines kept before and after the failing one, as Sentry's clients send."""
MAX_LINE_CHARS: Final = 512


def read_no_lines(_path: str, _module: str, _loader: object) -> Sequence[str]:
    """Return no source lines."""
    return ()


def wrap(
    exc: BaseException,
    *,
    with_locals: bool = True,
    read_lines: ReadLines = read_no_lines,
    mechanism: str = "generic",
    is_handled: bool = True,
) -> tuple[ExceptionInfo, ...]:
    """Return the exception with its causes, contexts and members, oldest cause first, the raised one last.

    Args:
        exc: the raised exception.
        with_locals: whether frames carry their locals.
        read_lines: source of context lines.
        mechanism: what caught the exception ("excepthook", "logging", ...).
        is_handled: False when it ended a thread, a request or the process.
    """
    snapshot = take_snapshot(exc, with_locals=with_locals)
    return expand(snapshot, read_lines=read_lines, mechanism=mechanism, is_handled=is_handled)


def expand(
    snapshot: Snapshot,
    *,
    read_lines: ReadLines = read_no_lines,
    mechanism: str = "generic",
    is_handled: bool = True,
    thread_id: str = "",
) -> tuple[ExceptionInfo, ...]:
    """Return the exceptions of a snapshot, oldest cause first, the raised one last.

    Ids are given when there is a group, for a plain chain its order says all.

    Source:
        Order, ids (the raised one is 0), parent ids and the names of sources: Sentry's exception interface.
    """
    has_tree = any(exception.is_group for exception in snapshot.exceptions)
    chain = [
        ExceptionInfo(
            type=exception.type,
            value=exception.value,
            module=exception.module,
            frames=_frames(exception, read_lines),
            mechanism=mechanism if index == 0 else "chained",
            is_handled=is_handled if index == 0 else None,
            exception_id=index if has_tree else None,
            parent_id=exception.parent if has_tree and index else None,
            is_group=exception.is_group,
            source=exception.source,
            thread_id=thread_id if index == 0 else "",
        )
        for index, exception in enumerate(snapshot.exceptions)
    ]
    return tuple(reversed(chain))


def cut_locals(exceptions: tuple[ExceptionInfo, ...], *, max_chars: int) -> tuple[ExceptionInfo, ...]:
    """Return the exceptions with each text in the locals cut to ``max_chars`` (after masking)."""
    return tuple(
        replace(exception, frames=tuple(_cut_frame(frame, max_chars) for frame in exception.frames))
        for exception in exceptions
    )


def _cut_frame(frame: Frame, max_chars: int) -> Frame:
    if not frame.variables:
        return frame
    return replace(
        frame, variables={name: cut_texts(value, max_chars) for name, value in frame.variables.items()}
    )


def _frames(exception: ExceptionSnapshot, read_lines: ReadLines) -> tuple[Frame, ...]:
    frames = tuple(_frame(frame, read_lines) for frame in exception.frames)
    return frames if exception.syntax is None else (*frames, _syntax_frame(exception.syntax))


def _syntax_frame(place: SyntaxPlace) -> Frame:
    """Return the place of a SyntaxError as the innermost call, so that it is shown and grouped as such."""
    name = _file_name(place.filename, "")
    return Frame(
        function="<module>",
        filename=name,
        abs_path=place.filename,
        lineno=place.lineno,
        colno=place.offset,
        in_app=is_in_app(platform="python", filename=name, abs_path=place.filename, module="", package=""),
        context_line=place.text[:MAX_LINE_CHARS],
    )


def _frame(frame: FrameSnapshot, read_lines: ReadLines) -> Frame:
    path = frame.code.co_filename
    name = _file_name(path, frame.module)
    before, line, after = _context(read_lines(path, frame.module, frame.loader), frame.lineno)
    return Frame(
        function=frame.code.co_qualname,
        module=frame.module,
        filename=name,
        abs_path=path,
        lineno=frame.lineno,
        colno=_column(frame.code, frame.lasti, frame.lineno),
        in_app=is_in_app(platform="python", filename=name, abs_path=path, module=frame.module, package=""),
        context_line=line,
        pre_context=before,
        post_context=after,
        variables={key: describe(value, max_chars=MAX_CHARS) for key, value in frame.variables.items()},
    )


def _context(lines: Sequence[str], lineno: int) -> tuple[tuple[str, ...], str, tuple[str, ...]]:
    """Return the lines before, the line itself and the lines after, without line ends."""
    place = lineno - 1
    if not 0 <= place < len(lines):
        return (), "", ()
    kept = [
        line.rstrip("\r\n")[:MAX_LINE_CHARS]
        for line in lines[max(0, place - CONTEXT_LINES) : place + CONTEXT_LINES + 1]
    ]
    middle = min(place, CONTEXT_LINES)
    return tuple(kept[:middle]), kept[middle], tuple(kept[middle + 1 :])


def _column(code: CodeType, lasti: int, lineno: int) -> int:
    """Return the column of the failing expression, counted from 1; 0 when unknown."""
    if lasti < 0:
        return 0
    position = next(islice(code.co_positions(), lasti // 2, None), None)
    if position is None or position[0] != lineno or position[2] is None:
        return 0
    return position[2] + 1


def _file_name(path: str, module: str) -> str:
    """Return the path below the folder of the outermost package: ``shop/cart.py`` for ``shop.cart``."""
    parts = path.replace("\\", "/").split("/")
    names = module.split(".") if module else []
    if parts[-1] != "__init__.py":
        names = names[:-1]
    depth = len(names) + 1
    if names and parts[-depth:-1] == names:
        return "/".join(parts[-depth:])
    return parts[-1] if path[:1] != "<" else path
