"""From rates to the states of patterns: new, rising, fading, silent, ... (seed box: Frequency Analyzer).

Start at ``StateWatch.watch``. What is usual is learned once an hour from a month and held in memory; each
minute the last day is compared with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec
import numpy as np
import structlog

from error_manager.analysis.aggregator import SeriesTable
from error_manager.analysis.baseline import Baseline, departures
from error_manager.analysis.frequency import state_facts
from error_manager.analysis.pattern_state import LONG_QUIET, Facts, StateChange, next_state
from error_manager.core.types import PatternId, ProjectId
from error_manager.flows.analysis_window import HISTORY, floor_hour, moved
from error_manager.flows.month import read_day, read_month
from error_manager.flows.month import usual as usual_of
from error_manager.flows.packed import PackedArray, pack_array
from error_manager.storage.analysis_source import AnalysedProject, AnalysisSource, PatternFact
from error_manager.storage.findings import AnalysisState, Findings, FindingStore, PatternAnalysis

STATES: Final = "states"
"""The state that keeps what each pattern was in."""
_log = structlog.get_logger()

States = Mapping[PatternId, StateChange]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Usual:
    """What is usual in a project, learned from the month before ``until``; ``hourly`` are its counts."""

    until: datetime
    facts: tuple[PatternFact, ...]
    hourly: PackedArray
    known: Baseline


class StateWatch:
    """The states of the patterns of all projects."""

    def __init__(self, source: AnalysisSource, findings: FindingStore) -> None:
        """Keep where counts are read and states are kept."""
        self._source = source
        self._findings = findings
        self._usual: dict[ProjectId, _Usual] = {}

    async def watch(self, project: AnalysedProject, *, until: datetime) -> tuple[None, int]:
        """Look at every pattern of a project at ``until`` (a whole minute); return how many there are.

        Raises:
            StorageError: the database is away, or another process was faster; try again.
        """
        position = await self._findings.state(project.id, STATES)
        if position is not None and position.through_at >= until:
            return None, 0
        if position is None:
            self._usual.pop(project.id, None)
        usual = await self._learned(project, until)
        if usual is None:
            return None, 0
        before = _read(position)
        facts = await self._source.patterns(project.id, since=until - HISTORY)
        minutes = await read_day(self._source, project, usual.facts, until=until)
        found = await asyncio.to_thread(_look, usual, facts, minutes, before, until)
        changed = tuple(
            _told(project.id, number, one, until) for number, one in found.items() if one.is_changed
        )
        step = moved(position, project.id, STATES, until, content=msgspec.json.encode(found))
        await self._findings.keep(Findings(states=(step,), patterns=changed))
        return None, len(found)

    async def _learned(self, project: AnalysedProject, until: datetime) -> _Usual | None:
        """Return what was usual in the month before this hour, None before the first error."""
        usual, hour = self._usual.get(project.id), floor_hour(until)
        if usual is not None and usual.until == hour:
            return usual
        month = await read_month(self._source, project, until=hour)
        if month is None:
            return None
        known = await asyncio.to_thread(usual_of, month)
        hourly = await asyncio.to_thread(pack_array, month.hourly.counts)
        self._usual[project.id] = _Usual(until=hour, facts=month.facts, hourly=hourly, known=known)
        return self._usual[project.id]


def _look(
    usual: _Usual, facts: Sequence[PatternFact], minutes: SeriesTable, before: States, until: datetime
) -> dict[PatternId, StateChange]:
    """Return the state of each pattern; one that is younger than the hour has no rate to compare with yet."""
    current = {fact.id: fact for fact in facts}
    rows = [current.get(fact.id, fact) for fact in usual.facts]
    found = departures(
        usual.known,
        usual.hourly.unpack(),
        minutes.counts,
        end_s=until.timestamp(),
        last_seen_s=np.array([fact.last_seen.timestamp() for fact in rows]),
    )
    is_collected = bool(np.isfinite(minutes.counts[:, -1]).all())
    compared = state_facts(
        found,
        usual.known,
        first_seen=tuple(fact.first_seen for fact in rows),
        last_seen=tuple(fact.last_seen for fact in rows),
        resolved_at=tuple(fact.resolved_at for fact in rows),
        returned_at=tuple(fact.regressed_at for fact in rows),
        is_collected=is_collected,
    )
    known = {fact.id: one for fact, one in zip(rows, compared, strict=True)}
    return {
        number: next_state(
            before.get(number), known.get(number) or _unknown(fact, until, is_collected=is_collected), until
        )
        for number, fact in current.items()
    }


def _unknown(fact: PatternFact, until: datetime, *, is_collected: bool) -> Facts:
    """Return what is known of a pattern that is younger than the hour or left out: its pauses are not."""
    quiet = until - fact.last_seen
    return Facts(
        quiet=quiet if quiet >= LONG_QUIET else timedelta(),
        first_seen=fact.first_seen,
        last_seen=fact.last_seen,
        resolved_at=fact.resolved_at,
        returned_at=fact.regressed_at,
        is_collected=is_collected,
    )


def _told(project_id: ProjectId, number: PatternId, one: StateChange, until: datetime) -> PatternAnalysis:
    return PatternAnalysis(
        project_id=project_id,
        pattern_id=number,
        updated_at=until,
        state=one.state.value,
        state_since=one.since,
    )


def _read(position: AnalysisState | None) -> States:
    if position is None:
        return {}
    try:
        return msgspec.json.decode(position.content, type=dict[PatternId, StateChange])
    except msgspec.DecodeError as error:  # damaged, or of another release: every state begins anew
        _log.warning("states_unreadable", project_id=position.project_id, detail=str(error))
        return {}
