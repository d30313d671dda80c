"""Decodes and groups the errors of a JSONL file for ``error-manager analyze``, by the server's own steps."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Final

import msgspec

from error_manager.analysis.found import GroupedError
from error_manager.core.cataloger import catalog
from error_manager.core.errors import RequestError
from error_manager.core.ids import new_event_id
from error_manager.core.stacktext import render_stack
from error_manager.core.types import ErrorEvent, ItemCategory
from error_manager.decoding.native import decode_native
from error_manager.decoding.sentry import decode_sentry

_READ_AT: Final = datetime.now(UTC)
"""Stands in where an error has no time of its own."""
_OUR_KEYS: Final = frozenset({"exceptions", "severity", "error_code", "stack_trace", "manager_context"})


def group_line(line: str, number: int) -> GroupedError | None:
    """Return the group of the error in a line, or None when the line holds none.

    Args:
        line: one JSON object: an error of a Sentry client, one of ours, or ``{"id": ..., "event": {...}}``.
        number: of the line, from 1; the id of an error that has none.
    """
    try:
        value = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None
    if not isinstance(value, dict):
        return None
    inner = value.get("event")
    event = _decoded(inner if isinstance(inner, dict) else value, number)
    if event is None:
        return None
    entry = catalog(event)
    known = value.get("id") or value.get("event_id")
    value_text = event.raised.value if event.raised is not None else ""
    return GroupedError(
        id=str(known) if known else str(number),
        group=entry.fingerprint.hash[:32],
        title=f"{entry.title}: {entry.template}" if value_text and entry.template else entry.title,
        where=entry.culprit or entry.module,
        why=entry.fingerprint.parts,
        time="" if event.timestamp == _READ_AT else event.timestamp.isoformat(timespec="seconds"),
        at_s=None if event.timestamp == _READ_AT else event.timestamp.timestamp(),
        severity=event.severity,
        sample=event.stack_trace or render_stack(event) or event.message,
    )


def _decoded(value: dict[str, object], number: int) -> ErrorEvent | None:
    event_id = new_event_id(hashlib.sha256(str(number).encode()).digest()[:16])
    try:
        if value.keys() & _OUR_KEYS:
            return decode_native(value, received_at=_READ_AT, event_id=event_id)
        decoded = decode_sentry(msgspec.json.encode(value), received_at=_READ_AT, event_id=event_id)
    except RequestError:
        return None
    return None if isinstance(decoded, ItemCategory) else decoded
