"""What grouping costs of an error's way: ``python -m bench.path_cost BENCH_DATA``; processor time.

``load/pack1000.bin`` of the folder is prepared as a worker does it; what belongs to grouping is timed within:
typed masks and the fingerprint (matching templates: ``bench.template_cost``).
"""

from __future__ import annotations

import gc
import gzip
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

import re2

from error_manager.core.cataloger import catalog
from error_manager.core.types import EventId, ProjectId
from error_manager.decoding.envelope import split_envelope
from error_manager.flows import processing
from error_manager.flows.services import ProcessServices
from error_manager.security.pii import Masker
from error_manager.storage.base import InboxRecord, Project, RecordKind
from error_manager.storage.compression import BodyCodec
from error_manager.storage.dictionaries import ProjectDictionaries
from error_manager.storage.memory_errors import MemoryProjects
from error_manager.storage.memory_templates import NoTemplates

ERRORS = 3_000
BATCH = 150
WHOLE_MS = 1.42
"""Processor time of an error in all processes of ours and PostgreSQL (bench.ingest)."""
_PROJECT = Project(
    id=ProjectId(1), name="a", slug="a", platform="python", organization_id=1, subject_key=b"k" * 32
)


def main(folder: Path) -> None:
    """Print microseconds per error of the steps of grouping, of preparing, and their share of the whole."""
    records = _records(folder)
    codec = BodyCodec()
    unused: Any = None
    services = ProcessServices(
        templates=NoTemplates(), inbox=unused, store=unused, projects=MemoryProjects(_PROJECT),
        masker=Masker(re2.compile), codec=codec, dictionaries=ProjectDictionaries(codec),
        in_flight=unused, stream=unused,
        seal_record=unused, open_record=unused, clock=lambda: datetime.now(UTC), randomness=os.urandom,
        retention=timedelta(days=90),
    )  # fmt: skip
    spent = dict.fromkeys(("catalog",), 0.0)
    gc.disable()
    with patch.object(processing, "catalog", _timed(catalog, spent, "catalog")):
        _prepare(services, records)
        spent["catalog"], began = 0.0, time.process_time()
        _prepare(services, records)
    whole_us = (time.process_time() - began) / len(records) * 1e6
    grouping_us = spent["catalog"] / len(records) * 1e6
    print(f"catalog (masks, fingerprint, title, code): {grouping_us:.1f} us of {whole_us:.0f} us to prepare")
    print(f"of {WHOLE_MS} ms in all: {grouping_us / WHOLE_MS / 10:.1f} %")


def _prepare(services: ProcessServices, records: list[InboxRecord]) -> None:
    for start in range(0, len(records), BATCH):
        processing.prepare_records(services, enumerate(records[start : start + BATCH]))


def _timed(step: Callable[..., Any], spent: dict[str, float], name: str) -> Callable[..., Any]:
    def run(*args: Any, **more: Any) -> Any:
        began = time.process_time()
        try:
            return step(*args, **more)
        finally:
            spent[name] += time.process_time() - began

    return run


def _records(folder: Path) -> list[InboxRecord]:
    sys.path.insert(0, str(folder / "load"))
    load = import_module("load")
    pack = load.read_pack(str(folder / "load" / "pack1000.bin"))
    found = []
    for number in range(ERRORS):
        body = load.fresh(([pack[number % len(pack)]], 1))[0][1]
        envelope = split_envelope(gzip.decompress(body))
        found.append(
            InboxRecord(
                kind=RecordKind.SENTRY_EVENT,
                project_id=ProjectId(1),
                received_at=datetime.now(UTC),
                body=envelope.items[0].payload,
                event_id=envelope.header.event_id or EventId(""),
                sent_at=envelope.header.sent_at,
                client_ip="127.0.0.1",
            )
        )
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]))
