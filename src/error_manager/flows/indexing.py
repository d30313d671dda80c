"""Patterns into the index of vectors, and questions to it (seed boxes: Cluster Engine, Qdrant Adapter).

The database is the truth: what the index lacks, or has too much, is told by comparing ids, so an index that
was lost fills itself. Which patterns have other errors than before, the caller tells. Questions never fail
because the index is away: the answer says that it is degraded.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from typing import Final

import structlog

from error_manager.analysis.similarity import (
    Comparison,
    Feature,
    asked_features,
    asked_share,
    features_of,
    sparse_vector,
)
from error_manager.core.errors import IndexUnavailableError, NotFoundError
from error_manager.core.text_mask import remember_masked
from error_manager.core.types import ErrorEvent, EventId, ExceptionInfo, Frame, ProjectId
from error_manager.decoding.native import decode_stored
from error_manager.decoding.stored import decode_grouped
from error_manager.decoding.text_stack import with_text_stack
from error_manager.flows.services import IndexServices
from error_manager.storage.vectors import (
    MAX_POINTS,
    PatternKey,
    PatternSample,
    VectorHit,
    VectorIndex,
    VectorPoint,
)

CANDIDATES: Final = 30
"""Hits of the index that are compared: of 20 or 50 the best one is the same, for each of 7,300 errors of four
sets of traces (bench/RESULTS.md)."""
AT_LEAST: Final = 0.1
"""Similarity below which a pattern is not called similar: a word or a library call in common."""
MAX_TEXT_CHARS: Final = 20_000
_NO_ID: Final = EventId("0" * 32)
_NO_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TYPED: Final = re.compile(
    r"(?P<type>[A-Za-z_][\w.$:\\]{0,120}(?:Error|Exception|Fault|Panic)):\s+(?P<value>.*)", re.DOTALL
)
_log = structlog.get_logger()

Told = Callable[[int], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarPattern:
    """A pattern that is like what was asked.

    ``similarity`` is what both share of all that is known of them (0..1); of words that a person typed it is
    the share of them that the pattern has. ``shared`` are the reasons, what weighs most first.
    """

    key: PatternKey
    similarity: float
    shared: tuple[Feature, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarAnswer:
    """Similar patterns, the most similar first; ``is_degraded``: the index is away, so there are none."""

    patterns: tuple[SimilarPattern, ...]
    is_degraded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Caught:
    """How many patterns were put into the index, and how many went."""

    added: int
    removed: int


# --- into the index -----------------------------------------------------------------------------------------


async def catch_up(
    svc: IndexServices, *, changed: Iterable[PatternKey] = (), told: Told | None = None
) -> Caught:
    """Index the patterns that the index lacks or that changed, and remove those that are no more.

    Args:
        svc: the services.
        changed: patterns whose errors were regrouped: their vector is of other errors.
        told: gets the number of patterns done so far.

    Raises:
        IndexUnavailableError: the index is away.
        StorageError: the database is away.
    """
    wanted = await svc.source.patterns()
    there = await svc.index.keys()
    added = await index_patterns(svc, sorted(wanted - there | wanted.intersection(changed)), told=told)
    gone = sorted(there - wanted)
    await svc.index.delete(gone)
    return Caught(added=added, removed=len(gone))


async def rebuild(svc: IndexServices, *, told: Told | None = None) -> Caught:
    """Empty the index and fill it again; until it is done answers lack patterns. Raises as ``catch_up``."""
    await svc.index.clear()
    return await catch_up(svc, told=told)


async def index_patterns(svc: IndexServices, keys: Sequence[PatternKey], *, told: Told | None = None) -> int:
    """Index patterns by their newest errors; return how many there are still. Raises as ``catch_up``.

    Args:
        svc: the services.
        keys: which patterns; each replaces its point.
        told: gets the number of patterns done so far.
    """
    done = 0
    parts = [keys[start : start + MAX_POINTS] for start in range(0, len(keys), MAX_POINTS)]
    coming = asyncio.ensure_future(svc.source.samples(parts[0] if parts else ()))
    try:
        for following in [*parts[1:], ()][: len(parts)]:
            samples = await coming
            coming = asyncio.ensure_future(svc.source.samples(following))  # while these are indexed
            await svc.index.upsert(await asyncio.to_thread(_points, samples))
            done += len(samples)
            if told is not None:
                await told(done)
    finally:
        await asyncio.gather(coming, return_exceptions=True)
    return done


def _points(samples: Sequence[PatternSample]) -> list[VectorPoint]:
    return [
        VectorPoint(key=sample.key, vector=sparse_vector(features_of(event_of(sample)))) for sample in samples
    ]


def event_of(sample: PatternSample) -> ErrorEvent:
    """Return the error that a pattern is indexed by, as far as its features are concerned."""
    if sample.body:
        event = decode_grouped(sample.body) or decode_stored(sample.body)
        remember_masked(_texts(event))
        return event
    return replace(_event_of_line(sample.message), platform=sample.platform)


def _texts(event: ErrorEvent) -> Iterator[str]:
    """Yield what features are made of; all of it was masked when it was stored."""
    yield from (event.message, event.logger)
    yield from chain.from_iterable(map(_names, event.frames))
    for exception in event.exceptions:
        yield from (exception.type, exception.value)
        yield from chain.from_iterable(map(_names, exception.frames))


def _names(frame: Frame) -> tuple[str, ...]:
    return frame.function, frame.module, frame.filename, frame.abs_path


# --- questions ----------------------------------------------------------------------------------------------


async def similar_to(
    svc: IndexServices, key: PatternKey, *, project_ids: tuple[ProjectId, ...] = (), limit: int
) -> SimilarAnswer:
    """Return the patterns most like a pattern, among those of the given projects (none given: of all).

    Raises:
        NotFoundError: there is no such pattern.
        StorageError: the database is away.
    """
    samples = await svc.source.samples([key])
    if not samples:
        raise NotFoundError(f"There is no pattern {key.pattern_id} in project {key.project_id}.")
    event = event_of(samples[0])
    answer = await _answered(nearest(svc.index, event, project_ids=project_ids, limit=limit, exclude=key))
    near = tuple(similar for similar in answer.patterns if similar.similarity >= AT_LEAST)
    return replace(answer, patterns=near)


async def search_like(
    svc: IndexServices, text: str, *, project_ids: tuple[ProjectId, ...] = (), limit: int
) -> SimilarAnswer:
    """Return the patterns that are like a text: a pasted trace, a message, or words.

    A trace is compared as a whole. Of words each pattern has a few: how rare these are decides, which the
    index knows.

    Args:
        svc: the services.
        text: what a person typed or pasted; its first ``MAX_TEXT_CHARS`` characters count.
        project_ids: where to look; empty = everywhere.
        limit: most patterns.
    """
    event = _event_of_text(text[:MAX_TEXT_CHARS])
    if _has_stack(event):
        return await _answered(nearest(svc.index, event, project_ids=project_ids, limit=limit))
    return await _answered(_having_words(svc.index, event, project_ids=project_ids, limit=limit))


async def nearest(
    index: VectorIndex,
    event: ErrorEvent,
    *,
    project_ids: tuple[ProjectId, ...] = (),
    limit: int,
    exclude: PatternKey | None = None,
) -> tuple[SimilarPattern, ...]:
    """Return the patterns most like an error, the most similar first.

    Raises:
        IndexUnavailableError: the index is away.
    """
    comparison = Comparison(features_of(event))
    hits = await index.query(
        comparison.vector, project_ids=project_ids, limit=max(limit, CANDIDATES), exclude=exclude
    )
    ranked = sorted(((comparison.similarity(hit.vector), hit) for hit in hits), key=_order)
    return _told(ranked[:limit], comparison)


async def _having_words(
    index: VectorIndex, event: ErrorEvent, *, project_ids: tuple[ProjectId, ...], limit: int
) -> tuple[SimilarPattern, ...]:
    asked = asked_features(event.message)
    comparison = Comparison([*chain.from_iterable(asked), *features_of(event)])
    hits = await index.query(comparison.vector, project_ids=project_ids, limit=limit)
    return _told([(asked_share(asked, hit.vector), hit) for hit in hits], comparison)


def _told(ranked: Sequence[tuple[float, VectorHit]], comparison: Comparison) -> tuple[SimilarPattern, ...]:
    return tuple(
        SimilarPattern(key=hit.key, similarity=score, shared=comparison.shared(hit.vector))
        for score, hit in ranked
    )


def _has_stack(event: ErrorEvent) -> bool:
    return bool(event.frames) or any(exception.frames for exception in event.exceptions)


def _order(pair: tuple[float, VectorHit]) -> tuple[float, float, PatternKey]:
    return -pair[0], -pair[1].score, pair[1].key


async def _answered(question: Awaitable[tuple[SimilarPattern, ...]]) -> SimilarAnswer:
    try:
        return SimilarAnswer(patterns=await question)
    except IndexUnavailableError as error:
        _log.warning("index_unavailable", detail=str(error))
        return SimilarAnswer(patterns=(), is_degraded=True)


def _event_of_text(text: str) -> ErrorEvent:
    event = with_text_stack(ErrorEvent(event_id=_NO_ID, timestamp=_NO_TIME, message=text.strip()), text)
    return event if event.exceptions or event.frames else _event_of_line(text.strip())


def _event_of_line(text: str) -> ErrorEvent:
    """Return the error that ``Type: message`` tells of, or a bare message."""
    typed = _TYPED.fullmatch(text)
    raised = () if typed is None else (ExceptionInfo(type=typed["type"], value=typed["value"]),)
    return ErrorEvent(event_id=_NO_ID, timestamp=_NO_TIME, message=text, exceptions=raised)
