"""Says how often an effect follows its cause, and how often by chance (seed box: Temporal Correlator). Pure.

Chance is not assumed but looked up: the same question is asked at times moved by half an hour, an hour, six
hours, a day and a week. Whatever follows the clock (cron jobs, the rhythm of days and weeks) is there too,
and what remains is tied to the cause.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import bdtrc, ndtri

from error_manager.analysis.event_stream import EventStream, Flags, Floats, Integers

_HALF_HOUR_S: Final = 1_800.0
_HOUR_S: Final = 3_600.0
_DAY_S: Final = 86_400.0


def _both_ways(step_s: float, *, steps: int) -> Floats:
    counts = np.arange(1, steps + 1, dtype=np.float64) * step_s
    return np.concatenate([counts, -counts])


NEAR_SHIFTS: Final = _both_ways(_HALF_HOUR_S, steps=6)
"""Half hours: also the local rate, as three hours change little of a day's rhythm."""
FAR_SHIFTS: Final = (
    _both_ways(_HOUR_S, steps=6),
    _both_ways(6 * _HOUR_S, steps=3),
    _both_ways(_DAY_S, steps=4),
    _both_ways(7 * _DAY_S, steps=1),
)
"""Periods of jobs: those of 2 and 3 hours divide 6, those of 4, 8 and 12 a day."""
FEWEST_TRIALS: Final = 20
"""Fewer moved times of a period say nothing about chance."""
STEPS_WITHIN: Final = 2.0
"""A host that writes its log in steps counts in windows that reach this many steps; below, order is lost."""
_SMALLEST_P: Final = 1e-300


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """How often an effect follows a cause after ``low_s`` <= lag < ``high_s``.

    ``hits`` of ``occasions`` were followed; ``base_share`` would be by chance; ``p_value`` of at least as
    many (one-sided), ``z`` the same as normal deviate.
    """

    cause: int
    effect: int
    is_same_host: bool
    low_s: float
    high_s: float
    hits: int
    occasions: int
    base_share: float
    p_value: float
    z: float

    @property
    def excess_share(self) -> float:
        """Return the share of occasions followed because of the cause, 0..1."""
        share = (self.hits / self.occasions - self.base_share) / (1.0 - self.base_share)
        return min(0.999, max(0.001, share))


def usable(stream: EventStream, places: Integers, effect: int, *, high_s: float) -> Integers:
    """Return those occasions of which it is known whether the effect followed within ``high_s``."""
    at = stream.times[places]
    step_s = stream.step_s[stream.hosts[places]]
    is_known = (
        (at >= stream.since[effect]) & (at + high_s <= stream.length_s) & (step_s * STEPS_WITHIN <= high_s)
    )
    known: Integers = places[is_known]
    return known


def is_followed(
    stream: EventStream,
    places: Integers,
    link_effect: int,
    *,
    is_same_host: bool,
    low_s: float,
    high_s: float,
) -> Flags:
    """Return of each occasion whether the effect came after ``low_s`` <= lag < ``high_s``."""
    line = stream.line(link_effect, is_same_host=is_same_host)
    at = stream.place_on_line(stream.times[places], stream.hosts[places], is_same_host=is_same_host)
    return _has_within(line, at, low_s=low_s, high_s=high_s)


def is_preceded(stream: EventStream, places: Integers, by: int, *, low_s: float, high_s: float) -> Flags:
    """Return of each occasion whether ``by`` came ``low_s`` <= lag < ``high_s`` before, on any host."""
    line = stream.line(by, is_same_host=False)
    at = stream.times[places]
    found: Flags = np.searchsorted(line, at - low_s, "right") > np.searchsorted(line, at - high_s, "right")
    return found


def measure(
    stream: EventStream,
    places: Integers,
    *,
    cause: int,
    effect: int,
    is_same_host: bool,
    low_s: float,
    high_s: float,
    least_z: float,
) -> Link | None:
    """Return how often an effect follows, against chance; None when it is too rare or below ``least_z``.

    Args:
        stream: the events.
        places: occasions of the cause.
        cause: pattern.
        effect: pattern.
        is_same_host: only effects on the host of the cause count.
        low_s: shortest lag.
        high_s: longest lag.
        least_z: what is below is given up early.

    Source:
        Binomial tail, with (x + 1/2) / (n + 1) of the moved times as chance (Jeffreys), the largest over the
        periods.
    """
    known = usable(stream, places, effect, high_s=high_s)
    hit = is_followed(stream, known, effect, is_same_host=is_same_host, low_s=low_s, high_s=high_s)
    hits, occasions = int(hit.sum()), len(known)
    if hits == 0:
        return None
    base, p_value, z = 0.0, 1.0, 0.0
    for shifts in (NEAR_SHIFTS, *FAR_SHIFTS):
        base = max(
            base,
            _share_at(stream, known, effect, shifts, is_same_host=is_same_host, low_s=low_s, high_s=high_s),
        )
        p_value = float(bdtrc(hits - 1, occasions, base)) if base > 0 else 1.0
        z = float(-ndtri(max(p_value, _SMALLEST_P)))
        if z < least_z:
            return None
    return Link(
        cause=cause,
        effect=effect,
        is_same_host=is_same_host,
        low_s=low_s,
        high_s=high_s,
        hits=hits,
        occasions=occasions,
        base_share=base,
        p_value=p_value,
        z=z,
    )


def _has_within(line: Floats, at: Floats, *, low_s: float, high_s: float) -> Flags:
    following = np.searchsorted(line, at + low_s)
    padded = np.append(line, np.inf)
    found: Flags = padded[following] < at + high_s
    return found


def _share_at(
    stream: EventStream,
    places: Integers,
    effect: int,
    shifts: Floats,
    *,
    is_same_host: bool,
    low_s: float,
    high_s: float,
) -> float:
    """Return the share of moved times that the effect follows; 0 when there are too few."""
    moved = (stream.times[places][:, None] + shifts[None, :]).ravel()
    hosts = np.repeat(stream.hosts[places], len(shifts))
    is_known = (
        (moved >= stream.since[effect]) & (moved + high_s <= stream.length_s) & ~stream.is_hidden(moved)
    )
    trials = int(is_known.sum())
    if trials < FEWEST_TRIALS:
        return 0.0
    at = stream.place_on_line(moved[is_known], hosts[is_known], is_same_host=is_same_host)
    found = _has_within(stream.line(effect, is_same_host=is_same_host), at, low_s=low_s, high_s=high_s)
    return (int(found.sum()) + 0.5) / (trials + 1)
