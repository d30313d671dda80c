"""Merging and splitting on the real database: exact whatever is stored meanwhile, and like the twin."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from tests.contract.error_store_contract import error
from tests.integration.conftest import make_store
from tests.regroupings import GROUPS, errors, held, take, told

from error_manager.core.types import GroupId, PatternId, PatternStatus
from error_manager.storage.base import NO_SLOT, Cursor, StoreBatch
from error_manager.storage.memory_queries import MemoryQueries
from error_manager.storage.postgres.connection import connect
from error_manager.storage.postgres.regroup import Regroup, open_map

NOW = datetime.now(UTC)
# What the tables say of each pattern, beside what the pattern says of itself.
RECOUNT = """
SELECT p.id, p.frequency, p.users, p.first_seen, p.last_seen, p.severity_rank,
    e.count, u.count, e.first, e.last, e.worst, h.count, d.count
FROM error_patterns p
CROSS JOIN LATERAL (
    SELECT coalesce(sum(e.occurrences), 0)::bigint AS count, min(e.timestamp) AS first,
        max(e.timestamp) AS last,
        max(array_position(
            ARRAY['debug', 'info', 'warning', 'error', 'critical', 'fatal'], e.severity::text
        ) - 1) AS worst
    FROM project_errors e JOIN pattern_groups g USING (project_id, group_id) WHERE g.pattern_id = p.id) e
CROSS JOIN LATERAL (
    SELECT count(DISTINCT u.user_key) AS count
    FROM users u JOIN pattern_groups g USING (project_id, group_id) WHERE g.pattern_id = p.id) u
CROSS JOIN LATERAL (
    SELECT coalesce(sum(r.count), 0)::bigint AS count
    FROM rollup_hour r JOIN pattern_groups g USING (project_id, group_id) WHERE g.pattern_id = p.id) h
CROSS JOIN LATERAL (
    SELECT coalesce(sum(r.count), 0)::bigint AS count
    FROM rollup_day r JOIN pattern_groups g USING (project_id, group_id) WHERE g.pattern_id = p.id) d
WHERE p.merged_into IS NULL ORDER BY p.id
"""


def recounted(database) -> list[int]:
    """Assert that every pattern says what the tables say; return the counts of the patterns."""
    with psycopg.connect(database.owner_url) as connection:
        rows = connection.execute(RECOUNT).fetchall()
        empty = connection.execute(
            "SELECT coalesce(sum(frequency + users), 0) FROM error_patterns WHERE merged_into IS NOT NULL"
        ).fetchone()
    for _, count, users, first, last, rank, *found in rows:
        assert found == [count, users, first, last, rank, count, count]
    assert empty == (0,)
    return [row[1] for row in rows]


def run(database, statement: str) -> list[tuple]:
    """Return the rows of a statement run as the owner."""
    with psycopg.connect(database.owner_url) as connection:
        return connection.execute(statement).fetchall()


def some(*batch) -> StoreBatch:
    """Return a batch that moves no cursor."""
    return StoreBatch(slot=NO_SLOT, start=Cursor(), end=Cursor(), errors=batch)


async def patterns(queries) -> list[PatternId]:
    """Return the live patterns by their first group."""
    return [row.id for row, _ in await held(queries)]


@pytest.mark.parametrize("seed", range(4))
async def test_the_database_and_the_twin_agree(store, queries, database, seed):
    """After each of fifty random steps both say the same, and the tables confirm it."""
    stored = errors()
    await store.commit(some(*stored))
    twin, random_numbers, refusals = MemoryQueries(stored), random.Random(seed), set()
    kinds = ["merge"] * 3 + ["split"] * 3 + ["split titled"] * 2 + ["resolve", "ignore"] + ["undo"] * 3
    for _ in range(50):
        others = tuple(random_numbers.randrange(GROUPS) for _ in range(random_numbers.randint(1, 3)))
        step = (random_numbers.choice(kinds), random_numbers.randrange(GROUPS), others)
        refusal, _ = await take(queries, step)
        assert refusal == (await take(twin, step))[0]
        assert told(await held(queries)) == told(await held(twin))
        refusals.add(refusal)
        recounted(database)
    assert {"", "invalid_fields"} <= refusals


async def test_errors_between_merge_and_undo_belong_to_their_groups(store, queries, database):
    """They follow the map at once, and go with their group when the merge is undone."""
    await store.commit(some(*(error(n, group=n % 2, user=bytes([n % 3]) * 16) for n in range(20))))
    first, second = await patterns(queries)
    await queries.merge(first, (second,), person_id=None, now=NOW)
    changes = await store.commit(
        some(*(error(n, group=1, minutes=n, user=b"n" * 16) for n in range(100, 105)))
    )
    assert [(change.pattern_id, change.is_new) for change in changes.patterns] == [(first, False)]
    assert recounted(database) == [25]
    await queries.undo(first, person_id=None, now=NOW)
    assert recounted(database) == [10, 15]
    await store.commit(some(error(200, group=1, user=b"n" * 16)))
    assert recounted(database) == [10, 16]


async def test_one_user_of_two_groups_counts_once(store, queries, database):
    """Whether the groups were merged before or after the errors came."""
    await store.commit(some(error(1, group=0, user=b"u" * 16), error(2, group=1, user=b"u" * 16)))
    first, second = await patterns(queries)
    assert (await queries.merge(first, (second,), person_id=None, now=NOW)).users == 1
    await store.commit(some(error(3, group=0, user=b"v" * 16), error(4, group=1, user=b"v" * 16)))
    await store.commit(some(error(5, group=1, user=b"v" * 16, minutes=-1500)))
    assert (await queries.pattern(first)).users == 2
    recounted(database)


async def test_what_came_back_after_a_merge_is_open_after_its_undo(store, queries, database):
    """The pattern whose error came is reopened, the other stays resolved."""
    await store.commit(some(error(1, group=0), error(2, group=1)))
    first, second = await patterns(queries)
    for pattern in (first, second):
        await queries.change_status(
            pattern,
            PatternStatus.RESOLVED,
            ignore_until=None,
            person_id=None,
            now=NOW - timedelta(minutes=40),
        )
    merged = await queries.merge(first, (second,), person_id=None, now=NOW)
    assert merged.status is PatternStatus.RESOLVED
    await store.commit(some(error(3, group=1, minutes=50)))
    assert (await queries.pattern(first)).is_regression
    await queries.undo(first, person_id=None, now=NOW)
    rows = [await queries.pattern(pattern) for pattern in (first, second)]
    assert [(row.status.value, row.is_regression) for row in rows] == [
        ("resolved", False),
        ("unresolved", True),
    ]


async def test_first_and_last_outlive_their_errors(store, queries, database):
    """Retention removes errors; a split still knows when each group was first seen, and last to the hour."""
    old = -60 * 24 * 40
    await store.commit(some(error(1, group=0, minutes=old), error(2, group=1, minutes=old - 90)))
    first, second = await patterns(queries)
    before = [await queries.pattern(pattern) for pattern in (first, second)]
    await queries.merge(first, (second,), person_id=None, now=NOW)
    late = error(3, group=1, minutes=old + 200)
    await store.commit(some(late))
    today = datetime.now(UTC).date()
    await store.keep_house(
        today=today, retention=timedelta(days=30), minutes=timedelta(days=8), findings=timedelta(days=400)
    )
    assert run(database, "SELECT count(*) FROM project_errors") == [(0,)]
    (_, group) = sorted(g.group for g in await queries.groups(first))
    ids = (GroupId(bytes.fromhex(group)),)
    back = await queries.split(first, ids, title="", person_id=None, now=NOW)
    assert (back.id, back.count, back.first_seen) == (second, 2, before[1].first_seen)
    assert back.last_seen == late.event.timestamp.replace(minute=0, second=0, microsecond=0)
    rest = await queries.pattern(first)
    assert (rest.count, rest.first_seen, rest.last_seen) == (1, before[0].first_seen, before[0].last_seen)


async def test_nothing_is_lost_while_workers_store(store, queries, database):
    """Three workers store the same groups and users while people merge, split, undo: sums are exact."""
    await store.commit(some(*(error(n, group=n % GROUPS, user=bytes([n % 7]) * 16) for n in range(60))))
    workers = [make_store(database, shard) for shard in range(3)]
    is_over = asyncio.Event()

    async def work(number: int) -> int:
        random_numbers, sent = random.Random(number), 0
        while not is_over.is_set():
            batch = [
                error(
                    1_000_000 * (number + 1) + sent + n,
                    group=random_numbers.randrange(GROUPS + 2),
                    minutes=random_numbers.randrange(60),
                    user=bytes([random_numbers.randrange(200)]) * 16,
                )
                for n in range(20)
            ]
            result = await workers[number].commit(some(*batch))
            sent += result.accepted
        return sent

    async def regroup(seed: int) -> int:
        random_numbers, done = random.Random(seed), 0
        for _ in range(60):
            kind = random_numbers.choice(["merge", "split", "split titled", "undo", "undo", "resolve"])
            others = tuple(random_numbers.randrange(GROUPS) for _ in range(2))
            refusal, _ = await take(queries, (kind, random_numbers.randrange(GROUPS), others))
            done += not refusal
        return done

    running = [asyncio.create_task(work(number)) for number in range(3)]
    done = await asyncio.gather(regroup(1), regroup(2))
    is_over.set()
    sent = sum(await asyncio.gather(*running))
    for worker in workers:
        await worker.close()
    print(f"{sent} errors stored during {sum(done)} merges, splits and undos")
    assert sent > 0
    assert min(done) > 10
    assert sum(recounted(database)) == 60 + sent


async def test_a_change_of_status_follows_a_merge_it_waited_for(store, queries, database):
    """It reaches the pattern that has the errors when the merge commits first."""
    await store.commit(some(error(1, group=0), error(2, group=1)))
    first, second = await patterns(queries)
    with psycopg.connect(database.owner_url) as connection:
        connection.execute("SELECT FROM error_patterns WHERE id = %s FOR UPDATE", (second,))
        resolving = asyncio.create_task(
            queries.change_status(second, PatternStatus.RESOLVED, ignore_until=None, person_id=None, now=NOW)
        )
        await asyncio.sleep(0.2)
        connection.execute("UPDATE error_patterns SET merged_into = %s WHERE id = %s", (first, second))
    assert (await resolving).id == first
    assert run(database, "SELECT id, status FROM error_patterns ORDER BY id") == [
        (first, "resolved"),
        (second, "unresolved"),
    ]


async def test_a_change_of_status_holds_no_alias_while_it_waits(store, queries, database):
    """A merge locks its target before what leads to it; a caller with the old link is no deadlock."""
    await store.commit(some(*(error(n, group=n) for n in range(3))))
    first, second, third = await patterns(queries)
    await queries.merge(second, (third,), person_id=None, now=NOW)
    with psycopg.connect(database.owner_url) as connection:
        connection.execute("SELECT FROM error_patterns WHERE id = %s FOR UPDATE", (second,))
        merging = asyncio.create_task(queries.merge(first, (second,), person_id=None, now=NOW))
        await asyncio.sleep(0.2)
        resolving = asyncio.create_task(
            queries.change_status(third, PatternStatus.RESOLVED, ignore_until=None, person_id=None, now=NOW)
        )
        await asyncio.sleep(0.2)
    _, resolved = await asyncio.gather(merging, resolving)
    assert resolved.id == first
    assert {row.id for row, _ in await held(queries)} == {first}
    recounted(database)


async def test_a_merge_reads_no_users_of_the_pattern_that_has_most(store, queries, database):
    """A text joins a pattern of many users each second; how many there are is known and only added to."""
    known = [error(n, group=0, user=n.to_bytes(16)) for n in range(2_000)]
    joining = [error(5_000 + n, group=1, user=(1_990 + n).to_bytes(16)) for n in range(20)]
    await store.commit(some(*known, *joining))
    first, second = await patterns(queries)
    connection = await connect(database.url, application_name="test")
    async with connection, connection.transaction():
        project, pattern = await open_map(connection, first, ())
        await Regroup(connection=connection, project=project, person=None, now=NOW).merge(pattern, (second,))
        read = await connection.execute(
            "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'users'"
        )
        (rows,) = await read.fetchone()
    assert rows < 200
    assert recounted(database) == [2_020]
    assert run(database, "SELECT users FROM error_patterns ORDER BY id") == [(2_010,), (0,)]


@pytest.mark.parametrize("groups", [3, 20])
async def test_users_of_small_and_large_patterns_count_once(store, queries, database, groups):
    """Known by any group on any day, new, or known elsewhere only; in batches and in merges."""
    others = [error(900 + n, group=100, user=bytes([n]) * 16) for n in range(10)]
    await store.commit(some(*(error(n, group=n, user=bytes([n % 7]) * 16) for n in range(groups)), *others))
    first, *rest, other = await patterns(queries)
    await queries.merge(first, tuple(rest), person_id=None, now=NOW)
    recounted(database)
    again = [error(2_000 + n, group=n % groups, user=bytes([n % 9]) * 16, minutes=n) for n in range(40)]
    await store.commit(some(*again))
    recounted(database)
    await queries.merge(other, (first,), person_id=None, now=NOW)
    await store.commit(some(*(error(3_000 + n, group=0, user=bytes([n]) * 16) for n in range(12))))
    recounted(database)
    assert (await queries.pattern(other)).users == 12
