"""The index of pattern vectors in a folder: Qdrant's engine in this process (seed box: Qdrant Adapter).

Only the process ``index`` opens it: one opener per folder, and the engine holds Python's global lock while it
works. Everything is in one segment that can grow: an optimized one answers no faster (2.3 ms against 0.8 ms
at 100,000 points, 2026-11) and costs four seconds without an answer. What is acknowledged is in the engine's
write-ahead log, which survives a kill; ``tidy`` brings it to the disk.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

import qdrant_edge as qdrant
import structlog

from error_manager.analysis.similarity import VERSION, SparseVector
from error_manager.core.errors import IndexUnavailableError
from error_manager.core.types import ProjectId
from error_manager.storage.vectors import PatternKey, VectorHit, VectorPoint, key_of, point_id

_FIELD: Final = "features"
_PROJECT: Final = "project"
_NEVER_KB: Final = 1_000_000_000
"""Segments larger than this are optimized: none."""
_LOCKED: Final = "WouldBlock"
_ALL: Final = 1 << 40
_Condition = (
    qdrant.FieldCondition
    | qdrant.IsEmptyCondition
    | qdrant.IsNullCondition
    | qdrant.HasIdCondition
    | qdrant.HasVectorCondition
    | qdrant.NestedCondition
    | qdrant.Filter
)
_log = structlog.get_logger()


class EdgeVectors:
    """``VectorIndex`` over an open shard; not for two processes, nor for two threads."""

    def __init__(self, shard: qdrant.EdgeShard, folder: Path) -> None:
        """Keep an open shard; see ``open``."""
        self._shard = shard
        self._folder = folder
        self._is_dirty = False

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the index of this version of the features below a folder, or make it.

        One that cannot be read is set aside: it is filled again from the database.

        Raises:
            IndexUnavailableError: another process has it, or the folder cannot be written.
        """
        place = folder / f"v{VERSION}"
        return cls(_opened(place), place)

    async def upsert(self, points: Sequence[VectorPoint]) -> None:
        """Put or replace points."""
        if points:
            self._update(qdrant.UpdateOperation.upsert_points([_point(point) for point in points]))

    async def delete(self, keys: Sequence[PatternKey]) -> None:
        """Remove points; those that are not there are passed over."""
        if keys:
            self._update(qdrant.UpdateOperation.delete_points([point_id(key) for key in keys]))

    async def query(
        self,
        vector: SparseVector,
        *,
        project_ids: tuple[ProjectId, ...] = (),
        limit: int,
        exclude: PatternKey | None = None,
    ) -> tuple[VectorHit, ...]:
        """Return the points that share most with a vector, the best first."""
        if not vector.indices:
            return ()
        asked = qdrant.QueryRequest(
            limit=limit,
            query=qdrant.Query.Nearest(_vector(vector), using=_FIELD),
            filter=_filter(project_ids, exclude),
            with_vector=True,
            with_payload=False,
        )
        with _translated():
            found = self._shard.query(asked)
        return tuple(_hit(point) for point in found)

    async def keys(self) -> frozenset[PatternKey]:
        """Return every pattern that has a point."""
        request = qdrant.ScrollRequest(limit=_ALL, with_payload=False, with_vector=False)
        with _translated():
            records, _ = self._shard.scroll(request)
        return frozenset(key_of(int(record.id)) for record in records)

    async def count(self) -> int:
        """Return the number of points."""
        with _translated():
            return self._shard.count(qdrant.CountRequest(exact=True))

    async def clear(self) -> None:
        """Remove every point: by making the shard anew, which also gives back its space."""
        self.close()
        shutil.rmtree(self._folder)
        self._shard = _create(self._folder)

    async def tidy(self) -> None:
        """Bring what was changed to the disk and give back what removed points took; for idle times.

        Raises:
            IndexUnavailableError: the engine refused.
        """
        if not self._is_dirty:
            return
        with _translated():
            self._shard.flush()
            self._shard.optimize()
        self._is_dirty = False

    def close(self) -> None:
        """Bring everything to the disk and give the folder back."""
        self._shard.close()

    def _update(self, operation: qdrant.UpdateOperation) -> None:
        with _translated():
            self._shard.update(operation)
        self._is_dirty = True


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # the engine raises nothing more special
        raise IndexUnavailableError(str(error)) from error


def _opened(folder: Path) -> qdrant.EdgeShard:
    if not folder.exists():
        return _create(folder)
    try:
        return qdrant.EdgeShard.load(str(folder), _config())
    except Exception as error:
        if _LOCKED in str(error):
            raise IndexUnavailableError(f"{folder} is open in another process") from error
        _log.warning("index_unreadable", folder=str(folder), detail=str(error))
    aside = folder.with_name(f"{folder.name}.damaged")
    shutil.rmtree(aside, ignore_errors=True)  # an older one; if it stays, the next line says so
    try:
        folder.rename(aside)
    except OSError as error:
        raise IndexUnavailableError(f"{folder} cannot be set aside: {error.strerror}") from error
    return _create(folder)


def _create(folder: Path) -> qdrant.EdgeShard:
    try:
        folder.mkdir(mode=0o700, parents=True)
        shard = qdrant.EdgeShard.create(str(folder), _config())
        shard.update(qdrant.UpdateOperation.create_field_index(_PROJECT, qdrant.PayloadSchemaType.Integer))
    except Exception as error:
        raise IndexUnavailableError(f"{folder} cannot be made: {error}") from error
    return shard


def _config() -> qdrant.EdgeConfig:
    return qdrant.EdgeConfig(
        sparse_vectors={_FIELD: qdrant.EdgeSparseVectorParams(modifier=qdrant.Modifier.Idf)},
        optimizers=qdrant.EdgeOptimizersConfig(default_segment_number=1, indexing_threshold=_NEVER_KB),
        max_search_threads=1,
    )


def _point(point: VectorPoint) -> qdrant.Point:
    return qdrant.Point(
        point_id(point.key), {_FIELD: _vector(point.vector)}, {_PROJECT: int(point.key.project_id)}
    )


def _vector(vector: SparseVector) -> qdrant.SparseVector:
    return qdrant.SparseVector(list(vector.indices), list(vector.values))


def _filter(project_ids: tuple[ProjectId, ...], exclude: PatternKey | None) -> qdrant.Filter | None:
    if not project_ids and exclude is None:
        return None
    wanted: list[_Condition] = []
    unwanted: list[_Condition] = []
    if project_ids:
        anyone = qdrant.MatchAny([int(number) for number in project_ids])
        wanted.append(qdrant.FieldCondition(_PROJECT, match=anyone))
    if exclude is not None:
        unwanted.append(qdrant.HasIdCondition({point_id(exclude)}))
    return qdrant.Filter(must=wanted, must_not=unwanted)


def _hit(point: qdrant.ScoredPoint) -> VectorHit:
    vector = point.vector[_FIELD] if isinstance(point.vector, dict) else None
    if not isinstance(vector, qdrant.SparseVector):
        raise IndexUnavailableError("a point without vector")
    return VectorHit(
        key=key_of(int(point.id)),
        score=point.score,
        vector=SparseVector(tuple(vector.indices), tuple(vector.values)),
    )
