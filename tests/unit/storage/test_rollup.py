"""Batches fold into rollup rows that conserve every count."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from error_manager.core.types import (
    CatalogEntry,
    ErrorEvent,
    ErrorId,
    EventId,
    ExceptionInfo,
    Fingerprint,
    GroupId,
    ProjectId,
    Severity,
)
from error_manager.storage.base import StoredError
from error_manager.storage.rollup import OTHER, ValueCap, cap, facets, fold

_START = datetime(2026, 3, 1, tzinfo=UTC)


def stored(
    *,
    group: int = 0,
    minutes: int = 0,
    occurrences: int = 1,
    release: str = "",
    tags=(),
    user: bytes = b"",
    severity=Severity.ERROR,
) -> StoredError:
    """Return a stored error of one of 256 groups."""
    event = ErrorEvent(
        event_id=EventId("0" * 32),
        timestamp=_START + timedelta(minutes=minutes),
        message="failed",
        occurrences=occurrences,
        release=release,
        tags=tags,
    )
    entry = CatalogEntry(
        module="m",
        error_code="E",
        severity=severity,
        title="t",
        culprit="",
        template="",
        fingerprint=Fingerprint(version=0, parts=(), hash=f"{group:02x}" * 32),
    )
    return StoredError(
        error_id=ErrorId(UUID(int=1)),
        project_id=ProjectId(1),
        event=event,
        entry=entry,
        created_at=_START,
        body=b"",
        user_key=user,
    )


errors = st.builds(
    stored,
    group=st.integers(0, 5),
    minutes=st.integers(0, 4000),
    occurrences=st.integers(1, 50),
    release=st.sampled_from(["", "1", "2"]),
    tags=st.sampled_from([(), (("k", "a"),), (("k", "b"),)]),
)


@given(st.lists(errors, max_size=60))
def test_every_table_holds_the_same_total(batch):
    """Minutes, severities, hours, days and groups all sum to the occurrences."""
    rollups = fold(batch)
    total = sum(error.event.occurrences for error in batch)
    sums = [
        sum(table.values()) for table in (rollups.minutes, rollups.severities, rollups.hours, rollups.days)
    ]
    assert [*sums, sum(group.count for group in rollups.groups.values())] == [total] * 5


@given(st.lists(errors, max_size=60), st.integers(0, 3))
def test_capping_keeps_totals(batch, limit):
    """What is over the cap is counted under (other)."""
    rollups = fold(batch)
    tags, days, hours = (sum(t.values()) for t in (rollups.tags, rollups.days, rollups.hours))
    cap(rollups, tags=ValueCap(limit), releases=ValueCap(limit))
    assert [sum(t.values()) for t in (rollups.tags, rollups.days, rollups.hours)] == [tags, days, hours]


def test_cap_remembers_what_a_day_already_has():
    """A restart does not open the cap again: stored values count."""
    values = ValueCap(2)
    day = (ProjectId(1), GroupId(b"g"), _START)
    assert values.missing([day]) == [day]
    values.learn(day, {"k": {"a", "b"}})
    assert values.missing([day]) == []
    assert [values.cap(day, "k", value) for value in ("a", "c", "b")] == ["a", OTHER, "b"]


def test_groups_know_first_last_worst_and_newest_release():
    """The pattern's sums come from the extremes of the batch, in any order."""
    rollups = fold(
        [
            stored(minutes=5, release="2", severity=Severity.WARNING),
            stored(minutes=1, release="1", severity=Severity.FATAL),
            stored(minutes=9, release=""),
        ]
    )
    (total,) = rollups.groups.values()
    assert (total.first_seen, total.last_seen) == (
        _START + timedelta(minutes=1),
        _START + timedelta(minutes=9),
    )
    assert (total.severity, total.release, total.count) == (Severity.FATAL, "2", 3)


def test_facets_add_host_runtime_and_handled_to_the_tags():
    """What counts like a tag is listed with the tags; a tag of the same name wins."""
    event = ErrorEvent(
        event_id=EventId("0" * 32),
        timestamp=_START,
        message="m",
        server_name="api-1",
        tags=(("os", "mine"),),
        contexts={"runtime": {"name": "CPython", "version": "3.12"}, "os": {"name": "Linux"}, "trace": 3},
        exceptions=(ExceptionInfo(type="E", is_handled=False),),
    )
    assert dict(facets(event)) == {
        "os": "mine",
        "server_name": "api-1",
        "runtime": "CPython 3.12",
        "handled": "no",
    }


def test_users_are_counted_once_a_day_and_group():
    """The same person twice in a batch is one row."""
    assert len(fold([stored(user=b"u"), stored(user=b"u", minutes=1), stored(user=b"v")]).users) == 2
