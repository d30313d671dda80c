"""Who is asking, and whether the request comes from our own pages (seed box: Authentication). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from error_manager.core.errors import AuthenticationError, AuthorizationError

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITES: Final = frozenset({"same-origin", "none"})  # "none": typed into the address bar
_FORM_TYPES: Final = frozenset({"text/plain", "multipart/form-data", "application/x-www-form-urlencoded"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks: a person by session cookie (``key_id`` None), or a key. Named in the access log."""

    person_id: int
    key_id: int | None = None

    @property
    def is_browser(self) -> bool:
        """Return whether a browser added the credentials by itself: a foreign page could have asked."""
        return self.key_id is None


def bearer(authorization: str) -> str:
    """Return the key of an ``Authorization: Bearer`` header, "" when there is none.

    Raises:
        AuthenticationError: the header is of another kind.
    """
    if not authorization:
        return ""
    scheme, _, key = authorization.strip().partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        message = "Use the header Authorization: Bearer em_adm_..."
        raise AuthenticationError(message)
    return key.strip()


def check_same_origin(*, method: str, fetch_site: str, origin: str, host: str) -> None:
    """Refuse a request that changes something and was made by a foreign page in a signed-in browser.

    Args:
        method: HTTP method.
        fetch_site: header ``Sec-Fetch-Site``, "" when the browser sent none.
        origin: header ``Origin``, "" when there is none.
        host: header ``Host``.

    Raises:
        AuthorizationError: the request comes from elsewhere, or does not say from where.

    Source:
        OWASP CSRF prevention cheat sheet, "Fetch Metadata" with "Verifying Origin" as the fallback.
    """
    if method in _SAFE_METHODS:
        return
    is_ours = bool(origin) and urlsplit(origin).netloc == host
    is_own = fetch_site in _OWN_SITES if fetch_site else is_ours
    if not is_own:
        message = "This request did not come from a page of Error Manager."
        raise AuthorizationError(message)


def check_json(content_type: str) -> None:
    """Refuse bodies that any web page can send without asking (plain forms) where JSON is expected.

    Raises:
        AuthorizationError: the body is a form.
    """
    if content_type.partition(";")[0].strip().lower() in _FORM_TYPES:
        message = "Send JSON with the header Content-Type: application/json."
        raise AuthorizationError(message)
