"""Takes in minutes of project 1 until killed at the N-th time of a step: ``driver.py URL UNTIL STEP N``."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import datetime

from error_manager.core.types import ProjectId
from error_manager.flows.rate_watch import RateWatch
from error_manager.storage.analysis_source import AnalysedProject
from error_manager.storage.postgres.analysis_source import PostgresAnalysisSource
from error_manager.storage.postgres.connection import pool
from error_manager.storage.postgres.findings import PostgresFindings


class _Killer:
    def __init__(self, step: str, times: int) -> None:
        self._step, self._left = step, times

    def __call__(self, step: str) -> None:
        self._left -= step == self._step
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)


async def main() -> None:
    """Work until killed."""
    url, until, step, times = sys.argv[1:]
    connections = pool(url, application_name="driver", autocommit=True)
    await connections.open()
    findings = PostgresFindings(connections, failpoint=_Killer(step, int(times)))
    watch = RateWatch(PostgresAnalysisSource(connections), findings)
    project = AnalysedProject(id=ProjectId(1), organization_id=1)
    await watch.watch(project, until=datetime.fromisoformat(until))
    await connections.close()


asyncio.run(main())
