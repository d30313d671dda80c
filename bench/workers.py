"""Do 1, 2 and 4 workers group alike? ``python -m bench.workers [ERRORS] [BATCH]``.

The same errors (three of four bare messages of twelve sources, the others with the stacks of 40 faults) go
through a product with as many workers and accepting processes, each time in another order. Printed is how
alike the patterns are to those of one worker: the adjusted Rand index of the bare messages, and whether the
errors with stacks are in the same sets.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import psycopg
from bench.ingest import free_port, wait_stored
from bench.product import Product
from tests.mined import adjusted_rand_index, load

from error_manager.core.encoding import event_to_json
from error_manager.runtime.data_folder import service_account
from error_manager.storage.postgres.cluster import SUPERUSER, open_cluster

_WORKERS: Final = (1, 2, 4)
_SETTLE_S: Final = 5
"""After the last error: several rounds of the miner."""
_SENDERS: Final = 4
_FOUND: Final = """
SELECT e.event_id, g.pattern_id, p.frequency
FROM project_errors e
JOIN pattern_groups g USING (project_id, group_id)
JOIN error_patterns p ON p.project_id = g.project_id AND p.id = g.pattern_id
"""

Found = dict[str, int]
"""The pattern of each error, by the id that its client gave."""


def main(errors: int, batch: int) -> None:
    """Print a line for each number of workers."""
    events = load(errors, seed=1)
    traces = {str(event.event_id) for event in events if event.exceptions}
    bodies = [event_to_json(event) for event in events]
    first: Found = {}
    for workers in _WORKERS:
        random.Random(workers).shuffle(bodies)
        began = time.monotonic()
        found = _run(bodies, workers, batch)
        seconds = time.monotonic() - began
        first = first or found
        told = [(first[event], found[event]) for event in first if event not in traces]
        score = adjusted_rand_index([one for one, _ in told], [other for _, other in told])
        stacks = _sets(found, traces)
        is_same = stacks == _sets(first, traces)
        patterns = len({other for _, other in told})
        print(
            f"workers {workers}: {len(found):,} errors, {seconds:.0f} s, {patterns} patterns of messages, "
            f"ARI {score:.4f}, {len(stacks)} of stacks: {'the same sets' if is_same else 'OTHER SETS'}",
            flush=True,
        )


def _run(bodies: list[dict[str, object]], workers: int, batch: int) -> Found:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        options = ("--workers", str(workers), "--set", f"server.processes={workers}")
        with Product(Path(folder) / "data", free_port(), *options) as product:
            parts = [bodies[start : start + batch] for start in range(0, len(bodies), batch)]
            with ThreadPoolExecutor(_SENDERS) as pool:
                list(pool.map(lambda part: _post(product, part), parts))
            wait_stored(product, len(bodies), timeout_s=900)
            time.sleep(_SETTLE_S)
            with psycopg.connect(
                open_cluster(product.folder, service_account()).url(SUPERUSER)
            ) as connection:
                rows = connection.execute(_FOUND).fetchall()
    counts: dict[int, int] = {}
    for _, pattern, _ in rows:
        counts[pattern] = counts.get(pattern, 0) + 1
    if any(counts[pattern] != frequency for _, pattern, frequency in rows):
        raise RuntimeError("a pattern does not say how many errors it has")
    return {event.hex: pattern for event, pattern, _ in rows}


def _post(product: Product, events: list[dict[str, object]]) -> None:
    headers = {"Authorization": f"Bearer {product.key}", "Content-Type": "application/json"}
    body = json.dumps(events).encode()
    request = urllib.request.Request(f"{product.url}/api/v1/errors", data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=120) as answer:
        answer.read()


def _sets(found: Found, traces: set[str]) -> set[frozenset[str]]:
    patterns: dict[int, set[str]] = {}
    for event in traces:
        patterns.setdefault(found[event], set()).add(event)
    return {frozenset(events) for events in patterns.values()}


if __name__ == "__main__":
    main(*(int(text) for text in (*sys.argv[1:3], *("100000", "100")[len(sys.argv) - 1 :])))
