"""Reads stack traces of Java, Kotlin and other languages of the JVM (seed box: Error Wrapper).

Source: java.lang.Throwable.printStackTrace; the forms of Logback ("Wrapped by", jars in brackets).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from error_manager.core.limits import MAX_EXCEPTIONS, MAX_FRAMES
from error_manager.core.types import ExceptionInfo, Frame
from error_manager.decoding.stacktext.trace import (
    Trace,
    find_head,
    new_frame,
    number,
    split_head,
    split_module,
    stack,
    text_of,
    trace_of,
)

PLATFORM: Final = "java"
FRAME: Final = re.compile(
    r"\s*at (?P<name>[^\s()]+)\((?P<place>[\w$.-]+\.\w{1,10}(?::[0-9]{1,10})?|Native Method"
    r"|Unknown Source|SourceFile(?::[0-9]{1,10})?|<generated>(?::[0-9]{1,10})?|[\w$-]{1,200})\)"
    r"(?: ~?\[(?P<jar>[^\]]*)\])?\s*$"
)
_LOADER: Final = re.compile(r"(?:[\w.\-]{0,200}(?:@[\w.\-]{1,100})?/){1,2}(?=[A-Za-z_$])")
_MORE: Final = re.compile(
    r"\s*\.\.\. ([0-9]{1,10}) (?:more|common frames omitted|common frames truncated)\s*$"
)
_LINKED: Final = re.compile(r"(?P<indent>\s*)(?P<kind>Caused by|Suppressed|Wrapped by): (?P<head>.*)$")
_THREAD: Final = re.compile(r'^Exception in thread "[^"]*" ')


@dataclass(slots=True)
class _Block:
    """One exception as printed: its frames newest first, and how many it shares with the one around it."""

    type: str = ""
    value: list[str] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    shared: int = 0
    kind: str = ""
    indent: int = 0
    parent: int = -1


def parse(lines: Sequence[str]) -> Trace | None:
    """Return the exceptions of a stack trace, or its frames when no exception stands above them."""
    first = next((place for place, line in enumerate(lines) if _begins(line)), None)
    if first is None:
        return None
    blocks = _blocks(lines, first)
    _restore(blocks)
    if not blocks[0].type and len(blocks) == 1:
        return trace_of(PLATFORM, (), blocks[0].frames[::-1])
    return trace_of(PLATFORM, _in_order(blocks))


def _begins(line: str) -> bool:
    return FRAME.match(line) is not None or _LINKED.match(line) is not None


def _blocks(lines: Sequence[str], first: int) -> list[_Block]:
    block = _Block()
    head = find_head([_THREAD.sub("", line) for line in lines[:first]], first)
    if head is not None:
        block.type, block.value = head[0], [head[1]]
    blocks = [block]
    for line in lines[first:]:
        if match := FRAME.match(line):
            if len(block.frames) < 4 * MAX_FRAMES:
                block.frames.append(_frame(match))
        elif match := _MORE.match(line):
            block.shared = number(match[1])
        elif (match := _LINKED.match(line)) and len(blocks) < 4 * MAX_EXCEPTIONS:
            if match["head"].startswith("[CIRCULAR REFERENCE"):
                break
            block = _linked(match, blocks)
            blocks.append(block)
        elif not block.frames and not block.shared and block.kind:
            block.value.append(line)
    return blocks


def _linked(match: re.Match[str], blocks: list[_Block]) -> _Block:
    """Return the block of a cause or of a suppressed exception; its parent is told by the indentation."""
    indent = len(match["indent"].expandtabs(4))
    kind = match["kind"]
    head = split_head(match["head"].strip()) or ("", match["head"])
    inside = [
        place
        for place, block in enumerate(blocks)
        if (block.indent < indent if kind == "Suppressed" else block.indent <= indent)
    ]
    parent = inside[-1] if inside else 0
    return _Block(type=head[0], value=[head[1]], kind=kind, indent=indent, parent=parent)


def _frame(match: re.Match[str]) -> Frame:
    name = _LOADER.sub("", match["name"], count=1) if "/" in match["name"] else match["name"]
    module, _, function = name.rpartition(".")
    place = match["place"]
    file, _, line = place.partition(":")
    is_file = "." in file or file == "SourceFile"
    return new_frame(
        PLATFORM,
        function=function,
        module=module,
        path=file if is_file else "",
        lineno=number(line),
        package=match["jar"] or "",
    )


def _restore(blocks: list[_Block]) -> None:
    """Give each block the frames that it shares with its parent and that were printed as ``... n more``."""
    for block in blocks:
        if block.shared and block.parent >= 0:
            around = blocks[block.parent].frames
            block.frames += around[len(around) - min(block.shared, len(around)) :]


def _in_order(blocks: list[_Block]) -> list[ExceptionInfo]:
    """Return the exceptions, oldest cause first; ids are given when suppressed ones make the chain a tree."""
    is_tree = any(block.kind == "Suppressed" for block in blocks)
    is_reversed = any(block.kind == "Wrapped by" for block in blocks)
    found: list[ExceptionInfo] = []
    for place, block in enumerate(blocks):
        module, name = split_module(block.type)
        found.append(
            ExceptionInfo(
                type=name,
                module=module,
                value=text_of(block.value),
                frames=stack(block.frames[::-1]),
                exception_id=place if is_tree else None,
                parent_id=block.parent if is_tree and block.parent >= 0 else None,
                source=("suppressed" if block.kind == "Suppressed" else "cause") if is_tree and place else "",
            )
        )
    return found if is_reversed else found[::-1]
