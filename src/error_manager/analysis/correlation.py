"""Finds which patterns follow which, with share, lag and evidence (seed box: Correlation Engine). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from error_manager.analysis.candidates import find_candidates, lag_windows, occasions
from error_manager.analysis.event_stream import EventStream, Floats, Integers, build_stream
from error_manager.analysis.explanation import Explanation, Kind, explain
from error_manager.analysis.lag import measure_lag
from error_manager.analysis.significance import q_values
from error_manager.analysis.temporal import Link, measure, same_host

MOST_FALSE_SHARE: Final = 0.01
"""Benjamini-Hochberg: among the links told, at most this share is expected to be chance."""
SCANNED: Final = len(lag_windows()) * 2
"""Windows of lags times host scopes looked at per pair: each counts as a test."""
LINK_Z: Final = 4.5
"""Links from here on may explain others, also when they are not sure enough to be told."""
KEPT_Z: Final = 4.0
"""Weaker links are not returned at all."""
LOCAL_Z: Final = 3.0
"""A link is local when it hits on the host of the cause this far above chance."""
REMOTE_DOUBT: Final = 0.6
"""Where all sure links are local, one across hosts loses this share of its score: what reaches two hosts at
once is more often a common cause that nobody logs (network, load, a shared service)."""
SCORE_Z: Final = 10.0
_UNTOLD: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """``effect`` follows ``cause``; only kind ``direct`` is to be told as such.

    ``score`` is 0..1 with 4 decimals, see docs/guides/correlations.md. Effects come within ``window_s``, with
    median ``lag_s`` and quartiles ``lag_spread_s``. ``support`` of ``occasions`` were followed,
    ``on_same_host`` of them on the host of the cause; ``base_share`` of the occasions would be by chance,
    ``lift`` is the ratio. ``explained_by`` is the pattern behind a relation that is not direct.
    """

    cause: int
    effect: int
    kind: Kind
    score: float
    window_s: float
    lag_s: float
    lag_spread_s: tuple[float, float]
    support: int
    occasions: int
    on_same_host: int
    base_share: float
    lift: float
    p_value: float
    q_value: float
    explained_by: int | None = None


def correlate(
    times: Floats,
    patterns: Integers,
    hosts: Integers | None = None,
    *,
    n_patterns: int,
    observed: tuple[float, float],
    gaps: Sequence[tuple[float, float]] = (),
    changes: Sequence[float] = (),
    since: Floats | None = None,
) -> tuple[Relation, ...]:
    """Return which patterns follow which, best first. The same input in any order gives the same.

    Args:
        times: seconds since the epoch, any order.
        patterns: pattern of each event, 0 <= pattern < n_patterns.
        hosts: host of each event, >= 0, or None.
        n_patterns: patterns there may be.
        observed: start and end of the window, seconds since the epoch.
        gaps: stretches in which nothing was collected.
        changes: times of deploys and the like; what comes in the minutes after does not count.
        since: from when on the events of each pattern are complete; None: from the start.

    Returns:
        Relations of kind ``direct``, and apart from them those that others explain or that are unsure.
    """
    stream = build_stream(
        times,
        patterns,
        hosts,
        n_patterns=n_patterns,
        observed=observed,
        gaps=gaps,
        changes=changes,
        since=since,
    )
    sources = tuple(occasions(stream, pattern) for pattern in range(n_patterns))
    links = _links(stream, sources)
    explained = explain(stream, links, sources, least_z=LINK_Z)
    chances = q_values(np.array([link.p_value for link in links.values()]), tests=_tests(sources))
    relations = [
        _relation(stream, sources[link.cause], link, float(chance), explained.get(pair))
        for (pair, link), chance in zip(links.items(), chances, strict=True)
    ]
    trusted = _weigh_hosts(stream, sources, links, relations)
    return tuple(sorted(trusted, key=lambda found: (-found.score, found.cause, found.effect)))


def _links(stream: EventStream, sources: tuple[Integers, ...]) -> dict[tuple[int, int], Link]:
    """Return the surest link of each pair, over windows and host scopes."""
    links: dict[tuple[int, int], Link] = {}
    for candidate in find_candidates(stream, sources):
        pair = candidate.cause, candidate.effect
        link = measure(
            stream,
            sources[candidate.cause],
            cause=candidate.cause,
            effect=candidate.effect,
            window=candidate.window,
            least_z=KEPT_Z,
        )
        if link is not None and (pair not in links or link.z > links[pair].z):
            links[pair] = link
    return links


def _tests(sources: tuple[Integers, ...]) -> int:
    active = sum(len(places) > 0 for places in sources)
    return max(1, active * (active - 1)) * SCANNED


def _relation(
    stream: EventStream, places: Integers, link: Link, q_value: float, explained: Explanation | None
) -> Relation:
    lag = measure_lag(stream, places, link)
    sure = Kind.DIRECT if q_value <= MOST_FALSE_SHARE else Kind.UNSURE
    kind = sure if explained is None else explained.kind
    score = 1.0 - float(np.exp(-link.z / SCORE_Z))
    return Relation(
        cause=link.cause,
        effect=link.effect,
        kind=kind,
        score=round(score if kind is Kind.DIRECT else score * _UNTOLD, 4),
        window_s=link.window.high_s,
        lag_s=lag.median_s,
        lag_spread_s=(lag.lower_s, lag.upper_s),
        support=link.hits,
        occasions=link.occasions,
        on_same_host=0,
        base_share=link.base_share,
        lift=link.hits / link.occasions / link.base_share,
        p_value=link.p_value,
        q_value=q_value,
        explained_by=None if explained is None else explained.by,
    )


def _weigh_hosts(
    stream: EventStream,
    sources: tuple[Integers, ...],
    links: dict[tuple[int, int], Link],
    relations: Sequence[Relation],
) -> list[Relation]:
    """Return the relations with their hits on the same host; those across hosts with less score."""
    if not stream.is_hosted:
        return list(relations)
    local = [same_host(stream, sources[link.cause], link) for link in links.values()]
    direct = [z for found, (_, z) in zip(relations, local, strict=True) if found.kind is Kind.DIRECT]
    doubt = REMOTE_DOUBT * sum(z >= LOCAL_Z for z in direct) / max(1, len(direct))
    return [
        replace(
            found, on_same_host=hits, score=round(found.score * (1.0 if z >= LOCAL_Z else 1.0 - doubt), 4)
        )
        for found, (hits, z) in zip(relations, local, strict=True)
    ]
