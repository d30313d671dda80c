"""Which pattern of an incident came first and explains most (seed box: Correlation Engine).

Each event is followed back along the known relations to the events it may come from. What a pattern explains
of the others beyond chance, and who began earlier, are differences between pairs; the potential that fits all
of them best is the order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from error_manager.analysis.link import Link, Scope
from error_manager.analysis.onset import Onset, find_onset

Array = NDArray[np.float64]
Matrix = NDArray[np.float64]
Flags = NDArray[np.bool_]
Counts = NDArray[np.int64]

EXPLAINED_SHARE: Final = 0.5
"""A pattern of whose events another explains this share is no candidate for the root."""
_ONSET_WEIGHT: Final = 0.3
"""What it is worth to begin before all others; to explain one other pattern wholly is worth 0.33."""
_CHANCE_GAIN: Final = 4.0
"""Log-likelihood the best moment gains over a steady rate by chance, in 95 % of steady patterns less."""
_LEAST_SHARE: Final = 0.05
_ROOM: Final = 0.5
"""Where chance leaves less than this unexplained, events are too dense to be followed one by one."""
_MOST_STEPS: Final = 6
"""Relations in a row along which an event is followed back."""
_MOST_EVENTS: Final = 10_000
"""Events followed back; of more only the earliest, that is the beginning of the incident."""
_LEAST_SPREAD_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """What one pattern explains of another.

    Attributes:
        effect: the other pattern.
        share: share of its events in the incident that follow from the cause, beyond chance, 0..1.
        via: patterns between them; empty for a direct relation.
        lag_s: time from cause to effect along the relations.
    """

    effect: Scope
    share: float
    via: tuple[Scope, ...]
    lag_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A pattern of an incident with the reasons for its place.

    Attributes:
        pattern: which.
        onset: when it began to rise.
        offset_s: how much later than the first that surely rose; 0 for that one.
        potential: difference to the others in what it explains and when it began; higher = more of a cause.
        explained_share: share of the events of all others that follow from it, 0..1.
        explains: which others, most first.
        explained_by: the pattern that explains most of it, None when none explains any.
        own_share: share of its own events that pattern explains, 0..1.
        is_candidate: no other explains half of it.
    """

    pattern: Scope
    onset: Onset
    offset_s: float
    potential: float
    explained_share: float
    explains: tuple[Explained, ...]
    explained_by: Scope | None
    own_share: float
    is_candidate: bool


@dataclass(frozen=True, slots=True)
class _Step:
    """A relation of two patterns, by index, and per effect the range of causes it may come from."""

    cause: int
    effect: int
    low: Counts
    high: Counts


@dataclass(frozen=True, slots=True)
class _Paths:
    """Best chain between each pair: product of the scores, sum of the lags, first step (-1 = no chain)."""

    score: Matrix
    lag_s: Matrix
    first: Counts


@dataclass(frozen=True, slots=True)
class _Found:
    """All that is known of an incident, by index of the pattern."""

    names: list[Scope]
    onsets: list[Onset]
    shares: Matrix
    paths: _Paths
    counts: Array
    potential: Array
    first_s: float


def rank_causes(
    times_s: Mapping[Scope, Sequence[float]],
    links: Sequence[Link],
    *,
    start_s: float,
    end_s: float,
    usual_per_s: Mapping[Scope, float] | None = None,
) -> tuple[Cause, ...]:
    """Return the patterns of an incident, the most likely root cause first.

    Args:
        times_s: event times of each pattern, seconds, in any order; those outside the window are left out.
        links: known relations; those with a pattern that is not in the incident are left out.
        start_s: begin of the window; some minutes before the first rise.
        end_s: end of the window, > start_s.
        usual_per_s: rate of each pattern expected without an incident; patterns left out have it estimated
            from their events before they rose.

    Returns:
        Patterns with an event in the window. First those no other explains by half, by potential; then the
        rest. Equal ones come in the order of ``times_s``.

    Source:
        Potential: X. Jiang et al., Math. Program. 127 (2011) 203-244. Formulas: docs/guides/root-cause.md.
    """
    events = {pattern: _clip(times, start_s, end_s) for pattern, times in times_s.items()}
    names = [pattern for pattern, times in events.items() if len(times)]
    if not names:
        return ()
    times = [events[name] for name in names]
    usual = usual_per_s or {}
    onsets = [
        find_onset(events[name], start_s=start_s, end_s=end_s, usual_per_s=usual.get(name)) for name in names
    ]
    known = [
        (names.index(link.cause), names.index(link.effect), link)
        for link in links
        if link.cause in names and link.effect in names and link.cause != link.effect
    ]
    paths = _paths(len(names), known)
    began = _began_first(onsets)
    shares = _shares(_earliest(times), onsets, known, paths.score * np.maximum(began, 0.0))
    potential = _potential(shares, paths.score, began)
    counts = np.array([(own >= onset.low_s).sum() for own, onset in zip(times, onsets, strict=True)], float)
    found = _Found(names, onsets, shares, paths, counts, potential, _first_s(onsets))
    causes = [_cause(at, found) for at in range(len(names))]
    return tuple(sorted(causes, key=lambda cause: (not cause.is_candidate, -round(cause.potential, 9))))


def _clip(times: Sequence[float], start_s: float, end_s: float) -> Array:
    """Return the sorted times within the window."""
    found = np.sort(np.asarray(times, dtype=np.float64))
    return found[(found >= start_s) & (found <= end_s)]


def _shares(
    times: list[Array], onsets: list[Onset], known: list[tuple[int, int, Link]], presumed: Matrix
) -> Matrix:
    """Return which share of each pattern (column) each other (row) explains, beyond chance.

    Chance is what the same relations explain when effects come before causes: as many events, no cause. Where
    that is nearly everything, what is ``presumed`` takes the place of what can be counted.
    """
    begins = [int(np.searchsorted(own, onset.low_s)) for own, onset in zip(times, onsets, strict=True)]
    found, by_chance = (
        np.array([_mean(marks[at:]) for marks, at in zip(_trace(times, steps), begins, strict=True)]).T
        for steps in (_steps(times, known, 1), _steps(times, known, -1))
    )
    room = np.minimum((1 - by_chance) / _ROOM, 1.0)
    counted = np.clip((found - by_chance) / np.maximum(1 - by_chance, 1e-9), 0.0, 1.0)
    shares = room * counted + (1 - room) * presumed
    np.fill_diagonal(shares, 0.0)
    return np.asarray(shares, dtype=np.float64)


def _earliest(times: list[Array]) -> list[Array]:
    """Return the events of all patterns up to the moment at which they are too many."""
    if sum(map(len, times)) <= _MOST_EVENTS:
        return times
    until = np.sort(np.concatenate(times))[_MOST_EVENTS]
    return [own[own < until] for own in times]


def _mean(marks: Flags) -> Array:
    """Return the share of events with each mark; none of no events."""
    return np.asarray(marks.sum(axis=0) / max(len(marks), 1), dtype=np.float64)


def _steps(times: list[Array], known: list[tuple[int, int, Link]], sign: int) -> list[_Step]:
    """Return the causes each effect may come from, per relation; ``sign`` -1 looks ahead instead of back."""
    steps = []
    for cause, effect, link in known:
        spread = max(2 * link.spread_s, link.lag_s / 2, _LEAST_SPREAD_S)
        near, far = max(link.lag_s - spread, 0.0), link.lag_s + spread
        one, other = times[effect] - sign * near, times[effect] - sign * far
        low, high = np.minimum(one, other), np.maximum(one, other)
        own = times[cause]
        steps.append(_Step(cause, effect, np.searchsorted(own, low), np.searchsorted(own, high, "right")))
    return steps


def _trace(times: list[Array], steps: list[_Step]) -> list[Flags]:
    """Return for each event of each pattern from which patterns it follows, directly or through others."""
    marks = [np.zeros((len(own), len(times)), dtype=bool) for own in times]
    for pattern, own in enumerate(marks):
        own[:, pattern] = True
    changed = set(range(len(times)))
    for _ in range(_MOST_STEPS):
        grown = set()
        for step in steps:
            if step.cause not in changed:
                continue
            sums = np.zeros((len(marks[step.cause]) + 1, len(times)), dtype=np.int32)
            np.cumsum(marks[step.cause], axis=0, out=sums[1:])
            more = (sums[step.high] > sums[step.low]) & ~marks[step.effect]
            if more.any():
                marks[step.effect] |= more
                grown.add(step.effect)
        changed = grown
    return marks


def _paths(count: int, known: list[tuple[int, int, Link]]) -> _Paths:
    """Return the best chain between each pair (Floyd and Warshall, on products)."""
    score, lag = np.zeros((count, count)), np.zeros((count, count))
    first = np.full((count, count), -1, dtype=np.int64)
    for cause, effect, link in known:
        if link.score > score[cause, effect]:
            score[cause, effect], lag[cause, effect], first[cause, effect] = link.score, link.lag_s, effect
    for middle in range(count):
        through = score[:, middle, None] * score[None, middle, :]
        is_better = through > score
        np.fill_diagonal(is_better, val=False)
        lag = np.where(is_better, lag[:, middle, None] + lag[None, middle, :], lag)
        first = np.where(is_better, first[:, middle, None], first)
        score = np.where(is_better, through, score)
    return _Paths(score, lag, first)


def _began_first(onsets: list[Onset]) -> Matrix:
    """Return how sure it is that the row began before the column: -1..1, 0 when one of them did not rise."""
    at = np.array([onset.at_s for onset in onsets])
    error = np.array([max((onset.high_s - onset.low_s) / 3.92, _LEAST_SPREAD_S) for onset in onsets])
    rose = np.array([_rose(onset) for onset in onsets])
    earlier = (at[None, :] - at[:, None]) / np.hypot(error[None, :], error[:, None])
    return np.asarray((2 * ndtr(earlier) - 1) * rose[:, None] * rose[None, :], dtype=np.float64)


def _potential(shares: Matrix, score: Matrix, began: Matrix) -> Array:
    """Return how much of a cause each pattern is: what pairs explain of each other, and who began first.

    The first part is the potential whose differences fit the pairs best, pulled to 0 by one pair's worth; the
    second the share of the others it surely leads (to come late is no evidence against a second cause).
    """
    related = np.maximum(shares * score, (shares * score).T)
    laplacian = np.diag(related.sum(axis=1)) - related
    explaining = np.linalg.solve(
        laplacian + np.eye(len(related)), (related * (shares - shares.T)).sum(axis=1)
    )
    leading = np.maximum(began, 0.0).sum(axis=1) / max(len(began) - 1, 1)
    return np.asarray(explaining + _ONSET_WEIGHT * leading, dtype=np.float64)


def _rose(onset: Onset) -> float:
    """Return how sure it is that the pattern rose at all, 0..1."""
    return 1 - math.exp(-max(onset.gain - _CHANCE_GAIN, 0.0) / 2)


def _first_s(onsets: list[Onset]) -> float:
    """Return the earliest onset of those that rose, or of all when none did."""
    risen = [onset for onset in onsets if _rose(onset) >= 0.5]
    return min(onset.at_s for onset in risen or onsets)


def _cause(at: int, found: _Found) -> Cause:
    """Return one pattern with its reasons."""
    names, shares, counts, onset = found.names, found.shares, found.counts, found.onsets[at]
    others = np.arange(len(names)) != at
    best = int(np.argmax(shares[:, at]))
    own = float(shares[best, at])
    explains = [
        Explained(
            effect=names[effect],
            share=float(shares[at, effect]),
            via=tuple(names[step] for step in _between(found.paths.first, at, int(effect))),
            lag_s=float(found.paths.lag_s[at, effect]),
        )
        for effect in np.argsort(-shares[at], kind="stable")
        if shares[at, effect] >= _LEAST_SHARE
    ]
    return Cause(
        pattern=names[at],
        onset=onset,
        offset_s=onset.at_s - found.first_s,
        potential=float(found.potential[at]),
        explained_share=float((shares[at] * counts)[others].sum() / max(counts[others].sum(), 1.0)),
        explains=tuple(explains),
        explained_by=names[best] if own >= _LEAST_SHARE else None,
        own_share=own,
        is_candidate=own < EXPLAINED_SHARE,
    )


def _between(first: Counts, cause: int, effect: int) -> list[int]:
    """Return the patterns between the ends of the best chain."""
    steps, at = [], int(first[cause, effect])
    while at not in (effect, -1):
        steps.append(at)
        at = int(first[at, effect])
    return steps
