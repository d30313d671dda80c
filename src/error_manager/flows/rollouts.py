"""Which changes brought something new (seed box: Correlation Engine)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from error_manager.core.types import ProjectId
from error_manager.storage.findings import Change, ChangeKind, FindingStore

MOST_CHANGES: Final = 500
_SAME: Final = timedelta(days=1)


async def read_rollouts(
    findings: FindingStore,
    project_ids: tuple[ProjectId, ...],
    *,
    since: datetime,
    until: datetime,
    kinds: tuple[ChangeKind, ...] = (),
) -> tuple[Change, ...]:
    """Return the changes in [since, until) that may have brought something, newest first.

    Raises:
        StorageError: the database is away.
    """
    page = await findings.changes(project_ids=project_ids, until=until, kinds=kinds, limit=MOST_CHANGES)
    return tuple(one for one in rollouts(page.items) if one.at >= since)


def rollouts(changes: Sequence[Change]) -> tuple[Change, ...]:
    """Return changes without the releases that brought nothing new.

    The first release that is known of an environment may have been there for years. A release that was seen
    in another environment less than a day before is the same rollout.

    Args:
        changes: all that are known, newest first.
    """
    known: set[tuple[ProjectId, str]] = set()
    seen: dict[tuple[ProjectId, str], datetime] = {}
    kept = []
    for one in reversed(changes):
        if one.kind is ChangeKind.RELEASE:
            place, rollout = (one.project_id, one.environment), (one.project_id, one.version)
            is_first, before = place not in known, seen.get(rollout)
            known.add(place)
            seen[rollout] = one.at
            if is_first or (before is not None and one.at - before < _SAME):
                continue
        kept.append(one)
    return tuple(reversed(kept))
