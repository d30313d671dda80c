"""The hour finds what was planted, keeps it, and goes on without a step that fails."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial

import msgspec
import numpy as np
import pytest
from tests.contract.rule_store_contract import stored
from tests.integration.test_rate_watch import _event

from error_manager.analysis.usual import Usual
from error_manager.core.encoding import event_to_json
from error_manager.core.errors import IndexUnavailableError, StorageBusyError
from error_manager.core.types import PatternId, ProjectId
from error_manager.flows import analysis_hours
from error_manager.flows.analysis_hours import HourServices, analyze_hours
from error_manager.flows.analysis_services import CLOSED_AFTER, HOURS, is_hour_due, settled
from error_manager.flows.month import read_month
from error_manager.flows.relations import find_relations
from error_manager.flows.services import IndexServices
from error_manager.runtime.wiring.knowledge import load_diagnoser
from error_manager.storage.base import Cursor, InboxBatch, InboxRecord, RecordKind
from error_manager.storage.findings import (
    AnalysisFilter,
    CorrelationFilter,
    Scope,
    ScopeKind,
)
from error_manager.storage.memory_analysis_source import MemoryAnalysisSource
from error_manager.storage.memory_findings import MemoryFindings
from error_manager.storage.memory_vectors import MemoryVectors
from error_manager.storage.vectors import PatternKey, PatternSample

ONE = ProjectId(1)
NOW = datetime(2026, 5, 14, 12, 30, tzinfo=UTC)
HOUR = NOW.replace(minute=0)
PLACES = ("cause", "effect", "alone")


class _Inbox:
    """One slot, with a record that waits since then, or none."""

    def __init__(self, waiting_since=None):
        self.waiting_since = waiting_since

    def slots(self):
        return (0,)

    def claim(self, slot, cursor, *, limit):
        if self.waiting_since is None:
            return None
        record = InboxRecord(kind=RecordKind.NATIVE, project_id=ONE, received_at=self.waiting_since)
        return InboxBatch(slot=slot, start=cursor, end=Cursor(row=1), records=((1, record),))


@cache
def _errors():
    """Return ten days: "effect" follows 9 of 10 of "cause" by 20 to 40 s, "alone" comes by itself."""
    rng = np.random.default_rng(3)
    span_s = 10 * 86_400
    cause = np.sort(rng.random(300)) * span_s
    effect = cause[rng.random(300) < 0.9]
    effect = effect + rng.uniform(20, 40, effect.size)
    alone = np.sort(rng.random(300)) * span_s
    start = HOUR - timedelta(days=10)
    made = [
        (start + timedelta(seconds=float(at)), place)
        for place, times in zip(PLACES, (cause, effect, alone), strict=True)
        for at in times
        if at < span_s
    ]
    return [stored(number, _event(number, at, place)) for number, (at, place) in enumerate(made)]


class _Samples:
    """Errors of patterns, as ``PatternSource`` tells them."""

    def __init__(self):
        self.first = {}
        for error in _errors():
            self.first.setdefault(error.entry.fingerprint.group_id, error)

    def _keys(self):
        return {PatternKey(ONE, PatternId(number)): one for number, one in enumerate(self.first.values(), 1)}

    async def patterns(self):
        return frozenset(self._keys())

    async def samples(self, keys):
        known = self._keys()
        return tuple(
            PatternSample(
                key=key,
                body=msgspec.json.encode(event_to_json(known[key].event)),
                title=known[key].entry.title,
                message=known[key].event.message,
            )
            for key in keys
        )


@pytest.fixture
def svc():
    """The services over memory, without an index."""
    errors = _errors()
    groups = dict.fromkeys(error.entry.fingerprint.group_id for error in errors)
    homes = {group: PatternId(number) for number, group in enumerate(groups, 1)}
    return HourServices(
        source=MemoryAnalysisSource(errors, projects={ONE: 1}, homes=homes),
        findings=MemoryFindings(dict.fromkeys(homes.values(), ONE)),
        inbox=_Inbox(),
        clock=lambda: NOW,
        monotonic=time.monotonic,
        cpu_clock=time.process_time,
        load_diagnoser=load_diagnoser,
        samples=_Samples(),
        index=None,
    )


async def test_an_hour_is_analysed_once(svc) -> None:
    """Relation with direction and gap, forecasts, rates and risks are kept; then nothing is due."""
    assert await is_hour_due(svc)
    await analyze_hours(svc)
    assert not await is_hour_due(svc)
    (row,) = (await svc.findings.correlations(CorrelationFilter(), limit=9, cursor=None)).items
    assert (row.first.pattern_id, row.second.pattern_id, row.first.module) == (1, 2, "shop.cause")
    assert row.support / row.trials > 0.8
    assert 20_000 <= row.gap_low_ms <= row.gap_ms <= row.gap_high_ms <= 40_000
    forecast, days = await svc.findings.forecasts(Scope(project_id=ONE, kind=ScopeKind.PROJECT))
    assert (forecast.start_at, len(forecast.point)) == (HOUR, 168)
    assert (days.step_s, days.start_at.hour, days.start_at - HOUR) == (
        86_400, 0, timedelta(hours=-HOUR.hour % 24),
    )  # fmt: skip
    assert len(days.point) == (HOUR + timedelta(days=7) - days.start_at).days
    assert all(low <= 87 <= high for low, high in zip(days.lower95, days.upper95, strict=True))
    day, week = forecast.sums
    assert day.lower80 <= 87 <= day.upper95
    assert week.point > 5 * day.point
    analyses = (await svc.findings.analyses(AnalysisFilter(), limit=9, cursor=None)).items
    assert len(analyses) == 3
    for one in analyses:
        assert one.risk == pytest.approx(sum(factor.points for factor in one.risk_factors or ()))
        assert (one.rates or {})["expected"] > 0
        usual = msgspec.convert((one.season or {})["usual"], Usual)
        assert timedelta(days=9) < HOUR - usual.since <= timedelta(days=10)
        assert usual.until == HOUR
        assert usual.level * 24 == pytest.approx(29, rel=0.25)
    runs = await svc.findings.latest_runs()
    assert {run.step for run in runs} == {
        "forecasts", "frequencies", "index", "month", "position", "recommendations",
        "relations", "risks", "surroundings",
    }  # fmt: skip
    assert all(run.is_done for run in runs)


async def test_the_hour_goes_by_the_business_weights(svc) -> None:
    """What it keeps follows them; one that was set while it computed has the last word."""
    await analyze_hours(svc)
    usual = await svc.findings.analysis([PatternId(1), PatternId(2), PatternId(3)])
    svc.source.weights |= {(ONE, PatternId(1)): 4.0, (ONE, PatternId(2)): 0.5}
    kept = []

    class Watched(MemoryFindings):
        async def keep(self, findings):
            kept.extend(one for one in findings.patterns if one.risk is not None)
            await super().keep(findings)

    watched = Watched(dict.fromkeys(usual, ONE))
    watched.weights |= {PatternId(1): 4.0, PatternId(2): 2.0}
    await analyze_hours(replace(svc, findings=watched))
    found = await watched.analysis(list(usual))
    times = {number: one.risk / usual[number].risk for number, one in found.items()}
    assert times == pytest.approx({1: 1.4, 2: 1.2, 3: 1.0})
    assert {one.pattern_id: one.risk / usual[one.pattern_id].risk for one in kept} == pytest.approx(
        {1: 1.4, 2: 0.8, 3: 1.0}
    )


async def test_the_risks_of_a_quiet_project_follow_the_weights_too(svc) -> None:
    """A project without an error in the month: what setting its weight has left comes with the hour."""
    await analyze_hours(svc)
    usual = await svc.findings.analysis([PatternId(1)])
    svc.findings.weights[PatternId(1)] = 4.0
    later = NOW + timedelta(days=40)
    await analyze_hours(replace(svc, clock=lambda: later))
    found = await svc.findings.analysis([PatternId(1)])
    assert found[PatternId(1)].risk == pytest.approx(1.4 * usual[PatternId(1)].risk)


async def test_a_step_that_fails_leaves_the_others_alone(svc, monkeypatch) -> None:
    """It is shown as failed, and comes again with the next hour."""

    async def broken(_):
        raise ZeroDivisionError

    monkeypatch.setattr(analysis_hours, "find_forecasts", broken)
    await analyze_hours(svc)
    failed = [run.step for run in await svc.findings.latest_runs() if not run.is_done]
    assert failed == ["forecasts"]
    assert (await svc.findings.analyses(AnalysisFilter(min_risk=1), limit=9, cursor=None)).items
    assert (await svc.findings.state(ONE, HOURS)).through_at == HOUR


async def test_what_waits_on_another_machine_is_waited_for(svc) -> None:
    """What its receiving process told in the last minute; of a slot that is here, what is seen."""
    hours = timedelta(hours=2)
    svc.source.told = {1: (NOW - timedelta(seconds=15), NOW - hours), 2: (NOW - hours, NOW - 2 * hours)}
    assert await settled(svc) == NOW - hours
    svc.source.told = {1: (NOW - timedelta(seconds=15), None), 0: (NOW, NOW - hours)}
    assert await settled(svc) == NOW - CLOSED_AFTER


async def test_without_its_position_nothing_of_a_project_is_worked_out(svc, monkeypatch) -> None:
    """What would be found could not be kept as done; the next round does it."""
    read, asked = svc.findings.state, []

    async def state(project_id, kind):
        asked.append(kind)
        if asked.count(HOURS) == 2:
            raise StorageBusyError
        return await read(project_id, kind)

    monkeypatch.setattr(svc.findings, "state", state)
    await analyze_hours(svc)
    runs = {run.step: run.is_done for run in await svc.findings.latest_runs()}
    assert (runs["position"], "month" in runs) == (False, False)
    await analyze_hours(svc)
    assert (await read(ONE, HOURS)).through_at == HOUR


async def test_of_too_many_patterns_the_most_active_are_analysed(svc, monkeypatch) -> None:
    """It is said with the run; the forecast of the project counts the errors of all."""
    await analyze_hours(svc)
    whole = Scope(project_id=ONE, kind=ScopeKind.PROJECT)
    before = await svc.findings.forecasts(whole)
    fewer = replace(svc, findings=MemoryFindings({PatternId(number): ONE for number in (1, 2, 3)}))
    monkeypatch.setattr(analysis_hours, "read_month", partial(read_month, most=2))
    monkeypatch.setattr(analysis_hours, "find_relations", partial(find_relations, most=2))
    await analyze_hours(fewer)
    assert len((await fewer.findings.analyses(AnalysisFilter(), limit=9, cursor=None)).items) == 2
    after = await fewer.findings.forecasts(whole)
    assert [(one.step_s, one.point) for one in after] == [(one.step_s, one.point) for one in before]
    assert {one.step_s for one in before} == {3_600, 86_400}
    runs = {run.step: run for run in await fewer.findings.latest_runs()}
    assert all(run.is_done for run in runs.values())
    assert {step: run.detail for step, run in runs.items() if run.detail} == {
        "month": "project 1: 2 of 3 patterns analysed: those with errors in the last week first",
        "relations": "project 1: 2 of 3 patterns compared: those with the most errors in two weeks",
    }
    assert runs["month"].items == 2


async def test_what_waits_in_the_inbox_is_waited_for(svc) -> None:
    """A minute that is not stored completely would look like silence."""
    assert await settled(svc) == NOW - CLOSED_AFTER
    svc.inbox.waiting_since = NOW - timedelta(minutes=45)
    assert await settled(svc) == NOW - timedelta(minutes=45)
    await analyze_hours(svc)
    assert (await svc.findings.state(ONE, HOURS)).through_at == HOUR - timedelta(hours=1)
    svc.inbox.waiting_since = None
    assert await is_hour_due(svc)


@pytest.mark.parametrize(
    ("count", "hours", "lasted_h", "has_forecast"),
    [(9, 200, 200, False), (12, 5, 5, False), (12, 200, 200, True), (300, 200, 3, False)],
)
async def test_of_few_or_young_or_past_errors_no_forecast_is_made(
    svc, count, hours, lasted_h, has_forecast
) -> None:
    """One error of this morning says nothing of next week, nor does an incident of last week."""
    times = [HOUR - timedelta(hours=hours - lasted_h * place / count) for place in range(count)]
    errors = [stored(number, _event(number, at, "alone")) for number, at in enumerate(times)]
    homes = {errors[0].entry.fingerprint.group_id: PatternId(1)}
    source = MemoryAnalysisSource(errors, projects={ONE: 1}, homes=homes)
    await analyze_hours(replace(svc, source=source))
    found = await svc.findings.forecasts(Scope(project_id=ONE, kind=ScopeKind.PATTERN, key="1"))
    assert bool(found) is has_forecast


@pytest.mark.parametrize(
    ("count", "hours", "length", "is_told"),
    [
        (12, 200, 200, True),
        (12, 20, 20, False),
        (400, 200, 9, False),
        (400, 200, 30, False),
        (9, 200, 200, False),
    ],
    ids=["ten days", "less than a day", "nine hours", "once", "few"],
)
async def test_what_came_once_has_no_usual_rate(svc, count, hours, length, is_told) -> None:
    """Errors in ten hours and on three days, since a day at least."""
    times = [HOUR - timedelta(hours=hours - length * place / count) for place in range(count)]
    errors = [stored(number, _event(number, at, "alone")) for number, at in enumerate(times)]
    homes = {errors[0].entry.fingerprint.group_id: PatternId(1)}
    await analyze_hours(replace(svc, source=MemoryAnalysisSource(errors, projects={ONE: 1}, homes=homes)))
    (one,) = (await svc.findings.analyses(AnalysisFilter(), limit=9, cursor=None)).items
    assert ("usual" in (one.season or {})) is is_told


async def test_an_installation_of_this_hour_is_no_failure(svc) -> None:
    """The last settled hour may end more than an hour before the first error."""
    errors = [stored(1, _event(1, HOUR + timedelta(minutes=61), "alone"))]
    homes = {errors[0].entry.fingerprint.group_id: PatternId(1)}
    await analyze_hours(replace(svc, source=MemoryAnalysisSource(errors, projects={ONE: 1}, homes=homes)))
    runs = await svc.findings.latest_runs()
    assert runs
    assert [run.detail for run in runs if not run.is_done] == []


async def test_patterns_are_indexed_before_similar_ones_are_looked_for(svc) -> None:
    """All three raise the same type; each has neighbours and is told what to do by its evidence."""
    index = IndexServices(index=MemoryVectors(), source=_Samples())
    await analyze_hours(replace(svc, index=index))
    assert await index.index.count() == 3
    found = await svc.findings.analysis([PatternId(1), PatternId(2)])
    assert {one.pattern_id for one in found[PatternId(1)].neighbours} == {2, 3}
    upstream = [one for one in found[PatternId(2)].recommendations if one.key.startswith("upstream")]
    assert upstream[0].evidence[0].link == "/patterns/1/1"


async def test_without_an_index_patterns_are_advised(svc) -> None:
    """Switched off: the evidence and the errors themselves say enough; similar patterns are left out."""
    await analyze_hours(svc)
    (one,) = (await svc.findings.analysis([PatternId(2)])).values()
    assert one.neighbours is None
    upstream = [advice for advice in one.recommendations if advice.key.startswith("upstream")]
    assert upstream[0].evidence[0].link == "/patterns/1/1"
    assert any(not advice.key.startswith("upstream") for advice in one.recommendations)


async def test_a_regrouped_pattern_is_indexed_again_even_when_the_index_was_away(svc) -> None:
    """Its vector was of other errors; the others keep theirs."""
    upserts = []

    class Told(MemoryVectors):
        is_away = False

        async def keys(self):
            if self.is_away:
                raise IndexUnavailableError("away")
            return await super().keys()

        async def upsert(self, points):
            upserts.append([point.key.pattern_id for point in points])
            await super().upsert(points)

    vectors = Told()
    svc = replace(svc, index=IndexServices(index=vectors, source=_Samples()), load_diagnoser=load_diagnoser)
    await analyze_hours(svc)
    assert upserts == [[1, 2, 3]]
    svc.source.moved[PatternId(2)] = HOUR + timedelta(minutes=10)
    for hours, is_away in ((1, True), (2, False), (4, False)):
        vectors.is_away = is_away
        now = NOW + timedelta(hours=hours)
        await analyze_hours(replace(svc, clock=lambda now=now: now))
    assert upserts == [[1, 2, 3], [2]]


class _Away(MemoryVectors):
    async def keys(self):
        raise IndexUnavailableError("away")


async def test_an_absent_index_stops_nothing_else(svc) -> None:
    """Recommendations go by what is known; similar patterns wait."""
    index = IndexServices(index=_Away(), source=_Samples())
    await analyze_hours(replace(svc, index=index))
    (one,) = (await svc.findings.analysis([PatternId(2)])).values()
    assert one.neighbours is None
    assert one.recommendations
    assert (await svc.findings.state(ONE, HOURS)).through_at == HOUR
