"""Makes a started database ready for use: roles, schema, and what the first person needs (seed box: Runtime).

Runs as its own short-lived process before anything is served. Migrations run in a further one, and only when
some are missing: to load alembic and SQLAlchemy takes longer than everything else here.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import psycopg

from error_manager.flows.access import FirstAccess, bootstrap
from error_manager.flows.services import AccessServices
from error_manager.monitoring.dashboard import dsn
from error_manager.runtime.connection_file import Connection, read_connection
from error_manager.runtime.settings import Settings
from error_manager.security.encryption import Sealer, open_sealer
from error_manager.storage.postgres.access import PostgresAccess
from error_manager.storage.postgres.connection import connect_sync, pool, translate
from error_manager.storage.postgres.revisions import check_server_version, is_current
from error_manager.storage.postgres.roles import ensure_roles


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """What a set-up hands to the supervisor: how to reach the server, and the one-time login link."""

    connection: Connection
    login_url: str = field(repr=False)


def set_up(settings: Settings, *, migrate: Callable[[], None]) -> Ready:
    """Make the schema current and what the first start needs; return how the server will be reached.

    Args:
        settings: of this start.
        migrate: runs the missing migrations; called only when there are some.

    Raises:
        StorageError: the database is away or refuses.
        ConfigurationError: the database is too old.
        DataFolderError: the master key is missing or wrong; nothing was touched.
    """
    sealer = open_sealer(settings.data_dir)
    if not _is_current(settings):
        migrate()
    known = read_connection(settings.data_dir)
    access = asyncio.run(_first_access(settings, sealer, known.admin_token if known else ""))
    url = settings.public_url
    connection = Connection(
        url=url,
        dsn=dsn(url, access.ingest_key, access.project_id),
        ingest_key=access.ingest_key,
        admin_token=access.admin_token,
        project_id=access.project_id,
    )
    return Ready(connection=connection, login_url=f"{url}/login/{access.login_token}")


def _is_current(settings: Settings) -> bool:
    try:
        if settings.database.url is None:
            ensure_roles(settings.cluster)
        with connect_sync(settings.database_owner_url, application_name="error-manager setup") as connection:
            check_server_version(connection)
            return is_current(connection)
    except psycopg.Error as error:
        raise translate(error) from error


async def _first_access(settings: Settings, sealer: Sealer, known_token: str) -> FirstAccess:
    connections = pool(
        settings.database_url, application_name="error-manager setup", max_size=1, autocommit=True
    )
    await connections.open()
    try:
        services = AccessServices(
            access=PostgresAccess(connections),
            sealer=sealer,
            clock=lambda: datetime.now(UTC),
            randomness=os.urandom,
        )
        return await bootstrap(services, known_admin_token=known_token)
    finally:
        await connections.close()
