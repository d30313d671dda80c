"""Login links and sessions: tokens, how they are kept, how long they live (seed box: Security). Pure."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime, timedelta
from typing import Final

from error_manager.core.errors import AuthenticationError

LINK_LIFETIME: Final = timedelta(minutes=15)
SESSION_LIFETIME: Final = timedelta(days=30)
"""After this a person signs in again, whatever they did meanwhile."""
IDLE_LIFETIME: Final = timedelta(days=7)
"""After this without a request a session is over. OWASP names 30 minutes for banks; this is mostly a
developer's own machine, bound to 127.0.0.1 unless told otherwise, and signing in again takes a terminal."""
TOKEN_BYTES: Final = 32
_TOKEN: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_COOKIE: Final = "error_manager_session"


def make_token(randomness: bytes) -> str:
    """Return a token (login link or session id) from ``TOKEN_BYTES`` unpredictable bytes."""
    return randomness[:TOKEN_BYTES].hex()


def hash_token(token: str) -> bytes:
    """Return what is stored of a token: its SHA-256.

    Raises:
        AuthenticationError: this is no token.
    """
    if _TOKEN.fullmatch(token) is None:
        raise AuthenticationError
    return hashlib.sha256(token.encode()).digest()


def cookie_name(*, is_tls: bool) -> str:
    """Return the name of the session cookie; over TLS ``__Host-`` ties it to this host and path."""
    return f"__Host-{_COOKIE}" if is_tls else _COOKIE


def is_alive(*, created_at: datetime, seen_at: datetime, expires_at: datetime, now: datetime) -> bool:
    """Return whether a session may still be used."""
    return now < min(expires_at, created_at + SESSION_LIFETIME, seen_at + IDLE_LIFETIME)
