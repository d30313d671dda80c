"""What another grouping would make of the patterns there are (seed box: Pattern Matcher). Pure.

Errors are counted by the group they are in and the group they would come to. Out of these counts and the map
comes a plan: which patterns become one, which fall apart, and which groups may move in the map so that known
patterns keep their identity.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from error_manager.core.types import GroupId, PatternId


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Where a group is; ``is_fixed``: a person put it there, and no rule takes it away."""

    pattern_id: PatternId
    is_fixed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Some errors of one pattern on their way to another.

    ``pattern_id`` is None for a pattern that does not exist yet; ``group_id`` is then its (largest) group.
    """

    pattern_id: PatternId | None
    group_id: GroupId
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """Several patterns become one: ``into`` with all its errors, ``parts`` by the pattern they are in now."""

    into: Part
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """One pattern falls apart: ``pattern`` with all its errors, ``parts`` by where they come to."""

    pattern: Part
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would change, largest first.

    ``changed`` errors come to another group, ``moved`` ones of them to another pattern. ``moves`` are groups
    of which every error looked at goes to one other pattern, ``taken_on`` new groups that a known pattern
    goes on as: (group, pattern). ``stays`` errors would come elsewhere, but their groups do not move.
    """

    errors: int = 0
    changed: int = 0
    moved: int = 0
    stays: int = 0
    merges: tuple[Merge, ...] = ()
    splits: tuple[Split, ...] = ()
    moves: tuple[tuple[GroupId, PatternId], ...] = ()
    taken_on: tuple[tuple[GroupId, PatternId], ...] = ()


_Place = PatternId | GroupId
"""A pattern, or the group a pattern would be made for."""
_Key = TypeVar("_Key", GroupId, PatternId)


def plan(flows: Mapping[tuple[GroupId, GroupId], int], homes: Mapping[GroupId, Home]) -> Plan:
    """Return what the flows of errors between groups mean for patterns.

    Args:
        flows: errors by (group they are in, group they would come to), equal for those that stay.
        homes: where groups are, for all groups of ``flows`` that the map knows.
    """
    known = {pair: count for pair, count in flows.items() if pair[0] in homes}
    heirs = _heirs(known, homes)
    places = {new: heirs.get(new) or _home(new, homes) for _, new in known}
    between: Counter[tuple[PatternId, _Place]] = Counter()
    groups: dict[tuple[PatternId, _Place], Counter[GroupId]] = defaultdict(Counter)
    for (old, new), count in known.items():
        pair = (homes[old].pattern_id, places[new])
        between[pair] += count
        groups[pair][new] += count
    moves = _moves(known, homes, places)
    moving = {group for group, _ in moves}
    moved = {pair: n for pair, n in known.items() if homes[pair[0]].pattern_id != places[pair[1]]}
    return Plan(
        errors=sum(known.values()),
        changed=sum(count for (old, new), count in known.items() if old != new),
        moved=sum(moved.values()),
        stays=sum(count for (old, _), count in moved.items() if old not in moving),
        merges=_merges(between, groups),
        splits=_splits(between, groups),
        moves=moves,
        taken_on=tuple(sorted(heirs.items())),
    )


def _home(group: GroupId, homes: Mapping[GroupId, Home]) -> _Place:
    return homes[group].pattern_id if group in homes else group


def _heirs(
    flows: Mapping[tuple[GroupId, GroupId], int], homes: Mapping[GroupId, Home]
) -> dict[GroupId, PatternId]:
    """Return which new groups go on as a known pattern.

    A group of which no error stays is inherited by the new group that takes most of its errors, with the
    pattern it is in; so a pattern keeps its identity, and what a person merged stays together. A new group
    that inherits from several goes on as the pattern that gives most.
    """
    given: dict[GroupId, Counter[GroupId]] = defaultdict(Counter)
    for (old, new), count in flows.items():
        given[old][new] += count
    claims: dict[GroupId, Counter[PatternId]] = defaultdict(Counter)
    for old, goals in given.items():
        heir = _most(goals)
        if old not in goals and heir not in homes:
            claims[heir][homes[old].pattern_id] += goals[heir]
    return {group: _most(patterns) for group, patterns in claims.items()}


def _moves(
    flows: Mapping[tuple[GroupId, GroupId], int],
    homes: Mapping[GroupId, Home],
    places: Mapping[GroupId, _Place],
) -> tuple[tuple[GroupId, PatternId], ...]:
    """Return the groups that go to one other pattern as a whole, with that pattern."""
    goals: dict[GroupId, set[_Place]] = defaultdict(set)
    for old, new in flows:
        goals[old].add(places[new])
    moves = []
    for group, wanted in sorted(goals.items()):
        (goal,) = wanted if len(wanted) == 1 else (None,)
        home = homes[group]
        if isinstance(goal, int) and goal != home.pattern_id and not home.is_fixed:
            moves.append((group, PatternId(goal)))
    return tuple(moves)


def _merges(
    between: Mapping[tuple[PatternId, _Place], int],
    groups: Mapping[tuple[PatternId, _Place], Counter[GroupId]],
) -> tuple[Merge, ...]:
    sources: dict[_Place, list[PatternId]] = defaultdict(list)
    for pattern, place in between:
        sources[place].append(pattern)
    found = []
    for place, patterns in sources.items():
        if len(patterns) > 1:
            parts = [_part(pattern, groups[pattern, place], between[pattern, place]) for pattern in patterns]
            total = sum((groups[pattern, place] for pattern in patterns), Counter[GroupId]())
            into = _part(place, total, sum(part.count for part in parts))
            found.append(Merge(into=into, parts=_largest_first(parts)))
    return tuple(sorted(found, key=lambda merge: (-merge.into.count, merge.into.group_id)))


def _splits(
    between: Mapping[tuple[PatternId, _Place], int],
    groups: Mapping[tuple[PatternId, _Place], Counter[GroupId]],
) -> tuple[Split, ...]:
    goals: dict[PatternId, list[_Place]] = defaultdict(list)
    for pattern, place in between:
        goals[pattern].append(place)
    found = []
    for pattern, places in goals.items():
        if len(places) > 1:
            parts = [_part(place, groups[pattern, place], between[pattern, place]) for place in places]
            total = sum((groups[pattern, place] for place in places), Counter[GroupId]())
            whole = _part(pattern, total, sum(part.count for part in parts))
            found.append(Split(pattern=whole, parts=_largest_first(parts)))
    return tuple(sorted(found, key=lambda split: (-split.pattern.count, split.pattern.group_id)))


def _part(place: _Place, groups: Counter[GroupId], count: int) -> Part:
    is_known = isinstance(place, int)
    return Part(
        pattern_id=PatternId(place) if isinstance(place, int) else None,
        group_id=_most(groups) if is_known else GroupId(bytes(place)),
        count=count,
    )


def _largest_first(parts: Iterable[Part]) -> tuple[Part, ...]:
    return tuple(sorted(parts, key=lambda part: (-part.count, part.pattern_id or 0, part.group_id)))


def _most(counts: Counter[_Key]) -> _Key:
    """Return the most frequent key, of equal ones the smallest."""
    return min(counts, key=lambda key: (-counts[key], key))
