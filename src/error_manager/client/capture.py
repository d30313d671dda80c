"""What is taken in the caller's thread: everything that may have changed a moment later, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Final

from error_manager.core.frozen import Budget, freeze
from error_manager.core.snapshot import Snapshot
from error_manager.core.types import Severity

_CONTEXT_NODES: Final = 300
MARK: Final = "_error_manager"
"""Attribute of a captured exception: (route, event id), so that two routes do not report it twice."""
CONTEXT: Final = "_error_manager_context"
"""Attribute of an exception that left a ``bind`` block: the context of that block."""


class Captured:
    """One error on its way to the background thread. A plain class: it is made in the caller's thread."""

    __slots__ = (
        "context",
        "event_id",
        "first_timestamp_s",
        "is_handled",
        "logger",
        "mechanism",
        "message",
        "occurrences",
        "severity",
        "snapshot",
        "template",
        "thread_id",
        "thread_name",
        "timestamp_s",
    )

    def __init__(
        self,
        *,
        event_id: str,
        timestamp_s: float,
        context: Mapping[str, object],
        snapshot: Snapshot | None = None,
        message: str = "",
        template: str = "",
        logger: str = "",
        severity: Severity = Severity.ERROR,
        mechanism: str = "generic",
        is_handled: bool = True,
    ) -> None:
        thread = threading.current_thread()
        self.event_id = event_id
        self.timestamp_s = timestamp_s
        self.first_timestamp_s = timestamp_s
        self.context = context
        self.snapshot = snapshot
        self.message = message
        self.template = template
        self.logger = logger
        self.severity = severity
        self.mechanism = mechanism
        self.is_handled = is_handled
        self.occurrences = 1
        self.thread_id = str(thread.ident or "")
        self.thread_name = thread.name


def freeze_context(context: Mapping[str, object]) -> dict[str, object]:
    """Return a bounded copy of the bound context, as it is now."""
    budget = Budget(_CONTEXT_NODES)
    out: dict[str, object] = {}
    for name, value in context.items():
        describe = getattr(value, "describe_request", None) if name == "request" else None
        out[name] = describe() if describe is not None else freeze(value, budget)
    return out


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
