"""The cheap first half of wrapping: what is read at once, where the error is (seed box: Error Wrapper).

A snapshot holds code objects, line numbers, texts and bounded copies of locals; no frame, exception or object
of the application stays alive through it. ``wrapper.expand`` makes the chain of it later, in any thread.
Plain tuples instead of frozen dataclasses: 15 frames cost 4 us against 19 us (bench/client.py, 2026-11).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from itertools import islice
from types import CodeType, FrameType, TracebackType
from typing import Final, NamedTuple

from error_manager.core.frozen import Budget, freeze, freeze_locals
from error_manager.core.limits import MAX_EXCEPTIONS, MAX_FRAMES, MAX_MESSAGE_CHARS

MAX_TOTAL_FRAMES: Final = 1_000
"""Frames of all exceptions of one error; each keeps ``MIN_FRAMES`` whatever the others took."""
MIN_FRAMES: Final = 10
MAX_NODES: Final = 600
"""Values copied from locals per error, innermost frames first: bounds the time in the caller's thread."""
MAX_VALUE_CHARS: Final = MAX_MESSAGE_CHARS + 4_096
"""Texts are masked before they are cut; a secret that lies across the cap must be seen whole."""
MAX_NOTES_READ: Final = 20


class FrameSnapshot(NamedTuple):
    """One call: enough to find its source line later."""

    code: CodeType
    lineno: int
    lasti: int
    module: str
    loader: object
    variables: Mapping[str, object]


class SyntaxPlace(NamedTuple):
    """Where a SyntaxError lies: in the text that was compiled, which has no frame."""

    filename: str
    lineno: int
    offset: int
    text: str


class ExceptionSnapshot(NamedTuple):
    """One exception of the tree; ``parent`` is the index of its parent, -1 for the raised one."""

    type: str
    module: str
    value: str
    frames: tuple[FrameSnapshot, ...]
    parent: int
    source: str
    is_group: bool
    syntax: SyntaxPlace | None


class Snapshot(NamedTuple):
    """All exceptions of one error, the raised one first, each before its causes and members."""

    exceptions: tuple[ExceptionSnapshot, ...]
    is_cut: bool
    """There were more than ``MAX_EXCEPTIONS``; those farthest from the raised one were left out."""


def take_snapshot(exc: BaseException, *, with_locals: bool = True) -> Snapshot:
    """Return what is known of a raised exception, its causes, contexts and members.

    Cycles are cut: an exception is kept once. Nothing that the application defines can make this fail; what
    cannot be read is replaced by a text that says so.

    Args:
        exc: the raised exception.
        with_locals: whether bounded copies of the locals of each frame are taken.
    """
    found: list[ExceptionSnapshot] = []
    budget = Budget(MAX_NODES if with_locals else 0)
    frames_left = MAX_TOTAL_FRAMES
    seen = {id(exc)}
    open_ones: list[tuple[BaseException, int, str]] = [(exc, -1, "")]
    while open_ones and len(found) < MAX_EXCEPTIONS:
        current, parent, source = open_ones.pop()
        frames = _frames_of(current, max(MIN_FRAMES, min(MAX_FRAMES, frames_left)), budget)
        frames_left -= len(frames)
        children = _children_of(current)
        index = len(found)
        found.append(
            ExceptionSnapshot(
                type=_type_name(current),
                module=_type_module(current),
                value=_value_of(current),
                frames=frames,
                parent=parent,
                source=source,
                is_group=isinstance(current, BaseExceptionGroup),
                syntax=_syntax_place(current) if isinstance(current, SyntaxError) else None,
            )
        )
        for child, child_source in reversed(children):
            if id(child) not in seen:
                seen.add(id(child))
                open_ones.append((child, index, child_source))
    return Snapshot(tuple(found), bool(open_ones))


def _children_of(exc: BaseException) -> list[tuple[BaseException, str]]:
    """Return the cause or else the context, then the members of a group, each with its source."""
    children: list[tuple[BaseException, str]] = []
    try:
        cause, context = exc.__cause__, exc.__context__
        if cause is not None:
            children.append((cause, "__cause__"))
        elif context is not None and not exc.__suppress_context__:
            children.append((context, "__context__"))
        if isinstance(exc, BaseExceptionGroup):
            members = islice(exc.exceptions, MAX_EXCEPTIONS)
            children += [(member, f"exceptions[{place}]") for place, member in enumerate(members)]
    except Exception:  # noqa: BLE001  # a subclass may define these names; the rest of the error is still good
        return children
    return children


def _frames_of(exc: BaseException, limit: int, budget: Budget) -> tuple[FrameSnapshot, ...]:
    """Return at most ``limit`` frames, oldest first; of a longer traceback both ends."""
    calls: list[TracebackType] = []
    tail: deque[TracebackType] | None = None
    traceback: TracebackType | None = exc.__traceback__
    half = limit // 2
    while traceback is not None:
        if tail is not None:
            tail.append(traceback)
        else:
            calls.append(traceback)
            if len(calls) > limit:
                tail = deque(calls[half:], maxlen=limit - half)
                del calls[half:]
        traceback = traceback.tb_next
    if tail is not None:
        calls += tail
    # Innermost frames first: they are the ones to keep when the budget for locals ends.
    kept = [_frame_snapshot(call.tb_frame, call.tb_lineno, call.tb_lasti, budget) for call in reversed(calls)]
    kept.reverse()
    return tuple(kept)


def _frame_snapshot(frame: FrameType, lineno: int | None, lasti: int, budget: Budget) -> FrameSnapshot:
    names = frame.f_globals
    module = names.get("__name__")
    variables: Mapping[str, object] = {}
    if budget.left > 0:
        local_names = frame.f_locals
        variables = freeze_locals(local_names, budget, is_module=local_names is names)
    # tb_lineno is None when the code has no line for the instruction.
    return FrameSnapshot(
        frame.f_code,
        lineno or 0,
        lasti,
        module if type(module) is str else "",
        names.get("__loader__"),
        variables,
    )


def _type_name(exc: BaseException) -> str:
    name = type(exc).__qualname__
    return name if type(name) is str else type(exc).__name__


def _type_module(exc: BaseException) -> str:
    module = type(exc).__module__
    return module if type(module) is str and module != "builtins" else ""


def _value_of(exc: BaseException) -> str:
    """Return the text of an exception and its PEP 678 notes, one a line."""
    text = _safe_text(exc, f"<unprintable {_type_name(exc)} object>", exc.args)
    notes = getattr(exc, "__notes__", None)
    if type(notes) is list or type(notes) is tuple:
        lines = [_safe_text(note, "<unprintable note>", ()) for note in islice(notes, MAX_NOTES_READ)]
        text = "\n".join([text, *lines])
    return text


def _safe_text(value: object, otherwise: str, args: tuple[object, ...]) -> str:
    try:
        # str() of a str subclass may return the subclass; slicing by str itself runs no foreign code.
        return str.__getitem__(str(value), slice(0, MAX_VALUE_CHARS))
    except Exception:  # noqa: BLE001  # __str__ of the application is broken; the error must still be reported
        return f"{otherwise} {freeze(args, Budget(20))}" if args else otherwise


def _syntax_place(exc: SyntaxError) -> SyntaxPlace | None:
    """Return file, line, column and text; attributes of another type than usual are left out."""
    filename, lineno, offset, text = exc.filename, exc.lineno, exc.offset, exc.text
    if type(lineno) is not int or lineno < 1:
        return None
    return SyntaxPlace(
        filename if type(filename) is str else "",
        lineno,
        offset if type(offset) is int and offset > 0 else 0,
        text[:MAX_VALUE_CHARS].rstrip("\n") if type(text) is str else "",
    )
