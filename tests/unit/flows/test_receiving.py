"""Reading bodies within their limits."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable

import pytest

from error_manager.core.errors import PayloadTooLargeError, RateLimitedError, SlowRequestError
from error_manager.flows import receiving
from error_manager.flows.receiving import BodyMemory, MemoryShare, ReceiveLimits, read_body

LIMITS = ReceiveLimits(body_bytes=1000, inflated_bytes=5000, item_bytes=1000, body_timeout_s=0.05)


def pieces(*chunks: bytes, pause_s: float = 0.0) -> Callable[[], Awaitable[bytes]]:
    """Return a reader of these chunks."""
    waiting = [*chunks, b""]

    async def read() -> bytes:
        await asyncio.sleep(pause_s)
        return waiting.pop(0)

    return read


async def test_pieces_make_one_body() -> None:
    """Compressed pieces are put together and opened."""
    packed = gzip.compress(b"hello world")
    share = MemoryShare(BodyMemory(100))
    assert (
        await read_body(pieces(packed[:5], packed[5:]), "gzip", limits=LIMITS, share=share) == b"hello world"
    )


async def test_a_silent_client_is_given_up_after_the_deadline() -> None:
    """A body that does not come is a slow one."""
    with pytest.raises(SlowRequestError):
        await read_body(pieces(b"x", pause_s=10), "", limits=LIMITS, share=MemoryShare(BodyMemory(100)))


async def test_a_dripping_client_is_given_up_before_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Below 1 kB/s after the grace the body is refused though bytes keep coming."""
    monkeypatch.setattr(receiving, "_GRACE_S", 0.0)
    limits = ReceiveLimits(body_bytes=1000, inflated_bytes=5000, item_bytes=1000, body_timeout_s=60)
    drip = pieces(*[b"x"] * 50, pause_s=0.005)
    async with asyncio.timeout(1):
        with pytest.raises(SlowRequestError):
            await read_body(drip, "", limits=limits, share=MemoryShare(BodyMemory(1000)))


async def test_the_cap_counts_received_bytes() -> None:
    """One byte over the cap on received bytes is refused."""
    assert (
        len(await read_body(pieces(b"x" * 1000), "", limits=LIMITS, share=MemoryShare(BodyMemory(9999))))
        == 1000
    )
    with pytest.raises(PayloadTooLargeError):
        await read_body(pieces(b"x" * 1000, b"y"), "", limits=LIMITS, share=MemoryShare(BodyMemory(9999)))


async def test_memory_is_given_back_whatever_happens() -> None:
    """After bodies that were read, refused and too much at once, the whole memory is free."""
    memory = BodyMemory(990)
    with memory.share() as share:
        await read_body(pieces(b"x" * 900), "", limits=LIMITS, share=share)
    with pytest.raises(RateLimitedError), memory.share() as share:
        await read_body(pieces(b"x" * 600, b"x" * 399), "", limits=LIMITS, share=share)
    with pytest.raises(PayloadTooLargeError), memory.share() as share:
        await read_body(pieces(b"x" * 900, b"x" * 101), "", limits=LIMITS, share=share)
    assert memory.held_bytes == 0


async def test_memory_is_held_after_the_body_is_read() -> None:
    """A second request is refused as long as the first one is at work on its body."""
    memory = BodyMemory(1000)
    with memory.share() as first:
        await read_body(pieces(b"x" * 900), "", limits=LIMITS, share=first)
        assert memory.held_bytes == 900
        with pytest.raises(RateLimitedError), memory.share() as second:
            await read_body(pieces(b"x" * 101), "", limits=LIMITS, share=second)
    assert memory.held_bytes == 0
