"""The checks of ``error-manager doctor``: each says what it found and how to mend it (seed box: Runtime)."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

import psycopg

from error_manager.core.errors import ConfigurationError, DataFolderError
from error_manager.runtime.connection_file import read_connection
from error_manager.runtime.data_folder import holder_of, service_account
from error_manager.runtime.network import refuse_taken_port
from error_manager.runtime.presence import folder_hint
from error_manager.runtime.settings import Settings, is_loopback
from error_manager.storage.postgres.binaries import wheel_programs
from error_manager.storage.postgres.cluster import closed_ancestor
from error_manager.storage.postgres.connection import connect_sync
from error_manager.storage.postgres.revisions import check_server_version, is_current

_OLDEST_PYTHON: Final = (3, 11)
_MIN_FREE_BYTES: Final = 1024**3
_SYNC_ROUNDS: Final = 20
_SLOW_SYNC_S: Final = 0.02
_MAX_DRIFT_S: Final = 5.0
_GiB: Final = 1024**3


class Verdict(StrEnum):
    """How a check ended."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check: what was looked at, what was found, and what to do when it is not good."""

    name: str
    verdict: Verdict
    text: str
    remedy: str = ""


def _good(name: str, text: str) -> Finding:
    return Finding(name=name, verdict=Verdict.GOOD, text=text)


def _warning(name: str, text: str, remedy: str) -> Finding:
    return Finding(name=name, verdict=Verdict.WARNING, text=text, remedy=remedy)


def _bad(name: str, text: str, remedy: str) -> Finding:
    return Finding(name=name, verdict=Verdict.BAD, text=text, remedy=remedy)


def diagnose(settings: Settings) -> Iterator[Finding]:
    """Yield the finding of every check; nothing is changed, nothing needs a running server."""
    is_running = holder_of(settings.data_dir) is not None
    yield _python()
    yield from _programs(settings)
    yield _folder(settings.data_dir)
    yield _keys(settings.data_dir)
    yield _free_disk(settings)
    yield _sync_rate(settings.data_dir)
    yield _port(settings, is_running=is_running)
    yield _exposure(settings)
    yield from _database(settings, is_running=is_running)


def _python() -> Finding:
    text = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {platform.platform()}"
    if sys.version_info < _OLDEST_PYTHON:
        return _bad("python", text, "Install Python 3.11 or newer.")
    return _good("python", text)


def _programs(settings: Settings) -> Iterator[Finding]:
    if settings.database.url is not None:
        return
    try:
        programs = wheel_programs()
        account = service_account()
    except (ConfigurationError, DataFolderError) as error:
        yield _bad("postgresql", "cannot be started", str(error))
        return
    who = "as you" if account is None else f"as {account.name}, because you are root"
    yield _good("postgresql", f"{programs.parent.name}, runs {who}")
    closed = closed_ancestor(settings.data_dir, account) if settings.data_dir.parent.exists() else None
    if closed is not None and not Path("/proc/self/fd").is_dir():
        yield _bad(
            "path", f"{closed} is closed to PostgreSQL's account", "Use --data-dir /var/lib/error-manager."
        )


def _folder(folder: Path) -> Finding:
    if not folder.exists():
        parent = next(path for path in folder.parents if path.exists())
        if os.access(parent, os.W_OK | os.X_OK):
            return _unused(folder, "will be made by `error-manager up`")
        return _bad("data folder", f"{folder} cannot be made in {parent}", "Name another: --data-dir DIR.")
    status = folder.stat()
    if status.st_uid != os.geteuid():
        return _bad(
            "data folder",
            f"{folder} belongs to user {status.st_uid}, you are {os.geteuid()}",
            "Run Error Manager as the user that made it, or name another: --data-dir DIR.",
        )
    if status.st_mode & 0o007 and not (folder / "VERSION").exists():
        return _unused(folder, "exists and is empty or not used yet")
    if status.st_mode & 0o007:
        return _warning("data folder", f"{folder} is open to other users", f"chmod o= {folder}")
    return _good("data folder", str(folder))


def _unused(folder: Path, text: str) -> Finding:
    return Finding(
        name="data folder", verdict=Verdict.GOOD, text=f"{folder} {text}", remedy=folder_hint(folder)
    )


def _keys(folder: Path) -> Finding:
    key = folder / "keys" / "master-1.key"
    if key.exists():
        if key.stat().st_mode & 0o077:
            return _bad("keys", f"{key} can be read by others", f"chmod 600 {key}")
        return _good("keys", f"{key} is there; keep a copy apart from the backups of the data")
    if (folder / "state" / "master.check").exists():
        return _bad(
            "keys", f"{key} is missing, but there is data sealed with it", "Put it back from your backup."
        )
    return _good("keys", "made at the first start")


def _free_disk(settings: Settings) -> Finding:
    folder = next(path for path in (settings.data_dir, *settings.data_dir.parents) if path.exists())
    usage = shutil.disk_usage(folder)
    text = f"{usage.free / _GiB:,.1f} GiB free of {usage.total / _GiB:,.1f} GiB"
    if usage.free < usage.total * settings.inbox.min_free_share:
        return _bad(
            "disk",
            text,
            "Nothing is accepted below inbox.min_free_share: make room, or move the data folder.",
        )
    if usage.free < _MIN_FREE_BYTES:
        return _warning("disk", text, "Make room, or shorten retention_days.")
    return _good("disk", text)


def _sync_rate(folder: Path) -> Finding:
    """Measure what an acknowledged error costs at least: one small write and fdatasync."""
    place = next(path for path in (folder, *folder.parents) if os.access(path, os.W_OK))
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            began = time.perf_counter()
            for _ in range(_SYNC_ROUNDS):
                file.write(bytes(512))
                file.flush()
                os.fsync(file.fileno())
            each_s = (time.perf_counter() - began) / _SYNC_ROUNDS
    except OSError as error:
        return _bad(
            "fsync", f"cannot write in {place}: {error.strerror}", "Name a writable folder: --data-dir DIR."
        )
    text = f"{1 / each_s:,.0f} per second ({each_s * 1000:.2f} ms each)"
    if each_s > _SLOW_SYNC_S:
        return _warning(
            "fsync", text, "Slow: answers wait for the disk. Use a local SSD for the data folder."
        )
    return _good("fsync", text)


def _port(settings: Settings, *, is_running: bool) -> Finding:
    where = f"{settings.server.host}:{settings.server.port}"
    if is_running:
        connection = read_connection(settings.data_dir)
        if connection is None:
            return _good("port", "the running Error Manager is not ready yet")
        return _good("port", f"the running Error Manager answers at {connection.url}")
    try:
        refuse_taken_port(settings.server)
    except ConfigurationError as error:
        return _bad("port", str(error), "Choose another: --port, or server.port in config.toml.")
    return _good("port", f"{where} is free")


def _exposure(settings: Settings) -> Finding:
    if not is_loopback(settings.server.host) and settings.server.tls_cert is None:
        return _warning(
            "exposure",
            f"{settings.server.host} can be reached by others without TLS",
            "Set server.tls_cert and server.tls_key, or put a proxy with TLS in front.",
        )
    return _good("exposure", "loopback only" if is_loopback(settings.server.host) else "with TLS")


def _database(settings: Settings, *, is_running: bool) -> Iterator[Finding]:
    if settings.database.url is None and not is_running:
        yield _good("database", "embedded; runs with `error-manager up`")
        return
    checks: tuple[tuple[str, Callable[[], str]], ...] = (
        ("url", lambda: settings.database_url),
        ("session_url", lambda: settings.database_session_url),
        ("owner_url", lambda: settings.database_owner_url),
    )
    for name, url_of in checks:
        try:
            with connect_sync(
                url_of(), application_name="error-manager doctor", autocommit=True
            ) as connection:
                check_server_version(connection)
                here, there = datetime.now(UTC), connection.execute("SELECT clock_timestamp()").fetchone()
                drift_s = abs((there[0] - here).total_seconds()) if there is not None else 0.0
                is_migrated = is_current(connection)
                version = connection.info.server_version // 10_000
        except (psycopg.Error, DataFolderError) as error:
            yield _bad(
                f"database.{name}",
                str(error).strip(),
                "Check the URL, the password and whether the server runs.",
            )
            continue
        except ConfigurationError as error:
            yield _bad(
                f"database.{name}",
                str(error),
                "Upgrade the server, or leave database.url out for the embedded one.",
            )
            continue
        if drift_s > _MAX_DRIFT_S:
            yield _warning(
                "clock", f"differs from the database's by {drift_s:.0f} s", "Synchronize both with NTP."
            )
        if is_migrated:
            yield _good(f"database.{name}", f"PostgreSQL {version}, schema up to date")
        else:
            yield _bad(
                f"database.{name}", f"PostgreSQL {version}, the schema is older", "error-manager migrate"
            )
