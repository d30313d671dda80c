"""The worker's loop goes on whatever its housekeeping meets, and stops when it is told to."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from types import SimpleNamespace

import pytest

from error_manager.core.errors import StorageUnavailableError
from error_manager.runtime import worker as worker_module
from error_manager.runtime.worker import Drain, HouseKeeping, TemplateKeeping


class _Store:
    """Counts calls; refuses as long as told."""

    def __init__(self, refusals=0):
        self.refusals = refusals
        self.kept = 0

    async def keep_house(self, *, today, retention, minutes, findings):
        self.kept += 1
        if self.kept <= self.refusals:
            raise StorageUnavailableError


class _Dictionaries:
    """A project whose samples suffice, until they are trained or another worker's dictionary is loaded."""

    def __init__(self, *, is_ready=False, comes_at=0):
        self.is_ready = is_ready
        self.trained = self.loads = 0
        self._comes_at = comes_at

    async def load(self, store):
        self.loads += 1
        self.is_ready &= self.loads != self._comes_at

    async def train(self, store):
        self.trained += 1
        self.is_ready = False
        return True


class _Lease:
    """Leases, or somebody else has them."""

    def __init__(self, *, is_free=True):
        self.is_free = is_free
        self.held = []

    async def lease(self, slot):
        if self.is_free:
            self.held.append(slot)
        return self.is_free

    async def release(self, slot):
        self.held.remove(slot)


def _house(store, now, *, dictionaries=None, session=None):
    worker = SimpleNamespace(
        store=store, dictionaries=dictionaries or _Dictionaries(), session=session or _Lease()
    )
    return HouseKeeping(
        worker, retention=timedelta(days=30), findings=timedelta(days=400), clock=lambda: now[0]
    )


async def test_the_house_is_kept_once_an_hour():
    """Partitions and retention are not looked at each second."""
    store, now = _Store(), [0.0]
    house = _house(store, now)
    for now[0] in (0.0, 1.0, 3599.0, 3600.0):
        await house.keep()
    assert (store.kept, house._worker.dictionaries.trained) == (2, 0)


@pytest.mark.parametrize(
    ("is_free", "comes_at", "trained", "loads"),
    [(True, 0, 1, 2), (False, 0, 0, 4), (True, 2, 0, 2), (False, 3, 0, 3)],
)
async def test_one_worker_trains_and_the_others_load(is_free, comes_at, trained, loads):
    """Who has the lease trains once; who has it not looks each second for the dictionary of who has."""
    now, session = [0.0], _Lease(is_free=is_free)
    dictionaries = _Dictionaries(is_ready=True, comes_at=comes_at)
    house = _house(_Store(), now, dictionaries=dictionaries, session=session)
    for now[0] in (0.0, 1.0, 2.0):
        await house.keep()
    assert (dictionaries.trained, dictionaries.loads) == (trained, loads)
    assert session.held == []


async def test_a_refusal_is_tried_again_after_a_minute_and_ends_nothing(monkeypatch):
    """The task lives on while the database refuses, and succeeds later."""
    monkeypatch.setattr(worker_module, "_HOUSE_LOOK_S", 0.001)
    store, now = _Store(refusals=2), [0.0]
    house, stop = _house(store, now), asyncio.Event()
    task = asyncio.create_task(house.run(stop))
    while store.kept < 3:
        await asyncio.sleep(0.005)
        assert not task.done()
        now[0] += 30.0
    stop.set()
    await task
    assert store.kept == 3


async def test_an_unexpected_fault_ends_the_task_loudly():
    """What is no refusal of the database is not swallowed."""
    house = _house(SimpleNamespace(), [0.0])
    with pytest.raises(AttributeError):
        await house.run(asyncio.Event())


class _Session:
    """Leases slots from a pool that several workers share."""

    def __init__(self, held):
        self.held = held

    async def lease(self, slot):
        return self.held.setdefault(slot, self) is self

    async def release(self, slot):
        del self.held[slot]


def _drain(monkeypatch, held, *, index, processes, slots=(0, 1), busy=()):
    drain = Drain(
        worker=SimpleNamespace(
            session=_Session(held),
            services=SimpleNamespace(inbox=SimpleNamespace(slots=lambda: slots)),
        ),
        batch_size=10,
        index=index,
        processes=processes,
        clock=lambda: 0.0,
    )
    stepped = []

    async def step(slot, is_stopping):
        stepped.append(slot)
        return slot in busy

    monkeypatch.setattr(Drain, "_step", lambda self, slot, is_stopping: step(slot, is_stopping))
    return drain, stepped


async def test_a_worker_keeps_its_own_slots_and_lends_itself_to_others(monkeypatch):
    """Slot 1 belongs to worker 1: worker 0 drains it while nobody does, then lets go of it."""
    held = {}
    drain, stepped = _drain(monkeypatch, held, index=0, processes=2, slots=(0, 1, 2), busy=(1,))
    assert await drain.step(lambda: False)
    assert (stepped, sorted(held)) == ([0, 2, 1], [0, 2])


async def test_a_slot_that_its_worker_holds_is_left_alone(monkeypatch):
    """Two workers at work never take from each other."""
    held = {1: object()}
    drain, stepped = _drain(monkeypatch, held, index=0, processes=2)
    assert not await drain.step(lambda: False)
    assert stepped == [0]


async def test_others_are_looked_at_again_at_once_only_while_there_is_work(monkeypatch):
    """An idle slot of another worker costs two statements a second, not a hundred."""
    drain, stepped = _drain(monkeypatch, {}, index=0, processes=2)
    await drain.step(lambda: False)
    await drain.step(lambda: False)
    assert stepped == [0, 1, 0]
    busy, stepped = _drain(monkeypatch, {}, index=0, processes=2, busy=(1,))
    await busy.step(lambda: False)
    await busy.step(lambda: False)
    assert stepped == [0, 1, 0, 1]


async def test_a_lone_worker_owns_every_slot(monkeypatch):
    """Slots of former processes included."""
    held = {}
    drain, stepped = _drain(monkeypatch, held, index=0, processes=1, slots=(0, 1, 7))
    await drain.step(lambda: False)
    assert (stepped, sorted(held)) == ([0, 1, 7], [0, 1, 7])


class _Templates:
    """Counts how often templates are loaded and mined; refuses the first time if told."""

    def __init__(self, *, refuses=False):
        self.refuses = refuses
        self.unmatched = 0
        self.refreshed = self.rounds = 0

    async def refresh(self):
        self.refreshed += 1

    async def round(self):
        self.rounds += 1
        if self.refuses and self.rounds == 1:
            raise StorageUnavailableError


async def test_one_worker_mines_and_all_load():
    """Who does not have the lease only loads."""
    held = {}
    kept = []
    for _ in range(2):
        templates = _Templates()
        worker = SimpleNamespace(session=_Session(held), mining=templates, templates=templates)
        await TemplateKeeping(worker).keep()
        kept.append((templates.rounds, templates.refreshed))
    assert kept == [(1, 1), (0, 1)]


@pytest.mark.parametrize(("unmatched", "looks"), [(0, 10), (1_000, 1)])
async def test_mining_is_tried_again_and_comes_at_once_for_many(monkeypatch, unmatched, looks):
    """A refusal ends nothing; with many unmatched messages the second is not waited for."""
    templates, stop, rests = _Templates(refuses=True), asyncio.Event(), []
    templates.unmatched = unmatched
    worker = SimpleNamespace(session=_Session({}), mining=templates, templates=templates)

    async def rest(stop, seconds):
        rests.append(seconds)
        if templates.rounds == 2:
            stop.set()

    monkeypatch.setattr(worker_module, "_rest", rest)
    await TemplateKeeping(worker).run(stop)
    assert (templates.rounds, templates.refreshed, len(rests)) == (2, 1, looks + 1)
