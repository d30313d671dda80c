"""Anomalies of stored counts: told once, whoever goes on, whenever that is; none where nobody collected."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import pytest
from tests.contract.rule_store_contract import stored

from error_manager.core.errors import StaleCursorError
from error_manager.core.types import ErrorEvent, EventId, ExceptionInfo, Frame, PatternId, ProjectId
from error_manager.flows import rate_watch
from error_manager.flows.analysis_window import moved
from error_manager.flows.rate_watch import MINUTES, RATES, RateWatch
from error_manager.flows.state_watch import STATES, StateWatch
from error_manager.storage.analysis_source import AnalysedProject
from error_manager.storage.findings import AnomalyFilter, Findings, Scale, ScopeKind
from error_manager.storage.memory_analysis_source import MemoryAnalysisSource
from error_manager.storage.memory_findings import MemoryFindings

PROJECT = AnalysedProject(id=ProjectId(1), organization_id=1)
START = datetime(2026, 5, 4, tzinfo=UTC)
BURST = START + timedelta(days=1, hours=6)
END = BURST + timedelta(hours=5)
MINUTE = timedelta(minutes=1)


def _event(number: int, at: datetime, place: str, occurrences: int = 1) -> ErrorEvent:
    frames = (Frame(function=place, module=f"shop.{place}", filename=f"shop/{place}.py", lineno=3),)
    return ErrorEvent(
        event_id=EventId(f"{number:032x}"),
        timestamp=at,
        message=f"KeyError: {place}",
        exceptions=(ExceptionInfo(type="KeyError", value=place, frames=frames),),
        occurrences=occurrences,
    )


@cache
def _errors():
    """Return errors of "pay" and "load", a few an hour by chance; "pay" has 60 in each of ten minutes."""
    rng = np.random.default_rng(5)
    made = []
    for place in ("pay", "load"):
        times = np.sort(rng.random(int((END - START) / timedelta(minutes=12)))) * (END - START)
        made += [(START + time, place, 1) for time in times]
    made += [(BURST + minute * MINUTE, "pay", 60) for minute in range(10)]
    return [stored(number, _event(number, *one)) for number, one in enumerate(made)]


@cache
def _slow_errors():
    """Return errors of "pay", one in twelve minutes by chance, in the end one in three minutes more."""
    rng = np.random.default_rng(7)
    times = np.sort(rng.random(int((END - START) / timedelta(minutes=12)))) * (END - START)
    made = [START + time for time in times]
    made += [BURST + number * 3 * MINUTE for number in range(100)]
    return [stored(number, _event(number, at, "pay")) for number, at in enumerate(made)]


@cache
def _nightly_errors():
    """Return errors of "pay" of 29 days, one in an hour and 60 within ten minutes of each night at three."""
    first = END - timedelta(days=29)
    made = [(first + number * timedelta(hours=1), 1) for number in range(29 * 24)]
    nights = [first.replace(hour=3) + timedelta(days=day) for day in range(1, 29)]
    made += [(night + minute * MINUTE, 6) for night in nights for minute in range(10)]
    return [stored(number, _event(number, at, "pay", count)) for number, (at, count) in enumerate(made)]


def _source(spans=(), errors=None):
    errors = errors or _errors()
    groups = dict.fromkeys(error.entry.fingerprint.group_id for error in errors)
    homes = {group: PatternId(number) for number, group in enumerate(groups, 1)}
    return MemoryAnalysisSource(errors, projects={PROJECT.id: 1}, homes=homes, spans=spans)


def _store():
    return MemoryFindings({PatternId(number): PROJECT.id for number in (1, 2)})


async def _found(store) -> list:
    page = await store.anomalies(AnomalyFilter(), limit=100, cursor=None)
    return [
        (one.scope.kind, one.scope.key, one.kind, one.started_at, one.ended_at, one.score)
        for one in page.items
    ]


async def test_a_burst_is_told_of_its_pattern_project_and_severity() -> None:
    """The other pattern has none; a module of one pattern says nothing more; the incident ends."""
    store = _store()
    await RateWatch(_source(), store).watch(PROJECT, until=END)
    found = await _found(store)
    assert {(kind, key) for kind, key, *_ in found} == {
        (ScopeKind.PATTERN, "1"),
        (ScopeKind.PROJECT, ""),
        (ScopeKind.SEVERITY, "error"),
    }
    for _, _, kind, started_at, ended_at, score in found:
        assert kind == "burst"
        assert abs(started_at - BURST) <= 2 * MINUTE
        assert ended_at is not None
        assert BURST + 10 * MINUTE <= ended_at <= BURST + timedelta(hours=3)
        assert 50 < score <= 100
    assert (await store.state(PROJECT.id, MINUTES)).through_at == END


@pytest.mark.parametrize("processes", [1, 3])
async def test_it_makes_no_difference_who_goes_on(processes) -> None:
    """Steps of odd lengths by processes in turn, each begins with what was kept: the same findings."""
    source, store, whole = _source(), _store(), _store()
    await RateWatch(source, whole).watch(PROJECT, until=END)
    watches = [RateWatch(source, store) for _ in range(processes)]
    until, turn = START + timedelta(days=1), 0
    while until < END:
        until = min(END, until + timedelta(minutes=37 + turn))
        await watches[turn % processes].watch(PROJECT, until=until)
        turn += 1
    assert await _found(store) == await _found(whole)


async def test_of_two_at_once_one_keeps_its_findings() -> None:
    """The other one is told that it was late, and goes on from there next time."""
    source, store = _source(), _store()
    first, second = RateWatch(source, store), RateWatch(source, store)
    await first.watch(PROJECT, until=START + timedelta(days=1))
    await second.watch(PROJECT, until=START + timedelta(days=1, hours=1))
    state = store.state

    async def late(project_id, kind):
        position = await state(project_id, kind)
        if kind == MINUTES:
            store.state = state
            await first.watch(PROJECT, until=START + timedelta(days=1, hours=2))
        return position

    store.state = late
    with pytest.raises(StaleCursorError):
        await second.watch(PROJECT, until=START + timedelta(days=1, hours=2))
    await second.watch(PROJECT, until=END)
    whole = _store()
    await RateWatch(source, whole).watch(PROJECT, until=END)
    assert await _found(store) == await _found(whole)


async def test_what_takes_hours_to_be_seen_is_told_per_hour() -> None:
    """A burst within minutes is told per minute; the scale of an anomaly does not change when it ends."""
    store = _store()
    await RateWatch(_source(errors=_slow_errors()), store).watch(PROJECT, until=END)
    page = await store.anomalies(AnomalyFilter(scope_kind=ScopeKind.PROJECT), limit=9, cursor=None)
    (one,) = page.items
    assert (one.scale, one.kind) == (Scale.HOUR, "burst")
    assert one.detected_at - one.started_at >= timedelta(minutes=59)
    assert 20 < one.observed < 30
    assert 3 < one.expected < 9
    quick = _store()
    await RateWatch(_source(), quick).watch(PROJECT, until=END)
    page = await quick.anomalies(AnomalyFilter(scope_kind=ScopeKind.PATTERN), limit=9, cursor=None)
    assert [(one.scale, one.observed > 50, one.expected < 1) for one in page.items] == [
        (Scale.MINUTE, True, True)
    ]


@pytest.mark.parametrize("is_damaged", [False, True])
async def test_hours_before_the_minutes_that_are_kept_are_known(is_damaged, monkeypatch) -> None:
    """A job of every night is a habit from the first minute on, also when the detector begins anew."""
    monkeypatch.setattr(rate_watch, "MINUTES_KEPT", timedelta(days=3))
    source, store = _source(errors=_nightly_errors()), _store()
    if is_damaged:
        at = END - timedelta(hours=1)
        states = tuple(
            moved(None, PROJECT.id, kind, at, content=b"damaged" if kind == RATES else b"")
            for kind in (MINUTES, RATES)
        )
        await store.keep(Findings(states=states))
    await RateWatch(source, store).watch(PROJECT, until=END)
    assert {kind for kind, *_ in await _found(store)} <= {ScopeKind.SEVERITY}  # its hours are not kept


async def test_a_project_without_errors_is_not_begun() -> None:
    """So that a past that is imported later is looked at."""
    store = _store()
    assert await RateWatch(_source(), store).watch(PROJECT, until=START) == (None, 0)
    assert await store.state(PROJECT.id, MINUTES) is None


async def test_minutes_that_nobody_collected_say_nothing() -> None:
    """The burst came while errors were refused: whatever was stored of it is not held against the rest."""
    spans = [(START, BURST - MINUTE), (BURST + 20 * MINUTE, END)]
    store = _store()
    await RateWatch(_source(spans), store).watch(PROJECT, until=END)
    assert await _found(store) == []


async def test_a_pattern_that_was_merged_begins_anew() -> None:
    """Its open anomaly ends; it goes on as one that is known."""
    source, store = _source(), _store()
    watch = RateWatch(source, store)
    at = BURST + 5 * MINUTE
    await watch.watch(PROJECT, until=at)
    (open_one,) = (
        await store.anomalies(AnomalyFilter(is_open=True, scope_kind=ScopeKind.PATTERN), limit=9, cursor=None)
    ).items
    source.moved[PatternId(1)] = at
    await watch.watch(PROJECT, until=at + MINUTE)
    assert (await store.anomaly(open_one.id)).ended_at == at


async def test_an_anomaly_ends_whose_pattern_was_merged_while_nobody_watched(monkeypatch) -> None:
    """A new process replays the last hour with the patterns of now; all pages of open anomalies are read."""
    monkeypatch.setattr(rate_watch, "_PAGE", 1)
    source, store = _source(), _store()
    at = BURST + 5 * MINUTE
    await RateWatch(source, store).watch(PROJECT, until=at)
    merged = MemoryAnalysisSource(
        _errors(), projects={PROJECT.id: 1}, homes=dict.fromkeys(source._homes, PatternId(2))
    )
    merged.moved[PatternId(2)] = at
    await RateWatch(merged, store).watch(PROJECT, until=at + MINUTE)
    page = await store.anomalies(AnomalyFilter(), limit=9, cursor=None)
    ends = {(one.scope.kind, one.scope.key): one.ended_at for one in page.items}
    assert ends == {
        (ScopeKind.PATTERN, "1"): at,
        (ScopeKind.PROJECT, ""): None,
        (ScopeKind.SEVERITY, "error"): None,
    }


async def test_what_was_told_goes_on_in_the_next_process() -> None:
    """Only what is followed no longer ends: a kept detector knows what it told."""
    source, store = _source(), _store()
    await RateWatch(source, store).watch(PROJECT, until=BURST + 5 * MINUTE)
    await RateWatch(source, store).watch(PROJECT, until=BURST + 6 * MINUTE)
    page = await store.anomalies(AnomalyFilter(), limit=9, cursor=None)
    assert [one.ended_at for one in page.items] == [None] * 3


@pytest.mark.parametrize("content", [b"", b"\x00{"])
@pytest.mark.parametrize(("watcher", "kind"), [(RateWatch, RATES), (StateWatch, STATES)])
async def test_a_damaged_state_begins_anew(watcher, kind, content) -> None:
    """It is replaced by one that can be read; the round does not fail each time."""
    source, store, at = _source(), _store(), BURST - timedelta(hours=2)
    await watcher(source, store).watch(PROJECT, until=at)
    known = await store.state(PROJECT.id, kind)
    await store.keep(Findings(states=(moved(known, PROJECT.id, kind, known.through_at, content=content),)))
    later = at + timedelta(hours=1)
    await watcher(source, store).watch(PROJECT, until=later)
    fresh = await store.state(PROJECT.id, kind)
    assert (fresh.through_at, len(fresh.content) > len(content)) == (later, True)
