"""The projects a worker knows: subject keys opened, rules compiled (seed box: Storage Interface)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import structlog

from error_manager.core.rules import CompileLinear, GroupingRule, RuleSet
from error_manager.core.types import ProjectId
from error_manager.storage.base import Project

_MISS_PAUSE_S: Final = 1.0
_LOOK_S: Final = 1.0
"""How old the knowledge of rules may be: a small query a second."""
_log = structlog.get_logger()

RuleVersions = Mapping[ProjectId, int]
ActiveRules = Mapping[ProjectId, Sequence[GroupingRule]]


class LoadedProjects:
    """``ProjectDirectory`` that loads all projects when it meets one it does not know."""

    def __init__(
        self,
        load: Callable[[], Awaitable[tuple[Project, ...]]],
        *,
        open_key: Callable[[Project], bytes],
        monotonic: Callable[[], float],
        load_versions: Callable[[], Awaitable[RuleVersions]],
        load_rules: Callable[[], Awaitable[ActiveRules]],
        compile_pattern: CompileLinear,
    ) -> None:
        """Keep how to load projects and rules, open a subject key, and the clock that spaces out looks."""
        self._load = load
        self._open_key = open_key
        self._monotonic = monotonic
        self._load_versions = load_versions
        self._load_rules = load_rules
        self._compile_pattern = compile_pattern
        self._projects: dict[ProjectId, Project] = {}
        self._loaded_at = float("-inf")
        self._rules: Mapping[ProjectId, RuleSet] = {}
        self._versions: RuleVersions = {}
        self._looked_at = float("-inf")

    def get(self, project_id: ProjectId) -> Project | None:
        """Return the project, or None when it is unknown or deleted."""
        return self._projects.get(project_id)

    def rules(self, project_id: ProjectId) -> RuleSet | None:
        """Return the active grouping rules of a project, None when it has none."""
        return self._rules.get(project_id)

    async def ensure(self, project_ids: set[ProjectId]) -> None:
        """Load the projects again when one is missing, rules when they changed; once a second at most.

        A project made a moment ago is waited for, never taken for unknown.
        """
        if self._monotonic() - self._looked_at >= _LOOK_S:
            await self._look()
        if project_ids <= self._projects.keys():
            return
        await asyncio.sleep(max(0.0, self._loaded_at + _MISS_PAUSE_S - self._monotonic()))
        loaded = await self._load()
        self._projects = {
            project.id: replace(project, subject_key=self._open_key(project)) for project in loaded
        }
        self._loaded_at = self._monotonic()

    async def _look(self) -> None:
        """Compile the rules anew when the version of any project's rules has changed."""
        versions = await self._load_versions()
        if versions != self._versions:
            self._rules = {
                project: rule_set
                for project, rules in (await self._load_rules()).items()
                if (rule_set := self._compiled(project, rules)) is not None
            }
            self._versions = versions
        self._looked_at = self._monotonic()

    def _compiled(self, project: ProjectId, rules: Sequence[GroupingRule]) -> RuleSet | None:
        """Return the rules compiled; rules that another release let in and this one cannot are left out."""
        try:
            return RuleSet(rules, self._compile_pattern)
        except ValueError as error:
            _log.error("rules_unusable", project_id=project, detail=str(error))
            return None
