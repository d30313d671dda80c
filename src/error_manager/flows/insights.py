"""From stored findings to ranked sentences (seed box: Real-time Monitoring Flow)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from error_manager.core.types import PatternId, PatternStatus, ProjectId
from error_manager.flows.progress import analysis_progress
from error_manager.flows.services import QueryServices
from error_manager.monitoring.finding import (
    BIRTH,
    AnomalyFinding,
    ChangeFinding,
    CorrelationFinding,
    PatternFacts,
    StateFinding,
    WindowFindings,
)
from error_manager.monitoring.graph import Graph, graph
from error_manager.monitoring.insights import MOST, Insight, insights
from error_manager.monitoring.progress import Progress
from error_manager.monitoring.sentence import Target, TargetKind
from error_manager.storage.base import PatternRow, Project
from error_manager.storage.findings import (
    AnalysisFilter,
    Anomaly,
    AnomalyFilter,
    Change,
    CorrelationFilter,
    CorrelationRow,
    PatternAnalysis,
    ScopeKind,
)

TELLING_STATES: Final = ("new", "rising", "regressed", "silent")
LEAST_SCORE: Final = 20.0
"""What is less unusual is kept and charted, and makes no sentence, except ..."""
LEAST_BIRTH: Final = 10.0
"""... that a pattern is new: by its rate alone that is seldom very unusual."""
_ANOMALIES: Final = 300
_PAIRS: Final = 200
_CHANGES: Final = 200
_PATTERNS: Final = 200
"""Rows read at most of each for one window."""
_RISKIEST: Final = 8
_LIVELY: Final = timedelta(days=30)
"""A pattern without an error for so long is analysed no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Risky:
    """A pattern with what the analysis says of it."""

    pattern: PatternRow
    analysis: PatternAnalysis


@dataclass(frozen=True, slots=True, kw_only=True)
class InsightsView:
    """What the page of insights shows; ``is_analysed`` is whether the analysis has run at all.

    ``progress`` is how far it has come, None when that is up to now.
    """

    insights: tuple[Insight, ...]
    riskiest: tuple[Risky, ...]
    graph: Graph
    changes: tuple[Change, ...]
    projects: tuple[Project, ...]
    since: datetime
    until: datetime
    is_analysed: bool
    progress: Progress | None


async def window_insights(
    svc: QueryServices,
    *,
    project_ids: tuple[ProjectId, ...] = (),
    since: datetime,
    until: datetime,
    limit: int = MOST,
) -> tuple[Insight, ...]:
    """Return what was found in [since, until), as ranked sentences."""
    view = await insights_view(svc, project_ids=project_ids, since=since, until=until, limit=limit)
    return view.insights


async def insights_view(
    svc: QueryServices,
    *,
    project_ids: tuple[ProjectId, ...] = (),
    since: datetime,
    until: datetime,
    limit: int = MOST,
) -> InsightsView:
    """Return what was found in [since, until): sentences, the riskiest patterns, what goes with what."""
    unusual = AnomalyFilter(project_ids=project_ids, since=since, until=until, min_score=LEAST_SCORE)
    births = replace(unusual, kind=BIRTH, min_score=LEAST_BIRTH)
    moved = AnalysisFilter(project_ids=project_ids, states=TELLING_STATES, state_since=since)
    known, born, states, riskiest, pairs, changes = await asyncio.gather(
        svc.findings.anomalies(unusual, limit=_ANOMALIES, cursor=None),
        svc.findings.anomalies(births, limit=_ANOMALIES, cursor=None),
        svc.findings.analyses(moved, limit=_PATTERNS, cursor=None),
        svc.findings.analyses(AnalysisFilter(project_ids=project_ids), limit=_PATTERNS, cursor=None),
        svc.findings.correlations(CorrelationFilter(project_ids=project_ids), limit=_PAIRS, cursor=None),
        svc.findings.changes(project_ids=project_ids, since=since, until=until, limit=_CHANGES),
    )
    anomalies = {one.id: one for one in (*known.items, *born.items)}.values()
    analyses = {one.pattern_id: one for one in (*riskiest.items, *states.items)}
    named = _pattern_ids(anomalies, pairs.items) | analyses.keys()
    rows, projects, runs, progress = await asyncio.gather(
        svc.queries.patterns(sorted(named), project_ids=project_ids),
        svc.access.projects(),
        svc.findings.latest_runs(),
        analysis_progress(svc, project_ids),
    )
    names = {project.id: project.name for project in projects}
    related = tuple(_relation(row) for row in pairs.items if row.change_id is None)
    found = WindowFindings(
        patterns=tuple(_facts(number, row, analyses) for number, row in rows.items()),
        anomalies=tuple(_anomaly(one, rows, names) for one in anomalies),
        states=tuple(
            _state(one) for one in states.items if one.state and one.state_since and one.state_since < until
        ),
        correlations=tuple(_recent(related, rows, since=since)),
        changes=_causes(pairs.items, {change.id: change for change in changes.items}),
    )
    return InsightsView(
        insights=insights(found, until, length=until - since, limit=limit),
        riskiest=tuple(_risky(riskiest.items, rows, since=until - _LIVELY))[:_RISKIEST],
        graph=graph(related, {one.id: one for one in found.patterns}),
        changes=changes.items,
        projects=projects,
        since=since,
        until=until,
        is_analysed=bool(runs),
        progress=progress,
    )


def pattern_name(row: PatternRow) -> str:
    """Return what tells a pattern from others in one line: ``KeyError in price``."""
    where, _, _ = row.culprit.partition(" in ")
    title = row.title or row.error_code
    return f"{title} in {where}" if where and where not in title else title


# --- parts -------------------------------------------------------------------------------------------------


def _pattern_ids(anomalies: Iterable[Anomaly], pairs: Iterable[CorrelationRow]) -> set[PatternId]:
    of_series = {PatternId(int(one.scope.key)) for one in anomalies if one.scope.kind is ScopeKind.PATTERN}
    return of_series | {end.pattern_id for row in pairs for end in (row.first, row.second) if end.pattern_id}


def _facts(number: PatternId, row: PatternRow, analyses: Mapping[PatternId, PatternAnalysis]) -> PatternFacts:
    known = analyses.get(number)
    return PatternFacts(
        project_id=row.project_id,
        id=number,
        title=pattern_name(row),
        severity=row.severity,
        risk=(known.risk if known else None) or 0.0,
        is_quiet=row.status is not PatternStatus.UNRESOLVED,
        module=row.module,
        first_seen=row.first_seen,
    )


def _anomaly(
    one: Anomaly, rows: Mapping[PatternId, PatternRow], names: Mapping[ProjectId, str]
) -> AnomalyFinding:
    scope = one.scope
    pattern_id = PatternId(int(scope.key)) if scope.kind is ScopeKind.PATTERN else None
    pattern = rows.get(pattern_id) if pattern_id else None
    titles = {
        ScopeKind.PROJECT: names.get(scope.project_id, ""),
        ScopeKind.MODULE: f"module {scope.key} of {names.get(scope.project_id, '')}",
        ScopeKind.SEVERITY: f"severity {scope.key} of {names.get(scope.project_id, '')}",
        ScopeKind.PATTERN: pattern_name(pattern) if pattern else "",
    }
    return AnomalyFinding(
        scope=Target(project_id=scope.project_id, kind=TargetKind(scope.kind.value), key=scope.key),
        kind=one.kind,
        started_at=one.started_at,
        observed=one.observed,
        expected=one.expected,
        score=one.score,
        per=one.scale.value,
        title=titles[scope.kind],
        pattern_id=pattern_id,
        place=place if isinstance(place := one.evidence.get("place"), int) else 0,
        incident=str(one.evidence.get("incident", "")),
        offset=timedelta(seconds=offset)
        if isinstance(offset := one.evidence.get("offset_s"), int | float)
        else None,
        ended_at=one.ended_at,
    )


def _state(one: PatternAnalysis) -> StateFinding:
    ratio = (one.rates or {}).get("ratio")
    return StateFinding(
        pattern_id=one.pattern_id,
        state=one.state or "",
        since=one.state_since or one.updated_at,
        ratio=float(ratio) if isinstance(ratio, int | float) else 1.0,
    )


def _relation(row: CorrelationRow) -> CorrelationFinding:
    return CorrelationFinding(
        first=row.first.pattern_id or PatternId(0),
        second=row.second.pattern_id or PatternId(0),
        score=row.score,
        gap=timedelta(milliseconds=row.gap_ms),
        support=row.support,
        trials=row.trials,
        found_at=row.created_at,
    )


def _recent(
    related: Iterable[CorrelationFinding], rows: Mapping[PatternId, PatternRow], *, since: datetime
) -> Iterable[CorrelationFinding]:
    """Yield the relations of which both patterns came in the window; they are found anew each hour."""
    for one in related:
        ends = [rows[end] for end in (one.first, one.second) if end in rows]
        if all(row.last_seen >= since for row in ends):
            yield one


def _causes(rows: Iterable[CorrelationRow], changes: Mapping[int, Change]) -> tuple[ChangeFinding, ...]:
    found = ((row, changes.get(row.change_id or 0)) for row in rows)
    return tuple(
        ChangeFinding(
            pattern_id=row.second.pattern_id,
            project_id=change.project_id,
            kind=change.kind.value,
            version=change.version,
            at=change.at,
            score=row.score,
        )
        for row, change in found
        if change is not None and row.second.pattern_id
    )


def _risky(
    analyses: Sequence[PatternAnalysis], rows: Mapping[PatternId, PatternRow], *, since: datetime
) -> Iterable[Risky]:
    for one in analyses:
        row = rows.get(one.pattern_id)
        if row is None or row.last_seen < since:  # its risk is of when it was last analysed
            continue
        if one.risk and row.status is PatternStatus.UNRESOLVED:
            yield Risky(pattern=row, analysis=one)
