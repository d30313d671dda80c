"""Counts items that end at the door, so that the books know them too (seed box: Error Processing Flow).

Refused items and items that are no errors are counted in memory and written to the inbox each second as
counters. They
need no fsync of their own: a kill loses at most what was counted since, on both sides of the books.
"""

from __future__ import annotations

from datetime import UTC, datetime

from error_manager.core.errors import InboxFullError
from error_manager.core.types import ItemCategory, OutcomeKind, ProjectId
from error_manager.storage.base import InboxRecord, InboxSink, RecordKind

NOT_AN_ERROR = "not_an_error"
"""Reason of the outcome ``filtered`` for items that are no errors."""
_Key = tuple[ProjectId, ItemCategory, OutcomeKind, str, datetime]


class ItemCounter:
    """The counts since the last flush."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._counts: dict[_Key, int] = {}

    def add(
        self,
        project_id: ProjectId,
        outcome: OutcomeKind,
        reason: str,
        *,
        received_at: datetime,
        quantity: int = 1,
        category: ItemCategory = ItemCategory.ERROR,
    ) -> None:
        """Count items that ended this way."""
        if quantity:
            hour = received_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
            key = (project_id, category, outcome, reason, hour)
            self._counts[key] = self._counts.get(key, 0) + quantity

    async def flush(self, inbox: InboxSink) -> None:
        """Hand the counts to the inbox; they are kept for the next time when it is full."""
        counts, self._counts = self._counts, {}
        try:
            await inbox.put([_record(key, quantity) for key, quantity in counts.items()])
        except InboxFullError:
            for key, quantity in counts.items():
                self._counts[key] = self._counts.get(key, 0) + quantity


def _record(key: _Key, quantity: int) -> InboxRecord:
    project_id, category, outcome, reason, hour = key
    return InboxRecord(
        kind=RecordKind.NOT_AN_ERROR if reason == NOT_AN_ERROR else RecordKind.REFUSAL,
        project_id=project_id,
        received_at=hour,
        category=category,
        quantity=quantity,
        outcome=outcome,
        reason=reason,
    )
