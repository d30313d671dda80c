"""Puts together what makes reports (seed box: Reporter)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from error_manager.flows.live import LiveHub
from error_manager.flows.services import ReportServices
from error_manager.runtime.settings import Settings
from error_manager.runtime.wiring.query import query_services
from error_manager.storage.files import FolderFiles
from error_manager.storage.postgres.connection import pool
from error_manager.storage.postgres.reports import PostgresReports


@asynccontextmanager
async def report_services(settings: Settings) -> AsyncIterator[ReportServices]:
    """Return the services of one report, with a connection that is closed at the end."""
    connections = pool(
        settings.database_url,
        application_name="error-manager report",
        max_size=1,
        autocommit=True,
        statement_timeout_s=settings.database.worker_statement_timeout_s,
    )
    await connections.open()
    try:
        yield ReportServices(
            query=query_services(settings, connections, LiveHub(payloads=_nothing)),
            reports=PostgresReports(connections),
            files=FolderFiles(settings.data_dir / "files"),
        )
    finally:
        await connections.close()


async def _nothing() -> AsyncGenerator[str, None]:
    """Hear nothing: a report has no live part."""
    silence: tuple[str, ...] = ()
    for payload in silence:
        yield payload
