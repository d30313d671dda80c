"""From the findings to the eyes, and what people tell the analysis (seed box: Real-time Monitoring Flow)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import msgspec

from error_manager.analysis.collection import gaps
from error_manager.analysis.usual import Expected, Usual, expected
from error_manager.core.errors import ValidationError
from error_manager.core.limits import MAX_LABEL_CHARS, MAX_NOTE_CHARS
from error_manager.core.types import FieldError, PatternId, ProjectId
from error_manager.core.validator import too_long
from error_manager.flows import indexing, monitoring
from error_manager.flows.progress import analysis_progress
from error_manager.flows.services import QueryServices
from error_manager.monitoring.answers import Answers, Similar, alike, relations
from error_manager.monitoring.dashboard import STEP
from error_manager.storage.base import Collection, HistoryPoint, PatternRow, Window
from error_manager.storage.findings import (
    AnomalyFilter,
    Change,
    CorrelationFilter,
    Feedback,
    PatternAnalysis,
    Scope,
    ScopeKind,
)
from error_manager.storage.vectors import PatternKey

_PAIRS: Final = 50
_ANOMALIES: Final = 50
_EFFECTS: Final = timedelta(days=15)
"""Relations look back 14 days."""
_CHANGES: Final = 100
_REASONS: Final = 6
"""Rows that the page of a pattern reads at most of each."""


async def pattern_analysis(svc: QueryServices, pattern_id: PatternId) -> PatternAnalysis:
    """Return what is known of a pattern; of one that was not analysed yet, that nothing is.

    Raises:
        NotFoundError: there is no such pattern.
    """
    pattern = await svc.queries.pattern(pattern_id)
    found = (await svc.findings.analysis([pattern.id])).get(pattern.id)
    return found or PatternAnalysis(
        project_id=pattern.project_id, pattern_id=pattern.id, updated_at=pattern.first_seen
    )


async def answers(
    svc: QueryServices, pattern: PatternRow, history: Sequence[HistoryPoint], *, shown: Window
) -> Answers:
    """Return what the analysis found of a pattern, for its page over the time that is shown."""
    scope = Scope(project_id=pattern.project_id, kind=ScopeKind.PATTERN, key=str(pattern.id))
    unusual = AnomalyFilter(
        project_ids=(pattern.project_id,),
        scope_kind=scope.kind,
        scope_key=scope.key,
        since=shown.since,
        until=shown.until,
    )
    known, pairs, anomalies, forecasts, changes, collection = await asyncio.gather(
        svc.findings.analysis([pattern.id]),
        svc.findings.correlations(CorrelationFilter(pattern_id=pattern.id), limit=_PAIRS, cursor=None),
        svc.findings.anomalies(unusual, limit=_ANOMALIES, cursor=None),
        svc.findings.forecasts(scope),
        svc.findings.changes(
            project_ids=(pattern.project_id,),
            since=min(shown.since, shown.until - _EFFECTS),  # a change may be older than the chart
            until=shown.until,
            limit=_CHANGES,
        ),
        svc.queries.collection(since=shown.since),
    )
    analysis = known.get(pattern.id)
    neighbours = (analysis.neighbours if analysis else None) or ()
    others = {end.pattern_id for row in pairs.items for end in (row.first, row.second) if end.pattern_id}
    alike_ids = [one.pattern_id for one in neighbours]
    rows, fixes = await asyncio.gather(
        svc.queries.patterns(sorted(others.union(alike_ids) - {pattern.id})), svc.findings.fixes(alike_ids)
    )
    by_id = {change.id: change for change in changes.items}
    before, after, causes = relations(pattern.id, pairs.items, rows, by_id)
    return Answers(
        analysis=analysis,
        before=before,
        after=after,
        changes_before=causes,
        similar=alike(pattern.id, neighbours, rows, fixes),
        anomalies=anomalies.items,
        changes=changes.items,
        forecasts=forecasts,
        usual=_usual(svc, analysis, history, collection, shown),
        progress=await analysis_progress(svc, (pattern.project_id,)),
    )


async def usual_history(
    svc: QueryServices, pattern: PatternRow, history: Sequence[HistoryPoint], *, shown: Window
) -> tuple[Expected | None, ...]:
    """Return what is usual in each bucket of a pattern's history; empty when that is not known."""
    known, collection = await asyncio.gather(
        svc.findings.analysis([pattern.id]), svc.queries.collection(since=shown.since)
    )
    return _usual(svc, known.get(pattern.id), history, collection, shown)


def _usual(
    svc: QueryServices,
    analysis: PatternAnalysis | None,
    history: Sequence[HistoryPoint],
    collection: Collection,
    shown: Window,
) -> tuple[Expected | None, ...]:
    found = (analysis.season or {}).get("usual") if analysis else None
    if found is None:
        return ()
    now = svc.clock()
    missing = gaps(
        [(start.timestamp(), end.timestamp()) for start, end in collection.spans],
        start_s=shown.since.timestamp(),
        end_s=now.timestamp(),
        since_s=collection.first.timestamp() if collection.first else float("inf"),
    )
    return expected(
        msgspec.convert(found, Usual),
        [point.start for point in history],
        bucket_s=int(STEP[shown.bucket].total_seconds()),
        now=now,
        gaps=missing,
    )


async def similar_patterns(
    svc: QueryServices, pattern_id: PatternId, *, limit: int
) -> tuple[tuple[Similar, ...], bool]:
    """Return the patterns most like one, with their reasons and fixes, and whether the index is away.

    Raises:
        NotFoundError: there is no such pattern.
    """
    pattern = await svc.queries.pattern(pattern_id)
    key = PatternKey(project_id=pattern.project_id, pattern_id=pattern.id)
    return await _named(svc, await indexing.similar_to(svc.index, key, limit=limit))


async def patterns_like(
    svc: QueryServices, text: str, *, project_ids: tuple[ProjectId, ...] = (), limit: int
) -> tuple[tuple[Similar, ...], bool]:
    """Return the patterns that are like a text (a trace, a message, words), and whether the index is away."""
    found = await indexing.search_like(svc.index, text, project_ids=project_ids, limit=limit)
    return await _named(svc, found)


async def _named(svc: QueryServices, answer: indexing.SimilarAnswer) -> tuple[tuple[Similar, ...], bool]:
    ids = [one.key.pattern_id for one in answer.patterns]
    rows, fixes = await asyncio.gather(svc.queries.patterns(ids), svc.findings.fixes(ids))
    found = tuple(
        Similar(
            pattern=rows[one.key.pattern_id],
            score=one.similarity,
            reasons=tuple(feature.text for feature in one.shared[:_REASONS]),
            fix=fixes.get(one.key.pattern_id),
        )
        for one in answer.patterns
        if one.key.pattern_id in rows
    )
    return found, answer.is_degraded


async def give_feedback(
    svc: QueryServices, pattern_id: PatternId, key: str, *, has_helped: bool, person_id: int | None
) -> None:
    """Keep whether a recommendation has helped with a pattern.

    Raises:
        NotFoundError: there is no such pattern.
        ValidationError: the pattern has no such recommendation.
    """
    known = await pattern_analysis(svc, pattern_id)
    keys = [item.key for item in known.recommendations or ()]
    if key not in keys:
        message = f"expected one of {', '.join(keys)}" if keys else "the pattern has no recommendations"
        raise ValidationError([FieldError(path="key", message=message)])
    await svc.findings.add_feedback(
        Feedback(
            project_id=known.project_id,
            pattern_id=known.pattern_id,
            recommendation=key,
            has_helped=has_helped,
            person_id=person_id,
            at=svc.clock(),
        )
    )


async def add_change(svc: QueryServices, change: Change) -> Change:
    """Keep a release, a deploy or a change of configuration, and return it with its id.

    Raises:
        NotFoundError: there is no such project.
        ValidationError: names every wrong field.
    """
    await monitoring.find_project(svc, change.project_id)
    wrong = list(
        too_long(
            ("version", change.version, MAX_LABEL_CHARS),
            ("environment", change.environment, MAX_LABEL_CHARS),
            ("note", change.note, MAX_NOTE_CHARS),
        )
    )
    if not change.version and not change.note:
        wrong.append(FieldError(path="version", message="a version or a note is needed"))
    if wrong:
        raise ValidationError(wrong)
    return await svc.findings.add_change(change)
