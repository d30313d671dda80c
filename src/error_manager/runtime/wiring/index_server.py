"""Puts the index process together with a Qdrant server (seed box: Qdrant Adapter)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from error_manager.runtime.settings import Settings
from error_manager.storage.qdrant.server import ServerVectors


@asynccontextmanager
async def open_engine(settings: Settings) -> AsyncIterator[ServerVectors]:
    """Connect to the server of the settings until left.

    Raises:
        IndexUnavailableError: it is away.
    """
    engine = ServerVectors.connect(settings.index.qdrant_url or "", api_key=settings.index.qdrant_api_key)
    try:
        await engine.prepare()
        yield engine
    finally:
        await engine.close()
