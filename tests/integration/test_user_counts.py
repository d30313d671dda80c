"""The users of patterns are counted exactly, whichever way is taken: random maps against a naive count."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from tests.contract.error_store_contract import error
from tests.integration.test_regrouping import recounted, run, some

from error_manager.core.errors import ConflictError, NotFoundError
from error_manager.core.types import GroupId, PatternId
from error_manager.storage.postgres import regroup
from error_manager.storage.postgres.connection import connect
from error_manager.storage.postgres.group_users import FEW_GROUPS
from error_manager.storage.postgres.regroup import Regroup, open_map

NOW = datetime.now(UTC)
GROUPS = 3 * FEW_GROUPS
DAYS = 6
FIRST_DAY = NOW.date() - timedelta(days=DAYS - 1)


@pytest.fixture
async def queries(store, queries):
    """The pages' side of a database with one error without a user in each of many groups."""
    await store.commit(some(*(error(n, group=n) for n in range(GROUPS))))
    return queries


def give_users(database, rows: set[tuple[bytes, bytes, int]]) -> None:
    """Store (group, user, day) as batches would have, with what the patterns say of their users."""
    with psycopg.connect(database.owner_url) as connection:
        connection.cursor().executemany(
            "INSERT INTO users (project_id, group_id, user_key, day) VALUES (1, %s, %s, %s)",
            [(group, user, FIRST_DAY + timedelta(days=day)) for group, user, day in rows],
        )
        connection.execute(
            """UPDATE error_patterns p SET users = (
                SELECT count(DISTINCT u.user_key)
                FROM users u JOIN pattern_groups g USING (project_id, group_id) WHERE g.pattern_id = p.id)"""
        )
        connection.execute("ANALYZE users")


def placed(database) -> dict[PatternId, list[bytes]]:
    """Return the groups of each pattern."""
    found = defaultdict(list)
    for pattern, group in run(database, "SELECT pattern_id, group_id FROM pattern_groups"):
        found[PatternId(pattern)].append(bytes(group))
    return found


async def check(queries, database, rows: set[tuple[bytes, bytes, int]]) -> None:
    """Assert that every pattern says, in all and by day, what the rows of its groups say."""
    for pattern, groups in placed(database).items():
        mine = [(user, day) for group, user, day in rows if group in groups]
        assert (await queries.pattern(pattern)).users == len({user for user, _ in mine})
        days = defaultdict(set)
        for user, day in mine:
            days[FIRST_DAY + timedelta(days=day)].add(user)
        told = await queries.users(pattern)
        assert told.total == len({user for user, _ in mine})
        assert told.days == tuple((day, len(users)) for day, users in sorted(days.items()))
        since = FIRST_DAY + timedelta(days=DAYS // 2)
        later = await queries.users(pattern, since=datetime.combine(since, datetime.min.time(), UTC))
        assert later.days == tuple(entry for entry in told.days if entry[0] >= since)
    recounted(database)


@pytest.mark.parametrize("many", [0, 10**9], ids=["all compared", "each looked up"])
@pytest.mark.parametrize("seed", range(3))
async def test_random_maps_are_counted_as_naively(queries, database, monkeypatch, seed, many):
    """Merges, splits and undos of patterns of one to many groups, some without users, some shared by all."""
    monkeypatch.setattr(regroup, "_MANY_USERS", many)
    monkeypatch.setattr(regroup, "_SHARE", many or regroup._SHARE)
    random_numbers = random.Random(seed)
    groups = [group for mine in placed(database).values() for group in mine]
    with_users = random_numbers.sample(groups, GROUPS - 4)
    users = [number.to_bytes(16) for number in range(60)]
    rows = {
        (random_numbers.choice(with_users), random_numbers.choice(users), random_numbers.randrange(DAYS))
        for _ in range(600)
    } | {(group, users[0], 0) for group in with_users}
    give_users(database, rows)
    sizes, done = set(), 0
    for _ in range(30):
        patterns = placed(database)
        chosen = random_numbers.choice(sorted(patterns))
        kind = random_numbers.choice(["merge", "merge", "split", "undo"])
        try:
            if kind == "merge" and len(patterns) > 1:
                others = random_numbers.sample(sorted(patterns.keys() - {chosen}), min(4, len(patterns) - 1))
                await queries.merge(chosen, tuple(others), person_id=None, now=NOW)
            elif kind == "split" and len(patterns[chosen]) > 1:
                rest = [g for g in await queries.groups(chosen) if not g.is_first]
                leaving = random_numbers.sample(rest, random_numbers.randint(1, len(rest)))
                ids = tuple(GroupId(bytes.fromhex(group.group)) for group in leaving)
                await queries.split(chosen, ids, title="", person_id=None, now=NOW)
            elif kind == "undo":
                await queries.undo(chosen, person_id=None, now=NOW)
        except (ConflictError, NotFoundError):
            continue  # a later change stands in the way, or there is nothing to undo
        done += 1
        sizes |= {len(mine) for mine in placed(database).values()}
        await check(queries, database, rows)
    assert done > 15
    assert min(sizes) == 1
    assert max(sizes) > FEW_GROUPS + 4  # with users, as four groups have none


@pytest.mark.parametrize("size", [FEW_GROUPS - 1, FEW_GROUPS, FEW_GROUPS + 1])
async def test_few_groups_and_many_are_counted_alike(queries, database, size):
    """On both sides of where the way of counting changes."""
    random_numbers = random.Random(size)
    first, *others = sorted(placed(database).items())
    with_users = [first[1][0], *(groups[0] for _, groups in others[: size - 1])]
    rows = {
        (group, random_numbers.randbytes(1) * 16, random_numbers.randrange(DAYS))
        for group in with_users
        for _ in range(100)
    }
    give_users(database, rows)
    await queries.merge(first[0], tuple(pattern for pattern, _ in others), person_id=None, now=NOW)
    await check(queries, database, rows)
    (row,) = [g for g in await queries.groups(first[0]) if g.group == others[0][1][0].hex()]
    await queries.split(first[0], (GroupId(bytes.fromhex(row.group)),), title="", person_id=None, now=NOW)
    await check(queries, database, rows)


@pytest.mark.parametrize(
    ("base", "joining", "is_read"), [(8_000, 1_000, True), (8_001, 1_000, False), (7_992, 999, False)]
)
async def test_the_base_is_read_only_where_many_join(queries, database, base, joining, is_read):
    """Both sides of the border count the same; below it the users of the base are only looked up."""
    (into, (kept, *_)), (other, (moved, *_)) = sorted(placed(database).items())[:2]
    keys = [number.to_bytes(16) for number in range(base + joining)]
    rows = {(kept, key, number % DAYS) for number, key in enumerate(keys[:base])}
    rows |= {(moved, key, 0) for key in keys[base - 10 : base - 10 + joining]}
    give_users(database, rows)
    connection = await connect(database.url, application_name="test")
    async with connection, connection.transaction():
        project, pattern = await open_map(connection, into, ())
        await Regroup(connection=connection, project=project, person=None, now=NOW).merge(pattern, (other,))
        read = await connection.execute(
            "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'users'"
        )
        (count,) = await read.fetchone()
    assert (count > base) == is_read
    assert (await queries.pattern(into)).users == base + joining - 10
    await check(queries, database, rows)
