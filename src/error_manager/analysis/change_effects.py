"""Says which patterns were born or rose after which release, deploy or change (seed box: Correlation Engine).

Minutes in which many patterns rose at once are left out: that a deploy shakes everything is no news.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np
from scipy.special import betainc

from error_manager.analysis.event_stream import MINUTE_S, EventStream, Floats, Integers, build_stream
from error_manager.analysis.significance import q_values

DAY_S: Final = 86_400.0
AFTER_S: Final = (3_600.0, 6 * 3_600.0, DAY_S)
"""Stretches after a change that are compared with those before; the surest counts."""
BEFORE_DAYS: Final = 7
"""Days before a change whose same hours are the comparison, so that the rhythm of the day plays no part."""
LEAST_RATIO: Final = 1.5
"""A smaller rise is not told, however sure."""
MOST_FALSE_SHARE: Final = 0.05
"""Benjamini-Hochberg over all changes, patterns and stretches."""
FEWEST_EVENTS: Final = 3
FEWEST_DAYS: Final = 2
"""Days before a change that must have been observed; fewer do not know the rhythm."""


class Effect(StrEnum):
    """What a pattern did after a change."""

    BORN = "born"
    ROSE = "rose"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeEffect:
    """What a pattern did right after a change.

    ``change`` is its place in the list given. ``after`` events came within ``after_s``, ``before`` within
    ``before_s``: the same hours of the days before, for a birth all the time before, and of a pattern that
    was silent for the day before, that day. ``ratio`` is that of the rates, infinite where none came before.
    ``delay_s`` is the time from the change to the next event. ``score`` is (1 - q) times the share of
    the events after the change that are more than before, 0..1, 4 decimals.
    """

    change: int
    pattern: int
    effect: Effect
    score: float
    before: int
    before_s: float
    after: int
    after_s: float
    ratio: float
    delay_s: float
    p_value: float
    q_value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counts:
    """Counts of events and seconds observed, of all patterns, over stretches of time."""

    line: Floats
    origin: Floats
    seen_s: Floats
    since: Floats

    def events(self, start: float, end: float) -> Integers:
        """Return the events of each pattern in a stretch."""
        found = np.searchsorted(self.line, self.origin + end) - np.searchsorted(
            self.line, self.origin + start
        )
        return found.astype(np.int64)

    def seconds(self, start: float, end: float) -> float:
        """Return how long of a stretch was observed and is not left out."""
        left, right = np.interp([start, end], np.arange(len(self.seen_s)) * MINUTE_S, self.seen_s)
        return float(right - left)


def relate_changes(
    times: Floats,
    patterns: Integers,
    changes: Sequence[float],
    *,
    n_patterns: int,
    observed: tuple[float, float],
    gaps: Sequence[tuple[float, float]] = (),
    since: Floats | None = None,
) -> tuple[ChangeEffect, ...]:
    """Return which patterns were born or rose right after which change, best first.

    Args:
        times: seconds since the epoch, any order.
        patterns: pattern of each event, 0 <= pattern < n_patterns.
        changes: times of releases, deploys and configuration changes, any order.
        n_patterns: patterns there may be.
        observed: start and end of the window, seconds since the epoch.
        gaps: stretches in which nothing was collected; they count on neither side.
        since: from when on the events of each pattern are complete, shape (n_patterns,); None: from the
            start. Of a pattern that is not known over the days before a change, nothing is told.

    Returns:
        At most one effect per change and pattern, with q <= ``MOST_FALSE_SHARE``.
    """
    stream = build_stream(
        times, patterns, None, n_patterns=n_patterns, observed=observed, gaps=gaps, since=since
    )
    counts = _counts(stream)
    starts = sorted(change - observed[0] for change in changes)
    best: dict[tuple[int, int], ChangeEffect] = {}
    for place, change in enumerate(changes):
        at = change - observed[0]
        if not 0 <= at < stream.length_s:
            continue
        until = min([stream.length_s, *(start for start in starts if start > at)])
        for length_s in AFTER_S:
            for found in _effects(counts, place, at, min(at + length_s, until)):
                known = best.get((place, found.pattern))
                if known is None or found.p_value < known.p_value:
                    best[place, found.pattern] = found
    return _sure(tuple(best.values()), tests=len(changes) * n_patterns * len(AFTER_S))


def _counts(stream: EventStream) -> _Counts:
    owner = np.repeat(np.arange(stream.n_patterns), np.diff(stream.first))
    reach_s = stream.length_s + 1.0
    seen_s = np.concatenate([[0.0], np.cumsum(~stream.hidden) * MINUTE_S])
    return _Counts(
        line=stream.lines.times + owner * reach_s,
        origin=np.arange(stream.n_patterns, dtype=np.float64) * reach_s,
        seen_s=seen_s,
        since=stream.since,
    )


def _effects(counts: _Counts, place: int, at: float, end: float) -> list[ChangeEffect]:
    """Return what rose or was born in one stretch after one change."""
    after, after_s = counts.events(at, end), counts.seconds(at, end)
    spans = [(at - day * DAY_S, end - day * DAY_S) for day in range(1, BEFORE_DAYS + 1) if at >= day * DAY_S]
    spans = [span for span in spans if counts.seconds(*span) > after_s / 2]
    if len(spans) < FEWEST_DAYS or after_s <= 0:
        return []
    length_s = np.array([counts.seconds(*span) for span in spans])
    daily = np.stack([counts.events(*span) for span in spans], axis=1).astype(np.float64)
    ever, ever_s = counts.events(0.0, at), counts.seconds(0.0, at)
    is_born = ever == 0
    is_back = ~is_born & (counts.events(at - DAY_S, at) == 0)
    before = np.where(is_born | is_back, 0, daily.sum(axis=1))
    silent_s = np.where(is_born, ever_s, counts.seconds(at - DAY_S, at))
    before_s = np.where(is_born | is_back, silent_s, length_s.sum())
    dispersion = np.where(is_back, 1.0, _dispersion(daily))
    p_value = _tail(after, before, after_s / (after_s + before_s), dispersion)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (after / after_s) / (before / before_s)
    just_before = counts.events(2 * at - end, at) / max(counts.seconds(2 * at - end, at), 1.0)
    rate = after / after_s
    is_above = (rate > (daily / length_s).max(axis=1)) & (rate >= LEAST_RATIO * just_before)
    is_known = counts.since <= np.where(is_born, 0.0, spans[-1][0])
    told = (after >= FEWEST_EVENTS) & (ratio >= LEAST_RATIO) & is_above & is_known
    delay_s = _delays(counts, at)
    return [
        ChangeEffect(
            change=place,
            pattern=number,
            effect=Effect.BORN if is_born[number] else Effect.ROSE,
            score=0.0,
            before=int(before[number]),
            before_s=float(before_s[number]),
            after=int(after[number]),
            after_s=after_s,
            ratio=float(ratio[number]),
            delay_s=float(delay_s[number]),
            p_value=float(p_value[number]),
            q_value=1.0,
        )
        for number in np.flatnonzero(told).tolist()
    ]


def _tail(after: Integers, before: Floats, share: Floats, dispersion: Floats) -> Floats:
    """Return the chance of at least so many of all events after the change.

    Source:
        Conditional test of two Poisson counts (Przyborowski and Wilenski, Biometrika 31 (1940) 313-323), both
        counts divided by the dispersion (quasi-Poisson); the binomial tail as incomplete beta function.
    """
    k, rest = np.maximum(after / dispersion, 1e-9), before / dispersion
    return np.asarray(betainc(k, rest + 1.0, share), dtype=np.float64)


def _dispersion(daily: Floats) -> Floats:
    """Return variance over mean of the days before, at least 1."""
    mean = np.maximum(daily.mean(axis=1), 1e-9)
    ratio: Floats = np.maximum(1.0, daily.var(axis=1, ddof=1) / mean)
    return ratio


def _delays(counts: _Counts, at: float) -> Floats:
    place = np.searchsorted(counts.line, counts.origin + at)
    delays: Floats = np.append(counts.line, np.inf)[place] - counts.origin - at
    return delays


def _sure(found: tuple[ChangeEffect, ...], *, tests: int) -> tuple[ChangeEffect, ...]:
    chances = q_values(np.array([effect.p_value for effect in found]), tests=max(1, tests))
    sure = [
        _with_chance(effect, float(q_value))
        for effect, q_value in zip(found, chances, strict=True)
        if q_value <= MOST_FALSE_SHARE
    ]
    return tuple(sorted(sure, key=lambda effect: (-effect.score, effect.change, effect.pattern)))


def _with_chance(effect: ChangeEffect, q_value: float) -> ChangeEffect:
    score = round((1.0 - q_value) * (1.0 - 1.0 / effect.ratio), 4)
    return replace(effect, q_value=q_value, score=score)
