"""What the analysis found in a window, as plain values to be told (seed box: Dashboard). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from error_manager.core.types import PatternId, ProjectId, Severity
from error_manager.monitoring.sentence import Target, TargetKind

BIRTH: Final = "birth"
"""The kind of the anomaly of a pattern that is new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternFacts:
    """A pattern that findings speak of; ``is_quiet`` when somebody resolved or ignored it.

    ``first_seen`` is None where nobody knows.
    """

    project_id: ProjectId
    id: PatternId
    title: str
    severity: Severity
    risk: float = 0.0
    is_quiet: bool = False
    module: str = ""
    first_seen: datetime | None = None

    @property
    def target(self) -> Target:
        """Return where its title links to."""
        return Target(project_id=self.project_id, kind=TargetKind.PATTERN, key=str(self.id))


@dataclass(frozen=True, slots=True, kw_only=True)
class AnomalyFinding:
    """Something unusual in a series; counts are errors per ``per`` (minute or hour), ``score`` is 0..100.

    ``ended_at`` is None while it goes on. ``kind`` is burst, step, silence, birth or another word.
    ``pattern_id`` is None for the series of a module, a project or a severity; then ``scope`` and ``title``
    say which. ``place`` is that among the causes of its incident: 1 = the likeliest, 0 = not told.
    ``incident`` is the same for all that the analysis holds for one, "" where it was not looked for;
    ``offset`` says exactly how long after the first of them it began.
    """

    scope: Target
    kind: str
    started_at: datetime
    observed: float
    expected: float
    score: float
    per: str = "minute"
    title: str = ""
    pattern_id: PatternId | None = None
    place: int = 0
    incident: str = ""
    offset: timedelta | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StateFinding:
    """A pattern came into a state (a word of ``pattern_state``); ``ratio`` is times its usual rate."""

    pattern_id: PatternId
    state: str
    since: datetime
    ratio: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationFinding:
    """``second`` follows ``first`` after ``gap`` (median), ``support`` of ``trials``; ``score`` 0..1."""

    first: PatternId
    second: PatternId
    score: float
    gap: timedelta
    support: int
    trials: int
    found_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeFinding:
    """A release, deploy or configuration change that explains what a pattern did; ``score`` 0..1."""

    pattern_id: PatternId
    project_id: ProjectId
    kind: str
    version: str
    at: datetime
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowFindings:
    """Everything found in a window, in any order."""

    patterns: tuple[PatternFacts, ...] = ()
    anomalies: tuple[AnomalyFinding, ...] = ()
    states: tuple[StateFinding, ...] = ()
    correlations: tuple[CorrelationFinding, ...] = ()
    changes: tuple[ChangeFinding, ...] = ()
