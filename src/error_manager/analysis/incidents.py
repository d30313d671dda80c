"""Which open anomalies are one incident (seed box: Anomaly Detector)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from error_manager.analysis.link import Link, Scope

ONSET_S: Final = 180.0
"""Anomalies that begin within this time of the first of them have a common onset: starts are known to the
minute, and a detector needs one or two more."""


class Tie(StrEnum):
    """Why two anomalies belong together."""

    RELATION = "relation"
    ONSET = "onset"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAnomaly:
    """An anomaly as far as incidents look at it; ``end_s`` None = not over; ``score`` 0..100."""

    scope: Scope
    start_s: float
    end_s: float | None
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bond:
    """Two anomalies of an incident, the earlier first, and why they are in it together."""

    first: Scope
    second: Scope
    tie: Tie
    gap_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Anomalies that belong together.

    Attributes:
        anomalies: earliest first.
        bonds: what holds them together, earliest first; one fewer than anomalies, or more.
        start_s: begin of the first.
        end_s: end of the last, None while one is open.
        score: largest of the anomalies, 0..100.
    """

    anomalies: tuple[OpenAnomaly, ...]
    bonds: tuple[Bond, ...]
    start_s: float
    end_s: float | None
    score: float


def group_incidents(
    anomalies: Sequence[OpenAnomaly], links: Iterable[Link], *, now_s: float
) -> tuple[Incident, ...]:
    """Return the incidents a set of anomalies makes up; one that belongs to no other is an incident alone.

    Two belong together when they began within ONSET_S of a common first one, or when their patterns are
    related and they overlap in time, give or take the lag of the relation.

    Args:
        anomalies: open ones and those over not long ago, in any order.
        links: known relations between patterns.
        now_s: where open anomalies end, seconds since the epoch.

    Returns:
        Incidents, highest score first, then earliest. Each anomaly is in exactly one.
    """
    ordered = sorted(anomalies, key=lambda one: (one.start_s, one.scope, -one.score))
    bonds = [*_common_onsets(ordered), *_relations(ordered, links, now_s)]
    heads = list(range(len(ordered)))
    for first, second, _ in bonds:
        one, other = sorted((_head(heads, first), _head(heads, second)))
        heads[other] = one
    members: dict[int, list[int]] = defaultdict(list)
    for at in range(len(ordered)):
        members[_head(heads, at)].append(at)
    held: dict[int, list[Bond]] = defaultdict(list)
    for first, second, tie in sorted(bonds):
        earlier, later = ordered[first], ordered[second]
        gap_s = later.start_s - earlier.start_s
        bond = Bond(first=earlier.scope, second=later.scope, tie=tie, gap_s=gap_s)
        held[_head(heads, first)].append(bond)
    found = [_incident([ordered[at] for at in group], held[head]) for head, group in members.items()]
    return tuple(sorted(found, key=lambda one: (-one.score, one.start_s, one.anomalies[0].scope)))


def _common_onsets(ordered: list[OpenAnomaly]) -> list[tuple[int, int, Tie]]:
    """Return who began with whom; the first one sets the time, so that groups do not grow by drifting."""
    bonds, lead = [], 0
    for at, anomaly in enumerate(ordered):
        if anomaly.start_s - ordered[lead].start_s > ONSET_S:
            lead = at
        if at != lead:
            bonds.append((lead, at, Tie.ONSET))
    return bonds


def _relations(ordered: list[OpenAnomaly], links: Iterable[Link], now_s: float) -> list[tuple[int, int, Tie]]:
    """Return the pairs whose patterns are related and that overlap in time."""
    places: dict[Scope, list[int]] = defaultdict(list)
    for at, anomaly in enumerate(ordered):
        places[anomaly.scope].append(at)
    bonds = set()
    for link in links:
        slack_s = link.lag_s + 2 * link.spread_s
        for cause in places.get(link.cause, ()):
            for effect in places.get(link.effect, ()):
                first, second = sorted((cause, effect))
                if cause != effect and ordered[second].start_s <= _end_s(ordered[first], now_s) + slack_s:
                    bonds.add((first, second, Tie.RELATION))
    return sorted(bonds)


def _end_s(anomaly: OpenAnomaly, now_s: float) -> float:
    return now_s if anomaly.end_s is None else anomaly.end_s


def _head(heads: list[int], at: int) -> int:
    """Return the first of the group ``at`` is in, and shorten the way there."""
    while heads[at] != at:
        heads[at] = heads[heads[at]]
        at = heads[at]
    return at


def _incident(anomalies: list[OpenAnomaly], bonds: list[Bond]) -> Incident:
    ends = [anomaly.end_s for anomaly in anomalies]
    over = [end for end in ends if end is not None]
    return Incident(
        anomalies=tuple(anomalies),
        bonds=tuple(bonds),
        start_s=anomalies[0].start_s,
        end_s=max(over) if len(over) == len(ends) else None,
        score=max(anomaly.score for anomaly in anomalies),
    )
