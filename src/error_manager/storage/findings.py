"""The protocol of stored findings of the analysis, and its values (seed box: Storage Interface)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

from error_manager.analysis.risk import WEIGHED, Factor, reweighted
from error_manager.core.types import PatternId, ProjectId
from error_manager.storage.base import Page

RUNS_KEPT: Final = timedelta(days=8)
"""Runs of the analysis are forgotten after this time."""


MINUTES: Final = "minutes"
"""The state that says up to which minute anomalies were told."""
HOURS: Final = "hours"
"""The state that says up to when the hourly analysis has come."""


class ScopeKind(StrEnum):
    """What a series of counts is about."""

    PATTERN = "pattern"
    MODULE = "module"
    PROJECT = "project"
    SEVERITY = "severity"


class Scale(StrEnum):
    """How long a window it takes to see an anomaly: its counts are errors per such bucket."""

    MINUTE = "minute"
    HOUR = "hour"

    @property
    def seconds(self) -> float:
        """Return the length of a bucket."""
        return 60.0 if self is Scale.MINUTE else 3600.0


class ChangeKind(StrEnum):
    """What was changed."""

    RELEASE = "release"
    DEPLOY = "deploy"
    CONFIGURATION = "configuration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A series: ``key`` is the id of a pattern, a module, a severity, or "" for the whole project."""

    project_id: ProjectId
    kind: ScopeKind
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anomaly:
    """Something unusual in a series; ``ended_at`` None = it goes on. Counts are errors per bucket.

    Scope, scale and start say which one it is: kept again, it is the same one with other numbers.
    ``id`` is 0 until it is stored.
    """

    scope: Scope
    scale: Scale
    kind: str
    started_at: datetime
    ended_at: datetime | None
    detected_at: datetime
    updated_at: datetime
    observed: float
    expected: float
    lower: float
    upper: float
    score: float
    evidence: Mapping[str, object] = field(default_factory=dict)
    id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastSum:
    """Expected errors of the next ``span_s`` seconds in all; the bands are those of the sum."""

    span_s: int
    point: float
    lower80: float
    upper80: float
    lower95: float
    upper95: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastRow:
    """Expected errors per bucket from ``start_at`` on, with the bands that hold 80 and 95 %.

    ``sums``, of hours, are what is expected in the next day and the next week.
    """

    scope: Scope
    step_s: int
    start_at: datetime
    made_at: datetime
    point: tuple[float, ...]
    lower80: tuple[float, ...]
    upper80: tuple[float, ...]
    lower95: tuple[float, ...]
    upper95: tuple[float, ...]
    sums: tuple[ForecastSum, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskFactor:
    """What adds to a risk or takes from it: ``points`` are signed, ``reason`` is for people."""

    name: str
    points: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a recommendation goes by; ``link`` is a path of ours, "" for none."""

    text: str
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """What to do next and why; ``key`` names it in feedback, ``confidence`` is 0 to 1."""

    key: str
    family: str
    action: str
    reason: str
    confidence: float
    checks: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A similar pattern: ``score`` 0 to 1, ``reasons`` are the frames and words they share."""

    project_id: ProjectId
    pattern_id: PatternId
    score: float
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternAnalysis:
    """What is known of a pattern. Each step tells its own parts.

    None: on the way in, what is stored of this part stays; on the way out, no step has told it yet.
    ``rates``, ``trend`` and ``season`` are named numbers (docs/guides/analysis.md lists them).
    """

    project_id: ProjectId
    pattern_id: PatternId
    updated_at: datetime
    state: str | None = None
    state_since: datetime | None = None
    rates: Mapping[str, object] | None = None
    trend: Mapping[str, object] | None = None
    season: Mapping[str, object] | None = None
    risk: float | None = None
    risk_factors: tuple[RiskFactor, ...] | None = None
    recommendations: tuple[Recommendation, ...] | None = None
    neighbours: tuple[Neighbour, ...] | None = None
    family: str | None = None
    family_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationEnd:
    """One side of a correlation; ``pattern_id`` None with a change on this side."""

    project_id: ProjectId
    pattern_id: PatternId | None
    error_code: str = ""
    module: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationRow:
    """``first`` comes before ``second``: ``support`` of ``trials`` times, ``base`` by chance.

    ``gap_ms`` is the median gap, ``gap_low_ms`` and ``gap_high_ms`` are its quartiles. ``change_id`` is set
    when the first is a release, a deploy or a change of configuration.
    """

    organization_id: int
    first: CorrelationEnd
    second: CorrelationEnd
    kind: str
    score: float
    window_s: int
    gap_ms: int
    gap_low_ms: int
    gap_high_ms: int
    support: int
    trials: int
    base: float
    lift: float
    q_value: float
    created_at: datetime
    change_id: int | None = None
    id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A release (its first error), a deploy or a change of configuration; ``source`` is who told."""

    project_id: ProjectId
    at: datetime
    kind: ChangeKind
    version: str = ""
    environment: str = ""
    source: str = ""
    note: str = ""
    id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisRun:
    """One run of one step: wall and processor time in seconds, and how many items it looked at."""

    step: str
    started_at: datetime
    took_s: float
    cpu_s: float
    items: int
    is_done: bool = True
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What a person says of a recommendation; a later word of the same person replaces the earlier."""

    project_id: ProjectId
    pattern_id: PatternId
    recommendation: str
    has_helped: bool
    person_id: int | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackCount:
    """How many persons and patterns a recommendation has helped, and how many not."""

    helped: int = 0
    not_helped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """How a pattern was resolved last: the note of the person and the release that brought the fix."""

    pattern_id: PatternId
    at: datetime
    note: str
    release: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisState:
    """Where an incremental step stands in a project: buckets before ``through_at`` are in ``content``.

    ``version`` is that of the form of the bytes.
    """

    project_id: ProjectId
    kind: str
    version: int
    through_at: datetime
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StateStep:
    """A new state and when the one it was made from ended (None: there was none)."""

    state: AnalysisState
    before: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastSet:
    """All forecasts of a project; they take the place of the former ones."""

    project_id: ProjectId
    rows: tuple[ForecastRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationSet:
    """All correlations of an organization; they take the place of the former ones."""

    organization_id: int
    rows: tuple[CorrelationRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a step found; kept at once with where it stands now, or not at all.

    An anomaly may be in it more than once, the last counts; the parts of a pattern that are told apart are
    joined.
    """

    states: tuple[StateStep, ...] = ()
    anomalies: tuple[Anomaly, ...] = ()
    patterns: tuple[PatternAnalysis, ...] = ()
    changes: tuple[Change, ...] = ()
    forecasts: ForecastSet | None = None
    correlations: CorrelationSet | None = None
    run: AnalysisRun | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnomalyFilter:
    """Which anomalies; empty = all. A time range takes those that went on at some time in it."""

    project_ids: tuple[ProjectId, ...] = ()
    scope_kind: ScopeKind | None = None
    scope_key: str | None = None
    scale: Scale | None = None
    since: datetime | None = None
    until: datetime | None = None
    is_open: bool | None = None
    kind: str | None = None
    min_score: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationFilter:
    """Which correlations; empty = all. ``project_ids``: of which one side is in one of them."""

    project_ids: tuple[ProjectId, ...] = ()
    pattern_id: PatternId | None = None
    min_score: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisFilter:
    """Which analysed patterns; empty = all."""

    project_ids: tuple[ProjectId, ...] = ()
    states: tuple[str, ...] = ()
    state_since: datetime | None = None
    family: str | None = None
    min_risk: float = 0.0


def latest_anomalies(anomalies: Iterable[Anomaly]) -> tuple[Anomaly, ...]:
    """Return each anomaly once, as it was told last, with the time it was told first."""
    found: dict[tuple[Scope, Scale, datetime], Anomaly] = {}
    for anomaly in anomalies:
        key = anomaly.scope, anomaly.scale, anomaly.started_at
        found[key] = replace(anomaly, detected_at=found.get(key, anomaly).detected_at)
    return tuple(found.values())


def joined_analyses(analyses: Iterable[PatternAnalysis]) -> tuple[PatternAnalysis, ...]:
    """Return what is told of each pattern in one: of a part that is told twice, the last."""
    found: dict[PatternId, PatternAnalysis] = {}
    for told in analyses:
        known = found.get(told.pattern_id, told)
        parts = {part.name: getattr(told, part.name) for part in fields(told)}
        found[told.pattern_id] = replace(
            known, **{name: value for name, value in parts.items() if value is not None}
        )
    return tuple(found.values())


def reweighted_analysis(analysis: PatternAnalysis, weight: float) -> PatternAnalysis:
    """Return an analysis with its risk under another business weight, the other factors as they are.

    Args:
        analysis: what is stored; without a risk it stays as it is.
        weight: the effective one, of the pattern in its project.
    """
    if analysis.risk is None or analysis.risk_factors is None:
        return analysis
    value, weighed = reweighted({one.name: one.points for one in analysis.risk_factors}, weight)
    others = [one for one in analysis.risk_factors if one.name not in WEIGHED]
    factors = sorted([*others, *risk_factors(weighed)], key=lambda one: -abs(one.points))
    return replace(analysis, risk=value, risk_factors=tuple(factors))


def risk_factors(factors: Iterable[Factor]) -> tuple[RiskFactor, ...]:
    """Return the factors of a risk as they are kept."""
    return tuple(RiskFactor(name=one.name, points=one.points, reason=one.text) for one in factors)


def correlation_rank(row: CorrelationRow) -> int:
    """Return what the list of correlations is sorted by: the four decimals of the score."""
    return round(row.score * 10_000)


def risk_rank(risk: float | None) -> int:
    """Return what lists are sorted by: three decimals of the risk; 0 before the analysis has told one."""
    return round((risk or 0.0) * 1_000)


class FindingStore(Protocol):
    """Where findings are kept: the analysis writes, pages and the API read.

    An empty ``project_ids`` means all projects. Every method raises StorageUnavailableError when the database
    is away.
    """

    # --- written by the analysis ---------------------------------------------------------------------------

    async def keep(self, findings: Findings) -> None:
        """Keep what a step found, all of it at once.

        Raises:
            StaleCursorError: somebody else has moved a state on; nothing was kept.
        """
        ...

    async def state(self, project_id: ProjectId, kind: str) -> AnalysisState | None:
        """Return where a step stands, None before its first time; ``content`` is b"" when it is damaged."""
        ...

    async def reached(self, kinds: Sequence[str]) -> Mapping[tuple[ProjectId, str], datetime]:
        """Return up to when steps have come in all projects, by project and kind, if they ever ran."""

    async def forget_state(self, project_id: ProjectId, kind: str) -> None:
        """Remove where a step stands; it starts anew."""
        ...

    async def reweigh(
        self, project_id: ProjectId, pattern_id: PatternId | None = None, *, most: int | None = None
    ) -> None:
        """Make the stored risks of one pattern or of all of a project follow the business weights of now.

        Only what the weight decides is computed anew, from the stored factors. All of a project are done in
        one pass in parts, each kept at once; with ``most`` only so many, those with the highest stored risk.
        """
        ...

    async def start_anew(self, project_id: ProjectId) -> None:
        """Remove where all steps stand in a project, and its anomalies: errors of the past were imported.

        The next minute and the next hour look at all of them.
        """
        ...

    # --- told by persons and other systems -----------------------------------------------------------------

    async def add_change(self, change: Change) -> Change:
        """Keep a change and return it with its id; a release that is known stays as it is."""
        ...

    async def add_feedback(self, feedback: Feedback) -> None:
        """Keep what a person says of a recommendation.

        Raises:
            NotFoundError: there is no such pattern in the project.
        """
        ...

    # --- read by pages and the API -------------------------------------------------------------------------

    async def anomalies(self, where: AnomalyFilter, *, limit: int, cursor: str | None) -> Page[Anomaly]:
        """Return anomalies, the one that started last first."""
        ...

    async def anomaly(self, anomaly_id: int, *, project_ids: tuple[ProjectId, ...] = ()) -> Anomaly:
        """Return one.

        Raises:
            NotFoundError: there is none of that id.
        """
        ...

    async def forecasts(self, scope: Scope) -> tuple[ForecastRow, ...]:
        """Return the forecasts of a series, that of the shortest buckets first."""
        ...

    async def correlations(
        self, where: CorrelationFilter, *, limit: int, cursor: str | None
    ) -> Page[CorrelationRow]:
        """Return correlations, the one with the highest score first; of a pattern, in both directions."""
        ...

    async def analysis(self, pattern_ids: Sequence[PatternId]) -> Mapping[PatternId, PatternAnalysis]:
        """Return what is known of these patterns; those that were not analysed yet are missing."""
        ...

    async def analyses(
        self, where: AnalysisFilter, *, limit: int, cursor: str | None
    ) -> Page[PatternAnalysis]:
        """Return analysed patterns, that of the highest risk first."""
        ...

    async def changes(
        self,
        *,
        project_ids: tuple[ProjectId, ...] = (),
        since: datetime | None = None,
        until: datetime | None = None,
        kinds: tuple[ChangeKind, ...] = (),
        limit: int,
        cursor: str | None = None,
    ) -> Page[Change]:
        """Return what was changed in [since, until), newest first."""
        ...

    async def runs(self, *, limit: int) -> tuple[AnalysisRun, ...]:
        """Return the newest runs, newest first."""
        ...

    async def latest_runs(self) -> tuple[AnalysisRun, ...]:
        """Return the newest run of each step, in order of the steps' names."""
        ...

    async def feedback(self, *, project_ids: tuple[ProjectId, ...] = ()) -> Mapping[str, FeedbackCount]:
        """Return what persons said, by recommendation."""
        ...

    async def fixes(self, pattern_ids: Sequence[PatternId]) -> Mapping[PatternId, Fix]:
        """Return how these patterns were resolved; those that are not resolved are missing."""
        ...
