"""Tokens of login links and sessions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from error_manager.core.errors import AuthenticationError
from error_manager.security.sessions import (
    IDLE_LIFETIME,
    SESSION_LIFETIME,
    cookie_name,
    hash_token,
    is_alive,
    make_token,
)

NOW = datetime(2026, 1, 31, tzinfo=UTC)


def test_token_is_256_bits_and_kept_hashed() -> None:
    """64 hexadecimal digits; the hash is not the token."""
    token = make_token(bytes(32))
    assert len(token) == 64
    assert hash_token(token) != bytes.fromhex(token)


@pytest.mark.parametrize("text", ["", "a" * 63, "G" * 64, "a" * 65])
def test_other_texts_are_no_tokens(text: str) -> None:
    """They are refused without asking the database."""
    with pytest.raises(AuthenticationError):
        hash_token(text)


def test_cookie_is_bound_to_the_host_over_tls() -> None:
    """The __Host- prefix needs Secure, so plain HTTP cannot have it."""
    assert cookie_name(is_tls=True).startswith("__Host-")
    assert not cookie_name(is_tls=False).startswith("__Host-")


@pytest.mark.parametrize(
    ("created_ago", "seen_ago", "expected"),
    [
        (timedelta(0), timedelta(0), True),
        (timedelta(days=8), IDLE_LIFETIME - timedelta(seconds=1), True),
        (timedelta(days=8), IDLE_LIFETIME, False),
        (SESSION_LIFETIME, timedelta(0), False),
    ],
)
def test_session_ends_when_idle_or_old(created_ago: timedelta, seen_ago: timedelta, expected: bool) -> None:
    """Seven days without a request, or thirty days in all."""
    created = NOW - created_ago
    alive = is_alive(
        created_at=created, seen_at=NOW - seen_ago, expires_at=created + timedelta(days=99), now=NOW
    )
    assert alive is expected


def test_session_ends_when_its_row_says_so() -> None:
    """The stored end counts even when it is earlier than the usual one."""
    assert not is_alive(created_at=NOW, seen_at=NOW, expires_at=NOW, now=NOW)
