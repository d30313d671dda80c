"""What both processes of the analysis are made of (seed box: Analyzer Pod)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from error_manager.runtime.failpoint import failpoint_of
from error_manager.runtime.settings import Settings
from error_manager.security.encryption import open_sealer
from error_manager.storage.inbox import SqliteInboxReader, ZstdCompressor
from error_manager.storage.postgres.analysis_source import PostgresAnalysisSource
from error_manager.storage.postgres.connection import pool
from error_manager.storage.postgres.findings import PostgresFindings
from error_manager.storage.postgres.reader import Pool

STATEMENT_S: Final = 600.0
"""Longest statement of the analysis."""
_IDLE_S: Final = 30.0  # a connection that was used for a month's counts holds 25 MB: rather open a new one


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Where the analysis reads and writes; ``connections`` are to be opened and closed."""

    connections: Pool
    inbox: SqliteInboxReader
    source: PostgresAnalysisSource
    findings: PostgresFindings

    @property
    def services(self) -> dict[str, Any]:
        """Return the arguments of ``AnalysisServices``."""
        return {
            "source": self.source,
            "findings": self.findings,
            "inbox": self.inbox,
            "clock": lambda: datetime.now(UTC),
            "monotonic": time.monotonic,
            "cpu_clock": time.process_time,
        }

    async def close(self) -> None:
        """Close files and connections."""
        self.inbox.close()
        await self.connections.close()


def parts(settings: Settings, *, name: str) -> Parts:
    """Return the parts of a process of this name; nothing is open yet.

    Raises:
        DataFolderError: the master key is missing or wrong.
    """
    connections = pool(
        settings.database_url,
        application_name=name,
        min_size=0,
        max_size=2,
        max_idle_s=_IDLE_S,
        statement_timeout_s=STATEMENT_S,
        autocommit=True,
    )
    sealer = open_sealer(settings.data_dir)
    return Parts(
        connections=connections,
        inbox=SqliteInboxReader(settings.data_dir / "inbox", sealer=sealer, compressor=ZstdCompressor()),
        source=PostgresAnalysisSource(connections),
        findings=PostgresFindings(connections, failpoint=failpoint_of(settings)),
    )
