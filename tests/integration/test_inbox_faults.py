"""The inbox under faults: kills, full disks, damaged files. Files are real, processes are killed for real."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from error_manager.core.errors import DataFolderError, InboxCorruptError, InboxFullError
from error_manager.core.types import ProjectId
from error_manager.security.encryption import MasterKey, Sealer
from error_manager.storage import inbox_writer
from error_manager.storage.base import Cursor, InboxBatch, InboxRecord, RecordKind
from error_manager.storage.inbox import (
    SqliteInbox,
    SqliteInboxReader,
    ZstdCompressor,
    default_max_bytes,
    remove_ownerless,
)
from error_manager.storage.inbox_format import segment_numbers, segment_path
from error_manager.storage.inbox_writer import DiskSpace

NOW = datetime(2026, 11, 23, 21, 40, tzinfo=UTC)
SEALER = Sealer(MasterKey(id=1, secret=bytes(32)))
FIRST = int(NOW.timestamp())


def record(number: int, *, size: int = 200) -> InboxRecord:
    """Return a record whose body names its number and does not compress."""
    body = f"{number}:".encode() + os.urandom(size)
    return InboxRecord(kind=RecordKind.NATIVE, project_id=ProjectId(1), received_at=NOW, body=body)


def number_of(item: InboxRecord) -> int:
    """Return the number in a record's body."""
    return int(item.body.split(b":")[0])


def new_inbox(folder: Path, **arguments: object) -> SqliteInbox:
    """Return an inbox that is not open yet."""
    values = {"slot": 0, "sealer": SEALER, "compressor": ZstdCompressor(), "clock": lambda: NOW, **arguments}
    return SqliteInbox(folder, **values)  # type: ignore[arg-type]  # a table of arguments


def read_all(folder: Path, *, limit: int = 50) -> list[InboxBatch]:
    """Claim everything, as a worker does."""
    reader = SqliteInboxReader(folder, sealer=SEALER, compressor=ZstdCompressor())
    batches: list[InboxBatch] = []
    cursor = Cursor()
    while (batch := reader.claim(0, cursor, limit=limit)) is not None:
        batches.append(batch)
        cursor = batch.end
    reader.close()
    return batches


def numbers(batches: list[InboxBatch]) -> list[int]:
    """Return the numbers of all records in the order read."""
    return [number_of(item) for batch in batches for _, item in batch.records]


def corrupt(batches: list[InboxBatch]) -> list[tuple[int, str]]:
    """Return all corrupt records."""
    return [entry for batch in batches for entry in batch.corrupt]


async def is_put(inbox: SqliteInbox, item: InboxRecord) -> bool:
    """Return whether the inbox took a record."""
    try:
        await inbox.put([item])
    except InboxFullError:
        return False
    return True


def files_with(folder: Path, text: bytes) -> list[Path]:
    """Return the files below a folder that hold a text."""
    return [path for path in folder.rglob("*") if path.is_file() and text in path.read_bytes()]


async def fill(folder: Path, count: int, **arguments: object) -> None:
    """Put ``count`` records, one commit each, and close."""
    inbox = new_inbox(folder, **arguments)
    await inbox.open()
    for number in range(count):
        await inbox.put([record(number)])
    await inbox.close()


# --- starting and stopping ----------------------------------------------------------------------------------


async def test_a_slot_has_one_owner(tmp_path: Path) -> None:
    """A second writer on a slot is refused, another slot is free, and closing gives the slot back."""
    first, second, other = new_inbox(tmp_path), new_inbox(tmp_path), new_inbox(tmp_path, slot=1)
    await first.open()
    with pytest.raises(DataFolderError, match="held by another process"):
        await second.open()
    await other.open()
    await first.close()
    await second.open()
    await second.close()
    await other.close()


async def test_a_restart_goes_on_in_the_newest_segment(tmp_path: Path) -> None:
    """Records of two runs lie in one segment, in order."""
    await fill(tmp_path, 3)
    inbox = new_inbox(tmp_path)
    await inbox.open()
    await inbox.put([record(3)])
    await inbox.close()
    assert segment_numbers(tmp_path / "0") == [FIRST]
    assert numbers(read_all(tmp_path)) == [0, 1, 2, 3]


async def test_records_put_while_closing_are_kept(tmp_path: Path) -> None:
    """Closing waits for what was handed over before."""
    inbox = new_inbox(tmp_path)
    await inbox.open()
    puts = [asyncio.create_task(inbox.put([record(number)])) for number in range(50)]
    await asyncio.sleep(0)
    await inbox.close()
    await asyncio.gather(*puts)
    assert numbers(read_all(tmp_path)) == list(range(50))
    with pytest.raises(InboxFullError):
        await inbox.put([record(1)])


async def test_a_put_during_closing_is_refused(tmp_path: Path) -> None:
    """What comes after the end mark is answered at once, not never."""
    may_go = threading.Event()
    inbox = new_inbox(tmp_path, failpoint=lambda _: may_go.wait(5))
    await inbox.open()
    first = asyncio.create_task(inbox.put([record(1)]))
    await asyncio.sleep(0)
    closing = asyncio.create_task(inbox.close())
    await asyncio.sleep(0)
    async with asyncio.timeout(1):
        with pytest.raises(InboxFullError):
            await inbox.put([record(2)])
    may_go.set()
    await closing
    await first
    assert numbers(read_all(tmp_path)) == [1]


async def test_many_callers_share_commits(tmp_path: Path) -> None:
    """200 callers at once need far fewer commits than 200."""
    steps: list[str] = []
    inbox = new_inbox(tmp_path, failpoint=steps.append)
    await inbox.open()
    await asyncio.gather(*(inbox.put([record(number)]) for number in range(200)))
    await inbox.close()
    assert sorted(numbers(read_all(tmp_path))) == list(range(200))
    assert steps.count("inbox.written_before_fsync") < 50


async def test_a_deleted_folder_never_reuses_a_number(tmp_path: Path) -> None:
    """A slot that starts anew does so at the time, above any cursor the database may hold."""
    await fill(tmp_path, 1)
    assert segment_numbers(tmp_path / "0") == [FIRST]


async def test_nothing_readable_is_on_disk(tmp_path: Path) -> None:
    """Bodies are sealed: a text that was put is in no file of the inbox."""
    inbox = new_inbox(tmp_path)
    await inbox.open()
    secret = b"canary-4711" * 3
    await inbox.put(
        [
            InboxRecord(
                kind=RecordKind.NATIVE,
                project_id=ProjectId(1),
                received_at=NOW,
                body=secret,
                sdk="canary-4711",
            )
        ]
    )
    assert files_with(tmp_path, b"canary-4711") == []
    await inbox.close()


# --- removing -----------------------------------------------------------------------------------------------


async def test_finished_segments_are_removed_up_to_the_cursor(tmp_path: Path) -> None:
    """Segments before the committed one go with their side files; the rest stays readable."""
    inbox = new_inbox(tmp_path, segment_bytes=30_000)
    await inbox.open()
    for number in range(120):
        await inbox.put([record(number, size=1000)])
    before = segment_numbers(tmp_path / "0")
    assert await inbox.collect(before[2]) == 2
    assert segment_numbers(tmp_path / "0")[0] == before[2]
    reader = SqliteInboxReader(tmp_path, sealer=SEALER, compressor=ZstdCompressor())
    with pytest.raises(InboxCorruptError):
        reader.received(0, Cursor(seq=before[0], row=1))
    assert reader.claim(0, Cursor(seq=before[2]), limit=1) is not None
    reader.close()
    await inbox.close()


async def test_the_newest_segment_is_never_removed(tmp_path: Path) -> None:
    """Not even when a cursor beyond it is committed."""
    inbox = new_inbox(tmp_path)
    await inbox.open()
    await inbox.put([record(1)])
    assert await inbox.collect(FIRST + 100) == 0
    await inbox.close()


async def test_slots_without_owner_are_cleaned_and_owned_ones_left_alone(tmp_path: Path) -> None:
    """What another process holds is not touched."""
    inbox = new_inbox(tmp_path, segment_bytes=30_000)
    await inbox.open()
    for number in range(80):
        await inbox.put([record(number, size=1000)])
    newest = segment_numbers(tmp_path / "0")[-1]
    assert remove_ownerless(tmp_path, 0, newest) == 0
    await inbox.close()
    assert remove_ownerless(tmp_path, 0, newest) > 0
    assert segment_numbers(tmp_path / "0") == [newest]
    assert remove_ownerless(tmp_path, 7, newest) == 0


# --- no room ------------------------------------------------------------------------------------------------


async def test_the_size_cap_refuses_and_room_returns_by_itself(tmp_path: Path) -> None:
    """At the cap everything is refused; when processing has passed a segment there is room again."""
    inbox = new_inbox(tmp_path, segment_bytes=100_000, max_bytes=300_000)
    await inbox.open()
    stored = 0
    while not inbox.is_full:
        await inbox.put([record(stored, size=20_000)])
        stored += 1
        inbox._checked_at = 0.0
    with pytest.raises(InboxFullError, match="size cap"):
        await inbox.put([record(stored)])
    assert inbox.is_full is True
    assert numbers(read_all(tmp_path)) == list(range(stored))
    await inbox.collect(segment_numbers(tmp_path / "0")[-1])
    await inbox.put([record(stored)])
    await inbox.close()


async def test_little_free_disk_refuses_until_there_is_more(tmp_path: Path) -> None:
    """Below the share nothing is taken; above it everything is, without a restart."""
    space = [DiskSpace(free=4, total=100)]
    inbox = new_inbox(tmp_path, disk=lambda _: space[0])
    await inbox.open()
    with pytest.raises(InboxFullError, match="5%"):
        await inbox.put([record(1)])
    space[0] = DiskSpace(free=6, total=100)
    inbox._checked_at = 0.0
    await inbox.put([record(2)])
    await inbox.close()
    assert numbers(read_all(tmp_path)) == [2]


@pytest.mark.parametrize("step", ["inbox.before_write", "inbox.written_before_fsync"])
async def test_a_failed_commit_is_refused_and_the_segment_given_up(tmp_path: Path, step: str) -> None:
    """An I/O error acknowledges nothing, and what was stays; a new segment is used a second later."""
    failing: list[str] = []

    def fail(now: str) -> None:
        if now in failing:
            raise sqlite3.OperationalError("disk I/O error")

    inbox = new_inbox(tmp_path, failpoint=fail)
    await inbox.open()
    await inbox.put([record(1)])
    failing.append(step)
    with pytest.raises(InboxFullError, match="disk I/O error"):
        await inbox.put([record(2)])
    failing.clear()
    with pytest.raises(InboxFullError, match="disk I/O error"):
        await inbox.put([record(3)])
    await asyncio.sleep(1.3)
    await inbox.put([record(4)])
    await inbox.close()
    assert segment_numbers(tmp_path / "0") == [FIRST, FIRST + 1]
    assert numbers(read_all(tmp_path)) == [1, 4]


async def test_deleted_segment_files_do_not_stop_the_writer(tmp_path: Path) -> None:
    """The segment is given up after the next commit; what comes then goes to a new one."""
    inbox = new_inbox(tmp_path)
    await inbox.open()
    await inbox.put([record(1)])
    for path in (tmp_path / "0").glob("*.sqlite*"):
        path.unlink()
    async with asyncio.timeout(5):
        await is_put(inbox, record(2))
        await inbox.put([record(3)])
        await inbox.close()
    assert 3 in numbers(read_all(tmp_path))


async def test_a_folder_that_cannot_be_listed_does_not_stop_the_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Out of file handles a put is refused with the reason; with handles again it is taken."""
    is_out = [False]

    def fail(_step: str) -> None:
        if is_out[0]:
            raise sqlite3.OperationalError("unable to open database file")

    def listed(folder: Path) -> list[int]:
        if is_out[0]:
            raise OSError(errno.EMFILE, "Too many open files")
        return segment_numbers(folder)

    monkeypatch.setattr(inbox_writer, "segment_numbers", listed)
    inbox = new_inbox(tmp_path, failpoint=fail)
    await inbox.open()
    is_out[0] = True
    async with asyncio.timeout(5):
        for reason in ("unable to open", "Too many open files"):
            with pytest.raises(InboxFullError, match=reason):
                await inbox.put([record(1)])
            inbox._failed_until = inbox._checked_at = 0.0
        is_out[0] = False
        await inbox.put([record(2)])
        await inbox.close()
    assert numbers(read_all(tmp_path)) == [2]


async def test_an_inbox_whose_writer_has_ended_is_full(tmp_path: Path) -> None:
    """Nobody waits for a thread that is gone, and readiness says so."""
    inbox = new_inbox(tmp_path)
    await inbox.open()
    assert inbox._thread is not None
    inbox._queue.put(None)
    await asyncio.to_thread(inbox._thread.join)
    with pytest.raises(InboxFullError, match="writer has ended"):
        await inbox.put([record(1)])
    assert inbox.is_full is True
    await inbox.close()


async def test_a_folder_that_is_gone_refuses(tmp_path: Path) -> None:
    """The reason is told instead of a failure of the readiness check."""
    inbox = new_inbox(tmp_path)
    await inbox.open()
    (tmp_path / "0").rename(tmp_path / "moved")
    inbox._checked_at = 0.0
    assert "cannot be reached" in inbox.refusal
    await inbox.close()


async def test_a_really_full_disk_loses_nothing_acknowledged(tmp_path: Path, small_disk: Path) -> None:
    """On a full volume puts are refused; what was acknowledged is read back; room makes it work again."""
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(2_000_000))
    inbox = new_inbox(small_disk, min_free_share=0.0)
    await inbox.open()
    stored: list[int] = []
    while await is_put(inbox, record(len(stored), size=50_000)):
        stored.append(len(stored))
    ballast.unlink()
    async with asyncio.timeout(10):
        while not await is_put(inbox, record(5000)):  # noqa: ASYNC110  # a disk sets no event
            await asyncio.sleep(0.2)
    await inbox.close()
    assert stored
    assert set(numbers(read_all(small_disk))) >= {*stored, 5000}


@pytest.fixture
def small_disk(tmp_path: Path):
    """Return a volume of 8 MiB, or skip where none can be mounted."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("needs the right to mount a tmpfs")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_the_default_cap_is_a_share_of_the_free_disk(tmp_path: Path) -> None:
    """4 GiB, or a fifth of what is free."""
    assert 0 < default_max_bytes(tmp_path) <= 4 * 1024**3


# --- kills --------------------------------------------------------------------------------------------------

WRITER = """
    import asyncio, os, signal, sys
    from datetime import UTC, datetime
    from pathlib import Path
    from error_manager.core.types import ProjectId
    from error_manager.security.encryption import MasterKey, Sealer
    from error_manager.storage.base import InboxRecord, RecordKind
    from error_manager.storage.inbox import SqliteInbox, ZstdCompressor

    folder, step, hits = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    seen = 0

    def failpoint(now):
        global seen
        seen += now == step
        if seen >= hits:
            os.kill(os.getpid(), signal.SIGKILL)

    async def put(inbox, number):
        body = f"{number}:".encode() + os.urandom(3000)
        now = datetime(2026, 11, 23, 21, 40, tzinfo=UTC)
        record = InboxRecord(kind=RecordKind.NATIVE, project_id=ProjectId(1), received_at=now, body=body)
        await inbox.put([record])
        os.write(1, f"{number}\\n".encode())  # the acknowledgement

    async def main():
        inbox = SqliteInbox(
            folder, slot=0, sealer=Sealer(MasterKey(id=1, secret=bytes(32))), compressor=ZstdCompressor(),
            clock=lambda: datetime(2026, 11, 23, 21, 40, tzinfo=UTC), segment_bytes=300_000,
            failpoint=failpoint,
        )
        await inbox.open()
        start = int(sys.argv[4])
        for first in range(start, start + 100_000, 8):
            await asyncio.gather(*(put(inbox, number) for number in range(first, first + 8)))

    asyncio.run(main())
"""


def run_until_killed(folder: Path, step: str, hits: int, start: int) -> list[int]:
    """Run a writer that kills itself at a step; return what it acknowledged."""
    process = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(WRITER), str(folder), step, str(hits), str(start)],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert process.returncode == -signal.SIGKILL, process.stderr.decode()
    return [int(line) for line in process.stdout.split()]


@pytest.mark.parametrize(
    "step", ["inbox.before_write", "inbox.written_before_fsync", "inbox.committed_before_ack"]
)
def test_a_kill_at_any_step_loses_nothing_acknowledged(tmp_path: Path, step: str) -> None:
    """Killed at a step and started again, five times: every acknowledged record is read once."""
    acknowledged: list[int] = []
    for start, hits in enumerate((1, 2, 7, 40, 90)):
        acknowledged += run_until_killed(tmp_path, step, hits, start * 1_000_000)
    batches = read_all(tmp_path)
    found = numbers(batches)
    assert len(found) == len(set(found))
    assert set(found) >= set(acknowledged)
    assert corrupt(batches) == []
    reader = SqliteInboxReader(tmp_path, sealer=SEALER, compressor=ZstdCompressor())
    received, _ = reader.received(0, Cursor())
    reader.close()
    assert sum(count.quantity for count in received) == len(found)


def test_a_log_that_was_never_checkpointed_is_read(tmp_path: Path) -> None:
    """After a kill the records are still in the write-ahead log; a reader without write access finds them."""
    acknowledged = run_until_killed(tmp_path, "inbox.committed_before_ack", 5, 0)
    assert any((tmp_path / "0").glob("*-wal"))
    assert set(numbers(read_all(tmp_path))) >= set(acknowledged)


# --- damage -------------------------------------------------------------------------------------------------


async def damaged(folder: Path, damage: Callable[[Path], None], *, count: int = 60) -> list[InboxBatch]:
    """Fill a segment, damage it, start a successor as a restart does, and read everything."""
    await fill(folder, count)
    damage(segment_path(folder / "0", FIRST))
    inbox = new_inbox(folder)
    await inbox.open()
    await inbox.put([record(1000)])
    await inbox.close()
    return read_all(folder)


def overwrite(path: Path, place: int, content: bytes) -> None:
    """Put bytes into the middle of a file."""
    with path.open("r+b") as file:
        file.seek(place)
        file.write(content)


async def test_a_flipped_bit_costs_one_record(tmp_path: Path) -> None:
    """The sealed bytes do not open; the record is named, its neighbors are read."""

    def flip(path: Path) -> None:
        connection = sqlite3.connect(path)
        (sealed,) = connection.execute("SELECT sealed FROM records WHERE row = 30").fetchone()
        connection.close()
        place = path.read_bytes().index(sealed) + 60
        overwrite(path, place, bytes([path.read_bytes()[place] ^ 1]))

    batches = await damaged(tmp_path, flip)
    assert numbers(batches) == [*range(29), *range(30, 60), 1000]
    ((row, reason),) = corrupt(batches)
    assert row == 30
    assert "cannot be opened" in reason


async def test_a_zeroed_page_costs_the_records_on_it(tmp_path: Path) -> None:
    """Rows on the page are reported one by one; all others are read; nothing is read twice."""
    batches = await damaged(tmp_path, lambda path: overwrite(path, 4096 * 5, bytes(4096)))
    found = numbers(batches)
    lost = {row - 1 for row, _ in corrupt(batches)}
    assert lost
    assert sorted([*found, *lost]) == [*range(60), 1000]


async def test_a_segment_cut_in_half_gives_what_is_left(tmp_path: Path) -> None:
    """Truncation loses the tail, says so, and the next segment is read."""
    batches = await damaged(tmp_path, lambda path: os.truncate(path, path.stat().st_size // 2 // 4096 * 4096))
    found = numbers(batches)
    assert found[-1] == 1000
    assert found[:-1] == list(range(len(found) - 1))
    assert 5 < len(found) < 40
    assert "unreadable from row" in corrupt(batches)[-1][1]


@pytest.mark.parametrize("content", [b"", b"garbage" * 1000])
async def test_a_file_that_is_no_segment_is_reported_and_passed(tmp_path: Path, content: bytes) -> None:
    """A wholly unreadable segment is named once and does not stop what follows."""
    batches = await damaged(tmp_path, lambda path: path.write_bytes(content) and None)
    assert numbers(batches) == [1000]
    ((_, reason),) = corrupt(batches)
    assert str(FIRST) in reason


async def test_a_deleted_segment_in_the_middle_is_passed(tmp_path: Path) -> None:
    """The reader goes on with the next one there is."""
    inbox = new_inbox(tmp_path, segment_bytes=30_000)
    await inbox.open()
    for number in range(120):
        await inbox.put([record(number, size=1000)])
    await inbox.close()
    segments = segment_numbers(tmp_path / "0")
    segment_path(tmp_path / "0", segments[1]).unlink()
    found = numbers(read_all(tmp_path))
    assert found[0] == 0
    assert found[-1] == 119
    assert 0 < len(found) < 120


async def test_a_segment_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    """Downgrading does not throw records away: reading stops with a clear error and the file stays."""
    await fill(tmp_path, 1)
    connection = sqlite3.connect(segment_path(tmp_path / "0", FIRST))
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(InboxCorruptError, match="format 99"):
        read_all(tmp_path)


async def test_leftovers_of_a_crash_while_making_a_segment_are_removed(tmp_path: Path) -> None:
    """A scratch file does not disturb the next start."""
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "000000000007.new").write_bytes(b"half")
    await fill(tmp_path, 1)
    assert segment_numbers(tmp_path / "0") == [FIRST]
    assert not list((tmp_path / "0").glob("*.new*"))


async def test_a_cap_smaller_than_a_segment_does_not_close_the_inbox_for_good(tmp_path: Path) -> None:
    """Segments are at most a quarter of the cap, so that there is always a finished one to remove."""
    inbox = new_inbox(tmp_path, segment_bytes=64 * 1024 * 1024, max_bytes=400_000)
    await inbox.open()
    stored = 0
    while not inbox.is_full:
        await inbox.put([record(stored, size=20_000)])
        stored += 1
        inbox._checked_at = 0.0
    await inbox.collect(segment_numbers(tmp_path / "0")[-1])
    assert inbox.is_full is False
    await inbox.close()
