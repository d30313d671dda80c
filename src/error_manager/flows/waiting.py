"""How long something has waited in the inbox (seed box: Persistence Layer)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from error_manager.storage.base import Cursor, InboxSource


def waiting_since(
    inbox: InboxSource, cursors: Mapping[int, Cursor], slots: Iterable[int]
) -> dict[int, datetime | None]:
    """Return of each slot when the oldest record was received that waits in it, None when none does.

    Raises:
        InboxCorruptError: a segment vanished behind a newer cursor, or is of a newer release.
        StorageUnavailableError: the inbox cannot be read now.
    """
    found: dict[int, datetime | None] = {}
    for slot in slots:
        batch = inbox.claim(slot, cursors.get(slot, Cursor()), limit=1)
        # One without records leads to the next segment, or past what is damaged.
        while batch is not None and not batch.records:
            batch = inbox.claim(slot, batch.end, limit=1)
        found[slot] = batch.records[0][1].received_at if batch else None
    return found
