"""The worker process: drains the inbox into the database (seed box: Worker).

Loop: for each slot that this worker can lease, process batch after batch until the slot is empty; then rest
a few milliseconds. Each slot has a worker of its own (its number modulo their number), which keeps it;
another one drains it only while that one is not there. When the database is away it waits and tries again;
nothing is lost, the inbox keeps what was accepted.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from error_manager.core.errors import InboxCorruptError, StaleCursorError, StorageError
from error_manager.flows.processing import process_slot
from error_manager.runtime.collector import Collector
from error_manager.runtime.memory import give_back_memory
from error_manager.runtime.process import run_until_told
from error_manager.runtime.settings import Settings
from error_manager.runtime.wiring.worker import Worker, build
from error_manager.storage.base import Cursor
from error_manager.storage.postgres.session import MINING, TRAINING
from error_manager.storage.rollup import MINUTES_KEPT

_IDLE_S: Final = 0.02
_OTHERS_S: Final = 1.0  # how often a worker looks whether a slot of another one is left alone
_SWITCH_S: Final = 0.0005  # the loop waits for the preparing thread at each answer of the database: not 5 ms
_BATCHES: Final = 8  # of a slot in a row; then the other slots, and the housekeeping, have their turn
_RETRY_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
_HOUSE_EVERY_S: Final = 3600.0
_HOUSE_RETRY_S: Final = 60.0
_HOUSE_LOOK_S: Final = 0.2  # a second under load is 1,000 errors without the dictionary of their project
_TEMPLATES_LOOK_S: Final = 0.1
_TEMPLATES_LOOKS: Final = 10  # after so many, templates are read and mined; at once after many unmatched
_MANY_UNMATCHED: Final = 1_000
_log = structlog.get_logger()


def main(settings: Settings, *, index: int, pipe_fd: int | None) -> int:
    """Run one worker until it is told to stop or its supervisor is gone; return the exit code."""
    return run_until_told(lambda stop: run(settings, index=index, stop=stop), pipe_fd=pipe_fd)


async def run(settings: Settings, *, index: int, stop: asyncio.Event) -> None:
    """Process until ``stop`` is set; the batch at hand is finished first."""
    sys.setswitchinterval(_SWITCH_S)
    worker = build(settings, index=index)
    drain = Drain(
        worker=worker,
        batch_size=settings.worker.batch_size,
        index=index,
        processes=settings.worker.processes,
    )
    house = HouseKeeping(
        worker,
        retention=timedelta(days=settings.retention_days),
        findings=timedelta(days=settings.analysis.keep_days),
    )
    collector = Collector(time.monotonic)
    beside = (
        asyncio.create_task(house.run(stop), name="housekeeping"),
        asyncio.create_task(TemplateKeeping(worker).run(stop), name="templates"),
    )
    failures = 0
    is_busy = has_worked = False
    try:
        while not stop.is_set():
            for task in beside:
                if task.done():
                    task.result()  # ended by a fault of ours: so does the process, to be started anew
            try:
                if collector.collect() and has_worked and not is_busy:
                    give_back_memory()
                    has_worked = False
                is_busy = await drain.step(stop.is_set)
                has_worked |= is_busy
                failures = 0
            except StorageError as error:
                _log.warning("storage_unavailable", detail=str(error), failures=failures)
                drain.forget()
                await _rest(stop, _RETRY_S[min(failures, len(_RETRY_S) - 1)])
                failures += 1
                continue
            if not is_busy:
                await _rest(stop, _IDLE_S)
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        await worker.close()


async def _rest(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return


@dataclass(slots=True, kw_only=True)
class Drain:
    """Where a worker (``index`` of ``processes``) stands in each slot it holds."""

    worker: Worker
    batch_size: int
    index: int
    processes: int
    clock: Callable[[], float] = time.monotonic
    cursors: dict[int, Cursor] = field(default_factory=dict)
    look_at: float = float("-inf")

    async def step(self, is_stopping: Callable[[], bool]) -> bool:
        """Process some batches of each slot; return whether there was anything to do."""
        is_busy = False
        slots = self.worker.services.inbox.slots()
        for slot in slots:
            if self._is_own(slot) and await self.worker.session.lease(slot):
                is_busy |= await self._step(slot, is_stopping)
        if self.processes > 1 and self.clock() >= self.look_at:
            is_helping = False
            for slot in slots:
                if not self._is_own(slot) and await self.worker.session.lease(slot):
                    is_helping |= await self._step(slot, is_stopping)
                    self.cursors.pop(slot, None)
                    await self.worker.session.release(slot)
            is_busy |= is_helping
            self.look_at = self.clock() + (0.0 if is_helping else _OTHERS_S)
        return is_busy

    def _is_own(self, slot: int) -> bool:
        return slot % self.processes == self.index

    def forget(self) -> None:
        """Read every cursor again: the last transaction may or may not have been committed."""
        self.cursors.clear()

    async def _step(self, slot: int, is_stopping: Callable[[], bool]) -> bool:
        services = self.worker.services
        cursor = self.cursors.get(slot)
        if cursor is None:
            cursor = await services.store.cursor(slot)
        try:
            moved = await process_slot(
                services, slot, cursor, limit=self.batch_size, batches=_BATCHES, is_stopping=is_stopping
            )
        except StaleCursorError:
            self.cursors.pop(slot, None)
            return True
        except InboxCorruptError as error:
            _log.warning("inbox_unreadable", slot=slot, detail=str(error))
            self.cursors.pop(slot, None)
            return False
        self.cursors[slot] = moved or cursor
        return moved is not None


class HouseKeeping:
    """What is done now and then, beside the processing: partitions ahead, retention, dictionaries."""

    def __init__(
        self,
        worker: Worker,
        *,
        retention: timedelta,
        findings: timedelta,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep what to look after, and how long errors and findings are kept; the first ``keep`` does all."""
        self._worker = worker
        self._retention = retention
        self._findings = findings
        self._clock = clock
        self._due_at = float("-inf")

    async def run(self, stop: asyncio.Event) -> None:
        """Look often until ``stop`` is set; a failure is logged, tried again, and stops nothing."""
        while not stop.is_set():
            try:
                await self.keep()
            except StorageError as error:
                _log.warning("housekeeping_failed", detail=str(error))
                self._due_at = self._clock() + _HOUSE_RETRY_S
            await _rest(stop, _HOUSE_LOOK_S)

    async def keep(self) -> None:
        """Do what is due.

        Raises:
            StorageError: the database refused or is away.
        """
        now = self._clock()
        if now >= self._due_at:
            await self._worker.dictionaries.load(self._worker.store)
            await self._worker.store.keep_house(
                today=datetime.now(UTC).date(),
                retention=self._retention,
                minutes=MINUTES_KEPT,
                findings=self._findings,
            )
            self._due_at = now + _HOUSE_EVERY_S
        if self._worker.dictionaries.is_ready:
            await self._train()

    async def _train(self) -> None:
        """Train a dictionary, unless another worker has done so or is about to."""
        worker = self._worker
        await worker.dictionaries.load(worker.store)
        if worker.dictionaries.is_ready and await worker.session.lease(TRAINING):
            try:
                await worker.dictionaries.train(worker.store)
            finally:
                await worker.session.release(TRAINING)


class TemplateKeeping:
    """Beside the processing: load published templates each second, and mine new ones if elected."""

    def __init__(self, worker: Worker) -> None:
        """Keep the worker; it is elected when it gets the lease, and for as long as it is there."""
        self._worker = worker

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until ``stop`` is set; a failure is logged, tried again, and stops nothing."""
        while not stop.is_set():
            try:
                await self.keep()
            except StorageError as error:
                _log.warning("mining_failed", detail=str(error))
            for _ in range(_TEMPLATES_LOOKS):
                await _rest(stop, _TEMPLATES_LOOK_S)
                if stop.is_set() or self._worker.templates.unmatched >= _MANY_UNMATCHED:
                    break

    async def keep(self) -> None:
        """Mine what is new if this worker is the elected one; load what was published.

        Raises:
            StorageError: the database refused or is away.
        """
        if await self._worker.session.lease(MINING):
            await self._worker.mining.round()
        await self._worker.templates.refresh()
