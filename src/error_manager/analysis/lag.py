"""Measures after which time an effect comes, chance taken away (seed box: Temporal Correlator). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from error_manager.analysis.event_stream import EventStream, Floats, Integers
from error_manager.analysis.temporal import NEAR_SHIFTS, Link, Window, lines_for, usable

_BEYOND: Final = 1.5
"""The window, a little wider: a window of the grid may cut off the end of the lags."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """Median and quartiles of the lag, seconds."""

    median_s: float
    lower_s: float
    upper_s: float


def measure_lag(stream: EventStream, places: Integers, link: Link) -> Lag:
    """Return the lag of the effects that the cause brought about.

    The share of occasions followed within x, less the same at moved times, rises to the share brought about;
    the lags at a quarter, half and three quarters of the rise are the quartiles.

    Args:
        stream: the events.
        places: occasions of the cause.
        link: the link.
    """
    window = Window(
        is_same_host=link.window.is_same_host,
        low_s=link.window.low_s / _BEYOND,
        high_s=link.window.high_s * _BEYOND,
    )
    known = usable(stream, places, link.effect, window)
    at, hosts = stream.earliest[known], stream.hosts[known]
    own = _first_lags(stream, link.effect, at, hosts, window)
    if len(own) == 0:
        middle_s = (link.window.low_s + link.window.high_s) / 2
        return Lag(median_s=middle_s, lower_s=link.window.low_s, upper_s=link.window.high_s)
    moved = (at[:, None] + NEAR_SHIFTS[None, :]).ravel()
    spread = np.repeat(hosts, len(NEAR_SHIFTS))
    kept = ~stream.is_hidden(moved)
    chance = _first_lags(stream, link.effect, moved[kept], spread[kept], window)
    share = np.arange(1, len(own) + 1) / len(known)
    base = np.searchsorted(chance, own, "right") / max(1, int(kept.sum()))
    rise = np.maximum.accumulate((share - base) / (1.0 - np.minimum(base, 0.999)))
    top = float(rise[-1])
    quarter, half, three = (float(own[np.searchsorted(rise, top * part)]) for part in (0.25, 0.5, 0.75))
    return Lag(median_s=half, lower_s=quarter, upper_s=three)


def _first_lags(stream: EventStream, effect: int, at: Floats, hosts: Integers, window: Window) -> Floats:
    """Return the lags of the first effects within a window, sorted; fewer than occasions."""
    line = lines_for(stream, window).of(effect, is_same_host=window.is_same_host)
    on_line = stream.place_on_line(at, hosts, is_same_host=window.is_same_host)
    lags = np.append(line, np.inf)[np.searchsorted(line, on_line + window.low_s)] - on_line
    return np.sort(lags[lags < window.high_s])
