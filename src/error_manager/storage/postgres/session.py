"""A worker's direct connection: leases on inbox slots, and live notices (seed box: Event Stream).

Leases only save double work: that two workers can never both commit the same records is the cursor's doing.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import psycopg
import structlog

from error_manager.core.types import ProjectId
from error_manager.storage.base import CommitResult, PatternChange
from error_manager.storage.postgres.connection import translate

LIVE_CHANNEL: Final = "em_live"
_LEASE_NAMESPACE: Final = 7305487
MINING: Final = -2
"""What the one worker leases that mines templates; slots are numbers from 0."""
TRAINING: Final = -3
"""What a worker leases while it trains a dictionary."""
_MAX_PATTERNS_PER_NOTICE: Final = 150  # a payload may have 8,000 bytes; one entry takes at most 40
_log = structlog.get_logger()

Connect = Callable[[], Awaitable[psycopg.AsyncConnection[Any]]]


class WorkerSession:
    """Slot leases (advisory locks) and ``Publisher``, over one connection, opened again when it broke."""

    def __init__(self, connect: Connect) -> None:
        """Keep how to connect (autocommit on, not through a pooler)."""
        self._connect = connect
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._held: set[int] = set()
        self._opening = asyncio.Lock()

    async def close(self) -> None:
        """Give up all leases."""
        self._held.clear()
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def lease(self, slot: int) -> bool:
        """Return whether this worker holds the slot, trying to get it if not.

        Raises:
            StorageUnavailableError: the database is away; all leases are lost.
        """
        if slot in self._held and self._connection is not None and not self._connection.closed:
            return True
        try:
            rows = await self._execute("SELECT pg_try_advisory_lock(%s, %s)", (_LEASE_NAMESPACE, slot))
        except psycopg.Error as error:
            await self.close()
            raise translate(error) from error
        if rows[0][0]:
            self._held.add(slot)
        return bool(rows[0][0])

    async def release(self, slot: int) -> None:
        """Let another worker have the slot.

        Raises:
            StorageUnavailableError: the database is away; all leases are lost.
        """
        self._held.discard(slot)
        try:
            await self._execute("SELECT pg_advisory_unlock(%s, %s)", (_LEASE_NAMESPACE, slot))
        except psycopg.Error as error:
            await self.close()
            raise translate(error) from error

    async def publish(self, result: CommitResult) -> None:
        """Notify ``em_live`` of each project's change; a failure is logged: pages catch up by themselves."""
        try:
            for payload in notices(result):
                await self._execute("SELECT pg_notify(%s, %s)", (LIVE_CHANNEL, payload))
        except psycopg.Error as error:
            await self.close()
            _log.warning("notice_failed", detail=str(error))

    async def _execute(self, statement: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        async with self._opening:
            connection = self._connection
            if connection is None or connection.closed:
                self._held.clear()
                connection = self._connection = await self._connect()
        cursor = await connection.execute(statement, values)
        return await cursor.fetchall()


def notices(result: CommitResult) -> tuple[str, ...]:
    """Return the JSON payloads that tell of a commit: one per project, more if very many patterns changed."""
    changes: dict[ProjectId, list[PatternChange]] = {}
    for change in result.patterns:
        changes.setdefault(change.project_id, []).append(change)
    first = dict(result.first_errors)
    payloads = []
    for project, changed in changes.items():
        for start in range(0, len(changed), _MAX_PATTERNS_PER_NOTICE):
            some = changed[start : start + _MAX_PATTERNS_PER_NOTICE]
            payloads.append(
                json.dumps(
                    {
                        "project": project,
                        "accepted": sum(change.count for change in some),
                        "patterns": [[c.pattern_id, c.count, c.is_new, c.is_regression] for c in some],
                        "first_error": str(first[project]) if project in first else None,
                    },
                    separators=(",", ":"),
                )
            )
    return tuple(payloads)
