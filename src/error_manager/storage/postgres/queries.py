"""The ``QueryStore`` of PostgreSQL, and what people do to patterns (seed box: PostgreSQL Adapter)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from error_manager.core.errors import NotFoundError
from error_manager.core.types import GroupId, PatternId, PatternStatus, ProjectId
from error_manager.storage.base import PatternRow
from error_manager.storage.postgres import named
from error_manager.storage.postgres.book_queries import BookQueries
from error_manager.storage.postgres.connection import translate
from error_manager.storage.postgres.error_queries import ErrorQueries
from error_manager.storage.postgres.group_queries import GroupQueries
from error_manager.storage.postgres.pattern_queries import PatternQueries
from error_manager.storage.postgres.reader import some
from error_manager.storage.postgres.regroup import Connection, Regroup, open_map
from error_manager.storage.regrouping import nothing_to_undo

_SQL: Final = named.load("patterns.sql")
_GROUP_SQL: Final = named.load("groups.sql")
_ACTIONS: Final = {
    PatternStatus.RESOLVED: "resolved",
    PatternStatus.IGNORED: "ignored",
    PatternStatus.UNRESOLVED: "reopened",
}
_REGRESSED: Final = "regressed"
_WEIGHTED: Final = "weighted"
_REGROUPINGS: Final = frozenset({"merged", "split", "split_off"})
_NO_WORDS: Final = {"note": "", "release": ""}


class PostgresQueries(PatternQueries, GroupQueries, ErrorQueries, BookQueries):
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
        note: str = "",
        release: str = "",
    ) -> PatternRow:
        """Set the status of a pattern, keep what it was in its history, return the pattern."""
        async with self._transaction() as connection:
            pattern, project, before, _ = await _lock(connection, pattern_id, project_ids)
            values = {
                "status": status.value,
                "resolved_at": now if status is PatternStatus.RESOLVED else None,
                "ignore_until": ignore_until if status is PatternStatus.IGNORED else None,
                "regressed_at": None,
            }
            key = {"project": project, "id": pattern, "now": now}
            await connection.execute(_SQL["set_status"], {**key, **values})
            change = {"action": _ACTIONS[status], "person": person_id, "before": Jsonb(before)}
            words = {"note": note, "release": release}
            await connection.execute(_SQL["add_change"], {**key, **change, **words})
        return await self.pattern(pattern, project_ids=(project,))

    async def change_weight(
        self,
        pattern_id: PatternId,
        weight: float,
        *,
        project_ids: tuple[ProjectId, ...] = (),
        person_id: int | None,
        now: datetime,
    ) -> PatternRow:
        """Set the business weight of a pattern, keep what it was in its history, return the pattern."""
        async with self._transaction() as connection:
            pattern, project, _, former = await _lock(connection, pattern_id, project_ids)
            if weight != former:
                key = {"project": project, "id": pattern, "now": now}
                await connection.execute(_SQL["set_weight"], {**key, "weight": weight})
                before = Jsonb({"weight": former, "to": weight})
                change = {"action": _WEIGHTED, "person": person_id, "before": before, **_NO_WORDS}
                await connection.execute(_SQL["add_change"], {**key, **change})
        return await self.pattern(pattern, project_ids=(project,))

    async def undo(
        self,
        pattern_id: PatternId,
        *,
        project_ids: tuple[ProjectId, ...] = (),
        person_id: int | None,
        now: datetime,
    ) -> PatternRow:
        """Take back the last change that was not undone yet: of status or weight, a merge or a split."""
        async with self._transaction() as connection:
            project, pattern = await open_map(connection, pattern_id, project_ids)
            key = {"project": project, "id": pattern, "now": now}
            last = await _first(connection, _SQL["last_change"], key)
            if last is not None and last[1] == _REGRESSED:  # a regression stays; the merge before it can go
                last = await _first(connection, _GROUP_SQL["last_regrouping"], key)
            if last is None:
                raise nothing_to_undo()
            number, action, before = last
            if action in _REGROUPINGS:
                regroup = Regroup(connection=connection, project=project, person=person_id, now=now)
                await regroup.take_back(before.get("change", number))
            else:
                if action == _WEIGHTED:
                    await connection.execute(_SQL["set_weight"], {**key, "weight": before["weight"]})
                else:
                    await connection.execute(_SQL["set_status"], {**key, **_values(before)})
                change = {"action": "undone", "person": person_id, "before": Jsonb({"undone": number})}
                await connection.execute(_SQL["add_change"], {**key, **change, **_NO_WORDS})
        return await self.pattern(pattern, project_ids=(project,))

    async def merge(
        self,
        pattern_id: PatternId,
        others: tuple[PatternId, ...],
        *,
        project_ids: tuple[ProjectId, ...] = (),
        person_id: int | None,
        now: datetime,
    ) -> PatternRow:
        """Move all groups of the other patterns into the first one; return it, counted anew."""
        async with self._transaction() as connection:
            project, pattern = await open_map(connection, pattern_id, project_ids)
            regroup = Regroup(connection=connection, project=project, person=person_id, now=now)
            await regroup.merge(pattern, others)
        return await self.pattern(pattern, project_ids=(project,))

    async def split(
        self,
        pattern_id: PatternId,
        groups: tuple[GroupId, ...],
        *,
        project_ids: tuple[ProjectId, ...] = (),
        title: str,
        person_id: int | None,
        now: datetime,
    ) -> PatternRow:
        """Move groups out of a pattern together; return the pattern that holds them now."""
        async with self._transaction() as connection:
            project, pattern = await open_map(connection, pattern_id, project_ids)
            regroup = Regroup(connection=connection, project=project, person=person_id, now=now)
            home = await regroup.split(pattern, groups, title=title)
        return await self.pattern(home, project_ids=(project,))

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Connection]:
        """Lend a connection for one transaction; what goes wrong in the database is translated."""
        try:
            async with self._pool.connection() as connection, connection.transaction():
                yield connection
        except psycopg.Error as error:
            raise translate(error) from error


async def _lock(
    connection: Connection, pattern_id: PatternId, project_ids: tuple[ProjectId, ...]
) -> tuple[PatternId, ProjectId, dict[str, object], float]:
    """Lock the pattern that has the errors of this one; return its id, project, status and weight.

    The status is in the form of ``pattern_history.before``. A merge may commit while this waits; the lock is
    given back then before the pattern it leads to now is locked: merges lock targets before what leads to
    them, so whoever waited for a target with an alias in hand would deadlock with them.
    """
    values = {"projects": some(project_ids), "id": pattern_id}
    while True:
        async with connection.transaction() as attempt:
            row = await _first(connection, _SQL["lock_pattern"], values)
            if row is not None and row[2] is not None:
                raise psycopg.Rollback(attempt)
        if row is None:
            message = f"There is no pattern {pattern_id}."
            raise NotFoundError(message)
        number, project, leads_to, status, *times, weight = row
        if leads_to is None:
            break
    names = ("resolved_at", "ignore_until", "regressed_at")
    before: dict[str, object] = {"status": status}
    before.update((name, time.isoformat() if time else None) for name, time in zip(names, times, strict=True))
    return PatternId(number), ProjectId(project), before, weight


async def _first(
    connection: Connection, statement: sql.SQL, values: Mapping[str, object]
) -> tuple[Any, ...] | None:
    return await (await connection.execute(statement, values)).fetchone()


def _values(before: dict[str, str | None]) -> dict[str, object]:
    times = {
        name: datetime.fromisoformat(text) if (text := before.get(name)) else None
        for name in ("resolved_at", "ignore_until", "regressed_at")
    }
    return {"status": before.get("status") or PatternStatus.UNRESOLVED.value, **times}
