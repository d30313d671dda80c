"""Reading of DSNs and of the server's wish to wait."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from error_manager.client.http_transport import parse_retry_after
from error_manager.client.settings import parse_dsn
from error_manager.core.errors import ConfigurationError


def test_a_dsn_is_read():
    """Scheme, host, port, prefix, key and project are taken apart; the key is not in the repr."""
    dsn = parse_dsn("https://abc@errors.example/em/team/42")
    assert (dsn.scheme, dsn.host, dsn.port, dsn.prefix, dsn.key, dsn.project) == (
        "https",
        "errors.example",
        443,
        "/em/team",
        "abc",
        "42",
    )
    assert dsn.path == "/em/team/api/v1/errors"
    assert "abc" not in repr(dsn)
    assert parse_dsn("http://abc@127.0.0.1:8000/1").path == "/api/v1/errors"


def test_every_problem_of_a_dsn_is_named():
    """All that is wrong is said at once."""
    with pytest.raises(ConfigurationError) as caught:
        parse_dsn("ftp://")
    assert len(caught.value.problems) == 4


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        ("-3", 0.0),
        ("99999", 300.0),
        ("soon", None),
        ("nan", None),
        ("Mon, 23 Nov 2026 21:00:30 GMT", 30.0),
        ("Mon, 23 Nov 2026 20:00:00 GMT", 0.0),
    ],
)
def test_retry_after_is_read(text, seconds):
    """Seconds and HTTP dates are read within bounds, anything else is no wish."""
    assert parse_retry_after(text, now=datetime(2026, 11, 23, 21, 0, tzinfo=UTC)) == seconds
