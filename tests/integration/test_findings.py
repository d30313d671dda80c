"""Findings over PostgreSQL: the contract, and what readers see while a run replaces another."""

from __future__ import annotations

import asyncio
import functools
import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from tests.contract.finding_store_contract import (
    NOW,
    ONE,
    PATTERNS,
    FindingStoreContract,
    correlation,
    forecast,
    known,
)

from error_manager.core.types import PatternId, PatternStatus, ProjectId
from error_manager.flows.analysis_window import moved
from error_manager.storage.findings import (
    CorrelationFilter,
    CorrelationSet,
    Findings,
    ForecastSet,
    RiskFactor,
)
from error_manager.storage.postgres import findings
from error_manager.storage.postgres.access import PostgresAccess
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


async def _weigh(connections, project_id, *, project, patterns) -> None:
    """Set weights."""
    await PostgresAccess(connections).set_weight(project_id, project)
    for number, weight in patterns.items():
        await PostgresQueries(connections).change_weight(number, weight, person_id=None, now=NOW)


async def _keep_and(database, findings, work) -> None:
    """Keep what was found and do some work, which begins while that is written and not committed."""
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
    late = asyncio.create_task(work)
    await asyncio.wait({late}, timeout=0.5)
    go_on.set()
    await asyncio.gather(held, late)


async def _keep_at_once(connections, database, findings) -> None:
    """Keep the same twice: the second begins while the first has written everything and not committed."""
    await _keep_and(database, findings, PostgresFindings(connections).keep(findings))


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


def _risky(*numbers: int, points: float = 60.0) -> Findings:
    """Return risks under the weight 1."""
    factors = (RiskFactor(name="severity", points=points, reason="severity"),)
    return Findings(patterns=tuple(known(number, risk=points, risk_factors=factors) for number in numbers))


async def test_a_risk_follows_a_weight_that_is_set_while_it_is_kept(connections, database) -> None:
    """The analysis keeps what it computed under the former weight; the correction waits and goes by that."""
    store = PostgresFindings(connections)
    await store.keep(_risky(1))
    await _weigh(connections, ONE, project=1.0, patterns={1: 2.0})
    await _keep_and(database, _risky(1, points=50.0), store.reweigh(ONE, PatternId(1)))
    assert (await store.analysis([PatternId(1)]))[PatternId(1)].risk == 60.0


async def test_the_risks_of_a_project_follow_in_parts(connections, monkeypatch) -> None:
    """Every pattern once, those of the last and not full part too; those of other projects stay."""
    monkeypatch.setattr(findings, "_REWEIGHED", 2)
    store = PostgresFindings(connections)
    await store.keep(_risky(1, 2, 3, 4))
    await _weigh(connections, ONE, project=4.0, patterns={2: 0.25})
    await store.reweigh(ONE)
    found = await store.analysis([PatternId(n) for n in (1, 2, 3, 4)])
    assert {number: one.risk for number, one in found.items()} == {1: 84.0, 2: 60.0, 3: 84.0, 4: 60.0}


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

    @pytest.fixture
    def weigh(self, connections):
        """Return what sets weights."""
        return functools.partial(_weigh, connections)


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
