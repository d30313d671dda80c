"""Grouping: each error of a set to its group, by the fingerprint of the server, in order of arrival.

For ``score_ranking.py`` also which earlier errors are most like it (``<set>_rank.csv``, and by an
IDF-weighted Jaccard of frames, type and source line ``<set>_rank_jaccard.csv``). The truth is not read here,
so ``cand_group`` is the id of the earlier error: ``python -m bench.score_rank`` puts in its group.
"""

from __future__ import annotations

import asyncio
import csv
import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from math import log
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.files import find, open_text

from error_manager.analysis.similarity import features_of, sparse_vector
from error_manager.core.fingerprint import fingerprint
from error_manager.core.ids import new_event_id
from error_manager.core.types import ErrorEvent, PatternId, ProjectId
from error_manager.decoding.sentry import decode_sentry
from error_manager.flows.indexing import nearest
from error_manager.storage.qdrant.edge import EdgeVectors
from error_manager.storage.vectors import PatternKey, VectorIndex, VectorPoint

Ranked = list[tuple[str, str, float]]
SETS = {"traces": "traces.jsonl", "traces_hard": "traces_hard.jsonl", "must": "must/events.jsonl"}
RANKED = ("traces", "traces_hard")
_CANDIDATES = 50
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
        if name in RANKED:
            _rank(f"{name}_rank", errors, out, ranked)
            _rank(f"{name}_rank_jaccard", errors, out, ranked_by_jaccard)


def _rank(
    name: str,
    errors: list[tuple[str, ErrorEvent]],
    out: Path,
    method: Callable[[list[tuple[str, ErrorEvent]]], Ranked],
) -> None:
    started = time.process_time()
    rows = method(errors)
    each_ms = (time.process_time() - started) / max(1, len(errors)) * 1e3
    with (out / f"{name}.csv").open("w", newline="", encoding="utf-8") as target:
        csv.writer(target).writerows([("id", "cand_group", "score"), *rows])
    print(f"grouping {name}: {each_ms:.1f} ms of processor time each")


def ranked(errors: list[tuple[str, ErrorEvent]]) -> Ranked:
    """Return for each error the earlier ones most like it: asked before it is put into the index itself."""
    with TemporaryDirectory() as folder:
        index = EdgeVectors.open(Path(folder))
        try:
            return asyncio.run(_ranked(index, errors))
        finally:
            index.close()


async def _ranked(index: VectorIndex, errors: list[tuple[str, ErrorEvent]]) -> Ranked:
    rows: Ranked = []
    for number, (name, event) in enumerate(errors):
        for similar in await nearest(index, event, limit=_CANDIDATES):
            rows.append((name, errors[similar.key.pattern_id][0], similar.similarity))
        key = PatternKey(ProjectId(1), PatternId(number))
        await index.upsert([VectorPoint(key=key, vector=sparse_vector(features_of(event)))])
    return rows


def ranked_by_jaccard(errors: list[tuple[str, ErrorEvent]]) -> Ranked:
    """Return the same by what is compared with: the share of frames, type and lines, each by its IDF."""
    rows: Ranked = []
    having: Counter[str] = Counter()
    places: defaultdict[str, list[int]] = defaultdict(list)
    earlier: list[frozenset[str]] = []
    for number, (name, event) in enumerate(errors):
        parts = _parts(event)
        shared: defaultdict[int, float] = defaultdict(float)
        for part in parts:
            for other in places[part]:
                shared[other] += log((number + 1) / (having[part] + 1)) + 1
        total = _weight(parts, having, number)
        scores = {
            other: weight / (total + _weight(earlier[other], having, number) - weight)
            for other, weight in shared.items()
        }
        best = sorted(scores.items(), key=lambda pair: -pair[1])[:_CANDIDATES]
        rows += [(name, errors[other][0], score) for other, score in best]
        for part in parts:
            having[part] += 1
            places[part].append(number)
        earlier.append(parts)
    return rows


def _weight(parts: frozenset[str], having: Counter[str], errors: int) -> float:
    return sum(log((errors + 1) / (having[part] + 1)) + 1 for part in parts)


def _parts(event: ErrorEvent) -> frozenset[str]:
    raised = event.raised
    frames = raised.frames if raised is not None else event.frames
    parts = {f"type {raised.type}"} if raised is not None else set()
    parts |= {f"frame {frame.module or frame.filename}.{frame.function}" for frame in frames}
    return frozenset(parts | {f"line {frame.context_line}" for frame in frames if frame.context_line})


def _decoded(event: object) -> ErrorEvent:
    decoded = decode_sentry(
        json.dumps(event).encode(), received_at=_RECEIVED_AT, event_id=new_event_id(bytes(16))
    )
    if not isinstance(decoded, ErrorEvent):
        raise TypeError(f"not an error: {decoded}")
    return decoded
