"""In-memory twin of ``RuleStore``: for tests, and as the shortest description of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import msgspec

from error_manager.analysis.regrouping import Home
from error_manager.core.encoding import event_to_json
from error_manager.core.errors import NotFoundError
from error_manager.core.rules import GroupingRule
from error_manager.core.types import GroupId, PatternId, ProjectId
from error_manager.storage.base import StoredError
from error_manager.storage.rules import (
    CHUNK,
    KeptError,
    Moves,
    Preview,
    RuleBook,
    StoredRule,
    check_order,
    check_planned,
    find_rule,
)

_Map = dict[GroupId, tuple[PatternId, str]]


@dataclass(slots=True)
class _Project:
    """Rules of one project, and what each moved: the map before and after."""

    version: int = 0
    rules: list[StoredRule] = field(default_factory=list)
    map: _Map = field(default_factory=dict)
    moved: dict[int, tuple[_Map, _Map]] = field(default_factory=dict)


class MemoryRules:
    """``RuleStore`` over a list of errors; one pattern per group until something moves."""

    def __init__(self, errors: Sequence[StoredError], *, project_ids: Sequence[ProjectId]) -> None:
        """Keep the errors of these projects."""
        self._errors = sorted(errors, key=lambda e: (e.event.timestamp, e.error_id), reverse=True)
        self._projects = {project: _Project() for project in project_ids}
        self._previews: dict[tuple[ProjectId, int], Preview] = {}
        self._last_id = 0
        patterns = 0
        for error in reversed(self._errors):
            groups = self._projects[error.project_id].map
            if error.entry.fingerprint.group_id not in groups:
                patterns += 1
                groups[error.entry.fingerprint.group_id] = (PatternId(patterns), "fingerprint")

    async def book(self, project_id: ProjectId) -> RuleBook:
        """Return the rules of a project."""
        project = self._of(project_id)
        return RuleBook(version=project.version, rules=tuple(project.rules))

    async def add_rule(
        self, project_id: ProjectId, rule: GroupingRule, *, note: str, person_id: int | None, now: datetime
    ) -> int:
        """Store a rule behind the others, switched off; return its id."""
        del person_id
        self._last_id += 1
        stored = StoredRule(rule=replace(rule, id=self._last_id), note=note, is_active=False, created_at=now)
        self._of(project_id).rules.append(stored)
        return self._last_id

    async def change_rule(self, project_id: ProjectId, rule: GroupingRule, *, note: str) -> None:
        """Replace a rule that is switched off."""
        project = self._of(project_id)
        stored = find_rule(project.rules, rule.id, is_active=False)
        project.rules[project.rules.index(stored)] = replace(stored, rule=rule, note=note)

    async def delete_rule(self, project_id: ProjectId, rule_id: int) -> None:
        """Remove a rule that is switched off."""
        rules = self._of(project_id).rules
        rules.remove(find_rule(rules, rule_id, is_active=False))

    async def order_rules(self, project_id: ProjectId, rule_ids: Sequence[int]) -> None:
        """Put the rules into this order."""
        project = self._of(project_id)
        check_order(project.rules, rule_ids)
        project.rules.sort(key=lambda stored: rule_ids.index(stored.rule.id))
        project.version += 1

    async def switch_on(
        self,
        project_id: ProjectId,
        rule_id: int,
        moves: Moves,
        *,
        person_id: int | None,
        now: datetime,
        planned_for: RuleBook | None = None,
    ) -> int:
        """Switch a rule on and move groups, in one step."""
        del person_id, now
        project = self._of(project_id)
        check_planned(await self.book(project_id), rule_id, planned_for)
        self._switch(project, find_rule(project.rules, rule_id, is_active=False))
        before, after = _applied(project.map, moves)
        project.moved[rule_id] = before, after
        return len(before)

    async def switch_off(
        self, project_id: ProjectId, rule_id: int, *, person_id: int | None, now: datetime
    ) -> int:
        """Switch a rule off and move back what it moved, in one step."""
        del person_id, now
        project = self._of(project_id)
        self._switch(project, find_rule(project.rules, rule_id, is_active=True))
        before, after = project.moved.pop(rule_id)
        back = {group for group in before if project.map.get(group) == after[group]}
        project.map |= {group: before[group] for group in back}
        used = {error.entry.fingerprint.group_id for error in self._errors}
        for group in after.keys() - before.keys() - used:
            project.map.pop(group, None)
        return len(back)

    async def move(self, project_id: ProjectId, moves: Moves, *, person_id: int | None, now: datetime) -> int:
        """Move groups without a rule; return how many moved."""
        del person_id, now
        return len(_applied(self._of(project_id).map, moves)[0])

    async def homes(self, project_id: ProjectId, groups: Sequence[GroupId]) -> Mapping[GroupId, Home]:
        """Return where these groups are; those the map does not know are missing."""
        known = self._of(project_id).map
        return {
            group: Home(pattern_id=known[group][0], is_fixed=known[group][1] == "person")
            for group in groups
            if group in known
        }

    async def count_newest(self, project_id: ProjectId, *, limit: int) -> int:
        """Return how many errors ``newest`` would give."""
        return len(self._newest(project_id, limit))

    async def newest(self, project_id: ProjectId, *, limit: int) -> AsyncGenerator[Sequence[KeptError], None]:
        """Yield the newest errors of a project, newest first."""
        errors = self._newest(project_id, limit)
        for start in range(0, len(errors), CHUNK):
            yield [
                KeptError(
                    group_id=error.entry.fingerprint.group_id,
                    occurrences=error.event.occurrences,
                    body=msgspec.json.encode(event_to_json(error.event)),
                    has_template=error.template is not None,
                )
                for error in errors[start : start + CHUNK]
            ]

    async def add_preview(
        self, project_id: ProjectId, *, rule_id: int | None, total: int, now: datetime
    ) -> int:
        """Register a dry run and return its id."""
        self._last_id += 1
        self._previews[project_id, self._last_id] = Preview(
            id=self._last_id, rule_id=rule_id, created_at=now, updated_at=now, total=total, done=0
        )
        return self._last_id

    async def note_preview(
        self,
        project_id: ProjectId,
        preview_id: int,
        *,
        done: int,
        now: datetime,
        failure: str = "",
        result: Mapping[str, object] | None = None,
    ) -> None:
        """Keep how far a dry run is, or how it ended."""
        was = self._previews[project_id, preview_id]
        self._previews[project_id, preview_id] = replace(
            was, done=done, updated_at=now, failure=failure, result=result
        )

    async def preview(self, project_id: ProjectId, preview_id: int) -> Preview:
        """Return a dry run."""
        found = self._previews.get((project_id, preview_id))
        if found is None:
            message = f"There is no preview {preview_id}."
            raise NotFoundError(message)
        return found

    def _newest(self, project_id: ProjectId, limit: int) -> list[StoredError]:
        return [error for error in self._errors if error.project_id == project_id][:limit]

    def _of(self, project_id: ProjectId) -> _Project:
        if project_id not in self._projects:
            message = f"There is no project {project_id}."
            raise NotFoundError(message)
        return self._projects[project_id]

    @staticmethod
    def _switch(project: _Project, stored: StoredRule) -> None:
        place = project.rules.index(stored)
        project.rules[place] = replace(stored, is_active=not stored.is_active)
        project.version += 1


def _applied(known: _Map, moves: Moves) -> tuple[_Map, _Map]:
    """Move groups in the map; return what was there of those that moved, and all that is new."""
    before, after = {}, {}
    for group, pattern in moves.groups:
        if known[group][1] != "person" and known[group][0] != pattern:
            before[group] = known[group]
            after[group] = (pattern, "rule")
    after |= {group: (pattern, "rule") for group, pattern in moves.taken_on if group not in known}
    known |= after
    return before, after
