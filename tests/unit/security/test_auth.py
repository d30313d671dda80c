"""Bearer headers and where a request comes from."""

from __future__ import annotations

import pytest

from error_manager.core.errors import AuthenticationError, AuthorizationError
from error_manager.security.auth import Caller, bearer, check_json, check_same_origin


def test_bearer_reads_the_key() -> None:
    """The scheme's case does not matter; no header is no key."""
    assert bearer("bearer  abc ") == "abc"
    assert bearer("") == ""


@pytest.mark.parametrize("header", ["Basic abc", "Bearer", "Bearer  ", "abc"])
def test_other_schemes_are_refused(header: str) -> None:
    """With the header to use in the message."""
    with pytest.raises(AuthenticationError, match="Bearer"):
        bearer(header)


@pytest.mark.parametrize(
    ("method", "fetch_site", "origin", "is_own"),
    [
        ("GET", "cross-site", "", True),
        ("POST", "same-origin", "", True),
        ("POST", "same-site", "http://h:1", False),
        ("POST", "cross-site", "http://h:1", False),
        ("POST", "", "http://h:1", True),
        ("POST", "", "http://evil:1", False),
        ("POST", "", "null", False),
        ("POST", "", "", False),
        ("DELETE", "", "http://h:1.evil", False),
    ],
)
def test_changes_must_come_from_our_own_pages(
    method: str, fetch_site: str, origin: str, is_own: bool
) -> None:
    """Fetch metadata decides; without it the origin must be the host."""
    if is_own:
        check_same_origin(method=method, fetch_site=fetch_site, origin=origin, host="h:1")
        return
    with pytest.raises(AuthorizationError):
        check_same_origin(method=method, fetch_site=fetch_site, origin=origin, host="h:1")


@pytest.mark.parametrize("form", ["text/plain", "application/x-www-form-urlencoded; charset=utf-8"])
def test_forms_are_no_json(form: str) -> None:
    """A page elsewhere can post those without a preflight."""
    with pytest.raises(AuthorizationError):
        check_json(form)
    check_json("application/json")


def test_a_key_is_no_browser() -> None:
    """Only cookies are sent by a browser on its own."""
    assert Caller(person_id=1).is_browser
    assert not Caller(person_id=1, key_id=2).is_browser
