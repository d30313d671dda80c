"""Findings over PostgreSQL: the contract, and what readers see while a run replaces another."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from tests.contract.finding_store_contract import ONE, PATTERNS, FindingStoreContract, correlation, forecast

from error_manager.core.types import PatternStatus, ProjectId
from error_manager.flows.analysis_window import moved
from error_manager.storage.findings import CorrelationFilter, CorrelationSet, Findings, ForecastSet
from error_manager.storage.postgres.connection import pool
from error_manager.storage.postgres.findings import PostgresFindings
from error_manager.storage.postgres.queries import PostgresQueries


@pytest.fixture
async def connections(database):
    """A pool over a fresh database with the contract's patterns."""
    with psycopg.connect(database.owner_url) as connection:
        connection.execute(
            "INSERT INTO projects (id, organization_id, name, slug, subject_key) "
            "VALUES (1, 1, 'One', 'one', 'k'), (2, 1, 'Two', 'two', 'k')"
        )
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO error_patterns (id, project_id, pattern_hash, module, error_code, first_seen, "
                "last_seen, severity, severity_rank, title, message) OVERRIDING SYSTEM VALUE "
                "VALUES (%s, %s, %s, 'm', 'E', now(), now(), 'error', 3, 't', 'm')",
                [(number, project, f"{number:064x}") for number, project in PATTERNS.items()],
            )
    found = pool(database.url, application_name="test", min_size=1, max_size=4, autocommit=True)
    await found.open()
    yield found
    await found.close()


async def _keep_at_once(connections, database, findings) -> None:
    """Keep the same twice: the second begins while the first has written everything and not committed."""
    written, go_on = threading.Event(), threading.Event()

    def hold(step) -> None:
        if step == "before_findings_commit":
            written.set()
            go_on.wait(20)

    async def first() -> None:
        async with pool(database.url, application_name="first", autocommit=True) as own:
            await PostgresFindings(own, failpoint=hold).keep(findings)

    held = asyncio.create_task(asyncio.to_thread(asyncio.run, first()))
    assert await asyncio.to_thread(written.wait, 20)
    late = asyncio.create_task(PostgresFindings(connections).keep(findings))
    await asyncio.wait({late}, timeout=0.5)
    go_on.set()
    await asyncio.gather(held, late)


async def test_correlations_that_are_kept_twice_at_once_are_there_once(connections, database) -> None:
    """The later one takes the place of the former, as if it had come after that."""
    found = CorrelationSet(organization_id=1, rows=(correlation(1, 2, 0.9), correlation(2, 1, 0.8)))
    await _keep_at_once(connections, database, Findings(correlations=found))
    page = await PostgresFindings(connections).correlations(CorrelationFilter(), limit=9, cursor=None)
    assert [row.score for row in page.items] == [0.9, 0.8]


async def test_forecasts_that_are_kept_twice_at_once_are_there_once(connections, database) -> None:
    """Neither fails."""
    found = ForecastSet(project_id=ONE, rows=(forecast(3_600), forecast(86_400)))
    await _keep_at_once(connections, database, Findings(forecasts=found))
    assert await PostgresFindings(connections).forecasts(forecast(3_600).scope) == found.rows


class TestPostgresFindings(FindingStoreContract):
    """The real one."""

    @pytest.fixture
    def store(self, connections):
        """Return an empty store that knows the contract's patterns."""
        return PostgresFindings(connections)

    @pytest.fixture
    def resolve(self, connections):
        """Return what resolves a pattern."""

        async def resolve(pattern_id, *, note, release, now):
            await PostgresQueries(connections).change_status(
                pattern_id,
                PatternStatus.RESOLVED,
                ignore_until=None,
                person_id=None,
                now=now,
                note=note,
                release=release,
            )

        return resolve


async def test_a_damaged_state_says_where_it_stood(connections) -> None:
    """Its step goes on from there without what was in it, and replaces it."""
    store, one, at = PostgresFindings(connections), ProjectId(1), datetime(2026, 5, 4, tzinfo=UTC)
    await store.keep(Findings(states=(moved(None, one, "rates", at, content=b"known"),)))
    async with connections.connection() as connection:
        await connection.execute("UPDATE analysis_state SET content = 'damaged'")
    found = await store.state(one, "rates")
    assert (found.through_at, found.content) == (at, b"")
    later = moved(found, one, "rates", at + timedelta(minutes=1), content=b"anew")
    await store.keep(Findings(states=(later,)))
    assert (await store.state(one, "rates")).content == b"anew"
