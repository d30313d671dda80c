"""The address of a list of patterns: what it says is what is shown, so a copied link shows the same. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from error_manager.core.search import clean
from error_manager.core.types import PatternStatus, ProjectId, Severity
from error_manager.storage.base import PatternFilter, PatternOrder

RANGES: Final = (
    ("1h", "Last hour", timedelta(hours=1)),
    ("24h", "Last 24 hours", timedelta(hours=24)),
    ("7d", "Last 7 days", timedelta(days=7)),
    ("14d", "Last 14 days", timedelta(days=14)),
    ("30d", "Last 30 days", timedelta(days=30)),
    ("all", "All time", None),
)
DEFAULT_RANGE: Final = "14d"
ALL_STATUSES: Final = "all"
_MAX_PROJECT_ID: Final = 2**31 - 1
_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 9998


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternQuery:
    """One address. Values that are not understood fall back to the default; an address never fails.

    ``status`` None means all; ``first_day`` and ``last_day`` (UTC, ``2026-11-23``) go before ``range``.
    """

    q: str = ""
    project: int | None = None
    environment: str = ""
    release: str = ""
    range: str = DEFAULT_RANGE
    first_day: str = ""
    last_day: str = ""
    status: PatternStatus | None = PatternStatus.UNRESOLVED
    severities: tuple[Severity, ...] = ()
    order: PatternOrder = PatternOrder.LAST_SEEN
    cursor: str = ""

    @property
    def is_filtered(self) -> bool:
        """Return whether anything but status, order and project narrows the list."""
        return replace(
            self, order=PatternOrder.LAST_SEEN, cursor="", status=None, project=None
        ) != PatternQuery(status=None)

    @property
    def range_words(self) -> str:
        """Return the time range as it reads in a sentence: ``last 14 days``."""
        if self.first_day or self.last_day:
            return f"days {self.first_day or 'of the beginning'} to {self.last_day or 'today'}"
        return next(word for value, word, _ in RANGES if value == self.range).lower()

    def where(self, now: datetime) -> PatternFilter:
        """Return the filter this address asks for; the search text is added by the flow."""
        since, until = self.bounds(now)
        return PatternFilter(
            project_ids=(ProjectId(self.project),) if self.project is not None else (),
            status=self.status,
            severities=self.severities,
            environment=self.environment,
            release=self.release,
            since=since,
            until=until,
        )

    def bounds(self, now: datetime) -> tuple[datetime | None, datetime | None]:
        """Return the time range; None = open."""
        if self.first_day or self.last_day:
            until = _day(self.last_day)
            return _day(self.first_day), until + timedelta(days=1) if until else None
        span = next(span for value, _, span in RANGES if value == self.range)
        return (now - span if span else None), None

    def url(self, **changes: object) -> str:
        """Return the address with changes; the list starts again unless the change names a cursor."""
        changed = replace(self, **({"cursor": ""} | changes))  # type: ignore[arg-type]  # names and types are the fields'
        written = urlencode(changed.pairs(), errors="replace")
        return f"/patterns?{written}" if written else "/patterns"

    def pairs(self) -> list[tuple[str, str]]:
        """Return the address as names and values; defaults are left out."""
        status = self.status.value if self.status else ALL_STATUSES
        listed = [
            ("q", self.q),
            ("project", "" if self.project is None else str(self.project)),
            ("environment", self.environment),
            ("release", self.release),
            ("range", "" if self.range == DEFAULT_RANGE else self.range),
            ("from", self.first_day),
            ("to", self.last_day),
            ("status", "" if self.status is PatternStatus.UNRESOLVED else status),
            *(("severity", severity.value) for severity in self.severities),
            ("order", "" if self.order is PatternOrder.LAST_SEEN else self.order.value),
            ("cursor", self.cursor),
        ]
        return [(name, value) for name, value in listed if value]


def parse_query(pairs: Iterable[tuple[str, str]]) -> PatternQuery:
    """Return what an address asks for.

    Args:
        pairs: names and values of the query string, in order; the first of a name counts (severity: all).
    """
    listed = [(name, clean(value)) for name, value in pairs]
    first: dict[str, str] = {}
    for name, value in listed:
        first.setdefault(name, value)
    orders = {order.value: order for order in PatternOrder}
    levels = {level.value: level for level in Severity}
    asked = {levels[value] for name, value in listed if name == "severity" and value in levels}
    return PatternQuery(
        q=first.get("q", "").strip(),
        project=_project(first.get("project", "")),
        environment=first.get("environment", ""),
        release=first.get("release", ""),
        range=range_or_default(first.get("range", "")),
        first_day=_day_text(first.get("from", "")),
        last_day=_day_text(first.get("to", "")),
        status=_status(first.get("status", "")),
        severities=tuple(sorted(asked, key=lambda level: -level.rank)),
        order=orders.get(first.get("order", ""), PatternOrder.LAST_SEEN),
        cursor=first.get("cursor", ""),
    )


def range_or_default(text: str) -> str:
    """Return the name of a time range, the default for anything unknown."""
    return text if any(text == value for value, _, _ in RANGES) else DEFAULT_RANGE


def _status(text: str) -> PatternStatus | None:
    if text == ALL_STATUSES:
        return None
    known = {status.value: status for status in PatternStatus}
    return known.get(text, PatternStatus.UNRESOLVED)


def _project(text: str) -> int | None:
    is_number = text.isascii() and text.isdigit() and len(text) <= 10
    return int(text) if is_number and int(text) <= _MAX_PROJECT_ID else None


def _day(text: str) -> datetime | None:
    """Return the start of a day, None for what is none or lies where one cannot reckon with it."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None
    return day if _FIRST_YEAR <= day.year <= _LAST_YEAR else None


def _day_text(text: str) -> str:
    day = _day(text)
    return day.strftime("%Y-%m-%d") if day else ""
