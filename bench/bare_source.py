"""The part of an ``AnalysisSource`` that made-up errors have nothing to say to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from error_manager.core.types import PatternId, ProjectId
from error_manager.storage.analysis_source import Reach, TagShare
from error_manager.storage.base import Cursor


class BareSource:
    """Everything was collected; nothing was regrouped, waits, has users, hosts or tags."""

    async def spans(self, *, since: datetime) -> tuple[tuple[datetime, datetime], ...]:
        del since
        return ()

    async def first_span(self) -> datetime | None:
        return None

    async def regrouped(self, project_id: ProjectId, *, since: datetime) -> frozenset[PatternId]:
        del project_id, since
        return frozenset()

    async def reach(self, project_id: ProjectId, *, since: datetime) -> Mapping[PatternId, Reach]:
        del project_id, since
        return {}

    async def users(self, project_id: ProjectId, *, since: datetime) -> int:
        del project_id, since
        return 0

    async def tags(
        self, project_id: ProjectId, pattern_ids: Sequence[PatternId], *, since: datetime
    ) -> Mapping[PatternId, tuple[TagShare, ...]]:
        del project_id, pattern_ids, since
        return {}

    async def cursors(self) -> Mapping[int, Cursor]:
        return {}

    async def waiting(self, *, since: datetime) -> Mapping[int, datetime | None]:
        del since
        return {}
