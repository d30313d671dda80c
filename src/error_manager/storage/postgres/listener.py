"""Hears what other processes notify, on a direct connection (seed box: Event Stream)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import psycopg
from psycopg import sql

from error_manager.storage.postgres.connection import translate

Connect = Callable[[], Awaitable[psycopg.AsyncConnection[Any]]]


class PostgresListener:
    """LISTENs to one channel; each ``payloads`` opens a connection (autocommit, not through a pooler)."""

    def __init__(self, connect: Connect, *, channel: str) -> None:
        """Keep how to connect and the channel."""
        self._connect = connect
        self._channel = channel

    async def payloads(self) -> AsyncGenerator[str, None]:
        """Yield "" once it listens, then each payload, until the connection breaks.

        Raises:
            StorageUnavailableError: the connection broke or could not be made; call again.
        """
        try:
            connection = await self._connect()
            async with connection:
                await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._channel)))
                yield ""
                async for notice in connection.notifies():
                    yield notice.payload
        except psycopg.Error as error:
            raise translate(error) from error
