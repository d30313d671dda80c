"""What every inbox promises, checked on the one in memory and on SQLite."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from error_manager.core.errors import InboxFullError
from error_manager.core.types import EventId, ItemCategory, OutcomeKind, ProjectId
from error_manager.security.encryption import MasterKey, Sealer
from error_manager.storage.base import Cursor, InboxBatch, InboxRecord, InboxSink, InboxSource, RecordKind
from error_manager.storage.inbox import SqliteInbox, SqliteInboxReader, ZstdCompressor
from error_manager.storage.inbox_writer import DiskSpace
from error_manager.storage.memory import MemoryInbox

NOW = datetime(2026, 11, 23, 21, 40, 0, 123456, tzinfo=UTC)
SEALER = Sealer(MasterKey(id=1, secret=bytes(32)))
BODY = b'{"message": "x"}' + b"y" * 2000


@dataclass
class Inbox:
    sink: InboxSink
    source: InboxSource

    def read_all(self, *, limit: int = 7) -> list[InboxBatch]:
        """Claim to the end, as a worker does."""
        batches: list[InboxBatch] = []
        cursor = Cursor()
        while (batch := self.source.claim(0, cursor, limit=limit)) is not None:
            assert batch.start == cursor
            assert batch.end > cursor
            batches.append(batch)
            cursor = batch.end
        return batches


@pytest.fixture(params=["memory", "sqlite"])
async def inbox(request, tmp_path) -> AsyncIterator[Inbox]:
    """Return an empty inbox with small segments."""
    if request.param == "memory":
        memory = MemoryInbox(segment_records=25)
        yield Inbox(memory, memory)
        return
    sink = SqliteInbox(
        tmp_path / "inbox",
        slot=0,
        sealer=SEALER,
        compressor=ZstdCompressor(),
        clock=lambda: NOW,
        segment_bytes=40_000,
    )
    source = SqliteInboxReader(tmp_path / "inbox", sealer=SEALER, compressor=ZstdCompressor())
    await sink.open()
    yield Inbox(sink, source)
    source.close()
    await sink.close()


@pytest.fixture(params=["memory", "sqlite"])
async def full(request, tmp_path) -> AsyncIterator[Inbox]:
    """Return an inbox without room."""
    if request.param == "memory":
        memory = MemoryInbox(max_records=0)
        yield Inbox(memory, memory)
        return
    sink = SqliteInbox(
        tmp_path,
        slot=0,
        sealer=SEALER,
        compressor=ZstdCompressor(),
        clock=lambda: NOW,
        disk=lambda _: DiskSpace(free=4, total=100),
    )
    source = SqliteInboxReader(tmp_path, sealer=SEALER, compressor=ZstdCompressor())
    await sink.open()
    yield Inbox(sink, source)
    source.close()
    await sink.close()


def record(number: int = 0, **fields: object) -> InboxRecord:
    """Return a record that differs from those of other numbers."""
    values: dict[str, object] = {
        "kind": RecordKind.SENTRY_EVENT,
        "project_id": ProjectId(1 + number % 2),
        "received_at": NOW + timedelta(minutes=number),
        "body": BODY + str(number).encode(),
        "event_id": EventId(f"{number:032x}"),
    }
    return InboxRecord(**{**values, **fields})  # type: ignore[arg-type]  # a table of fields


def records_of(batches: Sequence[InboxBatch]) -> list[InboxRecord]:
    """Return the records of batches in order."""
    return [record for batch in batches for _, record in batch.records]


async def test_nothing_is_claimed_from_an_empty_inbox(inbox: Inbox):
    """An inbox without records yields none; at most the cursor moves to where it starts."""
    assert records_of(inbox.read_all()) == []


async def test_records_come_back_whole_and_in_order(inbox: Inbox):
    """Each field survives, and records are claimed in the order in which they were put."""
    put = [
        record(1),
        record(
            2,
            kind=RecordKind.NATIVE,
            sent_at=NOW - timedelta(seconds=3),
            sdk="x/1",
            client_ip="::1",
            key_id=9,
        ),
        record(
            3,
            kind=RecordKind.REFUSAL,
            body=b"",
            event_id="",
            quantity=17,
            outcome=OutcomeKind.RATE_LIMITED,
            reason="quota",
            category=ItemCategory.ATTACHMENT,
        ),
    ]
    await inbox.sink.put(put)
    assert records_of(inbox.read_all()) == put


async def test_a_claim_has_at_most_limit_records_and_the_next_goes_on_behind_it(inbox: Inbox):
    """100 records in claims of 7 arrive once each, over the ends of segments."""
    put = [record(number) for number in range(100)]
    for start in range(0, 100, 10):
        await inbox.sink.put(put[start : start + 10])
    batches = inbox.read_all(limit=7)
    assert max(len(batch.records) for batch in batches) == 7
    assert records_of(batches) == put


async def test_a_claim_that_was_not_committed_is_repeated(inbox: Inbox):
    """Claiming twice at one cursor yields the same records: claims leave no trace."""
    await inbox.sink.put([record(1), record(2)])
    start = Cursor(seq=inbox.read_all()[-1].end.seq)
    assert inbox.source.claim(0, start, limit=5) == inbox.source.claim(0, start, limit=5)


async def test_all_records_of_a_claim_are_of_one_segment(inbox: Inbox):
    """A batch with records starts in the segment it reads, so that it can be cut at any row."""
    for number in range(60):
        await inbox.sink.put([record(number)])
    for batch in inbox.read_all(limit=1000):
        assert not batch.records or batch.start.seq > 0


async def test_the_totals_of_finished_segments_are_told_once(inbox: Inbox):
    """The counts of all finished segments and of the rest add up to what was put."""
    put = [record(number) for number in range(80)]
    for item in put:
        await inbox.sink.put([item])
    batches = inbox.read_all()
    finished = [segment for batch in batches for segment in batch.finished]
    rest, waiting = inbox.source.received(0, batches[-1].end)
    counted: Counter[tuple[int, datetime]] = Counter()
    for count in [count for segment in finished for count in segment.counts] + list(rest):
        counted[count.project_id, count.hour] += count.quantity
    expected = Counter((r.project_id, r.received_at.replace(minute=0, second=0, microsecond=0)) for r in put)
    assert finished
    assert len({segment.seq for segment in finished}) == len(finished)
    assert counted == expected
    assert waiting == ()


async def test_received_counts_quantities_and_waiting_those_behind_the_cursor(inbox: Inbox):
    """A counter of 17 counts 17; what lies behind the cursor waits."""
    await inbox.sink.put([record(0), record(0, quantity=17), record(0, quantity=5)])
    end = inbox.read_all(limit=2)
    behind_two = next(batch.end for batch in end if batch.records)
    received, waiting = inbox.source.received(0, behind_two)
    assert sum(count.quantity for count in received) == 23
    assert sum(count.quantity for count in waiting) == 5
    all_received, all_waiting = inbox.source.received(0, Cursor())
    assert all_received == all_waiting


async def test_a_full_inbox_refuses_and_keeps_nothing(full: Inbox):
    """``put`` raises InboxFullError, ``is_full`` says so before, and nothing can be claimed."""
    assert full.sink.is_full is True
    with pytest.raises(InboxFullError):
        await full.sink.put([record(1)])
    assert records_of(full.read_all()) == []


async def test_slots_are_listed_and_unknown_ones_are_empty(inbox: Inbox):
    """The slot in use is listed; one that was never used has nothing."""
    assert inbox.source.slots() == (0,)
    assert inbox.source.claim(5, Cursor(), limit=1) is None
    assert inbox.source.received(5, Cursor()) == ((), ())
