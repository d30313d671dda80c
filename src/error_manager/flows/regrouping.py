"""What people do about which errors are one pattern: merge, split, compare (seed box: Pattern Matcher)."""

from __future__ import annotations

import asyncio
from typing import Final

from error_manager.core.errors import ValidationError
from error_manager.core.types import FieldError, GroupId, PatternId, ProjectId
from error_manager.flows.services import QueryServices
from error_manager.monitoring.why import Alike, most_alike
from error_manager.storage.base import GroupRow, PatternRow

MAX_MERGED: Final = 100
"""Most patterns of one merge."""
MAX_GROUPS: Final = 500
"""Most groups that are listed or split off at once."""
_TITLE_CHARS: Final = 200
_HEX_DIGITS: Final = 32


async def merge(
    svc: QueryServices, pattern_id: PatternId, others: tuple[PatternId, ...], *, person_id: int | None
) -> PatternRow:
    """Move everything of the other patterns into the first one, which keeps its id; return it.

    Raises:
        ValidationError: nothing to merge, too much, or of another project.
    """
    if len(others) > MAX_MERGED:
        raise _wrong("with", f"expected at most {MAX_MERGED} patterns")
    return await svc.queries.merge(pattern_id, others, person_id=person_id, now=svc.clock())


async def split(
    svc: QueryServices, pattern_id: PatternId, groups: tuple[str, ...], *, title: str, person_id: int | None
) -> PatternRow:
    """Move groups (32 hexadecimal digits each) out of a pattern; return the pattern that has them now.

    Raises:
        ValidationError: these are no groups of the pattern, or may not leave it.
    """
    if len(groups) > MAX_GROUPS:
        raise _wrong("groups", f"expected at most {MAX_GROUPS} groups")
    ids = tuple(_group_id(group) for group in groups)
    text = title.strip()[:_TITLE_CHARS]
    return await svc.queries.split(pattern_id, ids, title=text, person_id=person_id, now=svc.clock())


async def groups(svc: QueryServices, pattern_id: PatternId) -> tuple[GroupRow, ...]:
    """Return the groups of a pattern, most frequent first."""
    return await svc.queries.groups(pattern_id, limit=MAX_GROUPS)


async def explain(svc: QueryServices, pattern_id: PatternId) -> tuple[tuple[GroupRow, ...], Alike | None]:
    """Return the groups of a pattern, and the most similar one of the same type, module or code."""
    present, candidates = await asyncio.gather(groups(svc, pattern_id), svc.queries.comparable(pattern_id))
    related = (candidate for candidate in candidates if candidate.shared)
    return present, next(iter(most_alike(own_parts(present), related, limit=1)), None)


async def alike(svc: QueryServices, pattern_id: PatternId, *, limit: int) -> tuple[Alike, ...]:
    """Return the patterns of the project most like one, of whatever type."""
    present, candidates = await asyncio.gather(groups(svc, pattern_id), svc.queries.comparable(pattern_id))
    return most_alike(own_parts(present), candidates, limit=limit)


async def chosen(
    svc: QueryServices, project_id: ProjectId, pattern_ids: tuple[PatternId, ...]
) -> tuple[PatternRow, ...]:
    """Return the patterns that are about to be merged, each once, most frequent (then oldest) first.

    Raises:
        NotFoundError: one of them is not in this project.
        ValidationError: too many.
    """
    if len(pattern_ids) > MAX_MERGED:
        raise _wrong("pattern", f"expected at most {MAX_MERGED} patterns")
    rows = await asyncio.gather(
        *(svc.queries.pattern(number, project_ids=(project_id,)) for number in dict.fromkeys(pattern_ids))
    )
    return tuple(sorted({row.id: row for row in rows}.values(), key=lambda row: (-row.count, row.first_seen)))


def own_parts(present: tuple[GroupRow, ...]) -> tuple[str, ...]:
    """Return the parts of the group that gave a pattern its name, else of its largest."""
    first = next((group for group in present if group.is_first), None)
    return (first or present[0]).parts if present else ()


def _group_id(text: str) -> GroupId:
    is_hex = len(text) == _HEX_DIGITS and not set(text.lower()) - set("0123456789abcdef")
    if not is_hex:
        raise _wrong("groups", f"expected {_HEX_DIGITS} hexadecimal digits")
    return GroupId(bytes.fromhex(text))


def _wrong(path: str, message: str) -> ValidationError:
    return ValidationError([FieldError(path=path, message=message)])
