"""The index of pattern vectors on a Qdrant server, by URL (seed box: Qdrant Adapter).

Needs the extra ``[qdrant]``. Only the process ``index-server`` imports it: the client brings numpy along.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Self

from qdrant_client import AsyncQdrantClient, models
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ApiException

from error_manager.analysis.similarity import VERSION, SparseVector
from error_manager.core.errors import IndexUnavailableError
from error_manager.core.types import ProjectId
from error_manager.storage.vectors import PatternKey, VectorHit, VectorPoint, key_of, point_id

COLLECTION: Final = f"error_manager_patterns_v{VERSION}"
_FIELD: Final = "features"
_PROJECT: Final = "project"
_TIMEOUT_S: Final = 5
_PAGE: Final = 10_000


class ServerVectors:
    """``VectorIndex`` as a collection of a Qdrant server. Call ``prepare`` first."""

    def __init__(self, client: AsyncQdrantClient, *, collection: str = COLLECTION) -> None:
        """Keep the client; see ``connect``."""
        self._client = client
        self._collection = collection

    @classmethod
    def connect(cls, url: str, *, api_key: str | None) -> Self:
        """Return the index of a server; nothing is sent yet."""
        return cls(AsyncQdrantClient(url=url, api_key=api_key, timeout=_TIMEOUT_S, check_compatibility=False))

    async def prepare(self) -> None:
        """Make the collection unless it is there.

        Raises:
            IndexUnavailableError: the server is away or refuses.
        """
        with _translated():
            if await self._client.collection_exists(self._collection):
                return
            await self._client.create_collection(
                self._collection,
                sparse_vectors_config={_FIELD: models.SparseVectorParams(modifier=models.Modifier.IDF)},
            )
            await self._client.create_payload_index(
                self._collection, _PROJECT, models.PayloadSchemaType.INTEGER
            )

    async def upsert(self, points: Sequence[VectorPoint]) -> None:
        """Put or replace points."""
        if points:
            with _translated():
                await self._client.upsert(self._collection, [_point(point) for point in points], wait=True)

    async def delete(self, keys: Sequence[PatternKey]) -> None:
        """Remove points; those that are not there are passed over."""
        if keys:
            numbers = models.PointIdsList(points=[point_id(key) for key in keys])
            with _translated():
                await self._client.delete(self._collection, numbers, wait=True)

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
        with _translated():
            found = await self._client.query_points(
                self._collection,
                query=_vector(vector),
                using=_FIELD,
                query_filter=_filter(project_ids, exclude),
                limit=limit,
                with_vectors=True,
                with_payload=False,
            )
        return tuple(_hit(point) for point in found.points)

    async def keys(self) -> frozenset[PatternKey]:
        """Return every pattern that has a point."""
        found: set[PatternKey] = set()
        offset: models.ExtendedPointId | None = None
        while True:
            with _translated():
                records, offset = await self._client.scroll(
                    self._collection, limit=_PAGE, offset=offset, with_payload=False, with_vectors=False
                )
            found.update(key_of(int(record.id)) for record in records)
            if offset is None:
                return frozenset(found)

    async def count(self) -> int:
        """Return the number of points."""
        with _translated():
            return (await self._client.count(self._collection, exact=True)).count

    async def clear(self) -> None:
        """Remove every point."""
        with _translated():
            await self._client.delete_collection(self._collection)
        await self.prepare()

    async def tidy(self) -> None:
        """Do nothing: the server looks after itself."""

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (ApiException, QdrantException) as error:
        raise IndexUnavailableError(f"The Qdrant server: {error}") from error


def _point(point: VectorPoint) -> models.PointStruct:
    return models.PointStruct(
        id=point_id(point.key),
        vector={_FIELD: _vector(point.vector)},
        payload={_PROJECT: int(point.key.project_id)},
    )


def _vector(vector: SparseVector) -> models.SparseVector:
    return models.SparseVector(indices=list(vector.indices), values=list(vector.values))


def _filter(project_ids: tuple[ProjectId, ...], exclude: PatternKey | None) -> models.Filter | None:
    if not project_ids and exclude is None:
        return None
    wanted: list[models.Condition] = []
    unwanted: list[models.Condition] = []
    if project_ids:
        anyone = models.MatchAny(any=[int(number) for number in project_ids])
        wanted.append(models.FieldCondition(key=_PROJECT, match=anyone))
    if exclude is not None:
        unwanted.append(models.HasIdCondition(has_id=[point_id(exclude)]))
    return models.Filter(must=wanted, must_not=unwanted)


def _hit(point: models.ScoredPoint) -> VectorHit:
    vector = point.vector.get(_FIELD) if isinstance(point.vector, dict) else None
    if not isinstance(vector, models.SparseVector):
        raise IndexUnavailableError("a point without vector")
    pairs = sorted(zip(vector.indices, vector.values, strict=True))
    return VectorHit(
        key=key_of(int(point.id)),
        score=point.score,
        vector=SparseVector(tuple(index for index, _ in pairs), tuple(value for _, value in pairs)),
    )
