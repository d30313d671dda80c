"""The ``QueryStore`` of PostgreSQL, and what people do to patterns (seed box: PostgreSQL Adapter)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg.types.json import Jsonb

from error_manager.core.errors import NotFoundError
from error_manager.core.types import PatternId, PatternStatus, ProjectId
from error_manager.storage.base import PatternRow
from error_manager.storage.postgres import named
from error_manager.storage.postgres.book_queries import BookQueries
from error_manager.storage.postgres.connection import translate
from error_manager.storage.postgres.error_queries import ErrorQueries
from error_manager.storage.postgres.pattern_queries import PatternQueries
from error_manager.storage.postgres.reader import some

_SQL: Final = named.load("patterns.sql")
_ACTIONS: Final = {
    PatternStatus.RESOLVED: "resolved",
    PatternStatus.IGNORED: "ignored",
    PatternStatus.UNRESOLVED: "reopened",
}
_REGRESSED: Final = "regressed"

Connection = psycopg.AsyncConnection[tuple[Any, ...]]


class PostgresQueries(PatternQueries, ErrorQueries, BookQueries):
    """``QueryStore`` over a pool of autocommit connections."""

    async def change_status(
        self,
        pattern_id: PatternId,
        status: PatternStatus,
        *,
        project_ids: tuple[ProjectId, ...] = (),
        ignore_until: datetime | None,
        person_id: int | None,
        now: datetime,
    ) -> PatternRow:
        """Set the status of a pattern, keep what it was in its history, return the pattern."""
        try:
            async with self._pool.connection() as connection, connection.transaction():
                project, before = await _lock(connection, pattern_id, project_ids)
                values = {
                    "status": status.value,
                    "resolved_at": now if status is PatternStatus.RESOLVED else None,
                    "ignore_until": ignore_until if status is PatternStatus.IGNORED else None,
                    "regressed_at": None,
                }
                key = {"project": project, "id": pattern_id, "now": now}
                await connection.execute(_SQL["set_status"], {**key, **values})
                change = {"action": _ACTIONS[status], "person": person_id, "before": Jsonb(before)}
                await connection.execute(_SQL["add_change"], {**key, **change})
        except psycopg.Error as error:
            raise translate(error) from error
        return await self.pattern(pattern_id, project_ids=(project,))

    async def undo_status(
        self,
        pattern_id: PatternId,
        *,
        project_ids: tuple[ProjectId, ...] = (),
        person_id: int | None,
        now: datetime,
    ) -> PatternRow:
        """Take back the last change of status that was not undone yet; return the pattern."""
        try:
            async with self._pool.connection() as connection, connection.transaction():
                project, _ = await _lock(connection, pattern_id, project_ids)
                key = {"project": project, "id": pattern_id, "now": now}
                cursor = await connection.execute(_SQL["last_change"], key)
                last = await cursor.fetchone()
                if last is None or last[1] == _REGRESSED:
                    message = "There is nothing to undo."
                    raise NotFoundError(message)
                await connection.execute(_SQL["set_status"], {**key, **_values(last[2])})
                change = {"action": "undone", "person": person_id, "before": Jsonb({"undone": last[0]})}
                await connection.execute(_SQL["add_change"], {**key, **change})
        except psycopg.Error as error:
            raise translate(error) from error
        return await self.pattern(pattern_id, project_ids=(project,))


async def _lock(
    connection: Connection, pattern_id: PatternId, project_ids: tuple[ProjectId, ...]
) -> tuple[ProjectId, dict[str, object]]:
    """Lock the pattern and return its project and its status, in the form of ``pattern_history.before``."""
    cursor = await connection.execute(_SQL["lock_pattern"], {"projects": some(project_ids), "id": pattern_id})
    row = await cursor.fetchone()
    if row is None:
        message = f"There is no pattern {pattern_id}."
        raise NotFoundError(message)
    project, status, *times = row
    names = ("resolved_at", "ignore_until", "regressed_at")
    before: dict[str, object] = {"status": status}
    before.update((name, time.isoformat() if time else None) for name, time in zip(names, times, strict=True))
    return ProjectId(project), before


def _values(before: dict[str, str | None]) -> dict[str, object]:
    times = {
        name: datetime.fromisoformat(text) if (text := before.get(name)) else None
        for name in ("resolved_at", "ignore_until", "regressed_at")
    }
    return {"status": before.get("status") or PatternStatus.UNRESOLVED.value, **times}
