"""What the analysis reads from PostgreSQL: the contract, and series that follow the map of groups."""

from __future__ import annotations

import asyncio
from datetime import timedelta

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
    expected,
    name,
    named,
    rows,
)

from error_manager.storage.base import NO_SLOT, Cursor, StoreBatch
from error_manager.storage.findings import Change, ChangeKind, Findings
from error_manager.storage.postgres.access import PostgresAccess
from error_manager.storage.postgres.analysis_source import PostgresAnalysisSource
from error_manager.storage.postgres.collecting import PostgresSpans
from error_manager.storage.postgres.connection import connect, pool
from error_manager.storage.postgres.errors import PostgresErrorStore
from error_manager.storage.postgres.findings import PostgresFindings
from error_manager.storage.postgres.queries import PostgresQueries


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


async def test_a_pattern_of_another_project_has_no_series_here(connections) -> None:
    """Ids are of one project each."""
    source = PostgresAnalysisSource(connections)
    here, there = await asyncio.gather(source.patterns(ONE, since=START), source.patterns(TWO, since=START))
    assert not {fact.id for fact in here} & {fact.id for fact in there}
