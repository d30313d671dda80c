"""Finds what follows what second by second while patterns rise together (seed box: Correlation Engine). Pure.

``correlate`` counts how often an effect follows its cause over days; an incident of half an hour is one such
time. Within it the order of single errors still tells: if B follows each A after four seconds, their lags
pile up there, however many of both there are. What both have in common (they rose and fell together) is
spread over all lags and is what the pile is compared with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import log_ndtr

from error_manager.analysis.event_stream import Floats

LONGEST_S: Final = 60.0
"""Longest lag of a relation."""
FAR_S: Final = 600.0
"""Lags up to here, both ways, show what chance piles up: errors that come in clumps make piles anywhere."""
MOST_EVENTS: Final = 1_500
"""Errors of a pattern in one stretch that are looked at, the earliest."""
BIN_S: Final = 0.25
WIDTHS: Final = (2, 4, 8, 16, 32, 64)
"""Widths of a pile in bins: half a second to a quarter of a minute."""
FEWEST_EVENTS: Final = 20
LEAST_Z: Final = 7.0
"""Standard errors above the lags around it."""
LEAST_SHARE: Final = 0.15
"""Share of the causes or of the effects that must be part of the pile ..."""
LEAST_LIFT: Final = 1.15
"""... which must stand so far out of the lags around it."""
UNIQUE: Final = 2.0
"""The pile is at least so many times as high as any other (jobs of each minute pile up each minute) ..."""
APART_S: Final = 15.0
"""... that is this far away: what is tried again makes piles beside each other."""
FEWEST_FAR: Final = 20
"""Piles beyond the longest lag that are needed to know what chance does."""
_BINS: Final = int(FAR_S / BIN_S)
_NEAR: Final = int(LONGEST_S / BIN_S)
_APART: Final = int(APART_S / BIN_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A time, seconds, in which two patterns were unusual together."""

    first: int
    second: int
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """``effect`` follows ``cause`` within incidents.

    ``support`` of the ``occasions`` errors of the cause were followed ``low_s`` to ``high_s`` later beyond
    chance, which followed ``base_share`` of them; ``lift`` is all that followed by those of chance.
    ``lag_s`` is the median lag, ``lag_spread_s`` its quartiles. ``z`` are the standard errors of the pile,
    ``p_value`` of its height by chance, ``score`` as of ``correlate``.
    """

    cause: int
    effect: int
    low_s: float
    high_s: float
    lag_s: float
    lag_spread_s: tuple[float, float]
    support: int
    occasions: int
    base_share: float
    lift: float
    z: float
    p_value: float
    score: float


def follow_closely(times: Mapping[int, Floats], stretches: Sequence[Stretch]) -> tuple[Following, ...]:
    """Return which pattern follows which within the stretches, best first.

    Of three relations that close a triangle the weakest is left out: it is what the other two bring about.

    Args:
        times: of the errors of each pattern, seconds, sorted.
        stretches: in which pairs of them were unusual together; those of one pair are taken together.

    Source:
        Cross-correlogram against its own surroundings: E. Stark and M. Abeles, J. Neurosci. Methods 179
        (2009) 90-100. The weakest side of a triangle (data processing inequality): A. Margolin et al., BMC
        Bioinformatics 7 (2006) S7.
    """
    pairs: dict[tuple[int, int], list[Stretch]] = {}
    for one in stretches:
        pairs.setdefault((one.first, one.second), []).append(one)
    found = [_strongest(times, pair, mine) for pair, mine in sorted(pairs.items())]
    links = [link for link in found if link is not None]
    by_pair = {frozenset((link.cause, link.effect)): link for link in links}
    kept = [link for link in links if not _is_weakest(link, by_pair)]
    return tuple(sorted(kept, key=lambda link: (-link.z, link.cause, link.effect)))


def _strongest(
    times: Mapping[int, Floats], pair: tuple[int, int], stretches: Sequence[Stretch]
) -> Following | None:
    """Return what one pile of lags of two patterns says, None when none stands out or it has no direction."""
    lags, firsts, seconds = [], [], []
    for one in stretches:
        first, second = _together([times[number] for number in pair], one.start_s, one.end_s)
        firsts.append(first)
        seconds.append(second)
        lags.append(_lags(first, second))
    first, second, lag = np.concatenate(firsts), np.concatenate(seconds), np.concatenate(lags)
    if min(len(first), len(second)) < FEWEST_EVENTS:
        return None
    counts = np.histogram(lag, bins=2 * _BINS, range=(-FAR_S, FAR_S))[0].astype(np.float64)
    pile = _pile(counts)
    if pile is None or min(pile.excess / len(first), pile.excess / len(second)) < LEAST_SHARE:
        return None
    low_s, high_s = (BIN_S * edge - FAR_S for edge in (pile.low, pile.high))
    if low_s < 0.0 < high_s:
        return None
    if low_s >= 0.0:
        return _following(pair, pile, counts, (low_s, high_s), len(first))
    return _following((pair[1], pair[0]), _mirrored(pile), counts[::-1], (-high_s, -low_s), len(second))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pile:
    """Bins from ``low`` to ``high`` with more lags than the bins around: ``base`` a bin were expected."""

    low: int
    high: int
    excess: float
    base: float
    z: float


def _pile(counts: Floats) -> _Pile | None:
    """Return the pile that stands out most; None when it is not sure, not high, or one of many."""
    total = np.concatenate([[0.0], np.cumsum(counts)])
    best: _Pile | None = None
    for width in WIDTHS:
        gap, flank = max(1, width // 2), 2 * width
        low = np.arange(gap + flank, len(counts) - width - gap - flank + 1)
        inside = total[low + width] - total[low]
        around = total[low - gap] - total[low - gap - flank]
        around = around + total[low + width + gap + flank] - total[low + width + gap]
        expected = np.maximum(around * width / (2.0 * flank), 0.5)
        excess = inside - expected
        middle = low + width / 2.0 - _BINS
        is_far = np.abs(middle) > _NEAR + width
        spread = np.sqrt(np.square(excess[is_far]).mean()) if is_far.sum() >= FEWEST_FAR * width else np.inf
        chance = np.maximum(np.sqrt(expected * (1.0 + width / (2.0 * flank))), spread)
        z = np.where(np.abs(middle) <= _NEAR, excess / chance, 0.0)
        place = int(z.argmax())
        away = np.abs(low - low[place]) > max(2 * width, _APART)
        rival = float(excess[away].max(initial=0.0))
        is_high = excess[place] >= (LEAST_LIFT - 1.0) * expected[place] and excess[place] >= UNIQUE * rival
        if z[place] >= LEAST_Z and is_high and (best is None or z[place] > best.z):
            best = _Pile(
                low=int(low[place]),
                high=int(low[place]) + width,
                excess=float(excess[place]),
                base=float(expected[place]) / width,
                z=float(z[place]),
            )
    return best


def _mirrored(pile: _Pile) -> _Pile:
    size = 2 * _BINS
    return _Pile(low=size - pile.high, high=size - pile.low, excess=pile.excess, base=pile.base, z=pile.z)


def _following(
    pair: tuple[int, int], pile: _Pile, counts: Floats, window: tuple[float, float], occasions: int
) -> Following:
    reach = (pile.high - pile.low) // 2
    low = max(_BINS, pile.low - reach)
    rise = np.cumsum(np.maximum(counts[low : pile.high + reach] - pile.base, 0.0))
    edges = BIN_S * (low + np.arange(len(rise) + 1) - _BINS)
    lower, middle, upper = np.interp(
        [0.25 * rise[-1], 0.5 * rise[-1], 0.75 * rise[-1]], np.concatenate([[0.0], rise]), edges
    ).tolist()
    by_chance = pile.base * (pile.high - pile.low)
    return Following(
        cause=pair[0],
        effect=pair[1],
        low_s=window[0],
        high_s=window[1],
        lag_s=middle,
        lag_spread_s=(lower, upper),
        support=min(occasions, round(pile.excess)),
        occasions=occasions,
        base_share=float(1.0 - np.exp(-by_chance / occasions)),
        lift=1.0 + pile.excess / by_chance,
        z=pile.z,
        p_value=float(np.exp(log_ndtr(-pile.z))),
        score=round(float(1.0 - np.exp(-pile.z / 10.0)), 4),
    )


def _together(times: Sequence[Floats], start_s: float, end_s: float) -> tuple[Floats, Floats]:
    """Return the errors of both patterns in a stretch, or in as much of its beginning as may be looked at."""
    starts = [int(np.searchsorted(each, start_s)) for each in times]
    for each, start in zip(times, starts, strict=True):
        if start + MOST_EVENTS < len(each):
            end_s = min(end_s, float(each[start + MOST_EVENTS]))
    first, second = (
        each[start : np.searchsorted(each, end_s)] for each, start in zip(times, starts, strict=True)
    )
    return first, second


def _lags(first: Floats, second: Floats) -> Floats:
    """Return the time from each of the first to each of the second that is not too far away."""
    low, high = (np.searchsorted(second, first + shift) for shift in (-FAR_S, FAR_S))
    sizes = high - low
    shift = np.repeat(low - np.concatenate([[0], np.cumsum(sizes)[:-1]]), sizes)
    lags: Floats = second[np.arange(len(shift)) + shift] - np.repeat(first, sizes)
    return lags


def _is_weakest(link: Following, by_pair: Mapping[frozenset[int], Following]) -> bool:
    """Return whether two stronger links lead around this one."""
    ends = {link.cause, link.effect}
    others = {number for pair in by_pair for number in pair} - ends
    for other in others:
        sides = [by_pair.get(frozenset((end, other))) for end in sorted(ends)]
        if all(side is not None and side.z > link.z for side in sides):
            return True
    return False
