"""The projects a worker knows, with their subject keys opened (seed box: Storage Interface)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from error_manager.core.types import ProjectId
from error_manager.storage.base import Project

_MISS_PAUSE_S: Final = 1.0


class LoadedProjects:
    """``ProjectDirectory`` that loads all projects when it meets one it does not know."""

    def __init__(
        self,
        load: Callable[[], Awaitable[tuple[Project, ...]]],
        *,
        open_key: Callable[[Project], bytes],
        monotonic: Callable[[], float],
    ) -> None:
        """Keep how to load projects and open a subject key, and the clock that spaces out repeated misses."""
        self._load = load
        self._open_key = open_key
        self._monotonic = monotonic
        self._projects: dict[ProjectId, Project] = {}
        self._loaded_at = float("-inf")

    def get(self, project_id: ProjectId) -> Project | None:
        """Return the project, or None when it is unknown or deleted."""
        return self._projects.get(project_id)

    async def ensure(self, project_ids: set[ProjectId]) -> None:
        """Load the projects again when one is missing, but not more than once a second.

        A project made a moment ago is waited for, never taken for unknown.
        """
        if project_ids <= self._projects.keys():
            return
        await asyncio.sleep(max(0.0, self._loaded_at + _MISS_PAUSE_S - self._monotonic()))
        loaded = await self._load()
        self._projects = {
            project.id: replace(project, subject_key=self._open_key(project)) for project in loaded
        }
        self._loaded_at = self._monotonic()
