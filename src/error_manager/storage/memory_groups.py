"""In-memory twin of the map from groups to patterns: what merging, splitting and their undo do to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from error_manager.core.errors import NotFoundError
from error_manager.core.types import GroupId, PatternId, ProjectId
from error_manager.storage.base import PatternChangeRow, PatternName, StoredError
from error_manager.storage.regrouping import (
    PERSON,
    TEMPLATE,
    PatternState,
    caught_up,
    check_groups,
    check_members,
    in_the_way,
    joined_state,
    nothing_to_undo,
)

GroupKey = tuple[ProjectId, GroupId]
LastSeen = Callable[[PatternId], datetime]
"""Time of the newest error of a pattern that has some."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Where a group is, where it came from, and which change put it there (0 = its fingerprint)."""

    pattern: PatternId
    origin: PatternId
    since: datetime
    by: str = "fingerprint"
    change: int = 0


@dataclass(slots=True, kw_only=True)
class HeldPattern:
    """A pattern beside its errors; ``first`` is the error that describes it."""

    id: PatternId
    title: str
    hash: str
    first: StoredError
    state: PatternState = field(default_factory=PatternState)
    weight: float = 1.0
    merged_into: PatternId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A line of a pattern's history and what an undo of it puts back.

    ``main`` is the line of the merge or split that this one is about, itself or that of the other pattern,
    ``weight`` the one that this line's took the place of.
    """

    pattern: PatternId
    row: PatternChangeRow
    main: int = 0
    states: Mapping[PatternId, tuple[PatternState, PatternId | None, datetime]] = field(default_factory=dict)
    groups: Mapping[GroupKey, Placed] = field(default_factory=dict)
    undoes: int = 0
    by: str = PERSON
    weight: float | None = None


class GroupMap:
    """The patterns, which groups they hold, and their history."""

    def __init__(self, last_seen: LastSeen) -> None:
        """Start empty; ``last_seen`` asks the store."""
        self.patterns: dict[PatternId, HeldPattern] = {}
        self.placed: dict[GroupKey, Placed] = {}
        self._changes: list[Change] = []
        self._last_seen = last_seen
        self.regroupings = 0
        """How often people changed the map."""

    def add(self, key: GroupKey, error: StoredError) -> None:
        """Take in the first error of a group: it makes a pattern."""
        number = PatternId(len(self.patterns) + 1)
        entry = error.entry
        made = HeldPattern(id=number, title=entry.title, hash=entry.fingerprint.hash, first=error)
        self.patterns[number] = made
        self.placed[key] = Placed(pattern=number, origin=number, since=error.created_at)

    def find(self, pattern_id: PatternId, project_ids: tuple[ProjectId, ...] = ()) -> HeldPattern:
        """Return a pattern, or the one it was merged into.

        Raises:
            NotFoundError: there is none of that id in these projects.
        """
        found = self.patterns.get(pattern_id)
        if found is None or (project_ids and found.first.project_id not in project_ids):
            message = f"There is no pattern {pattern_id}."
            raise NotFoundError(message)
        return found if found.merged_into is None else self.patterns[found.merged_into]

    def held_by(self, pattern_id: PatternId) -> dict[GroupKey, Placed]:
        """Return the groups of a pattern."""
        return {key: placed for key, placed in self.placed.items() if placed.pattern == pattern_id}

    def lines(self, pattern_id: PatternId) -> list[PatternChangeRow]:
        """Return the history of a pattern, newest first."""
        return [change.row for change in reversed(self._changes) if change.pattern == pattern_id]

    def set_state(
        self,
        pattern: HeldPattern,
        state: PatternState,
        *,
        action: str,
        now: datetime,
        note: str = "",
        release: str = "",
    ) -> None:
        """Change the state of a pattern."""
        self._note(pattern, action, now, states=self._kept([pattern]), note=note, release=release)
        pattern.state = state

    def set_weight(self, pattern: HeldPattern, weight: float, *, now: datetime) -> None:
        """Change the weight of a pattern; one that it has already is no change."""
        if weight != pattern.weight:
            self._note(pattern, "weighted", now, weights=(pattern.weight, weight))
            pattern.weight = weight

    def merge(
        self,
        target: HeldPattern,
        others: Sequence[PatternId],
        *,
        now: datetime,
        by: str = PERSON,
        newer_than: int | None = None,
    ) -> None:
        """Move all groups of the others into the target; of ``newer_than`` see ``Regroup.merge_all``."""
        self.regroupings += by == PERSON
        project = target.first.project_id
        ids = check_members(target.id, [self.find(other, (project,)).id for other in others])
        sources = [self.patterns[number] for number in ids]
        aliases = [pattern for pattern in self.patterns.values() if pattern.merged_into in ids]
        moved = {key: placed for number in ids for key, placed in self.held_by(number).items()}
        members = [target, *sources]
        kept = self._kept([*members, *aliases])
        main = self._note(target, "merged", now, states=kept, groups=moved, others=sources, by=by)
        for source in sources:
            self._note(source, "merged_into", now, main=main, others=[target], by=by)
        target.state = joined_state(
            [
                (
                    member.state,
                    self._last_seen(member.id),
                    newer_than is not None and member.id > newer_than and member.state == PatternState(),
                )
                for member in members
            ]
        )
        self._move(moved, target.id, main, now, by=by)
        for pattern in (*sources, *aliases):
            pattern.merged_into = target.id

    def split(
        self,
        pattern: HeldPattern,
        groups: Sequence[GroupId],
        *,
        title: str,
        sizes: Mapping[GroupKey, int],
        now: datetime,
    ) -> HeldPattern:
        """Move groups out of a pattern; return the one that holds them now."""
        self.regroupings += 1
        held = self.held_by(pattern.id)
        wanted = check_groups(
            (group.hex() for group in groups), (key[1].hex() for key in held), first=pattern.hash[:32]
        )
        moved = {key: placed for key, placed in held.items() if key[1].hex() in wanted}
        ranked = sorted(moved, key=lambda key: (-sizes[key], key[1]))
        origins = [self.patterns[moved[key].origin] for key in ranked]
        home = next((origin for origin in origins if origin.merged_into is not None), None)
        if home is None or title:
            number = PatternId(len(self.patterns) + 1)
            home = HeldPattern(
                id=number,
                title=title or origins[0].title,
                hash=f"split off as {number}",
                first=origins[0].first,
                weight=pattern.weight,
                merged_into=pattern.id,
            )
            self.patterns[number] = home
        led_on = [
            origin
            for key, origin in zip(ranked, origins, strict=True)
            if origin.hash[:32] == key[1].hex() and origin.merged_into is not None and origin is not home
        ]
        kept = self._kept([home, *led_on])
        main = self._note(pattern, "split", now, states=kept, groups=moved, others=[home])
        self._note(home, "split_off", now, main=main, others=[pattern])
        self._move(moved, home.id, main, now)
        home.state, home.merged_into = pattern.state, None
        for alias in led_on:
            alias.merged_into = home.id
        return home

    def undo(self, pattern: HeldPattern, *, now: datetime) -> None:
        """Take back the newest change that was not taken back yet."""
        undone = {change.undoes for change in self._changes}
        open_changes = [
            change
            for change in self._changes
            if change.pattern == pattern.id and not change.undoes and change.row.id not in undone
        ]
        if not open_changes:
            raise nothing_to_undo()
        last = open_changes[-1]
        if last.main:
            self._take_back(last.main, now)
            return
        if last.weight is not None:
            pattern.weight = last.weight
        else:
            (pattern.state, _, _) = last.states[pattern.id]
        self._note(pattern, "undone", now, undoes=last.row)

    # --- parts ---------------------------------------------------------------------------------------------

    def _take_back(self, main: int, now: datetime) -> None:
        change = next(change for change in self._changes if change.row.id == main)
        holders = {placed.pattern for placed in change.groups.values()}
        for key in change.groups:
            if self.placed[key].change != main:
                raise in_the_way(self.placed[key].pattern)
        for number in holders:
            leads_to = (
                change.states[number][1] if number in change.states else self.patterns[number].merged_into
            )
            if leads_to is not None:
                raise in_the_way(leads_to)
        for number, (_, merged_into, _) in change.states.items():
            if merged_into is not None and not self.held_by(number).keys() <= change.groups.keys():
                raise in_the_way(number)
        live = {change.pattern, *holders}
        known = {number: self._last_seen(number) for number in live if self.held_by(number)}
        self.regroupings += 1
        groups = change.groups
        if change.by == TEMPLATE:
            groups = {key: replace(placed, by=PERSON, since=now) for key, placed in groups.items()}
        self.placed.update(groups)
        for number, (state, merged_into, _) in change.states.items():
            self.patterns[number].state, self.patterns[number].merged_into = state, merged_into
        for number in live:
            seen = change.states[number][2] if number in change.states else known[number]
            held = self.patterns[number]
            held.state = caught_up(held.state, last_seen=self._last_seen(number), known=seen)
        for line in [line for line in self._changes if line.main == main]:
            self._note(self.patterns[line.pattern], "undone", now, undoes=line.row)

    def _kept(
        self, patterns: Iterable[HeldPattern]
    ) -> dict[PatternId, tuple[PatternState, PatternId | None, datetime]]:
        return {
            pattern.id: (
                pattern.state,
                pattern.merged_into,
                self._last_seen(pattern.id) if self.held_by(pattern.id) else pattern.first.event.timestamp,
            )
            for pattern in patterns
        }

    def _move(
        self,
        groups: Mapping[GroupKey, Placed],
        home: PatternId,
        change: int,
        now: datetime,
        *,
        by: str = PERSON,
    ) -> None:
        for key, placed in groups.items():
            mover = PERSON if placed.by == PERSON else by
            self.placed[key] = replace(placed, pattern=home, since=now, by=mover, change=change)

    def _note(
        self,
        pattern: HeldPattern,
        action: str,
        now: datetime,
        *,
        main: int = 0,
        states: Mapping[PatternId, tuple[PatternState, PatternId | None, datetime]] | None = None,
        groups: Mapping[GroupKey, Placed] | None = None,
        others: Sequence[HeldPattern] = (),
        undoes: PatternChangeRow | None = None,
        by: str = PERSON,
        note: str = "",
        release: str = "",
        weights: tuple[float | None, float | None] = (None, None),
    ) -> int:
        number = len(self._changes) + 1
        row = PatternChangeRow(
            id=number,
            at=now,
            action=action,
            others=tuple(PatternName(id=other.id, title=other.title) for other in others),
            undone=undoes.action if undoes else "",
            is_template=by == TEMPLATE,
            note=note,
            release=release,
            weight=weights[1],
        )
        self._changes.append(
            Change(
                pattern=pattern.id,
                row=row,
                main=main or (number if groups else 0),
                states=states or {},
                groups=groups or {},
                undoes=undoes.id if undoes else 0,
                by=by,
                weight=weights[0],
            )
        )
        return number
