"""Makes a started database ready for use: roles, schema, and what the first person needs (seed box: Runtime).

Runs as its own short-lived process before anything is served: alembic and SQLAlchemy never stay in memory.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import psycopg

from error_manager.flows.access import FirstAccess, bootstrap
from error_manager.flows.services import AccessServices
from error_manager.monitoring.dashboard import dsn
from error_manager.runtime.settings import Settings
from error_manager.security.encryption import Sealer, load_master_key
from error_manager.storage.postgres.access import PostgresAccess
from error_manager.storage.postgres.connection import pool, translate
from error_manager.storage.postgres.migrate import migrate
from error_manager.storage.postgres.roles import ensure_roles

CONNECTION_FILE: Final = "connection.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """What is written into ``connection.json`` (0600): all that a program needs to send and to read."""

    url: str
    dsn: str
    ingest_key: str
    admin_token: str = field(repr=False)
    project_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """What a set-up hands to the supervisor: the connection, the one-time login link, and the migrations that ran."""

    connection: Connection
    login_url: str = field(repr=False)
    migrations: tuple[str, ...]


def read_connection(data_dir: Path) -> Connection | None:
    """Return what ``connection.json`` says, or None when there is none that can be read."""
    try:
        return Connection(**json.loads((data_dir / CONNECTION_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def migrate_all(settings: Settings, *, say: Callable[[str], None]) -> tuple[str, ...]:
    """Create missing roles of the embedded server and run missing migrations; return the names of those that ran.

    Raises:
        StorageError: the database is away or refuses.
        ConfigurationError: the database is too old.
    """
    if settings.database.url is None:
        try:
            ensure_roles(settings.cluster)
        except psycopg.Error as error:
            raise translate(error) from error
    return migrate(settings.database_owner_url, say=say)


def set_up(settings: Settings, *, say: Callable[[str], None]) -> Ready:
    """Migrate, make what the first start needs, and write ``connection.json``.

    Raises:
        StorageError: the database is away or refuses.
        ConfigurationError: the database is too old.
        DataFolderError: the master key is missing or wrong; nothing was touched.
    """
    sealer = Sealer(load_master_key(settings.data_dir / "keys" / "master-1.key"))
    migrations = migrate_all(settings, say=say)
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
    _write(settings.data_dir / CONNECTION_FILE, connection)
    return Ready(connection=connection, login_url=f"{url}/login/{access.login_token}", migrations=migrations)


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


def _write(path: Path, connection: Connection) -> None:
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(connection), file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)
