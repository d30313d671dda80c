"""The data folder: made, checked and locked before anything else runs (seed box: Storage).

One supervisor holds the lock for its whole life; however that process ends, the kernel gives it back.
"""

from __future__ import annotations

import fcntl
import os
import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from error_manager.core.errors import DataFolderError
from error_manager.storage.postgres.cluster import Account

LAYOUT: Final = 1  # number in VERSION; raised when an older release could not use the folder any more
FOLDERS: Final = ("keys", "postgres", "pg", "inbox", "state", "qdrant", "files", "logs", "run")
_ACCOUNTS: Final = ("error-manager", "nobody")


@dataclass(slots=True)
class FolderLock:
    """The held lock of a data folder."""

    descriptor: int

    def release(self) -> None:
        """Give the lock back."""
        os.close(self.descriptor)


def open_folder(path: Path) -> None:
    """Create the data folder with its sub-folders, or check that an existing one is ours.

    Raises:
        DataFolderError: it cannot be made or written, is of a newer release, or holds other things.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_version(path)
        for name in FOLDERS:
            (path / name).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise DataFolderError(
            f"The data folder {path} cannot be used: {error.strerror} ({error.filename}). "
            "Name another: --data-dir DIR"
        ) from error


def lock_folder(path: Path) -> FolderLock:
    """Return the lock of the folder.

    Raises:
        DataFolderError: a running Error Manager holds it; its pid is named.
    """
    descriptor = os.open(path / "run" / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(descriptor, 32).decode("ascii", errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise DataFolderError(
            f"Error Manager already runs on {path} (pid {holder}). Stop it first, or name another --data-dir."
        ) from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
    return FolderLock(descriptor)


def holder_of(path: Path) -> int | None:
    """Return the pid of the supervisor that runs on this folder, or None."""
    try:
        descriptor = os.open(path / "run" / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.read(descriptor, 32).decode("ascii", errors="replace").strip()
        return int(text) if text.isdigit() else None
    finally:
        os.close(descriptor)
    return None


def service_account() -> Account | None:
    """Return the account PostgreSQL runs as: None for ourselves, an unprivileged one when we are root.

    Raises:
        DataFolderError: we are root and neither ``error-manager`` nor ``nobody`` exists.
    """
    if os.geteuid() != 0:
        return None
    for name in _ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid)
    raise DataFolderError(
        "PostgreSQL does not run as root, and there is no account error-manager or nobody. "
        "Create one (useradd --system error-manager), or start Error Manager as a normal user."
    )


def _check_version(path: Path) -> None:
    file = path / "VERSION"
    try:
        text = file.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        strangers = sorted(
            entry.name for entry in path.iterdir() if entry.name not in {*FOLDERS, "config.toml"}
        )
        if strangers:
            raise DataFolderError(
                f"{path} is no data folder of Error Manager (it holds {strangers[0]}). "
                "Name an empty one: --data-dir DIR"
            ) from None
        fresh = file.with_suffix(".new")
        fresh.write_text(f"{LAYOUT}\n", encoding="ascii")
        fresh.rename(file)
        return
    except UnicodeDecodeError:
        text = "unreadable"
    if not text.isdigit() or int(text) < 1:
        raise DataFolderError(f"{file} is damaged (it says {text!r}); it should say {LAYOUT}.")
    if int(text) > LAYOUT:
        raise DataFolderError(
            f"{path} was written by a newer release (layout {text}; this one knows {LAYOUT}). "
            "Nothing was touched."
        )
