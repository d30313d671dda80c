"""Measures after which time an effect comes, chance taken away (seed box: Temporal Correlator). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from error_manager.analysis.event_stream import EventStream, Floats, Integers
from error_manager.analysis.temporal import NEAR_SHIFTS, Link, Window, lines_for, usable

_BEYOND: Final = 1.5
"""The window, a little wider: a window of the grid may cut off the end of the lags."""
FEWEST_SHARP: Final = 5
"""Hosts that write their log in steps are left out when the others have this many hits."""


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
    known, lines = usable(stream, places, link.effect, window), lines_for(stream, window)
    is_sharp = stream.step_s[stream.hosts[known]] == 0
    own = _first_lags(
        stream, stream.sharp.of(link.effect, is_same_host=window.is_same_host), known[is_sharp], window
    )
    if len(own) >= FEWEST_SHARP:
        known, lines = known[is_sharp], stream.sharp
    line = lines.of(link.effect, is_same_host=window.is_same_host)
    own = _first_lags(stream, line, known, window)
    if len(own) == 0:
        middle_s = (link.window.low_s + link.window.high_s) / 2
        return Lag(median_s=middle_s, lower_s=link.window.low_s, upper_s=link.window.high_s)
    base = _chance(stream, line, known, window, own)
    share = np.arange(1, len(own) + 1) / len(known)
    rise = np.maximum.accumulate((share - base) / (1.0 - np.minimum(base, 0.999)))
    top = float(rise[-1])
    if top <= 0:
        quarter, half, three = np.quantile(own, (0.25, 0.5, 0.75)).tolist()
    else:
        quarter, half, three = own[np.searchsorted(rise, [top * part for part in (0.25, 0.5, 0.75)])].tolist()
    return Lag(median_s=half, lower_s=quarter, upper_s=three)


def _chance(stream: EventStream, line: Floats, places: Integers, window: Window, lags: Floats) -> Floats:
    """Return the share of moved times followed within each of the lags."""
    moved = (stream.earliest[places][:, None] + NEAR_SHIFTS[None, :]).ravel()
    hosts = np.repeat(stream.hosts[places], len(NEAR_SHIFTS))
    kept = ~stream.is_hidden(moved)
    found = _lags_after(stream, line, moved[kept], hosts[kept], window)
    share: Floats = np.searchsorted(found, lags, "right") / max(1, int(kept.sum()))
    return share


def _first_lags(stream: EventStream, line: Floats, places: Integers, window: Window) -> Floats:
    """Return the lags of the first effects of the occasions, sorted; fewer than occasions."""
    return _lags_after(stream, line, stream.earliest[places], stream.hosts[places], window)


def _lags_after(stream: EventStream, line: Floats, at: Floats, hosts: Integers, window: Window) -> Floats:
    on_line = stream.place_on_line(at, hosts, is_same_host=window.is_same_host)
    lags = np.append(line, np.inf)[np.searchsorted(line, on_line + window.low_s)] - on_line
    return np.sort(lags[lags < window.high_s])
