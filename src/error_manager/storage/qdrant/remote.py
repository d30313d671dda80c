"""The way to the index process, over its socket (seed box: Qdrant Adapter)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from error_manager.analysis.similarity import SparseVector
from error_manager.core.errors import IndexUnavailableError
from error_manager.core.types import ProjectId
from error_manager.storage.qdrant import wire
from error_manager.storage.socket_folder import is_folder_of
from error_manager.storage.vectors import MAX_POINTS, PatternKey, VectorHit, VectorPoint, key_of, point_id

ANSWER_S: Final = 5.0
"""Longest wait for an answer. 100,000 points are asked in 2 ms; while the engine gives back space, 1.4 s at
that size, it gives none."""
_CHANGE_S: Final = 30.0
_CONNECT_S: Final = 1.0


class RemoteVectors:
    """``VectorIndex`` of the process ``index``: one connection, opened when needed, a question at a time."""

    def __init__(self, socket: Path, *, answer_s: float = ANSWER_S) -> None:
        """Keep where it listens.

        Args:
            socket: path of its socket.
            answer_s: longest wait for an answer, in seconds.
        """
        self._socket = socket
        self._answer_s = answer_s
        self._turn = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def upsert(self, points: Sequence[VectorPoint]) -> None:
        """Put or replace points."""
        for start in range(0, len(points), MAX_POINTS):
            part = points[start : start + MAX_POINTS]
            wired = tuple((point_id(point.key), _wired(point.vector)) for point in part)
            await self._change(wire.Upsert(wired))

    async def delete(self, keys: Sequence[PatternKey]) -> None:
        """Remove points; those that are not there are passed over."""
        if keys:
            await self._change(wire.Delete(tuple(map(point_id, keys))))

    async def query(
        self,
        vector: SparseVector,
        *,
        project_ids: tuple[ProjectId, ...] = (),
        limit: int,
        exclude: PatternKey | None = None,
    ) -> tuple[VectorHit, ...]:
        """Return the points that share most with a vector, the best first."""
        unwanted = None if exclude is None else point_id(exclude)
        reply = await self._ask(wire.Ask(_wired(vector), project_ids, limit, unwanted))
        if not isinstance(reply, wire.Found):
            raise _unexpected(reply)
        return tuple(
            VectorHit(key=key_of(point), score=score, vector=SparseVector(*found))
            for point, score, found in reply.hits
        )

    async def keys(self) -> frozenset[PatternKey]:
        """Return every pattern that has a point."""
        reply = await self._ask(wire.AskKeys())
        if not isinstance(reply, wire.Keys):
            raise _unexpected(reply)
        return frozenset(map(key_of, reply.points))

    async def count(self) -> int:
        """Return the number of points."""
        reply = await self._ask(wire.AskCount())
        if not isinstance(reply, wire.Counted):
            raise _unexpected(reply)
        return reply.count

    async def clear(self) -> None:
        """Remove every point."""
        await self._change(wire.Clear())

    async def close(self) -> None:
        """Close the connection; the next question opens another one."""
        async with self._turn:
            self._drop()

    async def _change(self, request: wire.Request) -> None:
        reply = await self._exchange(request, patience_s=_CHANGE_S)
        if not isinstance(reply, wire.Done):
            raise _unexpected(reply)

    async def _ask(self, request: wire.Request) -> wire.Reply:
        return await self._exchange(request, patience_s=self._answer_s)

    async def _exchange(self, request: wire.Request, *, patience_s: float) -> wire.Reply:
        """Send a request and return its reply.

        All requests may be sent twice: a connection of before a restart of the index is only found broken by
        using it, so what fails on an old one is tried again on a new one.

        Raises:
            IndexUnavailableError: nobody listens, it ended, or it did not answer in time.
        """
        async with self._turn:
            is_old = self._streams is not None
            try:
                async with asyncio.timeout(patience_s):
                    try:
                        return await self._once(request)
                    except (OSError, EOFError):
                        self._drop()
                        if not is_old:
                            raise
                        return await self._once(request)
            except TimeoutError as error:
                self._drop()
                raise IndexUnavailableError(f"The index did not answer in {patience_s:g} s.") from error
            except (OSError, EOFError, ValueError) as error:
                self._drop()
                raise IndexUnavailableError(f"The index is away: {error}") from error
            except BaseException:  # cancelled: the reply on its way is for nobody
                self._drop()
                raise

    async def _once(self, request: wire.Request) -> wire.Reply:
        if self._streams is None:
            if not is_folder_of(self._socket.parent, {os.geteuid()}):
                raise PermissionError(f"{self._socket.parent} belongs to somebody else")
            async with asyncio.timeout(_CONNECT_S):
                self._streams = await asyncio.open_unix_connection(str(self._socket))
        reader, writer = self._streams
        writer.write(wire.frame(request))
        await writer.drain()
        return await wire.read_reply(reader)

    def _drop(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def _wired(vector: SparseVector) -> wire.Vector:
    return vector.indices, vector.values


def _unexpected(reply: wire.Reply) -> IndexUnavailableError:
    if isinstance(reply, wire.Failed):
        return IndexUnavailableError(f"The index refused: {reply.detail}")
    return IndexUnavailableError(f"The index gave another answer: {type(reply).__name__}")
