"""A cascade, a release that breaks something and an error that stops, found by the flows in a small world."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import pytest
from tests.contract.rule_store_contract import stored

from error_manager.core.types import ErrorEvent, EventId, ExceptionInfo, Frame, PatternId, ProjectId
from error_manager.flows.rate_watch import RateWatch
from error_manager.flows.relations import find_relations
from error_manager.storage.analysis_source import AnalysedProject
from error_manager.storage.findings import AnomalyFilter, Change, ChangeKind, Findings, ScopeKind
from error_manager.storage.memory_analysis_source import MemoryAnalysisSource
from error_manager.storage.memory_findings import MemoryFindings

PROJECT = AnalysedProject(id=ProjectId(1), organization_id=1)
START = datetime(2026, 5, 4, tzinfo=UTC)
CASCADE, RELEASE, STOP = (START + timedelta(days=2, hours=hour) for hour in (4, 8, 12))
END = START + timedelta(days=2, hours=18)
PLACES = ("load", "save", "pool", "pay", "tax")


def _event(number: int, at: datetime, place: str) -> ErrorEvent:
    frames = (Frame(function=place, module=f"shop.{place}", filename=f"shop/{place}.py", lineno=3),)
    return ErrorEvent(
        event_id=EventId(f"{number:032x}"),
        timestamp=at,
        message=f"KeyError: {place}",
        exceptions=(ExceptionInfo(type="KeyError", value=place, frames=frames),),
        release="1.1" if at >= RELEASE else "1.0",
    )


def _made() -> list[tuple[datetime, str]]:
    rng = np.random.default_rng(7)

    def even(since: datetime, until: datetime, per_hour: float) -> list[datetime]:
        hours = (until - since) / timedelta(hours=1)
        places = np.sort(rng.random(int(per_hour * hours))) * (until - since).total_seconds()
        return [since + timedelta(seconds=float(place)) for place in places]

    pool = even(CASCADE, CASCADE + timedelta(minutes=20), 600)
    pay = [at + timedelta(seconds=float(rng.normal(4.0, 0.8))) for at in pool if rng.random() < 0.8]
    return [
        *((at, "load") for at in even(START, END, 20)),
        *((at, "save") for at in even(START, STOP, 30)),
        *((at, "pool") for at in pool),
        *((at, "pay") for at in pay),
        *((at, "tax") for at in even(RELEASE + timedelta(minutes=2), RELEASE + timedelta(hours=2), 120)),
    ]


@cache
def _world():
    """Return (anomalies, changes, relations, names) after the flows have looked at the whole of it."""
    return asyncio.run(_watched())


async def _watched():
    errors = [stored(number, _event(number, *one)) for number, one in enumerate(_made())]
    groups = {error.event.message.rpartition(" ")[2]: error.entry.fingerprint.group_id for error in errors}
    homes = {groups[place]: PatternId(number) for number, place in enumerate(PLACES, 1)}
    source = MemoryAnalysisSource(errors, projects={PROJECT.id: 1}, homes=homes)
    store = MemoryFindings(dict.fromkeys(homes.values(), PROJECT.id))
    releases = await source.releases(PROJECT.id, since=START)
    changes = tuple(
        Change(project_id=PROJECT.id, at=one.at, kind=ChangeKind.RELEASE, version=one.version)
        for one in releases
    )
    await store.keep(Findings(changes=changes))
    await RateWatch(source, store).watch(PROJECT, until=END)
    relations, _ = await find_relations(source, store, 1, [PROJECT], until=END)
    where = AnomalyFilter(scope_kind=ScopeKind.PATTERN)
    anomalies = (await store.anomalies(where, limit=100, cursor=None)).items
    versions = {change.id: change.version for change in (await store.changes(limit=10)).items}
    return anomalies, versions, relations.rows, dict(enumerate(PLACES, 1))


def test_each_incident_is_found_once_and_nothing_else() -> None:
    """Births of what is new and the silence of what stopped; no end of an incident is told as a fall."""
    found, _, _, names = _world()
    assert sorted((names[int(one.scope.key)], one.kind) for one in found) == [
        ("pay", "birth"),
        ("pool", "birth"),
        ("save", "silence"),
        ("tax", "birth"),
    ]
    assert {(one.expected, one.upper) for one in found if one.kind == "birth"} == {(0.0, 0.0)}
    silence = next(one for one in found if one.kind == "silence")
    assert STOP - timedelta(minutes=30) <= silence.started_at <= silence.detected_at
    assert silence.detected_at < STOP + timedelta(hours=2)


def test_the_cause_comes_before_its_effect_with_the_right_lag() -> None:
    """One relation of patterns: pool, and four seconds later pay."""
    _, _, rows, names = _world()
    pairs = [row for row in rows if row.first.pattern_id]
    assert [(names[row.first.pattern_id], names[row.second.pattern_id], row.kind) for row in pairs] == [
        ("pool", "pay", "incident")
    ]
    assert pairs[0].gap_ms == pytest.approx(4_000, rel=0.1)


def test_the_release_is_named_for_what_it_brought() -> None:
    """1.1 brought tax; 1.0 was there from the start and brought nothing."""
    _, versions, rows, names = _world()
    caused = [
        (versions[row.change_id], names[row.second.pattern_id], row.kind) for row in rows if row.change_id
    ]
    assert caused == [("1.1", "tax", "born")]
