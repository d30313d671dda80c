"""Severities as clients name or number them."""

from __future__ import annotations

import pytest

from error_manager.core.types import FieldNote, Severity
from error_manager.decoding.reader import FieldReader
from error_manager.decoding.severity import parse_severity, read_severity


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((severity.value, severity) for severity in Severity),
        ("WARN", Severity.WARNING),
        (" Critical ", Severity.CRITICAL),
        ("log", Severity.INFO),
        ("trace", Severity.DEBUG),
        (0, Severity.DEBUG),
        (10, Severity.DEBUG),
        (20, Severity.INFO),
        (35, Severity.WARNING),
        (40, Severity.ERROR),
        ("40", Severity.ERROR),
        (50, Severity.CRITICAL),
        (10**40, Severity.CRITICAL),
        (-1, None),
        (True, None),
        (40.0, None),
        ("bogus-level", None),
        ("", None),
        (None, None),
        ([], None),
    ],
)
def test_names_and_numbers(value: object, expected: Severity | None) -> None:
    """Names in any case, usual aliases, and numbers of Python's logging."""
    assert parse_severity(value) is expected


def test_unknown_levels_are_errors_with_a_note() -> None:
    """An absent level is an error; an unknown one too, and a note says so."""
    reader = FieldReader()
    assert read_severity(reader, None) is Severity.ERROR
    assert reader.notes == []
    assert read_severity(reader, "bogus") is Severity.ERROR
    assert reader.notes == [FieldNote(path="severity", reason="replaced by error: unknown level bogus")]
