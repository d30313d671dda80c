"""Caps on what one error holds; longer texts are cut, longer lists lose their middle (seed box: Validator).

Counts are of characters and members. The client and the server cut to the same caps, so that a text which was
within them on one side is within them on the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, TypeVar

T = TypeVar("T")

MAX_MESSAGE_CHARS: Final = 8_192
MAX_TEXT_CHARS: Final = 16_384
"""Any free text: values of exceptions, stack traces, context lines, texts inside extra, contexts, locals."""
MAX_NAME_CHARS: Final = 1_024
"""Names of code: function, module, file, package."""
MAX_LABEL_CHARS: Final = 200
"""What is counted and filtered by: release, environment, logger, tag keys and values, keys of any object.

200 characters of four bytes stay below the 2,704 bytes that an index row of PostgreSQL takes, also in threes.
"""
MAX_FRAMES: Final = 250
MAX_EXCEPTIONS: Final = 50
MAX_BREADCRUMBS: Final = 100
MAX_TAGS: Final = 100
MAX_CONTEXT_LINES: Final = 50
MAX_FINGERPRINT_PARTS: Final = 50
MAX_MEMBERS: Final = 1_000
"""Keys of one object, members of one list."""
MAX_NOTES: Final = 100
MAX_DEPTH: Final = 64
"""Objects and lists inside each other; msgspec and the standard library give up near 1,000."""
MAX_VALUE_DEPTH: Final = MAX_DEPTH - 6
"""The same inside one free-form value: locals stand six levels deep in an error."""
MAX_INTEGER: Final = 2**63 - 1
MIN_INTEGER: Final = -(2**63)
MAX_LINE: Final = 2**31 - 1
MAX_OCCURRENCES: Final = 10**9
EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)
"""Times outside [EARLIEST, LATEST) are no times of errors; bounding them keeps all later arithmetic safe."""
CUT_MARK: Final = "…"
TOO_DEEP: Final = "[cut: too deep]"
"""Stands where a branch was deeper than ``MAX_DEPTH``."""


def cut_text(text: str, limit: int) -> str:
    """Return at most ``limit`` characters: the text, or its start and the cut mark."""
    return text if len(text) <= limit else text[: limit - len(CUT_MARK)] + CUT_MARK


def cut_text_middle(text: str, limit: int) -> str:
    """Return at most ``limit`` characters: the text, or its start, a line with the cut mark, and its end."""
    if len(text) <= limit:
        return text
    mark = f"\n{CUT_MARK}\n"
    head = (limit - len(mark)) // 2
    return text[:head] + mark + text[len(text) - (limit - len(mark) - head) :]


def cut_middle(items: Sequence[T], limit: int) -> Sequence[T]:
    """Return at most ``limit`` items: all, or the first and last halves."""
    if len(items) <= limit:
        return items
    head = limit // 2
    return [*items[:head], *items[len(items) - (limit - head) :]]


MAX_NOTE_CHARS: Final = 2_000
"""What a person writes of a change or of how a pattern was resolved."""
