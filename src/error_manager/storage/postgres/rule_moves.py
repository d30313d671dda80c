"""Moves groups in the map for a rule or another version of the fingerprint (seed box: Pattern Tables).

Like merging by a person (``regroup``): only the map changes and what patterns say of their groups, and what
was there before is kept. Groups that a person put where they are stay there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final

from psycopg.types.json import Jsonb

from error_manager.core.types import GroupId, PatternId
from error_manager.storage.postgres import named
from error_manager.storage.postgres.regroup import Member, Placed, Regroup
from error_manager.storage.regrouping import merged_state
from error_manager.storage.rules import Moves

_MOVES: Final = named.load("rules.sql")
_PERSON: Final = "person"
_RULE: Final = "rule"
_STATE: Final = ("status", "resolved_at", "ignore_until", "regressed_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class MapMoves(Regroup):
    """One transaction that moves groups of one project; call ``hold`` first."""

    async def hold(self) -> None:
        """Keep batches that are being stored, and other changes of the map, waiting until the end."""
        await self._run("allow_longer")
        await self._run("change_map")

    async def apply(self, moves: Moves, *, rule_id: int | None) -> int:
        """Move groups that are not placed by a person, add new ones; return how many known groups moved."""
        leading = await self._leading(pattern for _, pattern in (*moves.groups, *moves.taken_on))
        goals = {group.hex(): leading.get(pattern) for group, pattern in moves.groups}
        placed = [
            item
            for item in await self._placed(groups=list(goals))
            if item["by"] != _PERSON and goals[item["id"]] not in {None, item["pattern"]}
        ]
        touched = sorted({item["pattern"] for item in placed} | {goals[item["id"]] or 0 for item in placed})
        members = await self._lock(touched, into=[PatternId(number) for number in touched])
        await self._run("keep_spans", patterns=touched)
        added = await self._take_on(moves.taken_on, leading)
        await self._put(placed, goals)
        leads = await self._leads(placed, goals, members)
        left = await self._placed(patterns=list(leads))  # without errors, but the next one must not come here
        goals |= {item["id"]: leads[item["pattern"]] for item in left}
        await self._put(left, goals)
        changed = self._changed(leads, members)
        moved = [*placed, *left]
        await self._run("set_patterns", patterns=Jsonb([after for _, after in changed]))
        await self._count_anew(touched, members)
        before = {
            "groups": moved,
            "goals": {item["id"]: goals[item["id"]] for item in moved},
            "added": added,
            "patterns": [{"before": was, "after": now} for was, now in changed],
        }
        await self._rows_of("add_move", rule=rule_id, before=Jsonb(before))
        return len(placed)

    async def put_back(self, rule_id: int) -> int:
        """Move back what switching the rule on moved and nobody moved since; return how many groups."""
        found = await self._rows_of("last_move", rule=rule_id)
        if not found:
            return 0
        move, before = found[0]
        goals: dict[str, int] = before["goals"]
        here = {item["id"]: item for item in await self._placed(groups=list(goals))}
        back = [
            item
            for item in before["groups"]
            if (now := here.get(item["id"])) and (now["pattern"], now["by"]) == (goals[item["id"]], _RULE)
        ]
        homes = {item["pattern"] for item in back}
        touched = homes | {goals[item["id"]] for item in back}
        members = await self._lock({*touched, *(item["before"]["id"] for item in before["patterns"])})
        restored = _restored(before["patterns"], members, homes=homes, touched=touched)
        live = {item["id"] for item in restored}
        leads = {
            number: into for number in homes if (into := members[number].merged_into) and number not in live
        }
        members |= await self._lock(leads.values())
        back = [
            {**item, "pattern": leads[home], "origin": item["origin"] or home}
            if (home := item["pattern"]) in leads
            else item
            for item in back
        ]
        touched = (touched - leads.keys()) | set(leads.values())
        await self._run("place_groups", groups=Jsonb(back))
        await self._rows_of("remove_unused", groups=before["added"])
        await self._run("set_patterns", patterns=Jsonb(restored))
        await self._count_anew(sorted(touched), members)
        await self._rows_of("end_move", id=move)
        return len(back)

    async def _leading(self, patterns: Iterable[PatternId]) -> dict[PatternId, PatternId]:
        """Return the patterns that hold the groups of these now, by id; those that are gone are missing."""
        rows = await self._rows("find_patterns", ids=sorted(set(patterns)))
        return {PatternId(number): PatternId(into) for number, into in rows}

    async def _take_on(
        self, groups: Sequence[tuple[GroupId, PatternId]], leading: Mapping[PatternId, PatternId]
    ) -> list[str]:
        values = [(group, leading[pattern]) for group, pattern in groups if pattern in leading]
        rows = await self._rows_of(
            "add_to_map", groups=[group for group, _ in values], patterns=[pattern for _, pattern in values]
        )
        return [row[0] for row in rows]

    async def _put(self, placed: Iterable[Placed], goals: Mapping[str, PatternId | None]) -> None:
        rows = [
            {
                "id": item["id"],
                "pattern": goals[item["id"]],
                "since": self.now.isoformat(),
                "by": _RULE,
                "origin": item["origin"] or item["pattern"],
                "change": None,
            }
            for item in placed
        ]
        await self._run("place_groups", groups=Jsonb(rows))

    async def _leads(
        self,
        placed: Sequence[Placed],
        goals: Mapping[str, PatternId | None],
        members: Mapping[int, Member],
    ) -> dict[int, PatternId]:
        """Return where emptied patterns lead: to where the group went that named them, else any of theirs."""
        emptied = {row[0] for row in await self._rows_of("emptied", ids=[item["pattern"] for item in placed])}
        leads: dict[int, PatternId] = {}
        for item in placed:
            number, goal = item["pattern"], goals[item["id"]]
            is_first = members[number].first_group == item["id"]
            if goal is not None and number in emptied and (is_first or number not in leads):
                leads[number] = goal
        return leads

    @staticmethod
    def _changed(
        leads: Mapping[int, PatternId], members: Mapping[int, Member]
    ) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Return how patterns are and are to be: emptied ones lead on, and merging hides nothing."""
        after: dict[int, dict[str, Any]] = {}
        for number, member in members.items():
            into = leads.get(number) or leads.get(member.merged_into or 0)
            if into is not None:
                after[number] = {**member.kept(), "merged_into": into}
        for goal in sorted(set(leads.values())):
            sources = [members[number] for number, into in leads.items() if into == goal]
            state = merged_state(member.state for member in (members[goal], *sources))
            times = {name: getattr(state, name) for name in _STATE[1:]}
            texts = {name: time.isoformat() if time else None for name, time in times.items()}
            after[goal] = {**members[goal].kept(), "status": state.status.value, **texts}
        return [(members[number].kept(), now) for number, now in sorted(after.items())]

    async def _count_anew(self, ids: Sequence[int], members: Mapping[int, Member]) -> None:
        if not ids:
            return
        worst = max((members[number].severity for number in ids), key=lambda severity: severity.rank)
        await self._respan(ids, worst=worst)
        await self._run("recount", ids=list(ids))

    async def _rows_of(self, statement: str, /, **values: object) -> list[tuple[Any, ...]]:
        """Run a statement of the rules' own file."""
        cursor = await self.connection.execute(_MOVES[statement], {**self._keys, **values})
        return await cursor.fetchall() if cursor.description else []


def _restored(
    changes: Sequence[Mapping[str, Mapping[str, Any]]],
    members: Mapping[int, Member],
    *,
    homes: AbstractSet[int],
    touched: AbstractSet[int],
) -> list[dict[str, Any]]:
    """Return the patterns that are as they were again; a status that a person gave them since stays.

    Those that get no group back (``homes`` do), or were led elsewhere since, stay as they are; so do those
    that led to one of them, and those that no group leaves or comes to (``touched``).
    """
    restored = []
    for change in changes:
        before, after = change["before"], change["after"]
        now = members[before["id"]].kept()
        was_led = before["merged_into"] != after["merged_into"]
        is_back = (before["merged_into"] or before["id"]) in (homes if was_led else touched)
        if is_back and now["merged_into"] == after["merged_into"]:
            is_same = all(now[name] == after[name] for name in _STATE)
            restored.append({**before, **({} if is_same else {name: now[name] for name in _STATE})})
    live = {item["id"] for item in restored}
    return [item for item in restored if (item["merged_into"] or item["id"]) in live]
