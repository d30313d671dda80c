"""Patterns to index from PostgreSQL: contract, newest error, dictionaries, merges; and ``reindex``."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import msgspec
import psycopg
import pytest
from tests.contract.pattern_source_contract import PatternSourceContract
from tests.contract.rule_store_contract import ONE, errors, event, stored
from tests.integration.test_index import Process, ready

from error_manager.core.encoding import event_to_json
from error_manager.core.types import PatternId
from error_manager.decoding.stored import decode_grouped
from error_manager.runtime.data_folder import open_folder
from error_manager.storage.base import NO_SLOT, Cursor, StoreBatch
from error_manager.storage.compression import BodyCodec, train
from error_manager.storage.postgres.connection import connect, pool
from error_manager.storage.postgres.errors import PostgresErrorStore
from error_manager.storage.postgres.samples import PostgresSamples
from error_manager.storage.qdrant.remote import RemoteVectors
from error_manager.storage.qdrant.wire import socket_path
from error_manager.storage.vectors import PatternKey


async def keep(database, kept, codec=None) -> None:
    """Store errors with their bodies."""
    codec = codec or BodyCodec()
    whole = []
    for one in kept:
        number, body = codec.compress(ONE, msgspec.json.encode(event_to_json(one.event)))
        whole.append(replace(one, body=body, dictionary_id=number))
    store = PostgresErrorStore(
        lambda: connect(database.url, application_name="test"), shard=0, failpoint=lambda step: None
    )
    await store.commit(StoreBatch(slot=NO_SLOT, start=Cursor(), end=Cursor(), errors=tuple(whole)))
    await store.close()


def run(database, statement: str, *values: object) -> list[tuple]:
    """Run a statement as the owner; return its rows, if it has any."""
    with psycopg.connect(database.owner_url) as connection:
        cursor = connection.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture
async def filled(database):
    """A fresh database with the contract's errors, and the source over it."""
    run(
        database,
        "INSERT INTO projects (id, organization_id, name, slug, subject_key) "
        "VALUES (1, 1, 'One', 'one', 'k'), (2, 1, 'Two', 'two', 'k')",
    )
    await keep(database, errors())
    connections = pool(database.url, application_name="test", min_size=1, max_size=2, autocommit=True)
    await connections.open()
    yield SimpleNamespace(database=database, source=PostgresSamples(connections))
    await connections.close()


class TestPostgresSamples(PatternSourceContract):
    """The real one."""

    @pytest.fixture
    def source(self, filled):
        """Return the source over the contract's errors."""
        return filled.source


async def test_the_newest_error_speaks_for_its_pattern(filled):
    """Of the errors of a pattern the newest is the sample, whichever dictionary compressed it."""
    codec = BodyCodec()
    content = train([msgspec.json.encode(event_to_json(event(number))) * 9 for number in range(400)])
    run(filled.database, "INSERT INTO dictionaries (project_id, id, content) VALUES (1, 3, %s)", content)
    codec.register(ONE, 3, content)
    last = event(300, kind="ValueError", place="pay", name="A")
    last = replace(last, timestamp=max(one.event.timestamp for one in errors()) + timedelta(seconds=5))
    raised = replace(last.exceptions[0], value="order Z is lost")
    await keep(filled.database, [stored(300, replace(last, exceptions=(raised,)))], codec)
    assert run(filled.database, "SELECT count(*) FROM project_errors WHERE dictionary_id = 3") == [(1,)]
    values = {
        decode_grouped(sample.body).raised.value: sample.key
        for sample in await filled.source.samples(sorted(await filled.source.patterns()))
    }
    assert "order Z is lost" in values


async def test_merged_patterns_are_none(filled):
    """A pattern that was merged into another one is not indexed."""
    first, second, *_ = sorted(await filled.source.patterns())
    run(
        filled.database,
        "UPDATE error_patterns SET merged_into = %s WHERE id = %s",
        first.pattern_id,
        second.pattern_id,
    )
    left = await filled.source.patterns()
    assert (len(left), second in left) == (5, False)


async def test_a_pattern_without_errors_has_no_body(filled):
    """After retention took its errors a pattern is what it says of itself."""
    run(filled.database, "DELETE FROM project_errors")
    key = min(await filled.source.patterns())
    (sample,) = await filled.source.samples([key])
    assert (sample.body, sample.title) == (b"", sample.message.partition(":")[0])


async def test_reindex_fills_the_index_of_the_running_server(filled, tmp_path):
    """The command fills the index; while the index is away it says so and ends with 75."""
    data_dir = tmp_path / "data"
    open_folder(data_dir)
    (data_dir / "config.toml").write_text(f'[database]\nurl = "{filled.database.url}"\n')

    def reindex(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "error_manager", "reindex", "--data-dir", str(data_dir), *options]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    away = reindex()
    assert (away.returncode, "index is away" in away.stderr) == (75, True)
    process, way = Process(data_dir), RemoteVectors(socket_path(data_dir))
    try:
        assert await ready(way) == 0
        first = reindex()
        assert (first.returncode, first.stdout) == (0, "6 patterns indexed, 0 removed.\n")
        assert await way.keys() == await filled.source.patterns()
        await way.delete([min(await way.keys()), PatternKey(ONE, PatternId(99))])
        assert reindex("--missing").stdout == "1 pattern indexed, 0 removed.\n"
    finally:
        await way.close()
        process.close()
