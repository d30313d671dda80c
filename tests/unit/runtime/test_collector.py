"""Garbage is collected when it is due, not while a batch is prepared."""

from __future__ import annotations

import gc
import weakref

import pytest

from error_manager.runtime.collector import Collector


class _Ring:
    """An object that refers to itself."""

    def __init__(self):
        self.me = self


@pytest.fixture(autouse=True)
def automatic_collector():
    """Leave the collector as it was found."""
    yield
    gc.unfreeze()
    gc.enable()


def test_rings_stay_until_the_collector_is_due_and_are_freed_then():
    """Nothing is collected within ten seconds; then cyclic garbage goes."""
    now = [100.0]
    collector = Collector(lambda: now[0])
    ring = weakref.ref(_Ring())
    assert (collector.collect(), ring() is None) == (False, False)
    now[0] += 10
    assert (collector.collect(), ring() is None) == (True, True)
    assert (gc.isenabled(), collector.collect()) == (False, False)
