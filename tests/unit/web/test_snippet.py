"""The snippets of the Connect page."""

import ast

import pytest

from error_manager.integrations.web.snippet import snippets

KEY = "0123456789abcdef0123456789abcdef"
DSN = f"http://{KEY}@127.0.0.1:8000/7"
MADE = snippets(url="http://127.0.0.1:8000/", key=KEY, dsn=DSN)


def test_every_language_is_there_once():
    """The languages the page promises, each with its own address."""
    assert [snippet.slug for snippet in MADE] == [
        "python", "browser", "node", "go", "java", "php", "ruby", "curl", "error-manager",
    ]  # fmt: skip


@pytest.mark.parametrize("snippet", MADE, ids=lambda snippet: snippet.slug)
def test_every_snippet_is_complete(snippet):
    """The real DSN (or key and URL) stands in the code and nothing is left to fill in."""
    expected = KEY if snippet.slug == "curl" else DSN
    assert expected in snippet.code
    assert not any(hole in snippet.code for hole in ("{dsn}", "{url}", "{key}"))


@pytest.mark.parametrize("slug", ["python", "error-manager"])
def test_python_snippets_compile(slug):
    """What is pasted is valid Python."""
    code = next(snippet.code for snippet in MADE if snippet.slug == slug)
    assert ast.parse(code)


def test_the_address_has_no_double_slash():
    """A URL with a slash at its end gives the same command."""
    curl = next(snippet.code for snippet in MADE if snippet.slug == "curl")
    assert "http://127.0.0.1:8000/api/v1/errors" in curl


def test_our_client_comes_from_a_checkout():
    """No line leads to the package of the same name on PyPI, which is another project's."""
    own = next(snippet for snippet in MADE if snippet.slug == "error-manager")
    assert own.install == "pip install ./error-manager"
    assert "PyPI" in own.note
