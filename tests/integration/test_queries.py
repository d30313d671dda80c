"""The PostgreSQL queries keep the contract."""

from __future__ import annotations

import psycopg
import pytest
from tests.contract.query_store_contract import SPANS, QueryStoreContract, analyses, chunks, errors, listed
from tests.contract.regrouping_contract import RegroupingContract
from tests.integration.conftest import _fresh

from error_manager.storage.base import Collection, Cursor, StoreBatch
from error_manager.storage.findings import Findings
from error_manager.storage.postgres.collecting import PostgresSpans
from error_manager.storage.postgres.connection import connect, pool
from error_manager.storage.postgres.errors import PostgresErrorStore
from error_manager.storage.postgres.findings import PostgresFindings
from error_manager.storage.postgres.queries import PostgresQueries


async def fill(database) -> None:
    """Store the contract's errors through the product's own store."""
    with psycopg.connect(database.owner_url) as connection:
        for number in (1, 2):
            connection.execute(
                "INSERT INTO projects (id, organization_id, name, slug, subject_key) "
                "OVERRIDING SYSTEM VALUE VALUES (%s, 1, %s, %s, 'k')",
                (number, f"Project {number}", f"p{number}"),
            )
    store = PostgresErrorStore(
        lambda: connect(database.url, application_name="test"), shard=0, failpoint=lambda step: None
    )
    cursor = Cursor()
    for number, some in enumerate(chunks(errors(), 10), start=1):
        end = Cursor(seq=1, row=number)
        await store.commit(StoreBatch(slot=0, start=cursor, end=end, errors=tuple(some)))
        cursor = end
    await store.close()


@pytest.fixture(scope="module")
async def store(cluster, postgres):
    """Queries over a database with the contract's errors, shared: what a test changes it also takes back."""
    for database in _fresh(cluster, postgres.name):
        await fill(database)
        connections = pool(database.url, application_name="test", min_size=1, max_size=4, autocommit=True)
        await connections.open()
        queries = PostgresQueries(connections)
        untold = await queries.collection(since=SPANS[0][0])
        for slot, span in enumerate(SPANS):
            await PostgresSpans(connections).note(slot, *span)
        assert untold == Collection(first=None, spans=())
        told = analyses(await listed(queries))
        await PostgresFindings(connections).keep(Findings(patterns=tuple(told.values())))
        yield queries
        await connections.close()


class TestPostgresQueries(QueryStoreContract):
    """The real one."""


class TestPostgresRegrouping(RegroupingContract):
    """Merging and splitting, each on a database of its own."""

    @pytest.fixture
    async def store(self, database):
        """Queries over a fresh database with the contract's errors."""
        await fill(database)
        connections = pool(database.url, application_name="test", min_size=1, max_size=4, autocommit=True)
        await connections.open()
        yield PostgresQueries(connections)
        await connections.close()
