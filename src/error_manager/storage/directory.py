"""What a worker knows of projects: keys opened, rules compiled, templates (seed box: Storage Interface)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import structlog

from error_manager.analysis.template_snapshot import TemplateSnapshot
from error_manager.core.errors import TemplateSnapshotError
from error_manager.core.fingerprint import fingerprint, is_bare
from error_manager.core.rules import CompileLinear, GroupingRule, RuleSet
from error_manager.core.types import ErrorEvent, GroupId, ProjectId
from error_manager.storage.base import Project, PublishedTemplates, TemplateMatch, TemplateStore

_MISS_PAUSE_S: Final = 1.0
_LOOK_S: Final = 1.0
"""How old the knowledge of rules may be: a small query a second."""
_MAX_REMEMBERED: Final = 4_096
"""Messages of a project whose template is remembered: many come again unchanged."""
_MAX_REMEMBERED_CHARS: Final = 400
_LOADING_REST: Final = 9
"""For each second of loading templates, so many without."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loaded:
    """One project's templates; ``snapshot`` is None when this release cannot read it."""

    version: int
    snapshot: TemplateSnapshot | None
    apart: frozenset[GroupId]
    remembered: dict[str, int]


class LoadedTemplates:
    """``TemplateDirectory`` that loads beside the processing, and changes what it answers between batches."""

    def __init__(self, store: TemplateStore, *, monotonic: Callable[[], float]) -> None:
        """Keep where templates are published, and the clock that bounds the time spent on loading them."""
        self._store = store
        self._monotonic = monotonic
        self._rest_until = float("-inf")
        self._coming: dict[ProjectId, _Loaded] | None = None
        self._current: dict[ProjectId, _Loaded] = {}
        self.unmatched = 0
        """Bare messages since the last ``refresh`` that no template covered."""

    async def refresh(self) -> None:
        """Load what was published since the last time; batches see it from the next one on.

        Loading takes a tenth of the time at most: 5,000 that change each second take 0.1 to 0.7 s to open.

        Raises:
            StorageError: the database is away.
        """
        began = self._monotonic()
        if began < self._rest_until:
            return
        self.unmatched = 0
        loaded = dict(self._coming or {})
        known = {project: templates.version for project, templates in loaded.items()}
        for published in await self._store.newer(known):
            loaded[published.project_id] = await asyncio.to_thread(_opened, published)
        self._coming = loaded
        ended = self._monotonic()
        self._rest_until = ended + _LOADING_REST * (ended - began)

    async def ensure(self) -> None:
        """Take what was loaded; load it the first time (see the protocol)."""
        if self._coming is None:
            await self.refresh()
        self._current = self._coming or {}

    def match(self, project_id: ProjectId, event: ErrorEvent) -> TemplateMatch | None:
        """Return the template of a bare message (see the protocol)."""
        if not is_bare(event):
            return None
        loaded = self._current.get(project_id)
        number = _find(loaded, event.message) if loaded is not None else 0
        if loaded is None or not number:
            self.unmatched += 1
            return None
        if loaded.apart and fingerprint(event).group_id in loaded.apart:
            return None
        return TemplateMatch(id=number, version=loaded.version)


def _find(loaded: _Loaded, message: str) -> int:
    """Return the id of the template of a message, 0 when there is none."""
    number = loaded.remembered.get(message)
    if number is None:
        number = (loaded.snapshot.match(message) or 0) if loaded.snapshot is not None else 0
        if len(message) <= _MAX_REMEMBERED_CHARS:
            if len(loaded.remembered) >= _MAX_REMEMBERED:
                loaded.remembered.clear()
            loaded.remembered[message] = number
    return number


def _opened(published: PublishedTemplates) -> _Loaded:
    snapshot = None
    try:
        snapshot = TemplateSnapshot.from_bytes(published.content)
        snapshot.match("")  # builds the tree here, in a thread, and not under the first message
    except TemplateSnapshotError as error:  # of a later release, while both run: its workers match
        _log.error("templates_unreadable", project_id=published.project_id, detail=str(error))
    return _Loaded(version=published.version, snapshot=snapshot, apart=published.apart, remembered={})
