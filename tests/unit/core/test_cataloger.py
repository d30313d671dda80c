from datetime import UTC, datetime

import pytest

from error_manager.core.cataloger import catalog, cut_left
from error_manager.core.types import ErrorEvent, EventId, ExceptionInfo, Frame, Severity

AT = datetime(2026, 1, 1, tzinfo=UTC)


def error(**fields: object) -> ErrorEvent:
    """Return an error with these fields."""
    return ErrorEvent(**{"event_id": EventId("0" * 32), "timestamp": AT, "message": "m", **fields})


def raised(type_: str, value: str = "", **fields: object) -> ErrorEvent:
    """Return an error with one exception."""
    return error(exceptions=(ExceptionInfo(type=type_, value=value),), **fields)


CODES = [
    (error(error_code="E-17"), "E-17"),
    (error(tags=(("error_code", "E-18"),)), "E-18"),
    (raised("OSError", "[Errno 28] No space left on device"), "ENOSPC"),
    (raised("OSError", "[Errno 999] odd"), "ERRNO_999"),
    (raised("OSError", "[WinError 5] Access is denied"), "WINERROR_5"),
    (raised("DatabaseError", "ERROR: duplicate key (SQLSTATE 23505)"), "23505"),
    (raised("PDOException", "SQLSTATE[42S02]: Base table not found"), "42S02"),
    (raised("Error", "connect ECONNREFUSED 127.0.0.1:5432"), "ECONNREFUSED"),
    (raised("HTTPError", "404 Client Error: Not Found"), "HTTP_404"),
    (raised("AxiosError", "Request failed with status code 503"), "HTTP_503"),
    (raised("ValueError", "404 apples"), "ValueError"),
    (raised("QueryError", "x", tags=(("sqlstate", "40P01"),)), "40P01"),
    (error(severity=Severity.WARNING), "LOG_WARNING"),
]


@pytest.mark.parametrize(("event", "expected"), CODES)
def test_error_code(event, expected):
    """Explicit first, then SQLSTATE, errno or HTTP status of the exception, then its type, then the level."""
    assert catalog(event).error_code == expected


def test_code_of_the_cause_counts():
    """The wrapped exception's errno names the code when the wrapper has none."""
    chain = (
        ExceptionInfo(type="OSError", value="[Errno 13] Permission denied"),
        ExceptionInfo(type="LoadError"),
    )
    assert catalog(error(exceptions=chain)).error_code == "EACCES"


OWN = Frame(module="shop.pay", function="charge", filename="shop/pay.py", lineno=7)
LIBRARY = Frame(module="json.decoder", function="decode", filename="json/decoder.py", lineno=1, in_app=False)
MODULES = [
    ({"module": "billing"}, "billing"),
    ({"tags": (("module", "cart"),)}, "cart"),
    ({"frames": (OWN, LIBRARY)}, "shop.pay"),
    ({"frames": (Frame(filename="app/main.js"),)}, "app/main.js"),
    ({"frames": (LIBRARY,), "logger": "shop"}, "shop"),
    ({"service": "web"}, "web"),
    ({}, "unknown"),
]


@pytest.mark.parametrize(("fields", "expected"), MODULES)
def test_module(fields, expected):
    """Explicit first, then the crashing frame of the application, then logger, then service."""
    assert catalog(error(**fields)).module == expected


def test_long_names_lose_their_start():
    """Module and code are cut from the left to 100 and 50 characters."""
    entry = catalog(error(module="a" * 200 + ".end", error_code="b" * 90 + "-1"))
    assert (len(entry.module), entry.module[-4:], len(entry.error_code), entry.error_code[-2:]) == (
        100,
        ".end",
        50,
        "-1",
    )
    assert cut_left("abc", 3) == "abc"


def test_title_and_place_of_an_exception():
    """The title is the raised type, the place function, file and line, the template the masked value."""
    event = error(
        exceptions=(ExceptionInfo(type="ValueError", value="order 17 is late", frames=(OWN, LIBRARY)),)
    )
    entry = catalog(event)
    assert (entry.title, entry.culprit, entry.template) == (
        "ValueError",
        "charge in shop/pay.py:7",
        "order <*> is late",
    )


def test_title_of_a_message():
    """A bare message's title is its template."""
    assert catalog(error(message="order 17 took 5 ms")).title == "order <*> took <*> ms"
    assert catalog(error(message="a b", template="a %s")).title == "a %s"
    assert catalog(error(message="")).title == "(no message)"
