"""Follows keys, quotas and inbox cursors for an accepting process (seed box: PostgreSQL Adapter)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import psycopg
import structlog

from error_manager.core.errors import StorageError
from error_manager.core.types import ProjectId
from error_manager.storage.base import IngestKey, Quota

_INTERVAL_S: Final = 1.0
_MIN_GAP_S: Final = (
    0.1  # unknown keys ask for a refresh; more than ten per second would be a way to load the database
)
_ASK_TIMEOUT_S: Final = 1.0
_KEYS: Final = """
    SELECT k.id, k.key, k.project_id, k.label, k.is_active, k.quota_limit, k.quota_window_s,
           p.quota_limit, p.quota_window_s
    FROM ingest_keys k JOIN projects p ON p.id = k.project_id ORDER BY k.id
"""
_CURSORS: Final = "SELECT slot, seq FROM inbox_cursors"
_log = structlog.get_logger()

Connect = Callable[[], Awaitable[psycopg.AsyncConnection[Any]]]
TakeKeys = Callable[[Sequence[IngestKey]], Awaitable[None]]
TakeCursors = Callable[[Mapping[int, int]], Awaitable[None]]


class KeyFeed:
    """One direct autocommit connection that reads each second, and at once when ``em_keys`` is notified."""

    def __init__(self, connect: Connect, *, take_keys: TakeKeys, take_cursors: TakeCursors) -> None:
        """Keep how to connect and whom to tell: keys, and the first segment of each slot still needed."""
        self._connect = connect
        self._take_keys = take_keys
        self._take_cursors = take_cursors
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._wake = asyncio.Event()
        self._next: asyncio.Future[None] | None = None
        self._is_cleaning = True
        self.is_connected = False
        """Whether the last attempt reached the database."""

    async def run(self) -> None:
        """Follow until cancelled; the database may come and go."""
        try:
            while True:
                started = time.monotonic()
                await self._refresh()
                await asyncio.sleep(_MIN_GAP_S)
                await self._rest(started + _INTERVAL_S - time.monotonic())
        finally:
            await self._drop()

    async def ask(self) -> None:
        """Return after the keys were read again, or after a second, or at once while the database is away."""
        if not self.is_connected:
            return
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
            self._wake.set()
        try:
            await asyncio.wait_for(asyncio.shield(self._next), _ASK_TIMEOUT_S)
        except TimeoutError:
            return

    async def _refresh(self) -> None:
        waiting, self._next = self._next, None
        self._wake.clear()
        try:
            await asyncio.wait_for(self._read(), _INTERVAL_S * 5)
            if not self.is_connected:
                _log.info("database_reached")
            self.is_connected = True
        except (psycopg.Error, StorageError, OSError, TimeoutError) as error:
            if self.is_connected:
                _log.warning("database_away", detail=str(error))
            self.is_connected = False
            await self._drop()
        finally:
            if waiting is not None and not waiting.done():
                waiting.set_result(None)

    async def _read(self) -> None:
        connection = self._connection
        if connection is None or connection.closed:
            connection = self._connection = await self._connect()
            await connection.execute("LISTEN em_keys")
        keys = await (await connection.execute(_KEYS)).fetchall()
        await self._take_keys([_ingest_key(row) for row in keys])
        cursors = await (await connection.execute(_CURSORS)).fetchall()
        await self._pass_on(dict(cursors))

    async def _pass_on(self, cursors: Mapping[int, int]) -> None:
        """Tell the cursors; when the inbox cannot be cleaned, that says nothing about the database."""
        try:
            await self._take_cursors(cursors)
        except OSError as error:
            if self._is_cleaning:
                _log.warning("inbox_not_cleaned", detail=str(error))
            self._is_cleaning = False
        else:
            self._is_cleaning = True

    async def _rest(self, seconds: float) -> None:
        """Wait for the interval, a question, or a notice (which makes the socket readable)."""
        loop = asyncio.get_running_loop()
        connection = self._connection
        if connection is not None and not connection.closed:
            loop.add_reader(connection.fileno(), self._wake.set)
        try:
            await asyncio.wait_for(self._wake.wait(), max(0.0, seconds))
        except TimeoutError:
            return
        finally:
            if connection is not None and not connection.closed:
                loop.remove_reader(connection.fileno())

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


def _ingest_key(row: tuple[Any, ...]) -> IngestKey:
    number, key, project, label, is_active, limit, window, project_limit, project_window = row
    return IngestKey(
        id=number,
        key=key,
        project_id=ProjectId(project),
        label=label,
        is_active=is_active,
        quota=_quota(limit, window),
        project_quota=_quota(project_limit, project_window),
    )


def _quota(limit: int | None, window_s: int) -> Quota | None:
    return None if limit is None else Quota(limit=limit, window=timedelta(seconds=window_s))
