"""The path of an error from inbox to store: every record ends in exactly one outcome, whatever goes wrong."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from error_manager.core.errors import StaleCursorError, StorageUnavailableError
from error_manager.core.types import EventId, ItemCategory, OutcomeKind, ProjectId
from error_manager.flows.processing import import_records, process_slot, replay_dead_letter
from error_manager.flows.services import ProcessServices
from error_manager.security.pii import Masker
from error_manager.storage.base import Cursor, InboxRecord, Project, RecordKind
from error_manager.storage.in_flight import InFlightFile
from error_manager.storage.memory import MemoryInbox
from error_manager.storage.memory_errors import (
    MemoryErrorStore,
    MemoryInFlight,
    MemoryProjects,
    MemoryPublisher,
    PlainCompressor,
)
from error_manager.storage.memory_templates import NoTemplates

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
PROJECT = Project(id=ProjectId(1), name="P", slug="p", subject_key=b"k" * 32)


def record(number: int, body: object = None, **more) -> InboxRecord:
    """Return an accepted record with a small Sentry event."""
    event = {"message": f"order {number} failed", "platform": "python", "timestamp": NOW.timestamp()}
    return InboxRecord(
        **{
            "kind": RecordKind.SENTRY_EVENT,
            "project_id": PROJECT.id,
            "received_at": NOW,
            "body": json.dumps(event if body is None else body).encode(),
            "event_id": EventId(f"{number:032x}"),
            **more,
        }
    )


class _Sealed:
    """Dead letters that are "sealed" by a table."""

    def __init__(self):
        self.records = []

    def seal(self, letter):
        self.records.append(letter)
        return str(len(self.records) - 1).encode()

    def open(self, body):
        return self.records[int(body)]


@pytest.fixture
def svc():
    """Services in memory."""
    sealed = _Sealed()
    plain = PlainCompressor()
    return ProcessServices(
        inbox=MemoryInbox(),
        store=MemoryErrorStore(),
        projects=MemoryProjects(PROJECT),
        templates=NoTemplates(),
        masker=Masker(re.compile),
        codec=plain,
        dictionaries=plain,
        in_flight=MemoryInFlight(),
        stream=MemoryPublisher(),
        seal_record=sealed.seal,
        open_record=sealed.open,
        clock=lambda: NOW,
        randomness=os.urandom,
        retention=timedelta(days=30),
    )


async def drain(svc, *, limit=100) -> Cursor:
    """Process slot 0 until it is empty; return the cursor."""
    cursor = await svc.store.cursor(0)
    while (moved := await process_slot(svc, 0, cursor, limit=limit)) is not None:
        cursor = moved
    return cursor


def ended(svc) -> dict[OutcomeKind, int]:
    """Return the outcomes by kind."""
    totals = Counter()
    for key, quantity in svc.store.outcomes.items():
        totals[key[3]] += quantity
    return {kind: quantity for kind, quantity in totals.items() if quantity}


async def test_records_become_stored_errors(svc):
    """Each is stored once, masked, and published."""
    await svc.inbox.put([record(number) for number in range(5)])
    await drain(svc)
    assert ended(svc) == {OutcomeKind.ACCEPTED: 5}
    assert sum(result.accepted for result in svc.stream.published) == 5


async def test_who_was_hit_is_kept_as_keyed_hashes_only(svc):
    """The stored error names no address; user and subjects are hashes under the project's key."""
    body = {"message": "mail to ann@example.com failed", "user": {"id": "7", "email": "ann@example.com"}}
    await svc.inbox.put([record(1, body)])
    await drain(svc)
    (stored,) = svc.store.errors.values()
    assert b"ann@example.com" not in stored.body
    assert "ann@example.com" not in stored.event.message
    assert (len(stored.user_key), [len(key) for key in stored.subject_keys]) == (16, [16])


async def test_a_repeated_id_is_a_duplicate(svc):
    """The same id twice is stored once."""
    await svc.inbox.put([record(1), record(1)])
    await drain(svc)
    assert ended(svc) == {OutcomeKind.ACCEPTED: 1, OutcomeKind.DUPLICATE: 1}


async def test_what_is_no_error_is_filtered(svc):
    """Feedback sent as an event counts under the category it came in with."""
    feedback = {"type": "feedback", "contexts": {"feedback": {"message": "hi"}}}
    counted = record(
        2,
        kind=RecordKind.NOT_AN_ERROR,
        category=ItemCategory.SESSION,
        outcome=OutcomeKind.FILTERED,
        quantity=4,
    )
    await svc.inbox.put([record(1, feedback), counted])
    await drain(svc)
    assert ended(svc) == {OutcomeKind.FILTERED: 5}


async def test_unreadable_and_unknown_are_invalid(svc):
    """Broken JSON and a deleted project end as invalid, with a reason."""
    await svc.inbox.put([replace(record(1), body=b"{nope"), record(2, project_id=ProjectId(9))])
    await drain(svc)
    reasons = {key[4] for key in svc.store.outcomes}
    assert (ended(svc), reasons) == ({OutcomeKind.INVALID: 2}, {"malformed", "project"})


async def test_an_item_that_breaks_a_step_is_tried_three_times_then_buried_alone(svc):
    """Its neighbors are stored; the letter can be opened again."""
    calls = []

    class Breaking(Masker):
        def mask_event(self, event):
            if "order 3 " in event.message:
                calls.append(1)
                raise ZeroDivisionError
            return super().mask_event(event)

    broken = replace(svc, masker=Breaking(re.compile))
    await svc.inbox.put([record(number) for number in range(6)])
    await drain(broken)
    assert ended(svc) == {OutcomeKind.ACCEPTED: 5, OutcomeKind.DEAD_LETTER: 1}
    assert len(calls) == 3
    (letter,) = svc.store.letters.values()
    assert (letter.reason, letter.attempts, letter.event_id) == ("processing", 3, f"{3:032x}")


async def test_an_item_the_database_refuses_is_found_by_bisection(svc):
    """One poison among many: it alone becomes a dead letter, and the cursor passes it."""
    await svc.inbox.put([record(number) for number in range(50)])
    svc.store.poison = {"order 17 failed", "order 44 failed"}
    await drain(svc)
    assert ended(svc) == {OutcomeKind.ACCEPTED: 48, OutcomeKind.DEAD_LETTER: 2}
    assert {letter.reason for letter in svc.store.letters.values()} == {"database"}


async def test_a_database_that_is_away_loses_nothing(svc):
    """The call fails, the cursor stays, the next call stores everything."""
    await svc.inbox.put([record(1)])
    start = await process_slot(svc, 0, Cursor(), limit=10)
    svc.store.is_away = True
    with pytest.raises(StorageUnavailableError):
        await process_slot(svc, 0, start, limit=10)
    svc.store.is_away = False
    await drain(svc)
    assert ended(svc) == {OutcomeKind.ACCEPTED: 1}


async def test_a_cursor_moved_by_another_worker_stores_nothing_twice(svc):
    """The second worker is told to read the cursor again."""
    await svc.inbox.put([record(1)])
    start = await process_slot(svc, 0, Cursor(), limit=10)
    await process_slot(svc, 0, start, limit=10)
    with pytest.raises(StaleCursorError):
        await process_slot(svc, 0, start, limit=10)
    assert ended(svc) == {OutcomeKind.ACCEPTED: 1}


async def test_a_record_that_kills_workers_is_buried_after_three_crashes(svc):
    """Each crash leaves its note; halving finds the record, the fourth attempt does not touch it."""
    await svc.inbox.put([record(number) for number in range(8)])

    class Killer(Masker):
        def mask_event(self, event):
            if "order 5 " in event.message:
                raise SystemExit
            return super().mask_event(event)

    deadly = replace(svc, masker=Killer(re.compile))
    crashes = 0
    cursor = await svc.store.cursor(0)
    while True:
        try:
            moved = await process_slot(deadly, 0, cursor, limit=8)
        except SystemExit:
            crashes += 1
            cursor = await svc.store.cursor(0)
            continue
        if moved is None:
            break
        cursor = moved
    assert ended(svc) == {OutcomeKind.ACCEPTED: 7, OutcomeKind.DEAD_LETTER: 1}
    assert {letter.reason for letter in svc.store.letters.values()} == {"killed_worker"}
    assert crashes < 10


async def test_a_replayed_letter_becomes_a_stored_error(svc):
    """After the fault is mended a replay stores it once and moves its outcome."""
    await svc.inbox.put([record(1)])
    svc.store.poison = {"order 1 failed"}
    await drain(svc)
    svc.store.poison = set()
    (letter_id,) = svc.store.letters
    await replay_dead_letter(svc, letter_id)
    assert ended(svc) == {OutcomeKind.ACCEPTED: 1}
    assert svc.store.letters == {}


async def test_imported_records_balance_the_books(svc):
    """What does not come through the inbox is counted as received all the same."""
    await import_records(svc, [record(number) for number in range(7)])
    assert sum(svc.store.received.values()) == sum(ended(svc).values()) == 7


async def test_drained_inbox_conserves_every_item(svc):
    """Received equals the sum of the outcomes after a mixed batch."""
    records = [record(number % 9) for number in range(30)]
    records += [
        replace(record(100), body=b"["),
        record(101, quantity=3, outcome=OutcomeKind.RATE_LIMITED, reason="quota"),
    ]
    await svc.inbox.put(records)
    await drain(svc, limit=7)
    assert sum(ended(svc).values()) == sum(item.quantity for item in records)


async def test_a_failure_whose_text_holds_a_nul_is_still_buried(svc):
    """The letter's detail is made storable: a poison letter would stop its slot for ever."""

    class Breaking(Masker):
        def mask_event(self, event):
            raise ValueError("bad \0 and \ud83d")

    await svc.inbox.put([record(1)])
    await drain(replace(svc, masker=Breaking(re.compile)))
    (letter,) = svc.store.letters.values()
    assert letter.detail == "ValueError: bad \ufffd and ?"


class Crash(BaseException):
    """Ends the "process": nothing of ours catches it."""


async def test_a_killer_in_a_batch_that_is_prepared_ahead_is_found(svc, tmp_path):
    """Two batches at a time: after a crash nothing is prepared ahead until the killer is alone and buried."""
    await svc.inbox.put([record(number) for number in range(20)])

    class Killer(Masker):
        def mask_event(self, event):
            if "order 15 " in event.message:
                raise Crash
            return super().mask_event(event)

    restarts = 0
    while restarts < 20:
        worker = replace(svc, masker=Killer(re.compile), in_flight=InFlightFile(tmp_path))
        try:
            cursor = await svc.store.cursor(0)
            while (moved := await process_slot(worker, 0, cursor, limit=8, batches=8)) is not None:
                cursor = moved
            break
        except Crash:
            restarts += 1
    assert ended(svc) == {OutcomeKind.ACCEPTED: 19, OutcomeKind.DEAD_LETTER: 1}
    assert restarts < 12
