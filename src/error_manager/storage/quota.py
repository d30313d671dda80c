"""Token buckets of keys and projects, shared by the accepting processes of a host (seed box: Rate Limiting).

One small file is mapped by all processes; a record lock is held for the microseconds of a take, so the sum
over all processes is exact. Time is the monotonic clock, which is one for the whole host and does not jump.
After a restart of the
host it starts again: a bucket from its future is full.
"""

from __future__ import annotations

import errno
import fcntl
import math
import mmap
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

from error_manager.storage.base import Grant, IngestKey, Quota

_ENTRY: Final = struct.Struct("<Qddd")  # whose bucket (0 = free), limit, tokens, when they were counted
_ENTRIES: Final = 32_768
_PROBES: Final = 32
FILE_BYTES: Final = _ENTRY.size * _ENTRIES


class TokenBuckets:
    """``QuotaGate`` over a buffer of ``FILE_BYTES`` zero bytes; alone it serves one process."""

    def __init__(self, buffer: bytearray | mmap.mmap, *, monotonic: Callable[[], float]) -> None:
        """Keep the buffer; ``monotonic()`` is in seconds."""
        self._buffer = buffer
        self._monotonic = monotonic

    def take(self, key: IngestKey, quantity: int) -> Grant:
        """Take up to ``quantity`` items from the quotas of the key and of its project."""
        buckets = [
            (scope, owner, quota)
            for scope, owner, quota in (
                ("key", key.id * 2 + 2, key.quota),
                ("project", key.project_id * 2 + 3, key.project_quota),
            )
            if quota is not None
        ]
        if not buckets:
            return Grant(granted=quantity)
        self._acquire()
        try:
            return self._take(buckets, quantity)
        finally:
            self._release()

    def _take(self, buckets: list[tuple[str, int, Quota]], quantity: int) -> Grant:
        now = self._monotonic()
        filled = [(*self._fill(owner, quota, now), scope, quota) for scope, owner, quota in buckets]
        tokens, _, scope, quota = min(filled, key=lambda bucket: bucket[0])
        granted = min(quantity, math.floor(tokens + 1e-9))
        for held, (place, owner), _, limit in filled:
            _ENTRY.pack_into(self._buffer, place, owner, float(limit.limit), held - granted, now)
        if granted == quantity:
            return Grant(granted=granted)
        missing = 1 - (tokens - granted)
        wait_s = missing * quota.window.total_seconds() / quota.limit if quota.limit else 3600.0
        return Grant(granted=granted, retry_after_s=max(1, math.ceil(wait_s)), scope=scope)

    def _fill(self, owner: int, quota: Quota, now: float) -> tuple[float, tuple[int, int]]:
        """Return (tokens by now, (place in the buffer, owner))."""
        place = self._place(owner)
        found, limit, tokens, counted_at = _ENTRY.unpack_from(self._buffer, place)
        if found != owner or counted_at > now:
            return float(quota.limit), (place, owner)
        if limit != quota.limit:  # changed by a person: what was used stays used
            tokens += quota.limit - limit
        rate = quota.limit / quota.window.total_seconds()
        return max(0.0, min(quota.limit, tokens + (now - counted_at) * rate)), (place, owner)

    def _place(self, owner: int) -> int:
        """Return where the owner's entry is or goes; if all probes are taken, the one longest unused goes."""
        oldest_at, oldest = math.inf, 0
        for probe in range(_PROBES):
            place = (owner * 2_654_435_761 + probe) % _ENTRIES * _ENTRY.size
            found, _, _, counted_at = _ENTRY.unpack_from(self._buffer, place)
            if found in {owner, 0}:
                return place
            if counted_at < oldest_at:
                oldest_at, oldest = counted_at, place
        return oldest

    def _acquire(self) -> None:
        """Keep other processes out (nobody to keep out of a private buffer)."""

    def _release(self) -> None:
        """Let other processes in again."""


class SharedTokenBuckets(TokenBuckets):
    """Token buckets in a file that all accepting processes of a host map."""

    def __init__(self, path: Path, *, monotonic: Callable[[], float]) -> None:
        """Map ``run/quota`` of the data folder; it is made when it is not there or has another size."""
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._acquire()
        if os.fstat(self._file).st_size != FILE_BYTES:
            # Zeros, not a hole: to write into a mapped hole on a full disk ends the process (SIGBUS).
            os.ftruncate(self._file, 0)
            if os.pwrite(self._file, bytes(FILE_BYTES), 0) != FILE_BYTES:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        self._release()
        self._map = mmap.mmap(self._file, FILE_BYTES)
        super().__init__(self._map, monotonic=monotonic)

    def close(self) -> None:
        """Unmap the file."""
        self._map.close()
        os.close(self._file)

    def _acquire(self) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_EX, 1)

    def _release(self) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1)
