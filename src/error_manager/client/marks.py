"""What an exception carries of ours: that it was captured, and the context of the blocks it has left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

MARK: Final = "_error_manager"
"""Attribute of a captured exception: (route, event id), so that two routes do not report it twice."""
CONTEXT: Final = "_error_manager_context"
"""Attribute of an exception that left a ``bind`` block: the context of that block."""


def context_of(exc: BaseException) -> Mapping[str, object]:
    """Return the context of the blocks the exception has left."""
    context = _read(exc, CONTEXT)
    return context if isinstance(context, dict) else {}


def add_context_to(exc: BaseException, context: Mapping[str, object]) -> None:
    """Keep the context of a block with the exception that leaves it; inner blocks win."""
    _write(exc, CONTEXT, {**context, **context_of(exc)})


def mark_of(exc: BaseException) -> tuple[str, str] | None:
    """Return (route, event id) of an exception that was captured before."""
    known = _read(exc, MARK)
    return known if isinstance(known, tuple) else None


def mark(exc: BaseException, route: str, event_id: str) -> None:
    """Remember that an exception was captured, by whom, and as what."""
    _write(exc, MARK, (route, event_id))


def _read(exc: BaseException, name: str) -> object:
    """Return an attribute of ours, without running code of the exception's class."""
    try:
        return object.__getattribute__(exc, name)
    except AttributeError:
        return None


def _write(exc: BaseException, name: str, value: object) -> None:
    try:
        object.__setattr__(exc, name, value)
    except (AttributeError, TypeError):
        return  # an exception of an extension module without a dictionary: it goes without
