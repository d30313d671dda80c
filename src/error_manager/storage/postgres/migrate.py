"""Brings the schema up to date (design D4): plain SQL files, run by alembic, one transaction each.

Runs in short-lived processes only: alembic and SQLAlchemy take 40 MB that a server need not carry.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, Final

import psycopg
from alembic.runtime.migration import MigrationContext, MigrationStep
from alembic.script import Script
from alembic.script.revision import RevisionMap
from psycopg import errors, sql
from sqlalchemy import Connection, NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from error_manager.core.errors import StorageUnavailableError
from error_manager.storage.postgres.connection import connect_sync, translate
from error_manager.storage.postgres.revisions import (
    VERSION_TABLE,
    Phase,
    Revision,
    check_server_version,
    current,
    revisions,
)

_ADVISORY_LOCK: Final = 7305485
_LOCK_TIMEOUT_S: Final = 1.0  # a waiting ALTER TABLE blocks everybody behind it; rather try again
_ATTEMPTS: Final = 60
_REST_S: Final = 1.0
_GRANTS: Final = """
GRANT USAGE ON SCHEMA {schema} TO em_app, em_read;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO em_app;
GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA {schema} TO em_app;
REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM em_app;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema} TO em_app;
GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO em_read;
REVOKE SELECT ON api_keys, login_links, sessions FROM em_read;
"""


def migrate(
    url: str,
    *,
    until: Phase = Phase.POST,
    say: Callable[[str], None] = lambda _: None,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[str, ...]:
    """Run what is missing; return the names of the migrations that ran.

    Any number of these may run at the same time: one works, the others wait and then find nothing to do.

    Args:
        url: of the role that owns the tables; direct, not through a pooler.
        until: ``PRE`` stops before the first migration that the old release cannot live with.
        say: gets a line when somebody is in the way.
        sleep: waits between attempts, in seconds.

    Raises:
        ConfigurationError: the server is too old.
        StorageUnavailableError: the database is away, or a lock was never free.
    """
    try:
        with connect_sync(
            url, application_name="error-manager migrate", statement_timeout_s=None
        ) as connection:
            check_server_version(connection)
            connection.rollback()
            _take_lock(connection, say, sleep)
            before = current(connection)
            connection.rollback()
            _run(url, _due(before, until), say, sleep)
            _grant(connection)
    except psycopg.Error as error:
        raise translate(error) from error
    return tuple(revision.name for revision in _due(before, until))


def _due(before: str | None, until: Phase) -> tuple[Revision, ...]:
    due = []
    for revision in revisions():
        if before is not None and revision.id <= before:
            continue
        if until is Phase.PRE and revision.phase is Phase.POST:
            break
        due.append(revision)
    return tuple(due)


def _take_lock(
    connection: psycopg.Connection[Any], say: Callable[[str], None], sleep: Callable[[float], None]
) -> None:
    said = False
    while True:
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", (_ADVISORY_LOCK,)).fetchone()
        connection.commit()
        if row is not None and row[0]:
            break
        if not said:
            say("Another process migrates the database; waiting for it")
            said = True
        sleep(_REST_S)


def _connect(url: str) -> psycopg.Connection[Any]:
    """Return a connection whose functions see one schema only, and that never waits long for a lock."""
    connection = connect_sync(url, application_name="error-manager migration", statement_timeout_s=None)
    connection.execute("SELECT set_config('search_path', current_schema() || ', pg_temp', false)")
    connection.execute("SELECT set_config('lock_timeout', %s, false)", (f"{_LOCK_TIMEOUT_S}s",))
    connection.execute("SET idle_in_transaction_session_timeout TO 0")
    connection.commit()
    return connection


def _run(
    url: str,
    due: tuple[Revision, ...],
    say: Callable[[str], None],
    sleep: Callable[[float], None],
) -> None:
    """Run the migrations on a connection of their own; what is committed stays when a later one must wait."""
    if not due:
        return
    engine = create_engine("postgresql+psycopg://", creator=lambda: _connect(url), poolclass=NullPool)
    for attempt in range(_ATTEMPTS):
        try:
            with engine.connect() as borrowed:
                _upgrade(borrowed, due[-1].id)
            return
        except (errors.LockNotAvailable, DBAPIError) as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            if not isinstance(cause, errors.LockNotAvailable):
                raise translate(cause) if isinstance(cause, psycopg.Error) else error from error
            say(f"A table is in use; trying again ({attempt + 1}/{_ATTEMPTS})")
            sleep(_REST_S)
    raise StorageUnavailableError(
        "A table stayed locked for longer than a migration waits; run it again later."
    )


def _upgrade(borrowed: Connection, target: str) -> None:
    known = RevisionMap(lambda: _scripts(borrowed))

    def steps(heads: tuple[str, ...], _context: MigrationContext) -> list[MigrationStep]:
        scripts = list(known.iterate_revisions(target, heads, implicit_base=True))
        return [
            MigrationStep.upgrade_from_script(known, script)
            for script in reversed(scripts)
            if isinstance(script, Script)
        ]

    context = MigrationContext.configure(
        borrowed, opts={"fn": steps, "version_table": VERSION_TABLE, "transaction_per_migration": True}
    )
    with context.begin_transaction():
        context.run_migrations()
    borrowed.commit()


def _scripts(borrowed: Connection) -> Iterator[Script]:
    """Yield our SQL files as alembic wants them: a chain in the order of numbers, without Python files."""
    previous: str | None = None
    for revision in revisions():
        module = ModuleType(f"migration_{revision.id}")
        module.__dict__.update(
            revision=revision.id, down_revision=previous, upgrade=_executor(borrowed, revision.sql)
        )
        yield Script(module, revision.id, f"{revision.id}_{revision.phase}_{revision.name}.sql")
        previous = revision.id


def _executor(borrowed: Connection, text: str) -> Callable[[], None]:
    """Return what runs a whole file; through the driver: SQLAlchemy would read ``:name`` and ``%`` in it."""

    def upgrade() -> None:
        driver = borrowed.connection.driver_connection
        if not isinstance(driver, psycopg.Connection):
            raise TypeError("migrations need psycopg")
        driver.execute(sql.SQL(text))

    return upgrade


def _grant(connection: psycopg.Connection[Any]) -> None:
    """Let the roles in that exist; on a database where none could be made, one role does everything."""
    known = connection.execute(
        "SELECT count(*) FROM pg_roles WHERE rolname IN ('em_app', 'em_read')"
    ).fetchone()
    schema = connection.execute("SELECT current_schema()").fetchone()
    if known is not None and schema is not None and known[0] == 2:
        statement = sql.SQL(_GRANTS).format(schema=sql.Identifier(schema[0]))
        connection.execute(statement)
    connection.commit()
