"""What live pages are told, and its form on the wire (seed box: Event Stream). Pure.

Notices come from the worker after each commit (channel ``em_live``). Browsers get server-sent events without
a name, each a JSON object with what happened since the last one; absent keys mean "nothing of that":

- ``accepted``     number of stored errors
- ``patterns``     [[id, count, is new, is regression], ...]
- ``first_error``  id of the first error that was stored since
- ``ledger``       {"received", "stored", "duplicates", "refused", "waiting", "unexplained", "healthy"}
- ``resync``       true when more happened than is told: load the page's list again
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from error_manager.core.types import ProjectId
from error_manager.monitoring.dashboard import StatusLine

KEEP_ALIVE: Final = b": keep-alive\n\n"
"""A comment line; proxies close connections that say nothing for long."""
MAX_PENDING_PATTERNS: Final = 500
"""Patterns that may wait for one slow browser; beyond that it is told to load its list again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What one commit did to one project; ``patterns`` are (id, count, is new, is regression)."""

    project_id: ProjectId
    accepted: int = 0
    patterns: tuple[tuple[int, int, bool, bool], ...] = ()
    error_id: str = ""


@dataclass(slots=True)
class Pending:
    """What one browser was not told yet; counts of a pattern add up, only the newest ledger line is kept."""

    accepted: int = 0
    patterns: dict[int, tuple[int, bool, bool]] = field(default_factory=dict)
    error_id: str = ""
    line: StatusLine | None = None
    is_overrun: bool = False

    def add(self, notice: Notice) -> None:
        """Take in a notice."""
        self.accepted += notice.accepted
        self.error_id = self.error_id or notice.error_id
        for pattern_id, count, is_new, is_regression in notice.patterns:
            if pattern_id not in self.patterns and len(self.patterns) >= MAX_PENDING_PATTERNS:
                self.is_overrun = True
                continue
            known, was_new, was_regression = self.patterns.get(pattern_id, (0, False, False))
            self.patterns[pattern_id] = (known + count, was_new or is_new, was_regression or is_regression)

    def take(self) -> dict[str, object]:
        """Return what to send now, {} for nothing, and forget it."""
        message: dict[str, object] = {}
        if self.accepted or self.patterns:
            message["accepted"] = self.accepted
            message["patterns"] = [[number, *change] for number, change in self.patterns.items()]
        if self.error_id:
            message["first_error"] = self.error_id
        if self.line is not None:
            message["ledger"] = line_data(self.line)
        if self.is_overrun:
            message["resync"] = True
        self.accepted, self.patterns, self.error_id, self.line, self.is_overrun = 0, {}, "", None, False
        return message


def parse_notice(payload: str) -> Notice | None:
    """Return the notice in a payload of ``em_live``, or None when it cannot be read (of another version)."""
    try:
        fields = json.loads(payload)
        return Notice(
            project_id=ProjectId(int(fields["project"])),
            accepted=int(fields["accepted"]),
            patterns=tuple((int(i), int(n), bool(new), bool(back)) for i, n, new, back in fields["patterns"]),
            error_id=str(fields.get("first_error") or ""),
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def encode_message(message: Mapping[str, object]) -> bytes:
    """Return the message as a server-sent event.

    Source:
        WHATWG HTML, section 9.2 "Server-sent events": ``data:`` lines, ended by an empty line.
    """
    return f"data: {json.dumps(message, separators=(',', ':'))}\n\n".encode()


def line_data(line: StatusLine) -> dict[str, object]:
    """Return the foot line as JSON."""
    return {
        "received": line.received,
        "stored": line.stored,
        "duplicates": line.duplicates,
        "refused": line.refused,
        "waiting": line.waiting,
        "unexplained": line.unexplained,
        "healthy": line.is_healthy,
    }
