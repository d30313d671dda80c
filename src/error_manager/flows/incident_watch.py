"""Which anomalies are one incident, and which pattern of it came first (seed box: Correlation Engine).

What was found stands in the evidence of each anomaly: its incident, its place among the causes, and
how much of the others it explains. An anomaly that is told anew has none yet, and gets it in the next round.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

import numpy as np

from error_manager.analysis.incidents import Incident, OpenAnomaly, group_incidents
from error_manager.analysis.link import Link
from error_manager.analysis.link import Scope as Series
from error_manager.analysis.root_cause import Cause, rank_causes
from error_manager.core.types import PatternId, ProjectId
from error_manager.flows.analysis_window import HISTORY, moment
from error_manager.storage.analysis_source import AnalysedProject, AnalysisSource, Floats
from error_manager.storage.findings import (
    Anomaly,
    AnomalyFilter,
    CorrelationFilter,
    CorrelationRow,
    Findings,
    FindingStore,
    ScopeKind,
)

INCIDENT: Final = "incident"
"""Name of the evidence that says which incident an anomaly is part of."""
LEAD: Final = timedelta(minutes=15)
"""So much before the first rise is looked at, to tell what is usual."""
LONGEST: Final = timedelta(minutes=20)
"""The order of causes is in the beginning of an incident."""
NEWEST: Final = 20_000
"""Errors of a pattern that are read: all up to 570 a minute; of a hotter one the first are missing."""
_MOST: Final = 500
_PAIRS: Final = 500


async def find_incidents(
    source: AnalysisSource,
    findings: FindingStore,
    projects: Sequence[AnalysedProject],
    *,
    until: datetime,
) -> tuple[None, int]:
    """Keep what anomalies of an organization's patterns are one incident; return how many were looked at.

    Raises:
        StorageError: the database is away, or another process was faster; try again.
    """
    ids = tuple(project.id for project in projects)
    where = AnomalyFilter(project_ids=ids, scope_kind=ScopeKind.PATTERN, since=until - HISTORY)
    anomalies = (await findings.anomalies(where, limit=_MOST, cursor=None)).items
    if all(INCIDENT in one.evidence for one in anomalies):
        return None, 0
    pairs = await findings.correlations(CorrelationFilter(project_ids=ids), limit=_PAIRS, cursor=None)
    links = [_link(row) for row in pairs.items if row.change_id is None]
    told = {_open(one): one for one in anomalies}
    kept: list[Anomaly] = []
    for incident in group_incidents(list(told), links, now_s=until.timestamp()):
        members = [told[one] for one in incident.anomalies]
        if any(INCIDENT not in one.evidence for one in members):
            causes = await _causes(source, incident, members, links, until)
            kept += [_placed(one, incident, causes) for one in members]
    await findings.keep(Findings(anomalies=tuple(kept)))
    return None, len(anomalies)


# --- parts -------------------------------------------------------------------------------------------------


async def _causes(
    source: AnalysisSource,
    incident: Incident,
    members: Sequence[Anomaly],
    links: Sequence[Link],
    until: datetime,
) -> tuple[Cause, ...]:
    """Return the patterns of an incident, the likeliest cause first; nothing is read of a single one."""
    patterns = {one.scope.key for one in members}
    if len(patterns) < 2:  # two make an order
        return ()
    since = moment(incident.start_s) - LEAD
    end = min(until, moment(incident.start_s) + LONGEST)
    times: dict[Series, Floats] = {}
    for project_id, mine in groupby(sorted(members, key=_project), key=_project):
        rows = await source.events(project_id, since=since, until=end, newest=NEWEST)
        for key in sorted({one.scope.key for one in mine}):
            if int(key) not in rows.cut_s:  # else its beginning is not among them, and would be told too late
                times[ScopeKind.PATTERN.value, key] = rows.times_s[rows.keys == int(key)]
    return await asyncio.to_thread(
        rank_causes,
        {series: found.tolist() for series, found in times.items()},
        links,
        start_s=since.timestamp(),
        end_s=end.timestamp(),
        usual_per_s=_usual(members),
    )


def _placed(one: Anomaly, incident: Incident, causes: Sequence[Cause]) -> Anomaly:
    """Return an anomaly with its place in the incident; 0 where it is alone or had no error in the window."""
    name = f"{incident.anomalies[0].scope[1]}@{moment(incident.start_s).isoformat(timespec='minutes')}"
    evidence = {**one.evidence, INCIDENT: name, "place": 0}
    for place, cause in enumerate(causes, start=1):
        if cause.pattern[1] == one.scope.key:
            evidence |= {
                "place": place,
                "offset_s": round(cause.offset_s, 3),
                "explained_share": round(cause.explained_share, 4),
                "explained_by": int(cause.explained_by[1]) if cause.explained_by else None,
                "own_share": round(cause.own_share, 4),
            }
    return replace(one, evidence=evidence)


def _usual(members: Iterable[Anomaly]) -> Mapping[Series, float]:
    """Return the rate of each pattern that its anomaly was measured against, per second."""
    rates: dict[Series, list[float]] = defaultdict(list)
    for one in members:
        rates[ScopeKind.PATTERN.value, one.scope.key].append(one.expected / one.scale.seconds)
    return {series: float(np.min(found)) for series, found in rates.items()}


def _open(one: Anomaly) -> OpenAnomaly:
    return OpenAnomaly(
        scope=(one.scope.kind.value, one.scope.key),
        start_s=one.started_at.timestamp(),
        end_s=None if one.ended_at is None else one.ended_at.timestamp(),
        score=one.score,
    )


def _link(row: CorrelationRow) -> Link:
    return Link(
        cause=_series(row.first.pattern_id),
        effect=_series(row.second.pattern_id),
        score=row.score,
        lag_s=row.gap_ms / 1_000,
        spread_s=(row.gap_high_ms - row.gap_low_ms) / 2_000,
    )


def _series(pattern_id: PatternId | None) -> Series:
    return ScopeKind.PATTERN.value, str(pattern_id or 0)


def _project(one: Anomaly) -> ProjectId:
    return one.scope.project_id
