"""What the analysis reads from PostgreSQL: the contract, and series that follow the map of groups."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from tests.contract.analysis_source_contract import (
    END,
    ONE,
    SPANS,
    START,
    TWO,
    AnalysisSourceContract,
    errors,
    event,
    expected,
    name,
    named,
    rows,
)
from tests.contract.rule_store_contract import stored

from error_manager.core.types import ErrorId, EventId, ExceptionInfo, Frame
from error_manager.storage.base import NO_SLOT, Cursor, StoreBatch, StoredError
from error_manager.storage.findings import Change, ChangeKind, Findings
from error_manager.storage.postgres.access import PostgresAccess
from error_manager.storage.postgres.analysis_source import PostgresAnalysisSource
from error_manager.storage.postgres.collecting import PostgresSpans
from error_manager.storage.postgres.connection import connect, pool
from error_manager.storage.postgres.errors import PostgresErrorStore
from error_manager.storage.postgres.findings import PostgresFindings
from error_manager.storage.postgres.queries import PostgresQueries
from error_manager.storage.postgres.reader import Pool


@pytest.fixture
async def connections(database):
    """A pool over a fresh database with the contract's errors and spans."""
    with psycopg.connect(database.owner_url) as connection:
        connection.execute(
            "INSERT INTO projects (id, organization_id, name, slug, subject_key) "
            "VALUES (1, 1, 'One', 'one', 'k'), (2, 1, 'Two', 'two', 'k')"
        )
    store = PostgresErrorStore(
        lambda: connect(database.url, application_name="test"), shard=0, failpoint=lambda step: None
    )
    await store.commit(StoreBatch(slot=NO_SLOT, start=Cursor(), end=Cursor(), errors=tuple(errors())))
    await store.close()
    found = pool(database.url, application_name="test", min_size=1, max_size=4, autocommit=True)
    await found.open()
    for slot, (start, end) in enumerate(SPANS):
        await PostgresSpans(found).note(slot, start, end - timedelta(minutes=1))
        await PostgresSpans(found).note(slot, start, end)
    yield found
    await found.close()


def _error_of(group: int, at: datetime) -> StoredError:
    number = 10_000 + 1_000 * group + at.hour
    frames = (Frame(function=f"many_{group}", module=f"many.{group}", filename=f"many/{group}.py", lineno=3),)
    base = event(number)
    return stored(
        number,
        replace(
            base,
            timestamp=at,
            message="Many: 1",
            exceptions=(ExceptionInfo(type=f"Many{'abcdefgh'[group % 8]}", value="1", frames=frames),),
        ),
        project=TWO,
    )


async def _commit(database, found) -> None:
    store = PostgresErrorStore(
        lambda: connect(database.url, application_name="test"), shard=0, failpoint=lambda step: None
    )
    await store.commit(StoreBatch(slot=NO_SLOT, start=Cursor(), end=Cursor(), errors=tuple(found)))
    await store.close()


@asynccontextmanager
async def _indexed(database) -> AsyncIterator[Pool]:
    """Lend a pool of one connection that goes by indexes, as with many rows."""
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        connection.execute("ANALYZE")
    joint = "&" if "?" in database.url else "?"
    url = f"{database.url}{joint}options=-c%20enable_seqscan%3Doff"
    one = pool(url, application_name="test", min_size=1, max_size=1, autocommit=True)
    await one.open()
    yield one
    await one.close()


async def _read_by(one: Pool, index: str) -> int:
    """Return how many entries of indexes with such a name were read."""
    async with one.connection() as connection:
        await connection.execute("SELECT pg_stat_force_next_flush()")
        row = await connection.execute(
            "SELECT sum(idx_tup_read)::int FROM pg_stat_user_indexes WHERE indexrelname LIKE %s", (index,)
        )
        return (await row.fetchone())[0]


class TestPostgresAnalysisSource(AnalysisSourceContract):
    """The real one."""

    @pytest.fixture
    def source(self, connections):
        """Return the contract's errors."""
        return PostgresAnalysisSource(connections)

    @pytest.fixture
    def weigh(self, connections):
        """Return what sets weights."""

        async def weigh(project_id, *, project, patterns):
            await PostgresAccess(connections).set_weight(project_id, project)
            for number, weight in patterns.items():
                await PostgresQueries(connections).change_weight(number, weight, person_id=None, now=END)

        return weigh


async def test_series_follow_a_merge_and_its_undo(connections) -> None:
    """Counts go with the groups; who asks for what was regrouped learns both patterns, each time."""
    source, queries = PostgresAnalysisSource(connections), PostgresQueries(connections)
    names = await named(source)
    ids = {place: number for number, place in names.items()}
    now = END + timedelta(hours=1)
    await queries.merge(ids["pay"], (ids["load"],), person_id=None, now=now)
    merged = await source.minutes(ONE, since=START, until=END)
    joined = rows(merged, names)
    assert joined == expected(1, lambda one: "pay" if name(one) == "load" else name(one))
    assert await source.regrouped(ONE, since=now) == {ids["pay"], ids["load"]}
    later = now + timedelta(minutes=5)
    assert await source.regrouped(ONE, since=later) == frozenset()
    await queries.undo(ids["pay"], person_id=None, now=later)
    assert await source.regrouped(ONE, since=later) == {ids["pay"], ids["load"]}
    assert rows(await source.minutes(ONE, since=START, until=END), names) == expected(1, name)


async def test_of_a_pattern_of_many_groups_its_newest_errors_are_read(connections, database) -> None:
    """Forty groups with an error in each of six hours: of the 240 errors one hour's 40 are read, not all."""
    hours = [START - timedelta(hours=back) for back in range(6)]
    many = [_error_of(group, hour) for group in range(40) for hour in hours]
    await _commit(database, many)
    queries = PostgresQueries(connections)
    known = set(await named(PostgresAnalysisSource(connections), TWO))
    rows = await PostgresAnalysisSource(connections).patterns(TWO, since=hours[-1])
    ids = [row.id for row in rows if row.message.startswith("Many")]
    assert len(ids) == 40
    assert set(ids) < known
    await queries.merge(ids[0], tuple(ids[1:]), person_id=None, now=END)
    async with _indexed(database) as one:
        before = await _read_by(one, "project_errors%")
        found = await PostgresAnalysisSource(one).events(TWO, since=hours[-1], until=END, newest=30)
        read = await _read_by(one, "project_errors%") - before
    assert (found.keys == ids[0]).sum() == 30
    assert 30 <= read <= 40 + 3  # and the three errors of another pattern


async def test_a_release_that_is_a_change_is_not_told_again(connections) -> None:
    """Its exact time costs a look at the errors of an hour."""
    source, findings = PostgresAnalysisSource(connections), PostgresFindings(connections)
    seen = await source.releases(ONE, since=START)
    known = tuple(
        Change(project_id=ONE, at=r.at, kind=ChangeKind.RELEASE, version=r.version, environment=r.environment)
        for r in seen[:3]
    )
    await findings.keep(Findings(changes=known))
    assert await source.releases(ONE, since=START) == seen[3:]


async def test_the_hours_of_a_new_release_are_read_of_its_groups_alone(connections, database) -> None:
    """Of 240 hours of forty groups one group has the release: its one hour is read, not all."""
    hours = [START - timedelta(hours=back) for back in range(6)]
    many = [_error_of(group, hour) for group in range(40) for hour in hours]
    await _commit(database, many)
    source, findings = PostgresAnalysisSource(connections), PostgresFindings(connections)
    seen = await source.releases(TWO, since=hours[-1])
    known = tuple(
        Change(project_id=TWO, at=r.at, kind=ChangeKind.RELEASE, version=r.version, environment=r.environment)
        for r in seen
    )
    await findings.keep(Findings(changes=known))
    fresh = replace(many[0], event=replace(many[0].event, event_id=EventId("f" * 32), release="9.9"))
    await _commit(database, [replace(fresh, error_id=ErrorId(uuid4()))])
    async with _indexed(database) as one:
        before = await _read_by(one, "rollup_hour_pkey")
        found = await PostgresAnalysisSource(one).releases(TWO, since=hours[-1])
        read = await _read_by(one, "rollup_hour_pkey") - before
    assert [release.version for release in found] == ["9.9"]
    assert read == 1


async def test_what_waits_in_an_inbox_is_told(connections) -> None:
    """The last word of each slot counts, as long as it is fresh."""
    source, spans = PostgresAnalysisSource(connections), PostgresSpans(connections)
    await spans.note_waiting(0, START, START)
    await spans.note_waiting(0, END, None)
    await spans.note_waiting(1, END, START)
    await spans.note_waiting(2, START, START)
    assert await source.waiting(since=START + timedelta(minutes=1)) == {0: None, 1: START}


async def test_what_was_regrouped_is_found_without_the_lines_of_errors(connections, database) -> None:
    """A thousand lines that errors wrote: of the history the two of the merge are read."""
    source, queries = PostgresAnalysisSource(connections), PostgresQueries(connections)
    ids = sorted(await named(source))
    await queries.merge(ids[0], (ids[1],), person_id=None, now=END)
    with psycopg.connect(database.owner_url) as connection:
        connection.execute(
            "INSERT INTO pattern_history (project_id, pattern_id, at, action)"
            " SELECT 1, %s, %s, 'regressed' FROM generate_series(1, 1000)",
            (ids[2], END),
        )
    async with _indexed(database) as one:
        before = await _read_by(one, "pattern_history%")
        found = await PostgresAnalysisSource(one).regrouped(ONE, since=END)
        read = await _read_by(one, "pattern_history%") - before
    assert found == {ids[0], ids[1]}
    assert read == 2


async def test_a_pattern_of_another_project_has_no_series_here(connections) -> None:
    """Ids are of one project each."""
    source = PostgresAnalysisSource(connections)
    here, there = await asyncio.gather(source.patterns(ONE, since=START), source.patterns(TWO, since=START))
    assert not {fact.id for fact in here} & {fact.id for fact in there}
