"""Finds stretches in which many patterns rose at once: deploys, storms, load."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

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
_ROWS: Final = 1_024


def common_bursts(
    minutes: npt.NDArray[np.int64], patterns: npt.NDArray[np.int64], *, n_minutes: int
) -> npt.NDArray[np.bool_]:
    """Return of each minute whether it belongs to a stretch in which many patterns rose at once.

    Counted are the patterns active in a minute. Usual is the larger of the median of four hours and the
    median of the same minute of the clock in the half hours around, so that cron jobs are usual.

    Args:
        minutes: minute of each event since the start, 0 <= minute < n_minutes; sorted by pattern, then time.
        patterns: pattern of each event, sorted.
        n_minutes: minutes of the window.

    Returns:
        npt.NDArray[np.bool_], shape (n_minutes,).
    """
    is_new = np.ones(len(minutes), dtype=np.bool_)
    is_new[1:] = (np.diff(minutes) != 0) | (np.diff(patterns) != 0)
    active = np.bincount(minutes[is_new], minlength=n_minutes).astype(np.float64)
    usual = np.maximum(_surrounding_median(active), _clock_median(active))
    known = int(np.count_nonzero(np.diff(patterns))) + 1
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


def _surrounding_median(active: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    reach = min(_SURROUNDINGS, max(1, len(active) // 2))
    padded = np.pad(active, reach, mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)[::5]
    return np.repeat(_medians(windows), 5)[: len(active)]


def _clock_median(active: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    reach = _PHASES * _HALF_HOUR
    if len(active) <= reach:
        return np.zeros(len(active))
    padded = np.pad(active, reach, mode="constant", constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)[:, ::_HALF_HOUR]
    return _medians(windows)


def _medians(windows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the median of each row without its NaN; of some rows at once, since medians copy them."""
    parts = [np.nanmedian(windows[start : start + _ROWS], axis=1) for start in range(0, len(windows), _ROWS)]
    return np.concatenate(parts)


def _sums(values: npt.NDArray[np.float64], width: int) -> npt.NDArray[np.float64]:
    """Return the sum of each ``width`` neighbours."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    sums: npt.NDArray[np.float64] = total[width:] - total[:-width]
    return sums
