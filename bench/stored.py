"""Fills a database with a month of made-up errors: rows, map, rollups, tags and persons.

Rates of patterns are log-normal with a season of days; one pattern in twenty is caused by another one,
seconds to minutes later. Bodies are one byte: no part of the analysis reads them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import psycopg
from numpy.typing import NDArray

from error_manager.core.encoding import event_to_json
from error_manager.core.types import ErrorEvent, EventId, ExceptionInfo, Frame, ProjectId
from error_manager.storage.compression import BodyCodec
from error_manager.storage.postgres.connection import connect_sync

_DAY_S = 86_400
_ROW = np.dtype([("n", ">i2"), ("l1", ">i4"), ("pattern", ">i4"), ("l2", ">i4"), ("time", ">f8")])
_HEADER, _TRAILER = b"PGCOPY\n\xff\r\n\x00" + bytes(8), b"\xff\xff"
_INDEXES = (
    "idx_timestamp",
    "idx_module",
    "idx_error_code",
    "idx_severity",
    "idx_module_code",
    "idx_id",
    "idx_search",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is stored."""

    errors: int
    patterns: int
    days: int
    seed: int = 1


def fill(url: str, size: Size) -> float:
    """Fill project 1 of a migrated database, by the role that owns the tables; return the seconds it took."""
    began = time.monotonic()
    keys, times = made_up(size, now=time.time())
    with connect_sync(url, application_name="bench", statement_timeout_s=None, autocommit=True) as connection:
        for name in _INDEXES:  # they cost ten minutes, and the analysis uses none of them
            connection.execute(f"DROP INDEX IF EXISTS {name}")
        for day in range(size.days + 1):
            connection.execute("SELECT ensure_partition(current_date - %s)", (day,))
        _load(connection, keys, times)
        for statement in _STATEMENTS:
            connection.execute(statement)
        give_bodies(connection, size)
        connection.execute("VACUUM ANALYZE")
    return time.monotonic() - began


def made_up(size: Size, *, now: float) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Return patterns (1 to n) and times in seconds, in order of time, up to two minutes ago."""
    rng = np.random.default_rng(size.seed)
    end = now - 120
    weights = rng.lognormal(0.0, 1.6, size.patterns)
    counts = rng.poisson(weights / weights.sum() * size.errors * 0.95)
    keys = np.repeat(np.arange(1, size.patterns + 1, dtype=np.int32), counts)
    uniform = rng.random(keys.size) * size.days * _DAY_S
    seconds = (end - size.days * _DAY_S + uniform) % _DAY_S
    is_kept = rng.random(keys.size) < 0.6 + 0.4 * np.sin(2 * np.pi * seconds / _DAY_S)
    shifted = np.where(is_kept, uniform, (uniform + _DAY_S / 2) % (size.days * _DAY_S))
    times = end - size.days * _DAY_S + shifted
    caused_keys, caused_times = [], []
    for effect in range(20, size.patterns, 20):
        cause = times[keys == effect - 1]
        chosen = cause[rng.random(cause.size) < 0.7]
        caused_keys.append(np.full(chosen.size, effect, dtype=np.int32))
        caused_times.append(chosen + rng.gamma(4.0, rng.uniform(0.5, 20.0), chosen.size))
    all_keys, all_times = np.concatenate([keys, *caused_keys]), np.concatenate([times, *caused_times])
    inside = all_times < end
    order = np.argsort(all_times[inside])
    return all_keys[inside][order], all_times[inside][order]


def give_bodies(connection: psycopg.Connection[Any], size: Size) -> None:
    """Give the newest error of each pattern a body with a stack: similar errors are found by it."""
    codec, rng = BodyCodec(), np.random.default_rng(size.seed)
    bodies = []
    for pattern in range(1, size.patterns + 1):
        places = rng.integers(0, 400, 12)
        frames = tuple(
            Frame(
                function=f"step_{n}", module=f"shop.part{n % 60}", filename=f"shop/part{n % 60}.py", lineno=n
            )
            for n in places.tolist()
        )
        value = f"order {pattern} could not be written to shelf {pattern % 17}"
        event = ErrorEvent(
            event_id=EventId(f"{pattern:032x}"),
            timestamp=datetime.now(UTC),
            message=value,
            exceptions=(ExceptionInfo(type=f"Error{pattern % 40}", value=value, frames=frames),),
        )
        bodies.append((pattern, codec.compress(ProjectId(1), msgspec.json.encode(event_to_json(event)))[1]))
    with connection.cursor() as cursor:
        cursor.executemany(_GIVE_BODY, bodies)


def _load(connection: psycopg.Connection[Any], keys: NDArray[np.int32], times: NDArray[np.float64]) -> None:
    connection.execute("CREATE UNLOGGED TABLE bench_events (pattern int, at float8)")
    rows = np.zeros(keys.size, dtype=_ROW)
    rows["n"], rows["l1"], rows["l2"], rows["pattern"], rows["time"] = 2, 4, 8, keys, times
    with connection.cursor() as cursor, cursor.copy("COPY bench_events FROM STDIN (FORMAT BINARY)") as copy:
        copy.write(_HEADER)
        for start in range(0, rows.size, 200_000):
            copy.write(rows[start : start + 200_000].tobytes())
        copy.write(_TRAILER)


_GIVE_BODY = """
    UPDATE project_errors e SET body = d.body
    FROM (VALUES (%s::int, %s::bytea)) AS d (pattern, body)
    CROSS JOIN LATERAL (
        SELECT id, timestamp FROM project_errors
        WHERE project_id = 1 AND group_id = decode(md5(d.pattern::text), 'hex')
        ORDER BY timestamp DESC, id DESC LIMIT 1
    ) n
    WHERE e.project_id = 1 AND e.timestamp = n.timestamp AND e.id = n.id
"""
_STATEMENTS = (
    """INSERT INTO error_patterns (id, project_id, pattern_hash, module, error_code, frequency, first_seen,
        last_seen, severity, severity_rank, title, message, culprit, users, metadata)
    OVERRIDING SYSTEM VALUE
    SELECT pattern, 1, lpad(to_hex(pattern), 64, '0'), 'shop.part' || pattern % 60, 'Error' || pattern % 40,
        count(*), to_timestamp(min(at)), to_timestamp(max(at)),
        (ARRAY['warning', 'error', 'critical', 'fatal'])[1 + pattern % 4], 2 + pattern % 4,
        'Error' || pattern % 40, 'order ' || pattern || ' could not be written to shelf ' || pattern % 17,
        'shop.part' || pattern % 60 || '.step' || pattern, 10, '{"parts": []}'
    FROM bench_events GROUP BY pattern ORDER BY pattern""",
    """INSERT INTO pattern_groups (project_id, group_id, pattern_id)
    SELECT 1, decode(md5(id::text), 'hex'), id FROM error_patterns WHERE project_id = 1""",
    """INSERT INTO project_errors (id, project_id, timestamp, message, module, error_code, severity, event_id,
        group_id, fingerprint_version, environment, release, body)
    SELECT gen_random_uuid(), 1, to_timestamp(at), 'm', 'm', 'e', 'error', gen_random_uuid(),
        decode(md5(pattern::text), 'hex'), 1, 'production', '1.' || floor((at - 1.6e9) / 259200)::int, '\\x00'
    FROM bench_events""",
    """INSERT INTO rollup_minute (project_id, bucket, group_id, shard, count)
    SELECT 1, date_trunc('minute', to_timestamp(at)), decode(md5(pattern::text), 'hex'), 0, count(*)
    FROM bench_events WHERE at > extract(epoch FROM now()) - 8 * 86400 GROUP BY 2, 3""",
    """INSERT INTO rollup_minute_severity (project_id, bucket, severity, shard, count)
    SELECT 1, date_trunc('minute', to_timestamp(at)),
        (ARRAY['warning', 'error', 'critical', 'fatal'])[1 + pattern % 4], 0, count(*)
    FROM bench_events WHERE at > extract(epoch FROM now()) - 8 * 86400 GROUP BY 2, 3""",
    """INSERT INTO rollup_hour (project_id, group_id, bucket, environment, release, shard, count)
    SELECT 1, decode(md5(pattern::text), 'hex'), date_trunc('hour', to_timestamp(at)), 'production',
        '1.' || floor((at - 1.6e9) / 259200)::int, 0, count(*)
    FROM bench_events GROUP BY 2, 3, 5 ORDER BY 3, 2""",
    """INSERT INTO rollup_day (project_id, group_id, bucket, environment, release, shard, count)
    SELECT 1, group_id, date_trunc('day', bucket), environment, release, 0, sum(count)
    FROM rollup_hour WHERE project_id = 1 GROUP BY 2, 3, 4, 5""",
    """INSERT INTO rollup_day_tag (project_id, group_id, bucket, key, value, shard, count)
    SELECT 1, d.group_id, d.bucket, k.key, k.key || v.n * (1 + get_byte(d.group_id, 0) % 3), 0,
        d.count / (1 + v.n)
    FROM (SELECT group_id, bucket, sum(count) AS count FROM rollup_day GROUP BY 1, 2) d
    CROSS JOIN unnest(ARRAY['server_name', 'browser', 'os', 'runtime', 'transaction', 'tenant']) AS k (key)
    CROSS JOIN generate_series(0, 5) AS v (n)
    WHERE d.count / (1 + v.n) > 0
    ON CONFLICT DO NOTHING""",
    """INSERT INTO users (project_id, group_id, user_key, day)
    SELECT DISTINCT 1, decode(md5(pattern::text), 'hex'), decode(md5((at::bigint % 20000)::text), 'hex'),
        to_timestamp(at)::date
    FROM bench_events WHERE random() < 0.1""",
    "DROP TABLE bench_events",
)
