"""Twins of the storage protocols that live in memory, for tests (seed box: Storage Interface)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from error_manager.core.errors import InboxFullError
from error_manager.storage.base import (
    Cursor,
    InboxBatch,
    InboxRecord,
    IngestKey,
    ReceivedCount,
    SegmentTotals,
)
from error_manager.storage.inbox_format import counts_of, totals_of
from error_manager.storage.quota import FILE_BYTES, TokenBuckets

# --- the inbox ----------------------------------------------------------------------------------------------


class MemoryInbox:
    """``InboxSink`` and ``InboxSource`` of one slot."""

    def __init__(self, *, slot: int = 0, segment_records: int = 1000, max_records: int | None = None) -> None:
        """Start a segment after ``segment_records``; be full with ``max_records`` (None: no limit)."""
        self._slot = slot
        self._segment_records = segment_records
        self._max_records = max_records
        self._segments: list[list[InboxRecord]] = [[]]

    async def put(self, records: Sequence[InboxRecord]) -> None:
        """Keep the records (see the protocol)."""
        if self.is_full:
            raise InboxFullError
        self._segments[-1].extend(records)
        if len(self._segments[-1]) >= self._segment_records:
            self._segments.append([])

    @property
    def is_full(self) -> bool:
        """Return whether the next ``put`` would be refused."""
        return self._max_records is not None and sum(map(len, self._segments)) >= self._max_records

    def slots(self) -> tuple[int, ...]:
        """Return the one slot."""
        return (self._slot,)

    def claim(self, slot: int, cursor: Cursor, *, limit: int) -> InboxBatch | None:
        """Return records of one segment behind ``cursor`` (see the protocol)."""
        if slot != self._slot:
            return None
        if cursor.seq == 0:
            return InboxBatch(slot=slot, start=cursor, end=Cursor(seq=1), records=())
        records = self._segments[cursor.seq - 1]
        rows = list(enumerate(records, start=1))[cursor.row : cursor.row + limit]
        is_finished = cursor.row + limit > len(records) and cursor.seq < len(self._segments)
        if not rows and not is_finished:
            return None
        return InboxBatch(
            slot=slot,
            start=cursor,
            end=Cursor(seq=cursor.seq + 1) if is_finished else Cursor(seq=cursor.seq, row=rows[-1][0]),
            records=tuple(rows),
            finished=(SegmentTotals(seq=cursor.seq, counts=_counts(records)),) if is_finished else (),
        )

    def received(
        self, slot: int, cursor: Cursor
    ) -> tuple[tuple[ReceivedCount, ...], tuple[ReceivedCount, ...]]:
        """Return (received, waiting) of the segments from ``cursor.seq`` on (see the protocol)."""
        if slot != self._slot:
            return (), ()
        ahead = self._segments[max(cursor.seq, 1) - 1 :]
        received = tuple(count for records in ahead for count in _counts(records))
        waiting = _counts(ahead[0][cursor.row :]) + tuple(
            c for records in ahead[1:] for c in _counts(records)
        )
        return received, waiting


def _counts(records: Iterable[InboxRecord]) -> tuple[ReceivedCount, ...]:
    return counts_of((*key, quantity) for key, quantity in totals_of(records).items())


# --- keys and quotas ----------------------------------------------------------------------------------------


class MemoryKeys:
    """``KeyStore`` over the keys it is given."""

    def __init__(self, *keys: IngestKey, is_loaded: bool = True) -> None:
        """Know these keys."""
        self._keys = {key.key: key for key in keys}
        self._is_loaded = is_loaded

    def add(self, key: IngestKey) -> None:
        """Know one more key."""
        self._keys[key.key] = key

    def ingest_key(self, key: str) -> IngestKey | None:
        """Return the key, or None when it is unknown."""
        return self._keys.get(key)

    @property
    def is_loaded(self) -> bool:
        """Return whether the keys are known at all."""
        return self._is_loaded


class MemoryQuota(TokenBuckets):
    """``QuotaGate`` of one process."""

    def __init__(self, *, monotonic: Callable[[], float]) -> None:
        """Start with full buckets; ``monotonic()`` is in seconds."""
        super().__init__(bytearray(FILE_BYTES), monotonic=monotonic)
