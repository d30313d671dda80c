"""Memory of the hour by patterns: ``python -m bench.analysis_memory PATTERNS [--errors N]``; prints JSON.

No database: a made-up month of one project (log-normal rates, all of them together ``--errors``), and
findings that are thrown away after each step as the product does; what a step read and found is all there is.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from bench.bare_source import BareSource
from numpy.typing import NDArray

from error_manager.core.types import PatternId, PatternStatus, ProjectId, Severity
from error_manager.flows.analysis_hours import HourServices, analyze_hours
from error_manager.runtime.wiring.knowledge import load_diagnoser
from error_manager.storage.analysis_source import (
    AnalysedProject,
    CountRows,
    EventRows,
    PatternFact,
    ReleaseSeen,
    newest_events,
)
from error_manager.storage.findings import AnalysisRun, Findings
from error_manager.storage.memory_findings import MemoryFindings
from error_manager.storage.vectors import PatternKey, PatternSample

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
DAYS = 30
ONE = ProjectId(1)


class MadeUpMonth(BareSource):
    """``AnalysisSource`` over the times of made-up errors."""

    def __init__(self, patterns: int, errors: int, *, seed: int) -> None:
        """Make them."""
        rng = np.random.default_rng(seed)
        rates = rng.lognormal(0.0, 1.5, patterns)
        counts = 1 + rng.poisson(errors * rates / rates.sum())
        self._keys = np.repeat(np.arange(1, patterns + 1), counts)
        self._times = NOW.timestamp() - rng.uniform(60, DAYS * 86_400, len(self._keys))
        order = np.argsort(self._times)
        self._keys, self._times = self._keys[order], self._times[order]
        last = np.zeros(patterns + 1)
        np.maximum.at(last, self._keys, self._times)
        self._facts = tuple(_fact(number, last[number]) for number in range(1, patterns + 1))

    async def projects(self) -> tuple[AnalysedProject, ...]:
        return (AnalysedProject(id=ONE, organization_id=1),)

    async def patterns(self, project_id: ProjectId, *, since: datetime) -> tuple[PatternFact, ...]:
        del project_id
        return tuple(fact for fact in self._facts if fact.last_seen >= since)

    async def minutes(self, project_id: ProjectId, *, since: datetime, until: datetime) -> CountRows:
        del project_id
        return self._counted(since, until, 60)

    async def severity_minutes(self, project_id: ProjectId, *, since: datetime, until: datetime) -> CountRows:
        del project_id
        return self._counted(since, until, 60)

    async def hours(self, project_id: ProjectId, *, since: datetime, until: datetime) -> CountRows:
        del project_id
        return self._counted(since, until, 3_600)

    async def events(
        self, project_id: ProjectId, *, since: datetime, until: datetime, newest: int
    ) -> EventRows:
        del project_id
        return newest_events(*self._between(since, until), newest=newest)

    async def releases(self, project_id: ProjectId, *, since: datetime) -> tuple[ReleaseSeen, ...]:
        del project_id, since
        return ()

    def _between(self, since: datetime, until: datetime) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        start, end = np.searchsorted(self._times, [since.timestamp(), until.timestamp()])
        return self._keys[start:end], self._times[start:end]

    def _counted(self, since: datetime, until: datetime, step_s: int) -> CountRows:
        keys, times = self._between(since, until)
        buckets = times.astype(np.int64) // step_s
        pairs, counts = np.unique(keys * 2**40 + buckets, return_counts=True)
        return CountRows(
            keys=pairs >> 40, times_s=(pairs & (2**40 - 1)) * step_s, counts=counts.astype(np.float64)
        )


class Runs(MemoryFindings):
    """Keeps the runs alone."""

    async def keep(self, findings: Findings) -> None:
        await super().keep(Findings(states=findings.states, run=findings.run))


class Nothing:
    """No sample of any pattern, and nothing that waits."""

    async def samples(self, keys: Sequence[PatternKey]) -> tuple[PatternSample, ...]:
        del keys
        return ()

    def slots(self) -> tuple[int, ...]:
        return ()


def _fact(number: int, last_s: float) -> PatternFact:
    last = datetime.fromtimestamp(last_s or NOW.timestamp(), UTC)
    return PatternFact(
        id=PatternId(number), title=f"KeyError: {number}", message=f"KeyError: {number}", culprit="pay",
        module=f"shop.m{number % 100}", error_code="KeyError", severity=Severity.ERROR, platform="python",
        status=PatternStatus.UNRESOLVED, first_seen=NOW - timedelta(days=60), last_seen=last,
        resolved_at=None, regressed_at=None, first_release="", users=0,
    )  # fmt: skip


async def _run(source: MadeUpMonth) -> tuple[AnalysisRun, ...]:
    nothing: Any = Nothing()
    svc = HourServices(
        source=source, findings=Runs({}), inbox=nothing, clock=lambda: NOW + timedelta(minutes=5),
        monotonic=time.monotonic, cpu_clock=time.process_time, load_diagnoser=load_diagnoser, samples=nothing,
        index=None,
    )  # fmt: skip
    await analyze_hours(svc)
    return await svc.findings.latest_runs()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("patterns", type=int)
    parser.add_argument("--errors", type=int, default=5_000_000)
    args = parser.parse_args()
    source = MadeUpMonth(args.patterns, args.errors, seed=1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    runs = asyncio.run(_run(source))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    parts = {run.step: [round(run.cpu_s, 1), run.items, run.detail] for run in runs}
    print(json.dumps({"before_mib": round(before), "peak_mib": round(peak), "cpu_s, items": parts}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
