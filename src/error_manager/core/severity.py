"""How bad an error is, and the names and levels that say so elsewhere (seed box: Error Entry).

Apart from ``types``, so that ``import error_manager`` brings this word without the forms of an error: their
dataclasses take a sixth of the time (bench/client.py, 2026-11).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Severity(StrEnum):
    """How bad one error is, in rising order."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"
    FATAL = "fatal"

    @property
    def rank(self) -> int:
        """Return 0 (debug) to 5 (fatal)."""
        return _RANK[self]


_RANK: Final = {severity: rank for rank, severity in enumerate(Severity)}
_LEVELS: Final = (
    (50, Severity.CRITICAL),
    (40, Severity.ERROR),
    (30, Severity.WARNING),
    (20, Severity.INFO),
)
_BY_NAME: Final = {
    **{severity.value: severity for severity in Severity},
    "warn": Severity.WARNING,
    "exception": Severity.ERROR,
}


def severity_of_level(level: int) -> Severity:
    """Return the severity of a level of ``logging`` (from 20 info, 30 warning, 40 error, 50 critical)."""
    return next((severity for least, severity in _LEVELS if level >= least), Severity.DEBUG)


def severity_of_name(name: str, otherwise: Severity) -> Severity:
    """Return the severity of a name in any case ("warn" and "exception" included), else ``otherwise``."""
    return _BY_NAME.get(name.lower(), otherwise)
