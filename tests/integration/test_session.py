"""Leases on slots of the inbox between two workers, on a real database."""

from __future__ import annotations

import anyio
import psycopg

from error_manager.storage.postgres.session import WorkerSession


async def test_a_slot_has_one_holder_until_it_is_released(database) -> None:
    """The second worker gets it when the first lets go, or is gone."""

    async def connect():
        return await psycopg.AsyncConnection.connect(database.url, autocommit=True)

    first, second = WorkerSession(connect), WorkerSession(connect)
    try:
        assert await first.lease(7)
        assert await first.lease(7)
        assert not await second.lease(7)
        await first.release(7)
        assert await second.lease(7)
        assert not await first.lease(7)
        await second.close()
        with anyio.fail_after(30):  # the server frees the lock when it notices that the connection is gone
            while not await first.lease(7):  # noqa: ASYNC110  # the database sends no event for it
                await anyio.sleep(0.02)
    finally:
        await first.close()
        await second.close()
