"""From a month of stored errors to findings, each hour (seed boxes: Pattern Analyzer, Correlation Engine).

Start at ``analyze_hours``. Apart from ``flows/analysis.py``: this needs more memory, and runs in a process
that ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from error_manager.analysis.diagnosis import Diagnoser
from error_manager.core.errors import IndexUnavailableError
from error_manager.flows.advice import Facts, find_advice, find_kin
from error_manager.flows.analysis_meter import StepMeter
from error_manager.flows.analysis_services import AnalysisServices, is_due, measured, settled
from error_manager.flows.analysis_window import HISTORY, by_organization, floor_hour, moved
from error_manager.flows.hourly import (
    Rhythms,
    Surroundings,
    find_forecasts,
    find_frequencies,
    find_risks,
    find_surroundings,
    told_frequencies,
)
from error_manager.flows.indexing import catch_up
from error_manager.flows.month import Month, read_month
from error_manager.flows.relations import causes_of, find_relations
from error_manager.flows.services import IndexServices
from error_manager.storage.analysis_source import AnalysedProject
from error_manager.storage.findings import (
    HOURS,
    AnalysisState,
    CorrelationSet,
    Findings,
    PatternAnalysis,
)
from error_manager.storage.vectors import PatternKey, PatternSource

INDEXED: Final = "indexed"
"""The state that says up to when regrouped patterns are in the index as they are now."""
_LEFT_OUT: Final = "{:,} of {:,} patterns analysed: those with errors in the last week first"
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class HourServices(AnalysisServices):
    """What the analysis of hours needs beside: knowledge, newest errors, the index of similar ones if any."""

    load_diagnoser: Callable[[], Diagnoser]
    samples: PatternSource
    index: IndexServices | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was found of a project in this hour, for its recommendations."""

    month: Month
    rhythms: Rhythms
    around: Surroundings
    relations: CorrelationSet | None


async def analyze_hours(svc: HourServices) -> None:
    """Do what is done each hour: relations within each organization, then each of its projects.

    Raises:
        StorageError: the database is away; try again.
    """
    hour = floor_hour(await settled(svc))
    async with measured(svc) as meter:
        for organization_id, mine in by_organization(await svc.source.projects()):
            due = [p for p in mine if await meter.run("position", p.id, _is_due(svc, p, hour))]
            if due:
                note = _noting(meter, "relations", due[0])
                work = _relations(svc, organization_id, mine, hour, note)
                relations = await meter.run("relations", due[0].id, work)
                index = await meter.run("index", due[0].id, _indexed(svc, due, hour))
                for project in due:
                    await analyze_hour(svc, project, meter, hour=hour, relations=relations, index=index)


async def analyze_hour(
    svc: HourServices,
    project: AnalysedProject,
    meter: StepMeter,
    *,
    hour: datetime,
    relations: CorrelationSet | None,
    index: IndexServices | None,
) -> None:
    """Find what a month of a project says; each step keeps what it found, at the end that all were done."""
    read = await meter.run("position", project.id, _position(svc, project))
    if read is None:  # failed: without it nothing that is found could be kept as done
        return
    month = await meter.run("month", project.id, _month(svc, project, hour))
    if month is None:
        await meter.run("risks", project.id, _reweighed(svc, project))
    else:
        if month.left_out:
            looked_at, known = len(month.facts), len(month.facts) + month.left_out
            _noting(meter, "month", project)(_LEFT_OUT.format(looked_at, known))
        await meter.run("forecasts", project.id, _forecasts(svc, month))
        rhythms = await meter.run("frequencies", project.id, _frequencies(svc, month))
        around = await meter.run("surroundings", project.id, find_surroundings(svc.source, month))
        if rhythms is not None and around is not None:
            risks = find_risks(month, rhythms, around, causes_of(relations))
            await meter.run("risks", project.id, _risks(svc, project, risks))
        if index is not None:
            await meter.run("similar", project.id, _kept(svc, find_kin(index, svc.findings, month)))
        if rhythms is not None and around is not None:
            evidence = Evidence(month=month, rhythms=rhythms, around=around, relations=relations)
            await meter.run("recommendations", project.id, _kept(svc, _advice(svc, evidence)))
    done = Findings(states=(moved(read[0], project.id, HOURS, hour),))
    await meter.run("position", project.id, _done(svc, done))


# --- parts -------------------------------------------------------------------------------------------------


async def _is_due(svc: HourServices, project: AnalysedProject, hour: datetime) -> tuple[bool, int]:
    return await is_due(svc, project, hour), 0


async def _position(svc: HourServices, project: AnalysedProject) -> tuple[tuple[AnalysisState | None], int]:
    return (await svc.findings.state(project.id, HOURS),), 0


async def _month(svc: HourServices, project: AnalysedProject, hour: datetime) -> tuple[Month | None, int]:
    month = await read_month(svc.source, project, until=hour)
    return month, 0 if month is None else len(month.facts)


def _noting(meter: StepMeter, step: str, project: AnalysedProject) -> Callable[[str], None]:
    """Return what keeps with the run of a step, and logs, that patterns were left out."""

    def note(text: str) -> None:
        meter.note(step, project.id, text)
        _log.warning("patterns_left_out", step=step, project_id=project.id, detail=text)

    return note


async def _relations(
    svc: HourServices,
    organization_id: int,
    projects: Sequence[AnalysedProject],
    hour: datetime,
    note: Callable[[str], None],
) -> tuple[CorrelationSet, int]:
    found, items = await find_relations(
        svc.source, svc.findings, organization_id, projects, until=hour, note=note
    )
    await svc.findings.keep(Findings(correlations=found))
    return found, items


async def _indexed(
    svc: HourServices, projects: Sequence[AnalysedProject], hour: datetime
) -> tuple[IndexServices | None, int]:
    """Return the index with every pattern in it, None while it is away: similar patterns wait then."""
    if svc.index is None:
        return None, 0
    steps, changed = [], set[PatternKey]()
    for project in projects:
        state = await svc.findings.state(project.id, INDEXED)
        since = state.through_at if state else hour - HISTORY
        numbers = await svc.source.regrouped(project.id, since=since)
        changed |= {PatternKey(project.id, number) for number in numbers}
        steps.append(moved(state, project.id, INDEXED, hour))
    try:
        caught = await catch_up(svc.index, changed=changed)
    except IndexUnavailableError as error:
        _log.warning("index_unavailable", detail=str(error))
        return None, 0
    await svc.findings.keep(Findings(states=tuple(steps)))
    return svc.index, caught.added + caught.removed


async def _forecasts(svc: HourServices, month: Month) -> tuple[None, int]:
    found, items = await find_forecasts(month)
    await svc.findings.keep(Findings(forecasts=found))
    return None, items


async def _frequencies(svc: HourServices, month: Month) -> tuple[Rhythms, int]:
    found, items = await find_frequencies(month)
    await svc.findings.keep(Findings(patterns=told_frequencies(month, found)))
    return found, items


async def _risks(
    svc: HourServices,
    project: AnalysedProject,
    work: Awaitable[tuple[tuple[PatternAnalysis, ...], int]],
) -> tuple[None, int]:
    """Keep risks; those of patterns whose weight a person has set since the month was read follow it."""
    _, items = await _kept(svc, work)
    await _reweighed(svc, project)
    return None, items


async def _reweighed(svc: HourServices, project: AnalysedProject) -> tuple[None, int]:
    """Make all risks of a project follow the weights, also those that were left for later."""
    await svc.findings.reweigh(project.id)
    return None, 0


async def _advice(svc: HourServices, evidence: Evidence) -> tuple[tuple[PatternAnalysis, ...], int]:
    month = evidence.month
    facts = Facts(
        frequencies=evidence.rhythms.found,
        tags=evidence.around.tags,
        relations=evidence.relations,
        analyses=await svc.findings.analysis([fact.id for fact in month.facts]),
    )
    diagnoser = await asyncio.to_thread(svc.load_diagnoser)  # 28 MiB that the relations need not lie beside
    return await find_advice(month, facts, samples=svc.samples, findings=svc.findings, diagnoser=diagnoser)


async def _done(svc: HourServices, findings: Findings) -> tuple[None, int]:
    """Keep that a project was analysed; should another process have been faster, it has kept that."""
    await svc.findings.keep(findings)
    return None, 1


async def _kept(
    svc: HourServices, work: Awaitable[tuple[tuple[PatternAnalysis, ...], int]]
) -> tuple[None, int]:
    """Keep what a step tells of patterns."""
    found, items = await work
    await svc.findings.keep(Findings(patterns=found))
    return None, items
