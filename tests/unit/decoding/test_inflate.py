"""Decompression of request bodies."""

from __future__ import annotations

import base64
import gzip
import random
import zlib
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from tests.nasty import CODINGS

from error_manager.core.errors import (
    MalformedPayloadError,
    PayloadTooLargeError,
    UnsupportedEncodingError,
)
from error_manager.decoding.inflate import Inflater, decode_store_body, inflate

COMPRESSED = ("gzip", "deflate", "br", "zstd")
MEGABYTE = 1_000_000


@given(st.sampled_from(sorted(CODINGS)), st.binary(max_size=3000), st.integers(1, 50), st.integers(1, 40))
def test_bodies_are_read_in_pieces_of_any_size(coding: str, body: bytes, repeats: int, size: int) -> None:
    """What was coded comes back, however the network cuts it."""
    whole = body * repeats
    coded = CODINGS[coding](whole)
    inflater = Inflater(coding, max_bytes=MEGABYTE)
    pieces = [inflater.feed(coded[start : start + size]) for start in range(0, len(coded), size)]
    assert b"".join(pieces) + inflater.finish() == whole


@pytest.mark.parametrize("coding", COMPRESSED)
def test_large_bodies_come_back_whole(coding: str) -> None:
    """Several output steps and input pieces lose nothing."""
    body = random.Random(1).randbytes(700_000) + b"0" * 700_000
    assert inflate(CODINGS[coding](body), coding, max_bytes=2 * MEGABYTE) == body


@pytest.mark.parametrize("coding", [*COMPRESSED, "", "identity"])
def test_the_cap_on_bytes_holds_to_the_byte(coding: str) -> None:
    """A body of exactly the cap passes, one byte more is refused."""
    body = random.Random(2).randbytes(10_000)
    coded = CODINGS[coding](body)
    assert inflate(coded, coding, max_bytes=10_000) == body
    with pytest.raises(PayloadTooLargeError, match="9999 bytes"):
        inflate(coded, coding, max_bytes=9_999)


@pytest.mark.parametrize("coding", COMPRESSED)
def test_bombs_are_refused_by_their_ratio(coding: str) -> None:
    """50 MB of zeros are refused long before the cap on bytes."""
    inflater = Inflater(coding, max_bytes=100 * MEGABYTE)
    with pytest.raises(PayloadTooLargeError, match="200 times"):
        inflater.feed(CODINGS[coding](b"0" * (50 * MEGABYTE)))


@pytest.mark.parametrize("coding", COMPRESSED)
def test_half_a_megabyte_may_shrink_to_nothing(coding: str) -> None:
    """A Python recursion error was recorded at 184:1; below 4 MiB the ratio is free."""
    body = b"x" * 600_000
    assert inflate(CODINGS[coding](body), coding, max_bytes=MEGABYTE) == body


@pytest.mark.parametrize("coding", COMPRESSED)
@pytest.mark.parametrize(
    "spoil",
    [
        lambda coded: coded[:-3],
        lambda coded: coded + b"garbage behind",
        lambda coded: b"not compressed at all",
        lambda coded: random.Random(3).randbytes(1000),
        lambda coded: b"",
    ],
    ids=["cut", "garbage behind", "plain", "random", "empty"],
)
def test_broken_bodies_are_malformed(coding: str, spoil: Callable[[bytes], bytes]) -> None:
    """Cut, random and empty bodies, and bytes behind the end, are refused."""
    coded = spoil(CODINGS[coding](b"hello " * 100))
    with pytest.raises(MalformedPayloadError):
        inflate(coded, coding, max_bytes=MEGABYTE)


def test_corrupt_checksum_of_gzip_is_malformed() -> None:
    """The last bytes of gzip, its checksum and length, are looked at."""
    with pytest.raises(MalformedPayloadError):
        inflate(gzip.compress(b"hello")[:-8] + b"x" * 8, "gzip", max_bytes=MEGABYTE)


def test_members_and_frames_behind_each_other_are_one_body() -> None:
    """Gzip members (RFC 1952) and zstd frames (RFC 8878) may follow each other, in any pieces."""
    coded = gzip.compress(b"a") + gzip.compress(b"b")
    assert inflate(coded, "gzip", max_bytes=10) == b"ab"
    inflater = Inflater("gzip", max_bytes=10)
    assert b"".join(inflater.feed(bytes([byte])) for byte in coded) + inflater.finish() == b"ab"
    assert inflate(zstandard.compress(b"a") + zstandard.compress(b"b"), "zstd", max_bytes=10) == b"ab"


def test_gzip_inside_gzip_is_decoded_once() -> None:
    """A doubly compressed body comes out compressed: one coding only."""
    inner = gzip.compress(b"hello")
    assert inflate(gzip.compress(inner), "gzip", max_bytes=1000) == inner


def test_zstd_windows_over_8_mib_are_refused() -> None:
    """A frame that wants more memory than RFC 9659 lets HTTP senders ask for is malformed."""
    parameters = zstandard.ZstdCompressionParameters(window_log=25)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    coded = compressor.compress(b"x" * 100) + compressor.flush()
    with pytest.raises(MalformedPayloadError):
        inflate(coded, "zstd", max_bytes=1000)


@pytest.mark.parametrize("name", ["gzip", "GZIP", " gzip ", "x-gzip"])
def test_names_of_codings_are_read_leniently(name: str) -> None:
    """Case and blanks do not matter, x-gzip is gzip."""
    assert inflate(gzip.compress(b"a"), name, max_bytes=10) == b"a"


@pytest.mark.parametrize("name", ["lzma", "gzip, gzip", "gzip,br", "*"])
def test_unknown_and_double_codings_are_unsupported(name: str) -> None:
    """Only one known coding is decoded."""
    with pytest.raises(UnsupportedEncodingError):
        Inflater(name, max_bytes=10)


STORE_JSON = b'{"message": "a"}'


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (STORE_JSON, STORE_JSON),
        (b" \r\n" + STORE_JSON, b" \r\n" + STORE_JSON),
        (b"\xef\xbb\xbf" + STORE_JSON, b"\xef\xbb\xbf" + STORE_JSON),
        (zlib.compress(STORE_JSON), STORE_JSON),
        (base64.b64encode(zlib.compress(STORE_JSON)), STORE_JSON),
        (base64.encodebytes(zlib.compress(STORE_JSON * 20)), STORE_JSON * 20),
    ],
    ids=["plain", "blanks", "byte order mark", "zlib", "base64", "base64 in lines"],
)
def test_store_bodies_are_found_out_by_their_first_bytes(raw: bytes, expected: bytes) -> None:
    """Old clients send base64 of zlib without saying so."""
    assert decode_store_body(raw, 1000) == expected


@pytest.mark.parametrize(
    "raw", [b"", b"hello", b"====", base64.b64encode(b"hello"), b"eJ", b"\x78\x9cgarbage"]
)
def test_other_store_bodies_are_malformed(raw: bytes) -> None:
    """What is neither JSON nor zlib is refused."""
    with pytest.raises(MalformedPayloadError):
        decode_store_body(raw, 1000)


@pytest.mark.parametrize("code", [bytes, zlib.compress, lambda raw: base64.b64encode(zlib.compress(raw))])
def test_the_cap_holds_for_each_form_of_a_store_body(code: Callable[[bytes], bytes]) -> None:
    """Plain, zlib and base64 bodies over the cap are too large."""
    with pytest.raises(PayloadTooLargeError):
        decode_store_body(code(b'{"a": "' + b"x" * 2000 + b'"}'), 1000)
