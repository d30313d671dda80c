"""Reports count what PostgreSQL has."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from tests.contract.query_store_contract import NOON, PROJECT, TODAY
from tests.integration.test_queries import fill

from error_manager.flows.reporting import _history, _patterns
from error_manager.storage.base import Bucket, Window
from error_manager.storage.postgres.connection import connect, pool
from error_manager.storage.postgres.queries import PostgresQueries


@pytest.fixture
async def svc(database):
    """Queries over the contract's errors."""
    await fill(database)
    connections = pool(database.url, application_name="test", min_size=1, max_size=1, autocommit=True)
    await connections.open()
    yield SimpleNamespace(queries=PostgresQueries(connections))
    await connections.close()


@pytest.mark.parametrize("days", [3, 7])
async def test_the_history_of_a_report_sums_to_its_total(svc, days) -> None:
    """A range that starts and ends within a day, drawn by hour and by day: nothing is missing or too much."""
    until = NOON - timedelta(hours=1)
    since = until - timedelta(days=days)
    history = await _history(svc, since, until, (PROJECT,))
    patterns = await _patterns(svc, since, until, (PROJECT,))
    total = sum(pattern.count for pattern in patterns)
    assert 0 < total == sum(point.count for point in history)
    assert all(sum(pattern.trend) >= pattern.count for pattern in patterns)
    starts = [point.start for point in history]
    assert starts == sorted(set(starts))
    assert days == 3 or {start.hour for start in starts} == {0}


async def test_hours_older_than_the_minute_counts_are_there(svc, database) -> None:
    """The history of all patterns by hour does not need the counts by minute, which are trimmed."""
    back = timedelta(days=20)
    connection = await connect(database.owner_url, application_name="test")
    async with connection:
        await connection.execute("DELETE FROM rollup_minute_severity")
        await connection.execute("UPDATE rollup_hour SET bucket = bucket - %s", (back,))
    since: datetime = TODAY - back - timedelta(days=6)
    window = Window(bucket=Bucket.HOUR, since=since, until=since + timedelta(days=6))
    assert sum(point.count for point in await svc.queries.history(None, window=window)) > 0
