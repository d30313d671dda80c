"""When a pattern began to rise, and how well that is known (seed box: Temporal Analyzer)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_DROP: Final = 1.92
"""Fall of the log-likelihood at the ends of a 95 % interval: half chi-square (1 degree of freedom)."""
_STEPS: Final = 16
_LEAST_SPAN: Final = 1e-3
"""Shortest time a rate is taken over, as a share of the window: events at one moment have no rate."""
_LEAST_EVENTS: Final = 1e-3
"""A pattern that was never seen may still have this many events in the window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Onset:
    """The moment a pattern's rate went up, seconds since the epoch, with a 95 % interval.

    ``gain``: log-likelihood of the rise over that of one steady rate; 0 = no rise.
    """

    at_s: float
    low_s: float
    high_s: float
    gain: float


def find_onset(times_s: Array, *, start_s: float, end_s: float, usual_per_s: float | None = None) -> Onset:
    """Return when the rate of events went up within a window.

    Args:
        times_s: event times within the window, shape (n,), sorted, n >= 1.
        start_s: begin of the window; a lead of some minutes before the rise shows the usual rate.
        end_s: end of the window, > start_s.
        usual_per_s: rate expected without an incident, >= 0; None = taken from the events before the rise.
            With it a single event of a pattern that is usually silent has a sharp onset.

    Returns:
        The event at which one rate before and a higher one after are most likely; the interval holds every
        moment that is hardly less likely (all of the window when there was no rise).

    Source:
        Change of a Poisson rate by profile likelihood: V. E. Akman and A. E. Raftery, J. R. Stat. Soc. B 48
        (1986) 322-329.
    """
    span_s = end_s - start_s
    edges = np.concatenate(([start_s], times_s))
    between = np.linspace(edges[:-1], edges[1:], _STEPS + 1, axis=1)[:, 1:]
    moments = between.ravel()
    before = np.repeat(np.searchsorted(times_s, times_s, "left").astype(np.float64), _STEPS)
    shortest = _LEAST_SPAN * span_s
    past, rest = np.maximum(moments - start_s, shortest), np.maximum(end_s - moments, shortest)
    usual = None if usual_per_s is None else max(usual_per_s, _LEAST_EVENTS / span_s)
    rate, later = before / past if usual is None else usual, (len(times_s) - before) / rest
    steady = _log_likelihood(len(times_s), span_s, len(times_s) / span_s if usual is None else usual)
    risen = _log_likelihood(before, past, rate) + _log_likelihood(len(times_s) - before, rest, later)
    likely = np.where(later > rate, risen, steady)
    at = between[:, -1]
    best = int(np.argmax(likely.reshape(between.shape)[:, -1]))
    inside = moments[likely >= likely.max() - _DROP]
    return Onset(
        at_s=float(at[best]),
        low_s=float(inside.min(initial=at[best])),
        high_s=float(inside.max(initial=at[best])),
        gain=max(float(likely.max() - steady), 0.0),
    )


def _log_likelihood(count: Array | float, span_s: Array | float, rate: Array | float) -> Array:
    """Return the Poisson log-likelihood of a count, without what does not depend on the rate."""
    return np.asarray(count * np.log(np.maximum(rate, 1e-300)) - rate * span_s, dtype=np.float64)
