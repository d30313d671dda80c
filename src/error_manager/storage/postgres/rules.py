"""The ``RuleStore`` of PostgreSQL: rules, dry runs, moves in the map (seed box: PostgreSQL Adapter)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg.types.json import Jsonb

from error_manager.analysis.regrouping import Home
from error_manager.core.errors import NotFoundError
from error_manager.core.rule_form import rule_from_json, rule_to_json
from error_manager.core.rules import GroupingRule
from error_manager.core.types import GroupId, PatternId, ProjectId
from error_manager.storage.compression import BodyCodec
from error_manager.storage.postgres import named
from error_manager.storage.postgres.connection import translate
from error_manager.storage.postgres.reader import Reader
from error_manager.storage.postgres.rule_moves import MapMoves
from error_manager.storage.rules import (
    CHUNK,
    KeptError,
    Moves,
    Preview,
    RuleBook,
    StoredRule,
    check_order,
    check_planned,
    find_rule,
)

_SQL: Final = named.load("rules.sql")

Connection = psycopg.AsyncConnection[tuple[Any, ...]]


class PostgresRules(Reader):
    """``RuleStore`` over a pool of autocommit connections."""

    async def book(self, project_id: ProjectId) -> RuleBook:
        """Return the rules of a project."""
        async with self._changing() as connection:
            return await _book(connection, project_id)

    async def add_rule(
        self, project_id: ProjectId, rule: GroupingRule, *, note: str, person_id: int | None, now: datetime
    ) -> int:
        """Store a rule behind the others, switched off; return its id."""
        form = {name: Jsonb(value) for name, value in rule_to_json(rule).items()}
        values = {"project": project_id, "note": note, "person": person_id, "now": now, **form}
        async with self._changing() as connection:
            await _lock(connection, project_id)
            row = await (await connection.execute(_SQL["add_rule"], values)).fetchone()
        return int(row[0]) if row else 0

    async def change_rule(self, project_id: ProjectId, rule: GroupingRule, *, note: str) -> None:
        """Replace a rule that is switched off."""
        form = {name: Jsonb(value) for name, value in rule_to_json(rule).items()}
        async with self._changing() as connection:
            await _lock(connection, project_id)
            await _find(connection, project_id, rule.id, is_active=False)
            values = {"project": project_id, "id": rule.id, "note": note, **form}
            await connection.execute(_SQL["change_rule"], values)

    async def delete_rule(self, project_id: ProjectId, rule_id: int) -> None:
        """Remove a rule that is switched off."""
        async with self._changing() as connection:
            await _lock(connection, project_id)
            await _find(connection, project_id, rule_id, is_active=False)
            await connection.execute(_SQL["delete_rule"], {"project": project_id, "id": rule_id})

    async def order_rules(self, project_id: ProjectId, rule_ids: Sequence[int]) -> None:
        """Put the rules into this order."""
        async with self._changing() as connection:
            await _lock(connection, project_id)
            check_order((await _book(connection, project_id)).rules, rule_ids)
            await connection.execute(_SQL["order_rules"], {"project": project_id, "ids": list(rule_ids)})
            await connection.execute(_SQL["raise_version"], {"project": project_id})

    async def switch_on(
        self,
        project_id: ProjectId,
        rule_id: int,
        moves: Moves,
        *,
        person_id: int | None,
        now: datetime,
        planned_for: RuleBook | None = None,
    ) -> int:
        """Switch a rule on and move groups, in one step."""
        async with self._changing() as connection:
            map_moves = await _open(connection, project_id, person_id, now)
            check_planned(await _book(connection, project_id), rule_id, planned_for)
            await _switch(connection, project_id, rule_id, is_on=True)
            return await map_moves.apply(moves, rule_id=rule_id)

    async def switch_off(
        self, project_id: ProjectId, rule_id: int, *, person_id: int | None, now: datetime
    ) -> int:
        """Switch a rule off and move back what it moved, in one step."""
        async with self._changing() as connection:
            map_moves = await _open(connection, project_id, person_id, now)
            await _find(connection, project_id, rule_id, is_active=True)
            await _switch(connection, project_id, rule_id, is_on=False)
            return await map_moves.put_back(rule_id)

    async def move(self, project_id: ProjectId, moves: Moves, *, person_id: int | None, now: datetime) -> int:
        """Move groups without a rule; return how many moved."""
        async with self._changing() as connection:
            map_moves = await _open(connection, project_id, person_id, now)
            return await map_moves.apply(moves, rule_id=None)

    async def homes(self, project_id: ProjectId, groups: Sequence[GroupId]) -> Mapping[GroupId, Home]:
        """Return where these groups are; those the map does not know are missing."""
        rows = await self._rows(_SQL["read_homes"], project=project_id, groups=list(groups))
        return {
            GroupId(bytes(group)): Home(pattern_id=PatternId(pattern), is_fixed=is_fixed)
            for group, pattern, is_fixed in rows
        }

    async def count_newest(self, project_id: ProjectId, *, limit: int) -> int:
        """Return how many errors ``newest`` would give."""
        rows = await self._rows(_SQL["count_newest"], project=project_id, limit=limit)
        return int(rows[0][0])

    async def newest(self, project_id: ProjectId, *, limit: int) -> AsyncGenerator[Sequence[KeptError], None]:
        """Yield the newest errors of a project; bodies are opened while the database gets the next ones."""
        codec = BodyCodec()
        for number, content in await self._rows(_SQL["read_dictionaries"], project=project_id):
            codec.register(project_id, number, bytes(content))
        async with (
            self._changing() as connection,
            connection.cursor(name="newest_errors", binary=True) as cursor,
        ):
            await cursor.execute(_SQL["read_newest"], {"project": project_id, "limit": limit})
            coming = asyncio.ensure_future(cursor.fetchmany(CHUNK))
            try:
                while rows := await coming:
                    coming = asyncio.ensure_future(cursor.fetchmany(CHUNK))
                    yield await asyncio.to_thread(_opened, codec, project_id, rows)
            finally:
                await asyncio.gather(coming, return_exceptions=True)

    async def add_preview(
        self, project_id: ProjectId, *, rule_id: int | None, total: int, now: datetime
    ) -> int:
        """Register a dry run and return its id; those older than a week are removed."""
        values = {"project": project_id, "now": now, "rule": rule_id, "total": total}
        async with self._changing() as connection:
            await connection.execute(_SQL["trim_previews"], values)
            row = await (await connection.execute(_SQL["add_preview"], values)).fetchone()
        return int(row[0]) if row else 0

    async def note_preview(
        self,
        project_id: ProjectId,
        preview_id: int,
        *,
        done: int,
        now: datetime,
        failure: str = "",
        result: Mapping[str, object] | None = None,
    ) -> None:
        """Keep how far a dry run is, or how it ended."""
        values = {"project": project_id, "id": preview_id, "done": done, "now": now, "failure": failure}
        async with self._changing() as connection:
            kept = None if result is None else Jsonb(dict(result))
            await connection.execute(_SQL["note_preview"], {**values, "result": kept})

    async def preview(self, project_id: ProjectId, preview_id: int) -> Preview:
        """Return a dry run."""
        rows = await self._rows(_SQL["read_preview"], project=project_id, id=preview_id)
        if not rows:
            message = f"There is no preview {preview_id}. They are kept for a week."
            raise NotFoundError(message)
        number, rule, created_at, updated_at, total, done, failure, result = rows[0]
        return Preview(
            id=number,
            rule_id=rule,
            created_at=created_at,
            updated_at=updated_at,
            total=total,
            done=done,
            failure=failure,
            result=result,
        )

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[Connection]:
        """Run one transaction."""
        try:
            async with self._pool.connection() as connection, connection.transaction():
                yield connection
        except psycopg.Error as error:
            raise translate(error) from error


async def _book(connection: Connection, project_id: ProjectId) -> RuleBook:
    values = {"project": project_id}
    version = await (await connection.execute(_SQL["read_version"], values)).fetchone()
    if version is None:
        message = f"There is no project {project_id}."
        raise NotFoundError(message)
    rows = await (await connection.execute(_SQL["read_rules"], values)).fetchall()
    return RuleBook(
        version=version[0],
        rules=tuple(
            StoredRule(
                rule=rule_from_json({"matchers": matchers, "action": action}, rule_id=number),
                note=note,
                is_active=is_active,
                created_at=created_at,
            )
            for number, _, matchers, action, note, is_active, created_at in rows
        ),
    )


async def _lock(connection: Connection, project_id: ProjectId) -> None:
    """Let others wait who change rules of this project."""
    row = await (await connection.execute(_SQL["lock_version"], {"project": project_id})).fetchone()
    if row is None:
        message = f"There is no project {project_id}."
        raise NotFoundError(message)


async def _open(
    connection: Connection, project_id: ProjectId, person_id: int | None, now: datetime
) -> MapMoves:
    """Hold the map of a project still, and its rules; return what moves groups in it."""
    moves = MapMoves(connection=connection, project=project_id, person=person_id, now=now)
    await moves.hold()
    await _lock(connection, project_id)
    return moves


async def _find(connection: Connection, project_id: ProjectId, rule_id: int, *, is_active: bool) -> None:
    find_rule((await _book(connection, project_id)).rules, rule_id, is_active=is_active)


async def _switch(connection: Connection, project_id: ProjectId, rule_id: int, *, is_on: bool) -> None:
    values = {"project": project_id, "id": rule_id, "is_on": is_on}
    await connection.execute(_SQL["switch_rule"], values)
    await connection.execute(_SQL["raise_version"], values)


def _opened(codec: BodyCodec, project_id: ProjectId, rows: Sequence[tuple[Any, ...]]) -> list[KeptError]:
    return [
        KeptError(
            group_id=GroupId(bytes(group)),
            occurrences=occurrences,
            body=codec.decompress(project_id, dictionary, bytes(body)),
            has_template=has_template,
        )
        for group, occurrences, dictionary, body, has_template in rows
    ]
