"""From stored errors to findings (seed boxes: Pattern Analyzer, Correlation Engine, Trend Predictor).

Start at ``analyze_minutes`` and ``analyze_hours``. Each step reads a window, computes in a thread, and keeps
what it found in one transaction with where it stands: what was killed in between begins there again, and of
two that do the same only one can keep it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from error_manager.core.errors import InboxCorruptError, StorageUnavailableError
from error_manager.flows.advice import Facts, find_advice, find_kin
from error_manager.flows.analysis_meter import StepMeter
from error_manager.flows.analysis_services import AnalysisServices
from error_manager.flows.analysis_window import HISTORY, floor_hour, floor_minute, moved
from error_manager.flows.hourly import (
    Rhythms,
    find_forecasts,
    find_frequencies,
    find_risks,
    told_frequencies,
)
from error_manager.flows.month import Month, read_month
from error_manager.flows.relations import causes_of, find_relations
from error_manager.flows.services import IndexServices
from error_manager.storage.analysis_source import AnalysedProject
from error_manager.storage.base import Cursor, InboxSource
from error_manager.storage.findings import (
    Change,
    ChangeKind,
    CorrelationSet,
    Findings,
    PatternAnalysis,
)

CLOSED_AFTER: Final = timedelta(seconds=120)
"""A bucket is complete this long after its end; what arrives later corrects counts and fires nothing."""
_TRIES: Final = 5
RELEASES: Final = "releases"
HOURS: Final = "hours"
"""States that say up to when releases, and the hourly analysis, have come."""


async def analyze_minutes(svc: AnalysisServices) -> None:
    """Do what is done each minute: releases seen first, anomalies, states.

    Raises:
        StorageError: the database is away, or another process was faster; try again.
    """
    until, meter = floor_minute(await settled(svc)), svc.meter()
    for project in await svc.source.projects():
        await meter.run("releases", project.id, note_releases(svc, project, until=until))
        await meter.run("rates", project.id, svc.rates.watch(project, until=until))
        await meter.run("states", project.id, svc.states.watch(project, until=until))
    await _keep_runs(svc, meter)


async def is_hour_due(svc: AnalysisServices) -> bool:
    """Return whether an hour is complete that some project's hourly analysis has not seen.

    Raises:
        StorageError: the database is away; try again.
    """
    hour = floor_hour(await settled(svc))
    for project in await svc.source.projects():
        if await _is_due(svc, project, hour):
            return True
    return False


async def analyze_hours(svc: AnalysisServices) -> None:
    """Do what is done each hour: relations within each organization, then each of its projects.

    Raises:
        StorageError: the database is away, or another process was faster; try again.
    """
    hour, meter = floor_hour(await settled(svc)), svc.meter()
    projects = await svc.source.projects()
    for organization_id in sorted({project.organization_id for project in projects}):
        mine = [project for project in projects if project.organization_id == organization_id]
        due = [project for project in mine if await _is_due(svc, project, hour)]
        if due:
            relations = await meter.run("relations", due[0].id, _relations(svc, organization_id, mine, hour))
            for project in due:
                await analyze_hour(svc, project, meter, hour=hour, relations=relations)
    await _keep_runs(svc, meter)


async def analyze_hour(
    svc: AnalysisServices,
    project: AnalysedProject,
    meter: StepMeter,
    *,
    hour: datetime,
    relations: CorrelationSet | None,
) -> None:
    """Find what a month of a project says; each step keeps what it found, at the end that all were done."""
    position = await svc.findings.state(project.id, HOURS)
    month = await meter.run("month", project.id, _month(svc, project, hour))
    if month is not None:
        await meter.run("forecasts", project.id, _forecasts(svc, month))
        rhythms = await meter.run("frequencies", project.id, _frequencies(svc, month))
        if rhythms is not None:
            causes = causes_of(relations)
            await meter.run("risks", project.id, _kept(svc, find_risks(svc.source, month, rhythms, causes)))
        if svc.index is not None:
            await meter.run("similar", project.id, _kept(svc, find_kin(svc.index, svc.findings, month)))
        if svc.index is not None and rhythms is not None:
            advice = _advice(svc, svc.index, month, rhythms, relations)
            await meter.run("recommendations", project.id, _kept(svc, advice))
    await svc.findings.keep(Findings(states=(moved(position, project.id, HOURS, hour),)))


async def settled(svc: AnalysisServices) -> datetime:
    """Return up to when everything that was accepted is stored and complete.

    That is 120 s ago, or when the oldest record was received that still waits in the inbox.

    Raises:
        StorageUnavailableError: the inbox could not be read five times in a row.
    """
    for _ in range(_TRIES):
        cursors = await svc.source.cursors()
        try:
            oldest = await asyncio.to_thread(_oldest_waiting, svc.inbox, cursors)
        except InboxCorruptError:  # a segment vanished behind a newer cursor
            continue
        closed = svc.clock() - CLOSED_AFTER
        return closed if oldest is None else min(oldest, closed)
    message = "The inbox could not be read."
    raise StorageUnavailableError(message)


async def note_releases(
    svc: AnalysisServices, project: AnalysedProject, *, until: datetime
) -> tuple[None, int]:
    """Keep the first error of each new release as a change; return how many there are."""
    state = await svc.findings.state(project.id, RELEASES)
    since = until - HISTORY if state is None else state.through_at
    seen = await svc.source.releases(project.id, since=since)
    changes = tuple(
        Change(
            project_id=project.id,
            at=release.at,
            kind=ChangeKind.RELEASE,
            version=release.version,
            environment=release.environment,
            source="errors",
        )
        for release in seen
    )
    await svc.findings.keep(Findings(changes=changes, states=(moved(state, project.id, RELEASES, until),)))
    return None, len(seen)


# --- parts -------------------------------------------------------------------------------------------------


async def _is_due(svc: AnalysisServices, project: AnalysedProject, hour: datetime) -> bool:
    """Return whether a project that has errors was not analysed up to this hour."""
    state = await svc.findings.state(project.id, HOURS)
    return state is None or state.through_at < hour


async def _month(svc: AnalysisServices, project: AnalysedProject, hour: datetime) -> tuple[Month | None, int]:
    month = await read_month(svc.source, project, until=hour)
    return month, 0 if month is None else len(month.facts)


async def _relations(
    svc: AnalysisServices, organization_id: int, projects: Sequence[AnalysedProject], hour: datetime
) -> tuple[CorrelationSet, int]:
    found, items = await find_relations(svc.source, svc.findings, organization_id, projects, until=hour)
    await svc.findings.keep(Findings(correlations=found))
    return found, items


async def _forecasts(svc: AnalysisServices, month: Month) -> tuple[None, int]:
    found, items = await find_forecasts(month)
    await svc.findings.keep(Findings(forecasts=found))
    return None, items


async def _frequencies(svc: AnalysisServices, month: Month) -> tuple[Rhythms, int]:
    found, items = await find_frequencies(month)
    await svc.findings.keep(Findings(patterns=told_frequencies(month, found)))
    return found, items


async def _advice(
    svc: AnalysisServices,
    index: IndexServices,
    month: Month,
    rhythms: Rhythms,
    relations: CorrelationSet | None,
) -> tuple[tuple[PatternAnalysis, ...], int]:
    kept = await svc.findings.analysis([fact.id for fact in month.facts])
    facts = Facts(frequencies=rhythms.found, relations=relations, analyses=kept)
    return await find_advice(
        month, facts, index=index, source=svc.source, findings=svc.findings, diagnoser=svc.diagnoser
    )


async def _kept(
    svc: AnalysisServices, work: Awaitable[tuple[tuple[PatternAnalysis, ...], int]]
) -> tuple[None, int]:
    """Keep what a step tells of patterns."""
    found, items = await work
    await svc.findings.keep(Findings(patterns=found))
    return None, items


async def _keep_runs(svc: AnalysisServices, meter: StepMeter) -> None:
    for run in meter.runs():
        await svc.findings.keep(Findings(run=run))


def _oldest_waiting(inbox: InboxSource, cursors: Mapping[int, Cursor]) -> datetime | None:
    """Return when the oldest record was received that waits in any slot, None when none does."""
    batches = (inbox.claim(slot, cursors.get(slot, Cursor()), limit=1) for slot in inbox.slots())
    waiting = [batch.records[0][1].received_at for batch in batches if batch and batch.records]
    return min(waiting, default=None)
