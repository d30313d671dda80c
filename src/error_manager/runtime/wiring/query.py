"""Puts together what a serving process shows: pages, API, live events (seed boxes: Dashboard, REST API)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Final

from litestar import Litestar

from error_manager.core.version import VERSION
from error_manager.flows import monitoring
from error_manager.flows.live import LiveHub, Projects
from error_manager.flows.services import QueryServices
from error_manager.integrations.web.app import bare_app, give
from error_manager.monitoring.dashboard import StatusLine
from error_manager.runtime.host import host_facts
from error_manager.runtime.program import shown
from error_manager.runtime.settings import Settings
from error_manager.runtime.wiring.indexing import index_services
from error_manager.runtime.wiring.linear import compile_linear
from error_manager.security.encryption import open_sealer
from error_manager.storage.files import FolderFiles
from error_manager.storage.inbox import ZstdCompressor
from error_manager.storage.inbox_reader import SqliteInboxReader
from error_manager.storage.postgres.access import PostgresAccess
from error_manager.storage.postgres.connection import connect, pool
from error_manager.storage.postgres.findings import PostgresFindings
from error_manager.storage.postgres.listener import PostgresListener
from error_manager.storage.postgres.queries import PostgresQueries
from error_manager.storage.postgres.reader import Pool
from error_manager.storage.postgres.rules import PostgresRules
from error_manager.storage.postgres.session import LIVE_CHANNEL

_MAX_CONNECTIONS: Final = 4
_MAX_IDLE_S: Final = 60.0  # each but the first: 2 to 5 MB of the database that another page may need in 5 ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """The application behind the ingest endpoints, and what runs beside the requests."""

    app: Litestar
    services: QueryServices
    connections: Pool

    async def run(self) -> None:
        """Open the pool and keep pages current, until cancelled. Works while the database is away."""
        await self.connections.open()
        await self.services.live.run(self._foot_line)

    async def close(self) -> None:
        """End open streams and close the connections."""
        self.services.live.close()
        await self.connections.close()

    async def _foot_line(self, project_ids: Projects) -> StatusLine:
        return await monitoring.foot_line(self.services, project_ids=project_ids)


@cache
def prepared_app() -> Litestar:
    """Return the application of this process. One that is copied has made it, and its copies share it."""
    return bare_app(VERSION)


def build(settings: Settings, *, slot: int) -> Showing:
    """Return the showing part of the serving process of a slot.

    Raises:
        DataFolderError: the master key is missing or wrong.
    """
    name = f"error-manager serve {slot}"
    connections = pool(
        settings.database_url,
        application_name=name,
        min_size=1,
        max_size=_MAX_CONNECTIONS,
        max_idle_s=_MAX_IDLE_S,
        autocommit=True,
    )
    listener = PostgresListener(
        lambda: connect(settings.database_session_url, application_name=f"{name} live", autocommit=True),
        channel=LIVE_CHANNEL,
    )
    services = query_services(settings, connections, LiveHub(payloads=listener.payloads))
    app = prepared_app()
    give(app, services)
    return Showing(app=app, services=services, connections=connections)


def query_services(settings: Settings, connections: Pool, live: LiveHub) -> QueryServices:
    """Return what reads the store, over a pool of autocommit connections.

    Raises:
        DataFolderError: the master key is missing or wrong.
    """
    data_dir = settings.data_dir
    sealer = open_sealer(data_dir)
    return QueryServices(
        queries=PostgresQueries(connections),
        rules=PostgresRules(connections),
        findings=PostgresFindings(connections),
        index=index_services(settings, connections)[0],
        compile_pattern=compile_linear,
        access=PostgresAccess(connections),
        sealer=sealer,
        inbox=SqliteInboxReader(data_dir / "inbox", sealer=sealer, compressor=ZstdCompressor()),
        live=live,
        host=lambda: host_facts(data_dir),
        read_file=FolderFiles(data_dir / "files").read,
        clock=lambda: datetime.now(UTC),
        randomness=os.urandom,
        url=settings.public_url,
        version=VERSION,
        login_command=shown("login", data_dir),
    )
