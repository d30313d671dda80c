"""What every ``QueryStore`` promises about merging, splitting and undoing; a subclass makes the store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.contract.query_store_contract import DAYS, NOON, PROJECT, errors, listed, titles

from error_manager.core.errors import ConflictError, NotFoundError, ValidationError
from error_manager.core.types import GroupId, PatternId, PatternStatus, ProjectId, Severity
from error_manager.storage.base import (
    ErrorFilter,
    PatternFilter,
    PatternOrder,
    PatternRow,
    QueryStore,
    StoredError,
)

NOW = datetime.now(UTC)


async def merge(store: QueryStore, into: PatternRow, *others: PatternRow) -> PatternRow:
    """Merge patterns."""
    return await store.merge(into.id, tuple(other.id for other in others), person_id=None, now=NOW)


async def split(store: QueryStore, pattern: PatternRow, *groups: str, title: str = "") -> PatternRow:
    """Split groups off."""
    ids = tuple(GroupId(bytes.fromhex(group)) for group in groups)
    return await store.split(pattern.id, ids, title=title, person_id=None, now=NOW)


async def undo(store: QueryStore, pattern: PatternRow) -> PatternRow:
    """Undo the last change."""
    return await store.undo(pattern.id, person_id=None, now=NOW)


async def set_status(store: QueryStore, pattern: PatternRow, status: PatternStatus, **more: object) -> None:
    """Change a status."""
    values = {"ignore_until": None, "now": NOW, **more}
    await store.change_status(pattern.id, status, person_id=None, **values)


async def everything(store: QueryStore) -> dict[PatternId, tuple[object, ...]]:
    """Return what is known of each live pattern, and its groups."""
    found = {}
    page = await store.list_patterns(
        PatternFilter(), order=PatternOrder.COUNT, limit=50, cursor=None, trend=DAYS
    )
    for listed_row in page.items:
        row = await store.pattern(listed_row.id)
        groups = await store.groups(row.id)
        found[row.id] = (row, tuple((g.group, g.count, g.by, g.last_seen, g.title) for g in groups))
    return found


def _is_of_last_day(error: StoredError) -> bool:
    return error.project_id == PROJECT and error.event.timestamp.date() == NOON.date()


class RegroupingContract:
    """The suite. A subclass has a fixture ``store`` holding the errors of the query contract, its own."""

    async def test_merging_adds_up(self, store: QueryStore) -> None:
        """Counts, users, first, last and worst are those of all errors; nothing is listed twice."""
        timeouts, keys, disk = await listed(store)
        merged = await merge(store, timeouts, keys, disk)
        assert merged.id == timeouts.id
        assert (merged.count, merged.users, merged.title) == (38, 4, "TimeoutError")
        assert merged.first_seen == min(timeouts.first_seen, keys.first_seen, disk.first_seen)
        assert merged.last_seen == max(timeouts.last_seen, keys.last_seen, disk.last_seen)
        assert merged.severity is Severity.CRITICAL
        assert [(row.id, row.count, sum(row.trend)) for row in await listed(store)] == [(merged.id, 38, 38)]
        assert (await store.users(merged.id)).total == 4
        users_of_the_last_day = {error.user_key for error in errors() if _is_of_last_day(error)}
        assert (await store.users(merged.id)).days[-1][1] == len(users_of_the_last_day)
        found = await store.list_errors(ErrorFilter(pattern_id=merged.id), limit=100, cursor=None)
        assert len(found.items) == 38
        assert [(g.count, g.title, g.by, g.is_first) for g in await store.groups(merged.id)] == [
            (30, "TimeoutError", "fingerprint", True),
            (6, "KeyError", "person", False),
            (2, "Disk is 91 % full", "person", False),
        ]

    async def test_old_ids_lead_to_where_the_errors_are(self, store: QueryStore) -> None:
        """Reading, changing and searching by what was merged away reach the pattern it is part of."""
        timeouts, keys, disk = await listed(store)
        await merge(store, keys, disk)
        await merge(store, timeouts, keys)
        for old in (keys, disk):
            assert (await store.pattern(old.id)).id == timeouts.id
        assert await titles(store, "91 %") == ["TimeoutError"]
        await set_status(store, disk, PatternStatus.RESOLVED)
        assert (await store.pattern(timeouts.id)).status is PatternStatus.RESOLVED
        with pytest.raises(NotFoundError):
            await store.pattern(disk.id, project_ids=(ProjectId(2),))

    async def test_a_merge_keeps_the_weight_of_the_pattern_that_stays(self, store: QueryStore) -> None:
        """Old ids weigh that one; what goes back has its own again, a new pattern that of where it was."""
        timeouts, keys, disk = await listed(store)
        for row, weight in ((timeouts, 0.5), (keys, 4.0)):
            await store.change_weight(row.id, weight, person_id=None, now=NOW)
        assert (await merge(store, timeouts, keys, disk)).weight == 0.5
        assert (await store.change_weight(keys.id, 2.0, person_id=None, now=NOW)).id == timeouts.id
        groups = {group.title: group.group for group in await store.groups(timeouts.id)}
        home = await split(store, timeouts, groups["KeyError"])
        made = await split(store, timeouts, groups["Disk is 91 % full"], title="Disks")
        assert [(row.id, row.weight) for row in (home, await store.pattern(timeouts.id))] == [
            (keys.id, 4.0),
            (timeouts.id, 2.0),
        ]
        assert (made.title, made.weight) == ("Disks", 2.0)

    async def test_an_undo_puts_everything_back(self, store: QueryStore) -> None:
        """One merge after the other, each in one step."""
        before = await everything(store)
        timeouts, keys, disk = await listed(store)
        await set_status(store, disk, PatternStatus.RESOLVED)
        middle = await everything(store)
        await merge(store, keys, disk)
        await merge(store, timeouts, keys)
        assert (await undo(store, timeouts)).count == 30
        assert (await undo(store, keys)).count == 6
        assert await everything(store) == middle
        await undo(store, disk)
        assert await everything(store) == before
        with pytest.raises(NotFoundError, match="undo"):
            await undo(store, timeouts)

    async def test_a_group_goes_back_to_where_it_came_from(self, store: QueryStore) -> None:
        """A split gives the old id its errors again; it can be undone from either side."""
        timeouts, keys, disk = await listed(store)
        before = await everything(store)
        await merge(store, timeouts, keys, disk)
        merged = await everything(store)
        _, key_group, disk_group = [g.group for g in await store.groups(timeouts.id)]
        back = await split(store, timeouts, key_group)
        assert (back.id, back.count, back.title, back.severity) == (keys.id, 6, "KeyError", Severity.CRITICAL)
        rest = await store.pattern(timeouts.id)
        assert (rest.count, rest.severity) == (32, Severity.ERROR)
        assert (await store.pattern(disk.id)).id == timeouts.id
        assert (await undo(store, keys)).id == timeouts.id
        assert await everything(store) == merged
        await split(store, timeouts, key_group, disk_group)
        assert (await store.pattern(disk.id)).id == keys.id
        await undo(store, timeouts)
        assert await everything(store) == merged
        await undo(store, timeouts)
        assert await everything(store) == before

    async def test_groups_make_a_new_pattern_with_a_title(self, store: QueryStore) -> None:
        """It lives like any other, and can be merged back."""
        timeouts, keys, disk = await listed(store)
        await merge(store, timeouts, keys, disk)
        _, key_group, disk_group = [g.group for g in await store.groups(timeouts.id)]
        made = await split(store, timeouts, key_group, disk_group, title="Not timeouts")
        assert made.id not in {timeouts.id, keys.id, disk.id}
        assert (made.title, made.count) == ("Not timeouts", 8)
        assert {(await store.pattern(old.id)).id for old in (keys, disk)} == {made.id}
        assert not any(g.is_first for g in await store.groups(made.id))
        await merge(store, timeouts, made)
        assert (await store.pattern(made.id)).id == timeouts.id
        assert (await store.pattern(timeouts.id)).count == 38

    async def test_what_cannot_be_merged_or_split_is_named(self, store: QueryStore) -> None:
        """The path says which field is wrong."""
        timeouts, keys, _ = await listed(store)
        (other,) = await listed(store, project_ids=(ProjectId(2),))
        (group,) = [g.group for g in await store.groups(timeouts.id)]
        for others in ((), (timeouts,)):
            with pytest.raises(ValidationError, match="with"):
                await merge(store, timeouts, *others)
        with pytest.raises(NotFoundError):
            await merge(store, timeouts, other)
        with pytest.raises(NotFoundError):
            await store.merge(timeouts.id, (PatternId(99),), person_id=None, now=NOW)
        with pytest.raises(NotFoundError):
            await store.merge(timeouts.id, (keys.id,), project_ids=(ProjectId(2),), person_id=None, now=NOW)
        for groups in ((), (group,), ("ff" * 16,)):
            with pytest.raises(ValidationError, match="groups"):
                await split(store, timeouts, *groups)
        await merge(store, timeouts, keys)
        with pytest.raises(ValidationError, match="name"):
            await split(store, timeouts, group)
        with pytest.raises(ValidationError, match="with"):
            await merge(store, timeouts, keys)
        made = await split(store, timeouts, (await store.groups(timeouts.id))[1].group, title="Alone")
        with pytest.raises(ValidationError, match="stay"):
            await split(store, made, (await store.groups(made.id))[0].group)

    async def test_a_later_move_comes_before_an_undo(self, store: QueryStore) -> None:
        """What was split off and merged elsewhere stays there until that is undone."""
        timeouts, keys, disk = await listed(store)
        await merge(store, timeouts, keys)
        await split(store, timeouts, (await store.groups(timeouts.id))[1].group)
        await merge(store, disk, keys)
        found = await everything(store)
        with pytest.raises(ConflictError, match=str(disk.id)):
            await undo(store, timeouts)
        assert await everything(store) == found
        await undo(store, disk)
        await undo(store, timeouts)
        await undo(store, timeouts)
        assert [row.count for row in await listed(store)] == [30, 6, 2]

    @pytest.mark.parametrize(
        ("first", "second", "expected"),
        [
            ("unresolved", "resolved", "unresolved"),
            ("resolved", "unresolved", "unresolved"),
            ("ignored", "resolved", "resolved"),
            ("ignored", "ignored", "ignored"),
            ("resolved", "resolved", "resolved"),
        ],
    )
    async def test_the_most_watchful_status_counts(
        self, store: QueryStore, first: str, second: str, expected: str
    ) -> None:
        """Merging never hides what was open; undoing brings both back."""
        timeouts, keys, _ = await listed(store)
        for pattern, status in ((timeouts, first), (keys, second)):
            if status != "unresolved":
                await set_status(store, pattern, PatternStatus(status))
        assert (await merge(store, timeouts, keys)).status.value == expected
        await undo(store, timeouts)
        statuses = [(await store.pattern(pattern.id)).status.value for pattern in (timeouts, keys)]
        assert statuses == [first, second]

    async def test_of_two_times_to_ignore_the_earlier_counts(self, store: QueryStore) -> None:
        """What would be shown again tomorrow is not hidden for a week."""
        timeouts, keys, disk = await listed(store)
        for pattern, days in ((timeouts, 7), (keys, 1), (disk, None)):
            until = NOW + timedelta(days=days) if days else None
            await set_status(store, pattern, PatternStatus.IGNORED, ignore_until=until)
        merged = await merge(store, timeouts, keys, disk)
        assert merged.ignore_until == NOW + timedelta(days=1)
        back = await split(store, timeouts, (await store.groups(timeouts.id))[1].group)
        assert (back.status, back.ignore_until) == (PatternStatus.IGNORED, merged.ignore_until)

    async def test_history_says_what_was_done(self, store: QueryStore) -> None:
        """Each line names the other patterns, each undo what it took back."""
        timeouts, keys, _ = await listed(store)
        await merge(store, timeouts, keys)
        await split(store, timeouts, (await store.groups(timeouts.id))[1].group)
        await undo(store, timeouts)
        await undo(store, timeouts)

        async def told(pattern: PatternRow) -> list[tuple[str, list[str], str]]:
            changes = await store.changes(pattern.id)
            return [(c.action, [other.title for other in c.others], c.undone) for c in changes]

        assert await told(timeouts) == [
            ("undone", [], "merged"),
            ("undone", [], "split"),
            ("split", ["KeyError"], ""),
            ("merged", ["KeyError"], ""),
        ]
        assert await told(keys) == [
            ("undone", [], "merged_into"),
            ("undone", [], "split_off"),
            ("split_off", ["TimeoutError"], ""),
            ("merged_into", ["TimeoutError"], ""),
        ]

    async def test_an_error_says_who_put_it_there(self, store: QueryStore) -> None:
        """By its fingerprint, or by a person who merged."""
        timeouts, keys, _ = await listed(store)
        newest = await store.latest_error(keys.id)
        assert newest is not None
        assert (await store.error(newest)).placement.by == "fingerprint"
        await merge(store, timeouts, keys)
        detail = await store.error(newest)
        assert (detail.row.pattern_id, detail.placement.by, detail.placement.since) == (
            timeouts.id,
            "person",
            NOW,
        )
        assert detail.placement.group == (await store.groups(timeouts.id))[1].group

    async def test_what_shares_most_is_compared_first(self, store: QueryStore) -> None:
        """Those of other projects and those merged away are left out."""
        timeouts, keys, disk = await listed(store)
        assert [(p.id, p.shared) for p in await store.comparable(timeouts.id)] == [(keys.id, 0), (disk.id, 0)]
        await merge(store, keys, disk)
        made = await split(store, keys, (await store.groups(keys.id))[1].group, title="KeyError")
        found = await store.comparable(keys.id)
        assert [(p.id, p.shared, p.count) for p in found] == [(made.id, 1, 2), (timeouts.id, 0, 30)]
        assert found[1].parts == ("TimeoutError",)
        assert [p.id for p in await store.comparable(keys.id, limit=1)] == [made.id]
