"""The files of the inbox: names, schema and sealed records (seed box: Persistence Layer).

A slot is a folder ``inbox/<slot>/`` with a lock file and segments ``<seq>.sqlite``. A segment is complete
when a later
one exists: the writer never returns to it. ``received`` is counted in the same SQLite transaction as the
records, which makes it a count that is independent of what processing does with them (design D5). The plain
columns beside a record repeat what ``received`` says anyway; everything else is in the sealed part.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

import msgspec
import zstandard

from error_manager.core.errors import InboxCorruptError, SealError
from error_manager.core.quick import maker
from error_manager.core.types import EventId, ItemCategory, OutcomeKind, ProjectId
from error_manager.security.encryption import Sealer
from error_manager.storage.base import InboxRecord, ReceivedCount, RecordKind

_record_of: Final = maker(InboxRecord)
FORMAT: Final = 1
"""``PRAGMA user_version`` of the segments this version writes and reads."""
SCHEMA: Final = f"""
    CREATE TABLE records (
        row INTEGER PRIMARY KEY, project_id INTEGER NOT NULL, category TEXT NOT NULL, hour INTEGER NOT NULL,
        quantity INTEGER NOT NULL, sealed BLOB NOT NULL
    );
    CREATE TABLE received (
        project_id INTEGER NOT NULL, category TEXT NOT NULL, hour INTEGER NOT NULL, quantity INTEGER NOT NULL,
        PRIMARY KEY (project_id, category, hour)
    ) WITHOUT ROWID;
    PRAGMA user_version = {FORMAT};
"""
_SEGMENT: Final = re.compile(r"^(\d{12})\.sqlite$")
_MAX_RECORD_BYTES: Final = 64 * 1024 * 1024
_COMPRESSION_LEVEL: Final = 1  # records live for seconds: level 1 takes a third of the time of level 3


class Compressor(Protocol):
    """Makes records smaller before they are sealed; used by one thread at a time."""

    def compress(self, data: bytes, /) -> bytes:
        """Return the compressed bytes."""
        ...

    def decompress(self, data: bytes, /) -> bytes:
        """Return the original bytes.

        Raises:
            InboxCorruptError: the bytes are damaged.
        """
        ...


class ZstdCompressor:
    """zstd at its fastest level."""

    def __init__(self, dictionary: bytes = b"") -> None:
        """Use ``dictionary`` (a zstd dictionary) on both sides unless it is empty."""
        trained = zstandard.ZstdCompressionDict(dictionary) if dictionary else None
        self._compressor = zstandard.ZstdCompressor(level=_COMPRESSION_LEVEL, dict_data=trained)
        self._decompressor = zstandard.ZstdDecompressor(dict_data=trained)

    def compress(self, data: bytes, /) -> bytes:
        """Return the compressed bytes."""
        return self._compressor.compress(data)

    def decompress(self, data: bytes, /) -> bytes:
        """Return the original bytes (see the protocol)."""
        try:
            return self._decompressor.decompress(data, max_output_size=_MAX_RECORD_BYTES)
        except zstandard.ZstdError as error:
            raise InboxCorruptError(f"A record cannot be decompressed: {error}.") from error


class _Packed(msgspec.Struct, array_like=True, frozen=True):
    """The sealed part of a record as it stands on disk. Add fields at the end, with defaults."""

    kind: RecordKind
    project_id: int
    received_at: datetime
    body: bytes
    event_id: str
    category: ItemCategory
    key_id: int
    sent_at: datetime | None
    sdk: str
    client_ip: str
    quantity: int
    outcome: OutcomeKind | None
    reason: str


class RecordCodec:
    """Turns records into sealed bytes and back; used by one thread at a time."""

    def __init__(self, sealer: Sealer, compressor: Compressor) -> None:
        """Keep the parts; a blob opens only with the same sealer, compressor and context."""
        self._sealer = sealer
        self._compressor = compressor
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(_Packed)

    def seal(self, record: InboxRecord, *, context: str) -> bytes:
        """Return the record packed, compressed and sealed for ``context``."""
        packed = _Packed(
            record.kind,
            record.project_id,
            record.received_at,
            record.body,
            record.event_id,
            record.category,
            record.key_id,
            record.sent_at,
            record.sdk,
            record.client_ip,
            record.quantity,
            record.outcome,
            record.reason,
        )
        return self._sealer.seal(self._compressor.compress(self._encoder.encode(packed)), context=context)

    def open(self, sealed: bytes, *, context: str) -> InboxRecord:
        """Return the record.

        Raises:
            InboxCorruptError: it cannot be opened or read.
        """
        try:
            plain = self._compressor.decompress(self._sealer.open(sealed, context=context))
            packed = self._decoder.decode(plain)
        except (SealError, msgspec.MsgspecError) as error:
            raise InboxCorruptError(f"A record cannot be opened: {error}") from error
        return _record_of(
            kind=packed.kind,
            project_id=ProjectId(packed.project_id),
            received_at=packed.received_at,
            body=packed.body,
            event_id=EventId(packed.event_id),
            category=packed.category,
            key_id=packed.key_id,
            sent_at=packed.sent_at,
            sdk=packed.sdk,
            client_ip=packed.client_ip,
            quantity=packed.quantity,
            outcome=packed.outcome,
            reason=packed.reason,
        )


def seal_context(slot: int, seq: int) -> str:
    """Return what the records of a segment are bound to."""
    return f"inbox/{slot}/{seq}"


def segment_path(folder: Path, seq: int) -> Path:
    """Return the file of a segment in its slot's folder."""
    return folder / f"{seq:012d}.sqlite"


def segment_numbers(folder: Path) -> list[int]:
    """Return the segments of a slot's folder, oldest first (none when the folder is not there)."""
    try:
        names = [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return []
    return sorted(int(match[1]) for name in names if (match := _SEGMENT.match(name)))


def hour_of(moment: datetime) -> int:
    """Return the start of the hour, in seconds since 1970."""
    seconds = int(moment.timestamp())
    return seconds - seconds % 3600


def totals_of(records: Iterable[InboxRecord]) -> dict[tuple[int, str, int], int]:
    """Return how many items the records stand for, by (project, category, hour)."""
    totals: dict[tuple[int, str, int], int] = {}
    for record in records:
        key = (record.project_id, record.category.value, hour_of(record.received_at))
        totals[key] = totals.get(key, 0) + record.quantity
    return totals


def counts_of(rows: Iterable[tuple[int, str, int, int]]) -> tuple[ReceivedCount, ...]:
    """Return the counts of rows (project, category, hour, quantity)."""
    return tuple(
        ReceivedCount(
            project_id=ProjectId(project),
            category=ItemCategory(category),
            hour=datetime.fromtimestamp(hour, UTC),
            quantity=quantity,
        )
        for project, category, hour, quantity in rows
    )


def open_read_only(path: Path, *, is_damaged: bool = False) -> sqlite3.Connection:
    """Open a segment for reading while its writer may be writing.

    Args:
        path: the segment.
        is_damaged: read also a file that was cut short, which SQLite refuses as a whole otherwise.

    Raises:
        sqlite3.OperationalError: there is no such file.
        InboxCorruptError: a newer version of Error Manager wrote it; it is left alone.
    """
    uri = f"{path.absolute().as_uri()}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=1.0)
    try:
        if is_damaged:
            connection.execute("PRAGMA writable_schema = ON")
        (found,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    if found > FORMAT:
        connection.close()
        raise InboxCorruptError(f"{path.name} has format {found}; this version reads up to {FORMAT}.")
    return connection
