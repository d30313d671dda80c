"""Which values are usual in the place of a new one (seed box: Anomaly Detection)."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

CONTEXT: Final = 8
"""Values before the new ones that are looked for in the past."""
NEIGHBORS: Final = 20
"""Most similar courses whose next values are taken; their 5 % to 95 % are what is usual."""
_EDGES: Final = (0.05, 0.95)


def usual_range(values: npt.NDArray[np.float64], width: int) -> tuple[float, float]:
    """Return the range of what came in the place of the newest value after courses like the one before it.

    Args:
        values: remembered, the newest last, at least ``CONTEXT + 2 * width``.
        width: how many of them, the newest last, are new: the course before these is looked for.
    """
    known = values[: len(values) - width]
    before = known[-CONTEXT:]
    courses = np.lib.stride_tricks.sliding_window_view(known[: len(known) - width], CONTEXT)
    distances = np.abs(courses - before).sum(axis=1)
    nearest = np.argsort(distances, kind="stable")[:NEIGHBORS]
    low, high = np.quantile(known[nearest + CONTEXT + width - 1], _EDGES).tolist()
    return low, high
