"""Stores batches of errors in PostgreSQL, one transaction each (seed box: PostgreSQL Adapter)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import structlog
from psycopg import sql

from error_manager.core.errors import NotFoundError, StaleCursorError, ValidationError
from error_manager.core.rule_form import rule_from_json
from error_manager.core.rules import GroupingRule
from error_manager.core.types import EventId, GroupId, ItemCategory, OutcomeKind, PatternId, ProjectId
from error_manager.storage.base import (
    NO_SLOT,
    CommitResult,
    Cursor,
    DeadLetter,
    OutcomeCount,
    PatternChange,
    Project,
    SegmentTotals,
    StoreBatch,
    StoredError,
)
from error_manager.storage.postgres import named
from error_manager.storage.postgres.arrays import (
    bytes_array,
    number_array,
    text_array,
    time_array,
    uuid_array,
)
from error_manager.storage.postgres.error_rows import ERROR_TYPES, error_row, pattern_values, read_dead_letter
from error_manager.storage.postgres.one_connection import Connect, OneConnection
from error_manager.storage.rollup import (
    RELEASES_PER_DAY,
    TAG_VALUES_PER_DAY,
    Rollups,
    TagDay,
    ValueCap,
    cap,
    fold,
)

_NAMED: Final = named.load("store.sql")
_ADD_USERS: Final = _NAMED["add_users"].format(count_new_users=_NAMED["count_new_users"])
STATEMENTS: Final[Mapping[str, sql.SQL | sql.Composed]] = {**_NAMED, "add_users": _ADD_USERS}

_log = structlog.get_logger()
_TRIM_ROWS: Final = 20_000

GroupKey = tuple[ProjectId, GroupId]
PatternKey = tuple[ProjectId, PatternId]


class PostgresErrorStore(OneConnection):
    """The ``ErrorStore`` of one worker: one connection, opened again when it broke."""

    def __init__(self, connect: Connect, *, shard: int, failpoint: Callable[[str], None]) -> None:
        """Keep how to connect (autocommit off) and the shard of this worker's rollup rows."""
        super().__init__(connect, STATEMENTS)
        self._shard = shard
        self._failpoint = failpoint
        self._tags = ValueCap(TAG_VALUES_PER_DAY)
        self._releases = ValueCap(RELEASES_PER_DAY)
        self._days: set[date] = set()

    async def cursor(self, slot: int) -> Cursor:
        """Return the committed cursor of a slot (``Cursor()`` when it has none)."""
        async with self._transaction():
            rows = await self._rows("read_cursor", slot=slot)
        return Cursor(seq=rows[0][0], row=rows[0][1]) if rows else Cursor()

    async def commit(self, batch: StoreBatch) -> CommitResult:
        """Store the batch, its outcomes and its cursor in one transaction (see the protocol)."""
        async with self._transaction():
            result = await self._store(batch)
            self._failpoint("store.before_commit")
        self._failpoint("store.committed")
        return result

    async def dead_letters(self, *, project_id: ProjectId | None, limit: int) -> tuple[DeadLetter, ...]:
        """Return the newest dead letters, without bodies."""
        async with self._transaction():
            rows = await self._rows("list_dead_letters", project_id=project_id, limit=limit)
        return tuple(read_dead_letter(row) for row in rows)

    async def dead_letter(self, letter_id: int) -> DeadLetter:
        """Return one dead letter with its sealed body."""
        async with self._transaction():
            rows = await self._rows("read_dead_letter", id=letter_id)
        if not rows:
            msg = f"There is no dead letter {letter_id}."
            raise NotFoundError(msg)
        return read_dead_letter(rows[0])

    async def replace_dead_letter(self, letter_id: int, batch: StoreBatch | None) -> CommitResult | None:
        """Remove a dead letter and move its outcome, in one transaction."""
        async with self._transaction():
            return await self._replace(letter_id, batch)

    # --- projects, dictionaries, retention ---------------------------------------------------------------

    async def projects(self) -> tuple[Project, ...]:
        """Return every project; ``subject_key`` is still sealed."""
        async with self._transaction():
            rows = await self._rows("read_projects")
        return tuple(
            Project(id=ProjectId(i), name=n, slug=s, platform=p, organization_id=o, subject_key=bytes(k))
            for i, n, s, p, o, k in rows
        )

    async def rule_versions(self) -> dict[ProjectId, int]:
        """Return the version of each project's rules that were ever changed."""
        async with self._transaction():
            rows = await self._rows("read_rule_versions")
        return {ProjectId(project): version for project, version in rows}

    async def active_rules(self) -> dict[ProjectId, list[GroupingRule]]:
        """Return the active rules of each project in their order."""
        async with self._transaction():
            rows = await self._rows("read_rule_sets")
        rules: dict[ProjectId, list[GroupingRule]] = {}
        for project, number, matchers, action in rows:
            try:
                rule = rule_from_json({"matchers": matchers, "action": action}, rule_id=number)
            except ValidationError as error:  # of a later release, while both run: the others hold
                _log.error("rule_unreadable", project_id=project, rule_id=number, detail=str(error))
                continue
            rules.setdefault(ProjectId(project), []).append(rule)
        return rules

    async def dictionaries(self) -> tuple[tuple[ProjectId, int, bytes], ...]:
        """Return every project dictionary as (project, id, content)."""
        async with self._transaction():
            rows = await self._rows("read_dictionaries")
        return tuple((ProjectId(project), number, bytes(content)) for project, number, content in rows)

    async def add_dictionary(self, project_id: ProjectId, dictionary_id: int, content: bytes) -> None:
        """Keep a trained dictionary before the first body uses it; the first of an id wins."""
        async with self._transaction():
            await self._run("add_dictionary", project_id=project_id, id=dictionary_id, content=content)

    async def keep_house(
        self, *, today: date, retention: timedelta, minutes: timedelta, findings: timedelta
    ) -> None:
        """Make the partitions of the next two days; drop what is older than the retention, in small steps.

        Hour and day rollups stay: they are what remains of an error. Of findings and what they go by that
        goes which ended so long ago.
        """
        async with self._transaction():
            for ahead in range(3):
                await self._run("ensure_partition", day=today + timedelta(days=ahead))
        midnight = datetime(today.year, today.month, today.day, tzinfo=UTC)
        async with self._transaction():
            await self._run("drop_partitions", before=today - retention)
        self._days.clear()
        for statement, before in (
            ("trim_event_ids", midnight - retention),
            ("trim_users", midnight - retention),
            ("trim_minutes", midnight - minutes),
            ("trim_severities", midnight - minutes),
            ("trim_anomalies", midnight - findings),
            ("trim_spans", midnight - findings),
            ("trim_changes", midnight - findings),
        ):
            await self._trim(statement, before)

    async def _trim(self, statement: str, before: datetime) -> None:
        """Delete in transactions of bounded size, so that nobody waits long for one."""
        while True:
            async with self._transaction():
                deleted = await self._run(statement, before=before, limit=_TRIM_ROWS)
            if deleted < _TRIM_ROWS:
                return

    # --- one transaction ------------------------------------------------------------------------------------

    async def _store(self, batch: StoreBatch) -> CommitResult:
        await self._move_cursor(batch)
        if batch.errors:
            await self._run("hold_map", projects=sorted({error.project_id for error in batch.errors}))
        fresh, duplicates = await self._claim(batch.errors)
        patterns, new_patterns = await self._patterns(fresh)
        await self._copy(fresh)
        self._failpoint("store.errors_written")
        rollups = fold(fresh)
        changes = await self._count(rollups, patterns, new_patterns)
        await self._outcomes(
            [
                *batch.outcomes,
                *_ended(fresh, OutcomeKind.ACCEPTED),
                *_ended(duplicates, OutcomeKind.DUPLICATE),
            ]
        )
        await self._received(batch.slot, batch.finished)
        await self._bury(batch.dead_letters)
        first = {error.project_id: error.error_id for error in reversed(fresh)}
        return CommitResult(
            accepted=len(fresh),
            duplicates=len(duplicates),
            patterns=changes,
            first_errors=tuple(first.items()),
        )

    async def _move_cursor(self, batch: StoreBatch) -> None:
        if batch.slot == NO_SLOT:
            return
        await self._run("open_cursor", slot=batch.slot)
        moved = await self._run(
            "move_cursor",
            slot=batch.slot,
            start_seq=batch.start.seq,
            start_row=batch.start.row,
            end_seq=batch.end.seq,
            end_row=batch.end.row,
        )
        if moved != 1:
            raise StaleCursorError

    async def _claim(self, errors: Sequence[StoredError]) -> tuple[list[StoredError], list[StoredError]]:
        """Split into errors that are new and those whose id is known (also twice within the batch)."""
        if not errors:
            return [], []
        first: dict[tuple[ProjectId, EventId], StoredError] = {}
        for error in errors:
            first.setdefault((error.project_id, error.event.event_id), error)
        rows = [first[key] for key in sorted(first)]
        new_ids = await self._rows(
            "claim_event_ids",
            projects=number_array([e.project_id for e in rows]),
            events=uuid_array([e.event.event_id for e in rows]),
            errors=uuid_array([e.error_id for e in rows]),
            timestamps=time_array([e.event.timestamp for e in rows]),
        )
        new = {row[0] for row in new_ids}
        fresh = [e for e in errors if e.error_id in new]
        return fresh, [e for e in errors if e.error_id not in new]

    async def _patterns(
        self, errors: Sequence[StoredError]
    ) -> tuple[dict[GroupKey, PatternId], set[GroupKey]]:
        """Return the pattern of each group, making those that are new."""
        first: dict[GroupKey, StoredError] = {}
        for error in errors:
            first.setdefault((error.project_id, error.entry.fingerprint.group_id), error)
        keys = sorted(first)
        known = await self._known_groups(keys)
        known |= await self._inherited(first, known)
        new = {key for key in keys if key not in known}
        for key in sorted(new):
            await self._run("add_pattern", **pattern_values(first[key]))
            await self._run(
                "add_group",
                project_id=key[0],
                group_id=key[1],
                pattern_hash=first[key].entry.fingerprint.hash,
                template_id=template.id if (template := first[key].template) else None,
            )
        if new:
            known |= await self._known_groups(sorted(new))
        return known, new

    async def _inherited(
        self, first: Mapping[GroupKey, StoredError], known: Mapping[GroupKey, PatternId]
    ) -> dict[GroupKey, PatternId]:
        """Give unknown groups the pattern that the fingerprint of the version before knows the error by."""
        former = {
            key: (key[0], fingerprint.group_id)
            for key, error in first.items()
            if key not in known and (fingerprint := error.entry.former) is not None
        }
        homes = await self._known_groups(sorted(former.values()))
        heirs = [(*key, homes[was]) for key, was in sorted(former.items()) if was in homes]
        if not heirs:
            return {}
        await self._run(
            "inherit_groups",
            projects=[heir[0] for heir in heirs],
            groups=[heir[1] for heir in heirs],
            patterns=[heir[2] for heir in heirs],
        )
        return await self._known_groups([(heir[0], heir[1]) for heir in heirs])

    async def _known_groups(self, keys: Sequence[GroupKey]) -> dict[GroupKey, PatternId]:
        if not keys:
            return {}
        rows = await self._rows(
            "known_groups",
            projects=number_array([k[0] for k in keys]),
            groups=bytes_array([k[1] for k in keys]),
        )
        return {(ProjectId(p), GroupId(bytes(g))): PatternId(i) for p, g, i in rows}

    async def _copy(self, errors: Sequence[StoredError]) -> None:
        if not errors:
            return
        for day in sorted({e.event.timestamp.date() for e in errors} - self._days):
            await self._run("ensure_partition", day=day)
            self._days.add(day)
        cursor = await self._cursor()
        async with cursor.copy(_NAMED["copy_errors"]) as copy:
            copy.set_types(ERROR_TYPES)
            for error in errors:
                await copy.write_row(error_row(error))
        subjects = sorted(
            {(e.project_id, key, e.event.timestamp, e.error_id) for e in errors for key in e.subject_keys}
        )
        if subjects:
            async with cursor.copy(_NAMED["copy_subjects"]) as copy:
                copy.set_types(("int4", "bytea", "timestamptz", "uuid"))
                for row in subjects:
                    await copy.write_row(row)

    async def _count(
        self, rollups: Rollups, patterns: Mapping[GroupKey, PatternId], new: set[GroupKey]
    ) -> tuple[PatternChange, ...]:
        if not rollups.groups:
            return ()
        await self._learn(rollups)
        cap(rollups, tags=self._tags, releases=self._releases)
        await self._roll_up(rollups)
        return await self._touch(rollups, patterns, new)

    async def _learn(self, rollups: Rollups) -> None:
        """Load what the caps must know of days this worker has not written yet."""
        days: list[TagDay] = sorted({(p, g, d) for p, g, d, _, _ in rollups.days})
        for values, statement in ((self._tags, "known_tag_values"), (self._releases, "known_releases")):
            missing = values.missing(days)
            if not missing:
                continue
            found: dict[TagDay, dict[str, set[str]]] = {day: {} for day in missing}
            for project, group, bucket, key, value in await self._rows(
                statement,
                projects=[day[0] for day in missing],
                groups=[day[1] for day in missing],
                buckets=[day[2] for day in missing],
            ):
                day = (ProjectId(project), GroupId(bytes(group)), bucket)
                found[day].setdefault(key, set()).add(value)
            for day, known in found.items():
                values.learn(day, known)

    async def _users(self, rollups: Rollups) -> dict[PatternKey, int]:
        if not rollups.users:
            return {}
        rows = sorted(rollups.users)
        gained = await self._rows(
            "add_users",
            projects=number_array([r[0] for r in rows]),
            groups=bytes_array([r[1] for r in rows]),
            users=bytes_array([r[2] for r in rows]),
            days=time_array([r[3] for r in rows]),
        )
        return {(ProjectId(p), PatternId(i)): n for p, i, n in gained}

    async def _roll_up(self, rollups: Rollups) -> None:
        minutes = sorted(rollups.minutes.items())
        await self._run(
            "add_minutes",
            shard=self._shard,
            projects=number_array([k[0] for k, _ in minutes]),
            buckets=time_array([k[1] for k, _ in minutes]),
            groups=bytes_array([k[2] for k, _ in minutes]),
            counts=number_array([n for _, n in minutes]),
        )
        severities = sorted(rollups.severities.items())
        await self._run(
            "add_minute_severities",
            shard=self._shard,
            projects=[k[0] for k, _ in severities],
            buckets=[k[1] for k, _ in severities],
            severities=[k[2] for k, _ in severities],
            counts=[n for _, n in severities],
        )
        for name, first, second, rows in (
            ("add_hours", "environments", "releases", rollups.hours),
            ("add_days", "environments", "releases", rollups.days),
            ("add_day_tags", "keys", "values", rollups.tags),
        ):
            items = sorted(rows.items())
            columns = {
                "projects": number_array([k[0] for k, _ in items]),
                "groups": bytes_array([k[1] for k, _ in items]),
                "buckets": time_array([k[2] for k, _ in items]),
                first: text_array([k[3] for k, _ in items]),
                second: text_array([k[4] for k, _ in items]),
                "counts": number_array([n for _, n in items]),
            }
            if items:
                await self._run(name, shard=self._shard, **columns)

    async def _touch(
        self,
        rollups: Rollups,
        patterns: Mapping[GroupKey, PatternId],
        new: set[GroupKey],
    ) -> tuple[PatternChange, ...]:
        """Add the sums to the patterns and reopen those that came back."""
        sums: dict[PatternKey, list[Any]] = {}
        for key in sorted(rollups.groups):
            group, pattern = rollups.groups[key], (key[0], patterns[key])
            row = sums.get(pattern)
            if row is None:
                seen = (group.first_seen, group.last_seen)
                sums[pattern] = [group.count, *seen, group.severity, group.release]
                continue
            row[0] += group.count
            row[1] = min(row[1], group.first_seen)
            row[2], row[4] = max((row[2], row[4]), (group.last_seen, group.release))
            row[3] = max(row[3], group.severity, key=lambda severity: severity.rank)
        ids = sorted(sums)
        projects, numbers = [i[0] for i in ids], [i[1] for i in ids]
        rows = [sums[i] for i in ids]
        await self._rows("lock_patterns", projects=projects, patterns=numbers)
        users = await self._users(rollups)
        last_seen = [row[2] for row in rows]
        reopened = await self._rows(
            "reopen_patterns", projects=projects, patterns=numbers, last_seen=last_seen
        )
        await self._run(
            "count_patterns",
            projects=projects,
            patterns=numbers,
            counts=[row[0] for row in rows],
            users=[users.get(i, 0) for i in ids],
            first_seen=[row[1] for row in rows],
            last_seen=last_seen,
            severities=[row[3].value for row in rows],
            ranks=[row[3].rank for row in rows],
            releases=[row[4] for row in rows],
        )
        regressed = {(p, i) for p, i, action in reopened if action == "regressed"}
        is_new = {(key[0], patterns[key]) for key in new}
        return tuple(
            PatternChange(
                project_id=i[0],
                pattern_id=i[1],
                count=sums[i][0],
                is_new=i in is_new,
                is_regression=i in regressed,
            )
            for i in ids
        )

    async def _outcomes(self, outcomes: Sequence[OutcomeCount]) -> None:
        totals: Counter[tuple[ProjectId, datetime, str, str, str]] = Counter()
        for o in outcomes:
            totals[o.project_id, o.hour, o.category.value, o.outcome.value, o.reason] += o.quantity
        rows = sorted(totals.items())
        if rows:
            await self._run(
                "add_outcomes",
                shard=self._shard,
                projects=[k[0] for k, _ in rows],
                hours=[k[1] for k, _ in rows],
                categories=[k[2] for k, _ in rows],
                outcomes=[k[3] for k, _ in rows],
                reasons=[k[4] for k, _ in rows],
                quantities=[n for _, n in rows],
            )

    async def _received(self, slot: int, finished: Sequence[SegmentTotals]) -> None:
        totals: Counter[tuple[ProjectId, datetime, str]] = Counter()
        for segment in finished:
            for c in segment.counts:
                totals[c.project_id, c.hour, c.category.value] += c.quantity
        rows = sorted(totals.items())
        if rows:
            await self._run(
                "add_received",
                slot=slot,
                projects=[k[0] for k, _ in rows],
                hours=[k[1] for k, _ in rows],
                categories=[k[2] for k, _ in rows],
                quantities=[n for _, n in rows],
            )

    async def _bury(self, letters: Sequence[DeadLetter]) -> None:
        for letter in letters:
            await self._run(
                "add_dead_letter",
                project_id=letter.project_id,
                received_at=letter.received_at,
                kind=letter.kind.value,
                event_id=letter.event_id,
                reason=letter.reason,
                detail=letter.detail,
                attempts=letter.attempts,
                body=letter.body,
            )
        hours = [(letter, _hour(letter.received_at)) for letter in letters]
        await self._outcomes(
            [
                OutcomeCount(
                    project_id=letter.project_id,
                    category=ItemCategory.ERROR,
                    hour=hour,
                    outcome=OutcomeKind.DEAD_LETTER,
                    reason=letter.reason,
                    quantity=1,
                )
                for letter, hour in hours
            ]
        )

    async def _replace(self, letter_id: int, batch: StoreBatch | None) -> CommitResult | None:
        rows = await self._rows("remove_dead_letter", id=letter_id)
        if not rows:
            msg = f"There is no dead letter {letter_id}."
            raise NotFoundError(msg)
        project_id, received_at, reason = rows[0]
        hour = _hour(received_at)
        moved = [_moved(project_id, hour, OutcomeKind.DEAD_LETTER, reason, -1)]
        if batch is None:
            moved.append(_moved(project_id, hour, OutcomeKind.FILTERED, "dropped", 1))
        result = (
            None if batch is None else await self._store(batch)
        )  # first: it takes the map before any count
        await self._outcomes(moved)
        return result

    def _forget(self) -> None:
        """Read again what the caps and partitions know: the transaction that taught it may be undone."""
        self._tags.forget()
        self._releases.forget()
        self._days.clear()


def _hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _moved(
    project_id: ProjectId, hour: datetime, outcome: OutcomeKind, reason: str, quantity: int
) -> OutcomeCount:
    return OutcomeCount(
        project_id=project_id,
        category=ItemCategory.ERROR,
        hour=hour,
        outcome=outcome,
        reason=reason,
        quantity=quantity,
    )


def _ended(errors: Sequence[StoredError], outcome: OutcomeKind) -> list[OutcomeCount]:
    minutes = Counter([(e.project_id, e.created_at.replace(second=0, microsecond=0)) for e in errors])
    return [_moved(project, _hour(at), outcome, "", quantity) for (project, at), quantity in minutes.items()]
