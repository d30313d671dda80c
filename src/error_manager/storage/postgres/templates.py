"""Publishes mined templates, and puts the groups they stand for into the map (seed box: Pattern Tables)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import zstandard

from error_manager.core.cataloger import TITLE_CHARS
from error_manager.core.errors import StaleCursorError
from error_manager.core.types import GroupId, PatternId, ProjectId
from error_manager.storage.base import (
    Lesson,
    MiningState,
    NewGroup,
    PublishedTemplates,
    TemplateLink,
)
from error_manager.storage.postgres import named
from error_manager.storage.postgres.one_connection import Connect, OneConnection
from error_manager.storage.postgres.regroup import Regroup
from error_manager.storage.regrouping import PERSON, TEMPLATE, unions

_SQL: Final = {**named.load("groups.sql"), **named.load("templates.sql")}
_MAX_BYTES: Final = 256 * 1024 * 1024
"""As much as a snapshot may have (``TemplateSnapshot.from_bytes``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    pattern: PatternId
    by: str


class PostgresTemplateStore(OneConnection):
    """The ``TemplateStore`` of one worker."""

    def __init__(self, connect: Connect) -> None:
        """Keep how to connect (autocommit off)."""
        super().__init__(connect, _SQL)

    async def newer(self, known: Mapping[ProjectId, int]) -> tuple[PublishedTemplates, ...]:
        """Return the published templates that are not known (see the protocol)."""
        async with self._transaction():
            rows = await self._rows("newer", projects=list(known), versions=list(known.values()))
        return tuple(
            PublishedTemplates(
                project_id=ProjectId(project),
                version=version,
                content=_inflated(content),
                apart=frozenset(GroupId(bytes(group)) for group in apart),
            )
            for project, version, content, apart in rows
        )

    async def waiting(self) -> tuple[ProjectId, ...]:
        """Return the projects with groups that mining has not read."""
        async with self._transaction():
            rows = await self._rows("waiting")
        return tuple(ProjectId(row[0]) for row in rows)

    async def state(self, project_id: ProjectId) -> MiningState:
        """Return where mining stands in a project."""
        async with self._transaction():
            rows = await self._rows("mining_state", project=project_id)
        if not rows:
            return MiningState(pattern_id=PatternId(0), content=b"")
        return MiningState(pattern_id=PatternId(rows[0][0]), content=_inflated(rows[0][1]))

    async def unread(
        self, project_id: ProjectId, start: PatternId, *, limit: int
    ) -> tuple[PatternId, tuple[NewGroup, ...]]:
        """Return groups made after a pattern (see the protocol)."""
        async with self._transaction():
            await self._run("change_map", project=project_id)
            rows = await self._rows("unread_groups", project=project_id, start=start, limit=limit)
        found = tuple(_new_group(row[1:]) for row in rows if row[1] is not None)
        return (PatternId(rows[-1][0]) if rows else start), found

    async def template_groups(
        self, project_id: ProjectId, template_ids: Sequence[int]
    ) -> tuple[NewGroup, ...]:
        """Return the groups that stand for these templates."""
        async with self._transaction():
            rows = await self._rows("template_groups", project=project_id, templates=list(template_ids))
        return tuple(map(_new_group, rows))

    async def learn(self, lesson: Lesson, *, now: datetime) -> None:
        """Keep a lesson, in one transaction (see the protocol)."""
        content = zstandard.compress(lesson.content)
        async with self._transaction():
            await self._run("allow_longer")
            await self._run("change_map", project=lesson.project_id)
            published = await self._run(
                "publish",
                project=lesson.project_id,
                start=lesson.start,
                end=lesson.end,
                changed=lesson.is_changed,
                content=content,
            )
            if published != 1:
                raise StaleCursorError
            texts = {
                "ids": [number for number, _ in lesson.texts],
                "texts": [text for _, text in lesson.texts],
            }
            if lesson.texts:
                await self._run("keep_texts", project=lesson.project_id, **texts)
            if lesson.links:
                await self._link(lesson, now)
            if lesson.texts:
                await self._run("name_patterns", project=lesson.project_id, limit=TITLE_CHARS, **texts)

    # --- parts ---------------------------------------------------------------------------------------------

    async def _link(self, lesson: Lesson, now: datetime) -> None:
        places = await self._places(lesson)
        made = _new_places(lesson.links, places)
        if made:
            await self._make(lesson, made, now)
            places |= {group: place for group, (place, _) in made.items()}
        columns = {
            "project": lesson.project_id,
            "groups": [link.group_id for link in lesson.links],
            "template_groups": [link.template_group for link in lesson.links],
        }
        await self._run("lead_texts", **columns)
        templates = [link.template_id for link in lesson.links]
        await self._run("link_groups", **columns, templates=templates)
        merged = unions(
            (places[link.group_id].pattern, places[link.template_group].pattern)
            for link in lesson.links
            if places[link.group_id].by != PERSON
        )
        if merged:
            connection = await self._opened()
            regroup = Regroup(
                connection=connection, project=lesson.project_id, person=None, now=now, by=TEMPLATE
            )
            await regroup.merge_all(merged, newer_than=lesson.start)

    async def _places(self, lesson: Lesson) -> dict[GroupId, _Place]:
        groups = {group for link in lesson.links for group in (link.group_id, link.template_group)}
        rows = await self._rows("places", project=lesson.project_id, groups=sorted(groups))
        return {GroupId(bytes(group)): _Place(pattern=PatternId(i), by=by) for group, i, by in rows}

    async def _make(self, lesson: Lesson, made: Mapping[GroupId, tuple[_Place, int]], now: datetime) -> None:
        patterns = [place.pattern for place, _ in made.values()]
        await self._run("keep_spans", project=lesson.project_id, patterns=sorted(set(patterns)))
        await self._run(
            "add_template_groups",
            project=lesson.project_id,
            now=now,
            groups=list(made),
            patterns=patterns,
            templates=[template for _, template in made.values()],
        )


def _new_places(
    links: Sequence[TemplateLink], places: Mapping[GroupId, _Place]
) -> dict[GroupId, tuple[_Place, int]]:
    """Return where template groups go that are not there yet: to the oldest pattern of what they stand for.

    Where a person put all of that, later errors go there, too.
    """
    made: dict[GroupId, tuple[_Place, int]] = {}
    for link in links:
        if link.template_group in places:
            continue
        place = places[link.group_id]
        if link.template_group not in made or _rank(place) < _rank(made[link.template_group][0]):
            made[link.template_group] = place, link.template_id
    return {group: (_Place(pattern=p.pattern, by=TEMPLATE), i) for group, (p, i) in made.items()}


def _rank(place: _Place) -> tuple[bool, int]:
    return place.by == PERSON, place.pattern


def _new_group(row: Sequence[Any]) -> NewGroup:
    group, message, parts, template_id = row
    return NewGroup(
        group_id=GroupId(bytes(group)), message=message, parts=tuple(parts), template_id=template_id
    )


def _inflated(content: bytes) -> bytes:
    return zstandard.decompress(bytes(content), max_output_size=_MAX_BYTES)
