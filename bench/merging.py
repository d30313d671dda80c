"""Times merging and splitting a pattern of a million errors: ``python -m bench.merging [ERRORS] [USERS]``.

Two patterns share the errors three to two, over thirty days, five releases and three environments. The rows
are made in the database from two errors that went through the product; rollups, users and sums are folded
from the rows as the store would. Timed is what a person waits for: the request, and the page of the pattern
with its new count. The page is asked for with the administrator's token. The processor time of all processes
stands beside it: it hardly depends on what else the machine does. The analysis is off: it would take in the
million errors meanwhile.
"""

from __future__ import annotations

import json
import socket
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import psycopg
from bench.processes import cpu_s
from bench.product import Product

from error_manager.runtime.data_folder import service_account
from error_manager.storage.postgres.cluster import SUPERUSER, open_cluster

_ROUNDS: Final = 5
_DAYS: Final = 30
_FILL: Final = (
    """
    SELECT ensure_partition((now() AT TIME ZONE 'UTC')::date - day) FROM generate_series(0, %(days)s) AS day
    """,
    # Each row is one of the two errors at another time, of another user.
    """
    INSERT INTO project_errors (id, project_id, timestamp, message, stack_trace, module, error_code,
        manager_context, severity, created_at, event_id, group_id, fingerprint_version, occurrences,
        environment, release, user_key, dictionary_id, body)
    SELECT gen_random_uuid(), e.project_id, now() - n * (%(days)s * interval '1 day' / %(errors)s),
        e.message, e.stack_trace, e.module, e.error_code, e.manager_context, e.severity, now(),
        gen_random_uuid(), e.group_id, e.fingerprint_version, 1,
        (ARRAY['production', 'staging', 'test'])[n %% 3 + 1], 'shop@' || n %% 5,
        decode(md5((hashint8(n) %% %(users)s)::text), 'hex'), e.dictionary_id, e.body
    FROM generate_series(1, %(errors)s) AS n
    JOIN (SELECT *, row_number() OVER (ORDER BY message) AS place FROM project_errors) e
        ON e.place = CASE WHEN n %% 5 < 3 THEN 1 ELSE 2 END
    """,
    "TRUNCATE rollup_minute, rollup_minute_severity, rollup_hour, rollup_day, users",
    """
    INSERT INTO rollup_hour (project_id, group_id, bucket, environment, release, shard, count)
    SELECT project_id, group_id, date_trunc('hour', timestamp, 'UTC'), environment, release, 0, count(*)
    FROM project_errors GROUP BY 1, 2, 3, 4, 5
    """,
    """
    INSERT INTO rollup_day (project_id, group_id, bucket, environment, release, shard, count)
    SELECT project_id, group_id, date_trunc('day', timestamp, 'UTC'), environment, release, 0, count(*)
    FROM project_errors GROUP BY 1, 2, 3, 4, 5
    """,
    """
    INSERT INTO users (project_id, group_id, user_key, day)
    SELECT DISTINCT project_id, group_id, user_key, (timestamp AT TIME ZONE 'UTC')::date
    FROM project_errors WHERE user_key IS NOT NULL
    """,
    """
    UPDATE error_patterns p
    SET frequency = e.count, users = e.users, first_seen = e.first, last_seen = e.last
    FROM (SELECT g.pattern_id, count(*) AS count, count(DISTINCT e.user_key) AS users,
            min(e.timestamp) AS first, max(e.timestamp) AS last
        FROM project_errors e JOIN pattern_groups g USING (project_id, group_id) GROUP BY 1) e
    WHERE p.id = e.pattern_id
    """,
    "VACUUM ANALYZE",  # as autovacuum does in the days in which so many errors come
)


def main(errors: int, users: int) -> None:
    """Fill a product of its own and print the seconds of each step."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        Path(folder).chmod(0o711)
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        with Product(Path(folder) / "data", port, "--set", "analysis.is_enabled=false") as product:
            rows = _fill(product, errors, users)
            print(f"{errors:,} errors, {users:,} users, {rows:,} rows of users and days")
            _measure(product)


def _fill(product: Product, errors: int, users: int) -> int:
    for message in ("Payment refused by the bank", "Search index unreadable"):
        _post(product, "/api/v1/errors", {"message": message, "severity": "error", "module": message[:6],
              "error_code": message[:6], "user": {"id": message}}, key=product.key)  # fmt: skip
    while product.stored() < 2:
        time.sleep(0.1)
    cluster = open_cluster(product.folder, service_account())
    with psycopg.connect(cluster.url(SUPERUSER), autocommit=True) as connection:
        for statement in _FILL:
            connection.execute(statement, {"errors": errors, "users": users, "days": _DAYS})
        connection.execute("CHECKPOINT")
        found = connection.execute("SELECT count(*) FROM users").fetchone()
    return int(found[0]) if found else 0


def _measure(product: Product) -> None:
    larger, smaller = product.get("/api/v1/patterns?sort=count")["items"]
    whole = larger["count"] + smaller["count"]
    url = f"/api/v1/patterns/{larger['id']}"
    seconds: dict[str, list[float]] = {}
    worked: dict[str, list[float]] = {}

    def timed(name: str, change: Callable[[], Any], expected: int) -> None:
        began, before = time.monotonic(), cpu_s(product.pids)
        change()
        page = _page(product, f"/patterns/{product.project}/{larger['id']}")
        seconds.setdefault(name, []).append(time.monotonic() - began)
        worked.setdefault(name, []).append(cpu_s(product.pids) - before)
        if f'title="{expected:,}"'.replace(",", "\u202f") not in page:
            raise RuntimeError(f"{name}: the page does not show {expected}")

    for _ in range(_ROUNDS):
        timed("merge", lambda: _post(product, f"{url}/merge", {"with": [smaller["id"]]}), whole)
        group = product.get(f"{url}/groups")["items"][1]["group"]
        timed("split", lambda: _post(product, f"{url}/split", {"groups": [group]}), larger["count"])  # noqa: B023  # called at once
        timed("undo of a split", lambda: _post(product, f"{url}/undo", {}), whole)
        timed("undo of a merge", lambda: _post(product, f"{url}/undo", {}), larger["count"])
    after = product.get("/api/v1/patterns?sort=count")["items"]
    if after != [larger, smaller]:
        raise RuntimeError("the patterns are not what they were")
    for name, times in seconds.items():
        processor = statistics.median(worked[name])
        median = statistics.median(times)
        print(f"{name:16} median {median:.2f} s, worst {max(times):.2f} s, processors {processor:.2f} s")


def _post(product: Product, path: str, body: dict[str, Any], *, key: str = "") -> Any:
    headers = {
        "Authorization": f"Bearer {key or product.connection['admin_token']}",
        "Content-Type": "application/json",
    }
    request = urllib.request.Request(product.url + path, data=json.dumps(body).encode(), headers=headers)
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


def _page(product: Product, path: str) -> str:
    headers = {"Authorization": f"Bearer {product.connection['admin_token']}"}
    request = urllib.request.Request(product.url + path, headers=headers)
    with urllib.request.urlopen(request, timeout=120) as answer:
        return str(answer.read().decode())


if __name__ == "__main__":
    main(*(int(text) for text in (*sys.argv[1:3], *("1000000", "200000")[len(sys.argv) - 1 :])))
