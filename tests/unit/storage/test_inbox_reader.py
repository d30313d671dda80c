"""A segment that cannot be read at the moment is not taken for a damaged one: nothing of it is skipped."""

from __future__ import annotations

import errno
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from error_manager.core.errors import StorageUnavailableError
from error_manager.core.types import ProjectId
from error_manager.security.encryption import MasterKey, Sealer
from error_manager.storage import inbox_reader
from error_manager.storage.base import Cursor, InboxRecord, RecordKind
from error_manager.storage.inbox import SqliteInbox, SqliteInboxReader, ZstdCompressor

SEALER = Sealer(MasterKey(id=1, secret=b"m" * 32))
NOW = datetime(2026, 3, 1, tzinfo=UTC)
RECORD = InboxRecord(kind=RecordKind.NATIVE, project_id=ProjectId(1), received_at=NOW, body=b"{}")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (sqlite3.SQLITE_CORRUPT, True),
        (sqlite3.SQLITE_NOTADB, True),
        (sqlite3.SQLITE_CORRUPT | 1 << 8, True),
        (sqlite3.SQLITE_BUSY, False),
        (sqlite3.SQLITE_BUSY | 2 << 8, False),
        (sqlite3.SQLITE_CANTOPEN, False),
        (sqlite3.SQLITE_IOERR | 18 << 8, False),
        (sqlite3.SQLITE_FULL, False),
        (sqlite3.SQLITE_NOMEM, False),
    ],
)
def test_only_wrong_bytes_are_damage(code, expected):
    """Extended codes count by their primary one."""
    error = sqlite3.OperationalError("x")
    error.sqlite_errorcode = code
    assert inbox_reader.is_damage(error) is expected


async def test_a_passing_fault_skips_nothing(tmp_path, monkeypatch):
    """While files cannot be opened the claim fails; afterwards every record is there."""
    inbox = SqliteInbox(
        tmp_path,
        slot=0,
        sealer=SEALER,
        compressor=ZstdCompressor(),
        clock=lambda: NOW,
        segment_bytes=1 << 20,
        max_bytes=1 << 30,
        min_free_share=0.0,
        commit_interval_s=0.0,
        failpoint=lambda step: None,
    )
    await inbox.open()
    await inbox.put([RECORD] * 5)
    await inbox.close()
    start = Cursor(seq=int(next((tmp_path / "0").glob("*.sqlite")).stem))
    reader = SqliteInboxReader(tmp_path, sealer=SEALER, compressor=ZstdCompressor())
    working = inbox_reader.open_read_only

    def failing(*arguments, **options):
        error = sqlite3.OperationalError("unable to open database file")
        error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
        raise error

    monkeypatch.setattr(inbox_reader, "open_read_only", failing)
    with pytest.raises(StorageUnavailableError, match="cannot be read now"):
        reader.claim(0, start, limit=10)
    with pytest.raises(StorageUnavailableError):
        reader.received(0, start)
    monkeypatch.setattr(inbox_reader, "open_read_only", working)
    batch = reader.claim(0, start, limit=10)
    reader.close()
    assert batch is not None
    assert ([row for row, _ in batch.records], batch.corrupt) == ([1, 2, 3, 4, 5], ())


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EACCES, errno.EIO])
def test_a_folder_that_cannot_be_listed_is_the_storage_being_away(tmp_path, monkeypatch, number):
    """Who asks goes on and asks again; a plain OSError would end the process."""
    (tmp_path / "0").mkdir()
    reader = SqliteInboxReader(tmp_path, sealer=SEALER, compressor=ZstdCompressor())

    def failing(_folder):
        raise OSError(number, "cannot be listed")

    monkeypatch.setattr(Path, "iterdir", failing)
    with pytest.raises(StorageUnavailableError, match="cannot be read now"):
        reader.slots()
    with pytest.raises(StorageUnavailableError):
        reader.claim(0, Cursor(), limit=1)
    with pytest.raises(StorageUnavailableError):
        reader.received(0, Cursor())
