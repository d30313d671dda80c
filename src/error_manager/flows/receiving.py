"""Reads request bodies within limits of size, time and memory (seed box: Error Processing Flow)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from error_manager.core.errors import PayloadTooLargeError, RateLimitedError, SlowRequestError
from error_manager.decoding.inflate import Inflater

_GRACE_S: Final = 5.0
_MIN_BYTES_PER_S: Final = 1_000
_BUSY_RETRY_S: Final = 2

ReadPiece = Callable[[], Awaitable[bytes]]
"""Returns the next piece of a body as it came in, b"" at its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveLimits:
    """What one request may cost: bytes as received and inflated, bytes of one error, seconds for the body."""

    body_bytes: int
    inflated_bytes: int
    item_bytes: int
    body_timeout_s: float


class BodyMemory:
    """The bytes of all requests in memory at once; more is refused: large ones must not end the process."""

    def __init__(self, max_bytes: int) -> None:
        """Allow ``max_bytes`` in sum."""
        self._max_bytes = max_bytes
        self._held_bytes = 0

    @property
    def held_bytes(self) -> int:
        """Return the sum of now."""
        return self._held_bytes

    @contextmanager
    def share(self) -> Iterator[MemoryShare]:
        """Yield what one request holds; it is given back at the end, when the request is answered."""
        share = MemoryShare(self)
        try:
            yield share
        finally:
            self.change(-share.held_bytes)

    def change(self, size_bytes: int) -> None:
        """Add to the sum, or take from it when negative.

        Raises:
            RateLimitedError: there is no room now.
        """
        if size_bytes > 0 and self._held_bytes + size_bytes > self._max_bytes:
            raise RateLimitedError(_BUSY_RETRY_S, scope="organization", reason="busy")
        self._held_bytes += size_bytes


class MemoryShare:
    """The bytes of one request."""

    def __init__(self, memory: BodyMemory) -> None:
        """Begin with nothing."""
        self._memory = memory
        self.held_bytes = 0

    def change(self, size_bytes: int) -> None:
        """Add to the share, or take from it when negative.

        Raises:
            RateLimitedError: there is no room now.
        """
        self._memory.change(size_bytes)
        self.held_bytes += size_bytes


async def read_body(read: ReadPiece, encoding: str, *, limits: ReceiveLimits, share: MemoryShare) -> bytes:
    """Return the whole body, decompressed; the caller's share holds it.

    Raises:
        SlowRequestError: it took longer than the limit, or came slower than 1 kB/s after the first seconds.
        PayloadTooLargeError: it is over a cap.
        MalformedPayloadError: it cannot be decompressed, or the client went away.
        UnsupportedEncodingError: the coding is unknown.
        RateLimitedError: too much is being read at once.
    """
    inflater = Inflater(encoding, max_bytes=limits.inflated_bytes)
    pace = _Pace(limits)
    pieces: list[bytes] = []
    try:
        async with asyncio.timeout(limits.body_timeout_s):
            while chunk := await read():
                pace.check(len(chunk))
                piece = inflater.feed(chunk)
                share.change(len(piece))
                pieces.append(piece)
        inflater.finish()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)
    except TimeoutError as error:
        raise SlowRequestError from error


class _Pace:
    """How much of a body came in how much time."""

    def __init__(self, limits: ReceiveLimits) -> None:
        self._max_bytes = limits.body_bytes
        self._time = asyncio.get_running_loop().time
        self._started = self._time()
        self._received = 0

    def check(self, size_bytes: int) -> None:
        """Count a piece; refuse what is too large or too slow."""
        self._received += size_bytes
        if self._received > self._max_bytes:
            raise PayloadTooLargeError(f"The body has more than {self._max_bytes} bytes.")
        elapsed = self._time() - self._started
        if elapsed > _GRACE_S and self._received < elapsed * _MIN_BYTES_PER_S:
            raise SlowRequestError
