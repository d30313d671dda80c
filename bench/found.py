"""Findings of every kind about the patterns of a project, for pages with all of their blocks filled."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from error_manager.core.types import PatternId, ProjectId
from error_manager.storage.findings import (
    AnalysisRun,
    Anomaly,
    Change,
    ChangeKind,
    CorrelationEnd,
    CorrelationRow,
    CorrelationSet,
    Evidence,
    Findings,
    ForecastRow,
    ForecastSet,
    ForecastSum,
    Neighbour,
    PatternAnalysis,
    Recommendation,
    RiskFactor,
    Scale,
    Scope,
    ScopeKind,
)
from error_manager.storage.postgres.connection import pool
from error_manager.storage.postgres.findings import PostgresFindings

_HOUR = timedelta(hours=1)
_ADVICE = ("Raise the pool", "Look at what holds connections", "Find code that keeps them")


def keep(url: str, project: int, patterns: Sequence[int]) -> None:
    """Store findings of every kind: the first pattern is before and like all others.

    Args:
        url: of the database.
        project: of all patterns.
        patterns: their ids, two or more.
    """
    asyncio.run(_keep(url, findings(project, patterns, now=datetime.now(UTC).replace(microsecond=0))))


def findings(project: int, patterns: Sequence[int], *, now: datetime) -> Findings:
    """Return findings of every kind of each of the patterns."""
    of, ids = ProjectId(project), [PatternId(one) for one in patterns]
    pairs = [(ids[0], one) for one in ids[1:]] + [(one, ids[0]) for one in ids[1:3]]
    return Findings(
        anomalies=tuple(_anomaly(of, one, now - place * _HOUR) for place, one in enumerate(ids)),
        patterns=tuple(_analysis(of, one, ids, now) for one in ids),
        changes=tuple(
            Change(project_id=of, at=now - hours * _HOUR, kind=ChangeKind.RELEASE, version=f"shop@2.{hours}",
                   environment="production", source="bench")
            for hours in (3, 9, 30)
        ),
        forecasts=ForecastSet(
            project_id=of, rows=tuple(_forecast(of, one, now) for one in ids)
        ),
        correlations=CorrelationSet(
            organization_id=1,
            rows=tuple(_correlation(of, *pair, now, place) for place, pair in enumerate(pairs)),
        ),
        run=AnalysisRun(step="recommendations", started_at=now, took_s=1.25, cpu_s=0.75, items=29_909),
    )  # fmt: skip


async def _keep(url: str, found: Findings) -> None:
    connections = pool(url, application_name="bench", max_size=1, autocommit=True)
    await connections.open()
    try:
        await PostgresFindings(connections).keep(found)
    finally:
        await connections.close()


def _anomaly(project: ProjectId, pattern: PatternId, at: datetime) -> Anomaly:
    return Anomaly(
        scope=Scope(project_id=project, kind=ScopeKind.PATTERN, key=str(pattern)),
        scale=Scale.MINUTE,
        kind="burst",
        started_at=at - 2 * _HOUR,
        ended_at=None,
        detected_at=at,
        updated_at=at,
        observed=0.19,
        expected=0.004,
        lower=0.0,
        upper=0.01,
        score=88.0,
    )


def _analysis(
    project: ProjectId, pattern: PatternId, ids: Sequence[PatternId], now: datetime
) -> PatternAnalysis:
    return PatternAnalysis(
        project_id=project,
        pattern_id=pattern,
        updated_at=now,
        state="rising",
        state_since=now - 40 * _HOUR,
        rates={"ratio": 3.4},
        risk=33.0,
        risk_factors=(
            RiskFactor(name="severity", points=22.0, reason="+22 fatal severity"),
            RiskFactor(name="users", points=15.0, reason="+15 hits 12 % of users (340)"),
            RiskFactor(name="age", points=-4.0, reason="-4 known for 14 days"),
        ),
        recommendations=tuple(
            Recommendation(
                key=f"pool.{place}", family="pool", action=f"{action}.", reason="No connection was free.",
                confidence=0.9 - place / 10, checks=("Read `pg_stat_activity`",), causes=("A slow query",),
                evidence=(Evidence(text="94 % on host db-1", link="/patterns?q=db-1"),),
            )
            for place, action in enumerate(_ADVICE)
        ),
        neighbours=tuple(
            Neighbour(project_id=project, pattern_id=one, score=0.8, reasons=("frame shop.db.connect",))
            for one in ids
            if one != pattern
        )[:5],
        family="pool",
        family_name="pools",
    )  # fmt: skip


def _forecast(project: ProjectId, pattern: PatternId, now: datetime) -> ForecastRow:
    return ForecastRow(
        scope=Scope(project_id=project, kind=ScopeKind.PATTERN, key=str(pattern)),
        step_s=3_600,
        start_at=now.replace(minute=0, second=0),
        made_at=now,
        point=(4.0,) * 24,
        lower80=(2.0,) * 24,
        upper80=(9.0,) * 24,
        lower95=(1.0,) * 24,
        upper95=(12.0,) * 24,
        sums=tuple(
            ForecastSum(span_s=span_s, point=4.0, lower80=2.0, upper80=9.0, lower95=1.0, upper95=12.0)
            for span_s in (86_400, 604_800)
        ),
    )


def _correlation(
    project: ProjectId, first: PatternId, second: PatternId, now: datetime, place: int
) -> CorrelationRow:
    return CorrelationRow(
        organization_id=1,
        first=CorrelationEnd(project_id=project, pattern_id=first),
        second=CorrelationEnd(project_id=project, pattern_id=second),
        kind="direct",
        score=0.9 - place / 50,
        window_s=60,
        gap_ms=4_000,
        gap_low_ms=3_000,
        gap_high_ms=6_000,
        support=41,
        trials=50,
        base=0.05,
        lift=16.0,
        q_value=0.001,
        created_at=now,
    )
