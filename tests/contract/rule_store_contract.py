"""What every ``RuleStore`` promises; run over each adapter by a subclass that makes the store.

The store holds the errors of ``errors()`` in project 1; project 2 is empty.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest

from error_manager.core.cataloger import catalog
from error_manager.core.errors import ConflictError, NotFoundError, ValidationError
from error_manager.core.ids import uuid7
from error_manager.core.rules import GroupingRule, IgnoreFrames, MaskMessage, Matcher, SetParts
from error_manager.core.types import ErrorEvent, ErrorId, EventId, ExceptionInfo, Frame, GroupId, ProjectId
from error_manager.decoding.native import decode_stored
from error_manager.storage.base import StoredError
from error_manager.storage.rules import Moves

ONE, TWO, NOWHERE = ProjectId(1), ProjectId(2), ProjectId(99)
NOW = datetime.now(UTC).replace(microsecond=0)
CATCH = GroupingRule(
    action=SetParts(parts=("{{ type }}", "x")),
    matchers=(Matcher(field="type", pattern="*Error", is_glob=True), Matcher(field="message", pattern="a+b")),
)
MASK = GroupingRule(action=MaskMessage(pattern="order [A-Z]+", name="order"))
IGNORE = GroupingRule(action=IgnoreFrames(glob="*/vendor/*"))


def stored(number: int, event: ErrorEvent, *, project: ProjectId = ONE, rules=None) -> StoredError:
    """Return an error as processing makes it, without its body."""
    return StoredError(
        error_id=ErrorId(uuid7(event.timestamp, os.urandom(10))),
        project_id=project,
        event=event,
        entry=catalog(event, rules),
        created_at=NOW,
        body=b"",
        user_key=bytes([number % 5]) * 16,
    )


def event(number: int, *, kind: str = "ValueError", place: str = "pay", name: str = "A") -> ErrorEvent:
    """Return the ``number``-th error, of a type, a function and a name in its message."""
    frames = (Frame(function=place, module="shop.cart", filename="shop/cart.py", lineno=3),)
    value = f"order {name} is lost"
    return ErrorEvent(
        event_id=EventId(f"{number:032x}"),
        timestamp=NOW - timedelta(minutes=200 - number),
        message=f"{kind}: {value}",
        exceptions=(ExceptionInfo(type=kind, value=value, frames=frames),),
        environment="production" if number % 2 else "staging",
        release="1.0",
        tags=(("tenant", str(number % 3)),),
    )


def errors() -> list[StoredError]:
    """Return 60 errors: three functions, two types, so six groups of ten."""
    places, kinds = ("pay", "load", "save"), ("ValueError", "KeyError")
    return [
        stored(number, event(number, kind=kinds[number % 2], place=places[number % 3], name="AB"[number % 2]))
        for number in range(60)
    ]


async def groups_of(store) -> list[GroupId]:
    """Return the groups of project 1, in order of their id."""
    found = set()
    async for chunk in store.newest(ONE, limit=1000):
        found |= {error.group_id for error in chunk}
    return sorted(found)


class RuleStoreContract:
    """Subclasses give the fixture ``store``."""

    async def test_rules_are_kept_in_order_switched_off(self, store) -> None:
        """A new rule stands last and is off; all kinds of actions come back as they were."""
        ids = [
            await store.add_rule(ONE, rule, note=f"n{place}", person_id=None, now=NOW)
            for place, rule in enumerate((CATCH, MASK, IGNORE))
        ]
        book = await store.book(ONE)
        assert [item.rule.id for item in book.rules] == ids
        assert [(item.rule.matchers, item.rule.action) for item in book.rules] == [
            (rule.matchers, rule.action) for rule in (CATCH, MASK, IGNORE)
        ]
        assert [(item.note, item.is_active) for item in book.rules] == [(f"n{i}", False) for i in range(3)]
        assert (book.version, book.active(), (await store.book(TWO)).rules) == (0, (), ())

    async def test_rules_change_and_go(self, store) -> None:
        """A rule that is off may be replaced and removed; what is not there is said so."""
        number = await store.add_rule(ONE, CATCH, note="", person_id=None, now=NOW)
        changed = GroupingRule(id=number, action=IGNORE.action)
        await store.change_rule(ONE, changed, note="why")
        (found,) = (await store.book(ONE)).rules
        assert (found.rule, found.note) == (changed, "why")
        for project in (TWO, NOWHERE):
            with pytest.raises(NotFoundError):
                await store.change_rule(project, changed, note="")
        await store.delete_rule(ONE, number)
        with pytest.raises(NotFoundError):
            await store.delete_rule(ONE, number)
        assert (await store.book(ONE)).rules == ()

    async def test_rules_are_put_in_order(self, store) -> None:
        """Each rule once, or nothing changes."""
        ids = [await store.add_rule(ONE, CATCH, note="", person_id=None, now=NOW) for _ in range(3)]
        wanted = [ids[2], ids[0], ids[1]]
        await store.order_rules(ONE, wanted)
        assert [item.rule.id for item in (await store.book(ONE)).rules] == wanted
        for wrong in (ids[:2], [*ids, ids[0]], [*ids[:2], 10**6]):
            with pytest.raises(ValidationError):
                await store.order_rules(ONE, wrong)
        assert [item.rule.id for item in (await store.book(ONE)).rules] == wanted

    async def test_switching_moves_the_version(self, store) -> None:
        """A rule that is on can be switched off, but not changed, removed or switched on again."""
        number = await store.add_rule(ONE, CATCH, note="", person_id=None, now=NOW)
        assert await store.switch_on(ONE, number, Moves(), person_id=None, now=NOW) == 0
        book = await store.book(ONE)
        assert (book.version, [rule.id for rule in book.active()]) == (1, [number])
        with pytest.raises(ConflictError):
            await store.delete_rule(ONE, number)
        with pytest.raises(ConflictError):
            await store.change_rule(ONE, GroupingRule(id=number, action=IGNORE.action), note="")
        with pytest.raises(ConflictError):
            await store.switch_on(ONE, number, Moves(), person_id=None, now=NOW)
        assert await store.switch_off(ONE, number, person_id=None, now=NOW) == 0
        with pytest.raises(ConflictError):
            await store.switch_off(ONE, number, person_id=None, now=NOW)
        assert (await store.book(ONE)).version == 2

    async def test_errors_come_newest_first(self, store) -> None:
        """As many as asked for, with bodies that decode; another project has none."""
        listed = [error async for chunk in store.newest(ONE, limit=25) for error in chunk]
        times = [decode_stored(error.body).timestamp for error in listed]
        assert (len(listed), times) == (25, sorted(times, reverse=True))
        assert times[0] == max(error.event.timestamp for error in errors())
        assert [chunk async for chunk in store.newest(TWO, limit=5)] == []
        assert [await store.count_newest(ONE, limit=limit) for limit in (25, 1000)] == [25, 60]

    async def test_errors_say_whether_a_template_grouped_them(self, store) -> None:
        """None of these was."""
        listed = [error async for chunk in store.newest(ONE, limit=25) for error in chunk]
        assert {error.has_template for error in listed} == {False}

    async def test_groups_move_with_a_rule_and_back(self, store) -> None:
        """Known groups move, new ones are taken on; switched off, all is as it was."""
        groups = await groups_of(store)
        new = GroupId(b"n" * 16)
        before = await store.homes(ONE, [*groups, new])
        assert len(before) == len({home.pattern_id for home in before.values()}) == 6
        target = before[groups[0]].pattern_id
        number = await store.add_rule(ONE, CATCH, note="", person_id=None, now=NOW)
        moves = Moves(
            groups=((groups[1], target), (groups[2], target), (groups[0], target)), taken_on=((new, target),)
        )
        assert await store.switch_on(ONE, number, moves, person_id=None, now=NOW) == 2
        after = await store.homes(ONE, [*groups, new])
        assert [after[group].pattern_id == target for group in (*groups[:3], new)] == [True] * 4
        assert {g: after[g] for g in groups[3:]} == {g: before[g] for g in groups[3:]}
        assert await store.switch_off(ONE, number, person_id=None, now=NOW) == 2
        assert await store.homes(ONE, [*groups, new]) == before

    async def test_a_plan_for_other_rules_is_refused(self, store) -> None:
        """Another rule was switched on since, or this one was changed: nothing is switched, nothing moves."""
        number = await store.add_rule(ONE, CATCH, note="", person_id=None, now=NOW)
        other = await store.add_rule(ONE, MASK, note="", person_id=None, now=NOW)
        groups = await groups_of(store)
        homes = await store.homes(ONE, groups)
        moves = Moves(groups=((groups[1], homes[groups[0]].pattern_id),))
        plain = await store.book(ONE)
        await store.switch_on(ONE, other, Moves(), person_id=None, now=NOW, planned_for=plain)
        later = await store.book(ONE)
        await store.change_rule(ONE, GroupingRule(id=number, action=IGNORE.action), note="")
        for planned_for in (plain, later):
            with pytest.raises(ConflictError):
                await store.switch_on(ONE, number, moves, person_id=None, now=NOW, planned_for=planned_for)
        assert await store.homes(ONE, groups) == homes
        book = await store.book(ONE)
        assert await store.switch_on(ONE, number, moves, person_id=None, now=NOW, planned_for=book) == 1

    async def test_groups_move_without_a_rule(self, store) -> None:
        """Another version of the fingerprint moves groups, too."""
        groups = await groups_of(store)
        homes = await store.homes(ONE, groups)
        goal = homes[groups[0]].pattern_id
        moves = Moves(groups=((groups[1], goal),))
        assert await store.move(ONE, moves, person_id=None, now=NOW) == 1
        assert (await store.homes(ONE, groups))[groups[1]].pattern_id == goal

    async def test_previews_are_kept(self, store) -> None:
        """Progress, failure and result come back; others are not found."""
        number = await store.add_preview(ONE, rule_id=3, total=60, now=NOW)
        await store.note_preview(ONE, number, done=20, now=NOW + timedelta(seconds=1))
        found = await store.preview(ONE, number)
        assert (found.rule_id, found.total, found.done, found.result) == (3, 60, 20, None)
        later = NOW + timedelta(seconds=2)
        await store.note_preview(ONE, number, done=60, now=later, result={"errors": 60}, failure="f")
        found = await store.preview(ONE, number)
        assert (found.result, found.failure, found.updated_at) == ({"errors": 60}, "f", later)
        with pytest.raises(NotFoundError):
            await store.preview(TWO, number)
