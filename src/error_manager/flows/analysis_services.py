"""What the analysis works with (seed box: Pattern Analyzer).

Apart from ``flows/services.py``: whoever imports this loads numpy, and a serving process must not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from error_manager.analysis.diagnosis import Diagnoser
from error_manager.flows.analysis_meter import StepMeter
from error_manager.flows.rate_watch import RateWatch
from error_manager.flows.services import IndexServices
from error_manager.flows.state_watch import StateWatch
from error_manager.storage.analysis_source import AnalysisSource
from error_manager.storage.base import InboxSource
from error_manager.storage.findings import FindingStore


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisServices:
    """What the analysis needs: where it reads and writes, the inbox, clocks (UTC; seconds; CPU seconds)."""

    source: AnalysisSource
    findings: FindingStore
    inbox: InboxSource
    rates: RateWatch
    states: StateWatch
    diagnoser: Diagnoser
    index: IndexServices | None
    clock: Callable[[], datetime]
    monotonic: Callable[[], float]
    cpu_clock: Callable[[], float]

    def meter(self) -> StepMeter:
        """Return what measures the steps of one round."""
        return StepMeter(clock=self.clock, monotonic=self.monotonic, cpu_clock=self.cpu_clock)
