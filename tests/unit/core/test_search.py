"""The search box: words, phrases, negation and fields; nothing typed is an error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from error_manager.core.search import MAX_SEARCH_CHARS, Search, Terms, parse_search, split_terms, web_query


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("", Search()),
        ("timeout", Search(text="timeout")),
        ('"read failed" -redis', Search(text='"read failed" -redis')),
        ("env:prod", Search(fields=(("environment", "prod", False),))),
        ("-level:fatal x", Search(text="x", fields=(("severity", "fatal", True),))),
        ('module:"a b"', Search(fields=(("module", "a b", False),))),
        ("browser:Firefox", Search(fields=(("tag.browser", "Firefox", False),))),
        ("tag.release:x", Search(fields=(("tag.release", "x", False),))),
        ("https://example.com/a", Search(text="https://example.com/a")),
        ("TypeError: x", Search(text="TypeError: x")),
        ("a\x00b\ud800", Search(text="a b")),
    ],
)
def test_parses(typed: str, expected: Search) -> None:
    """Each form of a search becomes what it says."""
    assert parse_search(typed) == expected


def test_splits_wanted_from_unwanted() -> None:
    """Phrases stay whole; quotes and the minus are gone."""
    assert split_terms('a "b c" -d -"e f" ""') == Terms(wanted=("a", "b c"), unwanted=("d", "e f"))


def test_web_query_quotes_each_term() -> None:
    """Operators of websearch_to_tsquery inside a term lose their meaning."""
    assert web_query(("or", "a -b")) == '"or" "a -b"'
    assert web_query(("a", "b"), any_of=True) == '"a" or "b"'


@given(st.text(max_size=2 * MAX_SEARCH_CHARS))
def test_anything_typed_can_be_stored_text(typed: str) -> None:
    """Whatever is typed becomes terms without control characters, quotes or surrogates, and never raises."""
    search = parse_search(typed)
    terms = split_terms(search.text)
    values = (*terms.wanted, *terms.unwanted, *(value for _, value, _ in search.fields))
    for value in values:
        assert '"' not in value
        assert "\x00" not in value
        value.encode()


@given(st.text(max_size=MAX_SEARCH_CHARS))
def test_parsing_the_text_again_changes_nothing(typed: str) -> None:
    """The text part has no fields left in it."""
    search = parse_search(typed)
    assert parse_search(search.text) == Search(text=search.text)
