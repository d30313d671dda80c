"""Event times by pattern, made ready for comparing patterns in time (seed box: Temporal Correlator). Pure.

What must not count is taken out here, once: times nobody collected, minutes in which many patterns rose at
once (deploys, storms, load), and the order of events on hosts that write their log in steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

MINUTE_S: Final = 60.0
SPACING_S: Final = 600.0
"""Occurrences closer than this are one occasion: retries and bursts count once, and ten minutes are the
longest lag that most links have. Shorter spacing lets one burst bring dozens of hits (tried: 120 and 300)."""
BURST_WIDTHS: Final = (1, 2, 5, 10, 20)
"""Minutes over which a common burst is looked for: from a storm to a spike of load."""
BURST_Z: Final = 4.0
BURST_PATTERNS: Final = 8.0
"""A common burst is a stretch with this many more active patterns per minute than its surroundings ..."""
BURST_SHARE: Final = 0.1
"""... or this share of the patterns where that is less, but never fewer than four."""
_FEWEST_BURST_PATTERNS: Final = 4.0
_SURROUNDINGS: Final = 120
"""Minutes on each side whose median is the usual number of active patterns."""
_PHASES: Final = 8
"""Half hours on each side whose same minute is the usual number at this minute of the clock (cron)."""
_HALF_HOUR: Final = 30
CHANGE_S: Final = 300.0
"""After a deploy, errors of all kinds come for some minutes."""
STEPS_S: Final = (1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0)
"""Intervals in which hosts are known to write their log."""
_STEP_JITTER_S: Final = 0.05
_STEP_SHARE: Final = 0.95
_STEP_EVENTS: Final = 50
SHIFTED_S: Final = 8 * 86_400.0
"""More than any shift of times in time: hosts on one line never come into touch."""
_SILENCE_S: Final = 300.0
_SILENCE_GAPS: Final = 50.0
"""The whole stream being silent for five minutes and for 50 mean gaps between events is a gap in
collection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventStream:
    """Events of a window, with times in seconds since its start.

    ``times``, ``hosts`` are sorted by pattern, then time; ``first`` has the place of each pattern's first
    event (n_patterns + 1 entries). ``since`` is from when on a pattern is complete. ``hidden`` says of each
    minute whether it is left out. ``step_s`` is the interval in which a host writes its log, 0 where it does
    not. ``by_host`` are the times of each pattern host after host, ``reach_s`` apart, sorted.
    ``is_hosted`` is False when no hosts were given.
    """

    times: Floats
    hosts: Integers
    by_host: Floats
    reach_s: float
    first: Integers
    since: Floats
    hidden: Flags
    step_s: Floats
    length_s: float
    is_hosted: bool

    def line(self, pattern: int, *, is_same_host: bool) -> Floats:
        """Return a pattern's times, sorted; host after host when only those on the same host matter."""
        return (self.by_host if is_same_host else self.times)[self.of(pattern)]

    def place_on_line(self, at: Floats, hosts: Integers, *, is_same_host: bool) -> Floats:
        """Return where times are on such a line."""
        return at + hosts * self.reach_s if is_same_host else at

    @property
    def n_patterns(self) -> int:
        """Return how many patterns there may be."""
        return len(self.first) - 1

    def of(self, pattern: int) -> slice:
        """Return the place of a pattern's events."""
        return slice(int(self.first[pattern]), int(self.first[pattern + 1]))

    def is_hidden(self, at: Floats) -> Flags:
        """Return of each time, in seconds since the start, whether it is outside the window or left out."""
        outside = (at < 0) | (at >= self.length_s)
        minutes = np.clip(at / MINUTE_S, 0, len(self.hidden) - 1).astype(np.int64)
        hidden: Flags = outside | self.hidden[minutes]
        return hidden


def thin(times: Floats, limit: int) -> Floats:
    """Return the newest ``limit`` times of one pattern, sorted.

    A hot pattern is thus known completely over a shorter time, which keeps "k of n" exact; leaving out events
    in between would not.

    Args:
        times: seconds, any order.
        limit: most times to keep, >= 1.
    """
    return np.sort(times)[-limit:]


def spaced(times: Floats, spacing_s: float = SPACING_S) -> Integers:
    """Return the places of the occasions: the first time, then each first one ``spacing_s`` after the last.

    Args:
        times: seconds, sorted.
        spacing_s: least distance of two occasions, > 0.
    """
    following = np.searchsorted(times, times + spacing_s).tolist()
    kept: list[int] = []
    place = 0
    while place < len(following):
        kept.append(place)
        place = following[place]
    return np.array(kept, dtype=np.int64)


def common_bursts(minutes: Integers, patterns: Integers, *, n_minutes: int, n_patterns: int) -> Flags:
    """Return of each minute whether it belongs to a stretch in which many patterns rose at once.

    Counted are the patterns active in a minute. Usual is the larger of the median of four hours and the
    median of the same minute of the clock in the half hours around, so that cron jobs are usual.

    Args:
        minutes: minute of each event since the start, 0 <= minute < n_minutes.
        patterns: pattern of each event.
        n_minutes: minutes of the window.
        n_patterns: patterns there may be.

    Returns:
        Flags, shape (n_minutes,).
    """
    seen = np.unique(minutes * n_patterns + patterns)
    active = np.bincount(seen // n_patterns, minlength=n_minutes).astype(np.float64)
    usual = np.maximum(_surrounding_median(active), _clock_median(active))
    known = len(np.unique(patterns))
    least = max(_FEWEST_BURST_PATTERNS, min(BURST_PATTERNS, BURST_SHARE * known))
    excess, variance = active - usual, usual + 1.0
    burst = np.zeros(n_minutes, dtype=np.bool_)
    for width in BURST_WIDTHS:
        if width > n_minutes:
            break
        total, spread = _sums(excess, width), np.sqrt(_sums(variance, width))
        starts = np.flatnonzero((total > BURST_Z * spread) & (total > least * width))
        for offset in range(width):
            burst[starts + offset] = True
    return burst


def build_stream(
    times: Floats,
    patterns: Integers,
    hosts: Integers | None,
    *,
    n_patterns: int,
    observed: tuple[float, float],
    gaps: Sequence[tuple[float, float]] = (),
    changes: Sequence[float] = (),
    since: Floats | None = None,
) -> EventStream:
    """Return the events of a window without the minutes that must not count.

    Args:
        times: seconds since the epoch, any order; those outside ``observed`` are dropped.
        patterns: pattern of each event, 0 <= pattern < n_patterns.
        hosts: host of each event, >= 0, or None when not known.
        n_patterns: patterns there may be, >= 1.
        observed: start and end of the window.
        gaps: stretches in which nothing was collected; silence of the whole stream is found without.
        changes: times of deploys and the like; the minutes after them are left out.
        since: from when on the events of each pattern are complete, shape (n_patterns,); None: from the
        start.
    """
    start, length_s = observed[0], observed[1] - observed[0]
    inside = (times >= start) & (times < observed[1])
    at, pattern = times[inside] - start, patterns[inside].astype(np.int64)
    host = np.zeros(len(at), dtype=np.int64) if hosts is None else hosts[inside].astype(np.int64)
    order = np.lexsort((host, at, pattern))
    at, pattern, host = at[order], pattern[order], host[order]
    n_minutes = max(1, int(np.ceil(length_s / MINUTE_S)))
    minute = (at / MINUTE_S).astype(np.int64)
    hidden = common_bursts(minute, pattern, n_minutes=n_minutes, n_patterns=n_patterns)
    left_out = [(left - start, right - start) for left, right in gaps]
    left_out += [(change - start, change - start + CHANGE_S) for change in changes]
    for left, right in (*left_out, *_silences(np.sort(at))):
        hidden[max(0, int(left // MINUTE_S)) : max(0, int(np.ceil(right / MINUTE_S)))] = True
    step_s = _steps(at, host)
    kept = ~hidden[minute]
    at, pattern, host = at[kept], pattern[kept], host[kept]
    reach_s = length_s + 2 * SHIFTED_S
    by_host = at + host * reach_s
    first = np.concatenate([[0], np.cumsum(np.bincount(pattern, minlength=n_patterns))]).astype(np.int64)
    return EventStream(
        times=at,
        hosts=host,
        by_host=by_host[np.lexsort((by_host, pattern))],
        reach_s=reach_s,
        first=first,
        since=np.zeros(n_patterns) if since is None else np.maximum(0.0, since - start),
        hidden=hidden,
        step_s=step_s,
        length_s=length_s,
        is_hosted=hosts is not None and int(host.max(initial=0)) > 0,
    )


def _surrounding_median(active: Floats) -> Floats:
    reach = min(_SURROUNDINGS, max(1, len(active) // 2))
    padded = np.pad(active, reach, mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)[::5]
    return np.repeat(np.median(windows, axis=1), 5)[: len(active)]


def _clock_median(active: Floats) -> Floats:
    reach = _PHASES * _HALF_HOUR
    if len(active) <= reach:
        return np.zeros(len(active))
    padded = np.pad(active, reach, mode="constant", constant_values=np.nan)
    lags = range(0, 2 * reach + 1, _HALF_HOUR)
    median: Floats = np.nanmedian(np.stack([padded[lag : lag + len(active)] for lag in lags]), axis=0)
    return median


def _sums(values: Floats, width: int) -> Floats:
    """Return the sum of each ``width`` neighbours."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    sums: Floats = total[width:] - total[:-width]
    return sums


def _silences(at: Floats) -> list[tuple[float, float]]:
    if len(at) < _STEP_EVENTS:
        return []
    distance = np.diff(at)
    long = np.flatnonzero(distance > max(_SILENCE_S, _SILENCE_GAPS * float(distance.mean())))
    return [(float(at[place]), float(at[place + 1])) for place in long]


def _steps(at: Floats, host: Integers) -> Floats:
    """Return the interval in which each host writes its log; 0 where times are spread evenly."""
    steps = np.zeros(int(host.max(initial=0)) + 1)
    order = np.argsort(host, kind="stable")
    bounds = np.searchsorted(host[order], np.arange(len(steps) + 1))
    for number in range(len(steps)):
        own = at[order[bounds[number] : bounds[number + 1]]]
        if len(own) < _STEP_EVENTS:
            continue
        for step in STEPS_S:
            turn = own * (2 * np.pi / step)
            middle = np.arctan2(np.sin(turn).mean(), np.cos(turn).mean()) * step / (2 * np.pi)
            distance = np.abs((own - middle + step / 2) % step - step / 2)
            if np.mean(distance < _STEP_JITTER_S) > _STEP_SHARE:
                steps[number] = step  # a larger one that fits too is the true one
    return steps
