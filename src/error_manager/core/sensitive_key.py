"""Which names of fields, headers, cookies and variables hold secrets (seed box: PII)."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import Final

_WORDS: Final = frozenset(
    [
        "password",
        "passwd",
        "passwort",
        "pwd",
        "pass",
        "passphrase",
        "passcode",
        "secret",
        "secrets",
        "token",
        "authorization",
        "cookie",
        "cookies",
        "credential",
        "credentials",
        "creds",
        "session",
        "sessionid",
        "sessid",
        "csrf",
        "xsrf",
        "csrftoken",
        "xsrftoken",
        "csrfmiddlewaretoken",
        "apikey",
        "authtoken",
        "accesstoken",
        "refreshtoken",
        "secretkey",
        "privatekey",
        "accesskey",
        "jwt",
        "bearer",
        "otp",
        "pin",
        "cvv",
        "cvc",
        "ssn",
        "sid",
        "jsessionid",
        "phpsessid",
        "signature",
        "clientsecret",
        "dsn",
        "connectionstring",
        "idtoken",
        "authkey",
        "apitoken",
        "mfa",
        "totp",
        "htpasswd",
    ]
)
_PAIRS: Final = frozenset(
    {
        ("api", "key"),
        ("access", "key"),
        ("secret", "key"),
        ("private", "key"),
        ("auth", "key"),
        ("encryption", "key"),
        ("signing", "key"),
        ("master", "key"),
        ("session", "id"),
        ("session", "key"),
        ("connection", "string"),
        ("card", "number"),
        ("pass", "word"),
        ("set", "cookie"),
    }
)
_HARMLESS_LAST: Final = frozenset(
    [
        "count",
        "counts",
        "length",
        "len",
        "size",
        "type",
        "types",
        "expires",
        "expiry",
        "expired",
        "expiration",
        "ttl",
        "age",
        "name",
        "names",
        "field",
        "fields",
        "policy",
        "url",
        "uri",
        "path",
        "limit",
        "limits",
        "max",
        "min",
        "hint",
        "required",
        "valid",
        "invalid",
        "enabled",
        "disabled",
        "used",
        "timeout",
        "duration",
        "error",
        "errors",
        "strength",
        "algorithm",
        "attempts",
        "reset",
        "changed",
        "updated",
        "created",
        "at",
        "domain",
    ]
)
_HARMLESS: Final = frozenset({"dsn", "pin", "sid", "pass", "signature", "bearer"})
"""Words that are secrets only when they are the whole name (``sid``), not part of one (``pass_rate``)."""


def _words(key: str) -> list[str]:
    spaced = ""
    was_lower = False
    for sign in key[-120:]:
        if sign.isupper() and was_lower:
            spaced += " "
        spaced += sign if sign.isalnum() else " "
        was_lower = sign.islower() or sign.isdigit()
    return spaced.lower().split()


@lru_cache(maxsize=4_096)
def is_sensitive_key(key: str) -> bool:
    """Return whether the value under this name is a secret, by the words of the name.

    ``db_password``, ``X-CSRFToken``, ``accessKey`` and ``Authorization`` are; ``tokenizer``, ``token_count``,
    ``primary_key`` and ``author`` are not.
    """
    words = _words(key)
    if not words or words[-1] in _HARMLESS_LAST:
        return False
    joined = "".join(words)
    if joined in _WORDS:
        return True
    if any(word in _WORDS and word not in _HARMLESS for word in words):
        return True
    return any(pair in _PAIRS for pair in pairwise(words))
