"""What every ``QueryStore`` promises; each adapter's subclass makes a store with ``errors()``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest

from error_manager.core.encoding import event_to_json
from error_manager.core.errors import NotFoundError, ValidationError
from error_manager.core.ids import uuid7
from error_manager.core.search import parse_search
from error_manager.core.types import (
    CatalogEntry,
    ErrorEvent,
    ErrorId,
    EventId,
    ExceptionInfo,
    Fingerprint,
    ItemCategory,
    OutcomeKind,
    PatternId,
    PatternStatus,
    ProjectId,
    Severity,
)
from error_manager.storage.base import (
    Bucket,
    Collection,
    ErrorFilter,
    PatternFilter,
    PatternOrder,
    PatternRow,
    QueryStore,
    StoredError,
    Window,
)
from error_manager.storage.compression import BodyCodec
from error_manager.storage.findings import PatternAnalysis

PROJECT = ProjectId(1)
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
NOON = TODAY - timedelta(hours=12)
"""Noon of yesterday (UTC): the last error of the set."""
_KINDS = (
    # group, title, message, module, code, severity, release, environment
    (0, "TimeoutError", "TimeoutError: read failed on redis", "shop.cache", "TimeoutError", Severity.ERROR),
    (1, "KeyError", "KeyError: 'price'", "shop.cart", "KeyError", Severity.CRITICAL),
    (2, "Disk is 91 % full", "Disk is 91 % full", "ops.disk", "LOG_WARNING", Severity.WARNING),
)
_codec = BodyCodec()


def error(
    number: int,
    *,
    kind: int,
    hours_ago: int,
    detail: str = "",
    project: int = 1,
    group: int | None = None,
    severity: Severity | None = None,
) -> StoredError:
    """Return the ``number``-th error of a kind, ``hours_ago`` before ``NOON``, also in a group of its own."""
    usual_group, title, message, module, code, usual_severity = _KINDS[kind]
    group, severity = usual_group if group is None else group, severity or usual_severity
    at = NOON - timedelta(hours=hours_ago) + timedelta(milliseconds=number)
    event = ErrorEvent(
        event_id=EventId(f"{project:02x}{number:030x}"),
        timestamp=at,
        message=message + detail,
        severity=severity,
        stack_trace=f"in {module}: line {number}",
        exceptions=(ExceptionInfo(type=title, value=message),),
        environment="production" if number % 2 else "staging",
        release=f"shop@{number % 3}",
        tags=(("browser", f"Firefox {number % 2}"),),
        platform="python",
    )
    entry = CatalogEntry(
        module=module,
        error_code=code,
        severity=severity,
        title=title,
        culprit=f"handle in {module}",
        template=message,
        fingerprint=Fingerprint(version=0, parts=(title,), hash=f"{group:02x}" * 32),
    )
    return StoredError(
        error_id=ErrorId(uuid7(at, os.urandom(10))),
        project_id=ProjectId(project),
        event=event,
        entry=entry,
        created_at=at + timedelta(seconds=1),
        body=_codec.compress(ProjectId(project), msgspec.json.encode(event_to_json(event)))[1],
        user_key=bytes([number % 4]) * 16,
    )


def errors() -> list[StoredError]:
    """Return 30 timeouts in five days, 6 key errors in six hours, 2 warnings, one of project 2."""
    made = [error(n, kind=0, hours_ago=4 * n) for n in range(30)]
    made += [error(100 + n, kind=1, hours_ago=n, detail=f" of order-{n}") for n in range(6)]
    made += [error(200 + n, kind=2, hours_ago=48) for n in range(2)]
    made.append(error(300, kind=1, hours_ago=1, project=2))
    return made


SPANS = tuple((TODAY - timedelta(days=start), TODAY - timedelta(days=end)) for start, end in ((9, 7), (6, 2)))
"""When the contract's errors were taken in."""
ANALYSES = (("TimeoutError", "rising", 61.5), ("KeyError", "ongoing", 0.0))
"""Title, state and risk of what is told of the patterns of project 1, each state since ``NOON``."""
DAYS = Window(bucket=Bucket.DAY, since=TODAY - timedelta(days=6), until=TODAY)


def analyses(rows: Iterable[PatternRow]) -> dict[PatternId, PatternAnalysis]:
    """Return what is told of the patterns that a store lists."""
    told = {title: (state, risk) for title, state, risk in ANALYSES}
    return {
        row.id: PatternAnalysis(
            project_id=row.project_id, pattern_id=row.id, updated_at=NOON, state=told[row.title][0],
            state_since=NOON, risk=told[row.title][1],
        )
        for row in rows
        if row.project_id == PROJECT and row.title in told
    }  # fmt: skip


async def listed(store: QueryStore, typed: str = "", **filters: object) -> list[PatternRow]:
    """Return the patterns of project 1 that a search and filters find, most frequent first."""
    parsed = parse_search(typed)
    where = replace(PatternFilter(project_ids=(PROJECT,), text=parsed.text, fields=parsed.fields), **filters)
    page = await store.list_patterns(where, order=PatternOrder.COUNT, limit=50, cursor=None, trend=DAYS)
    return list(page.items)


async def titles(store: QueryStore, typed: str = "", **filters: object) -> list[str]:
    """Return the titles of ``listed``."""
    return [row.title for row in await listed(store, typed, **filters)]


class QueryStoreContract:
    """The suite. A subclass has a fixture ``store`` holding ``errors()``, taken in in ``SPANS``.

    Of its patterns ``analyses()`` are told.
    """

    async def test_tells_when_errors_were_taken_in(self, store: QueryStore) -> None:
        """The first of all is told whether or not any span ended since."""
        found = await store.collection(since=TODAY - timedelta(days=5))
        assert found == Collection(first=SPANS[0][0], spans=SPANS[1:])
        assert await store.collection(since=TODAY) == Collection(first=SPANS[0][0], spans=())

    async def test_lists_patterns_with_counts_users_and_trend(self, store: QueryStore) -> None:
        """All of it agrees with the errors stored."""
        rows = await listed(store)
        assert [(row.title, row.count, row.users) for row in rows] == [
            ("TimeoutError", 30, 4),
            ("KeyError", 6, 4),
            ("Disk is 91 % full", 2, 2),
        ]
        assert [sum(row.trend) for row in rows] == [30, 6, 2]
        assert len(rows[0].trend) == 6
        assert rows[0].last_seen == NOON
        assert rows[1].severity is Severity.CRITICAL

    async def test_rows_tell_state_and_risk_and_can_be_sorted_by_it(self, store: QueryStore) -> None:
        """The riskiest first; of what nobody has looked at nothing is said, and it comes last."""
        where = PatternFilter(project_ids=(PROJECT,))
        page = await store.list_patterns(where, order=PatternOrder.RISK, limit=50, cursor=None, trend=DAYS)
        told = [(row.title, row.state, row.risk, row.state_since) for row in page.items]
        assert told == [
            *((title, state, risk, NOON) for title, state, risk in ANALYSES),
            ("Disk is 91 % full", None, None, None),
        ]
        first = page.items[0]
        assert (await store.pattern(first.id)).risk == first.risk
        by_count = await listed(store, since=TODAY - timedelta(days=30))
        assert [row.risk for row in by_count] == [61.5, 0.0, None]

    @pytest.mark.parametrize("order", list(PatternOrder))
    async def test_pages_follow_one_another_in_every_order(
        self, store: QueryStore, order: PatternOrder
    ) -> None:
        """Pages of one hold what one page of all holds, each pattern once."""
        everything = await store.list_patterns(
            PatternFilter(), order=order, limit=50, cursor=None, trend=DAYS
        )
        found, cursor = [], None
        for _ in range(10):
            page = await store.list_patterns(PatternFilter(), order=order, limit=1, cursor=cursor, trend=DAYS)
            found += [row.id for row in page.items]
            cursor = page.next
            if cursor is None:
                break
        assert found == [row.id for row in everything.items]
        assert len(set(found)) == 4

    @pytest.mark.parametrize("cursor", ["", "x", "WyJ4IiwieSJd", "bnVsbA", "a" * 300, "é"])
    async def test_a_wrong_cursor_is_named(self, store: QueryStore, cursor: str) -> None:
        """Not a crash, not another page."""
        with pytest.raises(ValidationError, match="cursor"):
            await store.list_patterns(
                PatternFilter(), order=PatternOrder.COUNT, limit=1, cursor=cursor, trend=DAYS
            )
        with pytest.raises(ValidationError, match="cursor"):
            await store.list_errors(ErrorFilter(), limit=1, cursor=cursor)

    @pytest.mark.parametrize(
        ("typed", "expected"),
        [
            ("redis", ["TimeoutError"]),
            ("REDIS failed", ["TimeoutError"]),
            ('"read failed"', ["TimeoutError"]),
            ('"failed read"', []),
            ("imeoutErr", ["TimeoutError"]),
            ("order-3", ["KeyError"]),
            ("-redis", ["KeyError", "Disk is 91 % full"]),
            ("shop -redis", ["KeyError"]),
            ("type:keyerror", ["KeyError"]),
            ("-type:KeyError", ["TimeoutError", "Disk is 91 % full"]),
            ("module:shop.cart", ["KeyError"]),
            ("code:LOG_WARNING", ["Disk is 91 % full"]),
            ("severity:critical", ["KeyError"]),
            ("-level:error -level:warning", ["KeyError"]),
            ('browser:"Firefox 1"', ["TimeoutError", "KeyError", "Disk is 91 % full"]),
            ("browser:Opera", []),
            ("is:unresolved", ["TimeoutError", "KeyError", "Disk is 91 % full"]),
            ("is:resolved", []),
            ("is:nonsense", []),
            ("91 %", ["Disk is 91 % full"]),
        ],
    )
    async def test_search(self, store: QueryStore, typed: str, expected: list[str]) -> None:
        """Words, phrases, parts of titles, values of single errors, negation and fields."""
        assert await titles(store, typed) == expected

    @pytest.mark.parametrize(
        "typed",
        ["%", "_", "'", "''; --", "\\", "$$", "a:*&|!(b", ":", "<->", "&", "(", "{}", "%s", "%(x)s", '"', "-",
         "\x00", '-"', "!", "a <2> b", "\ud800", "or", "or or", "-or", "é" * 500],
    )  # fmt: skip
    async def test_no_search_is_an_error(self, store: QueryStore, typed: str) -> None:
        """Metacharacters of SQL, LIKE and tsquery are characters."""
        for search in (typed, f"redis {typed}", f"-{typed}", f"module:{typed}", f"tag.x:{typed}"):
            await listed(store, search)
            parsed = parse_search(typed)
            await store.list_errors(ErrorFilter(text=parsed.text), limit=5, cursor=None)

    async def test_counts_of_a_range_are_exact(self, store: QueryStore) -> None:
        """For every pair of hours, counts equal those of the errors in between."""
        stored = [e for e in errors() if e.project_id == PROJECT]
        for start, hours in ((1, 1), (5, 5), (40, 30), (60, 49), (110, 100), (23, 24)):
            since = NOON - timedelta(hours=start)
            until = since + timedelta(hours=hours)
            expected: dict[str, int] = {}
            for one in stored:
                if since <= one.event.timestamp < until:
                    expected[one.entry.title] = expected.get(one.entry.title, 0) + 1
            rows = await listed(store, since=since, until=until)
            assert {row.title: row.count for row in rows} == expected

    async def test_environment_and_release_narrow_the_counts(self, store: QueryStore) -> None:
        """Fifteen of thirty ran in production, ten have release 1, five both."""
        assert [row.count for row in await listed(store, environment="production")] == [15, 3, 1]
        assert (await listed(store, release="shop@1"))[0].count == 10
        assert (await listed(store, "env:production release:shop@1"))[0].count == 5
        assert (await listed(store, "-env:production"))[0].count == 15

    async def test_lists_errors_newest_first_in_pages(self, store: QueryStore) -> None:
        """All 38 of the project, none twice, in order."""
        found, cursor = [], None
        while True:
            page = await store.list_errors(ErrorFilter(project_ids=(PROJECT,)), limit=7, cursor=cursor)
            found += list(page.items)
            cursor = page.next
            if cursor is None:
                break
        assert len({row.id for row in found}) == len(found) == 38
        assert [row.timestamp for row in found] == sorted((row.timestamp for row in found), reverse=True)

    async def test_filters_errors(self, store: QueryStore) -> None:
        """By each field, by words, and by what may not occur."""

        async def count(typed: str = "", **filters: object) -> int:
            parsed = parse_search(typed)
            where = replace(
                ErrorFilter(project_ids=(PROJECT,), text=parsed.text, fields=parsed.fields), **filters
            )
            return len((await store.list_errors(where, limit=100, cursor=None)).items)

        assert await count(module="shop.cart") == 6
        assert await count(error_code="LOG_WARNING") == 2
        assert await count(severities=(Severity.CRITICAL, Severity.WARNING)) == 8
        assert await count(environment="production", release="shop@1") == 6
        assert await count("order-3") == 1
        assert await count("-redis") == 8
        assert await count("env:staging -module:shop.cache") == 4
        assert await count(since=NOON - timedelta(hours=3)) == 5
        assert await count("severity:Critical") == 6
        assert await count("module:shop.cache", module="shop.cart") == 0
        assert await count("severity:error", severities=(Severity.CRITICAL,)) == 0
        with pytest.raises(ValidationError, match="browser"):
            await count("browser:Firefox")

    async def test_finds_an_error_by_either_id(self, store: QueryStore) -> None:
        """Ours and the client's lead to the same error, with all that was kept."""
        (newest, *_) = (
            await store.list_errors(ErrorFilter(project_ids=(PROJECT,)), limit=1, cursor=None)
        ).items
        by_ours = await store.error(newest.id)
        by_theirs = await store.error(UUID(newest.event_id))
        assert by_ours == by_theirs
        assert by_ours.event.exceptions[-1].type == by_ours.event.message.split(":")[0]
        with pytest.raises(NotFoundError):
            await store.error(newest.id, project_ids=(ProjectId(2),))

    @pytest.mark.parametrize("reference", [UUID(int=0), UUID(int=2**128 - 1), UUID(int=7 << 76 | 2 << 62)])
    async def test_an_unknown_error_is_not_found(self, store: QueryStore, reference: UUID) -> None:
        """Whatever time its id claims."""
        with pytest.raises(NotFoundError):
            await store.error(reference)

    async def test_neighbors_walk_through_the_pattern(self, store: QueryStore) -> None:
        """From the newest back to the oldest and forth again, each error once."""
        (row, *_) = await listed(store)
        newest = await store.latest_error(row.id)
        assert newest is not None
        seen = [newest]
        while (previous := (await store.error(seen[-1])).previous_id) is not None:
            assert (await store.error(previous)).next_id == seen[-1]
            seen.append(previous)
        assert len(set(seen)) == 30
        assert (await store.error(newest)).next_id is None

    async def test_history_has_every_bucket(self, store: QueryStore) -> None:
        """Zeros included; hours and days sum to the same."""
        (row, *_) = await listed(store)
        hours = Window(bucket=Bucket.HOUR, since=DAYS.since, until=DAYS.until)
        by_day = await store.history(row.id, window=DAYS)
        by_hour = await store.history(row.id, window=hours)
        assert (len(by_day), len(by_hour)) == (6, 144)
        assert sum(p.count for p in by_day) == sum(p.count for p in by_hour) == 30
        production = await store.history(row.id, window=DAYS, environment="production")
        assert sum(p.count for p in production) == 15
        for window in (DAYS, hours):
            everything = await store.history(None, project_ids=(PROJECT,), window=window)
            assert sum(p.count for p in everything) == 38

    async def test_tags_users_releases_and_environments(self, store: QueryStore) -> None:
        """Each counts what the errors of the pattern carry."""
        (row, *_) = await listed(store)
        browser = next(tag for tag in await store.tags(row.id, values=1) if tag.key == "browser")
        assert (browser.total, browser.distinct, len(browser.values)) == (30, 2, 1)
        users = await store.users(row.id)
        assert (users.total, len(users.days)) == (4, 6)
        later = await store.users(row.id, since=NOON - timedelta(days=2))
        assert (later.total, later.days) == (4, users.days[-3:])
        assert {r.value: r.count for r in await store.releases(row.id)} == {
            "shop@0": 10, "shop@1": 10, "shop@2": 10
        }  # fmt: skip
        assert {e.value: e.count for e in await store.environments(row.id)} == {
            "production": 15,
            "staging": 15,
        }
        everywhere = await store.environments(None, project_ids=(PROJECT,))
        assert sum(e.count for e in everywhere) == 38

    async def test_status_changes_and_their_undo(self, store: QueryStore) -> None:
        """Each change is listed and can be taken back, one after the other."""
        (row, *_) = await listed(store)
        now = datetime.now(UTC)
        until = now + timedelta(days=1)
        resolved = await store.change_status(
            row.id,
            PatternStatus.RESOLVED,
            ignore_until=None,
            person_id=None,
            now=now,
            note="pool doubled",
            release="1.2",
        )
        ignored = await store.change_status(
            row.id, PatternStatus.IGNORED, ignore_until=until, person_id=None, now=now
        )
        assert (resolved.status, ignored.status, ignored.ignore_until) == (
            PatternStatus.RESOLVED, PatternStatus.IGNORED, until
        )  # fmt: skip
        assert await titles(store, "is:ignored") == ["TimeoutError"]
        once = await store.undo(row.id, person_id=None, now=now)
        twice = await store.undo(row.id, person_id=None, now=now)
        assert (once.status, once.ignore_until, twice.status) == (
            PatternStatus.RESOLVED, None, PatternStatus.UNRESOLVED
        )  # fmt: skip
        with pytest.raises(NotFoundError, match="undo"):
            await store.undo(row.id, person_id=None, now=now)
        changes = (await store.changes(row.id))[:4]
        assert [change.action for change in changes] == ["undone", "undone", "ignored", "resolved"]
        assert [(change.note, change.release) for change in changes] == [("", "")] * 3 + [
            ("pool doubled", "1.2")
        ]

    async def test_a_weight_is_kept_with_its_history_and_undone(self, store: QueryStore) -> None:
        """The same again is no change; an undo puts back the last one, of weight or status."""
        (row, *_) = await listed(store)
        now = datetime.now(UTC)
        assert row.weight == 1.0
        for weight in (2.0, 2.0, 0.3):
            changed = await store.change_weight(row.id, weight, person_id=None, now=now)
            assert changed.weight == (await store.pattern(row.id)).weight == weight
        assert (await listed(store))[0].weight == 0.3
        await store.change_status(row.id, PatternStatus.RESOLVED, ignore_until=None, person_id=None, now=now)
        for status, weight in (("unresolved", 0.3), ("unresolved", 2.0), ("unresolved", 1.0)):
            undone = await store.undo(row.id, person_id=None, now=now)
            assert (undone.status, undone.weight) == (status, weight)
        changes = [(one.action, one.weight, one.undone) for one in await store.changes(row.id)][:6]
        assert changes == [
            ("undone", None, "weighted"),
            ("undone", None, "weighted"),
            ("undone", None, "resolved"),
            ("resolved", None, ""),
            ("weighted", 0.3, ""),
            ("weighted", 2.0, ""),
        ]
        with pytest.raises(NotFoundError):
            await store.change_weight(row.id, 2.0, project_ids=(ProjectId(2),), person_id=None, now=now)

    async def test_unknown_patterns_are_not_found(self, store: QueryStore) -> None:
        """Also those of another project."""
        (row, *_) = await listed(store)
        with pytest.raises(NotFoundError):
            await store.pattern(row.id, project_ids=(ProjectId(2),))
        assert await store.patterns([row.id, PatternId(99_999)]) == {row.id: await store.pattern(row.id)}
        assert await store.patterns([row.id], project_ids=(ProjectId(2),)) == {}
        assert await store.patterns([]) == {}
        with pytest.raises(NotFoundError):
            await store.change_status(
                row.id,
                PatternStatus.RESOLVED,
                project_ids=(ProjectId(2),),
                ignore_until=None,
                person_id=None,
                now=datetime.now(UTC),
            )

    async def test_books_count_what_was_stored(self, store: QueryStore) -> None:
        """By project and category."""
        books = await store.ledger_books(project_ids=(PROJECT,), category=ItemCategory.ERROR)
        assert sum(count.quantity for count in books.outcomes) == 38
        assert {count.outcome for count in books.outcomes} == {OutcomeKind.ACCEPTED}
        everything = await store.ledger_books(category=None)
        assert sum(count.quantity for count in everything.outcomes) == 39
        nothing = await store.ledger_books(category=ItemCategory.SESSION)
        assert nothing.outcomes == ()


def chunks(items: Sequence[StoredError], size: int) -> list[list[StoredError]]:
    """Return the errors in batches."""
    return [list(items[start : start + size]) for start in range(0, len(items), size)]
