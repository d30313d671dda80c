"""In-memory twin of ``AnalysisSource``: for tests, and as the shortest description of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from error_manager.core.types import GroupId, PatternId, PatternStatus, ProjectId
from error_manager.storage.analysis_source import (
    AnalysedProject,
    CountRows,
    EventRows,
    PatternFact,
    Reach,
    ReleaseSeen,
    TagShare,
    newest_events,
)
from error_manager.storage.base import Cursor, StoredError
from error_manager.storage.rollup import facets

_HOST: Final = "server_name"
_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)


class MemoryAnalysisSource:
    """``AnalysisSource`` over a list of errors; ``homes`` says which pattern a group is in."""

    def __init__(
        self,
        errors: Sequence[StoredError],
        *,
        projects: Mapping[ProjectId, int],
        homes: Mapping[GroupId, PatternId],
        spans: Sequence[tuple[datetime, datetime]] = (),
    ) -> None:
        """Keep the errors, the organization of each project, and when errors were taken in."""
        self._errors = sorted(errors, key=lambda error: error.event.timestamp)
        self._projects = projects
        self._homes = homes
        self._spans = spans
        self.moved: dict[PatternId, datetime] = {}
        """When groups were moved from or to a pattern."""
        self.known_releases: set[tuple[ProjectId, str, str]] = set()
        """Project, environment and version of releases that are changes already."""
        self.slots: dict[int, Cursor] = {}
        self.weights: dict[tuple[ProjectId, PatternId], float] = {}
        """Business weights of patterns in their projects, where they are not 1."""
        self.told: dict[int, tuple[datetime, datetime | None]] = {}
        """When it was told of each slot since when something waits in it."""

    async def projects(self) -> tuple[AnalysedProject, ...]:
        """Return all projects."""
        found = sorted(self._projects.items())
        return tuple(AnalysedProject(id=number, organization_id=owner) for number, owner in found)

    async def patterns(self, project_id: ProjectId, *, since: datetime) -> tuple[PatternFact, ...]:
        """Return the patterns that had an error since then, in order of their id."""
        grouped: dict[PatternId, list[StoredError]] = defaultdict(list)
        for error in self._of(project_id):
            grouped[self._home(error)].append(error)
        facts = (
            _fact(number, grouped[number], self.weights.get((project_id, number), 1.0))
            for number in sorted(grouped)
        )
        return tuple(fact for fact in facts if fact.last_seen >= since)

    async def minutes(self, project_id: ProjectId, *, since: datetime, until: datetime) -> CountRows:
        """Return errors per pattern and minute."""
        return _counted(
            (self._home(error), _floor(error.event.timestamp, _MINUTE), error.event.occurrences)
            for error in self._between(project_id, since, until)
        )

    async def severity_minutes(self, project_id: ProjectId, *, since: datetime, until: datetime) -> CountRows:
        """Return errors per rank of severity and minute."""
        return _counted(
            (error.entry.severity.rank, _floor(error.event.timestamp, _MINUTE), error.event.occurrences)
            for error in self._between(project_id, since, until)
        )

    async def hours(self, project_id: ProjectId, *, since: datetime, until: datetime) -> CountRows:
        """Return errors per pattern and hour."""
        return _counted(
            (self._home(error), _floor(error.event.timestamp, _HOUR), error.event.occurrences)
            for error in self._between(project_id, since, until)
        )

    async def events(
        self, project_id: ProjectId, *, since: datetime, until: datetime, newest: int
    ) -> EventRows:
        """Return when the errors of each pattern happened."""
        found = self._between(project_id, since, until)
        return newest_events(
            np.array([self._home(error) for error in found], dtype=np.int64),
            np.array([error.event.timestamp.timestamp() for error in found], dtype=np.float64),
            newest=newest,
        )

    async def spans(self, *, since: datetime) -> tuple[tuple[datetime, datetime], ...]:
        """Return the times in which errors were taken in, those that ended since then."""
        return tuple(sorted(span for span in self._spans if span[1] >= since))

    async def first_span(self) -> datetime | None:
        """Return when errors were first taken in."""
        return min((start for start, _ in self._spans), default=None)

    async def regrouped(self, project_id: ProjectId, *, since: datetime) -> frozenset[PatternId]:
        """Return the patterns whose past may have changed since then."""
        mine = {self._home(error) for error in self._of(project_id)}
        return frozenset(number for number, at in self.moved.items() if at >= since and number in mine)

    async def reach(self, project_id: ProjectId, *, since: datetime) -> Mapping[PatternId, Reach]:
        """Return how many persons and hosts patterns have touched since that day."""
        users: dict[PatternId, set[bytes]] = defaultdict(set)
        hosts: dict[PatternId, set[str]] = defaultdict(set)
        for error in self._since_day(project_id, since):
            if error.user_key:
                users[self._home(error)].add(error.user_key)
            hosts[self._home(error)].update(value for key, value in facets(error.event) if key == _HOST)
        return {
            number: Reach(users=len(users[number]), hosts=len(hosts[number]))
            for number in users.keys() | hosts.keys()
            if users[number] or hosts[number]
        }

    async def users(self, project_id: ProjectId, *, since: datetime) -> int:
        """Return how many persons met an error of the project since that day."""
        return len({error.user_key for error in self._since_day(project_id, since) if error.user_key})

    async def tags(
        self, project_id: ProjectId, pattern_ids: Sequence[PatternId], *, since: datetime
    ) -> Mapping[PatternId, tuple[TagShare, ...]]:
        """Return the most frequent value of each tag of these patterns since that day."""
        counts: Counter[tuple[PatternId, str, str]] = Counter()
        for error in self._since_day(project_id, since):
            for key, value in facets(error.event):
                counts[self._home(error), key, value] += error.event.occurrences
        found: dict[PatternId, tuple[TagShare, ...]] = {}
        for number in pattern_ids:
            keys = sorted({key for pattern, key, _ in counts if pattern == number})
            if keys:
                found[number] = tuple(_share(counts, number, key) for key in keys)
        return found

    async def releases(self, project_id: ProjectId, *, since: datetime) -> tuple[ReleaseSeen, ...]:
        """Return the releases that are no change yet (see the protocol)."""
        first: dict[tuple[str, str], datetime] = {}
        last: dict[tuple[str, str], datetime] = {}
        for error in self._of(project_id):
            event = error.event
            if event.release and (project_id, event.environment, event.release) not in self.known_releases:
                first.setdefault((event.environment, event.release), event.timestamp)
                last[event.environment, event.release] = event.timestamp
        return tuple(
            ReleaseSeen(version=version, environment=environment, at=at)
            for (environment, version), at in sorted(first.items(), key=lambda item: (item[1], item[0]))
            if last[environment, version] >= _floor(since, _HOUR)
        )

    async def cursors(self) -> Mapping[int, Cursor]:
        """Return up to where each slot of the inbox was processed."""
        return self.slots

    async def waiting(self, *, since: datetime) -> Mapping[int, datetime | None]:
        """Return when the oldest record was received that waits in each slot."""
        return {slot: oldest for slot, (told_at, oldest) in self.told.items() if told_at >= since}

    # --- parts ---------------------------------------------------------------------------------------------

    def _home(self, error: StoredError) -> PatternId:
        return self._homes[error.entry.fingerprint.group_id]

    def _of(self, project_id: ProjectId) -> list[StoredError]:
        return [error for error in self._errors if error.project_id == project_id]

    def _between(self, project_id: ProjectId, since: datetime, until: datetime) -> list[StoredError]:
        return [error for error in self._of(project_id) if since <= error.event.timestamp < until]

    def _since_day(self, project_id: ProjectId, since: datetime) -> list[StoredError]:
        day = since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return [error for error in self._of(project_id) if error.event.timestamp >= day]


def _floor(moment: datetime, step: timedelta) -> datetime:
    seconds = int(moment.timestamp()) // int(step.total_seconds()) * int(step.total_seconds())
    return datetime.fromtimestamp(seconds, UTC)


def _counted(rows: Iterable[tuple[int, datetime, int]]) -> CountRows:
    counts: Counter[tuple[int, datetime]] = Counter()
    for key, bucket, count in rows:
        counts[key, bucket] += count
    return CountRows(
        keys=np.array([key for key, _ in counts], dtype=np.int64),
        times_s=np.array([int(bucket.timestamp()) for _, bucket in counts], dtype=np.int64),
        counts=np.array(list(counts.values()), dtype=np.float64),
    )


def _share(counts: Mapping[tuple[PatternId, str, str], int], number: PatternId, key: str) -> TagShare:
    mine = {value: count for (pattern, k, value), count in counts.items() if (pattern, k) == (number, key)}
    value = min(mine, key=lambda value: (-mine[value], value))
    everywhere = [(v, count) for (_, k, v), count in counts.items() if k == key]
    return TagShare(
        key=key,
        value=value,
        count=mine[value],
        total=sum(mine.values()),
        project_count=sum(count for v, count in everywhere if v == value),
        project_total=sum(count for _, count in everywhere),
    )


def _fact(number: PatternId, errors: Sequence[StoredError], weight: float) -> PatternFact:
    first, last = errors[0], errors[-1]
    return PatternFact(
        id=number,
        title=first.entry.title,
        message=first.event.message,
        culprit=first.entry.culprit,
        module=first.entry.module,
        error_code=first.entry.error_code,
        severity=max((error.entry.severity for error in errors), key=lambda severity: severity.rank),
        platform=first.event.platform,
        status=PatternStatus.UNRESOLVED,
        first_seen=first.event.timestamp,
        last_seen=last.event.timestamp,
        resolved_at=None,
        regressed_at=None,
        first_release=first.event.release,
        users=len({error.user_key for error in errors if error.user_key}),
        weight=weight,
    )
