"""Stores the demo's errors in two processes, in order of time; stands in for clients (seed box: none)."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.queues import Queue
from queue import Empty
from typing import Final

from error_manager.core.errors import StorageUnavailableError
from error_manager.core.types import ProjectId
from error_manager.flows.processing import import_records
from error_manager.runtime.collector import Collector
from error_manager.runtime.demo.bodies import BodyMaker
from error_manager.runtime.demo.faults import SERVICES
from error_manager.runtime.demo.schedule import Moment
from error_manager.runtime.settings import Settings
from error_manager.runtime.wiring.worker import Worker, build
from error_manager.storage.base import InboxRecord, RecordKind

_BATCH: Final = 500
_PROCESSES: Final = 2
_FIRST_SHARD: Final = 1000  # away from the shards of workers
_PATIENCE: Final = 20
_RETRY_S: Final = 0.5
_AWAY: Final = "The database went away while the demo was written. Run it again: it goes on where it stopped."

Numbered = tuple[int, Moment]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What all processes of an import share."""

    settings: Settings
    projects: Mapping[str, ProjectId]
    start: datetime
    seed: int


def store(plan: Plan, moments: Sequence[Numbered]) -> Iterator[int]:
    """Store the errors of the moments; yield the number stored after each batch.

    Raises:
        StorageUnavailableError: the database is away for ten seconds, or a process of ours died.
    """
    context = multiprocessing.get_context("spawn")
    done: Queue[int] = context.Queue()
    batches = [moments[first : first + _BATCH] for first in range(0, len(moments), _BATCH)]
    workers = [
        context.Process(target=_work, args=(plan, batches[index::_PROCESSES], index, done), daemon=True)
        for index in range(_PROCESSES)
    ]
    for worker in workers:
        worker.start()
    left = len(batches)
    try:
        while left:
            try:
                yield done.get(timeout=1.0)
                left -= 1
            except Empty:
                if any(worker.exitcode for worker in workers):
                    raise StorageUnavailableError(_AWAY) from None
    finally:
        for worker in workers:
            worker.join(timeout=None if not left else 0)
            worker.terminate()


def _work(plan: Plan, batches: Sequence[Sequence[Numbered]], index: int, done: Queue[int]) -> None:
    asyncio.run(_store(plan, batches, index, done))


async def _store(plan: Plan, batches: Sequence[Sequence[Numbered]], index: int, done: Queue[int]) -> None:
    maker = BodyMaker(plan.start, seed=plan.seed)
    worker = build(plan.settings, index=_FIRST_SHARD + index)
    await worker.dictionaries.load(worker.store)
    collector = Collector(time.monotonic)
    try:
        for batch in batches:
            await _import(worker, list(_records(maker, batch, plan.projects)))
            await worker.dictionaries.train(worker.store)
            collector.collect()
            done.put(len(batch))
    finally:
        await worker.close()


async def _import(worker: Worker, records: Sequence[InboxRecord]) -> None:
    for attempt in range(1, _PATIENCE + 1):
        try:
            await import_records(worker.services, records)
        except StorageUnavailableError:
            if attempt == _PATIENCE:
                raise
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
