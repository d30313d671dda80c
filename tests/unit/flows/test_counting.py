"""Counts of items that end at the door."""

from __future__ import annotations

from datetime import UTC, datetime

from error_manager.core.types import ItemCategory, OutcomeKind, ProjectId
from error_manager.flows.counting import NOT_AN_ERROR, ItemCounter
from error_manager.storage.base import Cursor, InboxRecord, RecordKind
from error_manager.storage.memory import MemoryInbox

NOW = datetime(2026, 11, 23, 21, 40, tzinfo=UTC)
HOUR = datetime(2026, 11, 23, 21, tzinfo=UTC)


def records(inbox: MemoryInbox) -> list[InboxRecord]:
    """Return what is in the inbox."""
    batch = inbox.claim(0, Cursor(seq=1), limit=100)
    return [] if batch is None else [record for _, record in batch.records]


async def test_equal_counts_become_one_record() -> None:
    """Same project, outcome, reason and hour add up; the record is a counter of that hour."""
    counter, inbox = ItemCounter(), MemoryInbox()
    for quantity in (1, 4):
        counter.add(ProjectId(1), OutcomeKind.RATE_LIMITED, "quota", received_at=NOW, quantity=quantity)
    await counter.flush(inbox)
    assert records(inbox) == [
        InboxRecord(
            kind=RecordKind.REFUSAL,
            project_id=ProjectId(1),
            received_at=HOUR,
            quantity=5,
            outcome=OutcomeKind.RATE_LIMITED,
            reason="quota",
        )
    ]


async def test_items_that_are_no_errors_have_their_own_kind() -> None:
    """They are told apart from refusals."""
    counter, inbox = ItemCounter(), MemoryInbox()
    counter.add(
        ProjectId(1), OutcomeKind.FILTERED, NOT_AN_ERROR, received_at=NOW, category=ItemCategory.SESSION
    )
    await counter.flush(inbox)
    assert [(r.kind, r.category) for r in records(inbox)] == [(RecordKind.NOT_AN_ERROR, ItemCategory.SESSION)]


async def test_a_flush_happens_once() -> None:
    """What was written is not written again; nothing writes nothing."""
    counter, inbox = ItemCounter(), MemoryInbox()
    counter.add(ProjectId(1), OutcomeKind.INVALID, "malformed", received_at=NOW)
    await counter.flush(inbox)
    await counter.flush(inbox)
    assert len(records(inbox)) == 1


async def test_counts_survive_a_full_inbox() -> None:
    """What could not be written is kept and added to what comes."""
    counter, inbox = ItemCounter(), MemoryInbox()
    counter.add(ProjectId(1), OutcomeKind.INVALID, "malformed", received_at=NOW)
    await counter.flush(MemoryInbox(max_records=0))
    counter.add(ProjectId(1), OutcomeKind.INVALID, "malformed", received_at=NOW)
    await counter.flush(inbox)
    assert [record.quantity for record in records(inbox)] == [2]
