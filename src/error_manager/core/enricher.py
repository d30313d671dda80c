"""Adds what the server knows to an error: time, address, release (seed box: Context Enricher)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from error_manager.core.quick import evolve
from error_manager.core.types import ErrorEvent, FieldNote

MAX_DRIFT: Final = timedelta(seconds=60)
"""A client's clock that is further off shifts the time of its errors (design, schema rules)."""
_AUTO: Final = "{{auto}}"
_FROM_TAGS: Final = {
    "release": ("release", "service.version", "version"),
    "environment": ("environment", "deployment.environment", "env"),
    "service": ("service", "service.name", "app", "application"),
    "server_name": ("server_name", "host.name", "hostname"),
}
_FROM_CONTEXTS: Final = {
    "release": (("app", "app_version"), ("resource", "service.version")),
    "environment": (("resource", "deployment.environment"),),
    "service": (("resource", "service.name"), ("app", "app_name")),
    "server_name": (("resource", "host.name"), ("device", "name")),
}


def enrich(
    event: ErrorEvent,
    *,
    received_at: datetime,
    sent_at: datetime | None,
    retention: timedelta,
    client_ip: str,
) -> ErrorEvent:
    """Return the error with its time set right and what was missing filled in.

    Args:
        event: decoded and valid.
        received_at: when the server accepted it (aware, UTC).
        sent_at: what the client's clock showed when it sent; None when unknown.
        retention: how long errors are kept, > 0; older times are replaced by ``received_at``.
        client_ip: address of the sender, "" when unknown; stands in for ``{{auto}}``.
    """
    changes: dict[str, object] = {}
    _set_time(event, changes, received_at=received_at, sent_at=sent_at, retention=retention)
    _set_address(event, changes, client_ip)
    for name in _FROM_TAGS:
        if not getattr(event, name) and (found := _find(event, name)):
            changes[name] = found
    return evolve(event, changes) if changes else event


def _set_time(
    event: ErrorEvent,
    changes: dict[str, object],
    *,
    received_at: datetime,
    sent_at: datetime | None,
    retention: timedelta,
) -> None:
    """Shift by the drift of the client's clock when it is over 60 s; replace a time outside what is kept."""
    said = event.timestamp
    time, reason = said, ""
    if sent_at is not None and abs(drift := received_at - sent_at) > MAX_DRIFT:
        try:
            time, reason = said + drift, "shifted by the drift of the client's clock"
        except OverflowError:
            time = received_at
    if not received_at - retention <= time <= received_at + MAX_DRIFT:
        time, reason = received_at, "out of range, replaced by the time of receipt"
    if time != said:
        changes["timestamp"] = time
        changes["original_timestamp"] = event.original_timestamp or said.isoformat()
        changes["notes"] = (*event.notes, FieldNote(path="timestamp", reason=reason))


def _set_address(event: ErrorEvent, changes: dict[str, object], client_ip: str) -> None:
    if event.user is not None and event.user.ip_address == _AUTO:
        changes["user"] = evolve(event.user, {"ip_address": client_ip})


def _find(event: ErrorEvent, name: str) -> str:
    for tag in _FROM_TAGS[name]:
        for key, value in event.tags:
            if key == tag and value:
                return value
    for context, key in _FROM_CONTEXTS[name]:
        values = event.contexts.get(context)
        found = values.get(key) if isinstance(values, Mapping) else None
        if isinstance(found, str) and found:
            return found[:200]
    return ""
