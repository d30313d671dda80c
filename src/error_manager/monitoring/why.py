"""Why an error is in its pattern, and what tells that from similar ones (seed box: Dashboard). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest
from typing import Final

from error_manager.core.types import PatternId
from error_manager.storage.base import PatternParts, PatternRow, Placement

_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+|[^\W\d_a-zA-Z]+")
_CLIENT: Final = "client"
_RULE: Final = "rule"


class Reason(StrEnum):
    """What put an error into its pattern."""

    FINGERPRINT = "fingerprint"  # the parts that the product looked at
    CLIENT = "client"  # a fingerprint that the application sent
    RULE = "rule"  # rules of the project had a say
    PERSON = "person"  # somebody merged or split
    TEMPLATE = "template"  # the template of a bare message


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One part in which two patterns differ; "" where one has no such part."""

    part: str
    here: str
    there: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alike:
    """A pattern that is like another; ``likeness`` is the share of what both have in common, 0..1.

    ``common`` is how many whole parts of the fingerprints are the same.
    """

    id: PatternId
    title: str
    message: str
    culprit: str
    count: int
    likeness: float
    common: int
    differences: tuple[Difference, ...]

    @property
    def sentence(self) -> str:
        """Return the differences as one phrase: ``frame shop.cart.total instead of shop.cart.sum``."""
        return "; ".join(map(_phrase, self.differences))


def reason(placement: Placement, parts: Sequence[str], *, rules: Sequence[int] = ()) -> Reason:
    """Return what put an error with these parts, found by these rules, where it is."""
    if placement.by == Reason.PERSON.value:
        return Reason.PERSON
    if rules or placement.by == Reason.RULE.value or any(_kind(part)[0] == _RULE for part in parts):
        return Reason.RULE
    if placement.template:
        return Reason.TEMPLATE
    return Reason.CLIENT if any(_kind(part)[0] == _CLIENT for part in parts) else Reason.FINGERPRINT


def most_alike(parts: Sequence[str], candidates: Iterable[PatternParts], *, limit: int) -> tuple[Alike, ...]:
    """Return the patterns whose fingerprints share most with these parts, most alike first.

    Args:
        parts: of the fingerprint, each ``kind: value``.
        candidates: other patterns of the project.
        limit: most patterns to return.

    Source:
        Sørensen-Dice coefficient over whole parts and their words, each with its kind
        (T. Sørensen, Biologiske Skrifter 5(4), 1948): 2 |A & B| / (|A| + |B|).
    """
    mine = _features(parts)
    found = [(_likeness(mine, _features(other.parts)), other) for other in candidates]
    found.sort(key=lambda item: (-item[0], item[1].id))
    return tuple(
        Alike(
            id=other.id,
            title=other.title,
            message=other.message,
            culprit=other.culprit,
            count=other.count,
            likeness=likeness,
            common=len(set(parts) & set(other.parts)),
            differences=differences(parts, other.parts),
        )
        for likeness, other in found[:limit]
    )


def unlike(row: PatternRow) -> Alike:
    """Return a pattern that shares nothing with the other, in the same form."""
    return Alike(
        id=row.id,
        title=row.title,
        message=row.message,
        culprit=row.culprit,
        count=row.count,
        likeness=0.0,
        common=0,
        differences=(),
    )


def differences(here: Sequence[str], there: Sequence[str]) -> tuple[Difference, ...]:
    """Return what differs between two fingerprints, part by part, in the order of the first."""
    kinds = dict.fromkeys(_kind(part)[0] for part in (*here, *there))
    found: list[Difference] = []
    for kind in kinds:
        mine, theirs = _values(here, kind), _values(there, kind)
        only_here = [value for value in mine if value not in theirs]
        only_there = [value for value in theirs if value not in mine]
        found += [
            Difference(part=kind, here=mine_only, there=theirs_only)
            for mine_only, theirs_only in zip_longest(only_here, only_there, fillvalue="")
        ]
    return tuple(found)


def _phrase(difference: Difference) -> str:
    if not difference.there:
        return f"also {difference.part} {difference.here}"
    if not difference.here:
        return f"no {difference.part} {difference.there}"
    return f"{difference.part} {difference.here} instead of {difference.there}"


def _kind(part: str) -> tuple[str, str]:
    kind, _, value = part.partition(": ")
    return kind, value


def _values(parts: Sequence[str], kind: str) -> list[str]:
    return [value for name, value in map(_kind, parts) if name == kind]


def _features(parts: Sequence[str]) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for kind, value in map(_kind, parts):
        found.add((kind, f"={value}"))
        found.update((kind, word.lower()) for word in _WORD.findall(value))
    return found


def _likeness(mine: set[tuple[str, str]], theirs: set[tuple[str, str]]) -> float:
    size = len(mine) + len(theirs)
    return 2 * len(mine & theirs) / size if size else 0.0
