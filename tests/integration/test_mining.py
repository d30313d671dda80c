"""Mining on the real database: many workers agree, people have the last word, and a stop loses nothing."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest
from tests.contract.template_store_contract import Line, TemplateStoreContract
from tests.integration.test_regrouping import recounted
from tests.mined import adjusted_rand_index, bare, batch, load, prepared, traced

from error_manager.flows.mining import Mining
from error_manager.monitoring.why import Reason, reason
from error_manager.storage.directory import LoadedTemplates
from error_manager.storage.postgres.connection import connect, pool
from error_manager.storage.postgres.errors import PostgresErrorStore
from error_manager.storage.postgres.queries import PostgresQueries
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
        self.templates = LoadedTemplates(self.store, monotonic=lambda: 0.0)
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


@pytest.fixture
async def world_of(database):
    """The stores of a fresh database with project 1."""
    add_project(database)
    pool_ = pool(database.url, application_name="test", autocommit=True)
    await pool_.open()
    made = _World(database, pool_)
    yield made
    await made.worker.close()
    await pool_.close()


class TestPostgresTemplates(TemplateStoreContract):
    """The real one."""

    @pytest.fixture
    def world(self, world_of):
        return world_of


async def test_an_error_says_which_templates_gave_it_its_group(database):
    """The version stands in the row of a matched message, and in no other."""
    add_project(database)
    worker = Participant(database, 0)
    await worker.put([bare(1, "tape 1 is full"), traced(2, 1)])
    await worker.mining.round()
    await worker.templates.refresh()
    await worker.put([bare(3, "tape 2 is full"), bare(4, "disk is full"), traced(5, 1)])
    await worker.close()
    rows = run(database, "SELECT message, template_version FROM project_errors ORDER BY event_id")
    assert rows == [
        ("tape 1 is full", None),
        ("", None),
        ("tape 2 is full", 1),
        ("disk is full", None),
        ("", None),
    ]


async def test_people_read_the_text_of_the_template(world_of):
    """Groups, errors and history say it in words: the text with its slots, and that no person did it."""
    line = Line(world_of)
    await line.store(bare(1, "server could not load mod_ssl.so from disk", logger="web"))
    await line.store(bare(2, "server could not load mod_php.so from disk", logger="web"))
    await line.learn()
    await line.store(bare(3, "server could not load mod_lua.so from disk", logger="web"))
    parts = ("template: server could not load <*> from disk", "logger: web")
    queries = world_of.queries
    home = await line.pattern_of(bare(4, "server could not load mod_x.so from disk", logger="web"))
    groups = await queries.groups(home)
    assert {group.parts for group in groups} == {parts}
    assert sorted(group.by for group in groups) == ["fingerprint", "template", "template"]
    assert [change.is_template for change in await queries.changes(home)] == [True]
    placement = (await queries.error(UUID(int=3))).placement
    assert (placement.by, placement.template) == ("template", "server could not load <*> from disk")
    assert reason(placement, parts) is Reason.TEMPLATE
