"""Merging and splitting patterns over REST, and why a pattern is one (seed box: REST API)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import msgspec
from litestar import Request, Router, get, post
from litestar.params import FromPath
from litestar.status_codes import HTTP_200_OK

from error_manager.core.types import PatternId
from error_manager.flows import regrouping
from error_manager.integrations.api import parameters
from error_manager.integrations.api.body import read_json
from error_manager.integrations.api.parameters import Services
from error_manager.monitoring.why import Alike, Difference, Reason, reason
from error_manager.security.auth import Caller
from error_manager.storage.base import PatternChangeRow, PatternRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """What makes errors one pattern: the parts of the fingerprint, and who added other groups.

    ``by`` is ``fingerprint``, ``client`` (the application sent one) or ``person`` (somebody merged).
    """

    by: Reason
    version: int
    parts: tuple[str, ...]
    groups: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """The pattern most like this one, and in which parts of the fingerprint they differ."""

    id: PatternId
    title: str
    likeness: float
    differences: tuple[Difference, ...]
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternDetail(PatternRow):
    """A pattern with its reasons; ``alias`` is the id asked for when that was merged into this pattern."""

    alias: PatternId | None = None
    why: Why | None = None
    nearest: Nearest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One group of a pattern: errors with the same fingerprint, described by the first of them."""

    group: str
    why: Reason
    since: datetime
    person: str
    title: str
    message: str
    culprit: str
    parts: tuple[str, ...]
    fingerprint_version: int
    count: int
    last_seen: datetime
    is_first: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """The groups of a pattern, most frequent first."""

    items: tuple[Group, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What was done to a pattern, newest first."""

    items: tuple[PatternChangeRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """What became of a split: the pattern that stayed, and the one that has the groups now."""

    pattern: PatternRow
    split_off: PatternRow


class MergeBody(msgspec.Struct, frozen=True, kw_only=True, rename={"others": "with"}):
    """The patterns to merge into the one of the address (``with`` is no name in Python)."""

    others: tuple[int, ...]


class SplitBody(msgspec.Struct, frozen=True, kw_only=True):
    """The groups to split off, and the title of a new pattern for them."""

    groups: tuple[str, ...]
    title: str = ""


@get("/{number:int}", summary="Read a pattern")
async def read_pattern(services: Services, number: FromPath[int]) -> PatternDetail:
    """Return one pattern, why it is one, and what tells it from the pattern most like it.

    A pattern that was merged into another answers with that one, and with its own id as `alias`.
    """
    asked = parameters.pattern_id(number)
    row = await services.queries.pattern(asked)
    present, nearest = await regrouping.explain(services, row.id)
    first = next((group for group in present if group.is_first), present[0] if present else None)
    is_merged = any(group.by == Reason.PERSON.value for group in present)
    return PatternDetail(
        **{field.name: getattr(row, field.name) for field in fields(PatternRow)},
        alias=asked if asked != row.id else None,
        why=None
        if first is None
        else Why(
            by=Reason.PERSON if is_merged else reason(first, first.parts),
            version=first.version,
            parts=first.parts,
            groups=len(present),
        ),
        nearest=_nearest(nearest) if nearest else None,
    )


@get("/{number:int}/groups", summary="List the groups of a pattern")
async def list_groups(services: Services, number: FromPath[int]) -> Groups:
    """Return up to 500 groups, most frequent first."""
    row = await services.queries.pattern(parameters.pattern_id(number))
    return Groups(
        items=tuple(
            Group(
                group=group.group,
                why=reason(group, group.parts),
                since=group.since,
                person=group.person,
                title=group.title,
                message=group.message,
                culprit=group.culprit,
                parts=group.parts,
                fingerprint_version=group.version,
                count=group.count,
                last_seen=group.last_seen,
                is_first=group.is_first,
            )
            for group in await regrouping.groups(services, row.id)
        )
    )


@get("/{number:int}/changes", summary="List what was done to a pattern")
async def list_changes(services: Services, number: FromPath[int]) -> Changes:
    """Return the last 100 changes: who, when, what, and which other patterns it was about."""
    row = await services.queries.pattern(parameters.pattern_id(number))
    return Changes(items=await services.queries.changes(row.id, limit=100))


@post("/{number:int}/merge", summary="Merge patterns into this one", status_code=HTTP_200_OK)
async def merge(services: Services, request: Request[Caller, Any, Any], number: FromPath[int]) -> PatternRow:
    """Move all errors of other patterns of the project into this one. Body: `{"with": [2, 3]}`.

    This pattern keeps its id; the ids of the others lead to it. Errors that come later follow.
    """
    wanted = await read_json(request, MergeBody)
    others = tuple(parameters.pattern_id(other) for other in wanted.others)
    return await regrouping.merge(
        services, parameters.pattern_id(number), others, person_id=request.user.person_id
    )


@post("/{number:int}/split", summary="Split groups off a pattern", status_code=HTTP_200_OK)
async def split(services: Services, request: Request[Caller, Any, Any], number: FromPath[int]) -> Split:
    """Move groups back to the pattern they came from, or to a new one.

    Body: `{"groups": ["00...ff"], "title": "..."}`; with a title the pattern is always new.
    """
    wanted = await read_json(request, SplitBody)
    row = await services.queries.pattern(parameters.pattern_id(number))
    made = await regrouping.split(
        services, row.id, wanted.groups, title=parameters.text(wanted.title), person_id=request.user.person_id
    )
    return Split(pattern=await services.queries.pattern(row.id), split_off=made)


def _nearest(alike: Alike) -> Nearest:
    return Nearest(
        id=alike.id,
        title=alike.title,
        likeness=round(alike.likeness, 4),
        differences=alike.differences,
        sentence=alike.sentence,
    )


router = Router(
    path="/patterns",
    route_handlers=[read_pattern, list_groups, list_changes, merge, split],
    tags=["Patterns"],
)
