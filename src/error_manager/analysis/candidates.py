"""Finds pairs of patterns worth a closer look, by counting what follows what (seed box: Correlation Engine).

Work grows with occasions times events that follow within ``LONGEST_S``, never with all pairs times all
events.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from error_manager.analysis.event_stream import EventStream, Flags, Floats, Integers, spaced
from error_manager.analysis.temporal import STEPS_WITHIN, Window

SHORTEST_S: Final = 0.1
LONGEST_S: Final = 1_000.0
BINS: Final = 33
EDGES: Final = np.concatenate([[0.0], np.geomspace(SHORTEST_S, LONGEST_S, BINS)])
"""Borders of the lags: 0, then by a third wider each."""
MERGE_S: Final = 5.0
"""Repetitions of an effect within this are one event here; else one burst of it would make a candidate."""
MOST_OCCASIONS: Final = 1_500
MOST_COUNTED: Final = 400_000_000
"""Pairs of events looked at; above it, fewer occasions of each pattern are (about 18 ns a pair)."""
FEWEST_OCCASIONS: Final = 5
FEWEST_HITS: Final = 3
CANDIDATE_Z: Final = 4.5
"""Signed root of the Poisson deviance from which on a pair is tested; far below what a relation needs."""
_QUICK_Z: Final = 3.5
_HOUR_S: Final = 3_600.0
_AT_ONCE: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Effect seen after cause more often than its rate explains."""

    cause: int
    effect: int
    window: Window
    z: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Axis:
    """Events on one line, for counting: all together, or host after host with room between."""

    times: Floats
    keys: npt.NDArray[np.int32]
    reach_s: float


def lag_windows() -> Integers:
    """Return the windows of lags that are scanned, as places in ``EDGES``: shape (n, 2).

    One, two, four and eight bins wide (the wider ones overlap by half), and all that start at 0: a fixed lag
    fills one bin, an exponential or growing one many.
    """
    bins = len(EDGES) - 1
    windows = {
        (place, place + width)
        for width, stride in ((1, 1), (2, 1), (4, 2), (8, 4))
        for place in range(0, bins - width + 1, stride)
    }
    windows |= {(0, place) for place in range(6, bins, 3)}
    return np.array(sorted(windows), dtype=np.int64)


def occasions(stream: EventStream, pattern: int) -> Integers:
    """Return the places of a pattern's occasions in the stream."""
    start = int(stream.first[pattern])
    places: Integers = spaced(stream.lines.of(pattern, is_same_host=False)) + start
    return places


def find_candidates(stream: EventStream, sources: tuple[Integers, ...]) -> tuple[Candidate, ...]:
    """Return pairs that may be related: per pair and host scope, the window of lags that stands out most.

    Args:
        stream: the events.
        sources: places of the occasions of each pattern.
    """
    merged = _merged(stream)
    owner = np.repeat(np.arange(stream.n_patterns), np.diff(stream.first))
    few = _even(sources, most=_most_occasions(stream, merged, sources))
    found: list[Candidate] = []
    apart_s = stream.longest_step_s * STEPS_WITHIN
    everywhere = _axis(stream, owner, merged, gap_s=0.0)
    by_host = _axis(stream, owner, merged, gap_s=stream.length_s + 10 * LONGEST_S)
    for cause, expected, share in _by_chance(stream, owner, merged, few):
        at = stream.earliest[few[cause]]
        counts = _count(everywhere, at, stream)
        found.extend(_stand_out(cause, counts, expected, is_same_host=False, apart_s=apart_s))
        if stream.is_hosted:
            at = at + stream.hosts[few[cause]] * by_host.reach_s
            scaled = expected * share
            counts = _count(by_host, at, stream)
            found.extend(_stand_out(cause, counts, scaled, is_same_host=True, apart_s=apart_s))
    return tuple(found)


def _merged(stream: EventStream) -> Integers:
    """Return the places of events that are no repetition of the one before."""
    new = np.ones(len(stream.lines.times), dtype=np.bool_)
    new[1:] = np.diff(stream.lines.times) > MERGE_S
    starts = stream.first[:-1]
    new[starts[starts < len(new)]] = True
    new[1:] |= np.diff(stream.lines.times) < 0
    return np.flatnonzero(new)


def _most_occasions(stream: EventStream, merged: Integers, sources: tuple[Integers, ...]) -> int:
    """Return how many occasions of each pattern keep the pairs looked at below ``MOST_COUNTED``."""
    sizes = np.array([len(places) for places in sources])
    per_occasion = max(1.0, len(merged) * LONGEST_S / max(1.0, stream.length_s))
    most = MOST_OCCASIONS
    while most > 100 and np.minimum(sizes, most).sum() * per_occasion > MOST_COUNTED:
        most = most * 9 // 10
    return most


def _even(sources: tuple[Integers, ...], *, most: int) -> tuple[Integers, ...]:
    """Return at most ``most`` occasions of each pattern, evenly over time."""
    return tuple(
        places if len(places) <= most else places[np.linspace(0, len(places) - 1, most).astype(np.int64)]
        for places in sources
    )


def _by_chance(
    stream: EventStream, owner: Integers, merged: Integers, sources: tuple[Integers, ...]
) -> Iterator[tuple[int, Floats, Floats]]:
    """Yield of each cause that came often enough how each pattern follows it by chance.

    That is how many effects per second of lag follow its occasions, by the rates of the hours, and the share
    of them on its host. Some causes at a time: of all pairs of 20,000 patterns at once these are 6 GB.
    """
    times, rates = _by_hour(stream, owner, merged, sources)
    causes, effects = _by_host(stream, owner, merged, sources)
    often = np.array(
        [cause for cause, places in enumerate(sources) if len(places) >= FEWEST_OCCASIONS], dtype=np.int64
    )
    for start in range(0, len(often), _AT_ONCE):
        some = often[start : start + _AT_ONCE]
        yield from zip(some.tolist(), times[some] @ rates.T, causes[some] @ effects.T, strict=True)


def _by_hour(
    stream: EventStream, owner: Integers, merged: Integers, sources: tuple[Integers, ...]
) -> tuple[Floats, Floats]:
    """Return the occasions and the effects per second of each pattern in each hour."""
    hours = int(np.ceil(stream.length_s / _HOUR_S)) or 1
    rates = np.zeros((stream.n_patterns, hours))
    np.add.at(rates, (owner[merged], (stream.lines.times[merged] // _HOUR_S).astype(np.int64)), 1.0 / _HOUR_S)
    times = np.zeros((stream.n_patterns, hours))
    for cause, places in enumerate(sources):
        hour = (np.maximum(0.0, stream.earliest[places]) // _HOUR_S).astype(np.int64)
        times[cause] = np.bincount(hour, minlength=hours)
    return times, rates


def _by_host(
    stream: EventStream, owner: Integers, merged: Integers, sources: tuple[Integers, ...]
) -> tuple[Floats, Floats]:
    """Return the shares of the hosts in the occasions and in the effects of each pattern."""
    hosts = len(stream.step_s)
    effects = np.zeros((stream.n_patterns, hosts))
    np.add.at(effects, (owner[merged], stream.hosts[merged]), 1.0)
    causes = np.zeros((stream.n_patterns, hosts))
    for cause, places in enumerate(sources):
        causes[cause] = np.bincount(stream.hosts[places], minlength=hosts)
    effects /= np.maximum(1.0, effects.sum(axis=1, keepdims=True))
    causes /= np.maximum(1.0, causes.sum(axis=1, keepdims=True))
    return causes, effects


def _axis(stream: EventStream, owner: Integers, merged: Integers, *, gap_s: float) -> _Axis:
    at = stream.lines.times[merged] + stream.hosts[merged] * gap_s
    order = np.argsort(at, kind="stable")
    return _Axis(
        times=at[order], keys=(owner[merged[order]] * (len(EDGES) - 1)).astype(np.int32), reach_s=gap_s
    )


def _count(axis: _Axis, at: Floats, stream: EventStream) -> Integers:
    """Return how many events of each pattern follow in each bin of lags, shape (n_patterns, bins)."""
    bins = len(EDGES) - 1
    bounds = np.searchsorted(axis.times, at[:, None] + EDGES[None, :])
    sizes = bounds[:, -1] - bounds[:, 0]
    shift = np.repeat(bounds[:, 0] - np.concatenate([[0], np.cumsum(sizes)[:-1]]), sizes)
    label = np.repeat(np.tile(np.arange(bins), len(at)), np.diff(bounds, axis=1).ravel())
    keys = axis.keys[np.arange(len(shift)) + shift] + label
    return np.bincount(keys, minlength=stream.n_patterns * bins).reshape(stream.n_patterns, bins)


def _stand_out(
    cause: int, counts: Integers, expected_per_s: Floats, *, is_same_host: bool, apart_s: float
) -> Iterator[Candidate]:
    """Yield the pairs of a cause with more than chance gives, each with its best window.

    Where hosts write their log in steps, the best window that reaches over ``apart_s`` comes too.
    """
    total = np.concatenate(
        [np.zeros((len(counts), 1), dtype=np.int32), np.cumsum(counts, axis=1, dtype=np.int32)], axis=1
    )
    low, high = _WINDOWS[:, 0], _WINDOWS[:, 1]
    seen = total[:, high] - total[:, low]
    width_s = EDGES[high] - EDGES[low]
    chance = np.outer(expected_per_s, width_s)
    spread = np.outer(_QUICK_Z * np.sqrt(expected_per_s), np.sqrt(width_s))
    likely: Flags = (seen >= FEWEST_HITS) & (seen > chance + spread)
    likely[cause] = False
    effect, window = np.nonzero(likely)
    k, mean = seen[effect, window], chance[effect, window] + 1e-9
    z = np.sqrt(2 * (k * np.log(k / mean) - (k - mean)))
    is_long = EDGES[high[window]] >= apart_s
    told: set[tuple[int, bool]] = set()
    for place in np.lexsort((-z, effect))[: len(z)].tolist():
        key = int(effect[place]), bool(is_long[place])
        if z[place] < CANDIDATE_Z or key in told:
            continue
        told.add(key)
        yield Candidate(
            cause=cause,
            effect=key[0],
            window=Window(
                is_same_host=is_same_host,
                low_s=float(EDGES[low[window[place]]]),
                high_s=float(EDGES[high[window[place]]]),
            ),
            z=float(z[place]),
        )


_WINDOWS: Final = lag_windows()
