"""Migrations on a real server."""

from __future__ import annotations

import threading
from collections.abc import Callable

import psycopg
import pytest

from error_manager.core.errors import StorageError
from error_manager.storage.postgres import migrate as module
from error_manager.storage.postgres.connection import connect_sync
from error_manager.storage.postgres.migrate import migrate
from error_manager.storage.postgres.revisions import Phase, Revision, current, is_current, revisions


def test_a_second_run_finds_nothing_to_do(empty_database) -> None:
    """Migrating twice runs each migration once."""
    first = migrate(empty_database.owner_url)
    second = migrate(empty_database.owner_url)
    assert (first, second) == (tuple(revision.name for revision in revisions()), ())


def test_a_migrated_database_is_current_and_an_empty_one_is_not(empty_database) -> None:
    """``is_current`` tells a database before its migrations from one after them."""
    with connect_sync(empty_database.owner_url, application_name="test") as connection:
        assert not is_current(connection)
    migrate(empty_database.owner_url)
    with connect_sync(empty_database.url, application_name="test") as connection:
        assert is_current(connection)


def test_two_at_the_same_time_run_each_migration_once(empty_database) -> None:
    """Of two processes that migrate at once, one works and the other waits."""
    ran: list[tuple[str, ...]] = []
    threads = [
        threading.Thread(target=lambda: ran.append(migrate(empty_database.owner_url, sleep=lambda _: None)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(len(names) for names in ran) == [0, len(revisions())]


def _with(monkeypatch: pytest.MonkeyPatch, *extra: Revision) -> None:
    known = (*revisions(), *extra)
    monkeypatch.setattr(module, "revisions", lambda: known)


def _revision(number: str, phase: Phase, statement: str) -> Revision:
    return Revision(id=number, phase=phase, name=f"change_{number}", sql=statement)


def test_pre_stops_before_what_the_old_release_cannot_live_with(empty_database, monkeypatch) -> None:
    """``until=PRE`` leaves the first post migration and all behind it undone; a later run does them."""
    _with(
        monkeypatch,
        _revision("9001", Phase.PRE, "CREATE TABLE fresh (id integer)"),
        _revision("9002", Phase.POST, "DROP TABLE fresh"),
        _revision("9003", Phase.PRE, "CREATE TABLE other (id integer)"),
    )
    migrate(empty_database.owner_url, until=Phase.PRE)
    with connect_sync(empty_database.owner_url, application_name="test") as connection:
        assert current(connection) == "9001"
    assert migrate(empty_database.owner_url) == ("change_9002", "change_9003")


def test_a_failing_migration_keeps_those_before_it(empty_database, monkeypatch) -> None:
    """Each migration has its own transaction: the broken one leaves no trace, its forerunner stays."""
    _with(
        monkeypatch,
        _revision("9001", Phase.PRE, "CREATE TABLE fresh (id integer)"),
        _revision("9002", Phase.PRE, "CREATE TABLE half (id integer); SELECT 1 / 0"),
    )
    with pytest.raises(StorageError):
        migrate(empty_database.owner_url)
    with connect_sync(empty_database.owner_url, application_name="test") as connection:
        assert current(connection) == "9001"
        found = connection.execute("SELECT to_regclass('fresh'), to_regclass('half')").fetchone()
    assert found == ("fresh", None)


def test_a_locked_table_is_tried_again(empty_database, monkeypatch) -> None:
    """A migration never queues behind a reader for longer than its lock timeout; it comes back."""
    migrate(empty_database.owner_url)
    _with(monkeypatch, _revision("9001", Phase.PRE, "ALTER TABLE projects ADD COLUMN note text"))
    blocker = connect_sync(empty_database.url, application_name="test", statement_timeout_s=None)
    blocker.execute("SELECT count(*) FROM projects")
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        blocker.close()

    assert migrate(empty_database.owner_url, say=say, sleep=lambda _: None) == ("change_9001",)
    assert len(said) == 1


_FORBIDDEN: tuple[tuple[str, Callable[..., str]], ...] = (
    ("CREATE TABLE mine (id integer)", lambda found: found.url),
    ("CREATE TEMP TABLE mine (id integer)", lambda found: found.url),
    ("DROP TABLE projects", lambda found: found.url),
    ("UPDATE alembic_version SET version_num = '9999'", lambda found: found.url),
    ("SET ROLE em_owner", lambda found: found.url),
    ("SELECT key_hash FROM api_keys", lambda found: found.read_url),
    ("DELETE FROM projects", lambda found: found.read_url),
    ("SET default_transaction_read_only TO off; DELETE FROM projects", lambda found: found.read_url),
    ("SELECT ensure_partition(current_date)", lambda found: found.read_url),
)


@pytest.mark.parametrize(("statement", "url_of"), _FORBIDDEN)
def test_a_role_may_not_do_more_than_its_work(database, statement, url_of) -> None:
    """The app changes no schema, the reader changes nothing and sees no credentials."""
    with (
        connect_sync(url_of(database), application_name="test") as connection,
        pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)),
    ):
        connection.execute(statement)


def test_the_app_makes_partitions_through_the_function_alone(database) -> None:
    """A day's partition can be made and filled by the role that may not create tables."""
    with connect_sync(database.url, application_name="test") as connection:
        connection.execute("SELECT ensure_partition((now() AT TIME ZONE 'UTC')::date)")
        found = connection.execute(
            "SELECT count(*) FROM pg_inherits WHERE inhparent = 'project_errors'::regclass"
        ).fetchone()
        connection.execute("INSERT INTO subjects VALUES (1, '\\x00', now(), gen_random_uuid())")
    assert found == (1,)


@pytest.mark.parametrize("plan", ["enable_nestloop", "enable_hashjoin"])
def test_partitions_of_days_before_are_dropped_whatever_the_plan(database, plan) -> None:
    """The names of other tables are never read as a date."""
    with connect_sync(database.url, application_name="test", autocommit=True) as connection:
        for days in (0, 40, 41):
            connection.execute("SELECT ensure_partition((now() AT TIME ZONE 'UTC')::date - %s)", (days,))
        for name in ("enable_mergejoin", plan):
            connection.execute(f"SET {name} = off")
        dropped = connection.execute(
            "SELECT drop_partitions((now() AT TIME ZONE 'UTC')::date - 40)"
        ).fetchone()
        left = connection.execute(
            "SELECT count(*) FROM pg_class WHERE relname ~ '^(project_errors|subjects)_[0-9]{8}$' "
            "AND right(relname, 8) <= to_char((now() AT TIME ZONE 'UTC')::date - 40, 'YYYYMMDD')"
        ).fetchone()
    assert (dropped, left) == ((2,), (2,))
