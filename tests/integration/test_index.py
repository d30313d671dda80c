"""The index process for real: killed and started again, with its supervisor gone, one opener, damage."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from error_manager.analysis.similarity import VERSION, SparseVector
from error_manager.core.errors import IndexUnavailableError
from error_manager.core.types import PatternId, ProjectId
from error_manager.runtime.data_folder import open_folder
from error_manager.runtime.program import program
from error_manager.storage.qdrant.edge import EdgeVectors
from error_manager.storage.qdrant.remote import RemoteVectors
from error_manager.storage.qdrant.server import ServerVectors
from error_manager.storage.qdrant.wire import socket_path
from error_manager.storage.vectors import PatternKey, VectorPoint

_START_S = 30.0


def points(start: int, count: int) -> list[VectorPoint]:
    """Return points that share dimension 0 and have one of their own."""
    return [
        VectorPoint(
            key=PatternKey(ProjectId(1), PatternId(number)),
            vector=SparseVector((0, 100_000 + number), (1.0, 1.0)),
        )
        for number in range(start, start + count)
    ]


class Process:
    """The process ``index`` on a folder, with the pipe of its supervisor."""

    def __init__(self, data_dir: Path) -> None:
        reader, self.pipe = os.pipe()
        self.popen = subprocess.Popen(
            [*program("index", ["--data-dir", str(data_dir)]), "--pipe-fd", str(reader)],
            pass_fds=(reader,),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        os.close(reader)

    def end(self, number: signal.Signals) -> int:
        """Send a signal and return the exit code."""
        self.popen.send_signal(number)
        return self.popen.wait(_START_S)

    def close(self) -> None:
        """Leave nothing behind."""
        self.popen.kill()
        self.popen.communicate()
        with contextlib.suppress(OSError):
            os.close(self.pipe)


@pytest.fixture
def data_dir(tmp_path):
    """Return a new data folder."""
    open_folder(tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def start(data_dir):
    """Return what starts the process on the folder; all are ended at the end."""
    started = []

    def go() -> Process:
        started.append(Process(data_dir))
        return started[-1]

    yield go
    for process in started:
        process.close()


@pytest.fixture
async def way(data_dir):
    """Return the way to the process on the folder."""
    index = RemoteVectors(socket_path(data_dir))
    yield index
    await index.close()


async def ready(way: RemoteVectors) -> int:
    """Wait until it answers; return the number of points."""
    end = time.monotonic() + _START_S
    while True:
        try:
            return await way.count()
        except IndexUnavailableError:
            if time.monotonic() > end:
                raise
        await asyncio.sleep(0.05)


async def write_until_away(way: RemoteVectors, start: int, known: set[PatternKey]) -> None:
    """Write, 20 points at a time, until the index is away; note what it acknowledged."""
    while True:
        part = points(start, 20)
        try:
            await way.upsert(part)
        except IndexUnavailableError:
            return
        known |= {point.key for point in part}
        start += 20


async def test_kill_9_loses_nothing_acknowledged(start, way):
    """Killed in the middle of writing, at any time, it has each acknowledged point afterwards."""
    known: set[PatternKey] = set()
    for each in range(4):
        process = start()
        assert await ready(way) >= len(known)
        assert known <= await way.keys()
        asyncio.get_running_loop().call_later(0.05 + 0.1 * each, process.popen.kill)
        await write_until_away(way, each * 1_000_000, known)
        process.popen.wait(_START_S)
    start()
    await ready(way)
    assert known <= await way.keys()
    newest = max(known)
    own = SparseVector((100_000 + newest.pattern_id,), (1.0,))
    assert [hit.key for hit in await way.query(own, limit=1)] == [newest]


@pytest.mark.parametrize("how", ["pipe", "SIGTERM"])
async def test_it_ends_and_keeps_everything(start, way, data_dir, how):
    """The end of its supervisor, or SIGTERM, ends it cleanly: exit code 0, no socket, every point kept."""
    process = start()
    await ready(way)
    await way.upsert(points(1, 50))
    if how == "pipe":
        os.close(process.pipe)
        assert process.popen.wait(_START_S) == 0
    else:
        assert process.end(signal.SIGTERM) == 0
    assert not socket_path(data_dir).exists()
    engine = EdgeVectors.open(data_dir / "qdrant")
    assert await engine.count() == 50
    engine.close()


async def test_a_second_one_is_refused(start, way, data_dir):
    """The folder has one opener: a second engine is told so, and the first goes on."""
    start()
    await ready(way)
    with pytest.raises(IndexUnavailableError, match="open in another process"):
        EdgeVectors.open(data_dir / "qdrant")
    assert await way.count() == 0


async def test_a_damaged_folder_is_set_aside(start, way, data_dir):
    """An index that cannot be read is kept aside and begins anew."""
    folder = data_dir / "qdrant" / f"v{VERSION}"
    folder.mkdir()
    (folder / "edge_config.json").write_text("{")
    start()
    assert await ready(way) == 0
    assert (data_dir / "qdrant" / f"v{VERSION}.damaged" / "edge_config.json").read_text() == "{"


async def test_a_socket_in_a_deep_folder(tmp_path):
    """The socket of a folder with a long path lies in a private temporary folder, and works."""
    deep = tmp_path / ("x" * 120)
    open_folder(deep)
    path = socket_path(deep)
    process = Process(deep)
    way = RemoteVectors(path)
    try:
        assert await ready(way) == 0
        assert len(os.fsencode(path)) <= 100
        assert path.parent.stat().st_mode & 0o777 == 0o700
    finally:
        await way.close()
        process.end(signal.SIGTERM)
        process.close()
        path.parent.rmdir()


async def test_a_qdrant_server_that_is_away_is_named():
    """Every question to a server that nobody serves raises the error of the index."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        index = ServerVectors.connect(f"http://127.0.0.1:{taken.getsockname()[1]}", api_key=None)
        one = points(1, 1)
        for ask in (index.prepare(), index.count(), index.keys(), index.clear(), index.upsert(one)):
            with pytest.raises(IndexUnavailableError, match="The Qdrant server: "):
                await ask
        with pytest.raises(IndexUnavailableError):
            await index.query(one[0].vector, limit=1)
        await index.close()


def test_the_process_of_a_server_that_is_away_asks_to_be_started_again(data_dir):
    """``index-server`` gives up after a while with exit code 75; the supervisor starts it again."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        (data_dir / "config.toml").write_text(f'[index]\nqdrant_url = "{url}"\n')
        done = subprocess.run(
            program("index-server", ["--data-dir", str(data_dir)]),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 75
    assert '"event": "index_unavailable"' in done.stdout + done.stderr
