"""Windows of time the analysis looks at, and how its states move on (seed box: Aggregator)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from error_manager.analysis.aggregator import Buckets, Flags, collected
from error_manager.core.types import ProjectId
from error_manager.storage.analysis_source import AnalysedProject, AnalysisSource
from error_manager.storage.findings import AnalysisState, StateStep

HISTORY: Final = timedelta(days=30)
"""How far back the analysis looks."""


async def collection(source: AnalysisSource, buckets: Buckets) -> Flags:
    """Return which of the buckets were collected, shape (buckets,)."""
    first = await source.first_span()
    spans = await source.spans(since=moment(buckets.start_s))
    return collected(
        [(start.timestamp(), end.timestamp()) for start, end in spans],
        buckets,
        since_s=first.timestamp() if first else float("inf"),
    )


def by_organization(projects: Sequence[AnalysedProject]) -> tuple[tuple[int, list[AnalysedProject]], ...]:
    """Return the organizations with their projects, in order of their ids."""
    found: dict[int, list[AnalysedProject]] = defaultdict(list)
    for project in projects:
        found[project.organization_id].append(project)
    return tuple(sorted(found.items()))


def moment(seconds: float) -> datetime:
    """Return the time of seconds since the epoch, UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def floor_minute(time: datetime) -> datetime:
    """Return the start of the minute."""
    return time.astimezone(UTC).replace(second=0, microsecond=0)


def floor_hour(time: datetime) -> datetime:
    """Return the start of the UTC hour."""
    return time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def moved(
    state: AnalysisState | None,
    project_id: ProjectId,
    kind: str,
    through_at: datetime,
    *,
    version: int = 1,
    content: bytes = b"",
) -> StateStep:
    """Return the step of a state from where it was read to where it is now."""
    fresh = AnalysisState(
        project_id=project_id, kind=kind, version=version, through_at=through_at, content=content
    )
    return StateStep(state=fresh, before=state.through_at if state else None)
