"""API keys ``em_<type>_<secret><checksum>``, ingest keys, how both are checked (seed box: Security). Pure.

API keys are shown once and kept as SHA-256; the checksum lets a mistyped or invented key be refused without
asking the database. Ingest keys are public names (32 hex) that can write to one project and read nothing.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from typing import Final

from error_manager.core.errors import AuthenticationError

ADMIN: Final = "adm"
"""Type of a key that may do everything; the only type until roles come."""
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_CHARS: Final = 30  # 178 bits
_CHECKSUM_CHARS: Final = 6  # 62^6 > 2^32
_KEY: Final = re.compile(r"em_[a-z]{3}_([0-9A-Za-z]{30})([0-9A-Za-z]{6})", re.ASCII)
_INGEST_KEY: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
RANDOM_BYTES: Final = 32
"""Random bytes a new API key takes: 256 bits, so that 30 digits in base 62 of them are even to 2^-77."""


def make_api_key(randomness: bytes, *, kind: str = ADMIN) -> str:
    """Return a new key from ``RANDOM_BYTES`` unpredictable bytes."""
    secret = _base62(int.from_bytes(randomness), _SECRET_CHARS)
    return f"em_{kind}_{secret}{_checksum(kind, secret)}"


def hash_api_key(key: str) -> bytes:
    """Return what is stored of a key: its SHA-256 (it has 178 random bits, so no slow hash is needed).

    Raises:
        AuthenticationError: the key is malformed or its checksum wrong.
    """
    match = _KEY.fullmatch(key)
    if match is None or _checksum(key[3:6], match[1]) != match[2]:
        raise AuthenticationError
    return hashlib.sha256(key.encode()).digest()


def make_ingest_key(randomness: bytes) -> str:
    """Return a new ingest key from 16 random bytes."""
    return randomness[:16].hex()


def is_ingest_key(text: str) -> bool:
    """Return whether the text has the form of an ingest key."""
    return _INGEST_KEY.fullmatch(text) is not None


def _checksum(kind: str, secret: str) -> str:
    return _base62(zlib.crc32(f"em_{kind}_{secret}".encode()), _CHECKSUM_CHARS)


def _base62(number: int, digits: int) -> str:
    text = []
    for _ in range(digits):
        number, digit = divmod(number, len(_ALPHABET))
        text.append(_ALPHABET[digit])
    return "".join(reversed(text))
