"""The protocol of the index of pattern vectors, and the values that cross it (seed box: Qdrant Adapter)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from error_manager.analysis.similarity import SparseVector
from error_manager.core.types import PatternId, ProjectId

MAX_POINTS: Final = 500
"""Points that one call of ``upsert`` should hand over: more make others wait."""
_PATTERN_BITS: Final = 32
_PATTERN_MASK: Final = (1 << _PATTERN_BITS) - 1


class PatternKey(NamedTuple):
    """A pattern among those of all projects."""

    project_id: ProjectId
    pattern_id: PatternId


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorPoint:
    """The vector of one pattern."""

    key: PatternKey
    vector: SparseVector


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorHit:
    """A pattern that shares something with what was asked.

    ``score`` is the product of both vectors, each dimension times its IDF in this index: it orders the hits
    of one question and means nothing between questions.
    """

    key: PatternKey
    score: float
    vector: SparseVector


class VectorIndex(Protocol):
    """One vector per pattern, found by what it shares with another.

    Every method raises IndexUnavailableError when the index is away.
    """

    async def upsert(self, points: Sequence[VectorPoint]) -> None:
        """Put or replace points. When it returns they survive a kill of the index."""
        ...

    async def delete(self, keys: Sequence[PatternKey]) -> None:
        """Remove points; those that are not there are passed over."""
        ...

    async def query(
        self,
        vector: SparseVector,
        *,
        project_ids: tuple[ProjectId, ...] = (),
        limit: int,
        exclude: PatternKey | None = None,
    ) -> tuple[VectorHit, ...]:
        """Return the points that share most with a vector, the best first.

        Args:
            vector: what to look for; without any dimension nothing is found.
            project_ids: only patterns of these projects; empty = of all.
            limit: most hits, >= 1.
            exclude: a pattern that is no hit: the one that is asked about.
        """
        ...

    async def keys(self) -> frozenset[PatternKey]:
        """Return every pattern that has a point."""
        ...

    async def count(self) -> int:
        """Return the number of points."""
        ...

    async def clear(self) -> None:
        """Remove every point."""
        ...


def point_id(key: PatternKey) -> int:
    """Return the id of a pattern's point, 64 bits."""
    return key.project_id << _PATTERN_BITS | key.pattern_id


def key_of(point: int) -> PatternKey:
    """Return the pattern of a point by its id."""
    return PatternKey(ProjectId(point >> _PATTERN_BITS), PatternId(point & _PATTERN_MASK))


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternSample:
    """What a pattern is indexed by: its newest error, or what the pattern says when no error is kept.

    ``body`` is the JSON of that error, b"" when there is none.
    """

    key: PatternKey
    body: bytes
    title: str
    message: str
    platform: str = ""


class PatternSource(Protocol):
    """Where patterns to index come from: the truth. Every method raises StorageError when it is away."""

    async def patterns(self) -> frozenset[PatternKey]:
        """Return every pattern that has errors of its own: those merged into another one have none."""
        ...

    async def samples(self, keys: Sequence[PatternKey]) -> tuple[PatternSample, ...]:
        """Return what to index these patterns by; those that are not there any more are left out."""
        ...
