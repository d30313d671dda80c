"""What to do about a pattern of a log, from what the log says (seed box: Recommendation Engine)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from error_manager.analysis.diagnosis import Diagnoser, FamilyMatch, Symptoms, symptoms_of
from error_manager.analysis.event_times import EventTimes
from error_manager.analysis.found import FoundPattern
from error_manager.analysis.log_finding import Advice, Follows, Stretch, StretchKind
from error_manager.analysis.recommender import Evidence, Upstream, recommend
from error_manager.analysis.risk import RiskFacts, risk
from error_manager.core.types import ErrorEvent, EventId, Severity
from error_manager.decoding.stacktext.reader import parse_trace

_DAY_S: Final = 86_400.0
_MINUTE_S: Final = 60.0
_LEAST_PER_HOUR: Final = 0.1
"""A rate that is usual counts as this at least: what never came before is not risen without end."""
LEAST_SUPPORT: Final = 6
LEAST_SCORE: Final = 0.55
LEAST_LIFT: Final = 2.0
"""What a relation needs for the advice to mend its cause: six times, eight deviations above chance, and twice
what chance brings. Of many relations some are chance, and a wrong advice costs time."""
_NO_ID: Final = EventId("0" * 32)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFacts:
    """What is known of a log: its patterns by id, their times, relations and stretches."""

    patterns: Mapping[str, FoundPattern]
    times: EventTimes
    follows: tuple[Follows, ...]
    stretches: tuple[Stretch, ...]

    def rises(self, pattern: FoundPattern) -> tuple[Stretch, ...]:
        """Return the stretches in which a pattern came more often than usual."""
        kinds = {StretchKind.BURST, StretchKind.RISE}
        return tuple(each for each in self.stretches if each.pattern == pattern.id and each.kind in kinds)

    def growth(self, pattern: FoundPattern) -> float:
        """Return the rate at the end of the log by the usual one; 1 when it is not risen."""
        ratios = (
            each.per_hour / max(each.usual_per_hour, _LEAST_PER_HOUR)
            for each in self.rises(pattern)
            if each.is_open
        )
        return max(ratios, default=1.0)


def is_bad(pattern: FoundPattern) -> bool:
    """Return whether a pattern is known to be a warning or worse."""
    return pattern.severity is not None and pattern.severity.rank >= Severity.WARNING.rank


def is_sure(relation: Follows) -> bool:
    """Return whether a relation is sure enough to send somebody to its cause."""
    share = relation.support / relation.occasions
    return (
        relation.support >= LEAST_SUPPORT
        and relation.score >= LEAST_SCORE
        and share >= LEAST_LIFT * relation.base_share
    )


def advise(pattern: FoundPattern, facts: LogFacts, diagnoser: Diagnoser) -> Advice:
    """Return what to do about a pattern and how risky it is; ``action`` is "" when nothing is known.

    Args:
        pattern: with masked text and samples; what is told quotes them.
        facts: of the log.
        diagnoser: tells families.
    """
    families = diagnoser.diagnose(_symptoms(pattern))
    found = recommend(_evidence(pattern, facts, families), diagnoser.families.values())
    score = risk(_risk_facts(pattern, facts))
    checks = [each.action for each in found if each.id.startswith("check:")]
    action = found[0].action if found else ""
    return Advice(
        pattern=pattern.id,
        risk=round(score.value, 1),
        risk_reasons=score.why,
        family=diagnoser.families[families[0].family].title if families else "",
        why=families[0].why[0] if families and families[0].why else "",
        action=action,
        reason=found[0].reason if found else "",
        confidence=found[0].confidence if found else 0.0,
        is_check=action in checks,
        checks=tuple(check for check in checks if check != action),
    )


def _symptoms(pattern: FoundPattern) -> Symptoms:
    """Return what tells families: exceptions and frames of a trace, else the first line and the text."""
    message = f"{pattern.text}\n{pattern.sample.partition(chr(10))[0]}"
    trace = parse_trace(pattern.sample)
    if trace is None:
        return Symptoms(message=message)
    return symptoms_of(
        ErrorEvent(
            event_id=_NO_ID,
            timestamp=_EPOCH,
            message=message,
            platform=trace.platform,
            exceptions=trace.exceptions,
            frames=trace.frames,
        )
    )


def _evidence(pattern: FoundPattern, facts: LogFacts, families: tuple[FamilyMatch, ...]) -> Evidence:
    times = facts.times.of(pattern.id)
    rises = facts.rises(pattern)
    places = {key: place for place, key in enumerate(facts.patterns)}
    return Evidence(
        now=times[-1] if times else 0.0,
        first_seen=times[0] if times else 0.0,
        last_seen=times[-1] if times else 0.0,
        families=families,
        rises=tuple(each.start_s for each in rises),
        upstream=tuple(
            Upstream(
                pattern_id=places[each.cause],
                title=facts.patterns[each.cause].text,
                score=each.score,
                lag_s=each.lag_s,
                support=each.support,
                base=each.occasions,
            )
            for each in facts.follows
            if each.effect == pattern.id and is_sure(each)
        ),
        state="rising" if any(each.is_open for each in rises) else "ongoing",
        growth=facts.growth(pattern),
    )


def _risk_facts(pattern: FoundPattern, facts: LogFacts) -> RiskFacts:
    """Return what a log knows of a pattern; persons, hosts, age and handling are not known."""
    minutes = pattern.minutes or (0, 0)
    span_s = max(_DAY_S, (minutes[1] - minutes[0]) * _MINUTE_S)
    return RiskFacts(
        severity=pattern.severity or Severity.ERROR,
        rate_ratio=facts.growth(pattern),
        errors_per_day=pattern.count * _DAY_S / span_s,
        causes=sum(each.score for each in facts.follows if each.cause == pattern.id),
    )
