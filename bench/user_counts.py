"""What counting a pattern's users costs a batch: ``python -m bench.user_counts [USERS]``.

Each of four patterns, of 1, 10, 1,000 and 5,000 groups, has USERS users, met on one to three days in one to
three of its groups. A batch brings 1,000 users to it: all new, or all known but of another day. Timed is
``add_users`` of ``store.sql`` alone, as processor time of the server's process that runs it; each batch is
rolled back. Then a user of 20,000 groups and 30 days is new to a pattern, and a pattern of 20 users is merged
into the one that has all its users in one group, as mining does with each new text.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psutil
import psycopg
from bench.database import Database

from error_manager.core.types import PatternId
from error_manager.runtime.data_folder import service_account
from error_manager.storage.postgres import errors
from error_manager.storage.postgres.cluster import APP, MIGRATOR, open_cluster
from error_manager.storage.postgres.connection import connect
from error_manager.storage.postgres.migrate import migrate
from error_manager.storage.postgres.regroup import Regroup, open_map

_ADD: Final = errors.STATEMENTS["add_users"]
_ROUNDS: Final = 5
_BATCH: Final = 1_000
_SIZES: Final = (1, 10, 1_000, 5_000)
_FILL: Final = (
    "INSERT INTO projects (id, organization_id, name, slug, subject_key) VALUES (1, 1, 'P', 'p', 'k')",
    """
    INSERT INTO error_patterns (project_id, id, pattern_hash, module, error_code, first_seen, last_seen,
        severity, severity_rank, title, message)
    SELECT 1, size, md5('pattern' || size) || md5('p' || size), 'm', 'c', now(), now(), 'error', 3, 't', 'm'
    FROM unnest(%(sizes)s || ARRAY[20000, 6]) AS size
    """,
    """
    INSERT INTO pattern_groups (project_id, group_id, pattern_id)
    SELECT 1, decode(md5(size || '/' || n), 'hex'), size
    FROM unnest(%(sizes)s || ARRAY[20000, 6]) AS size, generate_series(0, size - 1) AS n
    """,
    """
    INSERT INTO users (project_id, group_id, user_key, day)
    SELECT DISTINCT 1, decode(md5(size || '/' || (hashint4(n + 7 * t) & 1048575) %% size), 'hex'),
        decode(md5(size || ' ' || n), 'hex'), (DATE '2026-11-01' + (n * t) %% 30)
    FROM unnest(%(sizes)s) AS size, generate_series(1, %(users)s) AS n, generate_series(1, 1 + n %% 3) AS t
    """,
    """
    INSERT INTO users (project_id, group_id, user_key, day)
    SELECT 1, decode(md5('20000/' || n), 'hex'), decode(md5('everywhere'), 'hex'), DATE '2026-11-01' + day
    FROM generate_series(0, 19999) AS n, generate_series(0, 29) AS day
    """,
    """
    INSERT INTO users (project_id, group_id, user_key, day)
    SELECT 1, decode(md5('6/' || n %% 6), 'hex'), decode(md5('1 ' || n), 'hex'), DATE '2026-11-30'
    FROM generate_series(1, 20) AS n
    """,
    "VACUUM ANALYZE",
)


def main(users: int) -> None:
    """Fill a database of its own and print the milliseconds of a batch."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        data_dir = Path(folder) / "data"
        with Database(data_dir):
            cluster = open_cluster(data_dir, service_account())
            migrate(cluster.url(MIGRATOR))
            with psycopg.connect(cluster.url(MIGRATOR), autocommit=True) as connection:
                for statement in _FILL:
                    connection.execute(statement, {"users": users, "sizes": list(_SIZES)})
                sizes = connection.execute(
                    "SELECT pg_table_size('users'), pg_indexes_size('users')"
                ).fetchone()
            print("users, MiB: table and indexes", *(round(size / 2**20) for size in sizes or ()))
            with psycopg.connect(cluster.url(APP), prepare_threshold=None) as connection:
                _measure(connection, users)
            print(f"a pattern of 20 users is merged: {asyncio.run(_merged(cluster.url(APP))):7.1f} ms")


def _measure(connection: psycopg.Connection[Any], users: int) -> None:
    for size in _SIZES:
        groups = [f"{size}/{n % size}" for n in range(_BATCH)]
        for name, first in (("new", users + 1), ("known", 1)):
            keys = [f"{size} {first + n}" for n in range(_BATCH)]
            gained, spent = _timed(connection, groups, keys)
            print(f"{size:>6,} groups, {_BATCH:,} {name:5} users: {spent:7.1f} ms, {gained} gained")
    gained, spent = _timed(connection, ["6/0"], ["everywhere"])
    print(f"     6 groups, 1 user of 20,000 others: {spent:7.1f} ms, {gained} gained")
    gained, spent = _timed(connection, ["5000/0"], ["everywhere"])
    print(f" 5,000 groups, 1 user of 20,000 others: {spent:7.1f} ms, {gained} gained")


async def _merged(url: str) -> float:
    spent = []
    for _ in range(_ROUNDS):
        connection = await connect(url, application_name="bench", statement_timeout_s=None)
        async with connection, connection.transaction(force_rollback=True):
            project, pattern = await open_map(connection, PatternId(1), ())
            server = psutil.Process(connection.info.backend_pid)
            before = server.cpu_times()
            regroup = Regroup(connection=connection, project=project, person=None, now=datetime.now(UTC))
            await regroup.merge(pattern, (PatternId(6),))
            after = server.cpu_times()
            spent.append(after.user + after.system - before.user - before.system)
    return statistics.mean(spent) * 1_000


def _timed(connection: psycopg.Connection[Any], groups: list[str], keys: list[str]) -> tuple[int, float]:
    server = psutil.Process(connection.info.backend_pid)
    values = connection.execute(
        """SELECT array_agg(1), array_agg(decode(md5(g), 'hex')), array_agg(decode(md5(k), 'hex')),
            array_agg(DATE '2026-12-01') FROM unnest(%s::text[], %s::text[]) AS d (g, k)""",
        (groups, keys),
    ).fetchone()
    names = ("projects", "groups", "users", "days")
    spent, gained = [], 0
    for _ in range(_ROUNDS):
        before = server.cpu_times()
        rows = connection.execute(_ADD, dict(zip(names, values or (), strict=True))).fetchall()
        after = server.cpu_times()
        connection.rollback()
        gained = sum(row[2] for row in rows)
        spent.append(after.user + after.system - before.user - before.system)
    return gained, statistics.mean(spent) * 1_000


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 50_000)
