"""Masks errors before they leave the process."""

from __future__ import annotations

from collections.abc import Callable

from error_manager.core.types import ErrorEvent
from error_manager.security.pii import Masker


def make_mask() -> Callable[[ErrorEvent], ErrorEvent]:
    """Return the function that masks an error, with the standard library's regular expressions."""
    masker = Masker()

    def mask(event: ErrorEvent) -> ErrorEvent:
        return masker.mask_event(event).event

    return mask
