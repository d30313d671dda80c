"""What the analysis found in a window, as ranked plain sentences with links (seed box: Dashboard). Pure.

Anomalies that belong to one incident make one sentence, and so do the patterns that one release brought. What
several findings say of one pattern is said once, by the most telling of them. The same findings give the same
sentences in the same order, whatever order they come in. The rules: docs/guides/insights.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from error_manager.core.types import PatternId, Severity
from error_manager.core.wording import number, span
from error_manager.monitoring.finding import (
    BIRTH,
    AnomalyFinding,
    ChangeFinding,
    CorrelationFinding,
    PatternFacts,
    StateFinding,
    WindowFindings,
)
from error_manager.monitoring.incident import Follower, Incident, Relations, group, relations
from error_manager.monitoring.sentence import (
    Part,
    Sentence,
    Target,
    TargetKind,
    listed,
    plain,
    rates,
    words,
)
from error_manager.monitoring.wide import is_telling, unexplained

MOST: Final = 12
"""Insights of a window at most, unless asked."""
FRESH: Final = timedelta(hours=24)
"""What began this long ago, or as long ago as the range looked at if that is longer, ranks half as high."""
SAME: Final = timedelta(hours=6)
"""A state and an anomaly of one pattern that begin so near each other say the same."""
LEAST_EXPLAINED: Final = 0.5
BRIEF: Final = timedelta(days=2)
"""What came for less than this and stopped is over; that it is silent is no news."""
_NAMED: Final = 3


class InsightKind(StrEnum):
    """What an insight is about."""

    INCIDENT = "incident"
    CHANGE = "change"
    REGRESSED = "regressed"
    RISING = "rising"
    SILENT = "silent"
    NEW = "new"
    ANOMALY = "anomaly"
    CORRELATION = "correlation"
    FADING = "fading"


WEIGHT: Final[Mapping[InsightKind, float]] = MappingProxyType(
    {
        InsightKind.INCIDENT: 60.0,
        InsightKind.CHANGE: 55.0,
        InsightKind.REGRESSED: 50.0,
        InsightKind.RISING: 45.0,
        InsightKind.SILENT: 42.0,
        InsightKind.NEW: 40.0,
        InsightKind.ANOMALY: 35.0,
        InsightKind.CORRELATION: 20.0,
        InsightKind.FADING: 5.0,
    }
)
"""Points of a kind; up to 40 more come from the risk of the pattern and up to 10 from its severity."""
_STATES: Final[Mapping[str, InsightKind]] = MappingProxyType(
    {
        kind.value: kind
        for kind in (
            InsightKind.REGRESSED,
            InsightKind.RISING,
            InsightKind.SILENT,
            InsightKind.NEW,
            InsightKind.FADING,
        )
    }
)
_BROUGHT: Final = frozenset({"new", "regressed", "rising"})
_LISTS: Final = frozenset({InsightKind.INCIDENT, InsightKind.CHANGE})
"""Their evidence begins with the items that their sentence names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One number or word behind a sentence, named."""

    name: str
    value: float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Insight:
    """A finding worth a sentence.

    Attributes:
        id: the same for the same thing at each look, so that a person can put it away.
        kind: what it is about.
        rank: what it is sorted by, 0..110, dimensionless.
        sentence: its parts; joined they read as one sentence.
        evidence: what it rests on; the sentence says the first ``named`` of it.
        at: when it began.
        severity: the worst of its patterns.
        patterns: all of its patterns, the first to come first.
    """

    id: str
    kind: InsightKind
    rank: float
    sentence: Sentence
    evidence: tuple[Evidence, ...]
    at: datetime
    severity: Severity
    patterns: tuple[PatternId, ...]
    named: int = 0

    @property
    def beside(self) -> tuple[Evidence, ...]:
        """Return the evidence that the sentence does not say."""
        if self.kind in _LISTS:
            return self.evidence[self.named :]
        return tuple(one for one in self.evidence if one.name == "score" or isinstance(one.value, str))


def insights(
    findings: WindowFindings, now: datetime, *, length: timedelta = FRESH, limit: int = MOST
) -> tuple[Insight, ...]:
    """Return what was found as sentences, the most important first.

    Args:
        findings: of the window; what is about patterns that are quiet or not in ``patterns`` is left out.
        now: the time of the look, aware; newer things rank higher.
        length: of the window; who looks at two weeks wants to hear of the worst of them.
        limit: most insights to return, >= 0.
    """
    told = _Telling(findings, now, fresh=max(FRESH, length))
    found = sorted(told.all(), key=lambda one: (one.rank, one.at, plain(one.sentence, clock="%c")))
    unique = {insight.id: insight for insight in found}
    return tuple(sorted(unique.values(), key=lambda one: (-one.rank, one.at, one.patterns, one.id))[:limit])


class _Telling:
    """Findings put into sentences, the most telling first; what was told needs no second sentence."""

    def __init__(self, findings: WindowFindings, now: datetime, *, fresh: timedelta) -> None:
        self._now = now
        self._fresh = fresh
        self._findings = findings
        self._patterns = {one.id: one for one in findings.patterns if not one.is_quiet}
        self._related: Relations = relations(
            one for one in findings.correlations if {one.first, one.second} <= self._patterns.keys()
        )
        self._changes: dict[PatternId, ChangeFinding] = {}
        for change in sorted(findings.changes, key=lambda one: (one.score, one.at, one.version)):
            if change.score >= LEAST_EXPLAINED:
                self._changes[change.pattern_id] = change
        self._wider: Mapping[PatternId, list[AnomalyFinding]] = {}
        self._told: dict[PatternId, list[datetime]] = {}
        self._together: set[frozenset[PatternId]] = set()

    def all(self) -> Iterator[Insight]:
        """Yield every insight; the order matters, since each step leaves out what an earlier one told."""
        states = sorted(
            (one for one in self._findings.states if one.pattern_id in self._patterns and self._is_news(one)),
            key=lambda one: (one.since, one.pattern_id, one.state, one.ratio),
        )
        anomalies = sorted(
            filter(is_telling, self._findings.anomalies),
            key=lambda one: (-one.score, one.started_at, one.scope.key, one.kind, one.observed, one.expected),
        )
        mine = [one for one in anomalies if one.pattern_id in self._patterns]
        wide = unexplained(anomalies, self._patterns, states)
        self._wider = wide.wider
        yield from map(self._incident, group(mine, self._related))
        yield from self._brought([*states, *self._births(mine, states)])
        yield from (self._state(one) for one in states if not self._is_told(one.pattern_id, one.since))
        for one in mine:
            if one.pattern_id is not None and not self._is_told(one.pattern_id, one.started_at):
                yield self._anomaly(one, self._patterns[one.pattern_id])
        yield from map(self._wide_anomaly, wide.told)
        yield from (
            self._correlation(one)
            for pair, one in self._related.items()
            if not any(set(pair) <= together for together in self._together)
        )

    def _is_news(self, one: StateFinding) -> bool:
        """Return whether a state is worth a sentence: that a burst is over is not."""
        began = self._patterns[one.pattern_id].first_seen
        is_over = one.state == InsightKind.SILENT.value and began is not None and one.since - began < BRIEF
        return one.state in _STATES and not is_over

    def _births(
        self, anomalies: Sequence[AnomalyFinding], states: Sequence[StateFinding]
    ) -> Iterator[StateFinding]:
        """Yield what was new in the window and is in another state by now."""
        known = {one.pattern_id for one in states if one.state in _BROUGHT}
        for one in anomalies:
            if one.kind == BIRTH and one.pattern_id is not None and one.pattern_id not in known:
                yield StateFinding(
                    pattern_id=one.pattern_id, state=InsightKind.NEW.value, since=one.started_at
                )

    # ---------------------------------------------------------------------------------------------- sentences
    def _incident(self, incident: Incident) -> Insight:
        for pattern in incident.patterns:
            self._tell(pattern, incident.at)
        self._together.add(frozenset(incident.patterns))
        both = [[one for one in incident.followers if one.is_related is related] for related in (True, False)]
        took, beside = (listed([self._follower(one) for one in some], most=_NAMED) for some in both)
        named = [one for some in both for one in some[:_NAMED]]
        sentence = words(
            self._link(incident.first), " at ", incident.at, self._after(incident.first), " took ", took,
            " with it", *(("; with them began ", beside) if beside else ()),
        )  # fmt: skip
        evidence = [
            Evidence(
                name=self._patterns[one.pattern_id].title,
                value=f"+{span(one.gap)}" + ("" if one.score is None else f", score {one.score:.4f}"),
            )
            for one in (*named, *(one for some in both for one in some[_NAMED:]))
        ]
        return self._insight(
            InsightKind.INCIDENT, incident.patterns, incident.at, sentence, evidence, named=len(named)
        )

    def _brought(self, states: Sequence[StateFinding]) -> Iterator[Insight]:
        """Yield one insight for each change that brought two patterns or more."""
        by_change: dict[tuple[str, str, datetime], list[StateFinding]] = {}
        for one in states:
            change = self._changes.get(one.pattern_id)
            if change and one.state in _BROUGHT and not self._is_told(one.pattern_id, one.since):
                by_change.setdefault((change.kind, change.version, change.at), []).append(one)
        for (kind, _, at), brought in by_change.items():
            patterns = tuple(dict.fromkeys(one.pattern_id for one in brought))
            if len(patterns) < 2:
                continue
            name = self._change_name(self._changes[patterns[0]])
            each = [words(self._link(one.pattern_id), f" ({_state_word(one)})") for one in brought]
            sentence = words(kind.capitalize(), " ", name, " at ", at, " brought ", listed(each, most=_NAMED))
            for one in brought:
                self._tell(one.pattern_id, one.since)
            evidence = [
                Evidence(name=self._patterns[one].title, value=round(self._changes[one].score, 4))
                for one in patterns
            ]
            yield self._insight(
                InsightKind.CHANGE, patterns, at, sentence, evidence, named=min(len(evidence), _NAMED)
            )

    def _state(self, one: StateFinding) -> Insight:
        kind = _STATES[one.state]
        link, after = self._link(one.pattern_id), self._after(one.pattern_id)
        usual = f"{number(one.ratio)}x its usual rate since "
        match kind:
            case InsightKind.RISING:
                sentence = words("Rising: ", link, ", ", usual, one.since, after)
            case InsightKind.FADING:
                sentence = words("Fading: ", link, ", ", usual, one.since, after)
            case InsightKind.SILENT:
                sentence = words("Silent: ", link, ", no error since ", one.since)
            case InsightKind.REGRESSED:
                sentence = words("Came back: ", link, " at ", one.since, after)
            case _:
                sentence = words("New: ", link, " since ", one.since, after)
        self._tell(one.pattern_id, one.since)
        is_rate = kind in (InsightKind.RISING, InsightKind.FADING)
        evidence = [Evidence(name="times its usual rate", value=one.ratio)] if is_rate else []
        return self._insight(kind, (one.pattern_id,), one.since, sentence, evidence)

    def _anomaly(self, one: AnomalyFinding, pattern: PatternFacts) -> Insight:
        self._tell(pattern.id, one.started_at)
        sentence = words(self._link(pattern.id), *_unusual(one), self._after(pattern.id))
        return self._insight(
            InsightKind.ANOMALY, (pattern.id,), one.started_at, sentence, _numbers(one), scope=one.kind
        )

    def _wide_anomaly(self, one: AnomalyFinding) -> Insight:
        sentence = words(Part(text=one.title or one.scope.key, target=one.scope), *_unusual(one))
        scope = f"{one.scope.project_id}:{one.scope.kind.value}:{one.scope.key}:{one.kind}"
        insight = self._insight(InsightKind.ANOMALY, (), one.started_at, sentence, _numbers(one), scope=scope)
        is_of_severity = one.scope.kind is TargetKind.SEVERITY
        return replace(insight, severity=Severity(one.scope.key)) if is_of_severity else insight

    def _correlation(self, one: CorrelationFinding) -> Insight:
        sentence = words(
            self._link(one.second), f" comes {span(one.gap)} after ", self._link(one.first),
            f", {one.support:,} of {one.trials:,} times",
        )  # fmt: skip
        evidence = [
            Evidence(name="score", value=round(one.score, 4)),
            Evidence(name="support", value=one.support),
            Evidence(name="trials", value=one.trials),
        ]
        return self._insight(
            InsightKind.CORRELATION, (one.first, one.second), one.found_at, sentence, evidence, scope="pair"
        )

    # ------------------------------------------------------------------------------------------- their pieces
    def _link(self, pattern: PatternId) -> Part:
        known = self._patterns[pattern]
        return Part(text=known.title, target=known.target)

    def _follower(self, one: Follower) -> Sentence:
        score = "" if one.score is None else f", {one.score:.2f}"
        return words(self._link(one.pattern_id), f" (+{span(one.gap)}{score})")

    def _after(self, pattern: PatternId) -> Sentence:
        change = self._changes.get(pattern)
        return words(f", after {change.kind} ", self._change_name(change)) if change else ()

    def _change_name(self, change: ChangeFinding) -> Sentence:
        if not change.version:
            return words("of ", change.at)
        target = Target(project_id=change.project_id, kind=TargetKind.RELEASE, key=change.version)
        return words(Part(text=change.version, target=target))

    def _wide_evidence(self, patterns: Sequence[PatternId], at: datetime) -> Iterator[Evidence]:
        for pattern in patterns:
            for one in self._wider.get(pattern, ()):
                if abs(one.started_at - at) <= SAME:
                    observed, expected, per = _amounts(one)
                    value = f"{observed} per {per}, {expected} expected"
                    yield Evidence(name=one.title or one.scope.key, value=value)

    def _tell(self, pattern: PatternId, at: datetime) -> None:
        self._told.setdefault(pattern, []).append(at)

    def _is_told(self, pattern: PatternId, at: datetime) -> bool:
        return any(abs(at - before) <= SAME for before in self._told.get(pattern, ()))

    def _insight(
        self,
        kind: InsightKind,
        patterns: tuple[PatternId, ...],
        at: datetime,
        sentence: Sentence,
        evidence: Sequence[Evidence],
        *,
        scope: str = "",
        named: int = 0,
    ) -> Insight:
        facts = [self._patterns[pattern] for pattern in patterns]
        severity = max((one.severity for one in facts), key=lambda one: one.rank, default=Severity.ERROR)
        points = WEIGHT[kind] + 0.4 * max((one.risk for one in facts), default=0.0) + 2.0 * severity.rank
        age = max(self._now - at, timedelta())
        when = "" if scope in {"next", "pair"} else at.isoformat(timespec="minutes")
        name = "|".join((kind.value, scope, when, *map(str, patterns)))
        return Insight(
            id=hashlib.blake2b(name.encode(), digest_size=8).hexdigest(),
            kind=kind,
            rank=points * 0.5 ** (age / self._fresh),
            sentence=sentence,
            evidence=(*evidence, *self._wide_evidence(patterns, at)),
            at=at,
            severity=severity,
            patterns=patterns,
            named=named,
        )


def _state_word(one: StateFinding) -> str:
    if one.state == InsightKind.REGRESSED.value:
        return "came back"
    return f"{number(one.ratio)}x its usual rate" if one.state == InsightKind.RISING.value else one.state


def _unusual(one: AnomalyFinding) -> Sentence:
    observed, expected, per = _amounts(one)
    when = ("from ", one.started_at, " to ", one.ended_at) if one.ended_at else ("since ", one.started_at)
    match one.kind:
        case "silence":
            return words(": no error ", *when, f", {expected} per {per} expected")
        case "step":
            return words(f": {observed} per {per} ", *when, f", {expected} before")
        case "birth":
            return words(f": {observed} per {per} at ", one.started_at, ", none before")
        case _:
            return words(f": {observed} per {per} at ", one.started_at, f", {expected} expected")


def _amounts(one: AnomalyFinding) -> tuple[str, str, str]:
    """Return what was observed and expected, and per what."""
    (observed, expected), per = rates(one.observed, one.expected, per=one.per)
    return observed, expected, per


def _numbers(one: AnomalyFinding) -> list[Evidence]:
    return [
        Evidence(name="observed", value=one.observed),
        Evidence(name="expected", value=one.expected),
        Evidence(name="score", value=one.score),
    ]
