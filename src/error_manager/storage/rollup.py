"""Folds a batch of errors into rollup rows, sorted by key (seed box: Metrics Tables).

Sorted, because two workers that upsert the same keys in different orders would deadlock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final

from error_manager.core.types import ErrorEvent, GroupId, ProjectId, Severity
from error_manager.storage.base import StoredError

OTHER: Final = "(other)"
TAG_VALUES_PER_DAY: Final = 100
MINUTES_KEPT: Final = timedelta(days=15)
"""How long counts per minute are kept: a detector that begins anew learns its week from two of them."""
RELEASES_PER_DAY: Final = 50
_CONTEXT_FACETS: Final = ("runtime", "os", "browser", "device")

TagDay = tuple[ProjectId, GroupId, datetime]


@dataclass(slots=True, kw_only=True)
class GroupSum:
    """What a batch adds to one group."""

    count: int = 0
    first_seen: datetime
    last_seen: datetime
    severity: Severity
    release: str = ""


@dataclass(slots=True)
class Rollups:
    """Counts by the keys of each rollup table."""

    minutes: Counter[tuple[ProjectId, datetime, GroupId]] = field(default_factory=Counter)
    severities: Counter[tuple[ProjectId, datetime, str]] = field(default_factory=Counter)
    hours: Counter[tuple[ProjectId, GroupId, datetime, str, str]] = field(default_factory=Counter)
    days: Counter[tuple[ProjectId, GroupId, datetime, str, str]] = field(default_factory=Counter)
    tags: Counter[tuple[ProjectId, GroupId, datetime, str, str]] = field(default_factory=Counter)
    users: set[tuple[ProjectId, GroupId, bytes, date]] = field(default_factory=set)
    groups: dict[tuple[ProjectId, GroupId], GroupSum] = field(default_factory=dict)


class ValueCap:
    """Remembers which values a day of a group has, and sends those over the cap to ``(other)``.

    First come, first kept: what is frequent comes early. Days of the past are forgotten when there are too
    many.
    """

    _MAX_DAYS: Final = 20_000

    def __init__(self, limit: int) -> None:
        """Set the number of distinct values kept per day, group and key."""
        self._limit = limit
        self._seen: dict[TagDay, dict[str, set[str]]] = {}

    def missing(self, days: Iterable[TagDay]) -> list[TagDay]:
        """Return the days whose stored values are not known yet."""
        return [day for day in days if day not in self._seen]

    def learn(self, day: TagDay, values: Mapping[str, set[str]]) -> None:
        """Set what is stored for a day."""
        if len(self._seen) >= self._MAX_DAYS:
            self._seen.clear()
        self._seen[day] = {key: set(found) for key, found in values.items()}

    def forget(self) -> None:
        """Forget everything: a transaction was rolled back."""
        self._seen.clear()

    def cap(self, day: TagDay, key: str, value: str) -> str:
        """Return ``value``, or ``(other)`` when the day has enough others."""
        values = self._seen.setdefault(day, {}).setdefault(key, set())
        if value in values:
            return value
        if len(values) >= self._limit:
            return OTHER
        values.add(value)
        return value


def facets(event: ErrorEvent) -> list[tuple[str, str]]:
    """Return the tags of an error and what counts like a tag: host, transaction, runtime, handled, ..."""
    found = dict(event.tags)
    for key, value in (
        ("transaction", event.transaction),
        ("server_name", event.server_name),
        ("logger", event.logger),
        ("sdk", event.sdk),
    ):
        if value:
            found.setdefault(key, value[:200])
    for name in _CONTEXT_FACETS:
        context = event.contexts.get(name)
        if isinstance(context, dict) and isinstance(context.get("name"), str):
            version = context.get("version")
            text = f"{context['name']} {version}" if isinstance(version, str) else context["name"]
            found.setdefault(name, text[:200])
    raised = event.raised
    if raised is not None and raised.is_handled is not None:
        found.setdefault("handled", "yes" if raised.is_handled else "no")
    return list(found.items())


def fold(errors: Iterable[StoredError]) -> Rollups:
    """Return the rollups of the errors. Releases and tag values are not capped yet (see ``cap``)."""
    rollups = Rollups()
    for error in errors:
        _add(rollups, error)
    return rollups


def _add(rollups: Rollups, error: StoredError) -> None:
    event, entry = error.event, error.entry
    project, group, count = error.project_id, entry.fingerprint.group_id, event.occurrences
    minute = event.timestamp.replace(second=0, microsecond=0)
    hour = minute.replace(minute=0)
    day = hour.replace(hour=0)
    rollups.minutes[project, minute, group] += count
    rollups.severities[project, minute, entry.severity.value] += count
    rollups.hours[project, group, hour, event.environment, event.release] += count
    rollups.days[project, group, day, event.environment, event.release] += count
    for key, value in facets(event):
        rollups.tags[project, group, day, key, value] += count
    if error.user_key:
        rollups.users.add((project, group, error.user_key, event.timestamp.date()))
    total = rollups.groups.get((project, group))
    if total is None:
        total = GroupSum(
            first_seen=event.timestamp,
            last_seen=event.timestamp,
            severity=entry.severity,
            release=event.release,
        )
        rollups.groups[project, group] = total
    total.count += count
    total.first_seen = min(total.first_seen, event.timestamp)
    if event.timestamp >= total.last_seen:
        total.last_seen = event.timestamp
        total.release = event.release or total.release
    if entry.severity.rank > total.severity.rank:
        total.severity = entry.severity


def cap(rollups: Rollups, *, tags: ValueCap, releases: ValueCap) -> None:
    """Bound the distinct tag values and releases per day and group, in place."""
    rollups.tags = _fold_values(
        ((p, g, d, k, tags.cap((p, g, d), k, v)), n) for (p, g, d, k, v), n in sorted(rollups.tags.items())
    )
    rollups.days = _fold_values(
        ((p, g, d, e, releases.cap((p, g, d), "", r)), n)
        for (p, g, d, e, r), n in sorted(rollups.days.items())
    )
    rollups.hours = _fold_values(
        ((p, g, h, e, releases.cap((p, g, _day(h)), "", r)), n)
        for (p, g, h, e, r), n in sorted(rollups.hours.items())
    )


def _fold_values(
    items: Iterable[tuple[tuple[ProjectId, GroupId, datetime, str, str], int]],
) -> Counter[tuple[ProjectId, GroupId, datetime, str, str]]:
    folded: Counter[tuple[ProjectId, GroupId, datetime, str, str]] = Counter()
    for key, count in items:
        folded[key] += count
    return folded


def _day(moment: datetime) -> datetime:
    return datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
