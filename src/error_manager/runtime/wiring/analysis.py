"""Puts the analysing process together (seed boxes: Analyzer Pod, Message Queue)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from procrastinate import App, PsycopgConnector

from error_manager.flows.analysis_services import AnalysisServices
from error_manager.flows.rate_watch import RateWatch
from error_manager.flows.state_watch import StateWatch
from error_manager.runtime.failpoint import failpoint_of
from error_manager.runtime.settings import Settings
from error_manager.runtime.wiring.indexing import index_services
from error_manager.runtime.wiring.knowledge import load_diagnoser
from error_manager.security.encryption import open_sealer
from error_manager.storage.inbox import SqliteInboxReader, ZstdCompressor
from error_manager.storage.postgres.analysis_source import PostgresAnalysisSource
from error_manager.storage.postgres.connection import connection_parameters, pool
from error_manager.storage.postgres.findings import PostgresFindings
from error_manager.storage.postgres.reader import Pool
from error_manager.storage.qdrant.remote import RemoteVectors

_STATEMENT_S: Final = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What the analysing process runs: its services, and the queue its jobs come from."""

    services: AnalysisServices
    jobs: App
    connections: Pool
    inbox: SqliteInboxReader
    vectors: RemoteVectors | None

    async def close(self) -> None:
        """Close files and connections."""
        self.inbox.close()
        if self.vectors is not None:
            await self.vectors.close()
        await self.connections.close()


def build(settings: Settings, *, index: int) -> Analysis:
    """Return the analysing process ``index`` of a data folder; nothing is open yet.

    Raises:
        DataFolderError: the master key is missing or wrong.
    """
    data_dir = settings.data_dir
    name = f"error-manager analysis {index}"
    connections = pool(
        settings.database_url,
        application_name=name,
        min_size=1,
        max_size=2,
        statement_timeout_s=_STATEMENT_S,
        autocommit=True,
    )
    inbox = SqliteInboxReader(data_dir / "inbox", sealer=open_sealer(data_dir), compressor=ZstdCompressor())
    source = PostgresAnalysisSource(connections)
    findings = PostgresFindings(connections, failpoint=failpoint_of(settings))
    index_parts = index_services(settings, connections) if settings.index.enabled else None
    services = AnalysisServices(
        source=source,
        findings=findings,
        inbox=inbox,
        rates=RateWatch(source, findings),
        states=StateWatch(source, findings),
        diagnoser=load_diagnoser(),
        index=index_parts[0] if index_parts else None,
        clock=lambda: datetime.now(UTC),
        monotonic=time.monotonic,
        cpu_clock=time.process_time,
    )
    return Analysis(
        services=services,
        jobs=_queue(settings, f"{name} jobs"),
        connections=connections,
        inbox=inbox,
        vectors=index_parts[1] if index_parts else None,
    )


def _queue(settings: Settings, name: str) -> App:
    """Return the queue, on one direct connection: the status of a job must not get lost in a pooler."""
    parameters = connection_parameters(
        settings.database_session_url, application_name=name, statement_timeout_s=_STATEMENT_S
    )
    return App(
        connector=PsycopgConnector(
            min_size=1, max_size=2, kwargs={"prepare_threshold": None, **parameters}, name=name
        )
    )
