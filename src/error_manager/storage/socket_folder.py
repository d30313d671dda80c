"""Where the sockets of our own processes lie: paths of sockets must be short (seed box: Runtime)."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Collection
from pathlib import Path
from typing import Final

from error_manager.core.errors import DataFolderError

_SOCKET_LIMIT: Final = 100  # bytes; the kernel's is 107 on Linux, 103 on macOS


def socket_folder(data_dir: Path, usual: Path, *, longest_name: str, suffix: str = "") -> Path:
    """Return the usual folder, or a private temporary one when paths in it are too long for a socket.

    Args:
        data_dir: names the temporary folder, together with ``suffix``.
        usual: where sockets lie if they can.
        longest_name: the longest name of a file in it.
        suffix: tells temporary folders of one data folder apart.
    """
    if len(os.fsencode(usual / longest_name)) <= _SOCKET_LIMIT:
        return usual
    name = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    # not TMPDIR: that differs by shell; the folder is private and its owner is checked
    return Path("/tmp") / f"error-manager-{name}{suffix}"  # noqa: S108


def make_socket_folder(folder: Path, *, owners: Collection[int]) -> None:
    """Make the folder, or check that it is a folder of one of the owners.

    Raises:
        DataFolderError: it belongs to somebody else.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    if not is_folder_of(folder, owners):
        raise DataFolderError(
            f"{folder} belongs to somebody else; remove it, or use a data folder with a shorter path."
        )


def is_folder_of(folder: Path, owners: Collection[int]) -> bool:
    """Return whether it is a folder, no link to one, of one of the owners.

    Raises:
        OSError: it cannot be looked at.
    """
    status = folder.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid in owners
