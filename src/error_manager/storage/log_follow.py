"""Follows growing log files as ``tail -F`` does (seed box: Storage Interface)."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Final

_READ_BYTES: Final = 2 * 1024 * 1024


class FollowedFile:
    """One file that grows. A new one under its name, or one that became shorter, is read from its start."""

    def __init__(self, path: Path) -> None:
        """Take the path; it need not be there yet."""
        self._path = path
        self._file: BinaryIO | None = None
        self._inode = -1

    def read(self) -> bytes:
        """Return what was written since the last read, at most 2 MiB; b"" when nothing was."""
        if self._file is not None:
            data = self._file.read(_READ_BYTES)
            if data:
                return data
        if not self._reopen() or self._file is None:
            return b""
        return self._file.read(_READ_BYTES)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _reopen(self) -> bool:
        """Return whether the file was opened (again); what is left of the old one has been read before."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return False
        if self._file is not None and found.st_ino == self._inode:
            if found.st_size < self._file.tell():
                self._file.seek(0)
                return True
            return False
        self.close()
        try:
            self._file = self._path.open("rb")
        except FileNotFoundError:
            return False
        self._inode = found.st_ino
        return True
