"""In-memory twin of ``FindingStore``: for tests, and as the shortest description of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from error_manager.core.errors import NotFoundError, StaleCursorError
from error_manager.core.types import PatternId, ProjectId
from error_manager.storage.base import Page
from error_manager.storage.findings import (
    RUNS_KEPT,
    AnalysisFilter,
    AnalysisRun,
    AnalysisState,
    Anomaly,
    AnomalyFilter,
    Change,
    ChangeKind,
    CorrelationFilter,
    CorrelationRow,
    Feedback,
    FeedbackCount,
    Findings,
    Fix,
    ForecastRow,
    PatternAnalysis,
    Scope,
    correlation_rank,
    joined_analyses,
    reweighted_analysis,
    risk_rank,
)
from error_manager.storage.keyset import cursor_number, encode_cursor, number_cursor, time_cursor

_T = TypeVar("_T", Anomaly, Change, CorrelationRow)


class MemoryFindings:
    """``FindingStore`` in dictionaries."""

    def __init__(self, patterns: Mapping[PatternId, ProjectId]) -> None:
        """Set which patterns there are."""
        self._patterns = patterns
        self._states: dict[tuple[ProjectId, str], AnalysisState] = {}
        self._anomalies: dict[object, Anomaly] = {}
        self._analysis: dict[PatternId, PatternAnalysis] = {}
        self._changes: list[Change] = []
        self._forecasts: dict[ProjectId, tuple[ForecastRow, ...]] = {}
        self._correlations: dict[int, tuple[CorrelationRow, ...]] = {}
        self._runs: list[AnalysisRun] = []
        self._feedback: dict[object, Feedback] = {}
        self._last_id = 0
        self.resolved: dict[PatternId, Fix] = {}
        self.weights: dict[PatternId, float] = {}
        """Business weights of patterns in their projects, where they are not 1."""

    async def keep(self, findings: Findings) -> None:
        """Keep what a step found, all of it at once."""
        for step in findings.states:
            state = self._states.get((step.state.project_id, step.state.kind))
            if (state.through_at if state else None) != step.before:
                raise StaleCursorError
        for step in findings.states:
            self._states[step.state.project_id, step.state.kind] = step.state
        for anomaly in findings.anomalies:
            key = anomaly.scope, anomaly.scale, anomaly.started_at
            before = self._anomalies.get(key) or replace(anomaly, id=self._next_id())
            self._anomalies[key] = replace(anomaly, id=before.id, detected_at=before.detected_at)
        for analysis in findings.patterns:
            if analysis.pattern_id in self._patterns:
                known = self._analysis.get(analysis.pattern_id, analysis)
                (self._analysis[analysis.pattern_id],) = joined_analyses((known, analysis))
        for change in findings.changes:
            await self.add_change(change)
        if findings.forecasts is not None:
            self._forecasts[findings.forecasts.project_id] = findings.forecasts.rows
        if findings.correlations is not None:
            self._correlations[findings.correlations.organization_id] = tuple(
                replace(row, id=self._next_id()) for row in findings.correlations.rows
            )
        if findings.run is not None:
            since = findings.run.started_at - RUNS_KEPT
            self._runs = [run for run in self._runs if run.started_at >= since] + [findings.run]

    async def state(self, project_id: ProjectId, kind: str) -> AnalysisState | None:
        """Return where a step stands, None before its first time."""
        return self._states.get((project_id, kind))

    async def reached(self, kinds: Sequence[str]) -> Mapping[tuple[ProjectId, str], datetime]:
        """Return up to when steps have come in all projects."""
        return {key: state.through_at for key, state in self._states.items() if key[1] in kinds}

    async def forget_state(self, project_id: ProjectId, kind: str) -> None:
        """Remove where a step stands."""
        self._states.pop((project_id, kind), None)

    async def reweigh(
        self, project_id: ProjectId, pattern_id: PatternId | None = None, *, most: int | None = None
    ) -> None:
        """Make the stored risks follow the business weights of now."""
        asked = [
            (number, known)
            for number, known in self._analysis.items()
            if known.project_id == project_id and pattern_id in {None, number}
        ]
        asked.sort(key=lambda item: (risk_rank(item[1].risk), item[0]), reverse=True)
        for number, known in asked[:most]:
            self._analysis[number] = reweighted_analysis(known, self.weights.get(number, 1.0))

    async def start_anew(self, project_id: ProjectId) -> None:
        """Remove where all steps stand in a project, and its anomalies."""
        self._states = {key: state for key, state in self._states.items() if key[0] != project_id}
        self._anomalies = {
            key: one for key, one in self._anomalies.items() if one.scope.project_id != project_id
        }

    async def add_change(self, change: Change) -> Change:
        """Keep a change and return it with its id; a release that is known stays as it is."""
        if change.kind is ChangeKind.RELEASE:
            key = change.project_id, change.environment, change.version
            for known in self._changes:
                if known.kind is change.kind and (known.project_id, known.environment, known.version) == key:
                    return known
        self._changes.append(replace(change, id=self._next_id()))
        return self._changes[-1]

    async def add_feedback(self, feedback: Feedback) -> None:
        """Keep what a person says of a recommendation."""
        if self._patterns.get(feedback.pattern_id) != feedback.project_id:
            raise NotFoundError(f"There is no pattern {feedback.pattern_id} in this project.")
        key = feedback.project_id, feedback.pattern_id, feedback.recommendation, feedback.person_id
        self._feedback[key] = feedback

    async def anomalies(self, where: AnomalyFilter, *, limit: int, cursor: str | None) -> Page[Anomaly]:
        """Return anomalies, the one that started last first."""
        found = [anomaly for anomaly in self._anomalies.values() if _is_wanted(anomaly, where)]
        return _page_by_time([(one.started_at, one.id, one) for one in found], limit, cursor)

    async def anomaly(self, anomaly_id: int, *, project_ids: tuple[ProjectId, ...] = ()) -> Anomaly:
        """Return one."""
        for anomaly in self._anomalies.values():
            if anomaly.id == anomaly_id and (not project_ids or anomaly.scope.project_id in project_ids):
                return anomaly
        raise NotFoundError(f"There is no anomaly {anomaly_id}.")

    async def forecasts(self, scope: Scope) -> tuple[ForecastRow, ...]:
        """Return the forecasts of a series, that of the shortest buckets first."""
        found = [row for row in self._forecasts.get(scope.project_id, ()) if row.scope == scope]
        return tuple(sorted(found, key=lambda row: row.step_s))

    async def correlations(
        self, where: CorrelationFilter, *, limit: int, cursor: str | None
    ) -> Page[CorrelationRow]:
        """Return correlations, the one with the highest score first."""
        after = number_cursor(cursor)
        found = [
            (correlation_rank(row), -row.id, row)
            for rows in self._correlations.values()
            for row in rows
            if _is_between(row, where)
        ]
        if after is not None:
            found = [row for row in found if row[:2] < (after[0], -cursor_number(after[1]))]
        found.sort(key=lambda row: row[:2], reverse=True)
        more = len(found) > limit
        rows = tuple(row for _, _, row in found[:limit])
        return Page(items=rows, next=encode_cursor(correlation_rank(rows[-1]), rows[-1].id) if more else None)

    async def analysis(self, pattern_ids: Sequence[PatternId]) -> Mapping[PatternId, PatternAnalysis]:
        """Return what is known of these patterns."""
        return {number: self._analysis[number] for number in pattern_ids if number in self._analysis}

    async def analyses(
        self, where: AnalysisFilter, *, limit: int, cursor: str | None
    ) -> Page[PatternAnalysis]:
        """Return analysed patterns, that of the highest risk first."""
        after = number_cursor(cursor)
        found = [one for one in self._analysis.values() if _is_analysed(one, where)]
        if after is not None:
            start = after[0], cursor_number(after[1])
            found = [one for one in found if (risk_rank(one.risk), one.pattern_id) < start]
        found.sort(key=lambda one: (risk_rank(one.risk), one.pattern_id), reverse=True)
        more = len(found) > limit
        shown = tuple(found[:limit])
        return Page(
            items=shown, next=encode_cursor(risk_rank(shown[-1].risk), shown[-1].pattern_id) if more else None
        )

    async def changes(
        self,
        *,
        project_ids: tuple[ProjectId, ...] = (),
        since: datetime | None = None,
        until: datetime | None = None,
        kinds: tuple[ChangeKind, ...] = (),
        limit: int,
        cursor: str | None = None,
    ) -> Page[Change]:
        """Return what was changed in [since, until), newest first."""
        found = [
            (change.at, change.id, change)
            for change in self._changes
            if (not project_ids or change.project_id in project_ids)
            and (since is None or change.at >= since)
            and (until is None or change.at < until)
            and (not kinds or change.kind in kinds)
        ]
        return _page_by_time(found, limit, cursor)

    async def runs(self, *, limit: int) -> tuple[AnalysisRun, ...]:
        """Return the newest runs, newest first."""
        return tuple(sorted(self._runs, key=lambda run: run.started_at, reverse=True)[:limit])

    async def latest_runs(self) -> tuple[AnalysisRun, ...]:
        """Return the newest run of each step, in order of the steps' names."""
        latest = {run.step: run for run in sorted(self._runs, key=lambda run: run.started_at)}
        return tuple(latest[step] for step in sorted(latest))

    async def feedback(self, *, project_ids: tuple[ProjectId, ...] = ()) -> Mapping[str, FeedbackCount]:
        """Return what persons said, by recommendation."""
        counts: dict[str, FeedbackCount] = {}
        for one in self._feedback.values():
            if not project_ids or one.project_id in project_ids:
                known = counts.get(one.recommendation, FeedbackCount())
                counts[one.recommendation] = FeedbackCount(
                    helped=known.helped + one.has_helped, not_helped=known.not_helped + (not one.has_helped)
                )
        return counts

    async def fixes(self, pattern_ids: Sequence[PatternId]) -> Mapping[PatternId, Fix]:
        """Return how these patterns were resolved."""
        return {number: self.resolved[number] for number in pattern_ids if number in self.resolved}

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id


def _is_wanted(anomaly: Anomaly, where: AnomalyFilter) -> bool:
    return (
        (not where.project_ids or anomaly.scope.project_id in where.project_ids)
        and where.scope_kind in {None, anomaly.scope.kind}
        and where.scope_key in {None, anomaly.scope.key}
        and where.scale in {None, anomaly.scale}
        and (where.since is None or anomaly.ended_at is None or anomaly.ended_at > where.since)
        and (where.until is None or anomaly.started_at < where.until)
        and where.is_open in {None, anomaly.ended_at is None}
        and where.kind in {None, anomaly.kind}
        and anomaly.score >= where.min_score
    )


def _is_between(row: CorrelationRow, where: CorrelationFilter) -> bool:
    ends = row.first, row.second
    return (
        (not where.project_ids or any(end.project_id in where.project_ids for end in ends))
        and (where.pattern_id is None or any(end.pattern_id == where.pattern_id for end in ends))
        and row.score >= where.min_score
    )


def _is_analysed(one: PatternAnalysis, where: AnalysisFilter) -> bool:
    return (
        (not where.project_ids or one.project_id in where.project_ids)
        and (not where.states or one.state in where.states)
        and (
            where.state_since is None
            or (one.state_since is not None and one.state_since >= where.state_since)
        )
        and where.family in {None, one.family}
        and (one.risk or 0.0) >= where.min_risk
    )


def _page_by_time(found: Iterable[tuple[datetime, int, _T]], limit: int, cursor: str | None) -> Page[_T]:
    """Return the rows (time, id, row) behind a cursor, newest first."""
    after = time_cursor(cursor)
    rows = sorted(found, key=lambda row: row[:2], reverse=True)
    if after is not None:
        rows = [row for row in rows if row[:2] < (after[0], cursor_number(after[1]))]
    more = len(rows) > limit
    shown = rows[:limit]
    return Page(
        items=tuple(row for _, _, row in shown),
        next=encode_cursor(shown[-1][0], shown[-1][1]) if more else None,
    )
