"""Puts together what fills and asks the index of similar errors (seed box: Qdrant Adapter)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from error_manager.flows.services import IndexServices
from error_manager.runtime.settings import Settings
from error_manager.storage.postgres.connection import pool
from error_manager.storage.postgres.reader import Pool
from error_manager.storage.postgres.samples import PostgresSamples
from error_manager.storage.qdrant.remote import RemoteVectors
from error_manager.storage.qdrant.wire import socket_path


def index_services(settings: Settings, connections: Pool) -> tuple[IndexServices, RemoteVectors]:
    """Return the services over a pool of autocommit connections, and the way to the index, to be closed."""
    index = RemoteVectors(socket_path(settings.data_dir))
    return IndexServices(index=index, source=PostgresSamples(connections)), index


@asynccontextmanager
async def open_index_services(settings: Settings) -> AsyncIterator[IndexServices]:
    """Return the services with a connection of their own, closed at the end."""
    connections = pool(
        settings.database_url,
        application_name="error-manager reindex",
        max_size=1,
        autocommit=True,
        statement_timeout_s=settings.database.worker_statement_timeout_s,
    )
    await connections.open()
    services, index = index_services(settings, connections)
    try:
        yield services
    finally:
        await index.close()
        await connections.close()
