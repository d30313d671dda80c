"""Which of a few kinds of events that occur in many places cause which (seed box: Correlation Engine).

For alarms of devices, errors of hosts: short event types, many places, times that may be coarse. Two kinds
belong together when they are near each other in one place more often than hours apart. Which of them is the
cause is told by the order in time as far as the clock resolves it, and by who is never seen alone as far as
it does not. A linear self-exciting process, solved in closed form, tells direct effects from those through
others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Matrix = NDArray[np.float64]
Codes = NDArray[np.int64]

FADE_S: Final = 15.0
"""Nearness of two events fades with this time constant. 8 to 20 s are about equally good on the public alarm
sets; a sharp window of 30 s takes in the polls of devices and loses a quarter on one of them."""
COMPANY_S: Final = 5.0
"""Other kinds within this distance, before or after, are an event's company; 1 to 10 s are equally good."""
FAR_S: Final = (3_600.0, 14_400.0)
"""Lags at which two kinds are taken to be unrelated; less when the events span less than 8 hours."""
LEAST_EXCESS: Final = 2.0
"""Standard errors above chance from which a pair is reported; of unrelated pairs 0 to 2 % are."""
LEAST_TRUST: Final = 0.25
"""Weight of the order in time however coarse the clock: some coincidences lie across a tick."""
_PRIOR: Final = 1.0
"""Added to both sides of each ratio, in events: what a single coincidence is worth."""
_RIDGE: Final = 0.1
"""Share of a kind's own power added to it when effects are told apart; .03 to .3 are about as good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """One cause and its effect.

    Attributes:
        cause: code of a kind.
        effect: code of another.
        score: 0..1: two thirds influence (lift and direction), one third direct effect.
        lift: how many times more often they are near each other than hours apart.
        direct_share: share of the causes that are followed by an effect no other kind explains, 0..1.
        lead_share: share of the coincidences with an order in which the cause came first; 0.5 = no order.
        direction: evidence for this direction over the reverse, in standard deviations of all pairs.
        excess: coincidences above chance, in standard errors.
        is_reported: excess >= LEAST_EXCESS and direction > 0: an influence, direct or through others.
    """

    cause: int
    effect: int
    score: float
    lift: float
    direct_share: float
    lead_share: float
    direction: float
    excess: float
    is_reported: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CausalGraph:
    """All directed pairs of kinds, best first, and how far the order of events was trusted.

    Attributes:
        edges: each ordered pair of kinds that both occurred.
        order_trust: weight of the order in time in ``direction``, LEAST_TRUST..1; company has the rest.
        tick_s: events no further apart have no order, seconds.
        precedence: per kind, how much it comes before the others (mean log ratio).
        company: per kind, how many other kinds are near one of its events on average.
    """

    edges: tuple[Edge, ...]
    order_trust: float
    tick_s: float
    precedence: tuple[float, ...]
    company: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Tally:
    """Coincidences in one place of kind a (row) and kind b (column), summed over the events of b.

    ``before``: faded weight of a's more than a tick earlier; ``unordered``: a's at most a tick away, the
    event itself included; ``far``: a's hours away; ``company``: events of b with an a near.
    """

    before: Matrix
    unordered: Matrix
    far: Matrix
    company: Matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class _Evidence:
    """What is known of each ordered pair, cause in the row, effect in the column."""

    lift: Matrix
    direction: Matrix
    direct: Matrix
    lead: Matrix
    excess: Matrix


def causal_graph(
    times_s: Array, kinds: Codes, places: Codes, *, kind_count: int, tick_s: float | None = None
) -> CausalGraph:
    """Return which kinds cause which.

    Args:
        times_s: when each event began, seconds, shape (n,), in any order.
        kinds: code of each event's kind, 0 .. kind_count - 1, shape (n,).
        places: code of each event's place (device, host), >= 0, shape (n,).
        kind_count: number of kinds; time and memory grow with its square.
        tick_s: events no further apart have no order; None = the smallest difference of two times.

    Returns:
        The graph; without two kinds that occurred it has no edges.

    Source:
        Direction from a global potential of the pairwise order: X. Jiang et al., Math. Program. 127 (2011)
        203-244 (HodgeRank; with equal weights the potential is the mean of each row). Lags of hours as null:
        A. Amarasingham et al., J. Neurophysiol. 107 (2012) 517-531. Direct effects: E. Bacry and J.-F. Muzy,
        IEEE Trans. Inf. Theory 62 (2016) 2184-2202. Formulas: docs/guides/root-cause.md.
    """
    order = np.lexsort((times_s, places))
    t, k, p = times_s[order], kinds[order], places[order]
    tick = clock_tick_s(t) if tick_s is None else tick_s
    far_s = _far(t)
    occurred = np.bincount(k, minlength=kind_count)
    tally = _tally(t, k, p, kind_count, tick=tick, far_s=far_s)
    chance = (tally.far + tally.far.T) / 2 / _exposure_s(t, far_s)
    together = tally.before + (tally.unordered - np.diag(occurred)) / 2
    trust = _order_trust(tally, together, chance, tick)
    precedence = np.log((together + _PRIOR) / (together.T + _PRIOR)).mean(axis=1)
    expected = chance * FADE_S
    company = tally.company.sum(axis=0) / np.maximum(occurred, 1)
    evidence = _Evidence(
        lift=(together + _PRIOR) / (expected + _PRIOR),
        direction=trust * _differences(precedence) + (1 - trust) * _differences(-company),
        direct=_direct(tally, together, chance, occurred),
        lead=(tally.before + _PRIOR) / (tally.before + tally.before.T + 2 * _PRIOR),
        excess=(together - expected) / np.sqrt((expected + _PRIOR) / 2),
    )
    return CausalGraph(
        edges=_edges(evidence, np.flatnonzero(occurred).tolist()),
        order_trust=trust,
        tick_s=tick,
        precedence=tuple(precedence.tolist()),
        company=tuple(company.tolist()),
    )


def clock_tick_s(times_s: Array) -> float:
    """Return the smallest difference of two times, in seconds; 0 when there is none."""
    steps = np.diff(np.unique(times_s))
    return float(steps.min()) if len(steps) else 0.0


def _far(times_s: Array) -> tuple[float, float]:
    """Return the range of lags taken to be unrelated; at most half of the span of all events."""
    span = float(np.ptp(times_s)) if len(times_s) else 0.0
    return max(min(FAR_S[0], span / 8), 1e-9), max(min(FAR_S[1], span / 2), 2e-9)


def _exposure_s(times_s: Array, far_s: tuple[float, float]) -> float:
    """Return how much of the far range an event has before it on average; the first ones have none."""
    span = max(float(np.ptp(times_s)), far_s[1]) if len(times_s) else far_s[1]
    return (far_s[1] - far_s[0]) * (1 - (far_s[0] + far_s[1]) / (2 * span))


def _tally(t: Array, k: Codes, p: Codes, count: int, *, tick: float, far_s: tuple[float, float]) -> _Tally:
    """Count coincidences; grows with events times kinds of a place, never with pairs of events."""
    tally = _Tally(*(np.zeros((count, count)) for _ in range(4)))
    ends = np.flatnonzero(np.diff(p)) + 1
    for start, stop in zip([0, *ends], [*ends, len(t)], strict=True):
        times, kinds = t[start:stop], k[start:stop]
        _fade(times, kinds, tally.before, tick)
        for kind in np.unique(kinds):
            own = times[kinds == kind]
            for row, low, high in (
                (tally.unordered, -tick, tick),
                (tally.far, -far_s[1], -far_s[0]),
            ):
                row[kind] += np.bincount(kinds, _within(own, times, low, high), count)
            near = _within(own, times, -COMPANY_S, COMPANY_S) > 0
            tally.company[kind] += np.bincount(kinds, near, count)
    np.fill_diagonal(tally.company, 0.0)
    return tally


def _within(own: Array, times: Array, low: float, high: float) -> Codes:
    """Return how many of ``own`` (sorted) lie within [time + low, time + high], per time."""
    return np.searchsorted(own, times + high, "right") - np.searchsorted(own, times + low, "left")


def _fade(times: Array, kinds: Codes, before: Matrix, tick: float) -> None:
    """Add to ``before[:, kind of an event]`` the faded weight of all events more than a tick earlier."""
    weight = np.zeros(len(before))
    fading = np.exp(-np.diff(times, prepend=times[:1]) / FADE_S)
    passed = 0
    by_effect = before.T
    moments, codes = times.tolist(), kinds.tolist()
    for at, (moment, kind) in enumerate(zip(moments, codes, strict=True)):
        weight *= fading[at]
        while moments[passed] < moment - tick:
            weight[codes[passed]] += math.exp((moments[passed] - moment) / FADE_S)
            passed += 1
        by_effect[kind] += weight


def _order_trust(tally: _Tally, together: Matrix, chance: Matrix, tick: float) -> float:
    """Return how far the order in time says who is the cause, LEAST_TRUST..1.

    The share r of the coincidences above chance that lie more than a tick apart is sharpened to the odds
    r^2 : (1 - r)^2, as two sources of evidence are weighted by their precision.
    """
    others = ~np.eye(len(chance), dtype=bool)
    by_chance = chance[others].sum()
    unordered = tally.unordered[others].sum() / 2 - by_chance * 1.5 * tick
    everything = together[others].sum() - by_chance * FADE_S
    if everything <= 0:
        return 0.5
    share = float(np.clip(1 - unordered / everything, 0.0, 1.0))
    return max(share**2 / (share**2 + (1 - share) ** 2), LEAST_TRUST)


def _direct(tally: _Tally, together: Matrix, chance: Matrix, occurred: Codes) -> Matrix:
    """Return the share of causes followed by an effect that no other kind explains, 0..1.

    Least squares of each kind's rate on the faded past of all kinds: the normal equations hold nothing but
    the coincidences already counted, less those by chance.
    """
    power = (tally.before + tally.before.T + tally.unordered) / 2 - chance * FADE_S
    own = np.maximum(np.maximum(np.diag(power), occurred / 2), 0.5)
    found = np.linalg.solve(power + np.diag(_RIDGE * own), together - chance * FADE_S)
    return np.asarray(np.clip(found, 0.0, 1.0), dtype=np.float64)


def _differences(potential: Array) -> Matrix:
    """Return the difference of each pair, row minus column, in standard deviations over all pairs."""
    found: Matrix = potential[:, None] - potential[None, :]
    others = ~np.eye(len(potential), dtype=bool)
    spread = found[others].std() if len(potential) > 1 else 0.0
    return found / spread if spread > 0 else found


def _edges(evidence: _Evidence, occurred: list[int]) -> tuple[Edge, ...]:
    """Return each ordered pair of kinds that occurred, best score first."""
    lift, direction, direct, lead = evidence.lift, evidence.direction, evidence.direct, evidence.lead
    score = (2 / (1 + np.exp(-direction)) * lift / (1 + lift) + direct) / 3
    is_reported = (direction > 0) & (evidence.excess >= LEAST_EXCESS)
    edges = [
        Edge(
            cause=cause,
            effect=effect,
            score=float(score[cause, effect]),
            lift=float(lift[cause, effect]),
            direct_share=float(direct[cause, effect]),
            lead_share=float(lead[cause, effect]),
            direction=float(direction[cause, effect]),
            excess=float(evidence.excess[cause, effect]),
            is_reported=bool(is_reported[cause, effect]),
        )
        for cause in occurred
        for effect in occurred
        if cause != effect
    ]
    return tuple(sorted(edges, key=lambda edge: (-edge.score, edge.cause, edge.effect)))
