"""Severities: their order, and the levels and names that mean them."""

from __future__ import annotations

import pytest

from error_manager.core import types
from error_manager.core.severity import Severity, severity_of_level, severity_of_name


@pytest.mark.parametrize(
    ("level", "severity"),
    [(5, "debug"), (10, "debug"), (25, "info"), (30, "warning"), (45, "error"), (90, "critical")],
)
def test_levels_become_severities(level, severity):
    """Levels between the named ones count as the lower of the two."""
    assert severity_of_level(level).value == severity


def test_names_become_severities():
    """Names are read in any case; unknown ones are what the caller says."""
    assert severity_of_name("WARN", Severity.INFO) is Severity.WARNING
    assert severity_of_name("Exception", Severity.INFO) is Severity.ERROR
    assert severity_of_name("notice", Severity.INFO) is Severity.INFO


def test_ranks_rise():
    """Debug is 0, fatal 5."""
    assert [severity.rank for severity in Severity] == [0, 1, 2, 3, 4, 5]


def test_the_types_of_the_system_have_the_same_severity():
    """There is one enumeration, under both names."""
    assert types.Severity is Severity
