"""The index process: what it answers, when it tidies, how it ends, and whom it lets in."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from error_manager.analysis.similarity import SparseVector
from error_manager.core.errors import IndexUnavailableError
from error_manager.core.types import PatternId, ProjectId
from error_manager.runtime import index
from error_manager.runtime.index import Desk, listening
from error_manager.storage.memory_vectors import MemoryVectors
from error_manager.storage.qdrant import remote, wire
from error_manager.storage.qdrant.remote import RemoteVectors
from error_manager.storage.vectors import PatternKey, VectorPoint

KEY = PatternKey(ProjectId(1), PatternId(2))
POINT = VectorPoint(key=KEY, vector=SparseVector((1,), (1.0,)))


class Engine(MemoryVectors):
    """The twin, with a count of tidyings; refuses on demand, or takes its time."""

    def __init__(self):
        super().__init__()
        self.tidied = 0
        self.refuses = False
        self.pause_s = 0.0

    async def tidy(self):
        self.tidied += 1
        if self.refuses:
            raise IndexUnavailableError("the disk is full")

    async def count(self):
        await asyncio.sleep(self.pause_s)
        if self.refuses:
            raise IndexUnavailableError("the disk is full")
        return await super().count()


@pytest.fixture
def engine():
    """Return an empty engine."""
    return Engine()


@pytest.fixture
async def way(engine, tmp_path):
    """Return the way to the engine, over a socket."""
    async with listening(tmp_path / "s", Desk(engine)):
        index = RemoteVectors(tmp_path / "s", answer_s=0.2)
        yield index
        await index.close()


async def test_what_the_engine_refuses_is_told(engine, way):
    """A refusal reaches the caller with its reason, and the connection goes on."""
    engine.refuses = True
    with pytest.raises(IndexUnavailableError, match="The index refused: the disk is full"):
        await way.count()
    engine.refuses = False
    assert await way.count() == 0


async def test_a_late_answer_is_not_waited_for(engine, way):
    """After the timeout the caller is told; the late answer is not taken for that of the next question."""
    await way.upsert([POINT])
    engine.pause_s = 0.3
    with pytest.raises(IndexUnavailableError, match=r"did not answer in 0\.2 s"):
        await way.count()
    engine.pause_s = 0.0
    assert await way.keys() == {KEY}


async def test_a_cancelled_question_leaves_no_answer_behind(engine, way):
    """The next question gets its own answer."""
    engine.pause_s = 0.1
    task = asyncio.create_task(way.count())
    await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    engine.pause_s = 0.0
    assert await way.keys() == frozenset()


async def test_nobody_listens(tmp_path):
    """Without a process behind the socket every question raises the error of the index."""
    way = RemoteVectors(tmp_path / "s")
    for ask in (way.count(), way.keys(), way.clear(), way.upsert([POINT]), way.delete([KEY])):
        with pytest.raises(IndexUnavailableError, match="The index is away"):
            await ask
    with pytest.raises(IndexUnavailableError):
        await way.query(POINT.vector, limit=1)


async def test_a_restart_is_not_noticed(engine, tmp_path):
    """A connection of before the restart is replaced by a new one, and the question asked again."""
    way = RemoteVectors(tmp_path / "s")
    async with listening(tmp_path / "s", Desk(engine)):
        await way.upsert([POINT])
    async with listening(tmp_path / "s", Desk(engine)):
        assert await way.keys() == {KEY}
        await way.close()


async def test_a_folder_of_somebody_else_is_not_trusted(engine, way, tmp_path, monkeypatch):
    """The client asks no process that another account could have put there."""
    monkeypatch.setattr(remote.os, "geteuid", lambda: 12_345)
    with pytest.raises(IndexUnavailableError, match="belongs to somebody else"):
        await way.count()


async def test_the_socket_is_ours_alone(engine, way, tmp_path):
    """Only the account may connect."""
    assert (tmp_path / "s").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("sent", [b"\xff\xff\xff\xff", b"\x00\x00\x00\x03abc"])
async def test_what_is_no_request_ends_the_connection(engine, way, tmp_path, sent):
    """A frame that is too long, or no message of ours, ends that connection and no other."""
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / "s"))
    writer.write(sent)
    assert await reader.read() == b""
    writer.close()
    assert await way.count() == 0


@pytest.mark.parametrize("ask", ["count", "keys", "clear"])
async def test_another_answer_is_refused(tmp_path, ask):
    """An answer to another question is an error, not a value."""

    async def serve(reader, writer):
        await wire.read_request(reader)
        writer.write(wire.frame(wire.Found(())))
        writer.close()

    server = await asyncio.start_unix_server(serve, path=str(tmp_path / "s"))
    way = RemoteVectors(tmp_path / "s")
    with pytest.raises(IndexUnavailableError, match="another answer: Found"):
        await getattr(way, ask)()
    await way.close()
    server.close()


async def test_it_tidies_when_nothing_is_asked(engine):
    """Tidying waits for a pause between requests, and goes on after a failure."""
    stop = asyncio.Event()
    desk = Desk(engine, idle_s=0.03)
    engine.refuses = True
    looking = asyncio.create_task(desk.look_after(stop))
    for _ in range(10):
        await desk.answer(wire.AskKeys())
        await asyncio.sleep(0.01)
    assert engine.tidied == 0
    await asyncio.sleep(0.15)
    stop.set()
    await looking
    assert engine.tidied > 1


async def test_it_waits_for_the_folder(engine, tmp_path, monkeypatch):
    """The folder may still be open in the process before this one; at last the reason is raised."""
    monkeypatch.setattr(index, "_OPEN_RETRY_S", 0.001)
    tries = []

    @asynccontextmanager
    async def open_engine(settings):
        tries.append(settings)
        if len(tries) < 3:
            raise IndexUnavailableError("open in another process")
        yield engine

    settings = SimpleNamespace(data_dir=tmp_path)
    stop = asyncio.Event()
    stop.set()
    await index.run(settings, open_engine=open_engine, stop=stop)
    assert len(tries) == 3
    monkeypatch.setattr(index, "_OPEN_TRIES", 1)
    tries.clear()
    with pytest.raises(IndexUnavailableError, match="open in another process"):
        await index.run(settings, open_engine=open_engine, stop=stop)
