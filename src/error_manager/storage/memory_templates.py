"""In-memory twin of where mined templates are published: over the map of groups that it changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from error_manager.core.cataloger import TITLE_CHARS
from error_manager.core.errors import StaleCursorError
from error_manager.core.fingerprint import MESSAGE_PART, TEMPLATE_PART
from error_manager.core.types import ErrorEvent, GroupId, PatternId, ProjectId
from error_manager.storage.base import (
    Lesson,
    MiningState,
    NewGroup,
    PublishedTemplates,
    TemplateLink,
    TemplateMatch,
)
from error_manager.storage.memory_groups import GroupKey, GroupMap, Placed
from error_manager.storage.regrouping import PERSON, TEMPLATE, unions


class NoTemplates:
    """``TemplateDirectory`` that knows no template."""

    async def ensure(self) -> None:
        """Do nothing: there is nothing to load."""

    def match(self, project_id: ProjectId, event: ErrorEvent) -> TemplateMatch | None:
        """Return None: every message is counted by its text."""
        del project_id, event
        return None


class MemoryTemplates:
    """``TemplateStore`` over a ``GroupMap``."""

    def __init__(self, groups: GroupMap) -> None:
        """Start without templates."""
        self._map = groups
        self._states: dict[ProjectId, MiningState] = {}
        self._changes: dict[ProjectId, int] = {}
        self._template_of: dict[GroupKey, int] = {}
        self._group_of_text: dict[GroupKey, GroupId] = {}
        self.texts: dict[tuple[ProjectId, int], str] = {}

    async def newer(self, known: Mapping[ProjectId, int]) -> tuple[PublishedTemplates, ...]:
        """Return the published templates that are not known (see the protocol)."""
        return tuple(
            PublishedTemplates(
                project_id=project, version=version, content=state.content, apart=self._apart(project)
            )
            for project, state in self._states.items()
            if (version := self._changes[project] + self._map.regroupings) != known.get(project, 0)
        )

    async def waiting(self) -> tuple[ProjectId, ...]:
        """Return the projects with groups that mining has not read."""
        projects = sorted({pattern.first.project_id for pattern in self._map.patterns.values()})
        return tuple(
            project for project in projects if self._unread(project, self._state(project).pattern_id)
        )

    async def state(self, project_id: ProjectId) -> MiningState:
        """Return where mining stands in a project."""
        return self._state(project_id)

    async def unread(
        self, project_id: ProjectId, start: PatternId, *, limit: int
    ) -> tuple[PatternId, tuple[NewGroup, ...]]:
        """Return groups made after a pattern (see the protocol)."""
        found = self._unread(project_id, start)[:limit]
        groups = tuple(group for _, group in found if group is not None)
        return (found[-1][0] if found else start), groups

    async def template_groups(
        self, project_id: ProjectId, template_ids: Sequence[int]
    ) -> tuple[NewGroup, ...]:
        """Return the groups that stand for these templates."""
        self._take_in()
        keys = sorted(key for key, number in self._template_of.items() if number in template_ids)
        return tuple(self._group(key, self._map.placed[key].origin) for key in keys if key[0] == project_id)

    async def learn(self, lesson: Lesson, *, now: datetime) -> None:
        """Keep a lesson (see the protocol)."""
        project = lesson.project_id
        if self._state(project).pattern_id != lesson.start:
            raise StaleCursorError
        self._states[project] = MiningState(pattern_id=lesson.end, content=lesson.content)
        self._changes[project] = self._changes.get(project, 0) + lesson.is_changed
        self.texts.update({(project, number): text for number, text in lesson.texts})
        places = self._map.placed
        self._make(lesson, now)
        for link in lesson.links:
            self._lead(project, link)
        merged = unions(
            (places[project, link.group_id].pattern, places[project, link.template_group].pattern)
            for link in lesson.links
            if places[project, link.group_id].by != PERSON
        )
        for target, others in merged.items():
            pattern = self._map.patterns[target]
            self._map.merge(pattern, others, now=now, by=TEMPLATE, newer_than=lesson.start)
        self._name(project, dict(lesson.texts))

    # --- parts ---------------------------------------------------------------------------------------------

    def _state(self, project: ProjectId) -> MiningState:
        return self._states.get(project, MiningState(pattern_id=PatternId(0), content=b""))

    def _make(self, lesson: Lesson, now: datetime) -> None:
        project, places = lesson.project_id, self._map.placed
        missing = [link for link in lesson.links if (project, link.template_group) not in places]
        for link in sorted(missing, key=lambda link: self._rank((project, link.group_id))):
            home = places[project, link.group_id].pattern
            self._template_of.setdefault((project, link.template_group), link.template_id)
            made = Placed(pattern=home, origin=home, since=now, by=TEMPLATE)
            places.setdefault((project, link.template_group), made)

    def _name(self, project: ProjectId, texts: Mapping[int, str]) -> None:
        """Give patterns whose first text has a template its name; what a person named keeps its own."""
        for key, group in self._group_of_text.items():
            text = texts.get(self._template_of.get((project, group), 0))
            home = self._map.placed[key].pattern
            pattern = self._map.patterns[home]
            own = pattern.first.entry.fingerprint
            is_first = key == (project, own.group_id) and pattern.hash == own.hash
            if text and is_first and self._map.placed[project, group].pattern == home:
                pattern.title = text[:TITLE_CHARS]

    def _rank(self, key: GroupKey) -> tuple[bool, int]:
        placed = self._map.placed[key]
        return placed.by == PERSON, placed.pattern

    def _lead(self, project: ProjectId, link: TemplateLink) -> None:
        for key, group in self._group_of_text.items():
            if group == link.group_id and key[0] == project:
                self._group_of_text[key] = link.template_group
        key = (project, link.group_id)
        self._group_of_text[key] = link.template_group
        if key in self._template_of:
            self._template_of[key] = link.template_id

    def _apart(self, project: ProjectId) -> frozenset[GroupId]:
        places = self._map.placed
        return frozenset(
            key[1]
            for key, group in self._group_of_text.items()
            if key[0] == project
            and places[key].by == PERSON
            and places[key].pattern != places[project, group].pattern
        )

    def _unread(self, project: ProjectId, start: PatternId) -> list[tuple[PatternId, NewGroup | None]]:
        self._take_in()
        found: list[tuple[PatternId, NewGroup | None]] = []
        for number, pattern in self._map.patterns.items():
            parts = pattern.first.entry.fingerprint.parts
            if (
                number > start
                and pattern.first.project_id == project
                and parts[0].startswith((MESSAGE_PART, TEMPLATE_PART))
                and not pattern.first.entry.fingerprint.rules
            ):
                key = (project, pattern.first.entry.fingerprint.group_id)
                is_own = pattern.hash == pattern.first.entry.fingerprint.hash
                found.append((number, self._group(key, number) if is_own else None))
        return found

    def _take_in(self) -> None:
        """Note the groups of templates that errors have made."""
        for pattern in self._map.patterns.values():
            first = pattern.first
            if first.template is not None:
                key = (first.project_id, first.entry.fingerprint.group_id)
                self._template_of.setdefault(key, first.template.id)

    def _group(self, key: GroupKey, described_by: PatternId) -> NewGroup:
        first = self._map.patterns[described_by].first
        return NewGroup(
            group_id=key[1],
            message=first.event.message,
            parts=first.entry.fingerprint.parts,
            template_id=self._template_of.get(key),
        )
