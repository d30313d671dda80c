"""Masks errors before they leave the process."""

from __future__ import annotations

from collections.abc import Callable

from error_manager.core.types import ErrorEvent
from error_manager.security.pii import Masker


def make_mask() -> Callable[[ErrorEvent], ErrorEvent]:
    """Return the function that masks an error, with the standard library's regular expressions.

    They are compiled for the first error, in the background thread: a process without errors never waits for
    them, and others not in ``init`` (3.5 of its 80 ms; bench/client.py, 2026-11).
    """
    masker: Masker | None = None

    def mask(event: ErrorEvent) -> ErrorEvent:
        nonlocal masker
        if masker is None:
            masker = Masker()
        return masker.mask_event(event).event

    return mask
