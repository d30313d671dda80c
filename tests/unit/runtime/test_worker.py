"""The worker's loop goes on whatever its housekeeping meets, and stops when it is told to."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from types import SimpleNamespace

import pytest

from error_manager.core.errors import StorageUnavailableError
from error_manager.runtime import worker as worker_module
from error_manager.runtime.worker import HouseKeeping


class _Store:
    """Counts calls; refuses as long as told."""

    def __init__(self, refusals=0):
        self.refusals = refusals
        self.kept = 0

    async def keep_house(self, *, today, retention, minutes):
        self.kept += 1
        if self.kept <= self.refusals:
            raise StorageUnavailableError


class _Dictionaries:
    """Nothing to train."""

    def __init__(self):
        self.trained = 0

    async def load(self, store):
        return None

    async def train(self, store):
        self.trained += 1
        return False


def _house(store, now):
    worker = SimpleNamespace(store=store, dictionaries=_Dictionaries())
    return HouseKeeping(worker, retention=timedelta(days=30), clock=lambda: now[0])


async def test_the_house_is_kept_once_an_hour_and_dictionaries_each_time():
    """Partitions and retention are not looked at each second."""
    store, now = _Store(), [0.0]
    house = _house(store, now)
    for now[0] in (0.0, 1.0, 3599.0, 3600.0):
        await house.keep()
    assert (store.kept, house._worker.dictionaries.trained) == (2, 4)


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
