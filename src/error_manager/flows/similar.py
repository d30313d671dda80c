"""Which patterns are alike, and why: from the index to what people are told (seed box: Cluster Engine)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from error_manager.analysis.similarity import (
    Feature,
    features_of,
    shared_features,
    similarity,
    sparse_vector,
)
from error_manager.core.types import ErrorEvent, ProjectId
from error_manager.storage.vectors import PatternKey, VectorHit, VectorIndex

CANDIDATES: Final = 50
"""Hits of the index that are compared: the best of 50 is that of all for each of 5,900 errors of four sets of
traces (bench/RESULTS.md)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarPattern:
    """A pattern that is like the asked one.

    ``similarity`` is what they share of all that is known of both (0..1), ``shared`` the reasons, what weighs
    most first.
    """

    key: PatternKey
    similarity: float
    shared: tuple[Feature, ...]


async def nearest(
    index: VectorIndex,
    event: ErrorEvent,
    *,
    project_ids: tuple[ProjectId, ...] = (),
    limit: int,
    exclude: PatternKey | None = None,
) -> tuple[SimilarPattern, ...]:
    """Return the patterns that are most like an error, the most similar first.

    Raises:
        IndexUnavailableError: the index is away.
    """
    features = features_of(event)
    vector = sparse_vector(features)
    hits = await index.query(vector, project_ids=project_ids, limit=max(limit, CANDIDATES), exclude=exclude)
    ranked = sorted(((similarity(vector, hit.vector), hit) for hit in hits), key=_order)
    return _told(features, ranked[:limit])


def _order(pair: tuple[float, VectorHit]) -> tuple[float, float, PatternKey]:
    return -pair[0], -pair[1].score, pair[1].key


def _told(
    features: Sequence[Feature], ranked: Sequence[tuple[float, VectorHit]]
) -> tuple[SimilarPattern, ...]:
    return tuple(
        SimilarPattern(key=hit.key, similarity=score, shared=shared_features(features, hit.vector))
        for score, hit in ranked
    )
