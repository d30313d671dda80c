"""From counts per minute to anomalies of patterns, modules and projects (seed box: Anomaly Detector).

Start at ``RateWatch.watch``. The detector of a project lives in the process that watches it; each hour it is
kept, and whoever goes on without it takes the minutes since then in again. What is told, and up to which
minute, is kept each time.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import structlog

from error_manager.analysis.aggregator import (
    MODULE,
    PATTERN,
    PROJECT,
    SEVERITY,
    Buckets,
    Flags,
    SeriesTable,
    aggregate,
    between,
    places,
    stacked,
    summed,
)
from error_manager.analysis.anomaly import STEP_S, RateDetector
from error_manager.analysis.anomaly_alert import Alert, Deploy, Kind
from error_manager.core.types import PatternId, ProjectId, Severity
from error_manager.flows.analysis_window import HISTORY, collection, floor_hour, moment, moved
from error_manager.flows.packed import Packed, pack
from error_manager.flows.rollouts import read_rollouts
from error_manager.storage.analysis_source import AnalysedProject, AnalysisSource, CountRows, PatternFact
from error_manager.storage.findings import (
    MINUTES,
    AnalysisState,
    Anomaly,
    AnomalyFilter,
    ChangeKind,
    Findings,
    FindingStore,
    Scale,
    Scope,
    ScopeKind,
)
from error_manager.storage.rollup import MINUTES_KEPT

RATES: Final = "rates"
"""The state that keeps the detector."""
_AT_ONCE: Final = timedelta(hours=6)
_DEPLOYS: Final = timedelta(hours=4)
_FIRST: Final = timedelta(days=1)
_PAGE: Final = 500
_HOUR_S: Final = 3600
"""What takes so long to be seen is told per hour."""
_SEVERITIES: Final = {severity.rank: severity.value for severity in Severity}
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A detector that has taken in the minutes before ``through_at``; ``kept_at``: when it was last kept."""

    detector: RateDetector
    through_at: datetime
    kept_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    """The same between two looks: packed, it takes a quarter of the memory."""

    detector: Packed
    through_at: datetime
    kept_at: datetime | None


class RateWatch:
    """The anomaly detectors of all projects."""

    def __init__(self, source: AnalysisSource, findings: FindingStore) -> None:
        """Keep where counts are read and anomalies are kept."""
        self._source = source
        self._findings = findings
        self._waiting: dict[ProjectId, _Waiting] = {}

    async def watch(self, project: AnalysedProject, *, until: datetime) -> tuple[None, int]:
        """Take in the minutes of a project that end before ``until``; return how many counts that were.

        Raises:
            StorageError: the database is away, or another process was faster; try again.
        """
        taken = 0
        position = await self._findings.state(project.id, MINUTES)
        start = position.through_at if position else await self._beginning(project.id, until)
        while start is not None:
            window = between(start.timestamp(), min(until, start + _AT_ONCE).timestamp(), step_s=STEP_S)
            if not window.count:
                break
            held = await self._ready(project.id, position, start)
            position, count = await self._take(project.id, held, position, window)
            taken += count
            start = position.through_at
        return None, taken

    # --- parts ---------------------------------------------------------------------------------------------

    async def _beginning(self, project_id: ProjectId, until: datetime) -> datetime | None:
        """Return where a project begins that was never watched: with its first error, None without any."""
        facts = await self._source.patterns(project_id, since=until - MINUTES_KEPT)
        first = min((fact.first_seen for fact in facts), default=None)
        return None if first is None else max(floor_hour(first), floor_hour(until - MINUTES_KEPT))

    async def _ready(self, project_id: ProjectId, position: AnalysisState | None, start: datetime) -> _Held:
        """Return a detector that has taken in what is before ``start``; it is not held until it is back."""
        waiting = self._waiting.pop(project_id, None)
        if waiting is not None and waiting.through_at == start and position is not None:
            detector = await asyncio.to_thread(_unpacked, waiting.detector)
            return _Held(detector=detector, through_at=start, kept_at=waiting.kept_at)
        if position is None:
            await self._findings.forget_state(project_id, RATES)
            return _Held(detector=await self._fresh(project_id, start), through_at=start, kept_at=None)
        held = await self._restored(project_id, start)
        while held.through_at < start:
            end = min(start, held.through_at + _AT_ONCE)
            window = between(held.through_at.timestamp(), end.timestamp(), step_s=STEP_S)
            await self._study(project_id, held.detector, window)  # what it tells was told then
            held = _Held(detector=held.detector, through_at=end, kept_at=held.kept_at)
        return held

    async def _restored(self, project_id: ProjectId, start: datetime) -> _Held:
        kept = await self._findings.state(project_id, RATES)
        if kept is not None and kept.through_at <= start:
            try:
                detector = await asyncio.to_thread(RateDetector.from_bytes, kept.content)
            except ValueError as error:  # of another release
                _log.warning("rates_unreadable", project_id=project_id, detail=str(error))
            else:
                return _Held(detector=detector, through_at=kept.through_at, kept_at=kept.through_at)
        first = floor_hour(start - MINUTES_KEPT) + timedelta(hours=1)
        return _Held(
            detector=await self._fresh(project_id, first),
            through_at=first,
            kept_at=kept.through_at if kept else None,
        )

    async def _fresh(self, project_id: ProjectId, start: datetime) -> RateDetector:
        """Return a detector that knows the hours before ``start`` (a whole hour): older minutes are gone."""
        detector = RateDetector()
        since = start - HISTORY
        facts = await self._source.patterns(project_id, since=since)
        counts = await self._source.hours(project_id, since=since, until=start)
        if not len(counts.keys):
            return detector
        _fit_series(detector, facts, frozenset(), start_s=start.timestamp())
        window = between(since.timestamp(), start.timestamp(), step_s=_HOUR_S)
        is_collected = await collection(self._source, window)
        await asyncio.to_thread(_learn, detector, facts, counts, window=window, is_collected=is_collected)
        return detector

    async def _take(
        self, project_id: ProjectId, held: _Held, position: AnalysisState | None, window: Buckets
    ) -> tuple[AnalysisState, int]:
        """Let a detector take in a window, keep what it tells; return where it stands and how many counts."""
        end = moment(window.end_s)
        found, count, alone = await self._study(project_id, held.detector, window)
        ended = await self._ended(project_id, held.detector, alone, moment(window.start_s))
        step = moved(position, project_id, MINUTES, end)
        states, kept_at = [step], held.kept_at
        content = await asyncio.to_thread(held.detector.to_bytes)
        if kept_at is None or floor_hour(end) > kept_at:
            before = await self._findings.state(project_id, RATES) if kept_at else None
            states.append(moved(before, project_id, RATES, end, content=content))
            kept_at = end
        await self._findings.keep(Findings(states=tuple(states), anomalies=(*ended, *found)))
        packed = await asyncio.to_thread(pack, content)
        self._waiting[project_id] = _Waiting(detector=packed, through_at=end, kept_at=kept_at)
        return step.state, count

    async def _study(
        self, project_id: ProjectId, detector: RateDetector, window: Buckets
    ) -> tuple[list[Anomaly], int, frozenset[str]]:
        """Return the anomalies of a window, how many counts it has, and the modules of one pattern."""
        start, end = moment(window.start_s), moment(window.end_s)
        facts = await self._source.patterns(project_id, since=start - HISTORY)
        regrouped = await self._source.regrouped(project_id, since=start)
        _fit_series(detector, facts, regrouped, start_s=window.start_s)
        alone = _single(facts)
        is_collected = await collection(self._source, window)
        patterns = await self._source.minutes(project_id, since=start, until=end)
        severities = await self._source.severity_minutes(project_id, since=start, until=end)
        deploys = await self._deploys(project_id, start, end)
        alerts = await asyncio.to_thread(
            _alerts,
            detector,
            facts,
            patterns,
            severities,
            window=window,
            is_collected=is_collected,
            deploys=deploys,
        )
        found = [_anomaly(project_id, one, updated_at=end) for one in alerts if one.key not in alone]
        return found, len(detector.keys) * window.count, alone

    async def _deploys(self, project_id: ProjectId, start: datetime, end: datetime) -> tuple[Deploy, ...]:
        changes = await read_rollouts(
            self._findings,
            (project_id,),
            since=start - _DEPLOYS,
            until=end,
            kinds=(ChangeKind.RELEASE, ChangeKind.DEPLOY),
        )
        return tuple(Deploy(at_s=change.at.timestamp()) for change in reversed(changes))

    async def _ended(
        self, project_id: ProjectId, detector: RateDetector, alone: frozenset[str], at: datetime
    ) -> list[Anomaly]:
        """Return the open anomalies that a detector does not follow, as ended: nobody else would end them.

        So it is with a series that is watched no longer or began anew, also while no detector was held. One
        that is over by now is among them too; what the detector tells of it counts.
        """
        followed = {(key, moment(started_s)) for key, started_s in detector.told if key not in alone}
        where = AnomalyFilter(project_ids=(project_id,), is_open=True)
        ended, cursor, is_first = [], None, True
        while is_first or cursor is not None:
            page = await self._findings.anomalies(where, limit=_PAGE, cursor=cursor)
            ended += [
                replace(one, ended_at=max(at, one.started_at), updated_at=at)
                for one in page.items
                if (_key(one.scope.kind.value, one.scope.key), one.started_at) not in followed
            ]
            cursor, is_first = page.next, False
        return ended


def _fit_series(
    detector: RateDetector,
    facts: Sequence[PatternFact],
    regrouped: frozenset[PatternId],
    *,
    start_s: float,
) -> None:
    """Make a detector watch the series there are now.

    A pattern whose past was regrouped begins anew: what it knew was of other errors. In the first day of a
    project every pattern is new; none of them is told as a birth.
    """
    began = min((fact.first_seen for fact in facts), default=moment(start_s))
    known_s = max(start_s, (began + _FIRST).timestamp())
    wanted = {_key(PATTERN, str(fact.id)): fact.first_seen.timestamp() < known_s for fact in facts}
    wanted |= {_key(MODULE, fact.module): True for fact in facts}
    wanted |= {_key(SEVERITY, name): True for name in _SEVERITIES.values()}
    wanted[_key(PROJECT, "")] = True
    changed = {_key(PATTERN, str(number)) for number in regrouped}
    detector.remove(key for key in detector.keys if key not in wanted or key in changed)
    fresh = wanted.keys() - set(detector.keys)
    for is_known in (True, False):
        detector.add([key for key in sorted(fresh) if wanted[key] is is_known], is_known=is_known)


def _unpacked(packed: Packed) -> RateDetector:
    return RateDetector.from_bytes(packed.unpack())


def _single(facts: Sequence[PatternFact]) -> frozenset[str]:
    """Return the modules of one pattern: what happens to them is told of the pattern."""
    sizes = Counter(fact.module for fact in facts)
    return frozenset(_key(MODULE, module) for module, patterns in sizes.items() if patterns == 1)


def _alerts(
    detector: RateDetector,
    facts: Sequence[PatternFact],
    patterns: CountRows,
    severities: CountRows,
    *,
    window: Buckets,
    is_collected: Flags,
    deploys: Sequence[Deploy],
) -> list[Alert]:
    """Return what a detector tells of the minutes of a window, in their order."""
    table = tables(facts, patterns, severities, buckets=window, is_collected=is_collected)
    rows = {_key(*scope): row for row, scope in enumerate(table.scopes)}
    counts = table.counts[[rows[key] for key in detector.keys]]
    alerts: list[Alert] = []
    for column in np.flatnonzero(is_collected).tolist():
        start_s = window.start_s + STEP_S * column
        alerts += detector.update(start_s, counts[:, column], deploys=deploys)
    return alerts


def _learn(
    detector: RateDetector,
    facts: Sequence[PatternFact],
    counts: CountRows,
    *,
    window: Buckets,
    is_collected: Flags,
) -> None:
    """Let a detector know the hours of a window; those of severities are not kept apart."""
    none = np.zeros(0, dtype=np.int64)
    severities = CountRows(keys=none, times_s=none, counts=np.zeros(0))
    table = tables(facts, counts, severities, buckets=window, is_collected=is_collected)
    rows = [row for row, scope in enumerate(table.scopes) if scope[0] != SEVERITY]
    keys = [_key(*table.scopes[row]) for row in rows]
    detector.learn_history(keys, window.start_s, window.step_s, table.counts[rows])


def tables(
    facts: Sequence[PatternFact],
    patterns: CountRows,
    severities: CountRows,
    *,
    buckets: Buckets,
    is_collected: Flags,
) -> SeriesTable:
    """Return the series of patterns, modules, the project and severities, in this order."""
    ids = np.array([fact.id for fact in facts], dtype=np.int64)
    mine = aggregate(
        [(PATTERN, str(fact.id)) for fact in facts],
        places(ids, patterns.keys),
        patterns.times_s,
        patterns.counts,
        buckets=buckets,
        is_collected=is_collected,
    )
    ranks = np.array(sorted(_SEVERITIES), dtype=np.int64)
    by_severity = aggregate(
        [(SEVERITY, _SEVERITIES[rank]) for rank in ranks.tolist()],
        places(ranks, severities.keys),
        severities.times_s,
        severities.counts,
        buckets=buckets,
        is_collected=is_collected,
    )
    modules = summed(mine, MODULE, [fact.module for fact in facts])
    return stacked([mine, modules, summed(mine, PROJECT, [""] * len(facts)), by_severity])


def _anomaly(project_id: ProjectId, alert: Alert, *, updated_at: datetime) -> Anomaly:
    kind, _, key = alert.key.partition(":")
    is_slow = alert.detected_s + STEP_S - alert.started_s >= _HOUR_S
    scale = Scale.HOUR if is_slow else Scale.MINUTE
    buckets = max(1, alert.window_minutes) * STEP_S / scale.seconds
    # Of what is new nothing was expected; the detector measures it against what it has come to be since.
    known = 0.0 if alert.kind is Kind.BIRTH else 1.0 / buckets
    return Anomaly(
        scope=Scope(project_id=project_id, kind=ScopeKind(kind), key=key),
        scale=scale,
        kind=alert.kind.value,
        started_at=moment(alert.started_s),
        ended_at=None if alert.ended_s is None else moment(alert.ended_s),
        detected_at=moment(alert.detected_s),
        updated_at=updated_at,
        observed=alert.observed / buckets,
        expected=alert.expected * known,
        lower=alert.lower * known,
        upper=alert.upper * known,
        score=alert.score,
        evidence={"window_minutes": alert.window_minutes, "ratio": round(alert.ratio, 4)},
    )


def _key(kind: str, key: str) -> str:
    return f"{kind}:{key}"
