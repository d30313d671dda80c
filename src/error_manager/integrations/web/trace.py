"""What a page shows of a stack: the tree of exceptions, open and folded frames (seed box: Dashboard).

Pure: values of ``core.types`` in, values for templates out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from error_manager.core.types import Breadcrumb, ErrorEvent, ExceptionInfo, Frame
from error_manager.core.wording import plural
from error_manager.integrations.web.view import offset_text, package_of

_OPEN_FRAMES: Final = 6
"""In-app frames of the raised exception that start open; more push the answer off the screen."""
_NAMED_LIBRARIES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameView:
    """One frame to draw; ``number`` counts calls from the outermost (1)."""

    frame: Frame
    number: int
    is_open: bool

    @property
    def place(self) -> str:
        """Return file and line, or the module when there is no file."""
        name = self.frame.filename or self.frame.abs_path or self.frame.module or "unknown place"
        return f"{name}:{self.frame.lineno}" if self.frame.lineno else name

    @property
    def start(self) -> int:
        """Return the line number of the first context line; 0 when line numbers are unknown."""
        return max(0, self.frame.lineno - len(self.frame.pre_context)) if self.frame.lineno else 0

    @property
    def has_code(self) -> bool:
        """Return whether there is source to show."""
        return bool(self.frame.context_line or self.frame.pre_context or self.frame.post_context)

    @property
    def is_bare(self) -> bool:
        """Return whether there is nothing to open: neither source nor locals."""
        return not self.has_code and not self.frame.variables

    def numbers(self, part: str) -> str:
        """Return the line numbers of ``pre``, ``line`` or ``post`` as one text, a line each."""
        if not self.frame.lineno:
            return ""
        first, count = {
            "pre": (self.start, len(self.frame.pre_context)),
            "line": (self.frame.lineno, 1),
            "post": (self.frame.lineno + 1, len(self.frame.post_context)),
        }[part]
        return "\n".join(str(number) for number in range(first, first + count))


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRun:
    """Neighboring frames of one kind: in-app ones are listed, library ones folded under ``label``."""

    is_in_app: bool
    frames: tuple[FrameView, ...]
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionView:
    """One exception of the tree in drawing order. ``relation`` says how it belongs to the one above."""

    number: int
    depth: int
    relation: str
    exception: ExceptionInfo
    runs: tuple[FrameRun, ...]

    @property
    def is_raised(self) -> bool:
        """Return whether this is the exception that was raised (the first drawn)."""
        return self.number == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """One breadcrumb with its distance from the error (``-1.5 s``), "" when its time is unknown."""

    step: Breadcrumb
    offset: str


def exceptions_of(event: ErrorEvent) -> tuple[ExceptionView, ...]:
    """Return the exceptions of an error as a tree in drawing order: raised first, then causes and parts."""
    ordered = _tree(event.exceptions)
    if not ordered and event.frames:
        ordered = [(0, "", ExceptionInfo(frames=event.frames))]
    return tuple(
        ExceptionView(
            number=number,
            depth=depth,
            relation=relation,
            exception=exception,
            runs=runs_of(exception.frames, open_frames=_OPEN_FRAMES if number == 1 else 1),
        )
        for number, (depth, relation, exception) in enumerate(ordered, start=1)
    )


def runs_of(frames: Sequence[Frame], *, open_frames: int) -> tuple[FrameRun, ...]:
    """Return frames newest call first, in runs of in-app and library frames.

    Args:
        frames: oldest call first, as in every value.
        open_frames: how many in-app frames start open; without any in-app frame the newest call does.
    """
    has_in_app = any(frame.in_app for frame in frames)
    runs: list[FrameRun] = []
    pending: list[FrameView] = []
    opened = 0
    for number in range(len(frames), 0, -1):
        frame = frames[number - 1]
        is_shown = frame.in_app or (not has_in_app and number == len(frames))
        is_open = is_shown and opened < open_frames and bool(frame.context_line or frame.variables)
        opened += is_open
        if pending and _is_shown(pending[-1], has_in_app=has_in_app, newest=len(frames)) != is_shown:
            runs.append(_run(pending, has_in_app=has_in_app, newest=len(frames)))
            pending = []
        pending.append(FrameView(frame=frame, number=number, is_open=is_open))
    if pending:
        runs.append(_run(pending, has_in_app=has_in_app, newest=len(frames)))
    return tuple(runs)


def steps_of(event: ErrorEvent) -> tuple[StepView, ...]:
    """Return the breadcrumbs, oldest first, each with its distance from the error."""
    return tuple(
        StepView(step=step, offset=offset_text(step.timestamp, event.timestamp) if step.timestamp else "")
        for step in event.breadcrumbs
    )


def _is_shown(view: FrameView, *, has_in_app: bool, newest: int) -> bool:
    return view.frame.in_app or (not has_in_app and view.number == newest)


def _run(views: list[FrameView], *, has_in_app: bool, newest: int) -> FrameRun:
    if _is_shown(views[0], has_in_app=has_in_app, newest=newest):
        return FrameRun(is_in_app=True, frames=tuple(views))
    return FrameRun(is_in_app=False, frames=tuple(views), label=_library_label(view.frame for view in views))


def _library_label(frames: Iterable[Frame]) -> str:
    packages = [package_of(frame.module, frame.abs_path or frame.filename, frame.package) for frame in frames]
    names = list(dict.fromkeys(packages))
    listed = ", ".join(names[:_NAMED_LIBRARIES])
    more = len(names) - _NAMED_LIBRARIES
    count = f"{len(packages)} {plural(len(packages), 'frame')} in "
    if more > 0:
        return f"{count}{listed} and {more} more"
    return f"{count}{'library ' if len(names) == 1 else ''}{listed}"


def _tree(exceptions: tuple[ExceptionInfo, ...]) -> list[tuple[int, str, ExceptionInfo]]:
    if not any(exception.exception_id is not None for exception in exceptions):
        newest_first = exceptions[::-1]
        return [(i, _cause_word(e) if i else "", e) for i, e in enumerate(newest_first)]
    children: dict[int, list[int]] = {}
    ids = {e.exception_id: i for i, e in enumerate(exceptions) if e.exception_id is not None}
    roots: list[int] = []
    for index, exception in enumerate(exceptions):
        parent = ids.get(exception.parent_id) if exception.parent_id is not None else None
        if parent is None or parent == index:
            roots.append(index)
        else:
            children.setdefault(parent, []).append(index)
    return _walk(exceptions, roots[::-1], children)


def _walk(
    exceptions: tuple[ExceptionInfo, ...], roots: list[int], children: dict[int, list[int]]
) -> list[tuple[int, str, ExceptionInfo]]:
    """Return the tree in drawing order, without recursion; what a cycle hides from the roots is appended."""
    drawn: list[tuple[int, str, ExceptionInfo]] = []
    seen: set[int] = set()
    stack = [(index, 0, "") for index in reversed(roots)]
    while stack:
        index, depth, relation = stack.pop()
        if index in seen:
            continue
        seen.add(index)
        parent = exceptions[index]
        drawn.append((depth, relation, parent))
        below = sorted(children.get(index, []), key=lambda i: exceptions[i].exception_id or 0)
        parts = [i for i in below if _is_part(parent, exceptions[i])]
        for child in reversed(below):
            if child in parts:
                word = f"part {parts.index(child) + 1} of {len(parts)}"
            else:
                word = _cause_word(exceptions[child])
            stack.append((child, depth + 1, word))
    drawn += [(0, "also sent", e) for i, e in enumerate(exceptions) if i not in seen]
    return drawn


def _is_part(parent: ExceptionInfo, child: ExceptionInfo) -> bool:
    return parent.is_group and child.source not in {"__cause__", "__context__"}


def _cause_word(exception: ExceptionInfo) -> str:
    return "while handling" if exception.source == "__context__" else "caused by"
