"""The protocol of what the analysis reads, as arrays (seed box: Storage Interface).

Only the analysis imports this: a serving process loads no numpy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from error_manager.core.types import PatternId, PatternStatus, ProjectId, Severity
from error_manager.storage.base import Cursor

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysedProject:
    """A project and whose it is."""

    id: ProjectId
    organization_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternFact:
    """A pattern as far as the analysis goes by it; ``weight`` is its business weight in its project."""

    id: PatternId
    title: str
    message: str
    culprit: str
    module: str
    error_code: str
    severity: Severity
    platform: str
    status: PatternStatus
    first_seen: datetime
    last_seen: datetime
    resolved_at: datetime | None
    regressed_at: datetime | None
    first_release: str
    users: int
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CountRows:
    """Counts per key and bucket, each pair once: shape (n,) each.

    ``keys`` are ids of patterns or ranks of severities, ``times_s`` the starts of the buckets in seconds
    since the epoch.
    """

    keys: Integers
    times_s: Integers
    counts: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRows:
    """When errors of patterns happened: shape (n,) each; seconds since the epoch, in no order.

    ``cut_s``: since when all errors of a pattern are here, of those that have more before.
    """

    keys: Integers
    times_s: Floats
    cut_s: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How many persons and hosts a pattern has touched."""

    users: int
    hosts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TagShare:
    """The most frequent value of a tag of a pattern: ``count`` of ``total`` errors that have the tag.

    In the whole project ``project_count`` of ``project_total`` errors have the value.
    """

    key: str
    value: str
    count: int
    total: int
    project_count: int
    project_total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseSeen:
    """When a release had its first error in an environment."""

    version: str
    environment: str
    at: datetime


def newest_events(
    keys: Integers, times_s: Floats, *, newest: int, starts: Mapping[int, float] | None = None
) -> EventRows:
    """Return the newest errors of each pattern.

    Args:
        keys: whose each error is, shape (n,).
        times_s: when it happened, shape (n,).
        newest: most errors of a pattern, >= 1.
        starts: since when the errors given here are all there are, of patterns that have more before.
    """
    order = np.lexsort((times_s, keys))
    keys, times_s = keys[order], times_s[order]
    numbers, counts = np.unique(keys, return_counts=True)
    ends = np.cumsum(counts)
    is_kept = np.repeat(ends, counts) - np.arange(len(keys)) <= newest
    is_full = counts >= newest
    oldest = times_s[ends[is_full] - newest]
    cut_s = {**(starts or {}), **dict(zip(numbers[is_full].tolist(), oldest.tolist(), strict=True))}
    return EventRows(keys=keys[is_kept], times_s=times_s[is_kept], cut_s=cut_s)


class AnalysisSource(Protocol):
    """What was stored, by pattern as the map of groups is now; [since, until) everywhere.

    Every method raises StorageUnavailableError when the database is away.
    """

    async def projects(self) -> tuple[AnalysedProject, ...]:
        """Return all projects."""
        ...

    async def patterns(self, project_id: ProjectId, *, since: datetime) -> tuple[PatternFact, ...]:
        """Return the patterns that had an error since then, in order of their id; none that was merged."""
        ...

    async def minutes(self, project_id: ProjectId, *, since: datetime, until: datetime) -> CountRows:
        """Return errors per pattern and minute."""
        ...

    async def severity_minutes(self, project_id: ProjectId, *, since: datetime, until: datetime) -> CountRows:
        """Return errors per rank of severity and minute."""
        ...

    async def hours(self, project_id: ProjectId, *, since: datetime, until: datetime) -> CountRows:
        """Return errors per pattern and hour."""
        ...

    async def events(
        self, project_id: ProjectId, *, since: datetime, until: datetime, newest: int
    ) -> EventRows:
        """Return when the errors of each pattern happened, of each pattern the ``newest`` ones at most.

        Of a pattern whose errors stand for several each it may be fewer: as many as happened so often.
        """
        ...

    async def spans(self, *, since: datetime) -> tuple[tuple[datetime, datetime], ...]:
        """Return the times in which errors were taken in, those that ended since then."""
        ...

    async def first_span(self) -> datetime | None:
        """Return when errors were first taken in, None when nobody has said so yet."""
        ...

    async def regrouped(self, project_id: ProjectId, *, since: datetime) -> frozenset[PatternId]:
        """Return the patterns whose past may have changed since then: merges, splits, rules, their undo."""
        ...

    async def reach(self, project_id: ProjectId, *, since: datetime) -> Mapping[PatternId, Reach]:
        """Return how many persons and hosts patterns have touched since that day."""
        ...

    async def users(self, project_id: ProjectId, *, since: datetime) -> int:
        """Return how many persons met an error of the project since that day."""
        ...

    async def tags(
        self, project_id: ProjectId, pattern_ids: Sequence[PatternId], *, since: datetime
    ) -> Mapping[PatternId, tuple[TagShare, ...]]:
        """Return the most frequent value of each tag of these patterns since that day, by tag."""
        ...

    async def releases(self, project_id: ProjectId, *, since: datetime) -> tuple[ReleaseSeen, ...]:
        """Return the releases with errors since that hour that are no change yet, with their first error."""
        ...

    async def cursors(self) -> Mapping[int, Cursor]:
        """Return up to where each slot of the inbox was processed."""
        ...

    async def waiting(self, *, since: datetime) -> Mapping[int, datetime | None]:
        """Return when the oldest record was received that waits in each slot, None = nothing waits.

        Those are missing of which nobody has told since then.
        """
        ...
