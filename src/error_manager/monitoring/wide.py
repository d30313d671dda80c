"""Which anomalies of modules, severities and projects no pattern explains (seed box: Dashboard). Pure.

A pattern that goes wrong moves the series it is part of. When most of the excess of such a series comes from
its patterns, it is evidence for what is told of them; of series that move together the narrowest is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from error_manager.core.types import PatternId
from error_manager.monitoring.finding import BIRTH, AnomalyFinding, PatternFacts, StateFinding
from error_manager.monitoring.incident import TOGETHER
from error_manager.monitoring.sentence import TargetKind

MOST_EXPLAINED: Final = 0.5
"""A series is explained by what has this share of its excess, or more."""
BEFORE: Final = timedelta(hours=6)
"""A pattern's anomaly that began so much earlier may be what a wide series shows later."""
LEAST_DEPARTURE: Final = 1.25
"""A rate within a quarter of what was expected, up or down, makes no sentence."""
_HOUR_MIN: Final = 60.0
_NARROW_FIRST: Final[Mapping[TargetKind, int]] = MappingProxyType(
    {TargetKind.MODULE: 0, TargetKind.SEVERITY: 1, TargetKind.PROJECT: 2}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wide:
    """Anomalies of wide series: the ones to tell, and the ones that a pattern explains, by that pattern."""

    told: tuple[AnomalyFinding, ...]
    wider: Mapping[PatternId, list[AnomalyFinding]]


def is_telling(one: AnomalyFinding) -> bool:
    """Return whether a rate differs from what was expected by enough to say both in a sentence."""
    if one.kind == BIRTH or one.expected <= 0:
        return True
    return not 1.0 / LEAST_DEPARTURE < one.observed / one.expected < LEAST_DEPARTURE


def unexplained(
    anomalies: Sequence[AnomalyFinding],
    patterns: Mapping[PatternId, PatternFacts],
    states: Iterable[StateFinding],
) -> Wide:
    """Return which anomalies of wide series are to be told.

    Not told is one whose patterns' own anomalies have most of its excess (at the same time, in the same
    direction), of which a pattern came into another state within a quarter of an hour, or that moves together
    with a narrower one that is told.

    Args:
        anomalies: of patterns and wide series, in the order they are to be told.
        patterns: that may be told, by id.
        states: that are told.
    """
    own = [
        (one, patterns[one.pattern_id])
        for one in anomalies
        if one.pattern_id is not None and one.pattern_id in patterns
    ]
    own.sort(key=lambda pair: abs(_excess(pair[0])))  # of one pattern the clearest counts
    moved = [(patterns[one.pattern_id], one.since) for one in states]
    told: list[AnomalyFinding] = []
    wider: dict[PatternId, list[AnomalyFinding]] = {}
    wide = (one for one in anomalies if one.pattern_id is None)
    for one in sorted(wide, key=lambda each: _NARROW_FIRST.get(each.scope.kind, len(_NARROW_FIRST))):
        causes = {facts.id: each for each, facts in own if _is_part(facts, one) and _is_at_once(each, one)}
        share = sum(map(_excess, causes.values())) / _excess(one) if _excess(one) else 0.0
        near = [facts.id for facts, at in moved if _is_part(facts, one) and _is_near(at, one.started_at)]
        if causes and share >= MOST_EXPLAINED:
            largest = max(causes, key=lambda number: (abs(_excess(causes[number])), -number))
            wider.setdefault(largest, []).append(one)
        elif near:
            wider.setdefault(min(near), []).append(one)
        elif not any(_is_same(one, other) for other in told):
            told.append(one)
    return Wide(told=tuple(told), wider=wider)


def _is_part(pattern: PatternFacts, wide: AnomalyFinding) -> bool:
    """Return whether the errors of a pattern count in a wide series."""
    if pattern.project_id != wide.scope.project_id:
        return False
    match wide.scope.kind:
        case TargetKind.MODULE:
            return pattern.module == wide.scope.key
        case TargetKind.SEVERITY:
            return pattern.severity.value == wide.scope.key
        case _:
            return True


def _is_at_once(one: AnomalyFinding, wide: AnomalyFinding) -> bool:
    """Return whether an anomaly goes the same way at the time of a wide one."""
    is_begun = one.started_at >= wide.started_at - BEFORE
    is_in_time = wide.ended_at is None or one.started_at <= wide.ended_at
    is_lasting = one.ended_at is None or one.ended_at >= wide.started_at - TOGETHER
    return is_begun and is_in_time and is_lasting and _excess(one) * _excess(wide) > 0


def _is_same(one: AnomalyFinding, told: AnomalyFinding) -> bool:
    """Return whether a told anomaly of the same project explains another."""
    if one.scope.project_id != told.scope.project_id or not _is_near(one.started_at, told.started_at):
        return False
    return _excess(told) * _excess(one) > 0 and abs(_excess(told)) >= MOST_EXPLAINED * abs(_excess(one))


def _is_near(one: datetime, other: datetime) -> bool:
    return abs(one - other) <= TOGETHER


def _excess(one: AnomalyFinding) -> float:
    """Return errors per minute beyond what was expected; below 0 where they fail to come."""
    return (one.observed - one.expected) / (_HOUR_MIN if one.per == "hour" else 1.0)
