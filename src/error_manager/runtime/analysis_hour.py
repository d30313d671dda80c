"""Analyses the hours that are due and ends (seed box: Analyzer Pod).

A process of its own: what it takes in memory for half a minute each hour is given back whole.
"""

from __future__ import annotations

import asyncio
import os
from typing import Final

from error_manager.flows.analysis_hours import analyze_hours
from error_manager.runtime.memory import compute_in_little_memory
from error_manager.runtime.process import run_until_told
from error_manager.runtime.settings import Settings
from error_manager.runtime.wiring.analysis_hour import open_hour_services

_NICE: Final = 10


def main(settings: Settings, *, index: int, pipe_fd: int | None) -> int:
    """Analyse what is due; return the exit code: 0 also when told to stop before the end."""
    os.nice(max(0, _NICE - os.nice(0)))
    compute_in_little_memory()
    return run_until_told(lambda stop: run(settings, index=index, stop=stop), pipe_fd=pipe_fd)


async def run(settings: Settings, *, index: int, stop: asyncio.Event) -> None:
    """Analyse what is due, or as much of it as there is time for until ``stop`` is set.

    Raises:
        StorageError: the database is away.
    """
    async with open_hour_services(settings, index=index) as services:
        work = asyncio.create_task(analyze_hours(services))
        told = asyncio.create_task(stop.wait())
        await asyncio.wait({work, told}, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        if work.done():
            work.result()
        else:
            work.cancel()
        await asyncio.gather(work, told, return_exceptions=True)
