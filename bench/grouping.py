"""Grouping: each error of a set to its group, by the fingerprint of the server, in order of arrival."""

from __future__ import annotations

import csv
import json
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.files import find, open_text

from error_manager.core.fingerprint import fingerprint
from error_manager.core.ids import new_event_id
from error_manager.core.types import ErrorEvent
from error_manager.decoding.sentry import decode_sentry

SETS = {"traces": "traces.jsonl", "traces_hard": "traces_hard.jsonl", "must": "must/events.jsonl"}
_RECEIVED_AT = datetime(2026, 1, 1, tzinfo=UTC)


def run(data: Path, out: Path) -> None:
    for name, file in SETS.items():
        path = find(data, file)
        if path is None:
            print(f"grouping {name}: {file} is not in {data}; skipped")
            continue
        with open_text(path) as source:
            errors = [(row["id"], _decoded(row["event"])) for row in map(json.loads, source)]
        started = time.perf_counter()
        groups = [(key, fingerprint(event).hash) for key, event in errors]
        spent_s = time.perf_counter() - started
        with (out / f"{name}.csv").open("w", newline="", encoding="utf-8") as target:
            csv.writer(target).writerows([("id", "group"), *groups])
        each_us = spent_s / max(1, len(groups)) * 1e6
        known = len({group for _, group in groups})
        print(f"grouping {name}: {len(groups)} errors, {known} groups, {each_us:.0f} us each")


def _decoded(event: object) -> ErrorEvent:
    decoded = decode_sentry(
        json.dumps(event).encode(), received_at=_RECEIVED_AT, event_id=new_event_id(bytes(16))
    )
    if not isinstance(decoded, ErrorEvent):
        raise TypeError(f"not an error: {decoded}")
    return decoded
