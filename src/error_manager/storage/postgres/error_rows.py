"""Values of the rows of errors, and dead letters from their rows (seed box: PostgreSQL Adapter)."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb

from error_manager.core.types import EventId, Fingerprint, ProjectId
from error_manager.storage.base import DeadLetter, RecordKind, StoredError

ERROR_TYPES: Final = (
    "uuid", "int4", "timestamptz", "text", "text", "varchar", "varchar", "text", "varchar",
    "timestamptz", "uuid", "bytea", "int2", "int8", "text", "text", "bytea", "int2", "bytea", "int8",
)  # fmt: skip
"""Types of the columns of ``copy_errors``, for the binary form."""


def read_dead_letter(row: tuple[Any, ...]) -> DeadLetter:
    """Return the dead letter of a row of ``list_dead_letters`` or ``read_dead_letter``."""
    number, project, received_at, reason, detail, attempts, kind, event_id, body = row
    return DeadLetter(
        id=number,
        project_id=ProjectId(project),
        received_at=received_at,
        reason=reason,
        detail=detail,
        attempts=attempts,
        kind=RecordKind(kind),
        event_id=EventId(event_id),
        body=bytes(body),
    )


def error_row(error: StoredError) -> tuple[object, ...]:
    """Return the values in the order of ``copy_errors``."""
    event, entry = error.event, error.entry
    return (
        error.error_id,
        error.project_id,
        event.timestamp,
        event.message,
        event.stack_trace or None,
        entry.module,
        entry.error_code,
        event.manager_context or None,
        entry.severity.value,
        error.created_at,
        UUID(event.event_id),
        entry.fingerprint.group_id,
        entry.fingerprint.version,
        event.occurrences,
        event.environment,
        event.release,
        error.user_key or None,
        error.dictionary_id,
        error.body,
        error.template.version if error.template else None,
    )


def pattern_values(error: StoredError) -> dict[str, object]:
    """Return the values of ``add_pattern``."""
    event, entry = error.event, error.entry
    return {
        "project_id": error.project_id,
        "pattern_hash": entry.fingerprint.hash,
        "module": entry.module,
        "error_code": entry.error_code,
        "timestamp": event.timestamp,
        "severity": entry.severity.value,
        "severity_rank": entry.severity.rank,
        "metadata": Jsonb(_why(entry.fingerprint)),
        "title": entry.title,
        "message": event.message[:8192],
        "culprit": entry.culprit,
        "template": entry.template,
        "platform": event.platform,
        "release": event.release,
    }


def _why(fingerprint: Fingerprint) -> dict[str, object]:
    """Return what a pattern keeps of why it is one; rules only where some had a say."""
    why: dict[str, object] = {"version": fingerprint.version, "parts": list(fingerprint.parts)}
    return {**why, "rules": list(fingerprint.rules)} if fingerprint.rules else why
