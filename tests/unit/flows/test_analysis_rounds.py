"""A fault in one project leaves the rounds of the others alone; what the steps cost is kept in any case."""

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
from error_manager.flows.analysis import MinuteServices, analyze_minutes
from error_manager.flows.analysis_hours import HourServices, analyze_hours
from error_manager.flows.analysis_services import HOURS
from error_manager.storage.memory_analysis_source import MemoryAnalysisSource
from error_manager.storage.memory_findings import MemoryFindings

ONE, TWO = ProjectId(1), ProjectId(2)
NOW = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)
FAULTS = [StorageError, StorageBusyError, PoisonBatchError, StaleCursorError, IndexUnavailableError]


class _Inbox:
    def slots(self):
        return ()


class _Watch:
    """Fails in the first project, and notes whom it looked at."""

    def __init__(self, error=None):
        self.error, self.seen = error, []

    async def watch(self, project, *, until):
        del until
        self.seen.append(project.id)
        if self.error is not None and project.id == ONE:
            raise self.error
        return None, 1


class _Findings(MemoryFindings):
    """Refuses what ``is_refused`` says, with this error."""

    def __init__(self, is_refused=lambda _: False, error=None):
        super().__init__({})
        self.is_refused, self.error = is_refused, error
        self.unread = set()

    async def state(self, project_id, kind):
        if project_id in self.unread:
            raise self.error
        return await super().state(project_id, kind)

    async def keep(self, findings):
        if self.is_refused(findings):
            raise self.error
        await super().keep(findings)


def _shared(findings):
    seconds = count()
    return {
        "source": MemoryAnalysisSource([], projects={ONE: 1, TWO: 2}, homes={}),
        "findings": findings,
        "inbox": _Inbox(),
        "clock": lambda: NOW,
        "monotonic": lambda: next(seconds),
        "cpu_clock": lambda: next(seconds),
    }


def _minutes(rates, findings=None):
    return MinuteServices(**_shared(findings or _Findings()), rates=rates, states=_Watch())


async def _outcomes(svc):
    return {run.step: run.is_done for run in await svc.findings.latest_runs()}


@pytest.mark.parametrize("kind", FAULTS)
async def test_a_fault_in_one_project_leaves_the_minutes_of_the_others_alone(kind):
    """The other steps of the project go on as well; the round is kept."""
    svc = _minutes(_Watch(kind("odd")))
    await analyze_minutes(svc)
    assert svc.rates.seen == svc.states.seen == [ONE, TWO]
    assert await _outcomes(svc) == {"releases": True, "rates": False, "states": True, "incidents": True}


async def test_what_steps_cost_until_the_database_was_away_is_kept():
    """It was away for a moment only."""
    svc = _minutes(_Watch(StorageUnavailableError("away")))
    with pytest.raises(StorageUnavailableError, match="away"):
        await analyze_minutes(svc)
    assert svc.rates.seen == [ONE]
    assert await _outcomes(svc) == {"releases": True, "rates": False}


async def test_an_absent_database_is_told_as_it_was_first():
    """That the cost could not be kept either adds nothing."""
    findings = _Findings(lambda found: found.run is not None, StorageUnavailableError("still away"))
    with pytest.raises(StorageUnavailableError, match=r"^away"):
        await analyze_minutes(_minutes(_Watch(StorageUnavailableError("away")), findings))


@pytest.mark.parametrize("kind", FAULTS)
async def test_a_fault_in_one_project_leaves_the_hours_of_the_others_alone(kind):
    """Also when what fails is to say how far it has come: another process may have been faster."""
    findings = _Findings(
        lambda found: any(step.state.project_id == ONE for step in found.states), kind("odd")
    )
    svc = HourServices(**_shared(findings), load_diagnoser=None, samples=None, index=None)
    await analyze_hours(svc)
    assert await svc.findings.state(ONE, HOURS) is None
    assert (await svc.findings.state(TWO, HOURS)).through_at == NOW.replace(minute=0)
    assert (await _outcomes(svc))["position"] is False


async def test_a_project_whose_standing_cannot_be_read_leaves_the_hours_of_the_others_alone():
    """Nobody knows whether it is due: it waits for the next round."""
    findings = _Findings(error=StorageBusyError("locked"))
    findings.unread = {ONE}
    svc = HourServices(**_shared(findings), load_diagnoser=None, samples=None, index=None)
    await analyze_hours(svc)
    findings.unread = set()
    assert await svc.findings.state(ONE, HOURS) is None
    assert (await svc.findings.state(TWO, HOURS)).through_at == NOW.replace(minute=0)
    assert (await _outcomes(svc))["position"] is False
