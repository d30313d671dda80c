"""Streaming decompression of request bodies with caps on bytes and ratio (seed box: Error Processing Flow).

A body of a few hundred bytes can stand for gigabytes (brotli 1.3 million to 1), so no step produces more than
a few MiB before the caps are checked again.
"""

from __future__ import annotations

import binascii
from typing import Final, Protocol

import brotli
import zstandard
from isal import isal_zlib

from error_manager.core.errors import (
    MalformedPayloadError,
    PayloadTooLargeError,
    UnsupportedEncodingError,
)

_STEP_BYTES: Final = 262_144
_FEED_BYTES: Final = 65_536  # unread input is copied at each step: small pieces keep that linear
# zstd has no output limit per call; 4 bytes yield at most a block of 128 KiB (RFC 8878): 128 bytes, 4 MiB.
_ZSTD_STEP_BYTES: Final = 128
_ZSTD_WINDOW_BYTES: Final = 8 * 1024 * 1024  # what RFC 9659 lets an HTTP sender use
# A Python recursion error was recorded at 184:1 with 0.5 MB; from 4 MiB on, more than 200:1 is a bomb.
_RATIO_FREE_BYTES: Final = 4 * 1024 * 1024
_MAX_RATIO: Final = 200
_GZIP_BITS: Final = 31
_ZLIB_BITS: Final = 15
_RAW_BITS: Final = -15
_GZIP_MAGIC: Final = b"\x1f\x8b"
# The stubs of isal declare its exception class as an instance.
_CODING_ERRORS: Final[tuple[type[Exception], ...]] = (
    brotli.error,
    isal_zlib.IsalError,  # type: ignore[assignment]  # see above
    zstandard.ZstdError,
)
_STORE_ERROR: Final = "The body is neither JSON nor base64 or zlib of JSON."


class _Coding(Protocol):
    """One content coding: ``step`` yields the next piece of output, b"" when it needs more input."""

    def give(self, chunk: bytes) -> None: ...

    def step(self) -> bytes: ...

    @property
    def is_complete(self) -> bool: ...


class Inflater:
    """Decodes one body piece by piece.

    Args:
        encoding: value of ``Content-Encoding``; "" and ``identity`` pass bytes on.
        max_bytes: cap on the decoded bytes of the whole body.

    Raises:
        UnsupportedEncodingError: the coding is unknown, or there is more than one.
    """

    def __init__(self, encoding: str, *, max_bytes: int) -> None:
        self._coding = _coding(encoding.strip().lower())
        self._max_bytes = max_bytes
        self._taken_bytes = 0
        self._given_bytes = 0

    def feed(self, chunk: bytes) -> bytes:
        """Return what this piece of the body decodes to (possibly nothing yet).

        Raises:
            PayloadTooLargeError: the cap on bytes or on the ratio is passed.
            MalformedPayloadError: the bytes are not of this coding, or go on behind its end.
        """
        pieces: list[bytes] = []
        try:
            for start in range(0, len(chunk), _FEED_BYTES):
                self._feed(chunk[start : start + _FEED_BYTES], pieces)
        except _CODING_ERRORS as error:
            raise MalformedPayloadError(f"The body cannot be decompressed: {error}") from error
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _feed(self, chunk: bytes, pieces: list[bytes]) -> None:
        self._taken_bytes += len(chunk)
        self._coding.give(chunk)
        while piece := self._coding.step():
            self._given_bytes += len(piece)
            self._check_caps()
            pieces.append(piece)

    def finish(self) -> bytes:
        """Return b"" when the body was complete.

        Raises:
            MalformedPayloadError: the body ended too early.
        """
        if not self._coding.is_complete:
            raise MalformedPayloadError("The compressed body ends too early.")
        return b""

    def _check_caps(self) -> None:
        if self._given_bytes > self._max_bytes:
            raise PayloadTooLargeError(f"The body has more than {self._max_bytes} bytes when decompressed.")
        if self._given_bytes > max(_RATIO_FREE_BYTES, _MAX_RATIO * self._taken_bytes):
            raise PayloadTooLargeError(f"The body grows more than {_MAX_RATIO} times when decompressed.")


def inflate(raw: bytes, encoding: str, *, max_bytes: int) -> bytes:
    """Return a whole body decoded.

    Raises:
        PayloadTooLargeError: it is over the cap.
        MalformedPayloadError: it cannot be decoded.
        UnsupportedEncodingError: the coding is unknown.
    """
    inflater = Inflater(encoding, max_bytes=max_bytes)
    return inflater.feed(raw) + inflater.finish()


def decode_store_body(raw: bytes, max_bytes: int) -> bytes:
    """Return the JSON inside the body of ``/store/``: plain, zlib, or base64 of zlib without any header.

    Raises:
        PayloadTooLargeError: it is over the cap.
        MalformedPayloadError: it is none of these.

    Source:
        Recorded from raven-node, raven-ruby and raven-go (large events).
    """
    start = raw[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start in {b"{", b"["}:
        if len(raw) > max_bytes:
            raise PayloadTooLargeError(f"The body has more than {max_bytes} bytes.")
        return raw
    if _is_zlib(raw):
        return inflate(raw, "deflate", max_bytes=max_bytes)
    try:
        decoded = binascii.a2b_base64(raw)
    except binascii.Error as error:
        raise MalformedPayloadError(_STORE_ERROR) from error
    if not _is_zlib(decoded):
        raise MalformedPayloadError(_STORE_ERROR)
    return inflate(decoded, "deflate", max_bytes=max_bytes)


def _coding(name: str) -> _Coding:
    match name:
        case "" | "identity":
            return _Identity()
        case "gzip" | "x-gzip":
            return _Gzip()
        case "deflate":
            return _Deflate()
        case "br":
            return _Brotli()
        case "zstd":
            return _Zstd()
        case _:
            raise UnsupportedEncodingError


def _is_zlib(start: bytes) -> bool:
    """Return whether two bytes are a zlib header (RFC 1950: method 8, checksum divisible by 31)."""
    return len(start) >= 2 and start[0] & 0x0F == 8 and (start[0] << 8 | start[1]) % 31 == 0


def _unread(stream: isal_zlib.Decompress) -> bytes:
    return stream.unused_data if stream.eof else stream.unconsumed_tail


class _Identity:
    def __init__(self) -> None:
        self._waiting = b""
        self.is_complete = True

    def give(self, chunk: bytes) -> None:
        self._waiting = chunk

    def step(self) -> bytes:
        chunk, self._waiting = self._waiting, b""
        return chunk


class _Gzip:
    """gzip, also of several members one behind the other (RFC 1952)."""

    def __init__(self) -> None:
        self._stream = isal_zlib.decompressobj(wbits=_GZIP_BITS)
        self._waiting = b""

    @property
    def is_complete(self) -> bool:
        return bool(self._stream.eof) and not self._waiting

    def give(self, chunk: bytes) -> None:
        self._waiting += chunk

    def step(self) -> bytes:
        while not self._stream.eof or self._next_member():
            piece: bytes = self._stream.decompress(self._waiting, _STEP_BYTES)
            self._waiting = _unread(self._stream)
            if piece or not self._stream.eof:
                return piece
        return b""

    def _next_member(self) -> bool:
        """Start the next member; False when its first two bytes are not there yet."""
        if len(self._waiting) < len(_GZIP_MAGIC) and _GZIP_MAGIC.startswith(self._waiting):
            return False
        if not self._waiting.startswith(_GZIP_MAGIC):
            raise MalformedPayloadError("Bytes follow the end of the compressed body.")
        self._stream = isal_zlib.decompressobj(wbits=_GZIP_BITS)
        return True


class _Deflate:
    """zlib (what the standard means by deflate) or raw deflate (what some send)."""

    def __init__(self) -> None:
        self._stream: isal_zlib.Decompress | None = None
        self._waiting = b""

    @property
    def is_complete(self) -> bool:
        return self._stream is not None and bool(self._stream.eof)

    def give(self, chunk: bytes) -> None:
        self._waiting += chunk

    def step(self) -> bytes:
        if self._stream is None:
            if len(self._waiting) < 2:
                return b""
            bits = _ZLIB_BITS if _is_zlib(self._waiting) else _RAW_BITS
            self._stream = isal_zlib.decompressobj(wbits=bits)
        if self._stream.eof:
            if self._waiting:
                raise MalformedPayloadError("Bytes follow the end of the compressed body.")
            return b""
        piece: bytes = self._stream.decompress(self._waiting, _STEP_BYTES)
        self._waiting = _unread(self._stream)
        return piece


class _Brotli:
    def __init__(self) -> None:
        self._stream = brotli.Decompressor()
        self._waiting = b""

    @property
    def is_complete(self) -> bool:
        return bool(self._stream.is_finished()) and not self._waiting

    def give(self, chunk: bytes) -> None:
        self._waiting += chunk

    def step(self) -> bytes:
        if self._stream.is_finished():
            if self._waiting:
                raise MalformedPayloadError("Bytes follow the end of the compressed body.")
            return b""
        waiting = b""
        if self._stream.can_accept_more_data():  # else it holds unread input and must be drained first
            waiting, self._waiting = self._waiting, b""
        piece: bytes = self._stream.process(waiting, output_buffer_limit=_STEP_BYTES)
        return piece


class _Zstd:
    """zstd, also of several frames one behind the other (RFC 8878)."""

    def __init__(self) -> None:
        self._stream = self._new_frame()
        self._waiting = b""
        self._next = 0
        self._is_started = False

    @staticmethod
    def _new_frame() -> zstandard.ZstdDecompressionObj:
        return zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES).decompressobj()

    @property
    def is_complete(self) -> bool:
        return self._is_started and self._stream.eof

    def give(self, chunk: bytes) -> None:
        self._waiting = chunk
        self._next = 0
        self._is_started = True

    def step(self) -> bytes:
        while self._next < len(self._waiting):
            if self._stream.eof:
                self._stream = self._new_frame()
            end = min(self._next + _ZSTD_STEP_BYTES, len(self._waiting))
            piece = self._stream.decompress(self._waiting[self._next : end])
            self._next = end - len(self._stream.unused_data)
            if piece:
                return piece
        return b""
