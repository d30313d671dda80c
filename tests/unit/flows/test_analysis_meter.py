"""Steps are measured over all projects; a fault in one stops nothing, an absent database everything."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count

import pytest

from error_manager.core.errors import (
    IndexUnavailableError,
    PoisonBatchError,
    StaleCursorError,
    StorageBusyError,
    StorageError,
    StorageUnavailableError,
)
from error_manager.core.types import ProjectId
from error_manager.flows.analysis_meter import StepMeter

NOW = datetime(2026, 5, 4, tzinfo=UTC)


def _meter():
    seconds, cpu = count(), count(step=0.25)
    return StepMeter(clock=lambda: NOW, monotonic=lambda: next(seconds), cpu_clock=lambda: next(cpu))


async def _found(value):
    return value, 10


async def _fails(error):
    raise error


async def test_what_steps_cost_is_summed_over_projects():
    """In the order in which they began."""
    meter = _meter()
    assert await meter.run("a", ProjectId(1), _found("x")) == "x"
    await meter.run("b", ProjectId(1), _found("x"))
    await meter.run("a", ProjectId(2), _found("x"))
    first, second = meter.runs()
    assert (first.step, first.took_s, first.cpu_s, first.items, first.is_done) == ("a", 2, 0.5, 20, True)
    assert (second.step, second.items) == ("b", 10)


@pytest.mark.parametrize(
    "kind",
    [
        ValueError,
        StorageError,
        StorageBusyError,
        PoisonBatchError,
        StaleCursorError,
        IndexUnavailableError,
    ],
)
async def test_a_fault_is_kept_with_the_run(kind):
    """The step has no result in this project; the next project has its own."""
    meter = _meter()
    assert await meter.run("a", ProjectId(1), _fails(kind("odd\0"))) is None
    assert await meter.run("a", ProjectId(2), _found("x")) == "x"
    (run,) = meter.runs()
    assert (run.is_done, run.items, run.detail) == (
        False,
        10,
        f"project 1: {kind.__name__}: odd\N{REPLACEMENT CHARACTER}",
    )


async def test_a_note_is_kept_with_a_run_that_is_done():
    """Beside what failed elsewhere."""
    meter = _meter()
    await meter.run("a", ProjectId(1), _found("x"))
    meter.note("a", ProjectId(1), "in part")
    assert [(run.is_done, run.detail) for run in meter.runs()] == [(True, "project 1: in part")]
    await meter.run("a", ProjectId(2), _fails(ValueError("odd")))
    assert [(run.is_done, run.detail) for run in meter.runs()] == [
        (False, "project 2: ValueError: odd; project 1: in part")
    ]


async def test_an_absent_database_ends_the_round():
    """It comes again; nothing is wrong with the errors."""
    meter = _meter()
    with pytest.raises(StorageUnavailableError):
        await meter.run("a", ProjectId(1), _fails(StorageUnavailableError("away")))
    (run,) = meter.runs()
    assert (run.is_done, run.detail) == (False, "project 1: StorageUnavailableError: away")
