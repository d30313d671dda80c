"""A real embedded PostgreSQL for the whole session, and a fresh migrated database for each test."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from error_manager.runtime.data_folder import open_folder, service_account
from error_manager.storage.postgres.cluster import (
    APP,
    MIGRATOR,
    READER,
    SUPERUSER,
    Cluster,
    open_cluster,
)
from error_manager.storage.postgres.connection import connect, connect_sync, pool
from error_manager.storage.postgres.embedded import EmbeddedPostgres
from error_manager.storage.postgres.errors import PostgresErrorStore
from error_manager.storage.postgres.migrate import migrate
from error_manager.storage.postgres.queries import PostgresQueries
from error_manager.storage.postgres.roles import create_database, ensure_roles
from error_manager.storage.postgres.server_config import ClusterOptions

_TEMPLATE = "em_template"
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TestDatabase:
    """One database: URLs of the app role, of the owner (migrations), of the reader and of the superuser."""

    __test__ = False
    name: str
    url: str
    owner_url: str
    read_url: str
    super_url: str


def _database(cluster: Cluster, name: str) -> TestDatabase:
    return TestDatabase(
        name=name,
        url=cluster.url(APP, name),
        owner_url=cluster.url(MIGRATOR, name),
        read_url=cluster.url(READER, name),
        super_url=cluster.url(SUPERUSER, name),
    )


@pytest.fixture(scope="session")
def session_folder() -> Iterator[Path]:
    """A folder of the session that the account of PostgreSQL may pass (as root pytest's own is closed)."""
    folder = Path(tempfile.mkdtemp(prefix="em-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def cluster(session_folder: Path) -> Iterator[Cluster]:
    """A running embedded server with our roles; without fsync: no test of this session cuts its power."""
    data_dir = session_folder / "data"
    open_folder(data_dir)
    cluster = open_cluster(data_dir, service_account())
    server = EmbeddedPostgres(cluster, ClusterOptions(is_durable=False, max_connections=100))
    server.start(print)
    try:
        ensure_roles(cluster)
        yield cluster
    finally:
        server.stop(is_immediate=True)


@pytest.fixture(scope="session")
def postgres(cluster: Cluster) -> TestDatabase:
    """The session's migrated template database; tests read it but never write."""
    with connect_sync(
        cluster.url(SUPERUSER, "postgres"),
        application_name="tests",
        statement_timeout_s=None,
        autocommit=True,
    ) as connection:
        create_database(connection, _TEMPLATE)
    found = _database(cluster, _TEMPLATE)
    migrate(found.owner_url)
    return found


@pytest.fixture
def empty_database(cluster: Cluster) -> Iterator[TestDatabase]:
    """A fresh database without any table; dropped at the end."""
    yield from _fresh(cluster, "template0")


@pytest.fixture
def database(cluster: Cluster, postgres: TestDatabase) -> Iterator[TestDatabase]:
    """A fresh migrated database, copied from the template; dropped at the end."""
    yield from _fresh(cluster, postgres.name)


@pytest.fixture
def new_database(cluster: Cluster, postgres: TestDatabase) -> Iterator[Callable[[], TestDatabase]]:
    """Makes fresh migrated databases, as many as a test needs; dropped at the end."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(contextmanager(_fresh)(cluster, postgres.name))


def _fresh(cluster: Cluster, template: str) -> Iterator[TestDatabase]:
    name = f"em_test_{os.getpid()}_{next(_numbers)}"
    with connect_sync(
        cluster.url(SUPERUSER, "postgres"),
        application_name="tests",
        statement_timeout_s=None,
        autocommit=True,
    ) as connection:
        create_database(connection, name, template)
    yield _database(cluster, name)
    with connect_sync(
        cluster.url(SUPERUSER, "postgres"),
        application_name="tests",
        statement_timeout_s=None,
        autocommit=True,
    ) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def make_store(database, shard: int = 0) -> PostgresErrorStore:
    """Return a store as a worker has it."""
    return PostgresErrorStore(
        lambda: connect(database.url, application_name="test"), shard=shard, failpoint=lambda step: None
    )


@pytest.fixture
async def store(database):
    """A worker's store on a fresh database with project 1."""
    with psycopg.connect(database.owner_url) as connection:
        connection.execute(
            "INSERT INTO projects (id, organization_id, name, slug, subject_key) VALUES (1, 1, 'P', 'p', 'k')"
        )
    made = make_store(database)
    yield made
    await made.close()


@pytest.fixture
async def queries(database):
    """The pages' side of the same database."""
    connections = pool(database.url, application_name="test", min_size=1, max_size=4, autocommit=True)
    await connections.open()
    yield PostgresQueries(connections)
    await connections.close()
