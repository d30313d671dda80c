"""Following the database: what a failure beside it means."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping, Sequence
from typing import Any

from error_manager.storage.base import IngestKey
from error_manager.storage.postgres.keys import KeyFeed


class Rows:
    """An answer without rows."""

    async def fetchall(self) -> list[tuple[Any, ...]]:
        """Return nothing."""
        return []


class Connection:
    """A database that always answers."""

    def __init__(self) -> None:
        self._ends = socket.socketpair()
        self.closed = False

    async def execute(self, _statement: str) -> Rows:
        """Return nothing."""
        return Rows()

    def fileno(self) -> int:
        """Return a handle that is never readable."""
        return self._ends[0].fileno()

    async def close(self) -> None:
        """Close the handles."""
        self.closed = True
        for end in self._ends:
            end.close()


async def test_an_inbox_that_cannot_be_cleaned_leaves_the_database_connected() -> None:
    """A failure of the disk drops no healthy connection; the keys go on being read over the same one."""
    made: list[Connection] = []
    reads = asyncio.Semaphore(0)

    async def connect() -> Any:
        made.append(Connection())
        return made[-1]

    async def take_keys(_keys: Sequence[IngestKey]) -> None:
        reads.release()

    async def take_cursors(_cursors: Mapping[int, int]) -> None:
        raise PermissionError("not ours")

    feed = KeyFeed(connect, take_keys=take_keys, take_cursors=take_cursors)
    following = asyncio.create_task(feed.run())
    async with asyncio.timeout(5):
        await reads.acquire()
        await asyncio.sleep(0.05)
        assert feed.is_connected is True
        await feed.ask()
        await reads.acquire()
    assert len(made) == 1
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    assert made[0].closed is True
