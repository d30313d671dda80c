"""Reads what patterns are indexed by from PostgreSQL (seed box: PostgreSQL Adapter)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from error_manager.core.types import PatternId, ProjectId
from error_manager.storage.compression import BodyCodec
from error_manager.storage.postgres import named
from error_manager.storage.postgres.group_edges import NEWEST
from error_manager.storage.postgres.reader import Pool, Reader
from error_manager.storage.vectors import PatternKey, PatternSample

_SQL: Final = named.load("indexing.sql")
_SAMPLES: Final = _SQL["samples"].format(newest=NEWEST)
_RULES: Final = named.load("rules.sql")


class PostgresSamples(Reader):
    """``PatternSource`` over a pool of autocommit connections; for one thread."""

    def __init__(self, pool: Pool) -> None:
        """Keep the pool; dictionaries are loaded when a body needs one."""
        super().__init__(pool)
        self._codec = BodyCodec()

    async def patterns(self) -> frozenset[PatternKey]:
        """Return every pattern that has errors of its own."""
        rows = await self._rows(_SQL["live_patterns"])
        return frozenset(PatternKey(ProjectId(project), PatternId(pattern)) for project, pattern in rows)

    async def samples(self, keys: Sequence[PatternKey]) -> tuple[PatternSample, ...]:
        """Return what to index these patterns by, in the order of their ids."""
        found: list[PatternSample] = []
        for project_id, group in groupby(sorted(keys), key=lambda key: key.project_id):
            found += await self._of_project(project_id, [key.pattern_id for key in group])
        return tuple(found)

    async def _of_project(
        self, project_id: ProjectId, pattern_ids: Sequence[PatternId]
    ) -> list[PatternSample]:
        rows = await self._rows(_SAMPLES, project=project_id, patterns=list(pattern_ids))
        codec = self._codec
        if not all(codec.knows(project_id, number) for *_, number, body in rows if body is not None):
            for number, content in await self._rows(_RULES["read_dictionaries"], project=project_id):
                codec.register(project_id, number, bytes(content))
        return [
            PatternSample(
                key=PatternKey(project_id, PatternId(pattern)),
                body=b"" if body is None else codec.decompress(project_id, dictionary, bytes(body)),
                title=title,
                message=message,
                platform=platform,
            )
            for pattern, title, message, platform, dictionary, body in rows
        ]
