"""Puts the index process together with the embedded engine (seed box: Qdrant Adapter)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from error_manager.runtime.settings import Settings
from error_manager.storage.qdrant.edge import EdgeVectors


@asynccontextmanager
async def open_engine(settings: Settings) -> AsyncIterator[EdgeVectors]:
    """Open the index in the data folder until left.

    Raises:
        IndexUnavailableError: another process has it, or the folder cannot be written.
    """
    engine = EdgeVectors.open(settings.data_dir / "qdrant")
    try:
        yield engine
    finally:
        engine.close()
