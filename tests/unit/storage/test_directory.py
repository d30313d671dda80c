"""A worker loads projects when it meets one it does not know."""

from __future__ import annotations

from dataclasses import replace

from error_manager.core.rules import GroupingRule, Matcher, SetParts
from error_manager.core.types import ProjectId
from error_manager.runtime.wiring.linear import compile_linear
from error_manager.storage.base import Project
from error_manager.storage.directory import LoadedProjects


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
    now[0] = 5.0
    await projects.ensure({ProjectId(2)})
    assert projects.get(ProjectId(2)) is not None
    assert projects.get(ProjectId(3)) is None


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
