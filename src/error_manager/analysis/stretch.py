"""Finds when patterns of a log came far more or less often than usual (seed box: Anomaly Detector). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from error_manager.analysis.change_point import ChangePoint, change_points
from error_manager.analysis.log_finding import StretchKind

Array = NDArray[np.float64]

FEWEST_BUCKETS: Final = 36
"""A range in fewer buckets says nothing about what is usual."""
FEWEST_EVENTS: Final = 20
RHYTHM_S: Final = 43_200.0
"""From half a day on, the load of the day is told from a change by what the other patterns do."""
_VOTE_CAP: Final = 3.0
_VOTES_OF_EVEN: Final = 2.0
"""Even load counts as much as so many patterns: with few others, little is known of the rhythm."""
_BURST_SHARE: Final = 0.25
"""What is more than usual for a larger share of the range than this is a level, not a burst."""
LEAST_RATIO: Final = 2.0
"""A stretch is told from twice the usual rate on, or half of it."""
_SILENT_SHARE: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A stretch of one series, buckets ``start`` <= bucket < ``end``; rates per bucket."""

    series: int
    kind: StretchKind
    start: int
    end: int
    rate: float
    usual: float
    gain: float


def stretches(counts: Array, observed: Array, *, step_s: float) -> tuple[Found, ...]:
    """Return the stretches of each series that differ from what is usual for it, the clearest first.

    Levels are those between changes (``change_point``); the usual one is the median over the time.

    Args:
        counts: shape (n, b), oldest first.
        observed: share of each bucket that the range covers, 0 < share <= 1, shape (b,).
        step_s: width of a bucket, seconds.
    """
    if counts.shape[1] < FEWEST_BUCKETS:
        return ()
    places = np.flatnonzero(counts.sum(axis=1) >= FEWEST_EVENTS)
    if len(places) == 0:
        return ()
    judged = counts[places]
    exposure = np.broadcast_to(observed, judged.shape).copy()
    if counts.shape[1] * step_s >= RHYTHM_S:
        exposure *= _rhythms(judged, observed)
    found = [
        each
        for place, changes, exposed in zip(
            places.tolist(), change_points(judged, exposure), exposure, strict=True
        )
        for each in _of(place, changes, exposed, counts[place])
    ]
    return tuple(sorted(found, key=lambda each: (-each.gain, each.series, each.start)))


def _rhythms(counts: Array, observed: Array) -> Array:
    """Return how busy each bucket was by what the other patterns did, mean about 1, shape (n, b).

    Each pattern has one vote, three times its mean at most, so that a storm of one is no rhythm of all.
    """
    mean = counts.sum(axis=1, keepdims=True) / observed.sum()
    votes = np.minimum(counts / observed / mean, _VOTE_CAP)
    others = votes.sum(axis=0, keepdims=True) - votes
    busy = (others + _VOTES_OF_EVEN) / (len(counts) - 1 + _VOTES_OF_EVEN)
    return np.asarray(busy, dtype=np.float64)


def _of(series: int, changes: Sequence[ChangePoint], exposed: Array, counts: Array) -> list[Found]:
    if not changes:
        return []
    edges = [0, *(change.index for change in changes), len(counts)]
    rates = [changes[0].before, *(change.after for change in changes)]
    usual = _usual(rates, edges)
    found = []
    for place, rate in enumerate(rates):
        start, end = edges[place], edges[place + 1]
        kind = _kind(rate, usual, share=(end - start) / len(counts), is_last=end == len(counts))
        if kind is None or (kind is not StretchKind.BURST and start == 0):  # before it there was nothing else
            continue
        gains = [changes[at].gain for at in (place - 1, place) if 0 <= at < len(changes)]
        found.append(
            Found(
                series=series, kind=kind, start=start, end=end, gain=max(gains), usual=usual,
                rate=float(counts[start:end].sum() / exposed[start:end].sum()),
            )
        )  # fmt: skip
    return found


def _usual(rates: Sequence[float], edges: Sequence[int]) -> float:
    """Return the median of the rates, each as long as it lasted."""
    widths = np.diff(np.asarray(edges))
    order = np.argsort(rates, kind="stable")
    half = np.searchsorted(np.cumsum(widths[order]), widths.sum() / 2)
    return float(np.asarray(rates)[order][half])


def _kind(rate: float, usual: float, *, share: float, is_last: bool) -> StretchKind | None:
    if rate >= LEAST_RATIO * usual and rate > 0:
        is_short = share <= _BURST_SHARE
        return StretchKind.RISE if is_last or not is_short else StretchKind.BURST
    if rate * LEAST_RATIO <= usual:
        return StretchKind.SILENCE if rate <= _SILENT_SHARE * usual else StretchKind.FALL
    return None
