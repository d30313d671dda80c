"""A PostgreSQL of the harness, which the product uses by URL and therefore does not start again."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from error_manager.runtime.data_folder import open_folder, service_account
from error_manager.storage.postgres.cluster import APP, MIGRATOR, open_cluster
from error_manager.storage.postgres.embedded import EmbeddedPostgres
from error_manager.storage.postgres.roles import ensure_roles
from error_manager.storage.postgres.server_config import ClusterOptions


class Database:
    """A server in a folder of its own, made from the binaries of the wheel. Use it in the main thread."""

    def __init__(self, folder: Path) -> None:
        """Make the folder; nothing runs yet."""
        umask = os.umask(0o077)
        open_folder(folder)
        os.umask(umask)
        self._server = EmbeddedPostgres(open_cluster(folder, service_account()), ClusterOptions())

    def __enter__(self) -> Self:
        """Start it, with the roles the product needs."""
        self.start()
        ensure_roles(self._server.cluster)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self._server.stop()

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        self._server.start(lambda _: None)

    def stop(self) -> None:
        """Stop it as a crash would: connections are cut, the next start recovers."""
        self._server.stop(is_immediate=True)

    def serve(self, data_dir: Path) -> None:
        """Write the settings that make the product on ``data_dir`` use this server."""
        app, owner = self._server.cluster.url(APP), self._server.cluster.url(MIGRATOR)
        data_dir.mkdir(mode=0o700)
        lines = (f'url = "{app}"', f'session_url = "{app}"', f'owner_url = "{owner}"')
        (data_dir / "config.toml").write_text("\n".join(("[database]", *lines, "")))
