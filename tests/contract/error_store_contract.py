"""What every ``ErrorStore`` promises; run over each adapter by a subclass that makes the store."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest

from error_manager.core.errors import NotFoundError, StaleCursorError
from error_manager.core.ids import uuid7
from error_manager.core.types import (
    CatalogEntry,
    ErrorEvent,
    ErrorId,
    EventId,
    Fingerprint,
    ItemCategory,
    OutcomeKind,
    ProjectId,
    Severity,
)
from error_manager.storage.base import (
    Cursor,
    DeadLetter,
    OutcomeCount,
    RecordKind,
    StoreBatch,
    StoredError,
)

PROJECT = ProjectId(1)
NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = NOW.replace(minute=0, second=0)


def error(
    number: int, *, group: int = 0, minutes: int = 0, message: str = "failed", user: bytes = b""
) -> StoredError:
    """Return the ``number``-th error; equal numbers have equal event ids."""
    at = NOW - timedelta(minutes=60 - minutes)
    event = ErrorEvent(
        event_id=EventId(f"{number:032x}"),
        timestamp=at,
        message=message,
        environment="production",
        tags=(("part", str(number % 3)),),
    )
    entry = CatalogEntry(
        module="shop.orders",
        error_code="ValueError",
        severity=Severity.ERROR,
        title="ValueError",
        culprit="place in shop/orders.py:3",
        template="failed",
        fingerprint=Fingerprint(version=0, parts=("type: ValueError",), hash=f"{group:02x}" * 32),
    )
    return StoredError(
        error_id=ErrorId(uuid7(at, os.urandom(10))),
        project_id=PROJECT,
        event=event,
        entry=entry,
        created_at=NOW,
        body=b"body",
        user_key=user,
        subject_keys=(b"s" * 16,),
    )


_FIRST, _SECOND = Cursor(), Cursor(seq=1, row=1)


def batch(*errors: StoredError, start: Cursor = _FIRST, end: Cursor = _SECOND, **more) -> StoreBatch:
    """Return a batch of slot 0."""
    return StoreBatch(slot=0, start=start, end=end, errors=errors, **more)


def letter() -> DeadLetter:
    """Return a dead letter."""
    return DeadLetter(
        id=0,
        project_id=PROJECT,
        received_at=NOW,
        reason="processing",
        detail="KeyError: 'x'",
        attempts=3,
        kind=RecordKind.NATIVE,
        event_id=EventId("a" * 32),
        body=b"sealed",
    )


class ErrorStoreContract:
    """The suite. A subclass has a fixture ``store`` and ``outcomes(store) -> dict[OutcomeKind, int]``."""

    async def test_a_new_slot_starts_at_the_beginning(self, store):
        """A slot nobody has committed has the zero cursor."""
        assert await store.cursor(7) == Cursor()

    async def test_commit_moves_the_cursor_with_the_errors(self, store):
        """After a commit both are there."""
        result = await store.commit(batch(error(1), error(2)))
        assert (result.accepted, result.duplicates) == (2, 0)
        assert await store.cursor(0) == Cursor(seq=1, row=1)
        assert await self.outcomes(store) == {OutcomeKind.ACCEPTED: 2}

    async def test_a_stale_cursor_stores_nothing(self, store):
        """Two workers can never both commit the same records."""
        await store.commit(batch(error(1)))
        with pytest.raises(StaleCursorError):
            await store.commit(batch(error(2)))
        assert await self.outcomes(store) == {OutcomeKind.ACCEPTED: 1}

    async def test_the_same_event_id_is_stored_once(self, store):
        """Within a batch and between batches; each further one counts as duplicate."""
        first = await store.commit(batch(error(1), error(1), error(2)))
        second = await store.commit(batch(error(2), start=Cursor(seq=1, row=1), end=Cursor(seq=1, row=2)))
        assert (first.accepted, first.duplicates, second.accepted, second.duplicates) == (2, 1, 0, 1)
        assert await self.outcomes(store) == {OutcomeKind.ACCEPTED: 2, OutcomeKind.DUPLICATE: 2}

    async def test_reports_new_patterns_once(self, store):
        """A group's first commit says new, the next one does not; counts are those of the commit."""
        first = await store.commit(batch(error(1), error(2), error(3, group=1)))
        second = await store.commit(batch(error(4), start=Cursor(seq=1, row=1), end=Cursor(seq=1, row=2)))
        assert sorted((change.count, change.is_new) for change in first.patterns) == [(1, True), (2, True)]
        assert [(change.count, change.is_new) for change in second.patterns] == [(1, False)]
        assert second.patterns[0].pattern_id in {change.pattern_id for change in first.patterns}

    async def test_outcomes_of_other_items_are_added(self, store):
        """What is not stored is counted in the same commit."""
        count = OutcomeCount(
            project_id=PROJECT,
            category=ItemCategory.ERROR,
            hour=HOUR,
            outcome=OutcomeKind.RATE_LIMITED,
            reason="quota",
            quantity=7,
        )
        await store.commit(batch(error(1), outcomes=(count, count)))
        assert await self.outcomes(store) == {OutcomeKind.ACCEPTED: 1, OutcomeKind.RATE_LIMITED: 14}

    async def test_a_dead_letter_can_be_read_and_dropped(self, store):
        """Dropping moves its outcome to filtered."""
        await store.commit(batch(dead_letters=(letter(),)))
        (listed,) = await store.dead_letters(project_id=PROJECT, limit=10)
        assert (listed.body, (await store.dead_letter(listed.id)).body) == (b"", b"sealed")
        assert await self.outcomes(store) == {OutcomeKind.DEAD_LETTER: 1}
        assert await store.replace_dead_letter(listed.id, None) is None
        assert await self.outcomes(store) == {OutcomeKind.FILTERED: 1}
        assert await store.dead_letters(project_id=None, limit=10) == ()

    async def test_a_replayed_dead_letter_is_stored_and_its_outcome_moves(self, store):
        """The error takes the place of the letter."""
        await store.commit(batch(dead_letters=(letter(),)))
        (listed,) = await store.dead_letters(project_id=None, limit=10)
        again = StoreBatch(slot=-1, start=Cursor(), end=Cursor(), errors=(error(1),))
        result = await store.replace_dead_letter(listed.id, again)
        assert result is not None
        assert result.accepted == 1
        assert await self.outcomes(store) == {OutcomeKind.ACCEPTED: 1}

    async def test_an_unknown_dead_letter_is_named(self, store):
        """Not found, with the number asked for."""
        with pytest.raises(NotFoundError, match="12"):
            await store.dead_letter(12)
        with pytest.raises(NotFoundError, match="12"):
            await store.replace_dead_letter(12, None)
