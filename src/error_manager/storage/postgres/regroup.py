"""Merges and splits patterns inside of one transaction (seed box: Pattern Tables; design D7, ADR 0009).

Only the map from groups to patterns changes, and what patterns say of their groups: errors and rollups never
move. Each change keeps in ``pattern_history.before`` what it changed, so that it can be taken back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from error_manager.core.errors import NotFoundError
from error_manager.core.types import GroupId, PatternId, PatternStatus, ProjectId, Severity
from error_manager.storage.postgres import named
from error_manager.storage.postgres.group_edges import NEWEST, OLDEST
from error_manager.storage.postgres.group_users import GROUPS_WITH_USERS, USER_COUNT
from error_manager.storage.postgres.reader import some
from error_manager.storage.regrouping import (
    PERSON,
    TEMPLATE,
    PatternState,
    caught_up,
    check_groups,
    check_members,
    in_the_way,
    joined_state,
)

_NAMED: Final = named.load("groups.sql")
_SQL: Final[Mapping[str, sql.SQL | sql.Composed]] = {
    **_NAMED,
    "joined_users": _NAMED["joined_users"].format(count_new_users=named.load("store.sql")["count_new_users"]),
    "compared_users": _NAMED["compared_users"].format(groups=GROUPS_WITH_USERS, count=USER_COUNT),
    "recount": _NAMED["recount"].format(groups=GROUPS_WITH_USERS, count=USER_COUNT),
    "respan": _NAMED["respan"].format(oldest=OLDEST, newest=NEWEST),
}
_STATUS_SQL: Final = named.load("patterns.sql")
_RANKS: Final = tuple(Severity)
_MANY_USERS: Final = 1_000
"""Fewer users that join a pattern are looked up among its users, one by one: 12 us each."""
_SHARE: Final = 8
"""So many times the users that join may be read instead: .3 us for each of their five days or so."""

Connection = psycopg.AsyncConnection[tuple[Any, ...]]
Line = dict[str, Any]
"""A line of history to be written: ``id`` of the pattern, ``action``, and ``before``."""
Placed = dict[str, Any]
"""Where a group is: the columns of its row, as ``place_groups`` takes them back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A pattern that takes part, as it was when it was locked."""

    id: PatternId
    title: str
    pattern_hash: str
    merged_into: PatternId | None
    state: PatternState
    first_seen: datetime
    last_seen: datetime
    first_release: str
    last_release: str
    severity: Severity
    count: int
    users: int

    @property
    def first_group(self) -> str:
        """Return the id of the group that gave the pattern its name."""
        return self.pattern_hash[:32]

    def kept(self) -> dict[str, Any]:
        """Return what an undo must know, as ``set_patterns`` takes it back."""
        times = {
            name: time.isoformat() if (time := getattr(self.state, name)) else None
            for name in ("resolved_at", "ignore_until", "regressed_at")
        }
        return {
            "id": self.id,
            "merged_into": self.merged_into,
            "status": self.state.status.value,
            **times,
            "first_release": self.first_release,
            "last_seen": self.last_seen.isoformat(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Regroup:
    """One transaction that changes the map of one project; ``person`` or the miner does it at ``now``.

    ``by`` is what groups are marked with that are moved: ``person`` or ``template``.
    """

    connection: Connection
    project: ProjectId
    person: int | None
    now: datetime
    by: str = PERSON
    _keys: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        """Keep the parameters that most statements take."""
        object.__setattr__(self, "_keys", {"project": self.project, "now": self.now, "person": self.person})

    # --- the three changes ---------------------------------------------------------------------------------

    async def merge(self, target_id: PatternId, others: Sequence[PatternId]) -> None:
        """Move all groups of the others into the target; their ids lead to it from now on."""
        await self.merge_all({target_id: check_members(target_id, await self._live(others))})

    async def merge_all(
        self, unions: Mapping[PatternId, Sequence[PatternId]], *, newer_than: int | None = None
    ) -> None:
        """Move all groups of the others into their targets: as many statements for all of them as for one.

        Args:
            unions: targets with the patterns to merge into them; each is live and takes part once.
            newer_than: patterns with a higher id that nobody has touched are no patterns of their own yet:
                their errors count as if they had come to the other ones. None = there are no such.
        """
        ids = [number for others in unions.values() for number in others]
        members = await self._lock([*unions, *ids], into=ids)
        moved = await self._placed(patterns=ids)
        merges = [_merge_of(members, target, others, newer_than) for target, others in unions.items()]
        changes = await self._notes([merge.line(moved, by=self.by) for merge in merges])
        homes: dict[int, int] = {source.id: merge.target.id for merge in merges for source in merge.sources}
        await self._notes([line for merge in merges for line in merge.lines_of_sources(changes, by=self.by)])
        await self._run("keep_spans", patterns=[*unions, *ids])
        gained = await self._joined_users(merges)
        await self._move(moved, homes, changes)
        await self._run("set_patterns", patterns=Jsonb([row for merge in merges for row in merge.rows()]))
        await self._run(
            "set_sums", sums=Jsonb([merge.sums(gained.get(merge.base.id, 0)) for merge in merges])
        )
        await self._run("empty_patterns", ids=ids)

    async def split(self, pattern_id: PatternId, groups: Sequence[GroupId], *, title: str) -> PatternId:
        """Move groups out of a pattern, to where they came from or to a new one; return the id of that."""
        ranked = await self._rows("rank_groups", id=pattern_id)
        (pattern,) = (await self._lock([pattern_id])).values()
        wanted = check_groups(
            (group.hex() for group in groups), (row[0] for row in ranked), first=pattern.first_group
        )
        origins = [(origin, is_empty) for group, origin, is_empty in ranked if group in wanted]
        empty = next((origin for origin, is_empty in origins if is_empty), None)
        moved = await self._placed(groups=wanted)
        if empty is None or title:
            ((home,),) = await self._rows("new_pattern", title=title, id=pattern_id, origin=origins[0][0])
        else:
            home = empty
        led_on = {row[0] for row in await self._rows("lead_on", groups=list(wanted))} - {home}
        members = await self._lock([home, *led_on])
        own = members[home]
        before = {
            "others": _names([own]),
            "groups": moved,
            "patterns": [member.kept() for member in members.values()],
        }
        changes = await self._notes([_line("split", pattern, **before)])
        await self._notes([_line("split_off", own, change=changes[pattern.id], others=_names([pattern]))])
        await self._move(moved, {pattern.id: home}, {home: changes[pattern.id]})
        state = {**pattern.kept(), "id": home, "merged_into": None, "first_release": own.first_release}
        led = [{**members[PatternId(i)].kept(), "merged_into": home} for i in led_on]
        await self._run("set_patterns", patterns=Jsonb([state, *led]))
        await self._respan([pattern_id, home], worst=pattern.severity)
        await self._run("recount", ids=[pattern_id, home])
        await self._run("touch_templates")
        return PatternId(home)

    async def take_back(self, change: int) -> None:
        """Undo a merge or split: every group and pattern is as it was, with the errors that came since.

        Groups that a template had moved are a person's from now on: the miner leaves them there.
        """
        ((main, before),) = await self._rows("read_change", change=change)
        groups: list[Placed] = before["groups"]
        if before.get("by") == TEMPLATE:
            groups = [{**item, "by": PERSON, "since": self.now.isoformat()} for item in groups]
        kept: dict[int, dict[str, Any]] = {item["id"]: item for item in before["patterns"]}
        holders = {item["pattern"] for item in groups}
        members = await self._lock([main, *kept, *holders])
        moved = await self._placed(groups=[item["id"] for item in groups])
        await self._check_undo(change, groups=moved, kept=kept, holders=holders, members=members)
        await self._run("place_groups", groups=Jsonb(groups))
        await self._run("set_patterns", patterns=Jsonb(list(kept.values())))
        live = sorted({main, *holders})
        worst = max((members[i].severity for i in members), key=lambda severity: severity.rank)
        for number, last_seen in await self._respan(live, worst=worst):
            await self._catch_up(members[number], kept.get(number), last_seen)
        await self._run("recount", ids=sorted({*live, *kept}))
        undone = [(change, main), *await self._rows("linked_changes", change=change, patterns=list(members))]
        await self._notes([_line("undone", members[pattern], undone=line) for line, pattern in undone])
        await self._run("touch_templates")

    # --- parts ---------------------------------------------------------------------------------------------

    async def _live(self, ids: Iterable[PatternId]) -> list[PatternId]:
        """Return the patterns that hold the groups of these now."""
        wanted = list(ids)
        found = dict(await self._rows("find_patterns", ids=wanted))
        for number in wanted:
            if number not in found:
                message = f"There is no pattern {number} in this project."
                raise NotFoundError(message)
        return [PatternId(found[number]) for number in wanted]

    async def _lock(
        self, ids: Iterable[PatternId | int], *, into: Sequence[PatternId] = ()
    ) -> dict[int, Member]:
        rows = await self._rows("lock_members", ids=sorted(set(ids)), into=list(into))
        return {row[0]: _member(row) for row in rows}

    async def _joined_users(self, merges: Sequence[Merge]) -> dict[int, int]:
        """Return how many users the base of each merge gains, by its id."""
        ways: dict[str, list[Merge]] = {}
        for merge in merges:
            ways.setdefault("compared_users" if merge.is_even else "joined_users", []).append(merge)
        gained: dict[int, int] = {}
        for statement, chosen in ways.items():
            pairs = [(merge.base.id, member.id) for merge in chosen for member in merge.joining]
            rows = await self._rows(
                statement, bases=[base for base, _ in pairs], joining=[number for _, number in pairs]
            )
            gained |= {pattern: count for _, pattern, count in rows}
        return gained

    async def _placed(self, *, patterns: Sequence[int] = (), groups: Sequence[str] = ()) -> list[Placed]:
        rows = await self._rows("read_placed", patterns=list(patterns), groups=list(groups))
        return [
            {"id": i, "pattern": p, "since": s.isoformat(), "by": by, "origin": o, "change": c}
            for i, p, s, by, o, c in rows
        ]

    async def _move(
        self, groups: Iterable[Placed], homes: Mapping[int, int], changes: Mapping[int, int]
    ) -> None:
        """Move groups from each pattern to its home; ``changes`` are the lines of history of the homes."""
        placed = [
            {
                "id": item["id"],
                "pattern": homes[item["pattern"]],
                "since": self.now.isoformat(),
                "by": PERSON if item["by"] == PERSON else self.by,
                "origin": item["origin"] or item["pattern"],
                "change": changes[homes[item["pattern"]]],
            }
            for item in groups
        ]
        await self._run("place_groups", groups=Jsonb(placed))

    async def _notes(self, lines: Sequence[Line]) -> dict[int, int]:
        """Add lines to the history of patterns; return the id of the line (the last one) of each pattern."""
        return {pattern: number for number, pattern in await self._rows("add_changes", lines=Jsonb(lines))}

    async def _respan(self, ids: Sequence[int], *, worst: Severity) -> list[tuple[int, datetime]]:
        possible = [severity for severity in _RANKS if severity.rank <= worst.rank]
        rows = await self._rows(
            "respan",
            ids=list(ids),
            names=[severity.value for severity in _RANKS],
            severities=[severity.value for severity in possible],
            ranks=[severity.rank for severity in possible],
        )
        return [(number, last_seen) for number, last_seen in rows]

    async def _check_undo(
        self,
        change: int,
        *,
        groups: Sequence[Placed],
        kept: Mapping[int, Mapping[str, Any]],
        holders: set[int],
        members: Mapping[int, Member],
    ) -> None:
        """Raise when a later change moved a group on, or filled or emptied a pattern that takes part."""
        for item in groups:
            if item["change"] != change:
                raise in_the_way(item["pattern"])
        for number in holders:
            leads_to = kept[number]["merged_into"] if number in kept else members[number].merged_into
            if leads_to is not None:
                raise in_the_way(leads_to)
        emptied = [number for number, item in kept.items() if item["merged_into"] is not None]
        moved = {item["id"] for item in groups}
        for item in await self._placed(patterns=emptied):
            if item["id"] not in moved:
                raise in_the_way(item["pattern"])

    async def _catch_up(self, member: Member, kept: Mapping[str, Any] | None, last_seen: datetime) -> None:
        was = _state(kept) if kept else member.state
        known = datetime.fromisoformat(kept["last_seen"]) if kept else member.last_seen
        state = caught_up(was, last_seen=last_seen, known=known)
        if state != was:
            values = {**self._keys, "id": member.id, **_columns(state)}
            await self.connection.execute(_STATUS_SQL["set_status"], values)

    async def _rows(self, statement: str, /, **values: object) -> list[tuple[Any, ...]]:
        cursor = await self.connection.execute(_SQL[statement], {**self._keys, **values})
        return await cursor.fetchall()

    async def _run(self, statement: str, /, **values: object) -> None:
        await self.connection.execute(_SQL[statement], {**self._keys, **values})


async def open_map(
    connection: Connection, pattern_id: PatternId, project_ids: tuple[ProjectId, ...]
) -> tuple[ProjectId, PatternId]:
    """Return project and id of a pattern (of the one it was merged into), with the project's map held still.

    Raises:
        NotFoundError: there is no such pattern.
    """
    values = {"projects": some(project_ids), "id": pattern_id}
    row = await (await connection.execute(_SQL["find_pattern"], values)).fetchone()
    if row is None:
        message = f"There is no pattern {pattern_id}."
        raise NotFoundError(message)
    await connection.execute(_SQL["allow_longer"])
    await connection.execute(_SQL["change_map"], {"project": row[0]})
    row = await (await connection.execute(_SQL["find_pattern"], values)).fetchone()
    if row is None:
        raise NotFoundError
    return ProjectId(row[0]), PatternId(row[1])


def _member(row: tuple[Any, ...]) -> Member:
    return Member(
        id=PatternId(row[0]),
        title=row[1],
        pattern_hash=row[2],
        merged_into=row[3],
        state=PatternState(
            status=PatternStatus(row[4]), resolved_at=row[5], ignore_until=row[6], regressed_at=row[7]
        ),
        first_seen=row[8],
        last_seen=row[9],
        first_release=row[10],
        last_release=row[11],
        severity=Severity(row[12]),
        count=row[13],
        users=row[14],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """Patterns that become one; ``aliases`` are the ones that led to a source before."""

    target: Member
    sources: Sequence[Member]
    aliases: Sequence[Member]
    newer_than: int | None

    @property
    def members(self) -> tuple[Member, ...]:
        """Return the target and the sources."""
        return (self.target, *self.sources)

    @property
    def base(self) -> Member:
        """Return the one with most users: those of the others are added to its."""
        return max(self.members, key=_users)

    @property
    def joining(self) -> tuple[Member, ...]:
        """Return all members but the base."""
        base = self.base
        return tuple(member for member in self.members if member is not base)

    @property
    def is_even(self) -> bool:
        """Return whether so many users join that reading the base's costs less than looking each up."""
        users = sum(member.users for member in self.joining)
        return users >= _MANY_USERS and users * _SHARE >= self.base.users

    def line(self, moved: Iterable[Placed], *, by: str) -> Line:
        """Return the target's line of history, with what an undo must know."""
        ids = {source.id for source in self.sources}
        return _line(
            "merged",
            self.target,
            by=by,
            others=_names(self.sources),
            groups=[item for item in moved if item["pattern"] in ids],
            patterns=[member.kept() for member in (*self.members, *self.aliases)],
        )

    def lines_of_sources(self, changes: Mapping[int, int], *, by: str) -> list[Line]:
        """Return the sources' lines of history."""
        values = {"by": by, "change": changes[self.target.id], "others": _names([self.target])}
        return [_line("merged_into", source, **values) for source in self.sources]

    def rows(self) -> list[dict[str, Any]]:
        """Return what the patterns are now, as ``set_patterns`` takes it."""
        led = [{**member.kept(), "merged_into": self.target.id} for member in (*self.sources, *self.aliases)]
        state = joined_state(
            [(member.state, member.last_seen, self._is_fresh(member)) for member in self.members]
        )
        oldest = min(self.members, key=lambda member: member.first_seen)
        times = {
            name: time.isoformat() if time else None
            for name, time in _columns(state).items()
            if name != "status"
        }
        now = {**times, "status": state.status.value, "first_release": oldest.first_release}
        return [{**self.target.kept(), **now}, *led]

    def sums(self, gained_users: int) -> dict[str, Any]:
        """Return what a merged pattern says of its errors: what its parts said, each of them was exact."""
        newest = [member for member in sorted(self.members, key=_last_seen) if member.last_release]
        worst = max((member.severity for member in self.members), key=lambda severity: severity.rank)
        return {
            "id": self.target.id,
            "first_seen": min(member.first_seen for member in self.members).isoformat(),
            "last_seen": max(member.last_seen for member in self.members).isoformat(),
            "last_release": newest[-1].last_release if newest else "",
            "severity": worst.value,
            "severity_rank": worst.rank,
            "frequency": sum(member.count for member in self.members),
            "users": self.base.users + gained_users,
        }

    def _is_fresh(self, member: Member) -> bool:
        is_new = self.newer_than is not None and member.id > self.newer_than
        return is_new and member.state == PatternState()


def _merge_of(
    members: Mapping[int, Member], target: PatternId, others: Sequence[PatternId], newer_than: int | None
) -> Merge:
    led = set(others)
    return Merge(
        target=members[target],
        sources=[members[number] for number in others],
        aliases=[member for member in members.values() if member.merged_into in led],
        newer_than=newer_than,
    )


def _line(action: str, member: Member, **before: object) -> Line:
    return {"id": member.id, "action": action, "before": before}


def _last_seen(member: Member) -> datetime:
    return member.last_seen


def _users(member: Member) -> int:
    return member.users


def _columns(state: PatternState) -> dict[str, Any]:
    return {
        "status": state.status.value,
        "resolved_at": state.resolved_at,
        "ignore_until": state.ignore_until,
        "regressed_at": state.regressed_at,
    }


def _state(kept: Mapping[str, Any]) -> PatternState:
    times = {
        name: datetime.fromisoformat(text) if (text := kept[name]) else None
        for name in ("resolved_at", "ignore_until", "regressed_at")
    }
    return PatternState(status=PatternStatus(kept["status"]), **times)


def _names(members: Iterable[Member]) -> list[dict[str, Any]]:
    return [{"id": member.id, "title": member.title} for member in members]
