"""Which lines of a log belong to the stack trace above them (seed box: Pattern Analyzer)."""

from __future__ import annotations

import re
from typing import Final

_PIECE: Final = re.compile(
    r"\s+\S|Traceback \(most recent call last\)|Caused by: |\.\.\. [0-9]+ (?:more|common)"
    r"|[}\])]+[,;]?\s*$|During handling of the above|The above exception was|goroutine [0-9]+ \["
    r"|created by \S|exit status [0-9]+$|\[signal |Stack trace:|\[stacktrace\]|#[0-9]+ |stack backtrace:"
    r"|note: (?:run with|Some details)|--- End of|Suppressed: |==[0-9]+==|SUMMARY: \w+Sanitizer"
    r"|Node\.js v[0-9]|Next [\w\\]+: "
)
_START: Final = re.compile(
    r"\s*(?:\+ Exception Group )?Traceback \(most recent call last\)|goroutine [0-9]+ \[|==[0-9]+=="
    r"|=================="
)
_HEAD: Final = re.compile(
    r"Exception in thread |panic: |[Ff]atal error: |thread '|PHP Fatal error: |Uncaught |Unhandled exception"
    r"|terminate called|[\w.$\\]{1,200}(?:Error|Exception|Warning|Interrupt|Exit)(?: \[\w{1,60}\])?(?:: |$)"
)
_INSIDE: Final = re.compile(
    r"[\w./\-*()\[\]$]{1,300}\(.*\)$|\S{1,300}:[0-9]+:in [`']|[\w./<*$]{0,200}@[a-z-]{2,30}:\S"
)
_QUALIFIED: Final = re.compile(r"[A-Za-z_][\w.]{0,200}(?:: |:?$)")
_WAITING: Final = re.compile(
    r"\s*(?:\[Previous line repeated|File \"|\+ Exception Group Traceback)|Traceback |\s{4}(?!\s*at )"
)
_CHAINED: Final = ("During handling of the above", "The above exception was")
_AGAIN: Final = re.compile(r"\s*(?:\+ Exception Group )?Traceback \(most recent call last\)")


def is_piece(text: str) -> bool:
    """Return whether a line continues what is above it, whatever that is: indented, or a word of a trace."""
    return _PIECE.match(text) is not None


def is_start(text: str) -> bool:
    """Return whether a line begins a trace that needs no line above it."""
    return _START.match(text) is not None


def is_head(text: str) -> bool:
    """Return whether a line looks like the type and message of an exception."""
    return _HEAD.match(text) is not None


def is_inside(text: str, before: str) -> bool:
    """Return whether a line without header goes on with a trace that is being read.

    Args:
        text: the line.
        before: the line of the trace right above it.
    """
    if _INSIDE.match(text) or "panicked at " in before:
        return True
    return _WAITING.match(before) is not None and (is_head(text) or _QUALIFIED.match(text) is not None)


def is_another(text: str, before: str) -> bool:
    """Return whether a line begins a trace that is not chained to the one being read.

    Args:
        text: the line.
        before: the line of the trace above it that is not blank.
    """
    return _AGAIN.match(text) is not None and not before.strip().startswith(_CHAINED)
