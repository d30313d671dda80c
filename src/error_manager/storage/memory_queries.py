"""In-memory twin of ``QueryStore``: answers from a list of stored errors, counting anew each time."""

from __future__ import annotations

import contextlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final
from uuid import UUID

from error_manager.core.errors import NotFoundError, ValidationError
from error_manager.core.search import split_terms
from error_manager.core.types import (
    ErrorId,
    FieldError,
    GroupId,
    ItemCategory,
    OutcomeKind,
    PatternId,
    PatternStatus,
    ProjectId,
)
from error_manager.storage.base import (
    Bucket,
    Collection,
    Cursor,
    DatabaseFacts,
    ErrorDetail,
    ErrorFilter,
    ErrorRow,
    GroupRow,
    HistoryPoint,
    LedgerBooks,
    OutcomeCount,
    Page,
    PatternChangeRow,
    PatternFilter,
    PatternOrder,
    PatternParts,
    PatternRow,
    Placement,
    ReportRow,
    StoredError,
    TagSummary,
    UserCounts,
    ValueCount,
    Window,
)
from error_manager.storage.findings import PatternAnalysis, risk_rank
from error_manager.storage.keyset import cursor_number, cursor_uuid, encode_cursor, number_cursor, time_cursor
from error_manager.storage.memory_groups import GroupKey, GroupMap, HeldPattern
from error_manager.storage.regrouping import PatternState
from error_manager.storage.rollup import facets

_STEP: Final = {Bucket.HOUR: timedelta(hours=1), Bucket.DAY: timedelta(days=1)}
_ERROR_FIELDS: Final = ("severity", "module", "code", "environment", "release")
_ACTIONS: Final = {
    PatternStatus.RESOLVED: "resolved",
    PatternStatus.IGNORED: "ignored",
    PatternStatus.UNRESOLVED: "reopened",
}
_SECONDS_TO_2100: Final = 4_102_444_800


class MemoryQueries:
    """``QueryStore`` over a list of errors; one pattern per group until they are merged."""

    def __init__(
        self,
        errors: Sequence[StoredError],
        *,
        reports: Sequence[ReportRow] = (),
        spans: Sequence[tuple[datetime, datetime]] = (),
        analyses: Mapping[PatternId, PatternAnalysis] = MappingProxyType({}),
    ) -> None:
        """Keep the errors, the reports, when errors were taken in and what is told of patterns."""
        self._analyses = analyses
        self._spans = tuple(sorted(spans))
        self._errors = sorted(errors, key=lambda e: (e.event.timestamp, e.error_id), reverse=True)
        self._reports = sorted(reports, key=lambda report: -report.id)
        self._map = GroupMap(lambda pattern_id: self._of(pattern_id, ())[0].event.timestamp)
        for error in reversed(self._errors):
            if _key(error) not in self._map.placed:
                self._map.add(_key(error), error)

    async def list_patterns(
        self, where: PatternFilter, *, order: PatternOrder, limit: int, cursor: str | None, trend: Window
    ) -> Page[PatternRow]:
        """Return patterns, worst or newest first, each with its counts over the buckets of ``trend``."""
        by_time = order in {PatternOrder.LAST_SEEN, PatternOrder.FIRST_SEEN}
        after = time_cursor(cursor) if by_time else number_cursor(cursor)
        found = [row for row in self._rows(where, trend) if self._has(row, where)]
        found.sort(key=lambda row: (_position(row, order), row.id), reverse=True)
        if after is not None:
            behind = (after[0], cursor_number(after[1]))
            found = [row for row in found if (_position(row, order), row.id) < behind]
        shown = tuple(found[:limit])
        more = len(found) > limit
        return Page(
            items=shown, next=encode_cursor(_position(shown[-1], order), shown[-1].id) if more else None
        )

    async def pattern(self, pattern_id: PatternId, *, project_ids: tuple[ProjectId, ...] = ()) -> PatternRow:
        """Return one pattern, without trend; the one it was merged into when it was."""
        errors = self._of(self._map.find(pattern_id, project_ids).id, project_ids)
        return self._row(errors, len(errors), ())

    async def patterns(
        self, pattern_ids: Sequence[PatternId], *, project_ids: tuple[ProjectId, ...] = ()
    ) -> dict[PatternId, PatternRow]:
        """Return patterns by the id that was asked for (see the protocol)."""
        found: dict[PatternId, PatternRow] = {}
        for number in pattern_ids:
            with contextlib.suppress(NotFoundError):
                found[number] = await self.pattern(number, project_ids=project_ids)
        return found

    async def list_errors(self, where: ErrorFilter, *, limit: int, cursor: str | None) -> Page[ErrorRow]:
        """Return errors, newest first."""
        after = time_cursor(cursor)
        behind = (after[0], cursor_uuid(after[1])) if after else None
        unknown = [name.removeprefix("tag.") for name, _, _ in where.fields if name not in _ERROR_FIELDS]
        if unknown:
            raise ValidationError([FieldError(path="q", message=f"`{name}:` is unknown") for name in unknown])
        found = [
            error
            for error in self._errors
            if self._is_listed(error, where)
            and (behind is None or (error.event.timestamp, error.error_id) < behind)
        ]
        items = tuple(self._error_row(error) for error in found[:limit])
        more = len(found) > limit
        return Page(items=items, next=encode_cursor(items[-1].timestamp, items[-1].id) if more else None)

    async def error(self, reference: UUID, *, project_ids: tuple[ProjectId, ...] = ()) -> ErrorDetail:
        """Return the error with that id (ours or the client's) and its neighbors in the pattern."""
        for error in self._errors:
            if reference in {error.error_id, UUID(error.event.event_id)} and _is_in(error, project_ids):
                siblings = [other.error_id for other in self._of(self._state(error).id, ())]
                place = siblings.index(error.error_id)
                return ErrorDetail(
                    row=self._error_row(error),
                    event=error.event,
                    created_at=error.created_at,
                    fingerprint_version=error.entry.fingerprint.version,
                    placement=self._placement(_key(error)),
                    previous_id=siblings[place + 1] if place + 1 < len(siblings) else None,
                    next_id=siblings[place - 1] if place else None,
                )
        message = f"There is no error {reference}."
        raise NotFoundError(message)

    async def latest_error(
        self, pattern_id: PatternId, *, project_ids: tuple[ProjectId, ...] = ()
    ) -> ErrorId | None:
        """Return the newest error of a pattern, or None."""
        return next((error.error_id for error in self._of(pattern_id, project_ids)), None)

    async def history(
        self,
        pattern_id: PatternId | None,
        *,
        project_ids: tuple[ProjectId, ...] = (),
        window: Window,
        environment: str = "",
        release: str = "",
    ) -> tuple[HistoryPoint, ...]:
        """Return errors per bucket, oldest first, zeros included."""
        errors = [
            error
            for error in self._of(pattern_id, project_ids)
            if environment in {"", error.event.environment} and release in {"", error.event.release}
        ]
        return tuple(
            HistoryPoint(start=start, count=count)
            for start, count in zip(_starts(window), _counts(errors, window), strict=True)
        )

    async def collection(self, *, since: datetime) -> Collection:
        """Return when errors were taken in since then."""
        first = self._spans[0][0] if self._spans else None
        return Collection(first=first, spans=tuple(span for span in self._spans if span[1] >= since))

    async def tags(
        self,
        pattern_id: PatternId,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        values: int = 10,
    ) -> tuple[TagSummary, ...]:
        """Return the tags of a pattern with their top values, most frequent key first."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for error in self._of(pattern_id, ()):
            if _is_between(error, since, until):
                for key, value in facets(error.event):
                    found[key][value] += error.event.occurrences
        summaries = (
            TagSummary(
                key=key,
                total=counts.total(),
                distinct=len(counts),
                values=tuple(ValueCount(value=value, count=n) for value, n in counts.most_common(values)),
            )
            for key, counts in found.items()
        )
        return tuple(sorted(summaries, key=lambda tag: (-tag.total, tag.key)))

    async def users(self, pattern_id: PatternId, *, since: datetime | None = None) -> UserCounts:
        """Return how many users a pattern hit, in all and by UTC day from a time on."""
        hits = {(e.event.timestamp.date(), e.user_key) for e in self._of(pattern_id, ()) if e.user_key}
        days = Counter(day for day, _ in hits if since is None or day >= since.date())
        return UserCounts(total=len({user for _, user in hits}), days=tuple(sorted(days.items())))

    async def releases(
        self, pattern_id: PatternId | None, *, project_ids: tuple[ProjectId, ...] = (), limit: int = 50
    ) -> tuple[ValueCount, ...]:
        """Return the releases of a pattern (None = of the projects)."""
        return self._values(pattern_id, project_ids, limit, lambda error: error.event.release)

    async def environments(
        self, pattern_id: PatternId | None, *, project_ids: tuple[ProjectId, ...] = (), limit: int = 50
    ) -> tuple[ValueCount, ...]:
        """Return the environments of a pattern (None = of the projects)."""
        return self._values(pattern_id, project_ids, limit, lambda error: error.event.environment)

    async def changes(self, pattern_id: PatternId, *, limit: int = 20) -> tuple[PatternChangeRow, ...]:
        """Return what was done to a pattern, newest first."""
        return tuple(self._map.lines(pattern_id)[:limit])

    async def change_status(
        self,
        pattern_id: PatternId,
        status: PatternStatus,
        *,
        project_ids: tuple[ProjectId, ...] = (),
        ignore_until: datetime | None,
        person_id: int | None,  # noqa: ARG002  # names are in PostgreSQL only
        now: datetime,
        note: str = "",
        release: str = "",
    ) -> PatternRow:
        """Set the status of a pattern and keep what it was."""
        pattern = self._map.find(pattern_id, project_ids)
        state = PatternState(
            status=status,
            resolved_at=now if status is PatternStatus.RESOLVED else None,
            ignore_until=ignore_until if status is PatternStatus.IGNORED else None,
        )
        self._map.set_state(pattern, state, action=_ACTIONS[status], now=now, note=note, release=release)
        return await self.pattern(pattern.id)

    async def change_weight(
        self,
        pattern_id: PatternId,
        weight: float,
        *,
        project_ids: tuple[ProjectId, ...] = (),
        person_id: int | None,  # noqa: ARG002  # names are in PostgreSQL only
        now: datetime,
    ) -> PatternRow:
        """Set the business weight of a pattern and keep what it was."""
        pattern = self._map.find(pattern_id, project_ids)
        self._map.set_weight(pattern, weight, now=now)
        return await self.pattern(pattern.id)

    async def groups(self, pattern_id: PatternId, *, limit: int = 100) -> tuple[GroupRow, ...]:
        """Return the groups of a pattern, most frequent first."""
        pattern = self._map.patterns[pattern_id]
        keys = sorted(self._map.held_by(pattern_id), key=lambda key: (-self._size(key), key[1]))
        return tuple(self._group(key, pattern) for key in keys[:limit])

    async def comparable(self, pattern_id: PatternId, *, limit: int = 200) -> tuple[PatternParts, ...]:
        """Return patterns of the same project: those sharing most first, then the newest."""
        mine = await self.pattern(pattern_id)
        found = []
        for pattern in self._map.patterns.values():
            if pattern.id == mine.id or pattern.merged_into is not None:
                continue
            row = await self.pattern(pattern.id)
            shared = (
                (row.title == mine.title) + (row.module == mine.module) + (row.error_code == mine.error_code)
            )
            if row.project_id == mine.project_id:
                found.append((shared, row))
        found.sort(key=lambda item: (item[0], item[1].last_seen, item[1].id), reverse=True)
        return tuple(
            PatternParts(
                id=row.id,
                title=row.title,
                message=row.message,
                culprit=row.culprit,
                parts=self._map.patterns[row.id].first.entry.fingerprint.parts,
                count=row.count,
                shared=shared,
            )
            for shared, row in found[:limit]
        )

    async def merge(
        self,
        pattern_id: PatternId,
        others: tuple[PatternId, ...],
        *,
        project_ids: tuple[ProjectId, ...] = (),
        person_id: int | None,  # noqa: ARG002  # names are in PostgreSQL only
        now: datetime,
    ) -> PatternRow:
        """Move all groups of the other patterns into the first one."""
        target = self._map.find(pattern_id, project_ids)
        self._map.merge(target, others, now=now)
        return await self.pattern(target.id)

    async def split(
        self,
        pattern_id: PatternId,
        groups: tuple[GroupId, ...],
        *,
        project_ids: tuple[ProjectId, ...] = (),
        title: str,
        person_id: int | None,  # noqa: ARG002  # names are in PostgreSQL only
        now: datetime,
    ) -> PatternRow:
        """Move groups out of a pattern together; return the pattern that holds them now."""
        pattern = self._map.find(pattern_id, project_ids)
        sizes = {key: self._size(key) for key in self._map.held_by(pattern.id)}
        home = self._map.split(pattern, groups, title=title, sizes=sizes, now=now)
        return await self.pattern(home.id)

    async def undo(
        self,
        pattern_id: PatternId,
        *,
        project_ids: tuple[ProjectId, ...] = (),
        person_id: int | None,  # noqa: ARG002  # names are in PostgreSQL only
        now: datetime,
    ) -> PatternRow:
        """Take back the last change of a pattern."""
        pattern = self._map.find(pattern_id, project_ids)
        self._map.undo(pattern, now=now)
        return await self.pattern(pattern.id)

    async def ledger_books(
        self,
        *,
        project_ids: tuple[ProjectId, ...] = (),
        category: ItemCategory | None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> LedgerBooks:
        """Return what the errors say: each was accepted."""
        hours = Counter(
            (e.project_id, e.created_at.replace(minute=0, second=0, microsecond=0))
            for e in self._errors
            if _is_in(e, project_ids) and category in {None, ItemCategory.ERROR}
        )
        counts = tuple(
            OutcomeCount(
                project_id=project,
                category=ItemCategory.ERROR,
                hour=hour,
                outcome=OutcomeKind.ACCEPTED,
                reason="",
                quantity=quantity,
            )
            for (project, hour), quantity in hours.items()
            if (since is None or hour >= since) and (until is None or hour < until)
        )
        return LedgerBooks(cursors={}, received=sum(c.quantity for c in counts), outcomes=counts)

    async def reports(
        self, *, project_ids: tuple[ProjectId, ...] = (), limit: int, cursor: str | None
    ) -> Page[ReportRow]:
        """Return reports, newest first."""
        after = number_cursor(cursor)
        found = [
            report
            for report in self._reports
            if (not project_ids or report.project_id is None or report.project_id in project_ids)
            and (after is None or report.id < cursor_number(after[1]))
        ]
        more = len(found) > limit
        items = tuple(found[:limit])
        return Page(items=items, next=encode_cursor(items[-1].id, items[-1].id) if more else None)

    async def report(self, report_id: int) -> ReportRow:
        """Return one report."""
        for report in self._reports:
            if report.id == report_id:
                return report
        message = f"There is no report {report_id}."
        raise NotFoundError(message)

    async def facts(self) -> DatabaseFacts:
        """Return counts; there is no database."""
        return DatabaseFacts(
            version="memory",
            size_bytes=0,
            connections=0,
            tables=(),
            cursors={0: Cursor()},
            dead_letters=0,
            errors=len(self._errors),
            patterns=sum(pattern.merged_into is None for pattern in self._map.patterns.values()),
        )

    # --- parts ---------------------------------------------------------------------------------------------

    def _state(self, error: StoredError) -> HeldPattern:
        return self._map.patterns[self._map.placed[_key(error)].pattern]

    def _placement(self, key: GroupKey) -> Placement:
        placed = self._map.placed[key]
        return Placement(group=key[1].hex(), by=placed.by, since=placed.since)

    def _size(self, key: GroupKey) -> int:
        return sum(error.event.occurrences for error in self._errors if _key(error) == key)

    def _group(self, key: GroupKey, pattern: HeldPattern) -> GroupRow:
        placed = self._map.placed[key]
        first = self._map.patterns[placed.origin].first
        return GroupRow(
            group=key[1].hex(),
            by=placed.by,
            since=placed.since,
            title=self._map.patterns[placed.origin].title,
            message=first.event.message,
            culprit=first.entry.culprit,
            parts=first.entry.fingerprint.parts,
            version=first.entry.fingerprint.version,
            count=self._size(key),
            last_seen=max(error.event.timestamp for error in self._errors if _key(error) == key),
            is_first=pattern.hash[:32] == key[1].hex(),
        )

    def _of(self, pattern_id: PatternId | None, project_ids: tuple[ProjectId, ...]) -> list[StoredError]:
        return [
            error
            for error in self._errors
            if _is_in(error, project_ids) and pattern_id in {None, self._state(error).id}
        ]

    def _values(
        self,
        pattern_id: PatternId | None,
        project_ids: tuple[ProjectId, ...],
        limit: int,
        value: Callable[[StoredError], str],
    ) -> tuple[ValueCount, ...]:
        counts = Counter(value(error) for error in self._of(pattern_id, project_ids) if value(error))
        return tuple(ValueCount(value=name, count=n) for name, n in counts.most_common(limit))

    def _rows(self, where: PatternFilter, trend: Window) -> Iterable[PatternRow]:
        narrowing = {"environment": where.environment, "release": where.release}
        for state in self._map.patterns.values():
            errors = self._of(state.id, where.project_ids)
            counted = [
                error
                for error in errors
                if _is_between(error, where.since, where.until)
                and all(wanted in {"", getattr(error.event, name)} for name, wanted in narrowing.items())
                and _fields_hold(error, where.fields, ("environment", "release"))
            ]
            if counted:
                yield self._row(errors, len(counted), _counts(counted, trend))

    def _has(self, row: PatternRow, where: PatternFilter) -> bool:
        errors = self._of(row.id, ())
        words = split_terms(where.text)
        short = f"{row.title} {row.message} {row.culprit} {row.module} {row.error_code}".lower()
        texts = [short, *(f"{e.event.message} {e.event.stack_trace}".lower() for e in errors)]
        is_found = any(all(term.lower() in text for term in words.wanted) for text in texts)
        is_unwanted = any(term.lower() in short for term in words.unwanted)
        return (
            is_found
            and not is_unwanted
            and where.status in {None, row.status}
            and (not where.severities or row.severity in where.severities)
            and _pattern_fields_hold(row, errors, where.fields)
        )

    def _row(self, errors: Sequence[StoredError], count: int, trend: tuple[int, ...]) -> PatternRow:
        oldest, last, pattern = errors[-1], errors[0], self._state(errors[0])
        first, analysis = pattern.first, self._analyses.get(pattern.id)
        return PatternRow(
            id=pattern.id,
            project_id=first.project_id,
            pattern_hash=pattern.hash,
            title=pattern.title,
            message=first.event.message,
            culprit=first.entry.culprit,
            module=first.entry.module,
            error_code=first.entry.error_code,
            severity=max((e.entry.severity for e in errors), key=lambda severity: severity.rank),
            status=pattern.state.status,
            count=count,
            users=len({e.user_key for e in errors if e.user_key}),
            first_seen=oldest.event.timestamp,
            last_seen=last.event.timestamp,
            platform=first.event.platform,
            is_regression=pattern.state.regressed_at is not None,
            ignore_until=pattern.state.ignore_until,
            first_release=oldest.event.release,
            last_release=last.event.release,
            weight=pattern.weight,
            trend=trend,
            state=analysis.state if analysis else None,
            state_since=analysis.state_since if analysis else None,
            risk=analysis.risk if analysis else None,
        )

    def _is_listed(self, error: StoredError, where: ErrorFilter) -> bool:
        words = split_terms(where.text)
        text = f"{error.event.message} {error.event.stack_trace}".lower()
        event, entry = error.event, error.entry
        return (
            _is_in(error, where.project_ids)
            and where.pattern_id in {None, self._state(error).id}
            and all(term.lower() in text for term in words.wanted)
            and not any(term.lower() in text for term in words.unwanted)
            and (not where.severities or entry.severity in where.severities)
            and where.module in {"", entry.module}
            and where.error_code in {"", entry.error_code}
            and where.environment in {"", event.environment}
            and where.release in {"", event.release}
            and _is_between(error, where.since, where.until)
            and _fields_hold(error, where.fields, _ERROR_FIELDS)
        )

    def _error_row(self, error: StoredError) -> ErrorRow:
        return ErrorRow(
            id=error.error_id,
            event_id=error.event.event_id,
            project_id=error.project_id,
            pattern_id=self._state(error).id,
            timestamp=error.event.timestamp,
            message=error.event.message,
            module=error.entry.module,
            error_code=error.entry.error_code,
            severity=error.entry.severity,
            environment=error.event.environment,
            release=error.event.release,
            occurrences=error.event.occurrences,
        )


def _position(row: PatternRow, order: PatternOrder) -> datetime | int:
    match order:
        case PatternOrder.LAST_SEEN:
            return row.last_seen
        case PatternOrder.FIRST_SEEN:
            return row.first_seen
        case PatternOrder.COUNT:
            return row.count
        case PatternOrder.USERS:
            return row.users
        case PatternOrder.SEVERITY:
            return row.severity.rank * _SECONDS_TO_2100 + round(row.last_seen.timestamp())
        case PatternOrder.RISK:
            return risk_rank(-1.0 if row.risk is None else row.risk)


def _value(error: StoredError, name: str) -> str:
    match name:
        case "severity":
            return error.entry.severity.value
        case "module":
            return error.entry.module
        case "code":
            return error.entry.error_code
        case "environment":
            return error.event.environment
        case _:
            return error.event.release


def _fields_hold(error: StoredError, fields: Iterable[tuple[str, str, bool]], names: tuple[str, ...]) -> bool:
    asked = [(name, value, is_negated) for name, value, is_negated in fields if name in names]
    return _alternatives_hold(
        asked, lambda name, value: _value(error, name) == (value.lower() if name == "severity" else value)
    )


def _pattern_fields_hold(
    row: PatternRow, errors: Sequence[StoredError], fields: Iterable[tuple[str, str, bool]]
) -> bool:
    asked = [one for one in fields if one[0] not in {"environment", "release"}]
    attributes = {
        "type": row.title,
        "module": row.module,
        "code": row.error_code,
        "severity": row.severity.value,
        "platform": row.platform,
        "is": row.status.value,
    }

    def holds(name: str, value: str) -> bool:
        if name in attributes:
            return attributes[name].lower() == value.lower()
        wanted = (name.removeprefix("tag.").lower(), value.lower())
        return any((k.lower(), v.lower()) == wanted for error in errors for k, v in facets(error.event))

    return _alternatives_hold(asked, holds)


def _alternatives_hold(asked: Sequence[tuple[str, str, bool]], holds: Callable[[str, str], bool]) -> bool:
    """Return whether, for each field, one of its values holds and none of its negated ones does."""
    wanted: dict[str, bool] = {}
    for name, value, is_negated in asked:
        if is_negated:
            if holds(name, value):
                return False
        else:
            wanted[name] = wanted.get(name, False) or holds(name, value)
    return all(wanted.values())


def _key(error: StoredError) -> GroupKey:
    return error.project_id, error.entry.fingerprint.group_id


def _is_in(error: StoredError, project_ids: tuple[ProjectId, ...]) -> bool:
    return not project_ids or error.project_id in project_ids


def _is_between(error: StoredError, since: datetime | None, until: datetime | None) -> bool:
    time = error.event.timestamp
    return (since is None or time >= since) and (until is None or time < until)


def _starts(window: Window) -> tuple[datetime, ...]:
    step = _STEP[window.bucket]
    return tuple(window.since + n * step for n in range(-((window.since - window.until) // step)))


def _counts(errors: Iterable[StoredError], window: Window) -> tuple[int, ...]:
    step, starts = _STEP[window.bucket], _starts(window)
    counts = Counter((error.event.timestamp - window.since) // step for error in errors)
    return tuple(counts[number] for number in range(len(starts)))
