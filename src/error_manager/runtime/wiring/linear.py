"""Compiles what people write with RE2: no text and no pattern can keep a process busy (design D13)."""

from __future__ import annotations

from typing import Any, Final, Protocol

import re2

from error_manager.core.rules import LinearPattern

_MAX_PROGRAM: Final = 1_000
"""Instructions of a compiled pattern: ordinary ones have less than 200. Where RE2 cannot build an automaton
a text takes as many steps per character: 4 kB took up to 30 ms, with 8,000 instructions 290 ms (2026-11)."""


class _Compiled(LinearPattern, Protocol):
    @property
    def programsize(self) -> int:
        """Return the number of instructions."""


def compile_linear(pattern: str) -> LinearPattern:
    """Return the compiled pattern.

    Raises:
        ValueError: with RE2's reason, or because the pattern would become too large.
    """
    options: Any = re2.Options()
    options.log_errors = False
    try:
        compiled: _Compiled = re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(text) from error
    except UnicodeEncodeError as error:
        raise ValueError("it holds half of a surrogate pair") from error
    if compiled.programsize > _MAX_PROGRAM:
        raise ValueError("its repetitions make it too large")
    return compiled
