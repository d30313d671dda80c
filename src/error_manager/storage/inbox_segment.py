"""One segment of the inbox as its writer sees it (seed box: Persistence Layer)."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from error_manager.storage.inbox_format import FORMAT, SCHEMA, segment_path

Row = tuple[int, str, int, int, bytes]
"""project, category, hour, quantity, sealed record"""


class Segment:
    """An open segment; used by the writer thread alone."""

    def __init__(self, path: Path, seq: int, connection: sqlite3.Connection) -> None:
        """Take over an open connection (see ``create`` and ``resume``)."""
        self.seq = seq
        self._path = path
        self._log = Path(f"{path}-wal")
        self._connection = connection

    def append(
        self,
        rows: Sequence[Row],
        received: Mapping[tuple[int, str, int], int],
        failpoint: Callable[[str], None],
    ) -> None:
        """Add rows and their counts in one transaction; they are on disk when this returns.

        Raises:
            sqlite3.Error: nothing may be acknowledged and the segment must be given up. A second attempt at a
                failed fsync can report success for data that is gone.
        """
        failpoint("inbox.before_write")
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany(
            "INSERT INTO records (project_id, category, hour, quantity, sealed) VALUES (?, ?, ?, ?, ?)", rows
        )
        self._connection.executemany(
            "INSERT INTO received VALUES (?, ?, ?, ?) "
            "ON CONFLICT (project_id, category, hour) DO UPDATE SET quantity = quantity + excluded.quantity",
            [(*key, quantity) for key, quantity in received.items()],
        )
        failpoint("inbox.written_before_fsync")
        self._connection.execute("COMMIT")

    def size_bytes(self) -> int:
        """Return how much disk the segment takes."""
        size = self._path.stat().st_size
        try:
            return size + self._log.stat().st_size
        except FileNotFoundError:
            return size

    def close(self) -> None:
        """Close the segment; an open transaction is rolled back. Never raises: nothing depends on it."""
        try:
            self._connection.close()
        except sqlite3.Error:  # a full disk: the log stays beside the segment and readers use it
            return


def create(folder: Path, seq: int) -> Segment:
    """Make an empty segment. It gets its name when it is complete, so that readers never see half of one.

    Raises:
        sqlite3.Error, OSError: no room; nothing is left behind.
    """
    path = segment_path(folder, seq)
    scratch = path.with_suffix(".new")
    try:
        connection = _connect(scratch)
        try:
            connection.executescript(f"BEGIN; {SCHEMA} COMMIT;")
        finally:
            connection.close()
        scratch.chmod(0o600)
        _sync(scratch)
        scratch.rename(path)
    finally:
        scratch.unlink(missing_ok=True)
    _sync(folder)
    return Segment(path, seq, _connect(path))


def resume(folder: Path, seq: int, *, max_bytes: int) -> Segment | None:
    """Open a segment to go on writing; None when it is damaged, of another format or large enough."""
    try:
        connection = _connect(segment_path(folder, seq))
    except sqlite3.Error:
        return None
    segment = Segment(segment_path(folder, seq), seq, connection)
    try:
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error:
        segment.close()
        return None
    if found != FORMAT or verdict != "ok" or segment.size_bytes() >= max_bytes:
        segment.close()
        return None
    return segment


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1.0)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # fsync of the log before COMMIT returns
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
