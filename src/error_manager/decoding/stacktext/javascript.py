"""Reads stacks of JavaScript engines: V8 with causes, Firefox, Safari (seed box: Error Wrapper).

Source: https://v8.dev/docs/stack-trace-api, the output of Node.js 20, MDN on Error.prototype.stack.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from error_manager.core.limits import MAX_EXCEPTIONS, MAX_FRAMES, MAX_NAME_CHARS
from error_manager.core.types import ExceptionInfo, Frame
from error_manager.decoding.stacktext.trace import (
    Trace,
    find_head,
    new_frame,
    split_head,
    split_place,
    stack,
    text_of,
    trace_of,
)

_AT: Final = re.compile(r"(?P<indent>\s*)at (?P<call>\S.*)$")
_PLACED: Final = re.compile(r":[0-9]{1,10}\)?(?: \{)?$|\((?:<anonymous>|native|index [0-9]{1,10})\)(?: \{)?$")
_MATCHING: Final = re.compile(r"\s*\.\.\. ([0-9]{1,10}) lines matching cause stack trace \.\.\.$")
_LINKED: Final = re.compile(r"(?P<indent>\s*)\[(?P<kind>cause|errors)\]: (?P<head>.*)$")
_UNCAUGHT: Final = re.compile(r"^\s*(?:Uncaught )?(?:\(in promise\) )?")
_CODE: Final = re.compile(r" \[\w{1,80}\](?=:|$)")
_GECKO: Final = re.compile(
    r"\s*(?P<function>[^@\n]{0,500})@(?P<place>(?:[a-z][a-z0-9+.-]{1,30}:|/|\[native code\]|<anonymous>).*)$"
)
_EVAL: Final = re.compile(r"^eval at (?:[^\s()]+ )?\((?P<inner>.*)$")
_NODE: Final = re.compile(r"(?:\(|\bat (?:async )?)(?:node:|internal/|file:///|/|[A-Za-z]:\\)")


@dataclass(slots=True)
class _Block:
    """One error as printed; ``gap``: so many lines before frame ``gap_at`` are those of its cause."""

    type: str = ""
    value: str = ""
    indent: int = 0
    parent: int = -1
    kind: str = ""
    frames: list[Frame] = field(default_factory=list)
    gap: int = 0
    gap_at: int = 0


def is_frame(line: str) -> bool:
    """Return whether a line is a frame of V8."""
    return _AT.match(line) is not None and _PLACED.search(line.rstrip()) is not None


def parse(lines: Sequence[str]) -> Trace | None:
    """Return the errors of a stack of V8, or its frames when no error stands above them."""
    first = next((place for place, line in enumerate(lines) if is_frame(line)), None)
    if first is None:
        return None
    is_node = any(_NODE.search(line) for line in lines[first : first + MAX_FRAMES])
    platform = "node" if is_node else "javascript"
    blocks = [_Block()]
    above = [_CODE.sub("", _UNCAUGHT.sub("", line)) for line in lines[:first]]
    if (head := find_head(above, first)) is not None:
        blocks[0].type, blocks[0].value = head[0], head[1]
    _read(lines[first:], blocks, platform)
    _fill_gaps(blocks)
    if not blocks[0].type and len(blocks) == 1:
        return trace_of(platform, (), blocks[0].frames[::-1])
    return trace_of(platform, _in_order(blocks))


def parse_gecko(lines: Sequence[str]) -> Trace | None:
    """Return the error of a stack of Firefox or Safari: ``function@address:line:column``."""
    matches = [_GECKO.match(line) for line in lines]
    first = next((place for place, match in enumerate(matches) if match is not None), None)
    if first is None:
        return None
    frames: list[Frame] = []
    for match in matches[first:]:
        if match is None or len(frames) >= 4 * MAX_FRAMES:
            break
        path, line, column = split_place(match["place"].partition(" line ")[0])
        function = match["function"].strip().removeprefix("async*")
        frames.append(new_frame("javascript", function=function or "?", path=path, lineno=line, colno=column))
    head = find_head([_UNCAUGHT.sub("", line) for line in lines[:first]], first)
    if head is None:
        return trace_of("javascript", (), frames[::-1])
    error = ExceptionInfo(type=head[0], value=head[1], frames=stack(frames[::-1]))
    return trace_of("javascript", (error,))


def _read(lines: Sequence[str], blocks: list[_Block], platform: str) -> None:
    block = blocks[0]
    for place, line in enumerate(lines):
        match = _AT.match(line)
        if match is not None and _PLACED.search(line.rstrip()):
            if len(block.frames) < 4 * MAX_FRAMES:
                block.frames.append(_frame(match["call"].rstrip().removesuffix("{").rstrip(" ,"), platform))
        elif match := _MATCHING.match(line):
            block.gap, block.gap_at = min(int(match[1]), MAX_FRAMES), len(block.frames)
        elif len(blocks) >= 4 * MAX_EXCEPTIONS:
            continue
        elif (match := _LINKED.match(line)) and match["kind"] == "cause":
            block = _linked(blocks, len(match["indent"]), match["head"], "cause")
        elif place + 1 < len(lines) and is_frame(lines[place + 1]) and line[:1] == " ":
            block = _linked(blocks, len(line) - len(line.lstrip()), line.strip(), "errors")


def _linked(blocks: list[_Block], indent: int, head: str, kind: str) -> _Block:
    """Return a new block for an error printed inside another: the nearest one that stands further left."""
    parent = next((place for place in range(len(blocks) - 1, -1, -1) if blocks[place].indent < indent), 0)
    found = split_head(_CODE.sub("", head.removesuffix(" {"))) or ("", head)
    block = _Block(type=found[0], value=found[1], indent=indent, parent=parent, kind=kind)
    blocks.append(block)
    return block


def _fill_gaps(blocks: list[_Block]) -> None:
    """Give the errors the frames that Node.js printed as ``... n lines matching cause stack trace ...``."""
    for place in range(len(blocks) - 1, -1, -1):
        block = blocks[place]
        cause = next((each for each in blocks if each.parent == place and each.kind == "cause"), None)
        if not block.gap or cause is None:
            continue
        behind = block.frames[block.gap_at] if block.gap_at < len(block.frames) else None
        end = cause.frames.index(behind) if behind in cause.frames else len(cause.frames)
        block.frames[block.gap_at : block.gap_at] = cause.frames[max(0, end - block.gap) : end]


def _frame(call: str, platform: str) -> Frame:
    if call.endswith(")") and (mark := call.find(" (")) > 0:
        function, place = call[:mark], call[mark + 2 : -1]
    else:
        function, place = "", call
        if place.startswith("async "):
            place = place.removeprefix("async ")
    function = function.removeprefix("async ").partition(" [as ")[0]
    if match := _EVAL.match(place):  # the place of the text that was evaluated is that of the call of eval
        place = match["inner"].partition("),")[0].rstrip(")")
        place = place.rpartition("(")[2]
    path, line, column = split_place(place[: 2 * MAX_NAME_CHARS])
    if path.startswith("index ") or path == "native":
        path = "<anonymous>"
    return new_frame(
        platform,
        function=function or "<anonymous>",
        path=path.removeprefix("file://"),
        lineno=line,
        colno=column,
    )


def _in_order(blocks: list[_Block]) -> list[ExceptionInfo]:
    is_tree = any(block.kind == "errors" for block in blocks)
    groups = {block.parent for block in blocks if block.kind == "errors"}
    found = [
        ExceptionInfo(
            type=block.type,
            value=text_of([block.value]),
            frames=stack(block.frames[::-1]),
            exception_id=place if is_tree else None,
            parent_id=block.parent if is_tree and block.parent >= 0 else None,
            is_group=place in groups,
            source=block.kind if is_tree else "",
        )
        for place, block in enumerate(blocks)
    ]
    return found[::-1]
