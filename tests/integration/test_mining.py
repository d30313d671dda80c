"""Mining on the real database: many workers agree, people have the last word, and a stop loses nothing."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime

import psycopg
import pytest
from tests.contract.template_store_contract import TemplateStoreContract
from tests.integration.test_regrouping import recounted
from tests.mined import adjusted_rand_index, batch, load, prepared

from error_manager.flows.mining import Mining
from error_manager.storage.directory import LoadedTemplates
from error_manager.storage.postgres.connection import connect
from error_manager.storage.postgres.errors import PostgresErrorStore
from error_manager.storage.postgres.templates import PostgresTemplateStore

PATTERNS = """
SELECT e.event_id, g.pattern_id, e.message = ''
FROM project_errors e JOIN pattern_groups g USING (project_id, group_id)
"""


def _now() -> datetime:
    return datetime.now(UTC)


def run(database, statement: str) -> list[tuple]:
    """Return what a statement finds."""
    with psycopg.connect(database.owner_url) as connection:
        return connection.execute(statement).fetchall()


def add_project(database) -> None:
    """Add project 1."""
    with psycopg.connect(database.owner_url) as connection:
        connection.execute(
            "INSERT INTO projects (id, organization_id, name, slug, subject_key) VALUES (1, 1, 'P', 'p', 'k')"
        )


class Participant:
    """A worker: a store of errors, the templates it has loaded, and a miner in case it is the one."""

    def __init__(self, database, shard: int) -> None:
        """Connect when needed."""
        self.errors = PostgresErrorStore(
            lambda: connect(database.url, application_name="test"), shard=shard, failpoint=lambda step: None
        )
        self.store = PostgresTemplateStore(lambda: connect(database.url, application_name="test"))
        self.templates = LoadedTemplates(self.store)
        self.mining = Mining(self.store, clock=_now)

    async def put(self, events) -> None:
        """Store a batch with the templates as they are loaded now."""
        await self.templates.ensure()
        await self.errors.commit(batch([prepared(event, self.templates) for event in events]))

    async def close(self) -> None:
        """Disconnect."""
        await self.errors.close()
        await self.store.close()


async def pour(database, events, *, workers: int) -> None:
    """Store events through workers at once; the first of them mines, each loads what is published."""
    crew = [Participant(database, shard) for shard in range(workers)]
    batches = [events[start : start + 150] for start in range(0, len(events), 150)]

    async def work(participant, mine) -> None:
        for number, some in enumerate(mine):
            await participant.put(some)
            if number % 3 == 0:
                if participant is crew[0]:
                    await participant.mining.round()
                await participant.templates.refresh()

    try:
        await asyncio.gather(*(work(one, batches[place::workers]) for place, one in enumerate(crew)))
        await crew[0].mining.round()
    finally:
        for participant in crew:
            await participant.close()


def grouping(database, *, traces: bool) -> dict[str, int]:
    """Return the pattern of each error with or without a trace."""
    return {str(event): pattern for event, pattern, is_trace in run(database, PATTERNS) if is_trace is traces}


def sets(patterns: dict[str, int]) -> set[frozenset[str]]:
    """Return the errors of each pattern."""
    found: dict[int, set[str]] = {}
    for event, pattern in patterns.items():
        found.setdefault(pattern, set()).add(event)
    return {frozenset(events) for events in found.values()}


async def test_one_two_and_four_workers_agree(new_database):
    """In other orders, through other numbers of workers: traces are grouped alike, messages nearly so."""
    events = load(20_000, seed=1)
    messages, traces = [], []
    for workers in (1, 2, 4):
        database = new_database()
        add_project(database)
        order = events[:]
        random.Random(workers).shuffle(order)
        await pour(database, order, workers=workers)
        assert sum(recounted(database)) == len(events)
        messages.append(grouping(database, traces=False))
        traces.append(grouping(database, traces=True))
    assert sets(traces[0]) == sets(traces[1]) == sets(traces[2])
    assert len(sets(traces[0])) == 40
    first = messages[0]
    for other in messages[1:]:
        score = adjusted_rand_index(list(first.values()), [other[event] for event in first])
        assert score >= 0.995


class _World:
    """The real stores of one database."""

    def __init__(self, database, pool_) -> None:
        self.worker = Participant(database, 0)
        self.templates = self.worker.store
        self.queries = PostgresQueries(pool_)
        self.database = database

    async def put(self, *errors):
        await self.worker.errors.commit(batch(errors))

    async def placed(self):
        rows = run(self.database, "SELECT group_id, pattern_id, by FROM pattern_groups")
        return {bytes(group): (pattern, by) for group, pattern, by in rows}

    async def pattern(self, pattern_id):
        recounted(self.database)
        return await self.queries.pattern(pattern_id)

    async def merge(self, pattern_id, other):
        await self.queries.merge(pattern_id, (other,), person_id=None, now=_now())

    async def split(self, pattern_id, group):
        await self.queries.split(pattern_id, (group,), title="", person_id=None, now=_now())

    async def undo(self, pattern_id):
        await self.queries.undo(pattern_id, person_id=None, now=_now())

    async def set_status(self, pattern_id, status):
        await self.queries.change_status(pattern_id, status, ignore_until=None, person_id=None, now=_now())

    async def actions(self, pattern_id):
        return [line.action for line in await self.queries.changes(pattern_id)]


class TestPostgresTemplates(TemplateStoreContract):
    """The real one."""

    @pytest.fixture
    async def world(self, database):
        add_project(database)
        pool_ = pool(database.url, application_name="test", autocommit=True)
        await pool_.open()
        made = _World(database, pool_)
        yield made
        await made.worker.close()
        await pool_.close()
