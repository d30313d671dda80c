"""The index of patterns at size: ``python -m bench.index FOLDER [PATTERNS]`` (100,000 unless said).

In FOLDER, which must not exist, a PostgreSQL gets an error for each of the patterns, and a process ``index``
is filled from it: rebuild, memory, questions, what a look for news costs, kill -9 in the middle of writing.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import msgspec
import psycopg
from bench.database import Database
from bench.made_up import event
from bench.processes import cpu_s, disk_bytes, pss_mib

from error_manager.analysis.similarity import features_of, sparse_vector
from error_manager.core.cataloger import catalog
from error_manager.core.encoding import event_to_json
from error_manager.core.errors import IndexUnavailableError
from error_manager.core.ids import uuid7
from error_manager.core.types import ErrorId, PatternId, ProjectId
from error_manager.flows.indexing import catch_up, nearest, rebuild, search_like, similar_to
from error_manager.flows.services import IndexServices
from error_manager.runtime.data_folder import open_folder
from error_manager.runtime.program import program
from error_manager.runtime.settings import load_settings
from error_manager.runtime.wiring.indexing import open_index_services
from error_manager.storage.base import NO_SLOT, Cursor, StoreBatch, StoredError
from error_manager.storage.compression import BodyCodec
from error_manager.storage.postgres.connection import connect
from error_manager.storage.postgres.errors import PostgresErrorStore
from error_manager.storage.postgres.migrate import migrate
from error_manager.storage.vectors import PatternKey, VectorPoint

_PROJECTS = 10
_BATCH = 500
_QUESTIONS = 1_000
_KILLS = 10


def main(folder: Path, patterns: int) -> None:
    with Database(folder / "postgres") as database:
        data_dir = folder / "data"
        database.serve(data_dir)
        open_folder(data_dir)  # keeps the settings
        settings = load_settings({"data_dir": data_dir}, environ={})
        migrate(settings.database_owner_url)
        with psycopg.connect(settings.database_owner_url) as connection:
            for number in range(1, _PROJECTS + 1):
                connection.execute(
                    "INSERT INTO projects (id, organization_id, name, slug, subject_key) "
                    "VALUES (%s, 1, %s, %s, 'k')",
                    (number, f"P{number}", f"p{number}"),
                )
        asyncio.run(_fill(settings.database_url, patterns))
        asyncio.run(_measure(data_dir, patterns))


async def _fill(url: str, patterns: int) -> None:
    store = PostgresErrorStore(
        lambda: connect(url, application_name="bench"), shard=0, failpoint=lambda _: None
    )
    codec, now = BodyCodec(), datetime.now(UTC)
    await store.keep_house(
        today=now.date(),
        retention=timedelta(days=30),
        minutes=timedelta(days=8),
        findings=timedelta(days=400),
    )
    for start in range(0, patterns, _BATCH):
        errors = [_stored(codec, number, now) for number in range(start, min(start + _BATCH, patterns))]
        await store.commit(StoreBatch(slot=NO_SLOT, start=Cursor(), end=Cursor(), errors=tuple(errors)))
    await store.close()


def _stored(codec: BodyCodec, number: int, now: datetime) -> StoredError:
    project, made = ProjectId(number % _PROJECTS + 1), event(1, number, at=now)
    dictionary, body = codec.compress(project, msgspec.json.encode(event_to_json(made)))
    return StoredError(
        error_id=ErrorId(uuid7(made.timestamp, os.urandom(10))),
        project_id=project,
        event=made,
        entry=catalog(made),
        created_at=now,
        body=body,
        dictionary_id=dictionary,
    )


def _start(data_dir: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(program("index", ["--data-dir", str(data_dir)]), stdin=subprocess.DEVNULL)


async def _ready(svc: IndexServices) -> float:
    began = time.perf_counter()
    while True:
        try:
            await svc.index.count()
        except IndexUnavailableError:
            await asyncio.sleep(0.01)
        else:
            return time.perf_counter() - began


async def _measure(data_dir: Path, patterns: int) -> None:
    process = _start(data_dir)
    try:
        async with open_index_services(load_settings({"data_dir": data_dir}, environ={})) as svc:
            await _ready(svc)
            print(f"index, empty: {pss_mib([process.pid]):.0f} MiB")
            await _timed("rebuild", process, lambda: rebuild(svc))
            print(f"points: {await svc.index.count():,} of {patterns:,}")
            await asyncio.sleep(4)
            disk = disk_bytes(data_dir / "qdrant") / 2**20
            print(f"index, full and at rest: {pss_mib([process.pid]):.0f} MiB, {disk:.0f} MiB on disk")
            await _timed("a look for news, without any", process, lambda: catch_up(svc))
            await _ask(svc, process)
            process = await _kill(svc, process, data_dir)
    finally:
        process.kill()
        process.wait()


async def _timed(what: str, process: subprocess.Popen[bytes], work: Callable[[], Awaitable[object]]) -> None:
    wall, own, other = time.perf_counter(), time.process_time(), cpu_s([process.pid])
    result = await work()
    print(
        f"{what}: {time.perf_counter() - wall:.1f} s; processor time {time.process_time() - own:.1f} s here, "
        f"{cpu_s([process.pid]) - other:.1f} s in the index; {result}"
    )


async def _ask(svc: IndexServices, process: subprocess.Popen[bytes]) -> None:
    rnd = random.Random(7)
    keys = rnd.sample(sorted(await svc.index.keys()), _QUESTIONS)
    now = datetime.now(UTC)
    samples = [event(2, rnd.randrange(10**6), at=now) for _ in range(_QUESTIONS)]
    everyone = tuple(ProjectId(number) for number in range(1, _PROJECTS + 1))
    texts = [sample.message for sample in samples]
    vectors = [sparse_vector(features_of(sample)) for sample in samples]
    asked: tuple[tuple[str, Sequence[Callable[[], Awaitable[object]]]], ...] = (
        ("query, 30 of all", [partial(svc.index.query, v, limit=30) for v in vectors]),
        (
            "query, 30 of three projects",
            [partial(svc.index.query, v, project_ids=everyone[:3], limit=30) for v in vectors],
        ),
        ("nearest 10 to an error", [partial(nearest, svc.index, e, limit=10) for e in samples]),
        ("similar to a pattern, with its error", [partial(similar_to, svc, k, limit=10) for k in keys]),
        ("errors like a message", [partial(search_like, svc, t, limit=20) for t in texts]),
    )
    for what, questions in asked:
        await _each(what, process, questions)


async def _each(
    what: str, process: subprocess.Popen[bytes], questions: Sequence[Callable[[], Awaitable[object]]]
) -> None:
    spent = []
    cpu, other = time.process_time(), cpu_s([process.pid])
    for question in questions:
        began = time.perf_counter()
        await question()
        spent.append((time.perf_counter() - began) * 1e3)
    cpu_ms = (time.process_time() - cpu) / len(questions) * 1e3
    other_ms = (cpu_s([process.pid]) - other) / len(questions) * 1e3
    tail = statistics.quantiles(spent, n=100)
    print(
        f"{what}: p50 {tail[49]:.1f} ms, p95 {tail[94]:.1f} ms, p99 {tail[98]:.1f} ms "
        f"(processor time {cpu_ms:.1f} ms here, {other_ms:.1f} ms in the index)"
    )


async def _kill(
    svc: IndexServices, process: subprocess.Popen[bytes], data_dir: Path
) -> subprocess.Popen[bytes]:
    """Kill it while points are written, ten times; count what was acknowledged and is not there."""
    rnd = random.Random(3)
    vector = sparse_vector(features_of(event(1, 0, at=datetime.now(UTC))))
    known: set[PatternKey] = set()
    opened: list[float] = []
    for each in range(_KILLS):
        asyncio.get_running_loop().call_later(rnd.uniform(0.05, 1.0), process.send_signal, signal.SIGKILL)
        start = 1_000_000 * (each + 1)
        while True:
            part = [
                VectorPoint(key=PatternKey(ProjectId(1), PatternId(start + n)), vector=vector)
                for n in range(20)
            ]
            try:
                await svc.index.upsert(part)
            except IndexUnavailableError:
                break
            known |= {point.key for point in part}
            start += 20
        process.wait()
        process = _start(data_dir)
        opened.append(await _ready(svc))
    lost = known - await svc.index.keys()
    print(
        f"kill -9, {_KILLS} times: {len(known):,} points acknowledged, {len(lost)} lost; "
        f"answers again after {max(opened):.1f} s at most"
    )
    return process


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 100_000)
