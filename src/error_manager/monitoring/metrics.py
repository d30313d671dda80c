"""The ledger as Prometheus metrics (seed box: Metrics Collector). Pure: numbers in, text out.

The numbers are those of the whole installation, read from the database: every ``serve`` process answers the
same.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from error_manager.storage.base import Ledger
from error_manager.storage.findings import AnalysisRun

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class LedgerCollector(Collector):
    """Yields the metrics of one ledger; None = the database is away, only that is said."""

    def __init__(self, ledger: Ledger | None) -> None:
        """Keep the ledger."""
        self._ledger = ledger

    def collect(self) -> Iterable[Metric]:
        """Yield each metric family."""
        yield GaugeMetricFamily(
            "error_manager_database_up",
            "1 when the database answered.",
            value=float(self._ledger is not None),
        )
        if self._ledger is None:
            return
        yield CounterMetricFamily(
            "error_manager_items_received", "Errors received.", value=self._ledger.received
        )
        ended = CounterMetricFamily("error_manager_items", "Errors by how they ended.", labels=("outcome",))
        for outcome, quantity in self._ledger.outcomes.items():
            ended.add_metric((outcome.value,), quantity)
        yield ended
        yield GaugeMetricFamily(
            "error_manager_inbox_waiting_items",
            "Errors accepted and not yet processed.",
            value=self._ledger.waiting,
        )
        yield GaugeMetricFamily(
            "error_manager_items_unexplained",
            "Errors received that neither wait nor ended: 0 unless something is broken.",
            value=self._ledger.unexplained,
        )


class AnalysisCollector(Collector):
    """Yields what the newest run of each step of the analysis cost."""

    def __init__(self, runs: Iterable[AnalysisRun]) -> None:
        """Keep the runs."""
        self._runs = tuple(runs)

    def collect(self) -> Iterable[Metric]:
        """Return each metric family."""
        seconds = GaugeMetricFamily(
            "error_manager_analysis_step_seconds",
            "How long the newest run of a step of the analysis took.",
            labels=("step",),
        )
        cpu = GaugeMetricFamily(
            "error_manager_analysis_step_cpu_seconds", "Its processor time.", labels=("step",)
        )
        items = GaugeMetricFamily(
            "error_manager_analysis_step_items", "How many items it looked at.", labels=("step",)
        )
        failed = GaugeMetricFamily(
            "error_manager_analysis_step_failed", "1 when it failed.", labels=("step",)
        )
        started = GaugeMetricFamily(
            "error_manager_analysis_step_started_timestamp_seconds", "When it began.", labels=("step",)
        )
        for run in self._runs:
            seconds.add_metric((run.step,), run.took_s)
            cpu.add_metric((run.step,), run.cpu_s)
            items.add_metric((run.step,), run.items)
            failed.add_metric((run.step,), float(not run.is_done))
            started.add_metric((run.step,), run.started_at.timestamp())
        return (seconds, cpu, items, failed, started)


def render(ledger: Ledger | None, *, more: Iterable[Collector] = ()) -> bytes:
    """Return the metrics in the text format of Prometheus."""
    registry = CollectorRegistry()
    registry.register(LedgerCollector(ledger))
    for collector in more:
        registry.register(collector)
    return generate_latest(registry)
