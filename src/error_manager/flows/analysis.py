"""From stored errors to findings (seed boxes: Pattern Analyzer, Correlation Engine, Trend Predictor).

Start at ``analyze_minutes`` and ``analyze_hours``. Each step reads a window, computes in a thread, and keeps
what it found in one transaction with where it stands: what was killed in between begins there again, and of
two that do the same only one can keep it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from error_manager.core.errors import InboxCorruptError, StorageError, StorageUnavailableError
from error_manager.core.types import ProjectId
from error_manager.storage.analysis_source import AnalysedProject, AnalysisSource
from error_manager.storage.base import Cursor, InboxSource
from error_manager.storage.findings import (
    AnalysisRun,
    AnalysisState,
    Change,
    ChangeKind,
    Findings,
    FindingStore,
    StateStep,
)

CLOSED_AFTER: Final = timedelta(seconds=120)
"""A bucket is complete this long after its end; what arrives later corrects counts and fires nothing."""
HISTORY: Final = timedelta(days=30)
"""How far back the analysis looks."""
_TRIES: Final = 5
_DETAIL: Final = 1_000
_RELEASES: Final = "releases"
_HOURS: Final = "hours"
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisServices:
    """What the analysis needs: where it reads and writes, the inbox, clocks (UTC; seconds; CPU seconds)."""

    source: AnalysisSource
    findings: FindingStore
    inbox: InboxSource
    clock: Callable[[], datetime]
    monotonic: Callable[[], float]
    cpu_clock: Callable[[], float]


async def analyze_minutes(svc: AnalysisServices) -> None:
    """Do what is done each minute: releases seen first.

    Raises:
        StorageError: the database is away; try again.
    """
    until = await settled(svc)
    await _each(svc, "releases", lambda project: note_releases(svc, project, until=until))


async def is_hour_due(svc: AnalysisServices) -> bool:
    """Return whether an hour is complete that some project's hourly analysis has not seen.

    Raises:
        StorageError: the database is away; try again.
    """
    hour = floor_hour(await settled(svc))
    for project in await svc.source.projects():
        state = await svc.findings.state(project.id, _HOURS)
        if state is None or state.through_at < hour:
            return True
    return False


async def analyze_hours(svc: AnalysisServices) -> None:
    """Do what is done each hour.

    Raises:
        StorageError: the database is away; try again.
    """
    hour = floor_hour(await settled(svc))
    await _each(svc, "hours", lambda project: _end_hour(svc, project, hour=hour))


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


async def note_releases(svc: AnalysisServices, project: AnalysedProject, *, until: datetime) -> int:
    """Keep the first error of each new release as a change; return how many there are."""
    state = await svc.findings.state(project.id, _RELEASES)
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
    await svc.findings.keep(Findings(changes=changes, states=(_moved(state, project.id, _RELEASES, until),)))
    return len(seen)


async def _end_hour(svc: AnalysisServices, project: AnalysedProject, *, hour: datetime) -> int:
    """Keep that the hours before this one were analysed."""
    state = await svc.findings.state(project.id, _HOURS)
    if state is None or state.through_at < hour:
        await svc.findings.keep(Findings(states=(_moved(state, project.id, _HOURS, hour),)))
    return 1


def floor_hour(moment: datetime) -> datetime:
    """Return the start of the UTC hour."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


# --- parts -------------------------------------------------------------------------------------------------


async def _each(svc: AnalysisServices, step: str, work: Callable[[AnalysedProject], Awaitable[int]]) -> None:
    """Do a step for every project, and keep how long it took; ``work`` returns how many items it looked at.

    A fault of ours in one project comes again with the same errors: the other projects go on without it.

    Raises:
        StorageError: the database is away, or somebody else does the same; try again.
    """
    started_at, began, cpu = svc.clock(), svc.monotonic(), svc.cpu_clock()
    items, failures = 0, []
    for project in await svc.source.projects():
        try:
            items += await work(project)
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001  # see above; it is logged, and kept with the run
            _log.exception("analysis_failed", step=step, project_id=project.id)
            failures.append(f"project {project.id}: {type(error).__name__}: {error}")
    run = AnalysisRun(
        step=step,
        started_at=started_at,
        took_s=svc.monotonic() - began,
        cpu_s=svc.cpu_clock() - cpu,
        items=items,
        is_done=not failures,
        detail="; ".join(failures)[:_DETAIL],
    )
    await svc.findings.keep(Findings(run=run))


def _moved(
    state: AnalysisState | None,
    project_id: ProjectId,
    kind: str,
    through_at: datetime,
    *,
    version: int = 1,
    content: bytes = b"",
) -> StateStep:
    """Return the step of a state from where it was read to where it is now."""
    fresh = AnalysisState(
        project_id=project_id, kind=kind, version=version, through_at=through_at, content=content
    )
    return StateStep(state=fresh, before=state.through_at if state else None)


def _oldest_waiting(inbox: InboxSource, cursors: Mapping[int, Cursor]) -> datetime | None:
    """Return when the oldest record was received that waits in any slot, None when none does."""
    batches = (inbox.claim(slot, cursors.get(slot, Cursor()), limit=1) for slot in inbox.slots())
    waiting = [batch.records[0][1].received_at for batch in batches if batch and batch.records]
    return min(waiting, default=None)
