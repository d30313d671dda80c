"""The five answers of a pattern's page, put together from findings (seed box: Dashboard). Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from error_manager.analysis.usual import Expected
from error_manager.core.types import PatternId
from error_manager.core.wording import number, plural, span
from error_manager.monitoring.dashboard import STEP
from error_manager.monitoring.progress import Progress
from error_manager.monitoring.sentence import rates
from error_manager.storage.base import HistoryPoint, PatternRow, Window
from error_manager.storage.findings import (
    Anomaly,
    Change,
    CorrelationRow,
    Evidence,
    Fix,
    ForecastRow,
    Neighbour,
    PatternAnalysis,
    Recommendation,
    RiskFactor,
)

DAY_S: Final = 86_400
WEEK_S: Final = 7 * DAY_S
HOUR_S: Final = 3_600
_RISK_WORDS: Final = ((50.0, "critical"), (33.0, "high"), (25.0, "moderate"), (0.0, "low"))
"""From half of the points on, a third, a quarter: few patterns have most of what a factor can bring."""
LEAST_ALIKE: Final = 0.2
"""What shares less is no help: some common words."""
_MOST: Final = 5
"""Rows of one list on the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """A pattern before or after this one, with how often and how much later."""

    pattern: PatternRow
    score: float
    gap: timedelta
    support: int
    trials: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeBefore:
    """A release, a deploy or a change of configuration that came before the errors."""

    change: Change
    score: float
    gap: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Similar:
    """A pattern that is like this one, why, and how it was resolved."""

    pattern: PatternRow
    score: float
    reasons: tuple[str, ...]
    fix: Fix | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What to do for one reason: the steps, the surest first, and what is said once for all of them."""

    reason: str
    steps: tuple[Recommendation, ...]
    evidence: tuple[Evidence, ...]
    causes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """How many errors are expected in a time ahead, with the band that holds 80 %."""

    length: timedelta
    point: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What is known of a pattern beyond its counts; empty parts have nothing to say.

    ``usual`` is what is usual in each bucket of its history,
    ``progress`` is how far the analysis has come, None when that is up to now.
    """

    analysis: PatternAnalysis | None = None
    before: tuple[Related, ...] = ()
    after: tuple[Related, ...] = ()
    changes_before: tuple[ChangeBefore, ...] = ()
    similar: tuple[Similar, ...] = ()
    anomalies: tuple[Anomaly, ...] = ()
    changes: tuple[Change, ...] = ()
    forecasts: tuple[ForecastRow, ...] = ()
    usual: tuple[Expected | None, ...] = ()
    progress: Progress | None = None

    @property
    def state_words(self) -> str:
        """Return the state in words, "" when nothing is worth saying: ``Rising: 3.4x its usual rate``."""
        analysis = self.analysis
        state = analysis.state if analysis else None
        if analysis is None or state in (None, "ongoing"):
            return ""
        ratio = (analysis.rates or {}).get("ratio")
        word = {"regressed": "Came back", "new": "New"}.get(str(state), str(state).capitalize())
        if isinstance(ratio, int | float) and state in ("rising", "fading"):
            return f"{word}: {number(ratio)}x its usual rate"
        return word

    @property
    def has_related(self) -> bool:
        """Return whether anything comes before or after it."""
        return bool(self.before or self.after or self.changes_before)

    @property
    def quiet_words(self) -> str:
        """Return in one line which of the lower answers have nothing to say, "" when all of them do."""
        analysis = self.analysis
        if analysis is None:
            return (
                "Not analysed yet: new errors are looked at each minute, what goes with them each hour."
                if not (self.has_related or self.similar)
                else ""
            )
        if self.progress is not None and self.progress.hours_at is None:
            return ""  # nobody has looked yet, which the page says above
        quiet = [
            words
            for is_told, words in (
                (self.has_related, "nothing comes with it more often than chance explains"),
                (self.similar, "no other pattern is like it"),
                (analysis.recommendations, "it is of no known kind of fault, so there is no advice"),
            )
            if not is_told
        ]
        text = "; ".join(quiet)
        return f"{text[:1].upper()}{text[1:]}." if text else ""

    @property
    def open_anomaly(self) -> Anomaly | None:
        """Return the anomaly with the highest score that goes on."""
        going_on = [one for one in self.anomalies if one.ended_at is None]
        return max(going_on, key=lambda one: (one.score, one.started_at), default=None)

    @property
    def unusual_words(self) -> str:
        """Return how unusual what goes on is: ``41 per minute, 0.4 expected``; "" when nothing is."""
        odd = self.open_anomaly
        return _rate_words(odd) if odd else ""

    @property
    def outlooks(self) -> tuple[Outlook, ...]:
        """Return the expected totals of the next 24 hours and 7 days, as far as they were forecast."""
        return tuple(
            Outlook(
                length=timedelta(seconds=total.span_s),
                point=total.point,
                lower=total.lower80,
                upper=total.upper80,
            )
            for row in self.forecasts[:1]
            for total in row.sums
        )


def relations(
    pattern_id: PatternId,
    rows: Iterable[CorrelationRow],
    patterns: Mapping[PatternId, PatternRow],
    changes: Mapping[int, Change],
) -> tuple[tuple[Related, ...], tuple[Related, ...], tuple[ChangeBefore, ...]]:
    """Return what comes before a pattern, what after it, and the changes before it; the surest first.

    Args:
        pattern_id: the pattern.
        rows: its correlations in both directions.
        patterns: the other patterns, by the id that the correlations name.
        changes: releases, deploys and changes of configuration by id.
    """
    before: list[Related] = []
    after: list[Related] = []
    causes: list[ChangeBefore] = []
    for row in sorted(rows, key=lambda row: (-row.score, row.gap_ms)):
        gap = timedelta(milliseconds=row.gap_ms)
        if row.change_id is not None:
            if row.change_id in changes:
                causes.append(ChangeBefore(change=changes[row.change_id], score=row.score, gap=gap))
            continue
        is_cause = row.second.pattern_id == pattern_id
        other = patterns.get((row.first if is_cause else row.second).pattern_id or PatternId(0))
        if other is None or other.id == pattern_id:
            continue
        related = Related(pattern=other, score=row.score, gap=gap, support=row.support, trials=row.trials)
        (before if is_cause else after).append(related)
    return tuple(before[:_MOST]), tuple(after[:_MOST]), tuple(causes[:_MOST])


def alike(
    pattern_id: PatternId,
    neighbours: Iterable[Neighbour],
    patterns: Mapping[PatternId, PatternRow],
    fixes: Mapping[PatternId, Fix],
) -> tuple[Similar, ...]:
    """Return the neighbours of a pattern that are there, each once, those most alike first.

    A neighbour that was merged since is the pattern it is part of now, which may be this one.
    """
    found: dict[PatternId, Similar] = {}
    for one in sorted(neighbours, key=lambda one: -one.score):
        row = patterns.get(one.pattern_id)
        if row is not None and row.id != pattern_id and one.score >= LEAST_ALIKE:
            similar = Similar(
                pattern=row, score=one.score, reasons=one.reasons, fix=fixes.get(one.pattern_id)
            )
            found.setdefault(row.id, similar)
    return tuple(found.values())[:_MOST]


def factor_bars(factors: Sequence[RiskFactor]) -> tuple[tuple[RiskFactor, float], ...]:
    """Return the factors of a risk that say anything, the weightiest first, with its share of the largest."""
    told = sorted((one for one in factors if round(one.points)), key=lambda one: -abs(one.points))
    largest = max((abs(one.points) for one in told), default=1.0)
    return tuple((one, abs(one.points) / largest) for one in told)


def factor_words(factor: RiskFactor) -> str:
    """Return the reason of a factor without its points, which stand beside it."""
    return factor.reason.removeprefix(f"{factor.points:+.0f} ")


def advice(recommendations: Sequence[Recommendation]) -> tuple[Advice, ...]:
    """Return the surest recommendations, those with one reason together.

    Evidence that the reason says already is left out.
    """
    by_reason: dict[str, list[Recommendation]] = {}
    for one in recommendations[:_MOST]:
        by_reason.setdefault(one.reason, []).append(one)
    return tuple(
        Advice(
            reason=reason,
            steps=tuple(steps),
            evidence=tuple(
                dict.fromkeys(
                    item for one in steps for item in one.evidence if item.link or item.text not in reason
                )
            ),
            causes=tuple(dict.fromkeys(cause for one in steps for cause in one.causes)),
        )
        for reason, steps in by_reason.items()
    )


def risk_word(risk: float) -> str:
    """Return what a risk of 0 to 100 means in a word."""
    return next(word for least, word in _RISK_WORDS if risk >= least)


def gap_words(gap: timedelta, word: str = "later") -> str:
    """Return how much later: ``4 s later`` (or another ``word``), ``at once`` below a second."""
    return "at once" if gap < timedelta(seconds=1) else f"{span(gap)} {word}"


def chart(history: Sequence[HistoryPoint], answers: Answers, *, bucket_s: int) -> str:
    """Return what the chart draws, as JSON.

    ``starts`` and ``counts`` are the history, ``usual`` the band of each of its buckets as ``[lower80,
    upper80]`` or null (empty when there is none at all); ``ahead`` the forecast from there on as ``[start,
    point, lower80, upper80]`` per bucket; ``marks`` the changes as ``[time, words]``; ``spans`` the anomalies
    as ``[start, end or null, words]``.
    """
    first = history[0].start.timestamp() if history else 0.0
    last = history[-1].start.timestamp() + bucket_s if history else 0.0
    return json.dumps(
        {
            "starts": [int(point.start.timestamp()) for point in history],
            "counts": [point.count for point in history],
            "usual": [None if one is None else [one.lower80, one.upper80] for one in answers.usual],
            "ahead": ahead(history, answers, bucket_s=bucket_s),
            "marks": [
                [int(one.at.timestamp()), f"{one.kind.value} {one.version or one.note}".strip()]
                for one in answers.changes
                if first <= one.at.timestamp() < last
            ],
            "spans": [
                [
                    int(one.started_at.timestamp()),
                    int(one.ended_at.timestamp()) if one.ended_at else None,
                    _unusual(one),
                ]
                for one in answers.anomalies
                if (one.ended_at.timestamp() if one.ended_at else last) >= first
            ],
        },
        separators=(",", ":"),
    )


def ahead(history: Sequence[HistoryPoint], answers: Answers, *, bucket_s: int) -> tuple[list[float], ...]:
    """Return the forecast from the end of a history on: start, point and the band of 80 % of each bucket."""
    last = history[-1].start.timestamp() + bucket_s if history else 0.0
    rows = (
        [row.start_at.timestamp() + at * row.step_s, *(round(float(value), 2) for value in values)]
        for row in answers.forecasts
        if row.step_s == bucket_s
        for at, values in enumerate(zip(row.point, row.lower80, row.upper80, strict=True))
    )
    return tuple(row for row in rows if last <= row[0] < last + _ahead_s(bucket_s))


def usual_words(history: Sequence[HistoryPoint], answers: Answers, *, window: Window, now: datetime) -> str:
    """Return what the band of the past says, for who does not see it; "" when there is none.

    The bucket that goes on is left out: so far little is usual in it.

    ``Usual range (80 %): 3 to 9 errors per hour; above it in 2 of 24 hours, below in 1.``
    """
    pairs = zip(history, answers.usual, strict=False)  # no band at all, or one for each
    bucket, step = window.bucket.value, STEP[window.bucket]
    known = [(point.count, one) for point, one in pairs if one is not None and point.start + step <= now]
    if not known:
        return ""
    lowest, highest = min(one.lower80 for _, one in known), max(one.upper80 for _, one in known)
    above = sum(count > one.upper80 for count, one in known)
    below = sum(count < one.lower80 for count, one in known)
    size = f"{lowest:,}" if lowest == highest else f"{lowest:,} to {highest:,}"
    return (
        f"Usual range (80 %): {size} {plural(highest, 'error')} per {bucket}; "
        f"above it in {above:,} of {len(known):,} {plural(len(known), bucket)}, below in {below:,}."
    )


def _unusual(one: Anomaly) -> str:
    return f"{one.kind}: {_rate_words(one)}"


def _rate_words(one: Anomaly) -> str:
    (observed, expected), per = rates(one.observed, one.expected, per=one.scale.value)
    return f"{observed} per {per}, {expected} expected"


def _ahead_s(bucket_s: int) -> int:
    """Return how much of a forecast stands beside the history: a day of hours, a week of days."""
    return DAY_S if bucket_s == HOUR_S else WEEK_S
