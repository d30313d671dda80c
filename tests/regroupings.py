"""Random merges, splits, status changes and undos of a set of errors, to be run on any ``QueryStore``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from tests.contract.query_store_contract import DAYS, error

from error_manager.core.errors import ConflictError, NotFoundError, ValidationError
from error_manager.core.types import GroupId, PatternStatus, Severity
from error_manager.storage.base import (
    GroupRow,
    PatternFilter,
    PatternOrder,
    PatternRow,
    QueryStore,
    StoredError,
)

GROUPS = 6
NOW = datetime.now(UTC)
_SEVERITIES = (Severity.WARNING, Severity.ERROR, Severity.CRITICAL)

Held = tuple[PatternRow, tuple[GroupRow, ...]]
Step = tuple[str, int, tuple[int, ...]]
"""What to do, to which pattern (in the order of ``held``), with which others or groups."""

steps = st.lists(
    st.tuples(
        st.sampled_from(["merge", "merge", "split", "split titled", "resolve", "ignore", "undo", "undo"]),
        st.integers(0, GROUPS - 1),
        st.lists(st.integers(0, GROUPS - 1), min_size=1, max_size=3).map(tuple),
    ),
    max_size=12,
)


def errors() -> list[StoredError]:
    """Return six groups of two to seven errors, of several severities, with users they share."""
    return [
        error(
            10 * group + number,
            kind=0,
            hours_ago=group + 3 * number,
            group=group,
            severity=_SEVERITIES[(group * number) % 3],
        )
        for group in range(GROUPS)
        for number in range(2 + group)
    ]


async def held(store: QueryStore) -> list[Held]:
    """Return every live pattern with its groups, in an order that every store agrees on."""
    page = await store.list_patterns(
        PatternFilter(), order=PatternOrder.COUNT, limit=100, cursor=None, trend=DAYS
    )
    found = [(await store.pattern(row.id), await store.groups(row.id)) for row in page.items]
    return sorted(found, key=lambda item: min((group.group for group in item[1]), default=""))


def told(patterns: list[Held]) -> list[tuple[Any, ...]]:
    """Return what every store must say of the patterns: all but their ids and when they were changed."""
    return [
        (
            row.title, row.count, row.users, row.first_seen, row.last_seen, row.severity, row.status,
            row.is_regression, row.ignore_until, sorted((g.group, g.count, g.by, g.is_first) for g in groups),
        )
        for row, groups in patterns
    ]  # fmt: skip


async def take(store: QueryStore, step: Step) -> tuple[str, int]:
    """Do one step; return what kind of refusal it met ("" = none), and the id of the pattern it was about."""
    what, which, others = step
    patterns = await held(store)
    row, groups = patterns[which % len(patterns)]
    try:
        match what:
            case "merge":
                ids = tuple(patterns[other % len(patterns)][0].id for other in others)
                await store.merge(row.id, ids, person_id=None, now=NOW)
            case "split" | "split titled":
                listed = sorted(group.group for group in groups) or ["ff" * 16]  # just merged away by another
                chosen = tuple(GroupId(bytes.fromhex(listed[other % len(listed)])) for other in others)
                title = "A title" if what == "split titled" else ""
                await store.split(row.id, chosen, title=title, person_id=None, now=NOW)
            case "undo":
                await store.undo(row.id, person_id=None, now=NOW)
            case _:
                status = PatternStatus.RESOLVED if what == "resolve" else PatternStatus.IGNORED
                until = NOW + timedelta(days=which)
                await store.change_status(row.id, status, ignore_until=until, person_id=None, now=NOW)
    except (ValidationError, NotFoundError, ConflictError) as refusal:
        return refusal.code, row.id
    return "", row.id
