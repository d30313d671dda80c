"""One connection with one transaction at a time, opened again when it broke (seed box: Persistence Layer)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import sql

from error_manager.storage.postgres.connection import translate

Connect = Callable[[], Awaitable[psycopg.AsyncConnection[Any]]]


class OneConnection:
    """What stores of a worker share: named statements in transactions on a connection of their own."""

    def __init__(self, connect: Connect, statements: Mapping[str, sql.SQL | sql.Composed]) -> None:
        """Keep how to connect (autocommit off) and the statements."""
        self._connect = connect
        self._statements = statements
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._turn = asyncio.Lock()

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    def _forget(self) -> None:
        """Forget what a transaction that was rolled back has taught."""

    async def _opened(self) -> psycopg.AsyncConnection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = await self._connect()
        return self._connection

    async def _cursor(self) -> psycopg.AsyncCursor[Any]:
        return (await self._opened()).cursor()

    async def _rows(self, statement: str, /, **values: object) -> list[tuple[Any, ...]]:
        cursor = await self._cursor()
        await cursor.execute(self._statements[statement], values)
        return await cursor.fetchall()

    async def _run(self, statement: str, /, **values: object) -> int:
        cursor = await self._cursor()
        await cursor.execute(self._statements[statement], values)
        return cursor.rowcount

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[None]:
        """Run one transaction at a time, committed at the end of the context or rolled back.

        While one batch is stored the next is prepared, which may need the projects: on this connection, but
        never inside of somebody else's transaction.
        """
        async with self._turn:
            try:
                yield
                if self._connection is not None:
                    await self._connection.commit()
            except psycopg.Error as error:
                await self._roll_back()
                raise translate(error) from error
            except BaseException:  # stale cursor, no such letter, cancelled: nothing half done stays open
                await self._roll_back()
                raise

    async def _roll_back(self) -> None:
        self._forget()
        if self._connection is None:
            return
        try:
            await self._connection.rollback()
        except psycopg.Error:  # the connection is gone; the server has rolled back
            await self.close()
