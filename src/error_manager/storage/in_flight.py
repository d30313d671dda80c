"""Notes what a worker is processing in a small file per slot (seed box: Persistence Layer).

A record that ends the process (a crash in C code, memory, a loop that is killed) cannot be caught by
``except``. The note survives the process: the next one takes half as many records, until the one at fault
is alone; after three attempts at that one it becomes a dead letter. Written without fsync: a power loss
forgets the note, which costs nothing.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Final

from error_manager.core.errors import StorageUnavailableError
from error_manager.storage.base import Allowance, Cursor, InboxBatch

_CAREFUL_BATCHES: Final = 64  # after a crash; then preparing ahead is allowed again
_NOTE: Final = struct.Struct("<QQQQ")  # seq, row, records, attempt; records 0 = nothing in flight


class InFlightFile:
    """``InFlight`` in ``<folder>/in-flight-<slot>``."""

    def __init__(self, folder: Path) -> None:
        """Keep the folder, which must exist."""
        self._folder = folder
        self._careful: dict[int, int] = {}

    def begin(self, slot: int, cursor: Cursor, *, limit: int) -> Allowance:
        """Return how much to claim at ``cursor`` (see the protocol)."""
        note = self._read(slot)
        if slot not in self._careful:
            self._careful[slot] = _CAREFUL_BATCHES if note is not None and note[2] else 0
        is_careful = self._careful[slot] > 0
        if note is None or note[:2] != (cursor.seq, cursor.row) or note[2] == 0:
            return Allowance(limit=limit, attempt=1, is_careful=is_careful)
        records, attempt = note[2], note[3]
        if records > 1:
            return Allowance(limit=min(limit, records // 2), attempt=1, is_careful=is_careful)
        return Allowance(limit=1, attempt=attempt + 1, is_careful=is_careful)

    def started(self, slot: int, batch: InboxBatch, *, attempt: int) -> None:
        """Note what is being processed."""
        self._write(slot, _NOTE.pack(batch.start.seq, batch.start.row, len(batch.records), attempt))

    def finished(self, slot: int) -> None:
        """Note that the batch is done."""
        self._careful[slot] = max(0, self._careful.get(slot, 0) - 1)
        self._write(slot, bytes(_NOTE.size))

    def _path(self, slot: int) -> Path:
        return self._folder / f"in-flight-{slot}"

    def _read(self, slot: int) -> tuple[int, int, int, int] | None:
        try:
            data = self._path(slot).read_bytes()
        except FileNotFoundError:
            return None
        if len(data) != _NOTE.size:
            return None
        seq, row, records, attempt = _NOTE.unpack(data)
        return seq, row, records, attempt

    def _write(self, slot: int, data: bytes) -> None:
        """Overwrite the note in place: that needs no room, so a full disk does not stop it."""
        try:
            descriptor = os.open(self._path(slot), os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                os.pwrite(descriptor, data, 0)
            finally:
                os.close(descriptor)
        except OSError as error:
            msg = f"{self._path(slot)} cannot be written: {error.strerror}."
            raise StorageUnavailableError(msg) from error
