"""Says how often an effect follows its cause, and how often by chance (seed box: Temporal Correlator). Pure.

Chance is not assumed but looked up: the same question is asked at times moved by half an hour, an hour, six
hours, a day and a week. Whatever follows the clock (cron jobs, the rhythm of days and weeks) is there too,
and what remains is tied to the cause.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.special import bdtrc, ndtri

from error_manager.analysis.event_stream import EventStream, Flags, Floats, Integers, Lines

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
LEAST_SHARE: Final = 5e-4
"""Chance is never taken for smaller: rare patterns share causes that nobody logs."""
PRIOR_EVENTS: Final = 0.5
"""Weight of the effect's rate beside what was found at moved times."""
FEWEST_FOUND: Final = 2
FAR_Z: Final = 2.0
"""A period other than the half hour counts when its moved times show clearly more than the half hours do."""
FEWEST_TRIALS: Final = 20
"""Fewer moved times of a period say nothing about chance."""
STEPS_WITHIN: Final = 2.0
"""A host that writes its log in steps counts in windows that reach this many steps; below, order is lost."""
_SMALLEST_P: Final = 1e-300


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Lags looked at, ``low_s`` <= lag < ``high_s``, on the host of the cause only or on any."""

    is_same_host: bool
    low_s: float
    high_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """How often an effect follows a cause within a window.

    ``hits`` of ``occasions`` were followed; ``base_share`` would be by chance; ``p_value`` of at least as
    many (one-sided), ``z`` the same as normal deviate.
    """

    cause: int
    effect: int
    window: Window
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


def usable(stream: EventStream, places: Integers, effect: int, window: Window) -> Integers:
    """Return those occasions of which it is known whether the effect followed."""
    at = stream.earliest[places]
    is_inside = (at >= stream.since[effect]) & (at + window.high_s <= stream.length_s)
    known: Integers = places[
        is_inside & (stream.step_s[stream.hosts[places]] * STEPS_WITHIN <= window.high_s)
    ]
    return known


def lines_for(stream: EventStream, window: Window) -> Lines:
    """Return the times to look effects up in: without hosts that write in steps where the window is short."""
    return stream.lines if window.high_s >= stream.longest_step_s * STEPS_WITHIN else stream.sharp


def is_followed(stream: EventStream, places: Integers, effect: int, window: Window) -> Flags:
    """Return of each occasion whether the effect came within the window."""
    return _has_within(stream, stream.earliest[places], stream.hosts[places], effect, window)


def is_preceded(stream: EventStream, places: Integers, by: int, *, low_s: float, high_s: float) -> Flags:
    """Return of each occasion whether ``by`` may have come ``low_s`` to ``high_s`` before, on any host."""
    line = stream.early.of(by, is_same_host=False)
    latest = stream.earliest[places] + stream.step_s[stream.hosts[places]]
    found: Flags = np.searchsorted(line, latest - low_s, "right") > np.searchsorted(
        line, latest - high_s, "left"
    )
    return found


def measure(
    stream: EventStream, places: Integers, *, cause: int, effect: int, window: Window, least_z: float
) -> Link | None:
    """Return how often an effect follows, against chance; None when that is below ``least_z``.

    Args:
        stream: the events.
        places: occasions of the cause.
        cause: pattern.
        effect: pattern.
        window: lags.
        least_z: what is below is given up early.

    Source:
        Binomial tail. Chance is that of the moved times, drawn to the rate of the effect by the weight of
        ``PRIOR_EVENTS``, and never below that rate.
    """
    known = usable(stream, places, effect, window)
    hits, occasions = int(is_followed(stream, known, effect, window).sum()), len(known)
    if hits == 0:
        return None
    by_rate = max(LEAST_SHARE, _share_by_rate(stream, known, effect, window))
    found, trials = _trials_at(stream, known, effect, NEAR_SHIFTS, window)
    base = max(by_rate, (found + PRIOR_EVENTS) / (trials + PRIOR_EVENTS / by_rate))
    p_value, z = _tail(hits, occasions, base)
    for shifts in FAR_SHIFTS:
        if z < least_z:
            return None
        found, trials = _trials_at(stream, known, effect, shifts, window)
        if found < FEWEST_FOUND or trials < FEWEST_TRIALS or _tail(found, trials, base)[1] < FAR_Z:
            continue
        base = max(base, found / trials)
        p_value, z = _tail(hits, occasions, base)
    if z < least_z:
        return None
    return Link(
        cause=cause,
        effect=effect,
        window=window,
        hits=hits,
        occasions=occasions,
        base_share=base,
        p_value=p_value,
        z=z,
    )


def same_host(stream: EventStream, places: Integers, link: Link) -> tuple[int, float]:
    """Return how many occasions were followed on their own host, and how far that is above chance (z)."""
    window = replace(link.window, is_same_host=True)
    known = usable(stream, places, link.effect, window)
    hits = int(is_followed(stream, known, link.effect, window).sum())
    if hits == 0:
        return 0, 0.0
    return hits, _tail(
        hits, len(known), max(LEAST_SHARE, _share_by_rate(stream, known, link.effect, window))
    )[1]


def _tail(hits: int, trials: int, share: float) -> tuple[float, float]:
    """Return the chance of at least so many hits, and the same as normal deviate."""
    p_value = float(bdtrc(hits - 1, trials, share))
    return p_value, float(-ndtri(max(p_value, _SMALLEST_P)))


def _has_within(stream: EventStream, at: Floats, hosts: Integers, effect: int, window: Window) -> Flags:
    line = lines_for(stream, window).of(effect, is_same_host=window.is_same_host)
    on_line = stream.place_on_line(at, hosts, is_same_host=window.is_same_host)
    following = np.append(line, np.inf)[np.searchsorted(line, on_line + window.low_s)]
    found: Flags = following < on_line + window.high_s
    return found


def _share_by_rate(stream: EventStream, places: Integers, effect: int, window: Window) -> float:
    """Return the share of occasions that the effect would follow if its events were spread evenly."""
    rates = stream.per_s[effect]
    if lines_for(stream, window) is not stream.lines:
        rates = np.where(stream.step_s > 0, 0.0, rates)
    rate = rates[stream.hosts[places]] if window.is_same_host else rates.sum()
    return float(np.mean(1.0 - np.exp(-rate * (window.high_s - window.low_s))))


def _trials_at(
    stream: EventStream, places: Integers, effect: int, shifts: Floats, window: Window
) -> tuple[int, int]:
    """Return how many of the moved times the effect follows, and how many there are."""
    moved = (stream.earliest[places][:, None] + shifts[None, :]).ravel()
    hosts = np.repeat(stream.hosts[places], len(shifts))
    is_inside = (moved >= stream.since[effect]) & (moved + window.high_s <= stream.length_s)
    is_known = is_inside & ~stream.is_hidden(moved)
    found = _has_within(stream, moved[is_known], hosts[is_known], effect, window)
    return int(found.sum()), int(is_known.sum())
