"""API keys carry a checksum and are kept hashed."""

from __future__ import annotations

import hashlib
import re

import pytest

from error_manager.core.errors import AuthenticationError
from error_manager.security.api_keys import hash_api_key, is_ingest_key, make_api_key, make_ingest_key


def test_key_has_the_documented_form() -> None:
    """em_<type>_ + 30 base62 + 6 base62."""
    key = make_api_key(bytes(range(32)))
    assert re.fullmatch(r"em_adm_[0-9A-Za-z]{36}", key)
    assert hash_api_key(key) == hashlib.sha256(key.encode()).digest()


def test_different_randomness_gives_different_keys() -> None:
    """The secret is made of the random bytes."""
    assert make_api_key(b"\x01" * 32) != make_api_key(b"\x02" * 32)


def test_every_single_typo_is_refused() -> None:
    """CRC32 finds any change of one character, without asking a database."""
    key = make_api_key(bytes(range(32)))
    for place in range(len(key)):
        typo = "x" if key[place] != "x" else "y"
        with pytest.raises(AuthenticationError):
            hash_api_key(key[:place] + typo + key[place + 1 :])


@pytest.mark.parametrize(
    "text", ["", "em_adm_", "a" * 32, "em_adm_" + "0" * 36, "em_adm_é" * 5, "x" * 10_000]
)
def test_other_texts_are_refused(text: str) -> None:
    """Malformed keys are no keys."""
    with pytest.raises(AuthenticationError):
        hash_api_key(text)


def test_ingest_keys_are_32_hexadecimal_digits() -> None:
    """As Sentry SDKs demand of a DSN."""
    assert is_ingest_key(make_ingest_key(bytes(range(16))))
    assert not is_ingest_key("A" * 32)
    assert not is_ingest_key("a" * 31)
