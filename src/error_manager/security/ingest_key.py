"""Finds the ingest key in what a client sends (seed box: Security, Authentication).

Ingest keys are public, write-only identifiers of 32 hexadecimal digits; the secret that old clients send with
them means nothing. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_plus, urlsplit

KEY: Final = re.compile(r"[0-9a-f]{32}")
_FIELD: Final = re.compile(r"\b(sentry_key|sentry_client)\s*=\s*([^,\s]+)")
_BEARER: Final = re.compile(r"^\s*bearer\s+(\S+)\s*$", re.IGNORECASE)
_QUERY: Final = re.compile(r"(?:^|&)(sentry_key|sentry_client)=([^&]*)")
_MAX_CHARS: Final = 2_048


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a request says of itself; ``key`` and ``sdk`` are "" when it does not."""

    key: str = ""
    sdk: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dsn:
    """The two parts of a DSN that say where an error goes."""

    key: str
    project: str


def read_credentials(*, sentry_auth: str, authorization: str, query: str) -> Credentials:
    """Return key and client name from ``X-Sentry-Auth``, else ``Authorization``, else the query.

    Scheme words and the order of fields differ between clients and versions; only the fields are looked at.
    """
    for header in (sentry_auth[:_MAX_CHARS], authorization[:_MAX_CHARS]):
        found = dict(_FIELD.findall(header))
        if "sentry_key" in found:
            return Credentials(key=found["sentry_key"].lower(), sdk=found.get("sentry_client", ""))
        if bearer := _BEARER.match(header):
            return Credentials(key=bearer[1].lower())
    found = {name: unquote_plus(value) for name, value in _QUERY.findall(query[:_MAX_CHARS])}
    return Credentials(key=found.get("sentry_key", "").lower(), sdk=found.get("sentry_client", ""))


def parse_dsn(text: str) -> Dsn | None:
    """Return key and project of ``scheme://KEY[:SECRET]@HOST[:PORT][/PREFIX]/PROJECT``, or None."""
    try:
        parts = urlsplit(text[:_MAX_CHARS])
    except ValueError:
        return None
    project = parts.path.rstrip("/").rpartition("/")[2]
    if not parts.username or not project:
        return None
    return Dsn(key=parts.username.lower(), project=project)
