"""The files of the embedded PostgreSQL: made, configured, or refused when foreign (seed box: PostgreSQL).

As root the server runs as an unprivileged account that owns only ``postgres/<major>`` and the socket folder;
the configuration and the passwords belong to us, so root never follows anything that account could plant.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from error_manager.core.errors import DataFolderError
from error_manager.storage.postgres.binaries import MAJOR
from error_manager.storage.socket_folder import make_socket_folder, socket_folder

DATABASE: Final = "error_manager"
SUPERUSER: Final = "em_super"
MIGRATOR: Final = "em_migrate"
APP: Final = "em_app"
READER: Final = "em_read"
LOGIN_ROLES: Final = (SUPERUSER, MIGRATOR, APP, READER)
SOCKET_PORT: Final = 5432
_ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The existing, unprivileged account PostgreSQL runs as when we are root."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where everything of the embedded server lies. ``data_dir`` is Error Manager's folder."""

    data_dir: Path
    account: Account | None = None
    port: int = SOCKET_PORT  # also names the socket file
    folder_fd: int | None = None  # of the data folder, when the account cannot reach it by its path

    @property
    def pgdata(self) -> Path:
        """Return PostgreSQL's own data folder."""
        return self.data_dir / "postgres" / str(MAJOR)

    @property
    def marker(self) -> Path:
        """Return the file that says: this cluster was completed and holds data."""
        return self.data_dir / "postgres" / f"{MAJOR}.ready"

    @property
    def config_file(self) -> Path:
        """Return the configuration, written anew at each start."""
        return self.data_dir / "run" / "postgresql.conf"

    @property
    def hba_file(self) -> Path:
        """Return the access rules, written anew at each start."""
        return self.data_dir / "run" / "pg_hba.conf"

    @property
    def log_file(self) -> Path:
        """Return the log of the server."""
        return self.data_dir / "logs" / "postgres.log"

    @property
    def socket_dir(self) -> Path:
        """Return the folder of the socket: ``run/pg``, or a private temporary one when that is too long."""
        usual = self.data_dir / "run" / "pg"
        return socket_folder(self.data_dir, usual, longest_name=f".s.PGSQL.{self.port}.lock")

    def environment(self) -> dict[str, str]:
        """Return the environment of PostgreSQL's programs: ours must not change what they do."""
        return dict(_ENVIRONMENT)

    def password_file(self, role: str) -> Path:
        """Return where the password of a role is kept."""
        return self.data_dir / "keys" / f"postgres-{role}.password"

    def password(self, role: str) -> str:
        """Return the password of a role.

        Raises:
            DataFolderError: there is none: the server was never started on this folder.
        """
        try:
            return self.password_file(role).read_text(encoding="ascii").strip()
        except FileNotFoundError as error:
            raise DataFolderError(
                f"{self.password_file(role)} is missing: `error-manager up` was never run on {self.data_dir}."
            ) from error

    def url(self, role: str, database: str = DATABASE) -> str:
        """Return the ``postgresql://`` URL of a role, over the socket."""
        host = quote(str(self.socket_dir), safe="")
        return f"postgresql://{role}:{self.password(role)}@/{database}?host={host}&port={self.port}"

    def seen(self, path: Path) -> str:
        """Return a path as the server's account can use it: by the inherited folder when there is one."""
        if self.folder_fd is None or not path.is_relative_to(self.data_dir):
            return str(path)
        return f"/proc/self/fd/{self.folder_fd}/{path.relative_to(self.data_dir)}"

    def identity(self) -> dict[str, Any]:
        """Return the arguments of ``subprocess`` that give up root; empty when we are not root."""
        if self.account is None:
            return {}
        inherited = () if self.folder_fd is None else (self.folder_fd,)
        return {
            "user": self.account.uid,
            "group": self.account.gid,
            "extra_groups": [],
            "pass_fds": inherited,
        }


def open_cluster(data_dir: Path, account: Account | None, *, port: int = SOCKET_PORT) -> Cluster:
    """Return the cluster of a data folder, such that the account can reach it; parents are never changed.

    A folder below a closed one (root's home, a temporary folder) is reached on Linux through a descriptor
    that the server inherits. Keep the result as long as the server runs.

    Raises:
        DataFolderError: the account cannot reach it; the closed ancestor is named.
    """
    closed = closed_ancestor(data_dir, account)
    if closed is None or account is None:
        return Cluster(data_dir, account=account, port=port)
    if not Path("/proc/self/fd").is_dir():
        raise DataFolderError(
            f"PostgreSQL does not run as root, and the account {account.name} may not pass through {closed}. "
            "Choose a folder outside of it: --data-dir /var/lib/error-manager"
        )
    descriptor = os.open(data_dir, os.O_RDONLY | os.O_DIRECTORY)
    return Cluster(data_dir, account=account, port=port, folder_fd=descriptor)


def closed_ancestor(path: Path, account: Account | None) -> Path | None:
    """Return the first folder above ``path`` that the account may not pass, or None."""
    if account is None:
        return None
    return next((folder for folder in reversed(path.parents) if not _may_pass(folder.stat(), account)), None)


def prepare(cluster: Cluster, programs: Path) -> tuple[str, ...]:
    """Make or check the cluster; return what was repaired, in words.

    Raises:
        DataFolderError: the files are of another major version or damaged, or the socket folder is not ours.
    """
    notes: list[str] = []
    for folder in ("postgres", "run", "pg", "keys", "logs"):
        (cluster.data_dir / folder).mkdir(mode=0o700, exist_ok=True)
    _open_to_account(cluster)
    _refuse_other_major(cluster)
    _make_socket_dir(cluster)
    _make_passwords(cluster)
    if not cluster.marker.exists():
        notes.extend(_set_aside(cluster))
        _initialize(cluster, programs)
    elif not (cluster.pgdata / "global" / "pg_control").is_file():
        raise DataFolderError(
            f"{cluster.pgdata} is damaged (global/pg_control is missing). Restore it from a backup. "
            f"To start empty instead, move {cluster.pgdata} and {cluster.marker} away."
        )
    return tuple(notes)


def _may_pass(status: os.stat_result, account: Account) -> bool:
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == account.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def _open_to_account(cluster: Cluster) -> None:
    """Let the account's group pass (not list) the folders above its own."""
    if cluster.account is None:
        return
    for folder in (
        cluster.data_dir,
        cluster.data_dir / "postgres",
        cluster.data_dir / "run",
        cluster.data_dir / "pg",
    ):
        os.chown(folder, 0, cluster.account.gid)
        folder.chmod(0o710)


def _refuse_other_major(cluster: Cluster) -> None:
    found = {int(path.stem) for path in cluster.marker.parent.glob("*.ready") if path.stem.isdigit()} - {
        MAJOR
    }
    written = cluster.pgdata / "PG_VERSION"
    if cluster.marker.exists() and written.is_file():
        found |= {int(text) for text in [written.read_text(encoding="ascii").strip()] if text.isdigit()} - {
            MAJOR
        }
    if found:
        raise DataFolderError(
            f"{cluster.data_dir} holds data of PostgreSQL {max(found)}; "
            f"this release runs PostgreSQL {MAJOR}. "
            "Nothing was touched. Start it with the release that wrote it, and upgrade step by step."
        )


def _make_socket_dir(cluster: Cluster) -> None:
    folder = cluster.socket_dir
    uid = os.geteuid() if cluster.account is None else cluster.account.uid
    make_socket_folder(folder, owners={os.geteuid(), uid})
    if cluster.account is not None:
        os.chown(folder, cluster.account.uid, cluster.account.gid, follow_symlinks=False)
    folder.chmod(0o700)


def _make_passwords(cluster: Cluster) -> None:
    for role in LOGIN_ROLES:
        path = cluster.password_file(role)
        if not path.exists():
            fresh = path.with_suffix(".new")
            fresh.unlink(missing_ok=True)
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(secrets.token_urlsafe(32) + "\n")
                file.flush()
                os.fsync(file.fileno())
            fresh.rename(path)


def _set_aside(cluster: Cluster) -> list[str]:
    """Move what an interrupted first start left behind out of the way; delete nothing."""
    unfinished = cluster.pgdata.with_name(f"{MAJOR}.new")
    notes = []
    for path in (unfinished, cluster.pgdata):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
        elif path.exists():
            stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
            aside = path.with_name(f"{MAJOR}.unfinished-{stamp}")
            path.rename(aside)
            notes.append(
                f"An earlier first start was interrupted; its files are now in {aside} and can be deleted."
            )
    return notes


def _initialize(cluster: Cluster, programs: Path) -> None:
    """Run initdb beside the final place; the rename and then the marker make it count."""
    fresh = cluster.pgdata.with_name(f"{MAJOR}.new")
    fresh.mkdir(mode=0o700)
    if cluster.account is not None:
        os.chown(fresh, cluster.account.uid, cluster.account.gid)
    secret = _password_for_initdb(cluster)
    try:
        subprocess.run(
            [
                programs / "initdb",
                *(
                    "--pgdata",
                    cluster.seen(fresh),
                    "--username",
                    SUPERUSER,
                    "--encoding",
                    "UTF8",
                    "--no-locale",
                ),
                *("--auth", "scram-sha-256", "--pwfile", cluster.seen(secret), "--no-instructions"),
            ],
            check=True,
            capture_output=True,
            env=cluster.environment(),
            cwd="/",
            **cluster.identity(),
        )
    except subprocess.CalledProcessError as error:
        shutil.rmtree(fresh, ignore_errors=True)
        text = error.stderr.decode(errors="replace").strip()
        raise DataFolderError(f"initdb failed in {fresh}: {text}") from error
    finally:
        secret.unlink()
    fresh.rename(cluster.pgdata)
    cluster.marker.write_text("This cluster was completed. It holds data.\n", encoding="ascii")
    for folder in (cluster.marker.parent, cluster.data_dir):
        _sync(folder)


def _password_for_initdb(cluster: Cluster) -> Path:
    """Return a short-lived copy of the password that the account may read."""
    path = cluster.data_dir / "run" / "initdb.password"
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(cluster.password(SUPERUSER) + "\n")
    if cluster.account is not None:
        os.chown(path, cluster.account.uid, cluster.account.gid)
    return path


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
