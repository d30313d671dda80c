"""Anomalies that belong together, and which of them came first (seed box: Dashboard). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from error_manager.core.types import PatternId
from error_manager.monitoring.finding import AnomalyFinding, CorrelationFinding

TOGETHER: Final = timedelta(minutes=15)
"""Anomalies that begin so near each other, of patterns that are related, are one incident."""
LEAST_SCORE: Final = 0.5
"""A relation below this is no reason to put two patterns into one incident."""

Relations = Mapping[tuple[PatternId, PatternId], CorrelationFinding]


@dataclass(frozen=True, slots=True, kw_only=True)
class Follower:
    """A pattern that an incident took with it: ``score`` is None when the first acts through another one.

    One that is not ``is_related`` began with the others, and nothing is known of why.
    """

    pattern_id: PatternId
    gap: timedelta
    score: float | None
    is_related: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Related patterns that went wrong together; ``first`` is the one that nothing else in it precedes.

    Those that are not related to it come last among the followers.
    """

    first: PatternId
    at: datetime
    followers: tuple[Follower, ...]
    anomalies: tuple[AnomalyFinding, ...]

    @property
    def patterns(self) -> tuple[PatternId, ...]:
        """Return its patterns, the first to come first."""
        return (self.first, *(follower.pattern_id for follower in self.followers))


def relations(found: Iterable[CorrelationFinding]) -> Relations:
    """Return the strongest relation of each directed pair that is strong enough to group by."""
    kept: dict[tuple[PatternId, PatternId], CorrelationFinding] = {}
    for one in sorted(found, key=lambda one: (one.score, one.gap, one.support, one.trials, one.found_at)):
        if one.score >= LEAST_SCORE and one.first != one.second:
            kept[one.first, one.second] = one
    return kept


def group(anomalies: Sequence[AnomalyFinding], related: Relations) -> tuple[Incident, ...]:
    """Return the incidents of two patterns or more, the earliest first.

    Two anomalies belong together when they begin within a quarter of an hour and their patterns are
    related in either direction; and so does what belongs to one of them. What is related to none of them, and
    began with them by the analysis (``incident``), is in it too.
    """
    of_patterns = sorted(
        (one for one in anomalies if one.pattern_id is not None),
        key=lambda one: (one.started_at, one.pattern_id or 0, one.kind),
    )
    clusters: list[list[AnomalyFinding]] = []
    for one in of_patterns:
        near = [cluster for cluster in clusters if any(_belong(one, other, related) for other in cluster)]
        merged = [other for cluster in near for other in cluster]
        clusters = [cluster for cluster in clusters if all(cluster is not other for other in near)]
        clusters.append([*merged, one])
    grown = [cluster for cluster in clusters if _size(cluster) > 1]
    alone = [one for cluster in clusters if _size(cluster) == 1 for one in cluster if one.incident]
    found = []
    for cluster in grown:
        names = {one.incident for one in cluster}
        found.append(_incident(cluster, [one for one in alone if one.incident in names], related))
        alone = [one for one in alone if one.incident not in names]
    return tuple(sorted(found, key=lambda incident: (incident.at, incident.first)))


def _size(cluster: Sequence[AnomalyFinding]) -> int:
    return len({one.pattern_id for one in cluster})


def _belong(one: AnomalyFinding, other: AnomalyFinding, related: Relations) -> bool:
    a, b = one.pattern_id, other.pattern_id
    if a is None or b is None or abs(one.started_at - other.started_at) > TOGETHER:
        return False
    return a == b or (a, b) in related or (b, a) in related


def _incident(
    cluster: Sequence[AnomalyFinding], beside: Sequence[AnomalyFinding], related: Relations
) -> Incident:
    starts: dict[PatternId, datetime] = {}
    for one in cluster:
        if one.pattern_id is not None:
            starts[one.pattern_id] = min(starts.get(one.pattern_id, one.started_at), one.started_at)
    preceded = {pair[1]: 0.0 for pair in related if pair[0] in starts and pair[1] in starts}
    for pair, relation in related.items():
        if pair[0] in starts and pair[1] in starts:
            back = related.get((pair[1], pair[0]))
            preceded[pair[1]] += relation.score - (back.score if back else 0.0)
    ranked = {one.pattern_id: one.place for one in cluster if one.pattern_id is not None and one.place}
    # The likeliest cause; else what nothing precedes, in a circle the one that is preceded least.
    first = min(
        starts,
        key=lambda pattern: (
            ranked.get(pattern, len(ranked) + 1),
            max(preceded.get(pattern, 0.0), 0.0),
            starts[pattern],
            pattern,
        ),
    )
    followers = sorted(
        (_follower(first, pattern, starts, related) for pattern in starts if pattern != first),
        key=lambda follower: (follower.gap, follower.pattern_id),
    )
    others = {one.pattern_id: one for one in beside if one.pattern_id not in starts}
    began = [_companion(first, one, cluster) for one in others.values()]
    every = (*cluster, *(one for one in beside if one.pattern_id in others))
    return Incident(
        first=first,
        at=min(one.started_at for one in every),
        followers=(*followers, *sorted(began, key=lambda follower: (follower.gap, follower.pattern_id))),
        anomalies=every,
    )


def _companion(first: PatternId, one: AnomalyFinding, cluster: Sequence[AnomalyFinding]) -> Follower:
    """Return a pattern that began with an incident; the gap is to the millisecond where that is known."""
    lead = next(each for each in cluster if each.pattern_id == first)
    gap = one.started_at - lead.started_at
    if one.offset is not None and lead.offset is not None:
        gap = one.offset - lead.offset
    return Follower(
        pattern_id=one.pattern_id or PatternId(0), gap=max(gap, timedelta()), score=None, is_related=False
    )


def _follower(
    first: PatternId, pattern: PatternId, starts: Mapping[PatternId, datetime], related: Relations
) -> Follower:
    direct = related.get((first, pattern))
    if direct is not None:
        return Follower(pattern_id=pattern, gap=direct.gap, score=direct.score)
    through = [
        related[first, middle].gap + related[middle, pattern].gap
        for middle in starts
        if (first, middle) in related and (middle, pattern) in related
    ]
    gap = min(through) if through else max(starts[pattern] - starts[first], timedelta())
    return Follower(pattern_id=pattern, gap=gap, score=None)
