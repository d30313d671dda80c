"""What both parts of the analysis work with (seed box: Pattern Analyzer).

Apart from ``flows/services.py``: whoever imports this loads numpy, and a serving process must not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from error_manager.core.errors import InboxCorruptError, StorageError, StorageUnavailableError
from error_manager.flows.analysis_meter import StepMeter
from error_manager.flows.analysis_window import floor_hour
from error_manager.flows.waiting import waiting_since
from error_manager.storage.analysis_source import AnalysedProject, AnalysisSource
from error_manager.storage.base import Cursor, InboxSource
from error_manager.storage.findings import HOURS, Findings, FindingStore

CLOSED_AFTER: Final = timedelta(seconds=120)
"""A bucket is complete this long after its end; what arrives later corrects counts and fires nothing."""
FRESH: Final = timedelta(seconds=60)
"""So old may be what a receiving process told of its inbox: what came since is in no complete bucket."""
_TRIES: Final = 5
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

    def meter(self) -> StepMeter:
        """Return what measures the steps of one round."""
        return StepMeter(clock=self.clock, monotonic=self.monotonic, cpu_clock=self.cpu_clock)


async def settled(svc: AnalysisServices) -> datetime:
    """Return up to when everything that was accepted is stored and complete.

    That is 120 s ago, or when the oldest record was received that still waits in the inbox. Of slots whose
    inbox is on another machine that is what their receiving processes told last.

    Raises:
        StorageUnavailableError: the inbox could not be read five times in a row.
    """
    for _ in range(_TRIES):
        cursors = await svc.source.cursors()
        try:
            here = await asyncio.to_thread(_waiting_here, svc.inbox, cursors)
        except InboxCorruptError:  # a segment vanished behind a newer cursor
            continue
        now = svc.clock()
        there = await svc.source.waiting(since=now - FRESH)
        waits = [since for since in {**there, **here}.values() if since is not None]
        return min([now - CLOSED_AFTER, *waits])
    message = "The inbox could not be read."
    raise StorageUnavailableError(message)


async def is_due(svc: AnalysisServices, project: AnalysedProject, hour: datetime) -> bool:
    """Return whether a project was not analysed up to this hour."""
    state = await svc.findings.state(project.id, HOURS)
    return state is None or state.through_at < hour


async def is_hour_due(svc: AnalysisServices) -> bool:
    """Return whether an hour is complete that some project's hourly analysis has not seen.

    Raises:
        StorageError: the database is away; try again.
    """
    hour = floor_hour(await settled(svc))
    for project in await svc.source.projects():
        if await is_due(svc, project, hour):
            return True
    return False


@asynccontextmanager
async def measured(svc: AnalysisServices) -> AsyncIterator[StepMeter]:
    """Lend what measures the steps of one round; in the end what they cost is kept, however the round ends.

    Raises:
        StorageError: the database is away. What went wrong in the round goes before that.
    """
    meter = svc.meter()
    try:
        yield meter
    except Exception:
        try:
            await _keep_runs(svc, meter)
        except StorageError as error:
            _log.warning("analysis_runs_lost", detail=str(error))
        raise
    await _keep_runs(svc, meter)


async def _keep_runs(svc: AnalysisServices, meter: StepMeter) -> None:
    for run in meter.runs():
        await svc.findings.keep(Findings(run=run))


def _waiting_here(inbox: InboxSource, cursors: Mapping[int, Cursor]) -> dict[int, datetime | None]:
    return waiting_since(inbox, cursors, inbox.slots())
