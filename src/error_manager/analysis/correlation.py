"""Finds which patterns follow which, with share, lag and evidence (seed box: Correlation Engine). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from error_manager.analysis.candidates import find_candidates, lag_windows, occasions
from error_manager.analysis.event_stream import EventStream, Floats, Integers, build_stream
from error_manager.analysis.explanation import Explanation, Kind, explain
from error_manager.analysis.lag import Lag, measure_lag
from error_manager.analysis.significance import q_values
from error_manager.analysis.temporal import Link, measure

MOST_FALSE_SHARE: Final = 0.05
"""Benjamini-Hochberg: among the links found, at most this share is expected to be chance."""
SCANNED: Final = len(lag_windows()) * 2
"""Windows of lags times host scopes looked at per pair."""
LINK_Z: Final = 4.5
"""Links from here on may explain others, also when they are not sure enough to be reported."""
_KEPT_Z: Final = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """``effect`` follows ``cause``.

    ``score`` (0..1, 4 decimals), see docs/guides/correlations.md. ``window_s``: effects come within it.
    ``lag_s`` is the median lag, ``lag_spread_s`` its quartiles. ``support`` of ``occasions`` were followed,
    ``base_share`` of them would be by chance, ``lift`` is the ratio. ``explained_by`` is the pattern that
    makes a relation indirect or of common cause.
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
    base_share: float
    lift: float
    p_value: float
    q_value: float
    is_same_host: bool
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
    """Return which patterns follow which, best first.

    Args:
        times: seconds since the epoch, any order.
        patterns: pattern of each event, 0 <= pattern < n_patterns.
        hosts: host of each event, >= 0, or None.
        n_patterns: patterns there may be.
        observed: start and end of the window, seconds since the epoch.
        gaps: stretches in which nothing was collected.
        changes: times of deploys and the like; what comes in the minutes after does not count.
        since: from when on the events of each pattern are complete (see ``thin``); None: from the start.

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
        _relation(link, measure_lag(stream, sources[link.cause], link), float(chance), explained.get(pair))
        for (pair, link), chance in zip(links.items(), chances, strict=True)
    ]
    return tuple(sorted(relations, key=lambda found: (-found.score, found.cause, found.effect)))


def _links(stream: EventStream, sources: tuple[Integers, ...]) -> dict[tuple[int, int], Link]:
    """Return the stronger link of each pair, over the host scopes."""
    links: dict[tuple[int, int], Link] = {}
    for candidate in find_candidates(stream, sources):
        link = measure(
            stream,
            sources[candidate.cause],
            cause=candidate.cause,
            effect=candidate.effect,
            window=candidate.window,
            least_z=_KEPT_Z,
        )
        pair = candidate.cause, candidate.effect
        if link is not None and (pair not in links or link.z > links[pair].z):
            links[pair] = link
    return links


def _tests(sources: tuple[Integers, ...]) -> int:
    active = sum(len(places) > 0 for places in sources)
    return max(1, active * (active - 1)) * SCANNED


def _relation(link: Link, lag: Lag, q_value: float, explained: Explanation | None) -> Relation:
    is_sure = q_value <= MOST_FALSE_SHARE
    kind = explained.kind if explained is not None else Kind.DIRECT if is_sure else Kind.UNSURE
    return Relation(
        cause=link.cause,
        effect=link.effect,
        kind=kind,
        score=round(float(1.0 - np.exp(-link.z / 10.0)) if kind is Kind.DIRECT else 0.1 * (1.0 - q_value), 4),
        window_s=link.window.high_s,
        lag_s=lag.median_s,
        lag_spread_s=(lag.lower_s, lag.upper_s),
        support=link.hits,
        occasions=link.occasions,
        base_share=link.base_share,
        lift=link.hits / link.occasions / link.base_share,
        p_value=link.p_value,
        q_value=q_value,
        is_same_host=link.window.is_same_host,
        explained_by=None if explained is None else explained.by,
    )
