"""Report and export files, through obstore (seed boxes: File System Adapter, File Storage)."""

from __future__ import annotations

from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.exceptions import NotFoundError as NoSuchObjectError
from obstore.store import LocalStore

from error_manager.core.errors import NotFoundError, StorageError


class FolderFiles:
    """``FileStore`` in a folder; names are relative, made by us and never by a client."""

    def __init__(self, folder: Path) -> None:
        """Use ``folder``, made when absent."""
        self._store = LocalStore(prefix=folder, mkdir=True)

    def write(self, name: str, content: bytes) -> None:
        """Write a file, whole or not at all.

        Raises:
            StorageError: the folder cannot be written.
        """
        try:
            obstore.put(self._store, name, content)
        except BaseError as error:
            raise StorageError(f"{name} cannot be written: {error}.") from error

    def read(self, name: str) -> bytes:
        """Return a file.

        Raises:
            NotFoundError: there is none of that name.
        """
        try:
            return bytes(obstore.get(self._store, name).bytes())
        except (NoSuchObjectError, FileNotFoundError) as error:
            raise NotFoundError(f"There is no file {name}.") from error


class MemoryFiles:
    """The in-memory twin."""

    def __init__(self) -> None:
        """Start empty."""
        self.files: dict[str, bytes] = {}

    def write(self, name: str, content: bytes) -> None:
        """Write a file."""
        self.files[name] = content

    def read(self, name: str) -> bytes:
        """Return a file."""
        if name not in self.files:
            raise NotFoundError(f"There is no file {name}.")
        return self.files[name]
