"""Reads tracebacks of Python: plain, chained, and the trees of exception groups (seed box: Error Wrapper).

Source: https://docs.python.org/3/library/traceback.html and the output of CPython 3.8 to 3.14.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from error_manager.core.limits import MAX_EXCEPTIONS, MAX_FRAMES
from error_manager.core.types import ExceptionInfo, Frame
from error_manager.decoding.stacktext.trace import (
    Trace,
    new_frame,
    number,
    split_module,
    stack,
    text_of,
    trace_of,
)

PLATFORM: Final = "python"
_CAUSE: Final = "The above exception was the direct cause of the following exception:"
_CONTEXT: Final = "During handling of the above exception, another exception occurred:"
_START: Final = re.compile(r"(?:Exception Group )?(?:Traceback|Stack) \(most recent call last\):\s*$")
_FILE: Final = re.compile(r'\s*File "(?P<file>[^"]*)", line (?P<line>[0-9]{1,10})(?:, in (?P<function>.*))?$')
_REPEATED: Final = re.compile(r"\s*\[Previous line repeated ([0-9]{1,10}) more times?\]$")
_CARETS: Final = re.compile(r"[\s~^]+$")
_HEAD: Final = re.compile(
    r"(?P<type>[A-Za-z_]\w{0,200}(?:\.(?:<locals>\.)?[A-Za-z_]\w{0,200}){0,20})(?::(?: (?P<value>.*))?)?$"
)
_DRAWN: Final = re.compile(r"(?P<margin> *)(?P<sign>\+-\+-{4,}|\+-{4,}|\+ |\|)(?P<rest>.*)$")
_PACKAGES: Final = re.compile(r".*/(?:site-packages|dist-packages|lib/python[0-9.]{1,5})/(?P<rest>.+)$")
_SYNTAX: Final = frozenset({"SyntaxError", "IndentationError", "TabError"})
_MAX_DEPTH: Final = 30


@dataclass(slots=True)
class _Node:
    """One chain of the text, and the members of its groups with the line of the chain they stand behind."""

    lines: list[str] = field(default_factory=list)
    members: list[tuple[int, _Node]] = field(default_factory=list)


@dataclass(slots=True)
class _Link:
    """One exception of a chain; ``end`` is the line behind it, ``source`` how the one before led to it."""

    frames: list[Frame]
    type: str = ""
    value: list[str] = field(default_factory=list)
    source: str = ""
    place: str = ""
    end: int = 0


def parse(lines: Sequence[str]) -> Trace | None:
    """Return the exceptions of a traceback, or the frames of a stack that was logged without one."""
    root = _tree(lines)
    chain = _chain(root.lines, is_member=False)
    script = next(
        (link.frames[0].filename for link in chain if link.frames and link.frames[0].function == "<module>"),
        "",
    )
    if not any(link.type or link.value for link in chain):
        return trace_of(PLATFORM, (), _with_modules(chain[-1].frames, script) if chain else ())
    found = _Numbering(script)
    found.add(root, chain, parent=None, source="", depth=0)
    exceptions = found.exceptions[::-1]
    if not root.members:
        exceptions = [replace(each, exception_id=None, parent_id=None, source="") for each in exceptions]
    return trace_of(PLATFORM, exceptions)


def _tree(lines: Sequence[str]) -> _Node:
    """Return the chain with its groups; lines outside its drawing belong to the outermost chain."""
    root = _Node()
    if not any("Exception Group Traceback" in line for line in lines):
        root.lines = list(lines)
        return root
    open_nodes: list[tuple[int, _Node]] = [(-1, root)]
    for line in lines:
        match = _DRAWN.match(line)
        if match is None:
            del open_nodes[1:]
            root.lines.append(line)
            continue
        column, sign = len(match["margin"]), match["sign"]
        is_rule = sign.startswith("+-")
        is_first = sign.startswith("+-+")
        while open_nodes[-1][0] > column or (is_rule and not is_first and open_nodes[-1][0] >= column >= 0):
            open_nodes.pop()
        node = open_nodes[-1][1]
        if not is_rule:
            if open_nodes[-1][0] < column:
                open_nodes.append((column, node))
            node.lines.append(match["rest"].removeprefix(" ") if sign == "|" else match["rest"])
        elif match["rest"].strip() and len(open_nodes) < _MAX_DEPTH:
            member = _Node()
            node.members.append((len(node.lines), member))
            open_nodes.append((column + 2 if is_first else column, member))
    return root


def _chain(lines: Sequence[str], *, is_member: bool) -> list[_Link]:
    """Return the exceptions of one chain as printed: oldest first.

    Args:
        lines: without the drawing of groups.
        is_member: a member of a group may have no traceback, only type and value.
    """
    links: list[_Link] = []
    current: _Link | None = _Link(frames=[]) if is_member else None
    if current is not None:
        links.append(current)
    source = ""
    for place, line in enumerate(lines, start=1):
        text = line.strip()
        if _START.search(line):
            if current is None or current.frames or current.type or not is_member:
                current = _Link(frames=[], source=source)
                links.append(current)
            source = ""
        elif text in {_CAUSE, _CONTEXT}:
            source = "__cause__" if text == _CAUSE else "__context__"
            current = None
        elif current is None:
            if source and text:  # an exception of the chain that has no traceback
                current = _Link(frames=[], source=source)
                links.append(current)
                _read_line(current, line)
                source = ""
        else:
            _read_line(current, line)
        if current is not None:
            current.end = place
    return [link for link in links if link.frames or link.type or link.value]


def _read_line(link: _Link, line: str) -> None:
    if link.type or link.value:
        link.value.append(line)
    elif match := _FILE.match(line):
        if match["function"] is None:
            link.place = f"{match['file'].rpartition('/')[2]}, line {match['line']}"
        elif len(link.frames) < 2 * MAX_FRAMES:
            link.frames.append(
                new_frame(
                    PLATFORM, function=match["function"], path=match["file"], lineno=number(match["line"])
                )
            )
    elif match := _REPEATED.match(line):
        link.frames += link.frames[-1:] * min(number(match[1]), MAX_FRAMES)
    elif line[:1] in {" ", "\t", ""}:
        if link.frames and not link.place and not link.frames[-1].context_line and not _CARETS.match(line):
            link.frames[-1] = replace(link.frames[-1], context_line=line.strip())
    else:
        head = _HEAD.match(line.rstrip())
        if head is None:
            link.value.append(line)
            return
        link.type = head["type"]
        value = head["value"] or ""
        is_placed = link.type.rpartition(".")[2] in _SYNTAX and link.place
        link.value.append(f"{value} ({link.place})" if is_placed else value)


class _Numbering:
    """Lists the exceptions, the raised one first, each followed by the members of its group."""

    def __init__(self, script: str) -> None:
        self.exceptions: list[ExceptionInfo] = []
        self._script = script

    def add(self, node: _Node, chain: list[_Link], *, parent: int | None, source: str, depth: int) -> None:
        for place in range(len(chain) - 1, -1, -1):
            if len(self.exceptions) >= 4 * MAX_EXCEPTIONS:
                return
            link = chain[place]
            start = chain[place - 1].end if place else -1
            is_last = place == len(chain) - 1
            members = [member for at, member in node.members if start < at and (is_last or at <= link.end)]
            own = len(self.exceptions)
            module, name = split_module(link.type)
            self.exceptions.append(
                ExceptionInfo(
                    type=name,
                    module=module,
                    value=text_of(link.value),
                    frames=stack(_with_modules(link.frames, self._script)),
                    exception_id=own,
                    parent_id=parent,
                    is_group=bool(members),
                    source=source,
                )
            )
            if depth < _MAX_DEPTH:
                for index, member in enumerate(members):
                    inner = _chain(member.lines, is_member=True)
                    self.add(member, inner, parent=own, source=f"exceptions[{index}]", depth=depth + 1)
            parent, source = own, link.source


def _with_modules(frames: Sequence[Frame], script: str) -> list[Frame]:
    """Return the frames with the modules that their paths tell.

    Below a folder of packages the path is the module. The script that was started is ``__main__``, and its
    folder is where its own modules are found (``sys.path[0]``). Other paths tell no module.
    """
    folder = script[: max(script.rfind("/"), script.rfind("\\")) + 1]
    named = ((frame, _module(frame, script, folder)) for frame in frames)
    return [replace(frame, module=module) if module else frame for frame, module in named]


def _module(frame: Frame, script: str, folder: str) -> str:
    path = frame.filename.replace("\\", "/")
    if script and frame.filename == script and frame.in_app:
        return "__main__"
    if match := _PACKAGES.match(path):
        rest = match["rest"]
    elif folder and path.startswith(folder.replace("\\", "/")):
        rest = path[len(folder) :]
    else:
        return ""
    if not rest.endswith(".py"):
        return ""
    return rest.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
