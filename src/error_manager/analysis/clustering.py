"""Families of patterns: which ones belong together, and what they have in common (seed box: Cluster Engine).

Average linkage over the graph of nearest neighbours: two groups become one while the mean similarity of
their members is large enough, the most similar first. Pairs that are no neighbours count as 0, so a chain of
patterns, each a little like the next, does not become one family, as it would by connected components.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import chain, count
from typing import Final

from error_manager.analysis.similarity import Feature, FeatureKind, fault_text

Key = tuple[int, int]
"""A pattern: project and id."""

MIN_SIMILARITY: Final = 0.3
"""Mean similarity of two groups from which they are one family. Of 391 patterns of traces 357 are in families
of four on average, the largest of 17; with 0.2 the largest has 21, with 0.5 only 74 patterns have one."""
_COMMON: Final = 0.6
"""Share of members that have what a family is named after."""
_WORDS: Final = 3
_PLACES: Final = (FeatureKind.PLACE, FeatureKind.FRAME, FeatureKind.MODULE, FeatureKind.LIBRARY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Patterns that belong together, at least two, in order; ``id`` is one that was once among them."""

    id: Key
    name: str
    members: tuple[Key, ...]


def group(
    neighbours: Mapping[Key, Iterable[tuple[Key, float]]], *, min_similarity: float = MIN_SIMILARITY
) -> tuple[tuple[Key, ...], ...]:
    """Return groups of at least two patterns; each pattern is in one at most.

    Args:
        neighbours: for each pattern its nearest ones with their similarity (0..1); naming a pair once is
            enough, of two values the larger one counts.
        min_similarity: mean similarity from which two groups are one, above 0.

    Returns:
        The groups and their members in order: the same for the same neighbours, in any order of these.

    Source:
        Average linkage (UPGMA): Sokal, Michener, Univ. Kansas Sci. Bull. 38 (1958) 1409-1438.
    """
    links = _links(neighbours)
    members: dict[Key, list[Key]] = {key: [key] for key in links}
    waiting = [(-value, one, other) for one, others in links.items() for other, value in others.items()]
    waiting = [entry for entry in waiting if -entry[0] >= min_similarity and entry[1] < entry[2]]
    heapify(waiting)
    while waiting:
        negative, one, other = heappop(waiting)
        if one not in members or other not in members or -negative != _mean(links, members, one, other):
            continue  # of a group that has grown or gone since
        _merge(links, members, one, other)
        for third in links[one]:
            mean = _mean(links, members, one, third)
            if mean >= min_similarity:
                heappush(waiting, (-mean, min(one, third), max(one, third)))
    return tuple(sorted(tuple(sorted(keys)) for keys in members.values() if len(keys) > 1))


def families(
    groups: Iterable[tuple[Key, ...]],
    features: Mapping[Key, Sequence[Feature]],
    previous: Iterable[Family] = (),
) -> tuple[Family, ...]:
    """Return the groups as families, with the ids they had before and readable names.

    Args:
        groups: as ``group`` returns them.
        features: of every member.
        previous: the families of the run before.

    Returns:
        The families, the largest first. A group that shares most of its members with a family of before (or
        most of whose members it has) keeps its id; of two that do, the one that shares more.
    """
    found = sorted(groups, key=lambda keys: (-len(keys), keys))
    ids = _ids(found, previous)
    return tuple(
        Family(id=ids[keys], name=family_name([features[key] for key in keys]), members=keys)
        for keys in found
    )


def family_name(members: Sequence[Sequence[Feature]]) -> str:
    """Return what most members have in common, in words: ``TimeoutError in shop.db: connection, pool``.

    Args:
        members: the features of each member, at least one.
    """
    having: defaultdict[FeatureKind, Counter[str]] = defaultdict(Counter)
    weights: defaultdict[tuple[FeatureKind, str], float] = defaultdict(float)
    for member in members:
        for feature in member:
            having[feature.kind][feature.text] += 1
            weights[feature.kind, feature.text] += feature.weight

    def common(kind: FeatureKind) -> list[str]:
        enough = [text for text, times in having[kind].items() if times >= _COMMON * len(members)]
        return sorted(enough, key=lambda text: -weights[kind, text])  # else in the order of the text

    type_name = next(iter(common(FeatureKind.TYPE)), "")
    place = next((text for kind in _PLACES for text in common(kind)), "")
    messages = common(FeatureKind.MESSAGE)
    words = [word for word in common(FeatureKind.WORD) if word not in f"{type_name} {place}".lower()]
    said = messages[0] if messages else ", ".join(words[:_WORDS])
    where = fault_text(type_name, place) if type_name and place else type_name or place
    return ": ".join(part for part in (where, said) if part) or "Alike in small things"


def _links(neighbours: Mapping[Key, Iterable[tuple[Key, float]]]) -> dict[Key, dict[Key, float]]:
    links: defaultdict[Key, dict[Key, float]] = defaultdict(dict)
    for one, near in neighbours.items():
        for other, value in near:
            if one != other and value > links[one].get(other, 0.0):
                links[one][other] = links[other][one] = value
    return dict(links)


def _mean(
    links: Mapping[Key, Mapping[Key, float]], members: Mapping[Key, Sequence[Key]], one: Key, other: Key
) -> float:
    return links[one].get(other, 0.0) / (len(members[one]) * len(members[other]))


def _merge(links: dict[Key, dict[Key, float]], members: dict[Key, list[Key]], one: Key, other: Key) -> None:
    """Put a group into another; links of groups are the sums of those of their members."""
    members[one] += members.pop(other)
    for third, value in links.pop(other).items():
        del links[third][other]
        if third != one:
            links[one][third] = links[third][one] = links[one].get(third, 0.0) + value


def _ids(groups: Sequence[tuple[Key, ...]], previous: Iterable[Family]) -> dict[tuple[Key, ...], Key]:
    before = tuple(previous)
    group_of = {key: keys for keys in groups for key in keys}
    shared = [
        (-both, family.id, keys)
        for family in before
        for keys, both in Counter(group_of[key] for key in family.members if key in group_of).items()
        if 2 * both > min(len(keys), len(family.members))
    ]
    ids: dict[tuple[Key, ...], Key] = {}
    continued: set[Key] = set()
    for _, number, keys in sorted(shared):
        if keys not in ids and number not in continued:
            ids[keys] = number
            continued.add(number)
    taken = {family.id for family in before}  # what is no more stands for nothing else
    for keys in groups:
        if keys not in ids:
            made_up = ((keys[0][0], -number) for number in count(1))  # when every member gave its id away
            ids[keys] = next(key for key in chain(keys, made_up) if key not in taken)
            taken.add(ids[keys])
    return ids
