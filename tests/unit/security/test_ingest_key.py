"""Where clients put the key."""

from __future__ import annotations

import pytest

from error_manager.security.ingest_key import Credentials, Dsn, parse_dsn, read_credentials

KEY = "a" * 32


@pytest.mark.parametrize(
    ("sentry_auth", "authorization", "query"),
    [
        (f"Sentry sentry_key={KEY}, sentry_version=7, sentry_client=x/1", "", ""),
        (f"sentry sentry_version=7,sentry_client=x/1,sentry_key={KEY}", "", ""),
        (
            f"Sentry sentry_timestamp=1, sentry_key={KEY.upper()}, sentry_secret=b, sentry_client=x/1",
            "",
            "",
        ),
        ("", f"Sentry sentry_key={KEY}, sentry_client=x/1", ""),
        ("", "", f"sentry_version=7&sentry_key={KEY}&sentry_client=x%2F1"),
    ],
)
def test_the_key_is_found_in_every_place(sentry_auth: str, authorization: str, query: str) -> None:
    """Header, other header and query, in any order and case, give key and client."""
    found = read_credentials(sentry_auth=sentry_auth, authorization=authorization, query=query)
    assert found == Credentials(key=KEY, sdk="x/1")


@pytest.mark.parametrize("header", [f"Bearer {KEY}", f"bearer  {KEY} "])
def test_a_bearer_token_is_a_key(header: str) -> None:
    """Simple callers send the key as Bearer token."""
    assert read_credentials(sentry_auth="", authorization=header, query="").key == KEY


def test_the_header_wins_over_the_query() -> None:
    """With a key in both places the header's counts."""
    found = read_credentials(
        sentry_auth=f"Sentry sentry_key={KEY}", authorization="", query=f"sentry_key={'b' * 32}"
    )
    assert found.key == KEY


@pytest.mark.parametrize("header", ["", "Basic abc", "Sentry", "sentry_secret=x", "\x00" * 5000])
def test_no_key_is_no_key(header: str) -> None:
    """Without a key the result is empty, whatever else the header says."""
    assert read_credentials(sentry_auth=header, authorization=header, query="a=b").key == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"https://{KEY}@host/42", Dsn(key=KEY, project="42")),
        (f"http://{KEY}:secret@host:8000/prefix/deep/7/", Dsn(key=KEY, project="7")),
        ("https://host/42", None),
        (f"https://{KEY}@host", None),
        (f"https://{KEY}@host/", None),
        ("http://[::1", None),
        ("", None),
    ],
)
def test_a_dsn_says_key_and_project(text: str, expected: Dsn | None) -> None:
    """Secrets and prefixes are passed over; what is no DSN is None."""
    assert parse_dsn(text) == expected
