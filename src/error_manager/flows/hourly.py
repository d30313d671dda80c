"""What is found once an hour from a month of a project: how often, how many to come, how risky.

Seed boxes: Frequency Analyzer, Trend Predictor, Recommendation Engine. ``flows/analysis.py`` puts these
steps in order; each returns what it found and how many items it looked at.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Final

import msgspec
import numpy as np

from error_manager.analysis.aggregator import PATTERN, Floats
from error_manager.analysis.aggregator import Scope as SeriesScope
from error_manager.analysis.baseline import Baseline, compact
from error_manager.analysis.frequency import Frequency, frequencies
from error_manager.analysis.prediction import Forecast, ForecastTotal, Prediction, is_over
from error_manager.analysis.risk import RiskFacts, risk, steady_ratio
from error_manager.analysis.season import hour_of_week
from error_manager.analysis.usual import Usual
from error_manager.core.types import PatternId
from error_manager.flows.analysis_window import floor_hour, moment
from error_manager.flows.month import HOUR_S, Month, parts, usual
from error_manager.storage.analysis_source import AnalysisSource, PatternFact, Reach, TagShare
from error_manager.storage.findings import (
    ForecastRow,
    ForecastSet,
    ForecastSum,
    PatternAnalysis,
    Scope,
    ScopeKind,
    risk_factors,
)

_DAY_H: Final = 24
_WEEK_H: Final = 7 * 24
LEAST_ERRORS: Final = 10
"""Of fewer errors in a month no forecast is made."""
_LEAST_HOURS: Final = 10
_LEAST_DAYS: Final = 3
_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=7)
_HANDLED: Final = "handled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythms:
    """How often each pattern comes, the errors that were usual in the hours of the last day, what is usual.

    ``usual`` is None of a pattern that is younger than a day or came seldom.
    """

    found: tuple[Frequency, ...]
    usual_day: Floats
    usual: tuple[Usual | None, ...]


async def find_frequencies(month: Month) -> tuple[Rhythms, int]:
    """Return rates, trends, rhythms and changes of level of each pattern."""
    return await asyncio.to_thread(_frequencies, month), len(month.facts)


async def find_forecasts(month: Month) -> tuple[ForecastSet, int]:
    """Return what is expected in the next week of each pattern, each module and the whole project."""
    rows = await asyncio.to_thread(_forecasts, month)
    return ForecastSet(project_id=month.project.id, rows=rows), len({row.scope for row in rows})


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Whom and what the errors of the last week touched; ``users`` are the persons of the whole project."""

    reach: Mapping[PatternId, Reach]
    users: int
    tags: Mapping[PatternId, tuple[TagShare, ...]]


async def find_surroundings(source: AnalysisSource, month: Month) -> tuple[Surroundings, int]:
    """Return whom and what each pattern touched in the last week."""
    since, ids = month.until - _WEEK, [fact.id for fact in month.facts]
    found = Surroundings(
        reach=await source.reach(month.project.id, since=since),
        users=await source.users(month.project.id, since=since),
        tags=await source.tags(month.project.id, ids, since=since),
    )
    return found, len(ids)


async def find_risks(
    month: Month, rhythms: Rhythms, around: Surroundings, causes: Mapping[PatternId, float]
) -> tuple[tuple[PatternAnalysis, ...], int]:
    """Return the risk of each pattern with its factors.

    Args:
        month: what is looked at.
        rhythms: of ``find_frequencies``.
        around: of ``find_surroundings``.
        causes: sum of the scores of the relations in which a pattern comes first.
    """
    counts = np.nan_to_num(month.hourly.counts)
    rows = tuple(
        _risk(
            month,
            fact,
            one,
            counts=hours,
            usual_day=usual,
            reach=around.reach.get(fact.id, Reach(users=0, hosts=0)),
            users=around.users,
            tags=around.tags.get(fact.id, ()),
            causes=causes.get(fact.id, 0.0),
        )
        for fact, one, hours, usual in zip(
            month.facts, rhythms.found, counts, rhythms.usual_day.tolist(), strict=True
        )
    )
    return rows, len(rows)


def told_frequencies(month: Month, rhythms: Rhythms) -> tuple[PatternAnalysis, ...]:
    """Return rates, trend and season of each pattern as they are kept."""
    return tuple(
        PatternAnalysis(
            project_id=month.project.id,
            pattern_id=fact.id,
            updated_at=month.until,
            rates=_plain({**asdict(one.rates), **_bursts(one)}),
            trend=_plain({**asdict(one.trend), "changes": _changes(one)}),
            season=_plain({**asdict(one.rhythm), "usual": known and msgspec.to_builtins(known)}),
        )
        for fact, one, known in zip(month.facts, rhythms.found, rhythms.usual, strict=True)
    )


def _frequencies(month: Month) -> Rhythms:
    start_s, first, known = float(month.hourly.start_s), month.first_seen_s, usual(month)
    hours = hour_of_week(month.until.timestamp() - _DAY_H * HOUR_S, _DAY_H)
    was_seen = np.isfinite(month.hourly.counts[:, -_DAY_H:])
    found: list[Frequency] = []
    for part in parts(len(first)):
        mine = Baseline(**{one.name: getattr(known, one.name)[part] for one in fields(Baseline)})
        found += frequencies(
            month.hourly.counts[part],
            month.minutes.counts[part],
            mine,
            start_s=start_s,
            first_seen_s=first[part],
        )
    return Rhythms(
        found=tuple(found),
        usual_day=known.level * np.where(was_seen, known.profile[:, hours], 0.0).sum(axis=1),
        usual=_usual(month, known),
    )


def _usual(month: Month, known: Baseline) -> tuple[Usual | None, ...]:
    """Return what is usual, of the patterns of which a month says it: one that came once has no usual day.

    They are a day old, had errors in ten hours, and on three days (on each, while they are younger).
    """
    start = moment(month.hourly.start_s)
    since = [max(start, floor_hour(fact.first_seen)) for fact in month.facts]
    had = np.nan_to_num(month.hourly.counts) > 0
    hours = had.sum(axis=1).tolist()
    days = had.reshape(len(had), -1, _DAY_H).any(axis=2).sum(axis=1).tolist()
    return tuple(
        one
        if month.until - first >= _DAY
        and with_hours >= _LEAST_HOURS
        and with_days >= min(_LEAST_DAYS, (month.until - first) // _DAY)
        else None
        for one, first, with_hours, with_days in zip(
            compact(known, since=since, until=month.until), since, hours, days, strict=True
        )
    )


def _forecasts(month: Month) -> tuple[ForecastRow, ...]:
    """Return the forecasts of all series that are a day old, had some errors and are not over."""
    first = {fact.id: fact.first_seen.timestamp() for fact in month.facts}
    rows: list[ForecastRow] = []
    series = (
        (scope, counts)
        for table in (month.hourly, month.sums)
        for scope, counts in zip(table.scopes, table.counts, strict=True)
    )
    for scope, counts in series:
        began = first.get(PatternId(int(scope[1])), 0.0) if scope[0] == PATTERN else 0.0
        known = counts[max(0, int((began - month.hourly.start_s) // HOUR_S)) :]
        if len(known) >= _DAY_H and np.nansum(known) >= LEAST_ERRORS and not is_over(known):
            rows += _forecast(month, scope, Prediction(known, step_s=HOUR_S, horizon=_WEEK_H))
    return tuple(rows)


def _forecast(month: Month, scope: SeriesScope, model: Prediction) -> tuple[ForecastRow, ForecastRow]:
    """Return the hours of the next week with its sums, and the UTC days that lie in it."""
    hours = _row(month, scope, HOUR_S, month.until, model.forecast())
    first = -month.until.hour % _DAY_H
    days = model.blocks(first, _DAY_H)
    return (
        replace(hours, sums=tuple(_sum(length, model.total(length)) for length in (_DAY_H, _WEEK_H))),
        _row(month, scope, _DAY_H * HOUR_S, month.until + timedelta(hours=first), days),
    )


def _row(month: Month, scope: SeriesScope, step_s: int, start: datetime, found: Forecast) -> ForecastRow:
    return ForecastRow(
        scope=Scope(project_id=month.project.id, kind=ScopeKind(scope[0]), key=scope[1]),
        step_s=step_s,
        start_at=start,
        made_at=month.until,
        point=_rounded(found.point),
        lower80=_rounded(found.lower80),
        upper80=_rounded(found.upper80),
        lower95=_rounded(found.lower95),
        upper95=_rounded(found.upper95),
    )


def _sum(hours: int, total: ForecastTotal) -> ForecastSum:
    return ForecastSum(
        span_s=hours * HOUR_S,
        point=total.point,
        lower80=total.lower80,
        upper80=total.upper80,
        lower95=total.lower95,
        upper95=total.upper95,
    )


def _risk(
    month: Month,
    fact: PatternFact,
    found: Frequency,
    *,
    counts: Floats,
    usual_day: float,
    reach: Reach,
    users: int,
    tags: Sequence[TagShare],
    causes: float,
) -> PatternAnalysis:
    now = month.until
    day = float(counts[-_DAY_H:].sum())
    since = now - fact.regressed_at if fact.regressed_at else None
    score = risk(
        RiskFacts(
            severity=fact.severity,
            rate_ratio=steady_ratio(day, usual_day),
            growth_log2_per_week=found.trend.safe_log2,
            errors_per_day=float(counts[-_WEEK_H:].sum()) / 7.0,
            users=reach.users,
            user_share=min(1.0, reach.users / users) if users else 0.0,
            hosts=max(1, reach.hosts),
            age_days=max(0.0, (now - fact.first_seen) / timedelta(days=1)),
            regressed_days=None if since is None else max(0.0, since / timedelta(days=1)),
            unhandled_share=_unhandled(tags),
            causes=causes,
            business_weight=fact.weight,
        )
    )
    return PatternAnalysis(
        project_id=month.project.id,
        pattern_id=fact.id,
        updated_at=now,
        risk=score.value,
        risk_factors=risk_factors(score.factors),
    )


def _unhandled(tags: Sequence[TagShare]) -> float:
    """Return the share of errors that nothing caught: the tag says yes or no."""
    for share in tags:
        if share.key == _HANDLED:
            top = share.count / share.total
            return top if share.value == "no" else 1.0 - top
    return 0.0


def _bursts(found: Frequency) -> dict[str, object]:
    gaps = found.burstiness
    return {"burstiness": None if gaps is None else gaps.burstiness}


def _changes(found: Frequency) -> list[dict[str, object]]:
    return [
        {"at": change.at.isoformat(), "before": change.before, "after": change.after}
        for change in found.changes
    ]


def _plain(values: Mapping[str, object]) -> dict[str, object]:
    """Return values without what was not collected: JSON knows no NaN."""
    return {
        name: value
        for name, value in values.items()
        if not (value is None or (isinstance(value, float) and not math.isfinite(value)))
    }


def _rounded(values: Floats) -> tuple[float, ...]:
    """Return values with four digits behind the point: forecasts are not more exact, and a third as long."""
    return tuple(np.round(values, 4).tolist())
