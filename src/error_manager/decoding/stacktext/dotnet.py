"""Reads stack traces of .NET (seed box: Error Wrapper).

Source: https://learn.microsoft.com/dotnet/api/system.exception.tostring and System.AggregateException.
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
    stack,
    text_of,
    trace_of,
)

PLATFORM: Final = "csharp"
FRAME: Final = re.compile(r"\s+at (?P<name>[^\s()][^()]*)\((?P<arguments>[^()]*)\)(?: in (?P<place>.+))?\s*$")
_INNER: Final = "---> "
_END: Final = "--- End of inner exception stack trace ---"
_MEMBER: Final = re.compile(r"^\(Inner Exception #([0-9]{1,6})\) ")
_UNHANDLED: Final = re.compile(r"^Unhandled [Ee]xception[.:] ")
_LINE: Final = ":line "


@dataclass(slots=True)
class _Block:
    type: str = ""
    value: list[str] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    parent: int = -1


def parse(lines: Sequence[str]) -> Trace | None:
    """Return the exceptions of a stack trace, or its frames when no exception stands above them."""
    first = next((place for place, line in enumerate(lines) if FRAME.match(line) or _INNER in line), None)
    if first is None:
        return None
    above = [_UNHANDLED.sub("", line) for line in lines[:first]]
    rest = list(lines[first:])
    if not FRAME.match(lines[first]):  # ".NET Framework: outer ---> inner" stand in one line
        outer, _, inner = _UNHANDLED.sub("", lines[first]).partition(_INNER)
        if outer.strip():
            above.append(outer.rstrip())
        rest[0] = f" {_INNER}{inner}"
    blocks = [_Block()]
    if (head := find_head(above, len(above))) is not None:
        blocks[0].type, blocks[0].value = head[0], [head[1]]
    _read(rest, blocks)
    if not any(block.type for block in blocks):
        return trace_of(PLATFORM, (), blocks[0].frames[::-1])
    return trace_of(PLATFORM, _in_order(blocks))


def _read(lines: Sequence[str], blocks: list[_Block]) -> None:
    open_blocks = [0]
    for line in lines:
        match = FRAME.match(line)
        block = blocks[open_blocks[-1]]
        if match is not None:
            if len(block.frames) < 4 * MAX_FRAMES:
                block.frames.append(_frame(match))
        elif line.lstrip().startswith(_INNER):
            for text in line.split(_INNER)[1:]:
                if len(blocks) >= 4 * MAX_EXCEPTIONS:
                    break
                member = _MEMBER.match(text)
                if member is not None:
                    del open_blocks[1:]
                head = split_head(text[member.end() :] if member else text) or ("", text)
                blocks.append(_Block(type=head[0], value=[head[1]], parent=open_blocks[-1]))
                open_blocks.append(len(blocks) - 1)
        elif _END in line:
            if len(open_blocks) > 1:
                open_blocks.pop()
        elif not block.frames and not line.lstrip().startswith("---"):
            block.value.append(line)
        if line.endswith("<---") and len(open_blocks) > 1:
            open_blocks.pop()


def _frame(match: re.Match[str]) -> Frame:
    module, _, function = match["name"].rpartition(".")
    if module.endswith("."):  # constructors: Acme.Cart..ctor
        module, function = module[:-1], f".{function}"
    place = (match["place"] or "").removesuffix("<---").rstrip()
    path, mark, line = place.rpartition(_LINE)
    return new_frame(
        PLATFORM,
        function=function.partition("[")[0],
        module=module,
        path=path if mark else place,
        lineno=number(line) if mark else 0,
    )


def _in_order(blocks: list[_Block]) -> list[ExceptionInfo]:
    """Return the exceptions, oldest first; an aggregate prints its first inner exception twice."""
    kept: list[int] = []
    seen: set[tuple[str, str, int, int]] = set()
    for place, block in enumerate(blocks):
        key = (block.type, text_of(block.value).removesuffix("<---"), block.parent, len(block.frames))
        if key not in seen:
            kept.append(place)
        seen.add(key)
    is_tree = len({blocks[place].parent for place in kept}) < len(kept)
    return [
        ExceptionInfo(
            type=blocks[place].type,
            value=text_of(blocks[place].value).removesuffix("<---"),
            frames=stack(blocks[place].frames[::-1]),
            exception_id=place if is_tree else None,
            parent_id=blocks[place].parent if is_tree and blocks[place].parent >= 0 else None,
            is_group=is_tree and sum(blocks[other].parent == place for other in kept) > 1,
        )
        for place in reversed(kept)
    ]
