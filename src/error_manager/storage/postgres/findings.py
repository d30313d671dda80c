"""The ``FindingStore`` of PostgreSQL (seed boxes: PostgreSQL Adapter, Correlation Tables)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import msgspec
import psycopg
import structlog
import zstandard
from psycopg.types.json import Jsonb

from error_manager.analysis.risk import effective_weight
from error_manager.core.errors import NotFoundError, StaleCursorError
from error_manager.core.types import PatternId, ProjectId
from error_manager.storage.findings import (
    RUNS_KEPT,
    AnalysisRun,
    AnalysisState,
    Anomaly,
    Change,
    CorrelationRow,
    CorrelationSet,
    Feedback,
    Findings,
    ForecastRow,
    ForecastSet,
    PatternAnalysis,
    RiskFactor,
    StateStep,
    joined_analyses,
    latest_anomalies,
    reweighted_analysis,
)
from error_manager.storage.postgres import named
from error_manager.storage.postgres.connection import translate
from error_manager.storage.postgres.finding_queries import FindingQueries, change_of
from error_manager.storage.postgres.reader import Pool

Connection = psycopg.AsyncConnection[tuple[Any, ...]]

_SQL: Final = named.load("findings.sql")
_MAX_STATE_BYTES: Final = 2**30
_REWEIGHED: Final = 500
"""Risks that are corrected in one transaction: their rows are locked as long, some 100 ms."""
_log = structlog.get_logger()


class PostgresFindings(FindingQueries):
    """``FindingStore`` over a pool of autocommit connections."""

    def __init__(self, pool: Pool, *, failpoint: Callable[[str], None] = lambda _step: None) -> None:
        """Keep the pool, and what is called at the steps that tests end a process at."""
        super().__init__(pool)
        self._failpoint = failpoint

    async def keep(self, findings: Findings) -> None:
        """Keep what a step found, in one transaction."""
        async with self._transaction() as connection:
            for step in findings.states:
                await _move(connection, step)
            await _records(connection, "keep_anomalies", map(_anomaly, latest_anomalies(findings.anomalies)))
            await _records(connection, "keep_patterns", map(_pattern, joined_analyses(findings.patterns)))
            await _records(connection, "keep_changes", map(_change, findings.changes))
            if findings.forecasts is not None:
                await _replace_forecasts(connection, findings.forecasts)
            if findings.correlations is not None:
                await _replace_correlations(connection, findings.correlations)
            if findings.run is not None:
                await _add_run(connection, findings.run)
            self._failpoint("before_findings_commit")
        self._failpoint("after_findings_commit")

    async def state(self, project_id: ProjectId, kind: str) -> AnalysisState | None:
        """Return where a step stands, None before its first time."""
        rows = await self._rows(_SQL["read_state"], project=project_id, kind=kind)
        if not rows:
            return None
        version, through_at, packed = rows[0]
        try:
            content = zstandard.decompress(bytes(packed), max_output_size=_MAX_STATE_BYTES)
        except zstandard.ZstdError as error:  # where it stood is known: the step begins anew from there
            _log.warning("state_unreadable", project_id=project_id, kind=kind, detail=str(error))
            content = b""
        return AnalysisState(
            project_id=project_id,
            kind=kind,
            version=version,
            through_at=through_at,
            content=content,
        )

    async def reached(self, kinds: Sequence[str]) -> Mapping[tuple[ProjectId, str], datetime]:
        """Return up to when steps have come in all projects."""
        rows = await self._rows(_SQL["read_reached"], kinds=list(kinds))
        return {(ProjectId(project), kind): through_at for project, kind, through_at in rows}

    async def forget_state(self, project_id: ProjectId, kind: str) -> None:
        """Remove where a step stands."""
        async with self._transaction() as connection:
            await connection.execute(_SQL["forget_state"], {"project": project_id, "kind": kind})

    async def reweigh(
        self, project_id: ProjectId, pattern_id: PatternId | None = None, *, most: int | None = None
    ) -> None:
        """Make the stored risks follow the business weights of now."""
        after = 0
        chosen = None if pattern_id is None else [int(pattern_id)]
        if chosen is None and most is not None:
            rows = await self._rows(_SQL["riskiest"], project=project_id, limit=most)
            chosen = [row[0] for row in rows]
        while True:
            async with self._transaction() as connection:
                ids = await _reweigh(connection, project_id, chosen, after=after)
            if len(ids) < _REWEIGHED:
                return
            after = ids[-1]

    async def start_anew(self, project_id: ProjectId) -> None:
        """Remove where all steps stand in a project, and its anomalies."""
        async with self._transaction() as connection:
            await connection.execute(_SQL["forget_states"], {"project": project_id})
            await connection.execute(_SQL["drop_anomalies"], {"project": project_id})

    async def add_change(self, change: Change) -> Change:
        """Keep a change and return it with its id; a release that is known stays as it is."""
        values = _change(change)
        async with self._transaction() as connection:
            cursor = await connection.execute(_SQL["keep_changes"], {"rows": Jsonb([values])})
            row = await cursor.fetchone()
            if row is not None:
                return replace(change, id=row[0])
            found = await (await connection.execute(_SQL["find_release"], values)).fetchone()
        if found is None:
            raise NotFoundError(f"There is no project {change.project_id}.")
        return change_of(found)

    async def add_feedback(self, feedback: Feedback) -> None:
        """Keep what a person says of a recommendation."""
        values = {
            "project": feedback.project_id,
            "pattern": feedback.pattern_id,
            "recommendation": feedback.recommendation,
            "has_helped": feedback.has_helped,
            "person": feedback.person_id,
            "at": feedback.at,
        }
        async with self._transaction() as connection:
            cursor = await connection.execute(_SQL["add_feedback"], values)
            if not cursor.rowcount:
                raise NotFoundError(f"There is no pattern {feedback.pattern_id} in this project.")

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Connection]:
        """Lend a connection for one transaction; what goes wrong in the database is translated."""
        try:
            async with self._pool.connection() as connection, connection.transaction():
                yield connection
        except psycopg.Error as error:
            raise translate(error) from error


async def _move(connection: Connection, step: StateStep) -> None:
    state = step.state
    values = {
        "project": state.project_id,
        "kind": state.kind,
        "version": state.version,
        "through_at": state.through_at,
        "content": zstandard.compress(state.content),
        "before": step.before,
    }
    cursor = await connection.execute(_SQL["move_state"], values)
    if cursor.rowcount != 1:
        raise StaleCursorError


async def _reweigh(
    connection: Connection, project: ProjectId, chosen: list[int] | None, *, after: int
) -> list[int]:
    """Correct the risks of the next patterns by id, of those chosen or of a project; return their ids."""
    asked = {"project": project, "chosen": chosen, "after": after, "limit": _REWEIGHED}
    ids = [row[0] for row in await (await connection.execute(_SQL["lock_risks"], asked)).fetchall()]
    cursor = await connection.execute(_SQL["read_risks"], {"project": project, "patterns": ids})
    corrected = []
    for number, updated_at, risk, factors, of_project, own in await cursor.fetchall():
        known = PatternAnalysis(
            project_id=project,
            pattern_id=PatternId(number),
            updated_at=updated_at,
            risk=risk,
            risk_factors=msgspec.convert(factors, tuple[RiskFactor, ...]),
        )
        found = reweighted_analysis(known, effective_weight(of_project, own))
        if found != known:
            corrected.append(found)
    await _records(connection, "set_risks", map(_pattern, corrected))
    return ids


async def _records(connection: Connection, statement: str, records: Iterable[dict[str, object]]) -> None:
    rows = list(records)
    if rows:
        await connection.execute(_SQL[statement], {"rows": Jsonb(rows)})


async def _replace_forecasts(connection: Connection, forecasts: ForecastSet) -> None:
    await connection.execute(_SQL["lock_forecasts"], {"project": forecasts.project_id})
    await connection.execute(_SQL["drop_forecasts"], {"project": forecasts.project_id})
    async with connection.cursor() as cursor:
        await cursor.executemany(_SQL["add_forecast"], (_forecast(row) for row in forecasts.rows))


async def _replace_correlations(connection: Connection, correlations: CorrelationSet) -> None:
    organization = {"organization": correlations.organization_id}
    await connection.execute(_SQL["lock_correlations"], organization)
    await connection.execute(_SQL["drop_correlations"], organization)
    if correlations.rows:
        rows = Jsonb([_correlation(row) for row in correlations.rows])
        await connection.execute(_SQL["add_correlations"], {**organization, "rows": rows})


async def _add_run(connection: Connection, run: AnalysisRun) -> None:
    values = {
        "step": run.step,
        "started_at": run.started_at,
        "took_s": run.took_s,
        "cpu_s": run.cpu_s,
        "items": run.items,
        "outcome": "done" if run.is_done else "failed",
        "detail": run.detail,
    }
    await connection.execute(_SQL["add_run"], values)
    await connection.execute(_SQL["drop_runs"], {"before": run.started_at - RUNS_KEPT})


def _anomaly(anomaly: Anomaly) -> dict[str, object]:
    return {
        "project_id": anomaly.scope.project_id,
        "scope_kind": anomaly.scope.kind.value,
        "scope_key": anomaly.scope.key,
        "scale": anomaly.scale.value,
        "kind": anomaly.kind,
        "started_at": anomaly.started_at.isoformat(),
        "ended_at": anomaly.ended_at.isoformat() if anomaly.ended_at else None,
        "detected_at": anomaly.detected_at.isoformat(),
        "updated_at": anomaly.updated_at.isoformat(),
        "observed": anomaly.observed,
        "expected": anomaly.expected,
        "lower": anomaly.lower,
        "upper": anomaly.upper,
        "score": anomaly.score,
        "evidence": anomaly.evidence,
    }


def _pattern(analysis: PatternAnalysis) -> dict[str, object]:
    built = msgspec.to_builtins(analysis)
    return {name: value for name, value in built.items() if value is not None}


def _change(change: Change) -> dict[str, object]:
    built: dict[str, object] = msgspec.to_builtins(change)
    return built


def _forecast(row: ForecastRow) -> dict[str, object]:
    return {
        "project_id": row.scope.project_id,
        "scope_kind": row.scope.kind.value,
        "scope_key": row.scope.key,
        "step_s": row.step_s,
        "start_at": row.start_at,
        "made_at": row.made_at,
        "point": list(row.point),
        "lower80": list(row.lower80),
        "upper80": list(row.upper80),
        "lower95": list(row.lower95),
        "upper95": list(row.upper95),
        "sums": Jsonb(msgspec.to_builtins(row.sums)),
    }


def _correlation(row: CorrelationRow) -> dict[str, object]:
    built: dict[str, object] = {
        name: getattr(row, name)
        for name in (
            "kind",
            "score",
            "window_s",
            "gap_ms",
            "gap_low_ms",
            "gap_high_ms",
            "support",
            "trials",
            "base",
            "lift",
            "q_value",
            "change_id",
        )
    }
    for number, end in ((1, row.first), (2, row.second)):
        built[f"project_id_{number}"] = end.project_id
        built[f"pattern_id_{number}"] = end.pattern_id
        built[f"error_code_{number}"] = end.error_code
        built[f"module_{number}"] = end.module
    return {**built, "created_at": row.created_at.isoformat()}
