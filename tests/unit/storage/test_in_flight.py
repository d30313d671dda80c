"""A record that ends workers is isolated by halving, across restarts."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from error_manager.core.errors import StorageUnavailableError
from error_manager.core.types import ProjectId
from error_manager.storage.base import Allowance, Cursor, InboxBatch, InboxRecord, RecordKind
from error_manager.storage.in_flight import InFlightFile

_RECORD = InboxRecord(
    kind=RecordKind.NATIVE, project_id=ProjectId(1), received_at=datetime(2026, 1, 1, tzinfo=UTC)
)


def _batch(records: int, *, row: int = 0) -> InboxBatch:
    numbered = tuple((row + index + 1, _RECORD) for index in range(records))
    return InboxBatch(
        slot=0, start=Cursor(seq=1, row=row), end=Cursor(seq=1, row=row + records), records=numbered
    )


def test_allows_the_whole_batch_when_nothing_was_in_flight(tmp_path):
    """Without a note of a crash the limit stands."""
    notes = InFlightFile(tmp_path)
    assert notes.begin(0, Cursor(), limit=500) == Allowance(limit=500, attempt=1)


def test_halves_after_each_crash_until_one_record_is_left_then_counts_attempts(tmp_path):
    """8 records, then 4, 2, 1; the one alone is tried again with a rising attempt."""
    seen = []
    limit = 8
    for _ in range(7):
        allowed = InFlightFile(tmp_path).begin(0, Cursor(seq=1), limit=8)  # a new process each time
        seen.append((allowed.limit, allowed.attempt))
        limit = allowed.limit
        InFlightFile(tmp_path).started(0, _batch(limit), attempt=allowed.attempt)
    assert seen == [(8, 1), (4, 1), (2, 1), (1, 1), (1, 2), (1, 3), (1, 4)]


def test_a_finished_batch_leaves_no_note(tmp_path):
    """After success the next batch is whole again."""
    notes = InFlightFile(tmp_path)
    notes.started(0, _batch(8), attempt=1)
    notes.finished(0)
    assert notes.begin(0, Cursor(seq=1), limit=8) == Allowance(limit=8, attempt=1)


def test_a_note_of_another_place_does_not_count(tmp_path):
    """The cursor moved on: the crash was after the commit."""
    notes = InFlightFile(tmp_path)
    notes.started(0, _batch(8), attempt=1)
    allowed = notes.begin(0, Cursor(seq=1, row=8), limit=8)
    assert (allowed.limit, allowed.attempt, allowed.is_careful) == (8, 1, True)


def test_a_damaged_note_is_ignored(tmp_path):
    """A torn file is no reason to stop."""
    (tmp_path / "in-flight-0").write_bytes(b"xx")
    assert InFlightFile(tmp_path).begin(0, Cursor(), limit=8) == Allowance(limit=8, attempt=1)


def test_a_note_is_overwritten_in_place(tmp_path):
    """The file is neither emptied nor replaced: on a full disk there would be no room to write it again."""
    notes = InFlightFile(tmp_path)
    notes.started(0, _batch(8), attempt=1)
    before = (tmp_path / "in-flight-0").stat()
    with (tmp_path / "in-flight-0").open("rb") as reader:
        notes.finished(0)
        after = (tmp_path / "in-flight-0").stat()
        assert (after.st_ino, after.st_size) == (before.st_ino, before.st_size)
        assert reader.read() == bytes(before.st_size)


def test_a_note_that_cannot_be_written_is_tried_again_later(tmp_path):
    """The worker takes it for storage that is away."""
    with pytest.raises(StorageUnavailableError, match="in-flight-0"):
        InFlightFile(tmp_path / "missing").finished(0)
