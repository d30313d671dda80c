"""When the level of a pattern changed for good or for a while (seed box: Frequency Analyzer)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

PENALTY: Final = 26.0
"""Gain in twice the log-likelihood (over the dispersion) that one more change must bring: about 4 ln 720.
False changes per series-month at this penalty: docs/guides/states.md, measured by bench/states.py."""
SHORTEST_H: Final = 2
LEAST_RATIO: Final = 1.3
"""Neighbouring levels closer than this are one: a change nobody would act on is not told."""
_SCALES_H: Final = (2, 6, 24, 72)
_SCREEN: Final = 8.0
_MOST_CANDIDATES: Final = 40
_PRIOR: Final = 0.5
_BLOCK_H: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePoint:
    """A change of level.

    Attributes:
        index: first bucket at the new level.
        before: rate before, errors per bucket at the mean of the rhythm.
        after: rate from there to the next change (or the end).
        gain: what the change brings in twice the log-likelihood over the dispersion; > PENALTY.
    """

    index: int
    before: float
    after: float
    gain: float


def change_points(
    counts: Array, exposure: Array, *, penalty: float = PENALTY
) -> tuple[tuple[ChangePoint, ...], ...]:
    """Return the changes of level of each series, oldest first.

    Candidates are where the counts to the left and to the right differ most at one of four widths; among
    those the best set is found exactly, by dynamic programming over a Poisson likelihood divided by the
    dispersion.

    Args:
        counts: shape (n, b), >= 0, NaN = not collected.
        exposure: expected share of the mean rate per bucket (the rhythm), shape (n, b), > 0.
        penalty: gain that one more change must bring, > 0.

    Source:
        Screening: Y. S. Niu and H. Zhang, Ann. Appl. Stat. 6 (2012) 1306-1326. Penalised optimal partition:
        B. Jackson et al., IEEE Signal Proc. Lett. 12 (2005) 105-108. Dispersion as in quasi-likelihood.
    """
    known = np.isfinite(counts)
    y, e = np.where(known, counts, 0.0), np.where(known, exposure, 0.0)
    sums, exposed = _running(y), _running(e)
    dispersion = _dispersion(y, e)
    screened = _screen(sums, exposed, dispersion)
    return tuple(
        _best(sums[row], exposed[row], float(dispersion[row]), _candidates(screened[row]), penalty)
        for row in range(len(counts))
    )


def _running(values: Array) -> Array:
    return np.concatenate((np.zeros((len(values), 1)), np.cumsum(values, axis=1)), axis=1)


def _fit(count: Array, exposed: Array) -> Array:
    """Return twice the largest Poisson log-likelihood of segments, without what all partitions share."""
    rate = count / np.maximum(exposed, 1e-9)
    return 2.0 * count * np.log(np.maximum(rate, 1e-12))


def _dispersion(y: Array, e: Array) -> Array:
    """Return variance over mean within half days, >= 1; the wildest tenth of them is left out."""
    blocks = y.shape[1] // _BLOCK_H
    if blocks < 2:
        return np.ones(len(y))
    shape = (len(y), blocks, _BLOCK_H)
    y, e = y[:, -blocks * _BLOCK_H :].reshape(shape), e[:, -blocks * _BLOCK_H :].reshape(shape)
    rate = y.sum(axis=2, keepdims=True) / np.maximum(e.sum(axis=2, keepdims=True), 1e-9)
    expected = rate * e
    pearson = np.where(expected > 0, (y - expected) ** 2 / np.maximum(expected, 1e-12), 0.0).sum(axis=2)
    free = np.where(rate[:, :, 0] > 0, (e > 0).sum(axis=2) - 1.0, 0.0)
    order = np.argsort(pearson / np.maximum(free, 1e-9), axis=1)
    is_empty = np.take_along_axis(free, order, axis=1) <= 0
    kept = np.cumsum(~is_empty, axis=1) <= np.maximum(np.ceil(0.9 * (free > 0).sum(axis=1)), 1)[:, None]
    kept &= ~is_empty
    chi = (np.take_along_axis(pearson, order, axis=1) * kept).sum(axis=1)
    total = (np.take_along_axis(free, order, axis=1) * kept).sum(axis=1)
    return np.asarray(np.maximum(chi / np.maximum(total, 1.0), 1.0))


def _screen(sums: Array, exposed: Array, dispersion: Array) -> Array:
    """Return how much the likelihood gains from a change at each place, at its best width; 0 if no peak."""
    buckets = sums.shape[1] - 1
    best = np.zeros_like(sums)
    places = np.arange(buckets + 1)
    for width in _SCALES_H:
        if width > buckets // 2:
            continue
        low, high = np.maximum(places - width, 0), np.minimum(places + width, buckets)
        left, right = sums - sums[:, low], sums[:, high] - sums
        left_e, right_e = exposed - exposed[:, low], exposed[:, high] - exposed
        gain = _fit(left, left_e) + _fit(right, right_e) - _fit(left + right, left_e + right_e)
        gain = np.where((left_e > 0) & (right_e > 0), gain, 0.0) / dispersion[:, None]
        peak = gain.copy()
        for shift in range(1, max(2, width // 2 + 1)):
            peak[:, shift:] = np.maximum(peak[:, shift:], gain[:, :-shift])
            peak[:, :-shift] = np.maximum(peak[:, :-shift], gain[:, shift:])
        best = np.maximum(best, np.where((gain >= peak) & (gain > _SCREEN), gain, 0.0))
    return best


def _candidates(screened: Array) -> NDArray[np.intp]:
    places = np.flatnonzero(screened[1:-1] > 0) + 1
    if len(places) > _MOST_CANDIDATES:
        places = np.sort(places[np.argsort(-screened[places], kind="stable")[:_MOST_CANDIDATES]])
    return places


def _best(
    sums: Array, exposed: Array, dispersion: float, places: NDArray[np.intp], penalty: float
) -> tuple[ChangePoint, ...]:
    """Return the best set of changes among the candidates, weak neighbours joined."""
    if len(places) == 0:
        return ()
    ends = np.concatenate(([0], places, [len(sums) - 1]))
    s, e = sums[ends], exposed[ends]
    score = np.full(len(ends), -np.inf)
    score[0] = penalty
    back = np.zeros(len(ends), dtype=np.intp)
    for end in range(1, len(ends)):
        fit = _fit(s[end] - s[:end], e[end] - e[:end]) / dispersion
        total = np.where(ends[end] - ends[:end] >= SHORTEST_H, score[:end] + fit, -np.inf) - penalty
        back[end] = int(total.argmax())
        score[end] = total[back[end]]
    chosen = [len(ends) - 1]
    while chosen[-1] > 0:
        chosen.append(int(back[chosen[-1]]))
    kept = [int(ends[place]) for place in reversed(chosen)]
    return _told(sums, exposed, dispersion, kept, penalty)


def _told(
    sums: Array, exposed: Array, dispersion: float, kept: list[int], penalty: float
) -> tuple[ChangePoint, ...]:
    """Return the changes between segments, without those too weak or too small to tell, the weakest first."""
    while len(kept) > 2:
        cuts = np.asarray(kept)
        count, exposure = np.diff(sums[cuts]), np.diff(exposed[cuts])
        rates = (count + _PRIOR) / np.maximum(exposure, 1e-9)
        apart = _fit(count[:-1], exposure[:-1]) + _fit(count[1:], exposure[1:])
        joined = _fit(count[:-1] + count[1:], exposure[:-1] + exposure[1:])
        gain = (apart - joined) / dispersion
        ratio = np.maximum(rates[1:] / rates[:-1], rates[:-1] / rates[1:])
        weak = np.where((gain <= penalty) | (ratio < LEAST_RATIO), gain, np.inf)
        if not np.isfinite(weak).any():
            exact = count / np.maximum(exposure, 1e-9)
            return tuple(
                ChangePoint(
                    index=kept[at + 1],
                    before=float(exact[at]),
                    after=float(exact[at + 1]),
                    gain=float(gain[at]),
                )
                for at in range(len(gain))
            )
        del kept[int(weak.argmin()) + 1]
    return ()
