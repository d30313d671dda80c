"""``python -m bench.cascades``: made-up cascades, on seeds that no setting was tuned on.

Alarms: twenty kinds on sixty devices, a random acyclic graph, each event starts others after an exponential
lag. Incidents: a chain of five patterns, a second cause half a minute later, patterns that go on as ever.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from error_manager.analysis.causality import causal_graph
from error_manager.analysis.link import Link, Scope
from error_manager.analysis.root_cause import rank_causes

KINDS, DEVICES, SPAN_S = 20, 60, 7 * 86_400.0
SEEDS = range(9_000, 9_006)
WINDOW_S, BEGIN_S = 1_800.0, 900.0
CHAIN = (("a", 0.0, 1.0), ("b", 3.0, 0.9), ("c", 5.0, 0.9), ("d", 8.0, 0.9), ("e", 4.0, 0.9))
SECOND = (("x", 0.0, 1.0), ("y", 6.0, 0.8))
LINKS = tuple(
    Link(cause=("pattern", one[0]), effect=("pattern", two[0]), score=0.8, lag_s=two[1], spread_s=two[1] / 4)
    for chain in (CHAIN, SECOND)
    for one, two in pairwise(chain)
)
Flags = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Alarms:
    """How alarms cascade: share that follows, lag (s), width of the clock (s)."""

    name: str
    share: tuple[float, float] = (0.1, 0.7)
    lag_s: tuple[float, float] = (2.0, 30.0)
    tick_s: float = 1.0


KINDS_OF_ALARMS = (
    Alarms(name="lags 2-30 s, shares .1-.7"),
    Alarms(name="lags 2-30 s, shares .5-.9", share=(0.5, 0.9)),
    Alarms(name="lags 20-120 s", lag_s=(20.0, 120.0)),
    Alarms(name="clock of 30 s", tick_s=30.0),
)


def main() -> None:
    print("alarms, mean of 6 seeds | AP direct | AP direct or not | right of reported | s per 100k events")
    for alarms in KINDS_OF_ALARMS:
        rows = np.array([_alarms(np.random.default_rng(seed), alarms) for seed in SEEDS])
        print(alarms.name, *(f"{value:.2f}" for value in rows.mean(axis=0)), sep=" | ")
    print("incidents, 200 seeds | first cause first | both causes first | ms")
    for name, per_s, steady in (
        ("1 error in 20 s, 4 steady", 0.05, 4),
        ("1 error in 100 s, 4 steady", 0.01, 4),
        ("2 errors a second, 4 steady", 2.0, 4),
        ("1 error in 20 s, 20 steady", 0.05, 20),
    ):
        found = np.array(
            [_incident(np.random.default_rng(50_000 + seed), per_s, steady) for seed in range(200)]
        )
        print(name, *(f"{value:.3f}" for value in found.mean(axis=0)), sep=" | ")


def _alarms(rng: np.random.Generator, alarms: Alarms) -> tuple[float, float, float, float]:
    order = rng.permutation(KINDS)
    truth = np.zeros((KINDS, KINDS), dtype=bool)
    truth[np.ix_(order, order)] = np.triu(rng.random((KINDS, KINDS)) < 0.4, 1)
    events = _stream(rng, alarms, truth)
    started = time.process_time()
    graph = causal_graph(events[:, 0], events[:, 1].astype(int), events[:, 2].astype(int), kind_count=KINDS)
    took_s = time.process_time() - started
    reach = truth.copy()
    for middle in range(KINDS):
        reach |= reach[:, middle, None] & reach[None, middle, :]
    right = [bool(reach[edge.cause, edge.effect]) for edge in graph.edges if edge.is_reported]
    ranked = [(edge.cause, edge.effect) for edge in graph.edges]
    return (
        average_precision([bool(truth[pair]) for pair in ranked], int(truth.sum())),
        average_precision([bool(reach[pair]) for pair in ranked], int(reach.sum())),
        sum(right) / max(1, len(right)),
        took_s / len(events) * 100_000,
    )


def _stream(rng: np.random.Generator, alarms: Alarms, truth: Flags) -> NDArray[np.float64]:
    """Return rows of time, kind, device."""
    share = rng.uniform(*alarms.share, truth.shape)
    lag_s = np.exp(rng.uniform(np.log(alarms.lag_s[0]), np.log(alarms.lag_s[1]), truth.shape))
    per_s = np.exp(rng.uniform(np.log(1e-6), np.log(2e-5), KINDS))
    busy = np.exp(rng.normal(0, 1, (DEVICES, 1)) + rng.normal(0, 0.5, (DEVICES, KINDS)))
    rows: list[tuple[float, int, int]] = []
    for device in range(DEVICES):
        waiting = [
            (float(moment), kind)
            for kind in range(KINDS)
            for moment in rng.uniform(0, SPAN_S, rng.poisson(per_s[kind] * busy[device, kind] * SPAN_S))
        ]
        while waiting:
            moment, kind = waiting.pop()
            rows.append((np.floor(moment / alarms.tick_s) * alarms.tick_s, kind, device))
            waiting += [
                (moment + float(rng.exponential(lag_s[kind, effect])), effect)
                for effect in np.flatnonzero(truth[kind]).tolist()
                if rng.random() < share[kind, effect]
            ]
    return np.array(rows)


def average_precision(is_right: Sequence[bool], total: int) -> float:
    hits = np.cumsum(is_right)
    places = np.flatnonzero(is_right)
    return float((hits[places] / (places + 1)).sum() / total)


def _incident(rng: np.random.Generator, per_s: float, steady: int) -> tuple[bool, bool, float]:
    events = {**_cascade(rng, CHAIN, BEGIN_S, per_s), **_cascade(rng, SECOND, BEGIN_S + 30, per_s)}
    for at in range(steady):
        events["pattern", f"steady{at}"] = rng.uniform(0, WINDOW_S, rng.poisson(per_s * BEGIN_S)).tolist()
    keys = list(events)
    rng.shuffle(keys)
    started = time.process_time()
    causes = rank_causes({key: events[key] for key in keys}, LINKS, start_s=0.0, end_s=WINDOW_S)
    took_ms = (time.process_time() - started) * 1e3
    first = [cause.pattern[1] for cause in causes[:2]]
    return "a" in first[:1], set(first) == {"a", "x"}, took_ms


def _cascade(
    rng: np.random.Generator, chain: Sequence[tuple[str, float, float]], begin_s: float, per_s: float
) -> Mapping[Scope, list[float]]:
    found: dict[Scope, list[float]] = {}
    times = rng.uniform(begin_s, WINDOW_S, rng.poisson(per_s * (WINDOW_S - begin_s)))
    for name, lag_s, share in chain:
        followed = times[rng.random(len(times)) < share]
        times = followed + lag_s * rng.uniform(0.7, 1.3, len(followed))
        usual = rng.uniform(0, WINDOW_S, rng.poisson(per_s / 25 * WINDOW_S))
        found["pattern", name] = [*times[times < WINDOW_S].tolist(), *usual.tolist()]
    return found


if __name__ == "__main__":
    main()
