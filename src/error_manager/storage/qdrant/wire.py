"""What goes over the socket of the index process: frames of MessagePack (seed box: Qdrant Adapter).

A frame is its length (four bytes, big endian) and a message. One request, one reply, in turn; who gives up on
a reply closes the connection. The form is private to one release: both ends are of the same installation.
"""

from __future__ import annotations

import asyncio
import struct
from pathlib import Path
from typing import Final

import msgspec

from error_manager.storage.socket_folder import socket_folder

MAX_FRAME_BYTES: Final = 64 * 1024 * 1024
_LENGTH: Final = struct.Struct("!I")
_SOCKET_NAME: Final = "index.sock"

Vector = tuple[tuple[int, ...], tuple[float, ...]]


class _Message(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """A request or a reply."""


class Upsert(_Message, frozen=True):
    """Put points: id and vector."""

    points: tuple[tuple[int, Vector], ...]


class Delete(_Message, frozen=True):
    """Remove points by their ids."""

    points: tuple[int, ...]


class Ask(_Message, frozen=True):
    """Look for what shares something with a vector."""

    vector: Vector
    projects: tuple[int, ...]
    limit: int
    exclude: int | None


class AskKeys(_Message, frozen=True):
    """Ask for the ids of all points."""


class AskCount(_Message, frozen=True):
    """Ask for the number of points."""


class Clear(_Message, frozen=True):
    """Remove all points."""


class Done(_Message, frozen=True):
    """It is done, and survives a kill."""


class Found(_Message, frozen=True):
    """Hits: id, score, vector."""

    hits: tuple[tuple[int, float, Vector], ...]


class Keys(_Message, frozen=True):
    """The ids of all points."""

    points: tuple[int, ...]


class Counted(_Message, frozen=True):
    """The number of points."""

    count: int


class Failed(_Message, frozen=True):
    """The engine refused; ``detail`` says why."""

    detail: str


Request = Upsert | Delete | Ask | AskKeys | AskCount | Clear
Reply = Done | Found | Keys | Counted | Failed

_encoder: Final = msgspec.msgpack.Encoder()
_requests: Final[msgspec.msgpack.Decoder[Request]] = msgspec.msgpack.Decoder(Request)
_replies: Final[msgspec.msgpack.Decoder[Reply]] = msgspec.msgpack.Decoder(Reply)


def socket_path(data_dir: Path) -> Path:
    """Return where the index process of a data folder listens."""
    usual = data_dir / "run"
    return socket_folder(data_dir, usual, longest_name=_SOCKET_NAME, suffix="-index") / _SOCKET_NAME


def frame(message: Request | Reply) -> bytes:
    """Return a message with its length in front."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


async def read_request(reader: asyncio.StreamReader) -> Request:
    """Return the next request.

    Raises:
        EOFError: the other end is done.
        ValueError: it is none of ours.
    """
    return _requests.decode(await _read(reader))


async def read_reply(reader: asyncio.StreamReader) -> Reply:
    """Return the next reply; raises as ``read_request``."""
    return _replies.decode(await _read(reader))


async def _read(reader: asyncio.StreamReader) -> bytes:
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    if length > MAX_FRAME_BYTES:
        raise ValueError(f"a frame of {length} bytes")
    return await reader.readexactly(length)
