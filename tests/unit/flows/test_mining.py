"""Mining learns texts of bare messages only, and says where their groups belong."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.contract.template_store_contract import LATER
from tests.mined import PROJECT

from error_manager.analysis.templates import TemplateMiner
from error_manager.core.errors import StorageUnavailableError
from error_manager.core.fingerprint import template_fingerprint
from error_manager.core.types import GroupId, PatternId, ProjectId
from error_manager.flows import mining as mining_module
from error_manager.flows.mining import Mining, study
from error_manager.storage.base import MiningState, NewGroup


def _group(number: int, message: str, *rest: str, template_id: int | None = None) -> NewGroup:
    first = f"message: {message}" if template_id is None else f"template: #{template_id}"
    return NewGroup(
        group_id=GroupId(bytes([number] * 16)), message=message, parts=(first, *rest), template_id=template_id
    )


def test_only_bare_messages_are_learned():
    """Not what has a part of the client, no message, or a template already."""
    miner = TemplateMiner()
    groups = [
        _group(1, "tape 1 is full", "logger: jobs"),
        _group(2, "disk is full", "client: x"),
        _group(3, ""),
        _group(4, "tape 2 is full", template_id=1),
    ]
    studied = study(miner, groups)
    assert [template.text for template in miner.templates] == ["tape <*> is full"]
    (link,) = studied.links
    assert (link.group_id, link.template_id) == (groups[0].group_id, 1)
    assert link.template_group == template_fingerprint(1, ("", "logger: jobs")).group_id
    assert studied.merged == ()


def test_templates_that_become_one_are_told():
    """Each that had its own id before is named; a group made with an old id is led on."""
    miner = TemplateMiner()
    names = ("kim", "lee", "ada", "bob", "eve", "max", "ida", "tom", "amy", "zoe")
    first = study(miner, [_group(1, f"account of {name} was locked") for name in names[:3]])
    assert (len(first.links), first.merged) == (3, ())
    late = _group(9, "account of kim was locked", template_id=2)
    studied = study(miner, [*(_group(2, f"account of {name} was locked") for name in names[3:]), late])
    assert studied.merged == (2, 3)
    assert {link.template_id for link in studied.links} == {1}
    assert studied.links[-1].group_id == late.group_id


class _Unreadable:
    """A project whose templates a later release has written."""

    def __init__(self):
        self.reads = 0

    async def waiting(self):
        return (PROJECT,)

    async def state(self, project):
        self.reads += 1
        return MiningState(pattern_id=PatternId(3), content=b"{}")


async def test_templates_of_a_later_release_are_left_alone():
    """They are read once, and never written over."""
    store = _Unreadable()
    mining = Mining(store, clock=lambda: LATER)
    assert (await mining.round(), await mining.round(), store.reads) == (0, 0, 1)


class _Growing:
    """Projects that each have one new message a round."""

    def __init__(self, projects):
        self.projects = projects
        self.ends = dict.fromkeys(projects, 0)
        self.reads = 0

    async def waiting(self):
        return self.projects

    async def state(self, project):
        self.reads += 1
        return MiningState(pattern_id=PatternId(self.ends[project]), content=b"")

    async def unread(self, project, start, *, limit):
        return PatternId(start + 1), (_group(1, f"tape {limit} is full"),)

    async def learn(self, lesson, *, now):
        self.ends[lesson.project_id] = lesson.end


async def test_few_projects_are_kept_in_memory(monkeypatch):
    """What is held is not read again; beyond the most that is held, projects are."""
    monkeypatch.setattr(mining_module, "_MAX_HELD", 2)
    few, many = _Growing((1, 2)), _Growing((1, 2, 3))
    for store in (few, many):
        mining = Mining(store, clock=lambda: LATER)
        for _ in range(3):
            await mining.round()
    assert (few.reads, many.reads) == (2, 9)
    assert few.ends == {1: 3, 2: 3}


class _Faulty:
    """Two projects, of which the first cannot be read by a fault of ours."""

    def __init__(self):
        self.asked = []

    async def waiting(self):
        return (ProjectId(1), ProjectId(2))

    async def state(self, project):
        self.asked.append(project)
        if project == 1:
            raise ValueError("a fault")
        return MiningState(content=b"", pattern_id=PatternId(0))

    async def unread(self, project, start, *, limit):
        return start, ()


async def test_a_fault_in_one_project_ends_neither_mining_nor_the_process():
    """That project is left alone; the others are read in each round."""
    store = _Faulty()
    mining = Mining(store, clock=lambda: None)
    assert (await mining.round(), await mining.round()) == (0, 0)
    assert store.asked == [1, 2, 2]


class _Refusing:
    """Two projects; the lessons of the first are refused until told otherwise."""

    def __init__(self):
        self.refuses = True
        self.tried: list[ProjectId] = []

    async def waiting(self):
        return (ProjectId(1), ProjectId(2))

    async def state(self, project):
        return MiningState(pattern_id=PatternId(0), content=b"")

    async def unread(self, project, start, *, limit):
        self.tried.append(project)
        if self.refuses and project == 1:
            raise StorageUnavailableError
        return start, ()


async def test_a_project_whose_lesson_fails_is_left_alone_longer_each_time():
    """The others go on; after a lesson that works the first rest is short again."""
    store, now = _Refusing(), [LATER]
    mining = Mining(store, clock=lambda: now[0])
    tried_at = []
    for second in range(60):
        now[0] = LATER + timedelta(seconds=second)
        tries = store.tried.count(1)
        try:
            await mining.round()
        except StorageUnavailableError:
            tried_at.append(second)
        assert (store.tried.count(1) > tries) == (second in tried_at)
    assert tried_at == [0, 1, 3, 8, 18, 48]
    assert store.tried.count(2) == 60 - len(tried_at)
    store.refuses, now[0] = False, LATER + timedelta(seconds=200)
    await mining.round()
    store.refuses = True
    for second in (201, 202):
        now[0] = LATER + timedelta(seconds=second)
        with pytest.raises(StorageUnavailableError):
            await mining.round()
