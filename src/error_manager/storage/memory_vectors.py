"""The twin of the vector index in memory, with the IDF of Qdrant (seed box: Qdrant Adapter)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import log

from error_manager.analysis.similarity import SparseVector
from error_manager.core.types import ProjectId
from error_manager.storage.vectors import PatternKey, PatternSample, VectorHit, VectorPoint


class MemoryVectors:
    """``VectorIndex`` as inverted lists."""

    def __init__(self) -> None:
        """Start empty."""
        self._vectors: dict[PatternKey, SparseVector] = {}
        self._postings: defaultdict[int, dict[PatternKey, float]] = defaultdict(dict)

    async def upsert(self, points: Sequence[VectorPoint]) -> None:
        """Put or replace points."""
        for point in points:
            self._remove(point.key)
            self._vectors[point.key] = point.vector
            for index, value in zip(point.vector.indices, point.vector.values, strict=True):
                self._postings[index][point.key] = value

    async def delete(self, keys: Sequence[PatternKey]) -> None:
        """Remove points; those that are not there are passed over."""
        for key in keys:
            self._remove(key)

    async def query(
        self,
        vector: SparseVector,
        *,
        project_ids: tuple[ProjectId, ...] = (),
        limit: int,
        exclude: PatternKey | None = None,
    ) -> tuple[VectorHit, ...]:
        """Return the points that share most with a vector, the best first."""
        scores: defaultdict[PatternKey, float] = defaultdict(float)
        for index, value in zip(vector.indices, vector.values, strict=True):
            there = self._postings.get(index, {})
            weight = value * idf(len(self._vectors), len(there))
            for key, other in there.items():
                if key != exclude and (not project_ids or key.project_id in project_ids):
                    scores[key] += weight * other
        best = sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))[:limit]
        return tuple(VectorHit(key=key, score=score, vector=self._vectors[key]) for key, score in best)

    async def keys(self) -> frozenset[PatternKey]:
        """Return every pattern that has a point."""
        return frozenset(self._vectors)

    async def count(self) -> int:
        """Return the number of points."""
        return len(self._vectors)

    async def clear(self) -> None:
        """Remove every point."""
        self._vectors.clear()
        self._postings.clear()

    def _remove(self, key: PatternKey) -> None:
        vector = self._vectors.pop(key, None)
        for index in vector.indices if vector is not None else ():
            del self._postings[index][key]


def idf(points: int, having: int) -> float:
    """Return how much a dimension says that ``having`` of all points have.

    Source:
        The modifier ``idf`` of Qdrant: ln((N - n + 0.5) / (n + 0.5) + 1).
    """
    return log((points - having + 0.5) / (having + 0.5) + 1)


class MemorySamples:
    """``PatternSource`` over the samples it is given."""

    def __init__(self, *samples: PatternSample) -> None:
        """Know these patterns."""
        self._samples = {sample.key: sample for sample in samples}

    async def patterns(self) -> frozenset[PatternKey]:
        """Return every pattern."""
        return frozenset(self._samples)

    async def samples(self, keys: Sequence[PatternKey]) -> tuple[PatternSample, ...]:
        """Return what to index these patterns by, in the order of their ids."""
        return tuple(self._samples[key] for key in sorted(keys) if key in self._samples)
