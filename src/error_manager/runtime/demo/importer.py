"""Stores the demo's errors in two processes; stands in for clients (seed box: none)."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from multiprocessing.connection import Connection, wait
from typing import Final

from error_manager.core.errors import StorageUnavailableError
from error_manager.core.types import ProjectId
from error_manager.flows.processing import import_records
from error_manager.runtime.collector import Collector
from error_manager.runtime.demo.bodies import BodyMaker
from error_manager.runtime.demo.faults import SERVICES
from error_manager.runtime.demo.order import Numbered
from error_manager.runtime.settings import Settings
from error_manager.runtime.wiring.worker import build
from error_manager.storage.base import InboxRecord, RecordKind

PROCESSES: Final = 2
BATCH: Final = 500
_FIRST_SHARD: Final = 1000  # away from the shards of workers
_PATIENCE_S: Final = 60.0
_RETRY_S: Final = 0.5
_LOST: Final = "The database went away while the demo was written. Run it again: it goes on where it stopped."

Batches = Sequence[Sequence[Numbered]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What all processes of an import share; ``name`` tells the ids of one demo from those of another."""

    settings: Settings
    projects: Mapping[str, ProjectId]
    start: datetime
    seed: int
    name: str

    @property
    def maker(self) -> BodyMaker:
        """Return what makes the errors."""
        return BodyMaker(self.start, seed=self.seed, name=self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What a process tells: errors it has stored since the last word, and whether the database is away."""

    stored: int = 0
    is_away: bool = False


def store(plan: Plan, parts: Sequence[Batches]) -> Iterator[Progress]:
    """Store the errors, each part by a process of its own and in its order; yield what they tell.

    Raises:
        StorageUnavailableError: the database was away for a minute, or a process of ours died.
    """
    context = multiprocessing.get_context("spawn")
    workers = []
    open_ends: list[Connection] = []
    # Pipes, not a queue: its semaphores are reported as leaked when we are interrupted, and the end of a pipe
    # says at once that a process is gone.
    try:
        for index, batches in enumerate(parts):
            ours, theirs = context.Pipe(duplex=False)
            worker = context.Process(target=_work, args=(plan, batches, index, theirs), daemon=True)
            worker.start()
            theirs.close()
            workers.append(worker)
            open_ends.append(ours)
        left = sum(len(batches) for batches in parts)
        while open_ends:
            ready = wait(open_ends)
            for end in [each for each in open_ends if each in ready]:
                try:
                    told: Progress = end.recv()
                except EOFError:
                    open_ends.remove(end)
                    continue
                left -= bool(told.stored)
                yield told
        if left:
            raise StorageUnavailableError(_LOST)
    finally:
        for worker in workers:
            worker.terminate()
            worker.join()


def _work(plan: Plan, batches: Batches, index: int, told: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches us, too; our parent ends us
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        asyncio.run(_store(plan, batches, index, told))
    except (StorageUnavailableError, BrokenPipeError):
        return  # the pipe ends before its time: our parent says so, or is gone itself


async def _store(plan: Plan, batches: Batches, index: int, told: Connection) -> None:
    maker = plan.maker
    worker = build(plan.settings, index=_FIRST_SHARD + index)
    collector = Collector(time.monotonic)
    try:
        await _patiently(lambda: worker.dictionaries.load(worker.store), told)
        for batch in batches:
            records = list(_records(maker, batch, plan.projects))
            await _patiently(partial(import_records, worker.services, records), told)
            await _patiently(lambda: worker.dictionaries.train(worker.store), told)
            collector.collect()
            told.send(Progress(stored=len(batch)))
    finally:
        await worker.close()


async def _patiently(step: Callable[[], Awaitable[object]], told: Connection) -> None:
    """Take a step; while the database is away tell so and try again, up to a minute."""
    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            await step()
        except StorageUnavailableError:
            if time.monotonic() >= until:
                raise
            told.send(Progress(is_away=True))
            await asyncio.sleep(_RETRY_S)
        else:
            return


def _records(
    maker: BodyMaker, batch: Sequence[Numbered], projects: Mapping[str, ProjectId]
) -> Iterator[InboxRecord]:
    for index, moment in batch:
        event_id, body = maker.body(moment, index)
        yield InboxRecord(
            kind=RecordKind.NATIVE,
            project_id=projects[SERVICES[moment.fault.service].slug],
            received_at=moment.at,
            body=body,
            event_id=event_id,
        )
