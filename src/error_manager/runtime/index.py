"""The index process: the one opener of the index of pattern vectors (seed box: Qdrant Adapter).

Serves the ``VectorIndex`` protocol on a socket below the data folder, one request after the other: each takes
about a millisecond of the engine, which lets no other thread run meanwhile. Changes go to the disk, and space
is given back, when nothing was asked for a while.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final, Protocol, assert_never

import structlog

from error_manager.analysis.similarity import SparseVector
from error_manager.core.errors import IndexUnavailableError
from error_manager.core.types import ProjectId
from error_manager.runtime.process import run_until_told
from error_manager.runtime.settings import Settings
from error_manager.storage.qdrant import wire
from error_manager.storage.socket_folder import make_socket_folder
from error_manager.storage.vectors import VectorIndex, VectorPoint, key_of, point_id

_IDLE_S: Final = 2.0
"""Nothing was asked for so long: time for the disk."""
_OPEN_RETRY_S: Final = 0.2
_OPEN_TRIES: Final = 25
"""The process before this one may still be closing the folder."""
_log = structlog.get_logger()


class Engine(VectorIndex, Protocol):
    """An index that can be looked after."""

    async def tidy(self) -> None:
        """Do what is for idle times."""
        ...


Open = Callable[[Settings], AbstractAsyncContextManager[Engine]]


def main(settings: Settings, *, open_engine: Open, pipe_fd: int | None) -> int:
    """Serve until told to stop or the supervisor is gone; return the exit code."""
    return run_until_told(lambda stop: run(settings, open_engine=open_engine, stop=stop), pipe_fd=pipe_fd)


async def run(settings: Settings, *, open_engine: Open, stop: asyncio.Event) -> None:
    """Serve until ``stop`` is set; the request at hand is answered first.

    Raises:
        IndexUnavailableError: the engine cannot be opened.
        DataFolderError: the folder of the socket belongs to somebody else.
    """
    async with AsyncExitStack() as stack:
        engine = await _open(stack, settings, open_engine)
        desk = Desk(engine)
        async with listening(wire.socket_path(settings.data_dir), desk):
            _log.info("index_opened", points=await engine.count())
            await desk.look_after(stop)


async def _open(stack: AsyncExitStack, settings: Settings, open_engine: Open) -> Engine:
    for _ in range(_OPEN_TRIES):
        try:
            return await stack.enter_async_context(open_engine(settings))
        except IndexUnavailableError as error:
            _log.info("index_not_open_yet", detail=str(error))
        await asyncio.sleep(_OPEN_RETRY_S)
    return await stack.enter_async_context(open_engine(settings))


@asynccontextmanager
async def listening(path: Path, desk: Desk) -> AsyncIterator[None]:
    """Listen on a socket that only this account may use, until left."""
    make_socket_folder(path.parent, owners={os.geteuid()})
    _remove(path)  # of a process before: the engine is open here, so that one is gone
    before = os.umask(0o177)
    try:
        server = await asyncio.start_unix_server(desk.serve, path=str(path))
    finally:
        os.umask(before)
    try:
        yield
    finally:
        server.close()
        _remove(path)
        await desk.close()


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


class Desk:
    """Answers requests, and knows when there is nothing to do."""

    def __init__(self, engine: Engine, *, idle_s: float = _IDLE_S) -> None:
        """Keep the engine; ``idle_s`` without a request is time to tidy."""
        self._engine = engine
        self._idle_s = idle_s
        self._asked = asyncio.Event()
        self._turn = asyncio.Lock()
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection until its end."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # a callback of a server is a task
        self._connections[task] = writer
        try:
            while True:
                request = await wire.read_request(reader)
                writer.write(wire.frame(await self.answer(request)))
                await writer.drain()
        except (EOFError, OSError):
            return  # the other end is done
        except ValueError as error:
            _log.warning("index_request_unreadable", detail=str(error))
        finally:
            del self._connections[task]
            writer.close()

    async def answer(self, request: wire.Request) -> wire.Reply:
        """Return the reply to a request."""
        async with self._turn:
            self._asked.set()
            try:
                return await _answered(self._engine, request)
            except IndexUnavailableError as error:
                _log.warning("index_refused", detail=str(error))
                return wire.Failed(str(error))

    async def look_after(self, stop: asyncio.Event) -> None:
        """Tidy whenever nothing was asked for a while, until ``stop`` is set."""
        while not stop.is_set():
            self._asked.clear()
            if await _within(stop.wait, self._idle_s) or self._asked.is_set():
                continue
            async with self._turn:
                try:
                    await self._engine.tidy()
                except IndexUnavailableError as error:  # tried again at the next rest
                    _log.warning("index_not_tidied", detail=str(error))

    async def close(self) -> None:
        """Let the request at hand be answered, then end every connection."""
        async with self._turn:
            for writer in self._connections.values():
                writer.close()
        await asyncio.gather(*self._connections)


async def _within(wait: Callable[[], Awaitable[object]], seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await wait()
    except TimeoutError:
        return False
    return True


async def _answered(engine: Engine, request: wire.Request) -> wire.Reply:
    match request:
        case wire.Upsert(points=points):
            await engine.upsert(
                [VectorPoint(key=key_of(number), vector=SparseVector(*vector)) for number, vector in points]
            )
        case wire.Delete(points=numbers):
            await engine.delete([key_of(number) for number in numbers])
        case wire.Ask(vector=vector, projects=projects, limit=limit, exclude=exclude):
            hits = await engine.query(
                SparseVector(*vector),
                project_ids=tuple(map(ProjectId, projects)),
                limit=limit,
                exclude=None if exclude is None else key_of(exclude),
            )
            return wire.Found(
                tuple((point_id(hit.key), hit.score, (hit.vector.indices, hit.vector.values)) for hit in hits)
            )
        case wire.AskKeys():
            return wire.Keys(tuple(sorted(map(point_id, await engine.keys()))))
        case wire.AskCount():
            return wire.Counted(await engine.count())
        case wire.Clear():
            await engine.clear()
        case _:
            assert_never(request)
    return wire.Done()
