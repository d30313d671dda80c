"""The hub hands what it hears to the pages that show it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator

from error_manager.core.errors import StorageUnavailableError
from error_manager.core.types import ProjectId
from error_manager.flows.live import LiveHub
from error_manager.monitoring.dashboard import StatusLine

LINE = StatusLine(received=1, stored=1, duplicates=0, refused=0, waiting=0, unexplained=0, is_healthy=True)


def payload(project: int) -> str:
    """Return a notice of one error."""
    return json.dumps({"project": project, "accepted": 1, "patterns": [[project, 1, True, False]]})


async def line(project_ids: tuple[ProjectId, ...]) -> StatusLine:
    """Return always the same line."""
    return LINE


async def test_a_page_hears_of_its_projects_only() -> None:
    """Others' notices do not reach it; without a choice all do."""
    queue: asyncio.Queue[str] = asyncio.Queue()

    async def payloads() -> AsyncGenerator[str, None]:
        while True:
            yield await queue.get()

    hub = LiveHub(payloads=payloads)
    task = asyncio.create_task(hub.run(line))
    async with hub.subscribe((ProjectId(1),)) as one, hub.subscribe(()) as everything:
        queue.put_nowait(payload(2))
        queue.put_nowait(payload(1))
        queue.put_nowait("nonsense")
        await asyncio.wait_for(one.is_due.wait(), 2)
        assert list(one.pending.patterns) == [1]
        assert list(everything.pending.patterns) == [2, 1]
    task.cancel()


async def test_closing_ends_every_stream() -> None:
    """A stop does not wait for browsers."""

    async def payloads() -> AsyncGenerator[str, None]:
        yield ""

    hub = LiveHub(payloads=payloads)
    events = hub.events(())
    assert (await anext(events)).startswith(b":")
    rest = asyncio.ensure_future(anext(events, None))
    await asyncio.sleep(0)
    hub.close()
    assert await asyncio.wait_for(rest, 2) is None


async def test_a_broken_connection_is_made_again_and_pages_load_anew(monkeypatch) -> None:
    """What was missed meanwhile is not guessed."""
    monkeypatch.setattr("error_manager.flows.live._RETRY_S", 0.01)
    calls = 0

    async def payloads() -> AsyncGenerator[str, None]:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise StorageUnavailableError
        yield ""
        yield payload(1)
        await asyncio.sleep(60)

    hub = LiveHub(payloads=payloads)
    async with hub.subscribe(()) as page:
        task = asyncio.create_task(hub.run(line))
        await asyncio.wait_for(page.is_due.wait(), 2)
        message = page.pending.take()
        assert (message["resync"], message["accepted"]) == (True, 1)
        task.cancel()
