"""The accepting side of the inbox: one thread commits what many bring (seed box: Persistence Layer)."""

from __future__ import annotations

import asyncio
import fcntl
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import structlog

from error_manager.core.errors import DataFolderError, InboxFullError
from error_manager.security.encryption import Sealer
from error_manager.storage import inbox_segment
from error_manager.storage.base import InboxRecord
from error_manager.storage.inbox_format import (
    Compressor,
    RecordCodec,
    hour_of,
    seal_context,
    segment_numbers,
    segment_path,
    totals_of,
)

_MAX_BATCH_RECORDS: Final = 2_000
_MAX_PENDING_BYTES: Final = 128 * 1024 * 1024
"""More than this waiting for the disk is refused: the disk is too slow, and memory is not a buffer."""
_DEFAULT_MAX_BYTES: Final = 4 * 1024**3
_DEFAULT_MAX_SHARE: Final = 0.2  # of the disk that is free at the start
_SEGMENTS_PER_CAP: Final = 4
_CHECK_INTERVAL_S: Final = 0.2
_RETRY_AFTER_FAILURE_S: Final = 1.0
_SIDE_FILES: Final = ("", "-wal", "-shm")
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskSpace:
    """The volume of the inbox, in bytes."""

    free: int
    total: int


def disk_space(folder: Path) -> DiskSpace:
    """Return the space of the volume that holds the folder, as this user may use it."""
    stat = os.statvfs(folder)
    return DiskSpace(free=stat.f_bavail * stat.f_frsize, total=stat.f_blocks * stat.f_frsize)


@dataclass(frozen=True, slots=True)
class _Put:
    """What one caller waits for."""

    records: Sequence[InboxRecord]
    size_bytes: int
    done: asyncio.Future[None]


class SqliteInbox:
    """The ``InboxSink`` of one ``serve`` process: holds a slot by flock and is its only writer."""

    def __init__(
        self,
        folder: Path,
        *,
        slot: int,
        sealer: Sealer,
        compressor: Compressor,
        clock: Callable[[], datetime],
        segment_bytes: int = 64 * 1024 * 1024,
        max_bytes: int = _DEFAULT_MAX_BYTES,
        min_free_share: float = 0.05,
        commit_interval_s: float = 0.005,
        failpoint: Callable[[str], None] = lambda _: None,
        disk: Callable[[Path], DiskSpace] = disk_space,
    ) -> None:
        """Set up; nothing is opened yet.

        Args:
            folder: ``inbox/`` of the data folder.
            slot: number of the slot, >= 0.
            sealer: seals each record.
            compressor: makes records smaller; not shared with others.
            clock: the time; used once, to number the first segment of a new slot.
            segment_bytes: a segment of this size is finished; at most a quarter of ``max_bytes``.
            max_bytes: the size cap of this slot.
            min_free_share: below this free share of the disk everything is refused.
            commit_interval_s: how long a commit waits for company while there are several callers.
            failpoint: is told each named step.
            disk: says the space of a folder's volume.
        """
        self._folder = folder / str(slot)
        self._slot = slot
        self._codec = RecordCodec(sealer, compressor)
        self._clock = clock
        # Only finished segments make room again, so the cap must hold several.
        self._segment_bytes = min(segment_bytes, max_bytes // _SEGMENTS_PER_CAP)
        self._max_bytes = max_bytes
        self._min_free_share = min_free_share
        self._commit_interval_s = commit_interval_s
        self._failpoint = failpoint
        self._disk = disk
        self._queue: queue.SimpleQueue[_Put | None] = queue.SimpleQueue()
        self._pending_bytes = 0
        self._is_crowded = False
        self._segment: inbox_segment.Segment | None = None
        self._closed_bytes = 0
        self._lock_file = -1
        self._thread: threading.Thread | None = None
        self._refusal = ""
        self._checked_at = 0.0
        self._failed_until = 0.0

    # --- the protocol ---------------------------------------------------------------------------------------

    async def put(self, records: Sequence[InboxRecord]) -> None:
        """Return when all records are on disk (see the protocol)."""
        if not records:
            return
        if refusal := self._reason_to_refuse():
            raise InboxFullError(refusal)
        size = sum(len(record.body) for record in records)
        if self._pending_bytes + size > _MAX_PENDING_BYTES and self._pending_bytes:
            raise InboxFullError("The disk is slower than what comes in.")
        put = _Put(records, size, asyncio.get_running_loop().create_future())
        self._pending_bytes += size
        self._queue.put(put)
        await put.done

    @property
    def is_full(self) -> bool:
        """Return whether the next ``put`` would be refused."""
        return bool(self._reason_to_refuse())

    @property
    def refusal(self) -> str:
        """Return why the next ``put`` would be refused, or ""."""
        return self._reason_to_refuse()

    async def open(self) -> None:
        """Take the slot and continue its newest segment, or start one.

        Raises:
            DataFolderError: another process holds the slot.
            InboxFullError: no segment can be made.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock()
        for leftover in self._folder.glob("*.new*"):
            leftover.unlink()
        await asyncio.to_thread(self._continue_newest)
        self._checked_at = 0.0
        self._thread = threading.Thread(
            target=self._write_all,
            args=(asyncio.get_running_loop(),),
            name=f"inbox-{self._slot}",
            daemon=True,
        )
        self._thread.start()

    async def close(self) -> None:
        """Commit what waits, close the segment and give the slot back."""
        thread, self._thread = self._thread, None  # refused from here on: nothing comes after the end mark
        if thread is not None:
            self._queue.put(None)
            await asyncio.to_thread(thread.join)
        if self._lock_file >= 0:
            os.close(self._lock_file)
            self._lock_file = -1

    async def collect(self, below_seq: int) -> int:
        """Delete the segments before the committed cursor; return how many."""
        removed = await asyncio.to_thread(remove_segments, self._folder, below_seq)
        if removed:
            self._closed_bytes = self._measure_closed()
            self._checked_at = 0.0
        return removed

    # --- room (caller's thread) -----------------------------------------------------------------------------

    def _reason_to_refuse(self) -> str:
        if self._thread is None:
            return "The inbox is not open."
        if not self._thread.is_alive():
            return "The inbox's writer has ended."
        now = time.monotonic()
        if now >= self._checked_at + _CHECK_INTERVAL_S:
            self._checked_at = now
            self._refusal = self._examine(now)
        return self._refusal

    def _examine(self, now: float) -> str:
        if now < self._failed_until:
            return self._refusal or "The inbox cannot be written."
        try:
            space = self._disk(self._folder)
        except OSError as error:
            return f"The inbox cannot be reached: {error}."
        if space.free < space.total * self._min_free_share:
            return f"Less than {self._min_free_share:.0%} of the disk is free."
        if self._used_bytes() >= self._max_bytes:
            return "The inbox has reached its size cap; processing is behind."
        return ""

    def _used_bytes(self) -> int:
        segment = self._segment
        try:
            return self._closed_bytes + (segment.size_bytes() if segment is not None else 0)
        except OSError:  # the segment was deleted by hand; the writer finds out
            return self._closed_bytes

    def _measure_closed(self) -> int:
        current = self._segment.seq if self._segment is not None else -1
        return sum(
            _segment_size(self._folder, seq) for seq in segment_numbers(self._folder) if seq != current
        )

    # --- the writer thread ----------------------------------------------------------------------------------

    def _write_all(self, loop: asyncio.AbstractEventLoop) -> None:
        while batch := self._collect_batch():
            failure = self._commit(batch)
            loop.call_soon_threadsafe(self._answer, batch, failure)
            self._roll_over()
        if self._segment is not None:
            self._segment.close()

    def _collect_batch(self) -> list[_Put]:
        """Wait for work; an empty list means the end."""
        first = self._queue.get()
        if first is None:
            return []
        if (
            self._is_crowded
        ):  # a lone caller never waits; with several, fewer commits leave the disk to others
            time.sleep(self._commit_interval_s)
        batch, records = [first], len(first.records)
        while records < _MAX_BATCH_RECORDS:
            try:
                put = self._queue.get_nowait()
            except queue.Empty:
                break
            if put is None:
                self._queue.put(None)
                break
            batch.append(put)
            records += len(put.records)
        self._is_crowded = len(batch) > 1
        return batch

    def _commit(self, batch: Sequence[_Put]) -> Exception | None:
        """Write a batch; return why it was refused, or None when it is on disk."""
        try:
            if self._segment is None:
                self._start_segment()
            self._append([record for put in batch for record in put.records])
        except (sqlite3.Error, OSError) as error:
            self._give_up(f"The inbox cannot be written: {error}.")
            return InboxFullError(self._refusal)
        except Exception as error:  # noqa: BLE001  # entry point of a thread: callers get it, the thread lives
            self._give_up(f"Writing the inbox failed: {error!r}.")
            return error
        self._failpoint("inbox.committed_before_ack")
        return None

    def _append(self, records: Sequence[InboxRecord]) -> None:
        segment = self._segment
        if segment is None:
            raise OSError("no segment")
        context = seal_context(self._slot, segment.seq)
        rows: list[inbox_segment.Row] = [
            (
                record.project_id,
                record.category.value,
                hour_of(record.received_at),
                record.quantity,
                self._codec.seal(record, context=context),
            )
            for record in records
        ]
        segment.append(rows, totals_of(records), self._failpoint)

    def _answer(self, batch: Sequence[_Put], failure: Exception | None) -> None:
        """Wake the callers (in their thread)."""
        for put in batch:
            self._pending_bytes -= put.size_bytes
            if put.done.done():  # the caller was cancelled; its records are stored all the same
                continue
            if failure is None:
                put.done.set_result(None)
            else:
                put.done.set_exception(failure)

    def _roll_over(self) -> None:
        """Start the next segment when this one is large enough, or was deleted by hand. Never raises."""
        if self._segment is None:
            return
        try:
            if self._segment.size_bytes() < self._segment_bytes:
                return
        except OSError as error:
            _log.warning("segment_abandoned", slot=self._slot, segment=self._segment.seq, detail=str(error))
        finished, self._segment = self._segment, None
        finished.close()
        try:
            self._start_segment()
        except (sqlite3.Error, OSError):  # no room: the next batch tries again and is refused with the reason
            return

    def _give_up(self, reason: str) -> None:
        """Leave the segment as it is: a later one is opened, and all measured, when there is room again."""
        if self._segment is not None:
            self._segment.close()
            self._segment = None
        self._refusal = reason
        self._failed_until = time.monotonic() + _RETRY_AFTER_FAILURE_S

    def _start_segment(self) -> None:
        numbers = segment_numbers(self._folder)
        # A new slot starts at the time, not at 1: numbers are never used twice, even when the folder was
        # deleted while the database still holds a cursor into it.
        number = numbers[-1] + 1 if numbers else int(self._clock().timestamp())
        self._segment = inbox_segment.create(self._folder, number)
        self._closed_bytes = self._measure_closed()

    def _continue_newest(self) -> None:
        try:
            numbers = segment_numbers(self._folder)
            if numbers:
                self._segment = inbox_segment.resume(self._folder, numbers[-1], max_bytes=self._segment_bytes)
            if self._segment is None:
                self._start_segment()
            self._closed_bytes = self._measure_closed()
        except (sqlite3.Error, OSError) as error:
            self._give_up(f"The inbox cannot be written: {error}.")

    def _lock(self) -> None:
        self._lock_file = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock_file)
            self._lock_file = -1
            raise DataFolderError(f"Slot {self._slot} of the inbox is held by another process.") from error


def default_max_bytes(folder: Path) -> int:
    """Return the size cap of a whole inbox: 4 GiB, or 20 % of the disk that is free when that is less."""
    return min(_DEFAULT_MAX_BYTES, int(disk_space(folder).free * _DEFAULT_MAX_SHARE))


def remove_segments(folder: Path, below_seq: int) -> int:
    """Delete the segments of a slot before ``below_seq``, never the newest; return how many."""
    finished = [seq for seq in segment_numbers(folder)[:-1] if seq < below_seq]
    for seq in finished:
        for suffix in reversed(_SIDE_FILES):
            Path(f"{segment_path(folder, seq)}{suffix}").unlink(missing_ok=True)
    return len(finished)


def remove_ownerless(inbox: Path, slot: int, below_seq: int) -> int:
    """Do the same for a slot that no process holds (there were more ``serve`` processes once)."""
    folder = inbox / str(slot)
    try:
        lock = os.open(folder / "lock", os.O_RDWR)
    except FileNotFoundError:
        return 0
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return remove_segments(folder, below_seq)
    except BlockingIOError:
        return 0
    finally:
        os.close(lock)


def _segment_size(folder: Path, seq: int) -> int:
    size = 0
    for suffix in _SIDE_FILES:
        try:
            size += Path(f"{segment_path(folder, seq)}{suffix}").stat().st_size
        except FileNotFoundError:
            continue
    return size
