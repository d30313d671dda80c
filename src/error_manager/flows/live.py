"""From the worker's notice to every open page (seed box: Real-time Monitoring Flow, "Refresh Dashboard").

Each ``serve`` process listens once and hands what it hears to its browsers. A browser that reads slowly gets
sums, not a growing queue; one that misses too much is told to load its list again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import structlog

from error_manager.core.errors import StorageError
from error_manager.core.types import ProjectId
from error_manager.monitoring.dashboard import StatusLine
from error_manager.monitoring.stream import KEEP_ALIVE, Pending, encode_message, parse_notice

KEEP_ALIVE_S: Final = 15.0
LEDGER_EVERY_S: Final = 2.0
GATHER_S: Final = 0.1
"""Notices of this long go out together: at 50 commits a second a page draws ten times, not fifty."""
_RETRY_S: Final = 1.0
_log = structlog.get_logger()

Projects = tuple[ProjectId, ...]


@dataclass(eq=False, slots=True)
class Subscriber:
    """One open page: the projects it shows (empty = all) and what it was not told yet."""

    project_ids: Projects
    pending: Pending = field(default_factory=Pending)
    is_due: asyncio.Event = field(default_factory=asyncio.Event)
    last_line: StatusLine | None = None


class LiveHub:
    """Hears notices and spreads them. ``run`` is the one task behind it; ``close`` ends every open stream."""

    def __init__(self, *, payloads: Callable[[], AsyncGenerator[str, None]]) -> None:
        """Keep how to hear notices (``PostgresListener.payloads``)."""
        self._payloads = payloads
        self._subscribers: set[Subscriber] = set()
        self._is_closed = False

    async def run(self, foot_line: Callable[[Projects], Awaitable[StatusLine]]) -> None:
        """Listen, and read the foot line every two seconds while anyone watches; until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            group.create_task(self._watch_ledger(foot_line))

    def close(self) -> None:
        """End every open stream; new ones end at once."""
        self._is_closed = True
        for subscriber in self._subscribers:
            subscriber.is_due.set()

    @asynccontextmanager
    async def subscribe(self, project_ids: Projects) -> AsyncIterator[Subscriber]:
        """Take part for as long as the context is open."""
        subscriber = Subscriber(project_ids=project_ids)
        self._subscribers.add(subscriber)
        try:
            yield subscriber
        finally:
            self._subscribers.discard(subscriber)

    async def events(self, project_ids: Projects) -> AsyncIterator[bytes]:
        """Yield server-sent events for one page, with a keep-alive every 15 s, until the hub closes."""
        yield KEEP_ALIVE
        async with self.subscribe(project_ids) as subscriber:
            while not self._is_closed:
                try:
                    await asyncio.wait_for(subscriber.is_due.wait(), KEEP_ALIVE_S)
                except TimeoutError:
                    yield KEEP_ALIVE
                    continue
                subscriber.is_due.clear()
                if message := subscriber.pending.take():
                    yield encode_message(message)
                    await asyncio.sleep(GATHER_S)

    async def _listen(self) -> None:
        while True:
            try:
                async with aclosing(self._payloads()) as payloads:
                    async for payload in payloads:
                        self._spread(payload)
            except StorageError as error:
                _log.warning("live_interrupted", detail=str(error))
            for subscriber in self._subscribers:
                subscriber.pending.is_overrun = True
            await asyncio.sleep(_RETRY_S)

    def _spread(self, payload: str) -> None:
        notice = parse_notice(payload) if payload else None
        if notice is None:
            return
        for subscriber in self._subscribers:
            if not subscriber.project_ids or notice.project_id in subscriber.project_ids:
                subscriber.pending.add(notice)
                subscriber.is_due.set()

    async def _watch_ledger(self, foot_line: Callable[[Projects], Awaitable[StatusLine]]) -> None:
        while True:
            await asyncio.sleep(LEDGER_EVERY_S)
            for project_ids in {subscriber.project_ids for subscriber in self._subscribers}:
                try:
                    line = await foot_line(project_ids)
                except StorageError:
                    continue
                self._tell(project_ids, line)

    def _tell(self, project_ids: Projects, line: StatusLine) -> None:
        for subscriber in self._subscribers:
            if subscriber.project_ids == project_ids and subscriber.last_line != line:
                subscriber.last_line = line
                subscriber.pending.line = line
                subscriber.is_due.set()
