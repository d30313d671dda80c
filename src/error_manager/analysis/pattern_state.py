"""What state a pattern is in, told once when it changes and not at every wobble. Pure.

Seed box: Frequency Analyzer. A state is entered on strong evidence and left on weak: between the two it stays
what it was, and what calls it back must hold for a while. Thresholds and what they cost in false changes:
docs/guides/states.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Final

NEW_FOR: Final = timedelta(hours=24)
"""A pattern is new for its first day: before that there is no rate to compare with."""
REGRESSED_FOR: Final = timedelta(days=7)
"""A pattern that came back stays regressed for a week, unless somebody resolves it again."""
RISE_RATIO: Final = 2.0
RISE_SURPRISE: Final = 6.0
"""Rising begins at twice the usual rate, when chance does that once in 10^6 looks (-log10 of it)."""
RISE_ENDS_RATIO: Final = 1.4
FADE_RATIO: Final = 0.4
FADE_SURPRISE: Final = 5.0
FADE_ENDS_RATIO: Final = 0.7
SILENCE_SURPRISE: Final = 6.0
"""Silent begins when so long a pause comes by chance once in 10^6 looks at the usual rate."""
QUIET_FOR: Final = timedelta(days=2)
"""Silent too: no error for two days, so that what comes once a day is not over by noon, and ..."""
QUIET_TIMES: Final = 3.0
MOST_QUIET_TIMES: Final = 10.0
QUIET_CHANCE: Final = 1e-3
"""... for so many times the longest pause so far that a pause like the others is so long once in a thousand
pauses for each of them: three times at least, ten at most."""
LONG_QUIET: Final = timedelta(days=14)
"""After two weeks without an error three times the longest pause is enough."""
CALM_FOR: Final = timedelta(hours=2)
"""For so long the weak evidence must be gone before rising or fading ends."""
_HALVINGS: Final = 20


class PatternTrend(StrEnum):
    """How a pattern behaves; what a person decided about it (resolved, ignored) is its status."""

    NEW = "new"
    ONGOING = "ongoing"
    RISING = "rising"
    REGRESSED = "regressed"
    FADING = "fading"
    SILENT = "silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """How far a rate is from what is usual, over the window in which that is clearest.

    Attributes:
        ratio: observed over expected, >= 0; 1 means as usual.
        surprise: -log10 of the probability that chance alone goes as far, >= 0.
        since: when it began; None when there is no departure.
    """

    ratio: float = 1.0
    surprise: float = 0.0
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known about a pattern now.

    Attributes:
        first_seen: its first error.
        last_seen: its last error, >= first_seen.
        resolved_at: when somebody resolved it last, None if never.
        returned_at: its first error after that, None while there is none.
        rise: how far it is above its usual rate.
        fall: how far it is below it, over days.
        silence: ``surprise`` of no error at all since ``last_seen``; ``ratio`` is 0 by definition.
        quiet: the time since ``last_seen`` in which errors were collected.
        longest_pause: the longest time without an error between two of them so far, in whole hours.
        pauses: how many times of whole hours without an error lay between two of them.
        is_collected: False while nothing was collected: then only facts that cannot be wrong change a state.
    """

    first_seen: datetime
    last_seen: datetime
    resolved_at: datetime | None = None
    returned_at: datetime | None = None
    rise: Departure = Departure()
    fall: Departure = Departure()
    silence: Departure = Departure(ratio=0.0)
    quiet: timedelta = timedelta()
    longest_pause: timedelta = timedelta()
    pauses: int = 0
    is_collected: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChange:
    """The state of a pattern after a look at it, to be given to the next look.

    Attributes:
        state: what it is in.
        since: when that began (of the errors, not of the look that noticed).
        noticed_at: the look that noticed.
        held_at: the last look at which the evidence for the state held; what ends it is counted from there.
        ratio: times its usual rate, for rising and fading, at its clearest since it began; 1 otherwise.
        is_changed: whether this look changed it.
    """

    state: PatternTrend
    since: datetime
    noticed_at: datetime
    held_at: datetime
    ratio: float = 1.0
    is_changed: bool = False


def next_state(previous: StateChange | None, facts: Facts, now: datetime) -> StateChange:
    """Return the state of a pattern at ``now``.

    The first of these that holds: regressed, silent, new, rising, fading, else ongoing.

    Args:
        previous: what the look before returned, None at the first.
        facts: of the pattern at ``now``.
        now: of the look, not before that of ``previous``.
    """
    state, since, ratio, is_held = _judge(previous, facts, now)
    if previous is None or previous.state is not state:
        return StateChange(
            state=state, since=since, noticed_at=now, held_at=now, ratio=ratio, is_changed=True
        )
    is_other_return = state is PatternTrend.REGRESSED and since != previous.since
    return StateChange(
        state=state,
        since=since if is_other_return else previous.since,
        noticed_at=now if is_other_return else previous.noticed_at,
        held_at=now if is_held else previous.held_at,
        ratio=_clearest(state, previous.ratio, ratio),
        is_changed=is_other_return,
    )


def _judge(
    previous: StateChange | None, facts: Facts, now: datetime
) -> tuple[PatternTrend, datetime, float, bool]:
    """Return (state, since, ratio, whether its evidence holds at this look)."""
    was = previous.state if previous else None
    returned = facts.returned_at
    if returned is not None and now - returned < REGRESSED_FOR:
        return PatternTrend.REGRESSED, returned, 1.0, True
    if not facts.is_collected and previous is not None:
        return previous.state, previous.since, previous.ratio, True
    if _is_silent(previous, facts):
        return PatternTrend.SILENT, facts.last_seen, 1.0, True
    if now - facts.first_seen < NEW_FOR:
        return PatternTrend.NEW, facts.first_seen, 1.0, True
    for state, departure, is_strong, is_weak in (
        (PatternTrend.RISING, facts.rise, _is_rising(facts.rise), facts.rise.ratio >= RISE_ENDS_RATIO),
        (PatternTrend.FADING, facts.fall, _is_fading(facts.fall), facts.fall.ratio <= FADE_ENDS_RATIO),
    ):
        is_calming = was is state and previous is not None and now - previous.held_at < CALM_FOR
        is_held = is_strong or (was is state and is_weak)
        if is_held or is_calming:
            return state, departure.since or now, departure.ratio, is_held
    began = max(facts.first_seen, previous.held_at) if previous else facts.first_seen
    return PatternTrend.ONGOING, began, 1.0, True


def _is_rising(rise: Departure) -> bool:
    return rise.ratio >= RISE_RATIO and rise.surprise >= RISE_SURPRISE


def _is_fading(fall: Departure) -> bool:
    return fall.ratio <= FADE_RATIO and fall.surprise >= FADE_SURPRISE


def _is_silent(previous: StateChange | None, facts: Facts) -> bool:
    """Return whether a pattern is silent; it stays so until its next error."""
    if previous is not None and previous.state is PatternTrend.SILENT:
        return facts.last_seen <= previous.since
    times = QUIET_TIMES if facts.quiet >= LONG_QUIET else quiet_times(facts.pauses)
    is_quiet = facts.quiet >= QUIET_FOR and facts.quiet >= times * facts.longest_pause
    return is_quiet or facts.silence.surprise >= SILENCE_SURPRISE


@cache
def quiet_times(pauses: int) -> float:
    """Return how many times the longest of so many pauses a pause must be to tell of an end.

    Source:
        Of n + 1 exponential pauses the last is k times the longest of the others with the chance
        1 / C(k + n, n) (by induction over the order of the n); k so that this is ``QUIET_CHANCE`` / n.
    """
    if pauses < 1:
        return MOST_QUIET_TIMES
    wanted = math.log(pauses / QUIET_CHANCE)
    low, high = QUIET_TIMES, MOST_QUIET_TIMES
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        is_enough = _log_choose(middle + pauses, pauses) >= wanted
        low, high = (low, middle) if is_enough else (middle, high)
    return high


def _log_choose(whole: float, part: float) -> float:
    return math.lgamma(whole + 1.0) - math.lgamma(part + 1.0) - math.lgamma(whole - part + 1.0)


def _clearest(state: PatternTrend, before: float, ratio: float) -> float:
    if state is PatternTrend.RISING:
        return max(before, ratio)
    return min(before, ratio) if state is PatternTrend.FADING else 1.0
