"""Finds what follows what, unusual stretches and what to do for ``error-manager analyze``.

Loaded by name: it needs the extra ``server``, the patterns do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from error_manager.analysis.event_times import EventTimes
from error_manager.analysis.found import FoundPattern
from error_manager.analysis.log_finding import LogFindings
from error_manager.analysis.timeline import TimeRange
from error_manager.flows.log_findings import find
from error_manager.runtime.wiring.knowledge import load_diagnoser

_SEED: Final = 1
"""The same log gives the same findings."""


def find_more(patterns: Sequence[FoundPattern], times: EventTimes, range_: TimeRange) -> LogFindings:
    """Return what a log says beyond its patterns, whose texts and samples are masked."""
    return find(patterns, times, range_, load_diagnoser(), np.random.default_rng(_SEED))
