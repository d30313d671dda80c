"""``connection.json`` in the data folder: how programs reach the server (seed box: Runtime)."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from error_manager.runtime.settings import Settings

CONNECTION_FILE: Final = "connection.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """What is written into ``connection.json`` (0600): all that a program needs to send and to read."""

    url: str
    dsn: str
    ingest_key: str
    admin_token: str = field(repr=False)
    project_id: int


def read_connection(data_dir: Path) -> Connection | None:
    """Return what ``connection.json`` says, or None when there is none that can be read."""
    try:
        return Connection(**json.loads((data_dir / CONNECTION_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def server_url(settings: Settings) -> str:
    """Return where the server was last ready, or where the settings alone would put it."""
    connection = read_connection(settings.data_dir)
    return settings.public_url if connection is None else connection.url


def write_connection(data_dir: Path, connection: Connection) -> None:
    """Replace ``connection.json`` in one step; only its owner may read it."""
    path = data_dir / CONNECTION_FILE
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(connection), file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)
