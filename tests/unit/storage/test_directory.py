"""A worker loads projects when it meets one it does not know, and templates between batches."""

from __future__ import annotations

from dataclasses import replace

from tests.mined import PROJECT, bare, traced

from error_manager.analysis.templates import TemplateMiner
from error_manager.core.fingerprint import fingerprint
from error_manager.core.rules import GroupingRule, Matcher, SetParts
from error_manager.core.types import ProjectId
from error_manager.runtime.wiring.linear import compile_linear
from error_manager.storage import directory
from error_manager.storage.base import Project, PublishedTemplates, TemplateMatch
from error_manager.storage.directory import LoadedProjects, LoadedTemplates


async def _nothing():
    return {}


def _projects(load, *, load_versions=_nothing, load_rules=_nothing, **more) -> LoadedProjects:
    return LoadedProjects(
        load, load_versions=load_versions, load_rules=load_rules, compile_pattern=compile_linear, **more
    )


def _project(number: int) -> Project:
    return Project(id=ProjectId(number), name="P", slug=f"p{number}", subject_key=b"sealed")


async def test_loads_once_and_opens_subject_keys():
    """A known project costs no second look."""
    calls = []

    async def load():
        calls.append(1)
        return (_project(1),)

    projects = _projects(load, open_key=lambda project: b"opened", monotonic=lambda: 0.0)
    await projects.ensure({ProjectId(1)})
    await projects.ensure({ProjectId(1)})
    found = projects.get(ProjectId(1))
    assert (len(calls), found and found.subject_key) == (1, b"opened")


async def test_a_project_made_after_the_last_look_is_found():
    """A miss always leads to another look."""
    known = [_project(1)]
    now = [0.0]

    async def load():
        return tuple(known)

    projects = _projects(load, open_key=lambda project: b"", monotonic=lambda: now[0])
    await projects.ensure({ProjectId(1)})
    known.append(_project(2))
    now[0] = 4.5
    await projects.ensure({ProjectId(2)})
    assert projects.get(ProjectId(2)) is not None
    assert projects.get(ProjectId(3)) is None


class _Published:
    """A store that publishes what it is told."""

    def __init__(self, *templates):
        self.templates = templates
        self.asked = []

    async def newer(self, known):
        self.asked.append(dict(known))
        return tuple(one for one in self.templates if one.version != known.get(one.project_id))


def _templates(*messages, version=1, apart=()):
    miner = TemplateMiner()
    for message in messages:
        miner.add(message)
    content = miner.publish().to_bytes()
    return PublishedTemplates(project_id=PROJECT, version=version, content=content, apart=frozenset(apart))


async def test_templates_change_between_batches_only():
    """What is loaded beside a batch is asked from the next one on, and only what is newer is loaded."""
    store = _Published(_templates("tape 1 is full"))
    loaded = LoadedTemplates(store, monotonic=lambda: 0.0)
    await loaded.ensure()
    tape, disk = bare(1, "tape 2 is full"), bare(2, "disk is full")
    assert loaded.match(PROJECT, tape) == TemplateMatch(id=1, version=1)
    assert loaded.match(PROJECT, disk) is None
    assert loaded.unmatched == 1
    store.templates = (_templates("tape 1 is full", "disk is full", version=2),)
    await loaded.refresh()
    assert loaded.match(PROJECT, disk) is None
    await loaded.ensure()
    assert loaded.match(PROJECT, disk) == TemplateMatch(id=2, version=2)
    assert (loaded.match(ProjectId(2), disk), loaded.match(PROJECT, traced(3, 1))) == (None, None)
    assert store.asked == [{}, {PROJECT: 1}]


async def test_a_text_that_is_held_apart_has_no_template():
    """It is counted by its text; others of the same template are not."""
    apart = bare(1, "server could not load mod_ssl.so from disk")
    other = bare(2, "server could not load mod_php.so from disk")
    published = _templates(apart.message, other.message, apart=[fingerprint(apart).group_id])
    loaded = LoadedTemplates(_Published(published), monotonic=lambda: 0.0)
    await loaded.ensure()
    assert loaded.match(PROJECT, apart) is None
    assert loaded.match(PROJECT, other) == TemplateMatch(id=1, version=1)


async def test_templates_of_a_later_release_are_done_without():
    """They are no reason to stop, and are not read each second."""
    store = _Published(PublishedTemplates(project_id=PROJECT, version=3, content=b"{}"))
    loaded = LoadedTemplates(store, monotonic=lambda: 0.0)
    await loaded.ensure()
    await loaded.refresh()
    assert loaded.match(PROJECT, bare(1, "tape 1 is full")) is None
    assert store.asked == [{}, {PROJECT: 3}]


async def test_loading_takes_a_tenth_of_the_time():
    """After a second of loading, nothing is loaded for nine."""
    now = [0.0]
    store = _Published()

    def monotonic():
        now[0] += 0.5
        return now[0]

    loaded = LoadedTemplates(store, monotonic=monotonic)
    await loaded.ensure()
    now[0] = 4.5
    await loaded.refresh()
    assert len(store.asked) == 1
    now[0] = 6.0
    await loaded.refresh()
    assert len(store.asked) == 2


async def test_many_messages_are_forgotten_together(monkeypatch):
    """The memory of matched messages is bounded."""
    monkeypatch.setattr(directory, "_MAX_REMEMBERED", 2)
    loaded = LoadedTemplates(_Published(_templates("tape 1 is full")), monotonic=lambda: 0.0)
    await loaded.ensure()
    found = {loaded.match(PROJECT, bare(number, f"tape {number} is full")) for number in range(9)}
    assert found == {TemplateMatch(id=1, version=1)}
    assert len(loaded._current[PROJECT].remembered) <= 2


async def test_rules_are_compiled_anew_when_their_version_changes():
    """Looked at once a second, loaded when a version changed; rules that do not compile are left out."""
    now, versions, loads = [0.0], {}, []
    catch = GroupingRule(id=7, action=SetParts(parts=("x",)), matchers=(Matcher(field="type", pattern="*"),))
    broken = GroupingRule(id=8, action=SetParts(parts=("x",)), matchers=(Matcher(field="type", pattern="("),))

    async def load():
        return (_project(1), _project(2))

    async def load_versions():
        return dict(versions)

    async def load_rules():
        loads.append(now[0])
        return {ProjectId(1): [catch], ProjectId(2): [broken]}

    projects = _projects(
        load,
        load_versions=load_versions,
        load_rules=load_rules,
        open_key=lambda project: b"",
        monotonic=lambda: now[0],
    )
    catch = replace(catch, matchers=(Matcher(field="type", pattern="*", is_glob=True),))
    await projects.ensure({ProjectId(1)})
    assert (projects.rules(ProjectId(1)), loads) == (None, [])
    versions[ProjectId(1)] = 1
    now[0] = 0.5
    await projects.ensure({ProjectId(1)})
    assert projects.rules(ProjectId(1)) is None
    for moment in (1.0, 2.0):
        now[0] = moment
        await projects.ensure({ProjectId(1)})
    found = projects.rules(ProjectId(1))
    assert (found is not None and len(found), projects.rules(ProjectId(2)), loads) == (1, None, [1.0])
