"""What a log says beyond patterns: times -> relations, stretches -> advice (seed box: Correlation Engine).

The same functions as the server's, on what one reading of a file has kept. Needs numpy and scipy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from error_manager.analysis.correlation import Relation, correlate
from error_manager.analysis.diagnosis import Diagnoser
from error_manager.analysis.event_times import EventTimes
from error_manager.analysis.explanation import Kind
from error_manager.analysis.found import OTHER, FoundPattern
from error_manager.analysis.log_finding import Follows, LogFindings, Stretch, StretchKind
from error_manager.analysis.stretch import stretches
from error_manager.analysis.timeline import TimeRange
from error_manager.flows.log_advice import LogFacts, advise, is_bad

Floats = NDArray[np.float64]

MOST_PATTERNS: Final = 500
"""Patterns held against each other: the worst first, then the most frequent."""
FEWEST_TIMES: Final = 5
MOST_FOLLOWS: Final = 100
MOST_STRETCHES: Final = 100
MOST_ADVICE: Final = 20
_HOUR_S: Final = 3_600.0
_MINUTE_S: Final = 60.0
_UNITS_S: Final = (1.0, _MINUTE_S)
_WHOLE_SHARE: Final = 0.98
"""Times are written in whole units when so many are; ``ORDER_S`` of the scanner keeps them this near."""
_IN_ORDER_S: Final = 0.05
_MOST_OF_BURST: Final = 0.9


def find(
    patterns: Sequence[FoundPattern],
    times: EventTimes,
    range_: TimeRange,
    diagnoser: Diagnoser,
    rng: np.random.Generator,
) -> LogFindings:
    """Return what follows what, the unusual stretches, and what to do.

    Args:
        patterns: with masked texts and samples; what is told quotes them.
        times: of the patterns, by id.
        range_: of all times.
        diagnoser: tells families.
        rng: spreads times that are written in whole seconds.
    """
    chosen = _chosen(patterns)
    follows = _follows(chosen, times, rng)
    unusual = tuple(_sharpened(each, times) for each in _stretches(chosen, range_))
    known = LogFacts(
        patterns={pattern.id: pattern for pattern in patterns},
        times=times,
        follows=follows,
        stretches=unusual,
    )
    advice = sorted(
        (advise(pattern, known, diagnoser) for pattern in chosen if is_bad(pattern)),
        key=lambda each: -each.risk,
    )
    return LogFindings(
        follows=follows[:MOST_FOLLOWS],
        stretches=unusual[:MOST_STRETCHES],
        advice=tuple(each for each in advice if each.action)[:MOST_ADVICE],
        note="" if range_.first is not None else "The input has no times: what follows what is not known.",
    )


def _chosen(patterns: Sequence[FoundPattern]) -> list[FoundPattern]:
    known = [pattern for pattern in patterns if pattern.id != OTHER]
    return sorted(known, key=lambda each: (-_rank(each), -each.count))[:MOST_PATTERNS]


def _rank(pattern: FoundPattern) -> int:
    """Return the rank of what is bad; all that is not is equal."""
    return pattern.severity.rank if pattern.severity is not None and is_bad(pattern) else 0


def _is_harmless(pattern: FoundPattern) -> bool:
    return pattern.severity is not None and not is_bad(pattern)


# ---------------------------------------------------------------------------------------- what follows what
def _follows(
    patterns: Sequence[FoundPattern], times: EventTimes, rng: np.random.Generator
) -> tuple[Follows, ...]:
    """Return the direct relations, the surest first; those between harmless patterns are not told."""
    at = [np.frombuffer(times.of(pattern.id), dtype=np.float64) for pattern in patterns]
    at = [each if len(each) >= FEWEST_TIMES else each[:0] for each in at]
    every = np.concatenate(at) if at else np.empty(0)
    if len(every) == 0:
        return ()
    since = [times.since(pattern.id) for pattern in patterns]
    relations = correlate(
        _spread(every, rng),
        np.repeat(np.arange(len(at)), [len(each) for each in at]),
        n_patterns=len(at),
        observed=(float(every.min()), float(every.max()) + _MINUTE_S),
        since=np.array([-math.inf if each is None else each for each in since]),
    )
    return tuple(
        _told(relation, patterns)
        for relation in relations
        if relation.kind is Kind.DIRECT
        and not (_is_harmless(patterns[relation.cause]) and _is_harmless(patterns[relation.effect]))
    )


def _spread(at: Floats, rng: np.random.Generator) -> Floats:
    """Return times written in whole seconds or minutes spread over these, in the order of the lines.

    Else they would look like those of a host that writes its log once a second, of which nothing is known
    within two seconds.
    """
    unit_s = max((unit for unit in _UNITS_S if np.mean(at % unit < _IN_ORDER_S) >= _WHOLE_SHARE), default=0.0)
    if unit_s == 0:
        return at
    order = np.argsort(at, kind="stable")
    units = np.floor(at[order] / unit_s)
    within = rng.random(len(at))
    spread = np.empty(len(at))
    spread[order] = (units + within[np.lexsort((within, units))]) * unit_s
    return spread


def _told(relation: Relation, patterns: Sequence[FoundPattern]) -> Follows:
    return Follows(
        cause=patterns[relation.cause].id,
        effect=patterns[relation.effect].id,
        score=relation.score,
        lag_s=relation.lag_s,
        lag_spread_s=relation.lag_spread_s,
        support=relation.support,
        occasions=relation.occasions,
        base_share=relation.base_share,
    )


# ------------------------------------------------------------------------------------------------- stretches
def _stretches(patterns: Sequence[FoundPattern], range_: TimeRange) -> tuple[Stretch, ...]:
    if range_.first is None or range_.last is None:
        return ()
    first, size = range_.first // range_.width, range_.last // range_.width - range_.first // range_.width + 1
    counts = np.zeros((len(patterns), size))
    for row, pattern in enumerate(patterns):
        for bucket, count in pattern.buckets.items():
            counts[row, bucket - first] += count
    observed = np.ones(size)
    observed[0] -= (range_.first % range_.width) / range_.width
    observed[-1] -= (range_.width - 1 - range_.last % range_.width) / range_.width
    step_s = range_.width * _MINUTE_S
    return tuple(
        Stretch(
            pattern=patterns[found.series].id,
            kind=found.kind,
            start_s=max(range_.first * _MINUTE_S, (first + found.start) * step_s),
            end_s=min((range_.last + 1) * _MINUTE_S, (first + found.end) * step_s),
            per_hour=found.rate * _HOUR_S / step_s,
            usual_per_hour=found.usual * _HOUR_S / step_s,
            gain=found.gain,
            is_open=found.end == size,
        )
        for found in stretches(counts, observed, step_s=step_s)
    )


def _sharpened(stretch: Stretch, times: EventTimes) -> Stretch:
    """Return a burst from when to when most of it came: buckets are wide in a long log.

    That is the shortest time with ``_MOST_OF_BURST`` of its errors, in whole minutes; where the times are not
    all there it stays as it is.
    """
    since = times.since(stretch.pattern)
    if stretch.kind is not StretchKind.BURST or (since is not None and since > stretch.start_s):
        return stretch
    own = np.frombuffer(times.of(stretch.pattern), dtype=np.float64)
    own = own[(own >= stretch.start_s) & (own < stretch.end_s)]
    size = math.ceil(_MOST_OF_BURST * len(own))
    if size < FEWEST_TIMES:
        return stretch
    place = int(np.argmin(own[size - 1 :] - own[: len(own) - size + 1]))
    start_s = float(own[place] // _MINUTE_S) * _MINUTE_S
    end_s = float(own[place + size - 1] // _MINUTE_S + 1) * _MINUTE_S
    held = int(((own >= start_s) & (own < end_s)).sum())
    return replace(stretch, start_s=start_s, end_s=end_s, per_hour=held * _HOUR_S / (end_s - start_s))
