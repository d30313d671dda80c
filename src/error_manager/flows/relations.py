"""Which patterns follow which, and which rose after a change (seed box: Correlation Engine).

All projects of an organization are looked at together: what fails in one may begin in another.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from error_manager.analysis.aggregator import Floats, Integers, gaps, places
from error_manager.analysis.anomaly_alert import Kind as AnomalyKind
from error_manager.analysis.change_effects import ChangeEffect, relate_changes
from error_manager.analysis.correlation import Relation, correlate
from error_manager.analysis.explanation import Kind
from error_manager.analysis.fine_timing import LONGEST_S, Following, Stretch, follow_closely
from error_manager.core.types import PatternId, ProjectId
from error_manager.flows.rollouts import read_rollouts
from error_manager.storage.analysis_source import AnalysedProject, AnalysisSource, EventRows, PatternFact
from error_manager.storage.findings import (
    Anomaly,
    AnomalyFilter,
    Change,
    CorrelationEnd,
    CorrelationRow,
    CorrelationSet,
    FindingStore,
    ScopeKind,
)

WINDOW: Final = timedelta(days=14)
"""Links are looked for in the errors of two weeks."""
NEWEST: Final = 3_000
"""Errors of a pattern that are looked at, the newest: a hot pattern is known over a shorter time."""
MOST_EVENTS: Final = 6_000_000
"""Errors of an organization that are looked at, at most, about 120 bytes each; of more than 2,000 patterns
fewer of each are."""
MOST_COMPARED: Final = 6_000
"""Patterns of an organization that are compared, each with each: the time grows with their square."""
_FEWEST: Final = 100
_LEFT_OUT: Final = "{:,} of {:,} patterns compared: those with the most errors in two weeks"
IN_INCIDENT: Final = "incident"
"""Kind of a relation that was seen second by second within incidents, not over days."""
_BIRTH: Final = AnomalyKind.BIRTH.value
_MOST_ANOMALIES: Final = 1_000
_MOST_STRETCHES: Final = 500

Gaps = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stream:
    """Events of an organization: ``codes`` are places in ``patterns``; ``since_s`` as of ``correlate``.

    ``first_s`` is when each project had its first error: what was before it is not known.
    """

    patterns: tuple[tuple[ProjectId, PatternFact], ...]
    times_s: Floats
    codes: Integers
    since_s: Floats
    first_s: Mapping[ProjectId, float]
    observed_s: tuple[float, float]
    gaps_s: Gaps


async def find_relations(
    source: AnalysisSource,
    findings: FindingStore,
    organization_id: int,
    projects: Sequence[AnalysedProject],
    *,
    until: datetime,
    most: int = MOST_COMPARED,
    note: Callable[[str], None] = lambda _text: None,
) -> tuple[CorrelationSet, int]:
    """Return the relations of an organization, and of how many errors they were found.

    Args:
        source: where to read.
        findings: where changes and anomalies are.
        organization_id: whose.
        projects: all of it.
        until: a whole hour.
        most: patterns to compare; of more, those with the most errors.
        note: takes what is to be known when some were left out.
    """
    everything = await _read(source, projects, until)
    stream = _most_active(everything, most)
    if stream is not everything:
        note(_LEFT_OUT.format(len(stream.patterns), len(everything.patterns)))
    if stream.observed_s[0] >= stream.observed_s[1]:  # the first error came after this hour
        return CorrelationSet(organization_id=organization_id, rows=()), 0
    project_ids = tuple(project.id for project in projects)
    changes = await read_rollouts(findings, project_ids, since=until - WINDOW, until=until)
    anomalies = await _rises(findings, project_ids, until)
    rows = await asyncio.to_thread(_related, stream, changes, anomalies, organization_id, until)
    return CorrelationSet(organization_id=organization_id, rows=rows), len(stream.times_s)


def causes_of(relations: CorrelationSet | None) -> Mapping[PatternId, float]:
    """Return the sum of the scores of the relations in which each pattern comes first."""
    sums: dict[PatternId, float] = {}
    for row in relations.rows if relations else ():
        if row.first.pattern_id is not None:
            sums[row.first.pattern_id] = sums.get(row.first.pattern_id, 0.0) + row.score
    return sums


def newest_of(patterns: int) -> int:
    """Return how many errors of each of so many patterns are looked at."""
    return max(_FEWEST, min(NEWEST, MOST_EVENTS // max(1, patterns)))


async def _read(source: AnalysisSource, projects: Sequence[AnalysedProject], until: datetime) -> _Stream:
    since = until - WINDOW
    patterns: list[tuple[ProjectId, PatternFact]] = []
    parts: list[tuple[Floats, Integers]] = []
    complete: list[Floats] = []
    known = [(project, await source.patterns(project.id, since=since)) for project in projects]
    newest = newest_of(sum(len(facts) for _, facts in known))
    for project, facts in known:
        events = await source.events(project.id, since=since, until=until, newest=newest)
        times, codes, since_s = await asyncio.to_thread(_ordered, facts, events, since.timestamp())
        parts.append((times, codes + len(patterns)))
        complete.append(since_s)
        patterns += [(project.id, fact) for fact in facts]
    first = await source.first_span()
    spans = [(start.timestamp(), end.timestamp()) for start, end in await source.spans(since=since)]
    began: dict[ProjectId, float] = {}
    for project_id, fact in patterns:
        seen_s = fact.first_seen.timestamp()
        began[project_id] = max(since.timestamp(), min(seen_s, began.get(project_id, seen_s)))
    observed = min(began.values(), default=since.timestamp()), until.timestamp()
    return _Stream(
        patterns=tuple(patterns),
        times_s=np.concatenate([times for times, _ in parts] or [np.zeros(0)]),
        codes=np.concatenate([codes for _, codes in parts] or [np.zeros(0, dtype=np.int64)]),
        since_s=np.concatenate(complete or [np.zeros(0)]),
        first_s=began,
        observed_s=observed,
        gaps_s=gaps(
            spans,
            start_s=observed[0],
            end_s=observed[1],
            since_s=first.timestamp() if first else math.inf,
        ),
    )


def _most_active(stream: _Stream, most: int) -> _Stream:
    """Return the events of the patterns that have the most."""
    if len(stream.patterns) <= most:
        return stream
    counts = np.bincount(stream.codes, minlength=len(stream.patterns))
    kept = np.sort(np.argsort(-counts, kind="stable")[:most])
    codes = places(kept, stream.codes)
    return replace(
        stream,
        patterns=tuple(stream.patterns[code] for code in kept.tolist()),
        times_s=stream.times_s[codes >= 0],
        codes=codes[codes >= 0],
        since_s=stream.since_s[kept],
    )


def _ordered(
    facts: Sequence[PatternFact], events: EventRows, start_s: float
) -> tuple[Floats, Integers, Floats]:
    """Return the times of each pattern, sorted, whose they are, and since when they are all there are."""
    ids = np.array([fact.id for fact in facts], dtype=np.int64)
    codes = places(ids, events.keys)
    times, codes = events.times_s[codes >= 0], codes[codes >= 0]
    order = np.lexsort((times, codes))
    since_s = np.array([events.cut_s.get(fact.id, start_s) for fact in facts], dtype=np.float64)
    return times[order], codes[order], since_s


async def _rises(
    findings: FindingStore, project_ids: tuple[ProjectId, ...], until: datetime
) -> tuple[Anomaly, ...]:
    """Return the anomalies of patterns that came more often than usual, newest first."""
    where = AnomalyFilter(
        project_ids=project_ids,
        scope_kind=ScopeKind.PATTERN,
        since=until - WINDOW,
        until=until,
    )
    page = await findings.anomalies(where, limit=_MOST_ANOMALIES, cursor=None)
    return tuple(one for one in page.items if one.kind == _BIRTH or one.observed > one.expected)


def _related(
    stream: _Stream,
    changes: Sequence[Change],
    anomalies: Sequence[Anomaly],
    organization_id: int,
    until: datetime,
) -> tuple[CorrelationRow, ...]:
    relations = correlate(
        stream.times_s,
        stream.codes,
        n_patterns=len(stream.patterns),
        observed=stream.observed_s,
        gaps=stream.gaps_s,
        changes=[change.at.timestamp() for change in changes],
        since=stream.since_s,
    )
    direct = [one for one in relations if one.kind is Kind.DIRECT]
    known = {frozenset((one.cause, one.effect)) for one in direct}
    stretches = [
        one for one in _stretches(stream, anomalies) if frozenset((one.first, one.second)) not in known
    ]
    close = follow_closely(_lines(stream, stretches), stretches)
    return (
        *(_relation(stream, one, organization_id, until) for one in direct),
        *(_close(stream, one, len(stretches), organization_id, until) for one in close),
        *_changed(stream, changes, organization_id, until),
    )


def _stretches(stream: _Stream, anomalies: Sequence[Anomaly]) -> list[Stretch]:
    """Return when pairs of patterns were unusual together, as far as all errors of both are known."""
    codes = {str(fact.id): code for code, (_, fact) in enumerate(stream.patterns)}
    ends = stream.observed_s[1]
    mine = [
        (
            one.started_at.timestamp() - LONGEST_S,
            (one.ended_at.timestamp() if one.ended_at else ends) + LONGEST_S,
            codes[one.scope.key],
        )
        for one in anomalies
        if one.scope.key in codes
    ]
    mine.sort()
    found: list[Stretch] = []
    for place, (_, end_s, code) in enumerate(mine):
        for other_start_s, other_end_s, other in mine[place + 1 :]:
            if other_start_s >= end_s or len(found) == _MOST_STRETCHES:
                break
            first, second = sorted((code, other))
            since_s = max(other_start_s, stream.since_s[first], stream.since_s[second])
            until_s = min(end_s, other_end_s)
            if first != second and since_s < until_s:
                found.append(Stretch(first=first, second=second, start_s=since_s, end_s=until_s))
    return found


def _lines(stream: _Stream, stretches: Sequence[Stretch]) -> dict[int, Floats]:
    wanted = {code for one in stretches for code in (one.first, one.second)}
    return {code: np.sort(stream.times_s[stream.codes == code]) for code in sorted(wanted)}


def _changed(
    stream: _Stream, changes: Sequence[Change], organization_id: int, until: datetime
) -> Iterable[CorrelationRow]:
    """Yield what rose or was born after a change of its own project."""
    owners = np.array([project_id for project_id, _ in stream.patterns], dtype=np.int64)
    for project_id in sorted({change.project_id for change in changes} & stream.first_s.keys()):
        mine = [change for change in changes if change.project_id == project_id]
        is_here = owners[stream.codes] == project_id
        effects = relate_changes(
            stream.times_s[is_here],
            stream.codes[is_here],
            [change.at.timestamp() for change in mine],
            n_patterns=len(stream.patterns),
            observed=(stream.first_s[project_id], stream.observed_s[1]),
            gaps=stream.gaps_s,
            since=stream.since_s,
        )
        for effect in effects:
            yield _effect(stream, mine[effect.change], effect, organization_id, until)


def _relation(stream: _Stream, one: Relation, organization_id: int, until: datetime) -> CorrelationRow:
    return CorrelationRow(
        organization_id=organization_id,
        first=_end(stream, one.cause),
        second=_end(stream, one.effect),
        kind=one.kind.value,
        score=one.score,
        window_s=math.ceil(one.window_s),
        gap_ms=_ms(one.lag_s),
        gap_low_ms=_ms(one.lag_spread_s[0]),
        gap_high_ms=_ms(one.lag_spread_s[1]),
        support=one.support,
        trials=one.occasions,
        base=one.base_share,
        lift=one.lift,
        q_value=one.q_value,
        created_at=until,
    )


def _close(
    stream: _Stream, one: Following, tests: int, organization_id: int, until: datetime
) -> CorrelationRow:
    return CorrelationRow(
        organization_id=organization_id,
        first=_end(stream, one.cause),
        second=_end(stream, one.effect),
        kind=IN_INCIDENT,
        score=one.score,
        window_s=math.ceil(one.high_s),
        gap_ms=_ms(one.lag_s),
        gap_low_ms=_ms(one.lag_spread_s[0]),
        gap_high_ms=_ms(one.lag_spread_s[1]),
        support=one.support,
        trials=one.occasions,
        base=one.base_share,
        lift=one.lift,
        q_value=min(1.0, one.p_value * tests),
        created_at=until,
    )


def _effect(
    stream: _Stream, change: Change, one: ChangeEffect, organization_id: int, until: datetime
) -> CorrelationRow:
    """Return a change as the first side: ``support`` errors came after it, ``base`` of them as usual."""
    usual = one.before / one.before_s * one.after_s if one.before_s else 0.0
    return CorrelationRow(
        organization_id=organization_id,
        first=CorrelationEnd(project_id=change.project_id, pattern_id=None),
        second=_end(stream, one.pattern),
        kind=one.effect.value,
        score=one.score,
        window_s=math.ceil(one.after_s),
        gap_ms=_ms(one.delay_s),
        gap_low_ms=_ms(one.delay_s),
        gap_high_ms=_ms(one.delay_s),
        support=one.after,
        trials=one.after,
        base=min(1.0, usual / one.after),
        lift=one.ratio if math.isfinite(one.ratio) else float(one.after),
        q_value=one.q_value,
        created_at=until,
        change_id=change.id,
    )


def _end(stream: _Stream, code: int) -> CorrelationEnd:
    project_id, fact = stream.patterns[code]
    return CorrelationEnd(
        project_id=project_id, pattern_id=fact.id, error_code=fact.error_code, module=fact.module
    )


def _ms(seconds: float) -> int:
    return round(seconds * 1_000)
