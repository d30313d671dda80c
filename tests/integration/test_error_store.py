"""The PostgreSQL error store keeps the contract, and its rollups, patterns and users are exact."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.sql import SQL
from tests.contract.error_store_contract import ErrorStoreContract, batch, error

from error_manager.core.errors import PoisonBatchError, StorageUnavailableError
from error_manager.core.types import OutcomeKind, ProjectId
from error_manager.storage.base import Cursor
from error_manager.storage.postgres.connection import connect
from error_manager.storage.postgres.errors import PostgresErrorStore
from error_manager.storage.postgres.named import load


def _add_project(database) -> None:
    with psycopg.connect(database.owner_url) as connection:
        connection.execute(
            "INSERT INTO projects (id, organization_id, name, slug, subject_key) VALUES (1, 1, 'P', 'p', 'k')"
        )


async def _all(store, statement):
    async with store._transaction():
        cursor = await store._cursor()
        await cursor.execute(statement)
        return await cursor.fetchall()


@pytest.fixture
async def store(database):
    """A store on a fresh database with project 1."""
    _add_project(database)
    made = PostgresErrorStore(
        lambda: connect(database.url, application_name="test"), shard=0, failpoint=lambda step: None
    )
    yield made
    await made.close()


class TestPostgresErrorStore(ErrorStoreContract):
    """The real one."""

    async def outcomes(self, store):
        rows = await _all(store, "SELECT outcome, sum(quantity)::bigint FROM outcomes GROUP BY 1")
        return {OutcomeKind(kind): quantity for kind, quantity in rows if quantity}


async def test_rollups_patterns_and_rows_agree(store):
    """Every table that counts sums to the same total after several commits."""
    cursor = Cursor()
    for number in range(4):
        end = Cursor(seq=1, row=number + 1)
        errors = [
            error(number * 10 + i, group=i % 3, minutes=number, user=bytes([i % 2]) * 16) for i in range(10)
        ]
        await store.commit(batch(*errors, start=cursor, end=end))
        cursor = end
    totals = await _all(
        store,
        """SELECT (SELECT count(*) FROM project_errors), (SELECT sum(count) FROM rollup_minute),
            (SELECT sum(count) FROM rollup_minute_severity), (SELECT sum(count) FROM rollup_hour),
            (SELECT sum(count) FROM rollup_day), (SELECT sum(frequency) FROM error_patterns),
            (SELECT count(*) FROM event_ids), (SELECT count(*) FROM subjects),
            (SELECT sum(count) FROM rollup_day_tag WHERE key = 'part')""",
    )
    assert [int(value) for value in totals[0]] == [40] * 9


async def test_users_are_counted_once_per_pattern(store):
    """The same person in two commits adds one."""
    await store.commit(batch(error(1, user=b"u" * 16), error(2, user=b"v" * 16)))
    again = error(3, user=b"u" * 16)
    await store.commit(batch(again, start=Cursor(seq=1, row=1), end=Cursor(seq=1, row=2)))
    assert await _all(store, "SELECT users FROM error_patterns") == [(2,)]


async def test_a_resolved_pattern_that_comes_back_is_a_regression(store):
    """It reopens once, with an entry in its history that knows what it was."""
    await store.commit(batch(error(1)))
    await _all(
        store,
        "UPDATE error_patterns SET status = 'resolved', resolved_at = now() - interval '1 day' RETURNING id",
    )
    result = await store.commit(batch(error(2), start=Cursor(seq=1, row=1), end=Cursor(seq=1, row=2)))
    assert [change.is_regression for change in result.patterns] == [True]
    rows = await _all(store, "SELECT status, regressed_at IS NOT NULL FROM error_patterns")
    assert rows == [("unresolved", True)]
    history = await _all(store, "SELECT action, before->>'status' FROM pattern_history")
    assert history == [("regressed", "resolved")]


async def test_an_error_before_the_resolution_reopens_nothing(store):
    """Late arrivals of the time before do not count as coming back."""
    await store.commit(batch(error(1)))
    await _all(store, "UPDATE error_patterns SET status = 'resolved', resolved_at = now() RETURNING id")
    result = await store.commit(batch(error(2), start=Cursor(seq=1, row=1), end=Cursor(seq=1, row=2)))
    assert [change.is_regression for change in result.patterns] == [False]


async def test_other_statements_wait_for_the_end_of_a_commit(database):
    """What is read while a batch is being stored does not commit half of it."""

    def fail(step):
        if step == "store.before_commit":
            raise psycopg.OperationalError("the connection broke")

    _add_project(database)
    store = PostgresErrorStore(
        lambda: connect(database.url, application_name="test"), shard=0, failpoint=fail
    )
    found = await asyncio.gather(store.commit(batch(error(1))), store.projects(), return_exceptions=True)
    assert [type(result) for result in found] == [StorageUnavailableError, tuple]
    assert await _all(store, "SELECT count(*) FROM project_errors") == [(0,)]
    assert await store.cursor(0) == Cursor()
    await store.close()


async def test_refused_data_is_poison_and_stores_nothing(store):
    """A NUL that slipped through is told apart from a database that is away."""
    with pytest.raises(PoisonBatchError):
        await store.commit(batch(error(1), error(2, message="bad \x00 text")))
    assert await _all(store, "SELECT count(*) FROM project_errors") == [(0,)]
    assert await store.cursor(0) == Cursor()


async def test_a_database_that_is_away_says_so(database):
    """Nothing listens: try again later."""
    url = database.url.replace(database.name, "em_no_such_database")
    store = PostgresErrorStore(
        lambda: connect(url, application_name="test"), shard=0, failpoint=lambda step: None
    )
    with pytest.raises(StorageUnavailableError):
        await store.cursor(0)


async def test_keeping_house_drops_what_is_too_old_and_makes_days_ahead(store):
    """Retention drops whole days and their event ids; the next days have partitions."""
    today = datetime.now(UTC).date()
    old = error(1, minutes=-60 * 24 * 40)
    await store.commit(batch(old, error(2)))
    await store.keep_house(
        today=today, retention=timedelta(days=30), minutes=timedelta(days=8), findings=timedelta(days=400)
    )
    assert await _all(store, "SELECT count(*) FROM project_errors") == [(1,)]
    assert await _all(store, "SELECT count(*) FROM event_ids") == [(1,)]
    ahead = today + timedelta(days=2)
    assert await _all(store, f"SELECT to_regclass('project_errors_{ahead:%Y%m%d}') IS NOT NULL") == [(True,)]


TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _ago(days: int) -> datetime:
    return TODAY - timedelta(days=days)


async def _keep_findings(store) -> None:
    """Keep house with findings of 400 days, in steps of one row."""
    await store.keep_house(
        today=TODAY.date(),
        retention=timedelta(days=30),
        minutes=timedelta(days=8),
        findings=timedelta(days=400),
    )


async def test_anomalies_that_ended_too_long_ago_go(store, monkeypatch):
    """One that goes on stays, however old; so does one that ended since. In steps of bounded size."""
    monkeypatch.setattr("error_manager.storage.postgres.errors._TRIM_ROWS", 2)
    spans = [*((500 + n, 499) for n in range(5)), (500, 399), (500, None), (3, 2)]
    async with store._transaction():
        cursor = await store._cursor()
        await cursor.executemany(
            "INSERT INTO anomalies (project_id, scope_kind, scope_key, scale, kind, started_at, ended_at,"
            " detected_at, updated_at, observed, expected, lower, upper, score)"
            " VALUES (1, 'pattern', %s, 'minute', 'burst', %s, %s, %s, %s, 9, 1, 0, 2, 50)",
            [
                (str(key), _ago(start), None if end is None else _ago(end), _ago(start), _ago(start))
                for key, (start, end) in enumerate(spans)
            ],
        )
    await _keep_findings(store)
    assert await _all(store, "SELECT scope_key FROM anomalies ORDER BY 1") == [("5",), ("6",), ("7",)]


async def test_changes_of_too_long_ago_go(store):
    """A release that is in use stays, else it would be noted anew, and the last one of each environment."""
    changes = [
        ("deploy", "", "old deploy", 500),
        ("deploy", "", "new deploy", 399),
        ("release", "a", "1 gone", 600),
        ("release", "a", "2 in use", 590),
        ("release", "a", "3 last of old ones", 500),
        ("release", "a", "4 new", 20),
        ("release", "b", "5 only one", 700),
    ]
    async with store._transaction():
        cursor = await store._cursor()
        await cursor.executemany(
            "INSERT INTO changes (project_id, kind, environment, version, at) VALUES (1, %s, %s, %s, %s)",
            [(kind, environment, version, _ago(days)) for kind, environment, version, days in changes],
        )
        await cursor.executemany(
            "INSERT INTO rollup_day (project_id, group_id, bucket, environment, release, shard, count)"
            " VALUES (1, 'g', %s, 'a', %s, 0, 1)",
            [(_ago(600), "1 gone"), (_ago(100), "1 gone"), (_ago(3), "2 in use")],
        )
    await _keep_findings(store)
    left = await _all(store, "SELECT version FROM changes ORDER BY 1")
    assert [row[0] for row in left] == ["2 in use", "3 last of old ones", "4 new", "5 only one", "new deploy"]


def _rows_visited(node) -> float:
    """Return how many rows the nodes of a plan took up or put away."""
    seen = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    return seen * node["Actual Loops"] + sum(map(_rows_visited, node.get("Plans", ())))


async def test_old_releases_are_found_by_one_pass_over_the_days(store):
    """Not by one for each release, also when the days of a month do not fit into a statement's memory."""
    days, releases = 20_000, 100
    async with store._transaction():
        cursor = await store._cursor()
        await cursor.execute(
            "INSERT INTO rollup_day (project_id, group_id, bucket, environment, release, shard, count)"
            " SELECT 1, convert_to(n::text, 'UTF8'), %s, 'a', 'new', 0, 1 FROM generate_series(1, %s) n",
            (_ago(1), days),
        )
        await cursor.execute(
            "INSERT INTO changes (project_id, kind, environment, version, at)"
            " SELECT 1, 'release', 'a', 'old ' || n, %s FROM generate_series(1, %s) n",
            (_ago(500), releases),
        )
        await cursor.execute("SET LOCAL work_mem = '64kB'")
        await cursor.execute(
            SQL("EXPLAIN (ANALYZE, FORMAT JSON) ") + load("store.sql")["trim_changes"],
            {"before": _ago(400), "limit": 1_000},
        )
        ((plans,),) = await cursor.fetchall()
    assert days < _rows_visited(plans[0]["Plan"]) < days * releases / 4
    assert await _all(store, "SELECT version FROM changes") == [(f"old {releases}",)]


async def test_notes_of_collection_go_also_when_changes_cannot(store, monkeypatch):
    """They are fewer and cost less: they do not wait for a statement that takes too long."""
    working = store._run

    async def failing(name, **values):
        if name == "trim_changes":
            raise psycopg.OperationalError("canceling statement due to statement timeout")
        return await working(name, **values)

    async with store._transaction():
        cursor = await store._cursor()
        await cursor.executemany(
            "INSERT INTO collection_spans (slot, started_at, ended_at) VALUES (0, %s, %s)",
            [(_ago(900), _ago(800)), (_ago(700), _ago(600))],
        )
    monkeypatch.setattr(store, "_run", failing)
    with pytest.raises(StorageUnavailableError):
        await _keep_findings(store)
    assert await _all(store, "SELECT started_at FROM collection_spans") == [(_ago(900),)]


async def test_notes_of_collection_of_too_long_ago_go(store):
    """The first stays: without it the time before the next would count as imported."""
    spans = [(0, 900, 800), (0, 700, 600), (1, 700, 390), (0, 10, 0)]
    async with store._transaction():
        cursor = await store._cursor()
        await cursor.executemany(
            "INSERT INTO collection_spans (slot, started_at, ended_at) VALUES (%s, %s, %s)",
            [(slot, _ago(start), _ago(end)) for slot, start, end in spans],
        )
    await _keep_findings(store)
    left = await _all(store, "SELECT slot, started_at FROM collection_spans ORDER BY 2, 1")
    assert left == [(0, _ago(900)), (1, _ago(700)), (0, _ago(10))]


async def test_dictionaries_are_kept_and_the_first_of_an_id_wins(store):
    """Two workers that train at once agree."""
    await store.add_dictionary(ProjectId(1), 1, b"first")
    await store.add_dictionary(ProjectId(1), 1, b"second")
    assert await store.dictionaries() == ((ProjectId(1), 1, b"first"),)
    assert [project.subject_key for project in await store.projects()] == [b"k"]
