"""Reads what the analysis found (seed boxes: PostgreSQL Adapter, Correlation Tables)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from error_manager.core.errors import NotFoundError
from error_manager.core.types import PatternId, ProjectId
from error_manager.storage.base import Page
from error_manager.storage.findings import (
    AnalysisFilter,
    AnalysisRun,
    Anomaly,
    AnomalyFilter,
    Change,
    ChangeKind,
    CorrelationEnd,
    CorrelationFilter,
    CorrelationRow,
    FeedbackCount,
    Fix,
    ForecastRow,
    ForecastSum,
    Neighbour,
    PatternAnalysis,
    Recommendation,
    RiskFactor,
    Scale,
    Scope,
    ScopeKind,
    correlation_rank,
    risk_rank,
)
from error_manager.storage.keyset import cursor_number, encode_cursor, number_cursor, time_cursor
from error_manager.storage.postgres import named
from error_manager.storage.postgres.reader import Reader, some

_SQL: Final = named.load("findings.sql")


class FindingQueries(Reader):
    """The reading part of ``FindingStore``."""

    async def anomalies(self, where: AnomalyFilter, *, limit: int, cursor: str | None) -> Page[Anomaly]:
        """Return anomalies, the one that started last first."""
        values = {
            "projects": some(where.project_ids),
            "id": None,
            "scope_kind": where.scope_kind.value if where.scope_kind else None,
            "scope_key": where.scope_key,
            "scale": where.scale.value if where.scale else None,
            "since": where.since,
            "until": where.until,
            "is_open": where.is_open,
            "kind": where.kind,
            "min_score": where.min_score,
        }
        after = _after_time(cursor)
        rows = await self._rows(_SQL["read_anomalies"], **values, **after, limit=limit + 1)
        found = tuple(map(_anomaly, rows[:limit]))
        more = len(rows) > limit
        return Page(items=found, next=encode_cursor(found[-1].started_at, found[-1].id) if more else None)

    async def anomaly(self, anomaly_id: int, *, project_ids: tuple[ProjectId, ...] = ()) -> Anomaly:
        """Return one."""
        values = dict.fromkeys(("scope_kind", "scope_key", "scale", "since", "until", "is_open", "kind"))
        values |= {"projects": some(project_ids), "id": anomaly_id, "min_score": 0.0, **_after_time(None)}
        rows = await self._rows(_SQL["read_anomalies"], **values, limit=1)
        if not rows:
            raise NotFoundError(f"There is no anomaly {anomaly_id}.")
        return _anomaly(rows[0])

    async def forecasts(self, scope: Scope) -> tuple[ForecastRow, ...]:
        """Return the forecasts of a series, that of the shortest buckets first."""
        values = {"project": scope.project_id, "kind": scope.kind.value, "key": scope.key}
        rows = await self._rows(_SQL["read_forecasts"], **values)
        return tuple(
            ForecastRow(
                scope=scope,
                step_s=step_s,
                start_at=start_at,
                made_at=made_at,
                point=tuple(point),
                lower80=tuple(lower80),
                upper80=tuple(upper80),
                lower95=tuple(lower95),
                upper95=tuple(upper95),
                sums=msgspec.convert(sums, tuple[ForecastSum, ...]),
            )
            for step_s, start_at, made_at, point, lower80, upper80, lower95, upper95, sums in rows
        )

    async def correlations(
        self, where: CorrelationFilter, *, limit: int, cursor: str | None
    ) -> Page[CorrelationRow]:
        """Return correlations, the one with the highest score first."""
        values = {
            "projects": some(where.project_ids),
            "pattern": where.pattern_id,
            "min_score": where.min_score,
        }
        after = _after_number(cursor)
        rows = await self._rows(_SQL["read_correlations"], **values, **after, limit=limit + 1)
        found = tuple(map(_correlation, rows[:limit]))
        more = len(rows) > limit
        return Page(
            items=found, next=encode_cursor(correlation_rank(found[-1]), found[-1].id) if more else None
        )

    async def analysis(self, pattern_ids: Sequence[PatternId]) -> Mapping[PatternId, PatternAnalysis]:
        """Return what is known of these patterns."""
        rows = await self._rows(_SQL["read_analysis"], patterns=list(pattern_ids))
        return {found.pattern_id: found for found in map(_analysis, rows)}

    async def analyses(
        self, where: AnalysisFilter, *, limit: int, cursor: str | None
    ) -> Page[PatternAnalysis]:
        """Return analysed patterns, that of the highest risk first."""
        values = {
            "projects": some(where.project_ids),
            "states": list(where.states) or None,
            "state_since": where.state_since,
            "family": where.family,
            "min_risk": where.min_risk,
        }
        after = _after_number(cursor)
        rows = await self._rows(_SQL["read_analyses"], **values, **after, limit=limit + 1)
        found = tuple(map(_analysis, rows[:limit]))
        more = len(rows) > limit
        return Page(
            items=found, next=encode_cursor(risk_rank(found[-1].risk), found[-1].pattern_id) if more else None
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
        values = {
            "projects": some(project_ids),
            "since": since,
            "until": until,
            "kinds": [kind.value for kind in kinds] or None,
        }
        after = _after_time(cursor)
        rows = await self._rows(_SQL["read_changes"], **values, **after, limit=limit + 1)
        found = tuple(map(change_of, rows[:limit]))
        more = len(rows) > limit
        return Page(items=found, next=encode_cursor(found[-1].at, found[-1].id) if more else None)

    async def runs(self, *, limit: int) -> tuple[AnalysisRun, ...]:
        """Return the newest runs, newest first."""
        return tuple(map(_run, await self._rows(_SQL["read_runs"], limit=limit)))

    async def latest_runs(self) -> tuple[AnalysisRun, ...]:
        """Return the newest run of each step, in order of the steps' names."""
        return tuple(map(_run, await self._rows(_SQL["read_latest_runs"])))

    async def feedback(self, *, project_ids: tuple[ProjectId, ...] = ()) -> Mapping[str, FeedbackCount]:
        """Return what persons said, by recommendation."""
        rows = await self._rows(_SQL["read_feedback"], projects=some(project_ids))
        return {name: FeedbackCount(helped=helped, not_helped=against) for name, helped, against in rows}

    async def fixes(self, pattern_ids: Sequence[PatternId]) -> Mapping[PatternId, Fix]:
        """Return how these patterns were resolved."""
        rows = await self._rows(_SQL["read_fixes"], patterns=list(pattern_ids))
        found = (
            Fix(pattern_id=PatternId(pattern), at=at, note=note, release=release)
            for pattern, at, note, release in rows
        )
        return {fix.pattern_id: fix for fix in found}


def change_of(row: tuple[Any, ...]) -> Change:
    """Return a row of ``changes``."""
    number, project, at, kind, version, environment, source, note = row
    return Change(
        project_id=ProjectId(project),
        at=at,
        kind=ChangeKind(kind),
        version=version,
        environment=environment,
        source=source,
        note=note,
        id=number,
    )


def _after_time(cursor: str | None) -> dict[str, object]:
    after = time_cursor(cursor)
    return {"after": after[0] if after else None, "after_id": cursor_number(after[1]) if after else None}


def _after_number(cursor: str | None) -> dict[str, object]:
    after = number_cursor(cursor)
    return {"after": after[0] if after else None, "after_id": cursor_number(after[1]) if after else None}


def _anomaly(row: tuple[Any, ...]) -> Anomaly:
    number, project, scope_kind, scope_key, scale, kind, *rest = row
    started_at, ended_at, detected_at, updated_at, observed, expected, lower, upper, score, evidence = rest
    return Anomaly(
        scope=Scope(project_id=ProjectId(project), kind=ScopeKind(scope_kind), key=scope_key),
        scale=Scale(scale),
        kind=kind,
        started_at=started_at,
        ended_at=ended_at,
        detected_at=detected_at,
        updated_at=updated_at,
        observed=observed,
        expected=expected,
        lower=lower,
        upper=upper,
        score=score,
        evidence=evidence,
        id=number,
    )


def _correlation(row: tuple[Any, ...]) -> CorrelationRow:
    number, organization, *rest = row
    ends, (kind, score, window_s, *gaps), counts = rest[:8], rest[8:14], rest[14:]
    support, trials, base, lift, q_value, created_at, change_id = counts
    return CorrelationRow(
        organization_id=organization,
        first=_end(ends[:4]),
        second=_end(ends[4:]),
        kind=kind,
        score=score,
        window_s=window_s,
        gap_ms=gaps[0],
        gap_low_ms=gaps[1],
        gap_high_ms=gaps[2],
        support=support,
        trials=trials,
        base=base,
        lift=lift,
        q_value=q_value,
        created_at=created_at,
        change_id=change_id,
        id=number,
    )


def _end(columns: Sequence[Any]) -> CorrelationEnd:
    project, pattern, error_code, module = columns
    pattern_id = None if pattern is None else PatternId(pattern)
    return CorrelationEnd(
        project_id=ProjectId(project), pattern_id=pattern_id, error_code=error_code, module=module
    )


def _analysis(row: tuple[Any, ...]) -> PatternAnalysis:
    project, pattern, updated_at, state, state_since, rates, trend, season, risk, *rest = row
    factors, recommendations, neighbours, family, family_name = rest
    return PatternAnalysis(
        project_id=ProjectId(project),
        pattern_id=PatternId(pattern),
        updated_at=updated_at,
        state=state,
        state_since=state_since,
        rates=rates,
        trend=trend,
        season=season,
        risk=risk,
        risk_factors=msgspec.convert(factors, tuple[RiskFactor, ...] | None),
        recommendations=msgspec.convert(recommendations, tuple[Recommendation, ...] | None),
        neighbours=msgspec.convert(neighbours, tuple[Neighbour, ...] | None),
        family=family,
        family_name=family_name,
    )


def _run(row: tuple[Any, ...]) -> AnalysisRun:
    step, started_at, took_s, cpu_s, items, is_done, detail = row
    return AnalysisRun(
        step=step,
        started_at=started_at,
        took_s=took_s,
        cpu_s=cpu_s,
        items=items,
        is_done=is_done,
        detail=detail,
    )
