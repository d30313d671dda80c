"""Reads a stack trace from any text: its language by marks, then its exceptions (seed box: Error Wrapper).

Linear in the text: each parser walks the lines once, and an expression sees one line of bounded length.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from error_manager.core.limits import cut_text_middle
from error_manager.decoding.stacktext import (
    dotnet,
    golang,
    javascript,
    jvm,
    native,
    php,
    python,
    ruby,
    rust,
)
from error_manager.decoding.stacktext.trace import Trace

MAX_CHARS: Final = 262_144
"""A longer text loses its middle before it is read."""
_MAX_LINE_CHARS: Final = 2_000
_HINTS: Final = ("\n ", "\n\t", "\n#", "#0 ", ":in ", "@", "panic", "[0x", "terminate called", "Sanitizer: ")
"""One of these is in every trace: ten searches in C that most other texts end with."""
_MARK: Final = re.compile(
    r"most recent call last\):|[ \t]at |goroutine |panic: |\n\t/|panicked at |\nCaused by:|:in [`']"
    r"|Stack trace:|\[stacktrace\]|#0 |Sanitizer: |terminate called|@http|@file:|@webpack|@\[native code\]|-extension://"
    r"|\) ?\[0x"
)
_NATIVE_NUMBERED: Final = re.compile(r"^[ \t]*#0 +(?:0x[0-9a-fA-F]+ in |\S[^\n]*\) at |\S+ \()", re.MULTILINE)
_RUBY: Final = re.compile(r":[0-9]+:in [`']")

Parse = Callable[[Sequence[str]], Trace | None]


def has_trace(text: str) -> bool:
    """Return whether a text has a mark of a stack trace; its language is told by the parsers."""
    return any(hint in text for hint in _HINTS) and _MARK.search(text, 0, MAX_CHARS) is not None


def parse_trace(text: str) -> Trace | None:
    """Return the exceptions (or the frames) of the stack trace in a text, or None when it holds none."""
    if not has_trace(text):
        return None
    text = cut_text_middle(text, MAX_CHARS).replace("\r\n", "\n")
    lines = [line[:_MAX_LINE_CHARS] for line in text.split("\n")]
    for parse in _parsers(text, lines):
        trace = parse(lines)
        if trace is not None:
            return trace
    return None


def _parsers(text: str, lines: Sequence[str]) -> list[Parse]:
    """Return the parsers whose marks the text has, the surest first."""
    parsers: list[Parse] = []
    if "most recent call last):" in text:
        parsers += [python.parse if 'File "' in text or "| " in text else ruby.parse]
    if "goroutine " in text or "panic: " in text or ".go:" in text:
        parsers.append(golang.parse)
    if "panicked at " in text or "\nCaused by:\n" in text:
        parsers.append(rust.parse)
    if "at " in text or "Caused by: " in text:
        parsers += _at_parsers(lines)
    if _RUBY.search(text):
        parsers.append(ruby.parse)
    if "Sanitizer: " in text or "terminate called" in text or _NATIVE_NUMBERED.search(text):
        parsers.append(native.parse)
    if "Stack trace:" in text or "[stacktrace]" in text or "#0 " in text:
        parsers.append(php.parse)
    if "@" in text:
        parsers.append(javascript.parse_gecko)
    if "[0x" in text:
        parsers.append(native.parse)
    return parsers


def _at_parsers(lines: Sequence[str]) -> list[Parse]:
    """Return the parser of the language whose frames begin with ``at``, by the first that is unmistakable."""
    for line in lines:
        if "at " not in line:
            continue
        if jvm.FRAME.match(line):
            return [jvm.parse]
        if javascript.is_frame(line):
            return [javascript.parse]
        if dotnet.FRAME.match(line):
            return [dotnet.parse]
    return [jvm.parse] if any("Caused by: " in line for line in lines) else []
