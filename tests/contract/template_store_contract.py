"""What every ``TemplateStore`` promises; run over each adapter by a subclass that makes its world."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

import pytest
from tests.mined import NOW, PROJECT, bare, load, prepared, traced

from error_manager.analysis.template_snapshot import TemplateSnapshot
from error_manager.core.errors import StaleCursorError
from error_manager.core.fingerprint import fingerprint
from error_manager.core.types import ErrorEvent, GroupId, PatternId, PatternStatus
from error_manager.flows import mining as mining_module
from error_manager.flows.mining import Mining
from error_manager.storage.base import Lesson, PatternRow, StoredError, TemplateStore
from error_manager.storage.directory import LoadedTemplates

LATER = NOW + timedelta(seconds=5)


class World(Protocol):
    """A store of errors and what is read from it, around the store of templates."""

    templates: TemplateStore

    async def put(self, *errors: StoredError) -> None:
        """Store errors as a worker does."""
        ...

    async def placed(self) -> dict[GroupId, tuple[PatternId, str]]:
        """Return the pattern of each group, and who put it there."""
        ...

    async def pattern(self, pattern_id: PatternId) -> PatternRow:
        """Return a pattern, or the one it was merged into."""
        ...

    async def merge(self, pattern_id: PatternId, other: PatternId) -> None:
        """Merge as a person does."""
        ...

    async def split(self, pattern_id: PatternId, group: GroupId) -> None:
        """Split a group off as a person does."""
        ...

    async def undo(self, pattern_id: PatternId) -> None:
        """Take the last change back as a person does."""
        ...

    async def set_status(self, pattern_id: PatternId, status: PatternStatus) -> None:
        """Set the status as a person does."""
        ...

    async def actions(self, pattern_id: PatternId) -> list[str]:
        """Return what the history of a pattern says, newest first."""
        ...


class Line:
    """A worker and the miner over one world."""

    def __init__(self, world: World) -> None:
        """Start with nothing loaded."""
        self.world = world
        self.loaded = LoadedTemplates(world.templates, monotonic=lambda: 0.0)
        self.mining = Mining(world.templates, clock=lambda: LATER)

    async def store(self, *events: ErrorEvent) -> None:
        """Store errors with the templates that are loaded."""
        await self.loaded.ensure()
        await self.world.put(*(prepared(event, self.loaded) for event in events))

    async def learn(self) -> int:
        """Mine a round, and load what was published."""
        learned = await self.mining.round()
        await self.loaded.refresh()
        await self.loaded.ensure()
        return learned

    async def pattern_of(self, event: ErrorEvent) -> PatternId:
        """Return the pattern in which the group of an error is, as it would be stored now."""
        placed = await self.world.placed()
        return placed[prepared(event, self.loaded).entry.fingerprint.group_id][0]


def text_group(event: ErrorEvent) -> GroupId:
    """Return the group of the text of a message."""
    return fingerprint(event).group_id


def logins(*numbers: int, logger: str = "") -> list[ErrorEvent]:
    """Return messages that differ in one identifier: one template, but as many texts."""
    names = ("mod_ssl.so", "mod_php.so", "mod_dav.so", "mod_lua.so", "mod_cgi.so", "mod_env.so", "mod_log.so")
    return [
        bare(number, f"server could not load {names[number]} from disk", logger=logger) for number in numbers
    ]


class _StoppedError(BaseException):
    """The miner's process ended here."""


class _Stopping:
    """A store of templates whose miner is stopped at its next lesson, before or after that is kept."""

    def __init__(self, store: TemplateStore) -> None:
        """Stop nobody yet."""
        self._store = store
        self.stop: bool | None = None
        """Whether the lesson is kept at which the miner is stopped; None = it is not stopped."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def learn(self, lesson: Lesson, *, now: datetime) -> None:
        """Keep a lesson, or stop."""
        if self.stop is not False:
            await self._store.learn(lesson, now=now)
        if self.stop is not None:
            raise _StoppedError


async def stop_and_go(world: World, stops: Sequence[bool | None]) -> None:
    """Store a batch and mine for each stop; assert that in the end all is learned, and once."""
    line = Line(world)
    stopping = _Stopping(world.templates)
    line.mining = Mining(stopping, clock=lambda: LATER)
    events = [event for event in load(1_000, seed=7) if event.message]
    texts: set[GroupId] = set()
    for place, stop in enumerate((*stops, None)):
        stored = [prepared(event, line.loaded) for event in events[place * 30 : place * 30 + 30]]
        texts |= {error.entry.fingerprint.group_id for error in stored if error.template is None}
        await world.put(*stored)
        stopping.stop = stop
        try:
            await line.mining.round()
        except _StoppedError:
            line.mining = Mining(stopping, clock=lambda: LATER)
        await line.loaded.refresh()
        await line.loaded.ensure()
    assert await world.templates.waiting() == ()
    content = (await world.templates.state(PROJECT)).content
    assert TemplateSnapshot.from_bytes(content).messages == len(texts)
    placed = await world.placed()
    for event in events[: 30 * (len(stops) + 1)]:
        assert (text_group(event) not in texts) or placed[text_group(event)][0] == await line.pattern_of(
            event
        )


class TemplateStoreContract:
    """Inherit and provide a ``world`` fixture."""

    async def test_texts_of_one_template_become_one_pattern(self, world: World) -> None:
        """The oldest pattern takes the others in, and later messages are counted there by the template."""
        line = Line(world)
        await line.store(*logins(0))
        await line.store(*logins(1, 2), traced(50, 1))
        before = await world.placed()
        assert len({pattern for pattern, _ in before.values()}) == 4
        assert await line.learn() == 3
        after = await world.placed()
        oldest = before[text_group(logins(0)[0])][0]
        assert {after[text_group(event)][0] for event in logins(0, 1, 2)} == {oldest}
        (late,) = logins(3)
        assert text_group(late) not in after
        assert await line.pattern_of(late) == oldest
        await line.store(late)
        assert (await world.pattern(oldest)).count == 4
        assert await world.actions(oldest) == ["merged"]

    async def test_what_was_learned_is_not_learned_again(self, world: World) -> None:
        """A second round finds nothing; another miner, started from what is kept, neither."""
        line = Line(world)
        await line.store(*logins(0, 1, 2))
        await line.learn()
        assert await world.templates.waiting() == ()
        assert await line.learn() == 0
        assert await Line(world).learn() == 0
        state = await world.templates.state(PROJECT)
        assert TemplateSnapshot.from_bytes(state.content).messages == 3

    async def test_a_slower_miner_is_refused(self, world: World) -> None:
        """Two miners never both keep a lesson of the same groups; the refused one reads what is kept."""
        first, second = Line(world), Line(world)
        await first.store(*logins(0, 1))
        await first.learn()
        await second.learn()
        await first.store(bare(20, "disk is full"))
        assert await second.learn() == 1
        await first.store(bare(21, "tape is full"))
        with pytest.raises(StaleCursorError):
            await first.learn()
        assert await first.learn() == 1
        state = await world.templates.state(PROJECT)
        assert TemplateSnapshot.from_bytes(state.content).messages == 4

    @pytest.mark.parametrize(
        "stops", [(None, True, None, False), (False, False, True, True), (None, None, True)]
    )
    async def test_a_stopped_miner_loses_nothing(self, world: World, stops: Sequence[bool | None]) -> None:
        """Stopped before or after a lesson is kept, and started anew: each text is learned once."""
        await stop_and_go(world, stops)

    async def test_loggers_are_told_apart(self, world: World) -> None:
        """The same template of two loggers is two patterns, also when a logger comes later."""
        line = Line(world)
        await line.store(*logins(0, 1, logger="a"))
        await line.learn()
        await line.store(*logins(2, 3, logger="b"))
        await line.learn()
        placed = await world.placed()
        assert len({pattern for pattern, _ in placed.values()}) == 2
        assert await line.pattern_of(logins(4, logger="a")[0]) != await line.pattern_of(
            logins(4, logger="b")[0]
        )

    async def test_a_text_that_a_person_split_off_stays_apart(self, world: World) -> None:
        """Neither the miner nor a later error of that text goes back to the template."""
        line = Line(world)
        await line.store(*logins(0))
        await line.store(*logins(1, 2))
        await line.learn()
        home = await line.pattern_of(logins(0)[0])
        apart = logins(1)[0]
        await world.split(home, text_group(apart))
        await line.store(*logins(3), bare(20, "server could not load mod_x.so from disk"))
        await line.learn()
        moved = (await world.placed())[text_group(apart)]
        assert moved[0] != home
        assert moved[1] == "person"
        assert await line.pattern_of(apart) == moved[0]
        await line.store(bare(21, apart.message))
        assert (await world.pattern(moved[0])).count == 2
        assert await line.pattern_of(logins(0)[0]) == home

    async def test_a_merge_of_the_template_can_be_taken_back_for_good(self, world: World) -> None:
        """After an undo the texts are patterns of their own again, and stay it."""
        line = Line(world)
        await line.store(*logins(0))
        await line.store(*logins(1))
        await line.learn()
        home = await line.pattern_of(logins(0)[0])
        await world.undo(home)
        await line.store(*logins(2))
        await line.learn()
        assert await line.pattern_of(logins(1)[0]) != home
        assert await line.pattern_of(logins(2)[0]) == home

    async def test_what_a_person_merged_takes_the_template_along(self, world: World) -> None:
        """A text that was merged into another pattern before it was learned stays there; so do its like."""
        line = Line(world)
        await line.store(bare(20, "disk is full"), *logins(0))
        placed = await world.placed()
        disk, text = placed[text_group(bare(20, "disk is full"))][0], placed[text_group(logins(0)[0])][0]
        await world.merge(disk, text)
        await line.learn()
        await line.store(*logins(1))
        await line.learn()
        assert await line.pattern_of(logins(2)[0]) == disk
        assert (await world.placed())[text_group(logins(0)[0])][1] == "person"

    @pytest.mark.parametrize("status", [PatternStatus.IGNORED, PatternStatus.RESOLVED])
    async def test_a_new_text_is_no_new_fault(self, world: World, status: PatternStatus) -> None:
        """It leaves an ignored pattern ignored, and one resolved after its newest error resolved."""
        line = Line(world)
        await line.store(*logins(0, 1))
        await line.learn()
        home = await line.pattern_of(logins(0)[0])
        await world.set_status(home, status)
        await line.store(bare(20, "server could not load mod_x.so from the disk"), *logins(2))
        await line.store(bare(21, "server could not load mod_y.so from the disk"))
        await line.learn()
        assert (await world.pattern(home)).status is status

    async def test_names_merge_templates_and_their_patterns(self, world: World) -> None:
        """When a word turns out to be a name, patterns that were apart become the oldest of them."""
        line = Line(world)
        names = ("kim", "lee", "ada", "bob", "eve", "max", "ida", "tom", "amy", "zoe")
        events = [bare(30 + place, f"account of {name} was locked") for place, name in enumerate(names)]
        for event in events:
            await line.store(event)
            await line.learn()
        patterns = {await line.pattern_of(event) for event in events}
        assert patterns == {(await world.placed())[text_group(events[0])][0]}
        late = bare(60, "account of somebody was locked")
        assert await line.pattern_of(late) in patterns
        await line.store(late)
        assert (await world.pattern(await line.pattern_of(late))).count == len(events) + 1

    async def test_many_new_texts_are_learned_in_several_lessons(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A round goes on until nothing is left."""
        monkeypatch.setattr(mining_module, "BATCH", 2)
        line = Line(world)
        await line.store(*logins(0, 1, 2, 3, 4))
        assert await line.learn() == 5
        assert len({pattern for pattern, _ in (await world.placed()).values()}) == 1

    async def test_a_pattern_bears_the_name_of_its_template(self, world: World) -> None:
        """The title is the template, also after it became more general; a person's title stays."""
        line = Line(world)
        await line.store(*logins(0))
        await line.store(*logins(1, 2))
        await line.learn()
        home = await line.pattern_of(logins(0)[0])
        assert (await world.pattern(home)).title == "server could not load <*> from disk"
        await world.split(home, text_group(logins(1)[0]))
        apart = (await world.placed())[text_group(logins(1)[0])][0]
        name = (await world.pattern(apart)).title
        await line.store(*logins(3))
        await line.learn()
        assert (await world.pattern(apart)).title == name
