"""Families of patterns: neighbours from the index, grouped and named (seed box: Cluster Engine)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from error_manager.analysis.clustering import Family, Key, families, group
from error_manager.analysis.similarity import Feature, features_of
from error_manager.flows.indexing import SimilarPattern, event_of, nearest
from error_manager.flows.services import IndexServices
from error_manager.storage.vectors import MAX_POINTS, PatternKey

NEIGHBOURS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Kinship:
    """What is found about patterns: for each its nearest ones, and the families of all."""

    neighbours: dict[PatternKey, tuple[SimilarPattern, ...]]
    families: tuple[Family, ...]


async def find_families(
    svc: IndexServices, keys: Sequence[PatternKey], *, previous: Iterable[Family] = ()
) -> Kinship:
    """Return the neighbours of patterns, each within its project, and the families that they make.

    Args:
        svc: the services.
        keys: the patterns; those that are not there any more are left out.
        previous: the families of the run before, whose ids go on.

    Raises:
        IndexUnavailableError: the index is away.
        StorageError: the database is away.
    """
    neighbours: dict[PatternKey, tuple[SimilarPattern, ...]] = {}
    features: dict[Key, tuple[Feature, ...]] = {}
    for start in range(0, len(keys), MAX_POINTS):
        for sample in await svc.source.samples(keys[start : start + MAX_POINTS]):
            event, key = event_of(sample), sample.key
            features[key] = features_of(event)
            own = (key.project_id,)
            neighbours[key] = await nearest(svc.index, event, project_ids=own, limit=NEIGHBOURS, exclude=key)
    near: dict[Key, list[tuple[Key, float]]] = {
        key: [(similar.key, similar.similarity) for similar in found if similar.key in features]
        for key, found in neighbours.items()
    }
    return Kinship(neighbours=neighbours, families=families(group(near), features, previous))
