"""A worker loads projects when it meets one it does not know."""

from __future__ import annotations

from error_manager.core.types import ProjectId
from error_manager.storage.base import Project
from error_manager.storage.directory import LoadedProjects


def _project(number: int) -> Project:
    return Project(id=ProjectId(number), name="P", slug=f"p{number}", subject_key=b"sealed")


async def test_loads_once_and_opens_subject_keys():
    """A known project costs no second look."""
    calls = []

    async def load():
        calls.append(1)
        return (_project(1),)

    projects = LoadedProjects(load, open_key=lambda project: b"opened", monotonic=lambda: 0.0)
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

    projects = LoadedProjects(load, open_key=lambda project: b"", monotonic=lambda: now[0])
    await projects.ensure({ProjectId(1)})
    known.append(_project(2))
    now[0] = 5.0
    await projects.ensure({ProjectId(2)})
    assert projects.get(ProjectId(2)) is not None
    assert projects.get(ProjectId(3)) is None
