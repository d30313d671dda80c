"""From stored errors to findings, each minute (seed boxes: Pattern Analyzer, Anomaly Detector).

Start at ``analyze_minutes``; what is found once an hour begins in ``flows/analysis_hours.py``. Each step
reads a window, computes in a thread, and keeps what it found in one transaction with where it stands: what
was killed in between begins there again, and of two that do the same only one can keep it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from error_manager.flows.analysis_services import AnalysisServices, measured, settled
from error_manager.flows.analysis_window import HISTORY, by_organization, floor_minute, moved
from error_manager.flows.incident_watch import find_incidents
from error_manager.flows.rate_watch import RateWatch
from error_manager.flows.state_watch import StateWatch
from error_manager.storage.analysis_source import AnalysedProject
from error_manager.storage.findings import Change, ChangeKind, Findings

RELEASES: Final = "releases"
"""The state that says up to when releases were looked for."""
LATE: Final = timedelta(hours=6)
"""So long before that errors are looked at again: those of clients that were offline are stored later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MinuteServices(AnalysisServices):
    """What the analysis of minutes needs beside: what watches rates and states."""

    rates: RateWatch
    states: StateWatch


async def analyze_minutes(svc: MinuteServices) -> None:
    """Do what is done each minute: releases seen first, anomalies, states.

    Raises:
        StorageError: the database is away; try again.
    """
    until = floor_minute(await settled(svc))
    async with measured(svc) as meter:
        for project in await svc.source.projects():
            await meter.run("releases", project.id, note_releases(svc, project, until=until))
            await meter.run("rates", project.id, svc.rates.watch(project, until=until))
            await meter.run("states", project.id, svc.states.watch(project, until=until))
        for _, mine in by_organization(await svc.source.projects()):
            step = find_incidents(svc.source, svc.findings, mine, until=until)
            await meter.run("incidents", mine[0].id, step)


async def note_releases(
    svc: AnalysisServices, project: AnalysedProject, *, until: datetime
) -> tuple[None, int]:
    """Keep the first error of each release that is no change yet as one; return how many there are."""
    state = await svc.findings.state(project.id, RELEASES)
    since = until - HISTORY if state is None else state.through_at - LATE
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
