"""Reads the groups of patterns and what a pattern may be compared with (seed box: Pattern Tables)."""

from __future__ import annotations

from typing import Final

from error_manager.core.fingerprint import template_parts
from error_manager.core.types import PatternId
from error_manager.storage.base import GroupRow, PatternParts
from error_manager.storage.postgres import named
from error_manager.storage.postgres.group_edges import NEWEST
from error_manager.storage.postgres.reader import Reader

_SQL: Final = named.load("groups.sql")
_GROUPS: Final = _SQL["read_groups"].format(newest=NEWEST)


class GroupQueries(Reader):
    """The part of ``QueryStore`` that is about groups."""

    async def groups(self, pattern_id: PatternId, *, limit: int = 100) -> tuple[GroupRow, ...]:
        """Return the groups of a pattern, most frequent first."""
        rows = await self._rows(_GROUPS, id=pattern_id, limit=limit)
        return tuple(
            GroupRow(
                group=row[0],
                by=row[1],
                since=row[2],
                person=row[3],
                title=row[4],
                message=row[5],
                culprit=row[6],
                parts=template_parts(row[12], row[7]),
                version=row[8],
                count=row[9],
                last_seen=row[10],
                is_first=row[11],
                template=row[12],
            )
            for row in rows
        )

    async def comparable(self, pattern_id: PatternId, *, limit: int = 200) -> tuple[PatternParts, ...]:
        """Return patterns of the same project: those sharing most first, then the newest."""
        rows = await self._rows(_SQL["read_comparable"], id=pattern_id, limit=limit)
        return tuple(
            PatternParts(
                id=PatternId(number),
                title=title,
                message=message,
                culprit=culprit,
                parts=template_parts(template, parts),
                count=count,
                shared=shared,
            )
            for number, title, message, culprit, parts, count, shared, template in rows
        )
