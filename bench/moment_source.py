"""The demo's moments as the analysis reads them: ``AnalysisSource`` over arrays, without any storage.

One pattern per fault, as grouping makes them. What is later than ``now`` has not happened yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

import numpy as np
from bench.bare_source import BareSource
from numpy.typing import NDArray

from error_manager.core.cataloger import catalog
from error_manager.core.types import PatternId, PatternStatus, ProjectId, Severity
from error_manager.decoding.native import decode_stored
from error_manager.runtime.demo.bodies import BodyMaker
from error_manager.runtime.demo.faults import FAULTS, SERVICES, Fault
from error_manager.runtime.demo.schedule import RESOLVED_FAULT, Moment, fixed_at
from error_manager.storage.analysis_source import (
    AnalysedProject,
    CountRows,
    EventRows,
    PatternFact,
    ReleaseSeen,
    newest_events,
)

PROJECTS = {slug: ProjectId(number) for number, slug in enumerate(SERVICES, 1)}
PATTERNS = {fault.key: PatternId(number) for number, fault in enumerate(FAULTS, 1)}
OWNERS = {PATTERNS[fault.key]: PROJECTS[fault.service] for fault in FAULTS}
STAGING_SHARE = 0.06
"""Share of the errors that ``BodyMaker`` gives to staging."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Errors:
    """The errors of a project in order of time; ``versions`` are places in its service's releases."""

    times: NDArray[np.float64]
    patterns: NDArray[np.int64]
    versions: NDArray[np.int64]
    is_staging: NDArray[np.bool_]


class MomentSource(BareSource):
    """What the demo would have stored up to ``now``."""

    def __init__(self, moments: Sequence[Moment], start: datetime, *, seed: int) -> None:
        """Take the moments of a demo that begins at ``start``."""
        maker = BodyMaker(start, seed=seed, name=str(seed))
        self.now = start
        self.facts = {PATTERNS[fault.key]: _fact(fault, maker, start) for fault in FAULTS}
        self._resolved_at = fixed_at(start)
        self._errors = {PROJECTS[slug]: _errors(slug, moments, maker, seed) for slug in SERVICES}

    async def projects(self) -> tuple[AnalysedProject, ...]:
        return tuple(AnalysedProject(id=number, organization_id=1) for number in PROJECTS.values())

    async def patterns(self, project_id: ProjectId, *, since: datetime) -> tuple[PatternFact, ...]:
        mine = self._errors[project_id]
        until = np.searchsorted(mine.times, self.now.timestamp())
        found = []
        for number in np.unique(mine.patterns[:until]).tolist():
            times = mine.times[:until][mine.patterns[:until] == number]
            if times[-1] >= since.timestamp():
                found.append(self._seen(PatternId(number), times))
        return tuple(found)

    async def minutes(self, project_id: ProjectId, *, since: datetime, until: datetime) -> CountRows:
        times, patterns = self._between(project_id, since, until)
        return _counted(patterns, times, 60)

    async def severity_minutes(self, project_id: ProjectId, *, since: datetime, until: datetime) -> CountRows:
        times, patterns = self._between(project_id, since, until)
        ranks = np.array([0] + [self.facts[number].severity.rank for number in sorted(self.facts)])
        return _counted(ranks[patterns], times, 60)

    async def hours(self, project_id: ProjectId, *, since: datetime, until: datetime) -> CountRows:
        times, patterns = self._between(project_id, since, until)
        return _counted(patterns, times, 3600)

    async def events(
        self, project_id: ProjectId, *, since: datetime, until: datetime, newest: int
    ) -> EventRows:
        times, patterns = self._between(project_id, since, until)
        return newest_events(patterns, times, newest=newest)

    async def releases(self, project_id: ProjectId, *, since: datetime) -> tuple[ReleaseSeen, ...]:
        mine = self._errors[project_id]
        service = next(SERVICES[slug] for slug, number in PROJECTS.items() if number == project_id)
        found = []
        for place, version in enumerate(service.releases):
            for is_staging, environment in ((False, "production"), (True, "staging")):
                seen = mine.times[(mine.versions == place) & (mine.is_staging == is_staging)]
                if len(seen) and since.timestamp() <= seen[0] < self.now.timestamp():
                    at = datetime.fromtimestamp(float(seen[0]), UTC)
                    found.append(ReleaseSeen(version=version, environment=environment, at=at))
        return tuple(sorted(found, key=lambda one: one.at))

    # --- parts ---------------------------------------------------------------------------------------------

    def _between(
        self, project_id: ProjectId, since: datetime, until: datetime
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        mine = self._errors[project_id]
        ends = [since.timestamp(), min(until, self.now).timestamp()]
        first, last = np.searchsorted(mine.times, ends).tolist()
        return mine.times[first:last], mine.patterns[first:last]

    def _seen(self, number: PatternId, times: NDArray[np.float64]) -> PatternFact:
        """Return a pattern as it is known now; one that was resolved has come back with its next error."""
        fact, resolved_at, regressed_at = self.facts[number], None, None
        status = PatternStatus.UNRESOLVED
        if number == PATTERNS[RESOLVED_FAULT] and self.now >= self._resolved_at:
            later = times[times >= self._resolved_at.timestamp()]
            resolved_at, status = self._resolved_at, PatternStatus.RESOLVED
            if len(later):
                regressed_at = datetime.fromtimestamp(float(later[0]), UTC)
                status = PatternStatus.UNRESOLVED
        return PatternFact(
            id=number,
            title=fact.title,
            message=fact.message,
            culprit=fact.culprit,
            module=fact.module,
            error_code=fact.error_code,
            severity=fact.severity,
            platform=fact.platform,
            status=status,
            first_seen=datetime.fromtimestamp(float(times[0]), UTC),
            last_seen=datetime.fromtimestamp(float(times[-1]), UTC),
            resolved_at=resolved_at,
            regressed_at=regressed_at,
            first_release="",
            users=0,
        )


def _errors(slug: str, moments: Sequence[Moment], maker: BodyMaker, seed: int) -> _Errors:
    service = SERVICES[slug]
    mine = [moment for moment in moments if moment.fault.service == slug]
    rng = Random(seed)
    return _Errors(
        times=np.array([moment.at.timestamp() for moment in mine], dtype=np.float64),
        patterns=np.array([PATTERNS[moment.fault.key] for moment in mine], dtype=np.int64),
        versions=np.array(
            [service.releases.index(maker.release(service, moment.at)) for moment in mine], dtype=np.int64
        ),
        is_staging=np.array([rng.random() < STAGING_SHARE for _ in mine], dtype=np.bool_),
    )


def _fact(fault: Fault, maker: BodyMaker, start: datetime) -> PatternFact:
    """Return what the catalog says of an error of this fault."""
    event = decode_stored(maker.body(Moment(fault, start), 0)[1])
    entry = catalog(event)
    return PatternFact(
        id=PATTERNS[fault.key],
        title=entry.title,
        message=event.message,
        culprit=entry.culprit,
        module=entry.module,
        error_code=entry.error_code,
        severity=Severity(fault.severity),
        platform=event.platform,
        status=PatternStatus.UNRESOLVED,
        first_seen=start,
        last_seen=start,
        resolved_at=None,
        regressed_at=None,
        first_release="",
        users=0,
    )


def _counted(keys: NDArray[np.int64], times: NDArray[np.float64], step_s: int) -> CountRows:
    buckets = (times // step_s).astype(np.int64) * step_s
    pairs, counts = np.unique(np.stack([keys, buckets]), axis=1, return_counts=True)
    return CountRows(keys=pairs[0], times_s=pairs[1], counts=counts.astype(np.float64))
