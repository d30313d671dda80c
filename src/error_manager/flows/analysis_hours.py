"""From a month of stored errors to findings, each hour (seed boxes: Pattern Analyzer, Correlation Engine).

Start at ``analyze_hours``. Apart from ``flows/analysis.py``: this needs more memory, and runs in a process
that ends.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import datetime

from error_manager.analysis.diagnosis import Diagnoser
from error_manager.flows.advice import Facts, find_advice, find_kin
from error_manager.flows.analysis_meter import StepMeter
from error_manager.flows.analysis_services import HOURS, AnalysisServices, is_due, keep_runs, settled
from error_manager.flows.analysis_window import floor_hour, moved
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
from error_manager.storage.findings import CorrelationSet, Findings, PatternAnalysis


@dataclass(frozen=True, slots=True, kw_only=True)
class HourServices(AnalysisServices):
    """What the analysis of hours needs beside: the knowledge, and the index of similar errors if any."""

    diagnoser: Diagnoser
    index: IndexServices | None


async def analyze_hours(svc: HourServices) -> None:
    """Do what is done each hour: relations within each organization, then each of its projects.

    Raises:
        StorageError: the database is away, or another process was faster; try again.
    """
    hour, meter = floor_hour(await settled(svc)), svc.meter()
    projects = await svc.source.projects()
    for organization_id in sorted({project.organization_id for project in projects}):
        mine = [project for project in projects if project.organization_id == organization_id]
        due = [project for project in mine if await is_due(svc, project, hour)]
        if due:
            relations = await meter.run("relations", due[0].id, _relations(svc, organization_id, mine, hour))
            for project in due:
                await analyze_hour(svc, project, meter, hour=hour, relations=relations)
    await keep_runs(svc, meter)


async def analyze_hour(
    svc: HourServices,
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


# --- parts -------------------------------------------------------------------------------------------------


async def _month(svc: HourServices, project: AnalysedProject, hour: datetime) -> tuple[Month | None, int]:
    month = await read_month(svc.source, project, until=hour)
    return month, 0 if month is None else len(month.facts)


async def _relations(
    svc: HourServices, organization_id: int, projects: Sequence[AnalysedProject], hour: datetime
) -> tuple[CorrelationSet, int]:
    found, items = await find_relations(svc.source, svc.findings, organization_id, projects, until=hour)
    await svc.findings.keep(Findings(correlations=found))
    return found, items


async def _forecasts(svc: HourServices, month: Month) -> tuple[None, int]:
    found, items = await find_forecasts(month)
    await svc.findings.keep(Findings(forecasts=found))
    return None, items


async def _frequencies(svc: HourServices, month: Month) -> tuple[Rhythms, int]:
    found, items = await find_frequencies(month)
    await svc.findings.keep(Findings(patterns=told_frequencies(month, found)))
    return found, items


async def _advice(
    svc: HourServices,
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
    svc: HourServices, work: Awaitable[tuple[tuple[PatternAnalysis, ...], int]]
) -> tuple[None, int]:
    """Keep what a step tells of patterns."""
    found, items = await work
    await svc.findings.keep(Findings(patterns=found))
    return None, items
