"""The processing side of the inbox: reads any slot while it is written (seed box: Persistence Layer)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from error_manager.core.errors import InboxCorruptError, StorageUnavailableError
from error_manager.security.encryption import Sealer
from error_manager.storage.base import Cursor, InboxBatch, InboxRecord, ReceivedCount, SegmentTotals
from error_manager.storage.inbox_format import (
    Compressor,
    RecordCodec,
    counts_of,
    open_read_only,
    seal_context,
    segment_numbers,
    segment_path,
)

_GIVE_UP_ROWS: Final = 64  # in a row, when it is not known how many there are
_Sealed = tuple[int, bytes]
_Corrupt = tuple[int, str]


@contextmanager
def _listed() -> Iterator[None]:
    """Raise StorageUnavailableError for a folder that cannot be looked into (EMFILE, EACCES, EIO)."""
    try:
        yield
    except OSError as error:
        raise StorageUnavailableError(f"The inbox cannot be read now: {error}.") from error


class SqliteInboxReader:
    """The ``InboxSource`` of a worker. It sees committed records only: SQLite hides the others."""

    def __init__(self, folder: Path, *, sealer: Sealer, compressor: Compressor) -> None:
        """Read ``folder`` (``inbox/`` of the data folder); keeps one open file per slot."""
        self._folder = folder
        self._codec = RecordCodec(sealer, compressor)
        self._open: dict[int, tuple[int, sqlite3.Connection]] = {}

    def close(self) -> None:
        """Close all files."""
        for _, connection in self._open.values():
            connection.close()
        self._open.clear()

    @_listed()
    def slots(self) -> tuple[int, ...]:
        """Return every slot that has a folder, also those without an owner.

        Raises:
            StorageUnavailableError: the folder cannot be read now.
        """
        if not self._folder.is_dir():
            return ()
        return tuple(sorted(int(path.name) for path in self._folder.iterdir() if path.name.isdecimal()))

    @_listed()
    def claim(self, slot: int, cursor: Cursor, *, limit: int) -> InboxBatch | None:
        """Return up to ``limit`` records of one segment behind ``cursor``, or None for nothing to do.

        A batch without records moves the cursor to the first segment there is.

        Raises:
            InboxCorruptError: a newer version of Error Manager wrote the segment; it is left alone.
            StorageUnavailableError: the inbox cannot be read now.
        """
        ahead = [seq for seq in segment_numbers(self._folder / str(slot)) if seq >= cursor.seq]
        if not ahead:
            return None
        if ahead[0] != cursor.seq:
            return InboxBatch(slot=slot, start=cursor, end=Cursor(seq=ahead[0]), records=())
        # The successor is looked for before the records: its writer never returns to a segment that has one.
        following = ahead[1] if len(ahead) > 1 else None
        try:
            rows, corrupt, is_at_end = self._read(slot, cursor, limit)
        except FileNotFoundError:
            return None
        if not rows and not corrupt and following is None:
            return None
        return self._batch(slot, cursor, rows, corrupt, following if is_at_end else None)

    @_listed()
    def received(
        self, slot: int, cursor: Cursor
    ) -> tuple[tuple[ReceivedCount, ...], tuple[ReceivedCount, ...]]:
        """Return (received, waiting) of the segments from ``cursor.seq`` on (see the protocol)."""
        ahead = [seq for seq in segment_numbers(self._folder / str(slot)) if seq >= cursor.seq]
        if ahead and cursor.seq and ahead[0] != cursor.seq:
            raise InboxCorruptError(f"Segment {cursor.seq} of slot {slot} is gone; take a new cursor.")
        received: list[ReceivedCount] = []
        waiting: list[ReceivedCount] = []
        for seq in ahead:
            row = cursor.row if seq == cursor.seq else 0
            for_all, for_waiting = self._counts(slot, seq, row)
            received.extend(for_all)
            waiting.extend(for_waiting)
        return tuple(received), tuple(waiting)

    # --- reading --------------------------------------------------------------------------------------------

    def _batch(
        self,
        slot: int,
        cursor: Cursor,
        rows: Iterable[_Sealed],
        corrupt: list[_Corrupt],
        following: int | None,
    ) -> InboxBatch:
        context = seal_context(slot, cursor.seq)
        records: list[tuple[int, InboxRecord]] = []
        last = cursor.row
        for row, sealed in rows:
            last = row
            try:
                records.append((row, self._codec.open(sealed, context=context)))
            except InboxCorruptError as error:
                corrupt.append((row, f"slot {slot}, segment {cursor.seq}, row {row}: {error}"))
        last = max([last, *(row for row, _ in corrupt)])
        return InboxBatch(
            slot=slot,
            start=cursor,
            end=Cursor(seq=cursor.seq, row=last) if following is None else Cursor(seq=following),
            records=tuple(records),
            corrupt=tuple(sorted(corrupt)),
            finished=() if following is None else (self._totals(slot, cursor.seq),),
        )

    def _read(self, slot: int, cursor: Cursor, limit: int) -> tuple[list[_Sealed], list[_Corrupt], bool]:
        """Return (rows, corrupt rows, whether these are the last of the segment so far)."""
        try:
            rows = self._connection(slot, cursor.seq).execute(
                "SELECT row, sealed FROM records WHERE row > ? ORDER BY row LIMIT ?", (cursor.row, limit)
            )
            found = rows.fetchall()
        except sqlite3.DatabaseError as error:
            if not segment_path(self._folder / str(slot), cursor.seq).exists():
                raise FileNotFoundError from error
            self._unless_damaged(slot, error)
            return self._salvage(slot, cursor, limit, error)
        return found, [], len(found) < limit

    def _salvage(
        self, slot: int, cursor: Cursor, limit: int, cause: sqlite3.DatabaseError
    ) -> tuple[list[_Sealed], list[_Corrupt], bool]:
        """Read a damaged segment row by row, so that only the rows on damaged pages are lost."""
        where = f"slot {slot}, segment {cursor.seq}"
        try:
            path = segment_path(self._folder / str(slot), cursor.seq)
            connection = open_read_only(path, is_damaged=True)
        except sqlite3.DatabaseError as error:
            self._unless_damaged(slot, error)
            return [], [(cursor.row + 1, f"{where}: unreadable: {cause}")], True
        try:
            return _rescue(connection, where, cursor.row, limit)
        finally:
            connection.close()

    def _totals(self, slot: int, seq: int) -> SegmentTotals:
        try:
            rows = self._connection(slot, seq).execute(
                "SELECT project_id, category, hour, quantity FROM received"
            )
            return SegmentTotals(seq=seq, counts=counts_of(rows.fetchall()))
        except sqlite3.DatabaseError as error:
            self._unless_damaged(slot, error)
            return SegmentTotals(seq=seq, counts=())

    def _counts(
        self, slot: int, seq: int, row: int
    ) -> tuple[tuple[ReceivedCount, ...], tuple[ReceivedCount, ...]]:
        path = segment_path(self._folder / str(slot), seq)
        try:
            connection = open_read_only(path)
        except sqlite3.DatabaseError as error:
            if not path.exists():
                raise InboxCorruptError(
                    f"Segment {seq} of slot {slot} is gone; take a new cursor."
                ) from error
            return self._uncounted(slot, error)
        try:
            connection.execute("BEGIN")
            received = counts_of(
                connection.execute("SELECT project_id, category, hour, quantity FROM received").fetchall()
            )
            if row == 0:
                return received, received
            waiting = connection.execute(
                "SELECT project_id, category, hour, sum(quantity) FROM records WHERE row > ?"
                " GROUP BY 1, 2, 3",
                (row,),
            )
            return received, counts_of(waiting.fetchall())
        except sqlite3.DatabaseError as error:
            return self._uncounted(slot, error)
        finally:
            connection.close()

    def _uncounted(
        self, slot: int, error: sqlite3.DatabaseError
    ) -> tuple[tuple[ReceivedCount, ...], tuple[ReceivedCount, ...]]:
        self._unless_damaged(slot, error)
        return (), ()

    def _unless_damaged(self, slot: int, error: sqlite3.DatabaseError) -> None:
        """Raise unless the file itself is damaged: a lock, a full disk or too many open files pass.

        Raises:
            StorageUnavailableError: nothing is wrong with the records; try again.
        """
        if is_damage(error):
            return
        held = self._open.pop(slot, None)
        if held is not None:
            held[1].close()
        raise StorageUnavailableError(f"The inbox cannot be read now: {error}.") from error

    def _connection(self, slot: int, seq: int) -> sqlite3.Connection:
        held = self._open.get(slot)
        if held is not None and held[0] == seq:
            return held[1]
        if held is not None:
            held[1].close()
            del self._open[slot]
        connection = open_read_only(segment_path(self._folder / str(slot), seq))
        self._open[slot] = (seq, connection)
        return connection


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """Return whether an error means that bytes of the file are wrong (the low byte is the primary code).

    Source:
        SQLite, "Result and Error Codes": extended codes carry the primary one in their low byte.
    """
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
    return code & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}


def _rescue(
    connection: sqlite3.Connection, where: str, behind: int, limit: int
) -> tuple[list[_Sealed], list[_Corrupt], bool]:
    """Return (rows, unreadable rows, whether nothing more can be read) behind a row."""
    rows: list[_Sealed] = []
    corrupt: list[_Corrupt] = []
    last = _last_row(connection)
    row, failed = behind, 0
    while len(rows) < limit and (last is None or row < last):
        row += 1
        try:
            found = connection.execute("SELECT row, sealed FROM records WHERE row = ?", (row,)).fetchone()
        except sqlite3.DatabaseError as error:
            corrupt.append((row, f"{where}, row {row}: {error}"))
            failed += 1
            if last is None and failed == _GIVE_UP_ROWS:
                corrupt[-failed:] = [(row, f"{where}: unreadable from row {row - failed + 1} on: {error}")]
                return rows, corrupt, True
            continue
        failed = 0
        if found is not None:
            rows.append(found)
        elif last is None:
            return rows, corrupt, True
    return rows, corrupt, last is not None and row >= last


def _last_row(connection: sqlite3.Connection) -> int | None:
    """Return the last row, or None when the page that tells is damaged."""
    try:
        (last,) = connection.execute("SELECT max(row) FROM records").fetchone()
    except sqlite3.DatabaseError:
        return None
    return last or 0
