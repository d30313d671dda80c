"""Puts the process together that analyses one hour and ends (seed box: Analyzer Pod)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from error_manager.flows.analysis_hours import HourServices
from error_manager.runtime.settings import Settings
from error_manager.runtime.wiring.analysis_parts import parts
from error_manager.runtime.wiring.indexing import index_services
from error_manager.runtime.wiring.knowledge import load_diagnoser
from error_manager.storage.postgres.samples import PostgresSamples


@asynccontextmanager
async def open_hour_services(settings: Settings, *, index: int) -> AsyncIterator[HourServices]:
    """Return the services of analysing process ``index``, closed at the end.

    Raises:
        DataFolderError: the master key is missing or wrong.
    """
    shared = parts(settings, name=f"error-manager analysis {index} hour")
    await shared.connections.open()
    similar = index_services(settings, shared.connections) if settings.index.is_enabled else None
    try:
        yield HourServices(
            **shared.services,
            load_diagnoser=load_diagnoser,
            samples=PostgresSamples(shared.connections),
            index=similar[0] if similar else None,
        )
    finally:
        if similar is not None:
            await similar[1].close()
        await shared.close()
