"""What is taken in the caller's thread: everything that may have changed a moment later, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Final

from error_manager.core.frozen import Budget, freeze
from error_manager.core.severity import Severity
from error_manager.core.snapshot import Snapshot

_CONTEXT_NODES: Final = 300


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
