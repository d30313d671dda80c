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

from error_manager.analysis.common_burst import common_bursts

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

MINUTE_S: Final = 60.0
SPACING_S: Final = 300.0
"""Occurrences closer than this are one occasion: retries and bursts count once. At 600 s two days have too
few (recall .931 against .962); at 120 s nothing more is gained."""
CHANGE_S: Final = 300.0
"""After a deploy, errors of all kinds come for some minutes."""
STEPS_S: Final = (1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0)
"""Intervals in which hosts are known to write their log."""
_STEP_JITTER_S: Final = 0.05
_STEP_SHARE: Final = 0.95
_STEP_EVENTS: Final = 50
_STEP_LOOKED_AT: Final = 2_000
SHIFTED_S: Final = 8 * 86_400.0
"""More than any shift of times in time: hosts on one line never come into touch."""
_SILENCE_S: Final = 300.0
_SILENCE_GAPS: Final = 50.0
"""The whole stream being silent for five minutes and for 50 mean gaps between events is a gap in
collection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Times of each pattern, sorted: by themselves, and host after host with ``reach_s`` between.

    ``first`` has the place of each pattern's first time (n_patterns + 1 entries).
    """

    times: Floats
    by_host: Floats
    first: Integers

    def of(self, pattern: int, *, is_same_host: bool) -> Floats:
        """Return a pattern's times; host after host when only those on the same host matter."""
        own = slice(int(self.first[pattern]), int(self.first[pattern + 1]))
        return (self.by_host if is_same_host else self.times)[own]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventStream:
    """Events of a window, sorted by pattern, then time; times in seconds since its start.

    ``earliest`` is when an event may have happened: its time less the interval in which its host writes its
    log (``step_s``, else 0). ``lines`` are the times to look effects up in, ``sharp`` those of hosts that do
    not write in steps, ``early`` the earliest times. ``since`` is from when on a pattern is complete,
    ``per_s`` its rate on each host, ``hidden`` says of each minute whether it is left out.
    ``is_hosted`` is False when no hosts were given.
    """

    earliest: Floats
    hosts: Integers
    first: Integers
    lines: Lines
    sharp: Lines
    early: Lines
    since: Floats
    hidden: Flags
    per_s: Floats
    step_s: Floats
    length_s: float
    is_hosted: bool

    @property
    def n_patterns(self) -> int:
        """Return how many patterns there may be."""
        return len(self.first) - 1

    @property
    def reach_s(self) -> float:
        """Return the distance of two hosts on one line: more than any shift, so they never touch."""
        return self.length_s + 2 * SHIFTED_S

    @property
    def longest_step_s(self) -> float:
        """Return the longest interval in which a host writes its log; 0 when none does."""
        return float(self.step_s.max(initial=0.0))

    def place_on_line(self, at: Floats, hosts: Integers, *, is_same_host: bool) -> Floats:
        """Return where times are on a line."""
        return at + hosts * self.reach_s if is_same_host else at

    def is_hidden(self, at: Floats) -> Flags:
        """Return of each time, in seconds since the start, whether it is outside the window or left out."""
        outside = (at < 0) | (at >= self.length_s)
        minutes = np.clip(at / MINUTE_S, 0, len(self.hidden) - 1).astype(np.int64)
        hidden: Flags = outside | self.hidden[minutes]
        return hidden


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
    hidden = common_bursts(minute, pattern, n_minutes=n_minutes)
    left_out = [(left - start, right - start) for left, right in gaps]
    left_out += [(change - start, change - start + CHANGE_S) for change in changes]
    for left, right in (*left_out, *_silences(np.sort(at))):
        hidden[max(0, int(left // MINUTE_S)) : max(0, int(np.ceil(right / MINUTE_S)))] = True
    step_s = _steps(at, host)
    kept = ~hidden[minute]
    at, pattern, host = at[kept], pattern[kept], host[kept]
    is_even = not step_s.any()
    earliest = at if is_even else at - step_s[host]
    is_sharp = step_s[host] == 0
    reach_s = length_s + 2 * SHIFTED_S
    lines = _lines(pattern, at, host, n_patterns, reach_s)
    return EventStream(
        earliest=earliest,
        hosts=host,
        first=lines.first,
        lines=lines,
        sharp=lines
        if is_even
        else _lines(pattern[is_sharp], at[is_sharp], host[is_sharp], n_patterns, reach_s),
        early=lines if is_even else _lines(pattern, earliest, host, n_patterns, reach_s),
        since=np.zeros(n_patterns) if since is None else np.maximum(0.0, since - start),
        hidden=hidden,
        per_s=_rates(pattern, host, n_patterns, max(MINUTE_S, float(np.sum(~hidden)) * MINUTE_S)),
        step_s=step_s,
        length_s=length_s,
        is_hosted=hosts is not None and int(host.max(initial=0)) > 0,
    )


def _lines(patterns: Integers, at: Floats, hosts: Integers, n_patterns: int, reach_s: float) -> Lines:
    by_host = at + hosts * reach_s
    first = np.concatenate([[0], np.cumsum(np.bincount(patterns, minlength=n_patterns))]).astype(np.int64)
    return Lines(
        times=at[np.lexsort((at, patterns))], by_host=by_host[np.lexsort((by_host, patterns))], first=first
    )


def _rates(pattern: Integers, host: Integers, n_patterns: int, seconds: float) -> Floats:
    hosts = int(host.max(initial=0)) + 1
    counts = np.bincount(pattern * hosts + host, minlength=n_patterns * hosts)
    rates: Floats = counts.reshape(n_patterns, hosts) / seconds
    return rates


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
        own = own[:: 1 + len(own) // _STEP_LOOKED_AT]
        for step in STEPS_S:
            turn = own * (2 * np.pi / step)
            middle = np.arctan2(np.sin(turn).mean(), np.cos(turn).mean()) * step / (2 * np.pi)
            distance = np.abs((own - middle + step / 2) % step - step / 2)
            if np.mean(distance < _STEP_JITTER_S) > _STEP_SHARE:
                steps[number] = step  # a larger one that fits too is the true one
    return steps
