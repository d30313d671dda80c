"""How unevenly the errors of a pattern come (seed box: Frequency Analyzer)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FEWEST_GAPS: Final = 4
_MOST_EVENTS: Final = 20_000
QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, slots=True, kw_only=True)
class Burstiness:
    """The gaps between consecutive errors.

    Attributes:
        burstiness: -1 (regular as a clock) over 0 (by chance) to 1 (all at once).
        memory: correlation of consecutive gaps, -1..1; 0 when it cannot be told.
        gap_quantiles_s: 5, 25, 50, 75 and 95 % of the gaps are at most so long, seconds.
        gaps: how many there are.
    """

    burstiness: float
    memory: float
    gap_quantiles_s: tuple[float, float, float, float, float]
    gaps: int


def burstiness(times_s: Array) -> Burstiness | None:
    """Return how unevenly errors come, None with fewer than five of them.

    Args:
        times_s: of the errors, seconds, ascending.

    Source:
        B of K.-I. Goh and A.-L. Barabasi, EPL 81 (2008) 48002, with the correction for few events of E.-K.
        Kim and H.-H. Jo, PRE 94 (2016) 032311: with m gaps and r = deviation / mean,
        (sqrt(m + 1) r - sqrt(m - 1)) / ((sqrt(m + 1) - 2) r + sqrt(m - 1)).
        It is -1 at r = 0, 0 at r^2 = (m - 1) / (m + 1), which m random cuts of a line have, and 1 at
        r^2 = m - 1, the most that m gaps can have. Memory: coefficient M of the first paper.
    """
    gaps = np.diff(times_s)
    count = len(gaps)
    if count < FEWEST_GAPS or not gaps.any():
        return None
    spread = float(gaps.std() / gaps.mean())
    root, low = math.sqrt(count + 1), math.sqrt(count - 1)
    five, quarter, half, three, most = (float(value) for value in np.quantile(gaps, QUANTILES))
    return Burstiness(
        burstiness=(root * spread - low) / ((root - 2) * spread + low),
        memory=_memory(gaps),
        gap_quantiles_s=(five, quarter, half, three, most),
        gaps=count,
    )


def times_of(counts: Array, start_s: float, step_s: float) -> Array:
    """Return times for counted errors, those of one bucket spread evenly over it; the newest 20,000 at most.

    Args:
        counts: per bucket, oldest first, NaN = not collected.
        start_s: start of the first bucket, seconds.
        step_s: width of a bucket, seconds.
    """
    whole = np.nan_to_num(counts).round().astype(np.int64)
    first = int(np.searchsorted(np.cumsum(whole[::-1]), _MOST_EVENTS, side="right"))
    whole[: max(0, len(whole) - max(first, 1))] = 0
    buckets = np.repeat(np.arange(len(whole)), whole)
    ranks = np.arange(len(buckets)) - np.repeat(np.cumsum(whole) - whole, whole)
    return np.asarray(start_s + step_s * (buckets + (ranks + 0.5) / whole[buckets]), dtype=np.float64)


def _memory(gaps: Array) -> float:
    before, after = gaps[:-1], gaps[1:]
    scale = float(before.std() * after.std())
    if scale <= 0:
        return 0.0
    return float(((before - before.mean()) * (after - after.mean())).mean()) / scale
