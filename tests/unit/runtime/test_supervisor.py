"""The supervisor survives what it cannot start."""

from __future__ import annotations

import asyncio
import time

import pytest

from error_manager.runtime.settings import load_settings
from error_manager.runtime.supervisor import Supervisor


class FullDisk:
    """A database that cannot write its configuration."""

    pid = None
    starts = 0

    def spawn(self):
        self.starts += 1
        raise OSError(28, "No space left on device")


@pytest.fixture
def said():
    """Return what the supervisor said."""
    return []


@pytest.fixture
def supervisor(tmp_path, said):
    """Return a supervisor of nothing that runs."""
    settings = load_settings({"data_dir": tmp_path}, environ={})
    return Supervisor(settings, words=(), database=FullDisk(), say=said.append, reload=dict)


def test_a_database_without_room_is_tried_again(supervisor, said):
    """A full disk is said, and the next look after the pause starts it once more."""
    now = time.monotonic()
    for later in (0.0, 10.0, 20.0, 30.0):
        supervisor._look_after_database(now + later)
    assert supervisor._database.starts > 1
    assert "PostgreSQL cannot be started: [Errno 28] No space left on device" in said


def test_a_child_without_room_for_its_log_is_tried_again(supervisor, said):
    """The folder of the logs is missing: nothing is raised, and the next start is planned."""
    now = time.monotonic()
    supervisor._look_after_children(now)
    assert {child.pid for child in supervisor.children} == {None}
    assert all(child.start_after > now for child in supervisor.children)
    assert said[0] == "serve 0 cannot be started: No such file or directory"


def test_logs_that_cannot_be_rotated_stop_nothing(supervisor, said, tmp_path, monkeypatch):
    """The reason is said."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "serve-0.log").write_bytes(b"x" * (supervisor._settings.log.file_bytes + 1))
    (tmp_path / "logs" / "serve-0.log.1").mkdir()
    supervisor._rotate()
    assert said == ["Logs cannot be rotated: Is a directory"]


class Rolled:
    """A child that ends at once; the supervisor is told to stop meanwhile."""

    pid = 1
    starts = 0

    def __init__(self, on_signal):
        self.signals = []
        self._on_signal = on_signal

    def signal(self, number):
        self.signals.append(number)
        self._on_signal()

    def reap(self, now):
        self.pid = None

    def start(self, now):
        self.starts += 1


async def test_a_stop_during_a_reload_starts_nothing_anew(supervisor):
    """SIGTERM while the first child drains: it is not started again, the second one is left alone."""
    first, second = Rolled(supervisor._told), Rolled(lambda: None)
    supervisor.children = (first, second)
    async with asyncio.timeout(1):
        await supervisor._roll()
    assert (first.starts, second.starts, second.signals) == (0, 0, [])


async def test_a_stop_between_two_children_of_a_reload_is_obeyed_at_once(supervisor):
    """SIGTERM in the pause behind the first child: the second one is left alone."""
    first, second = Rolled(lambda: None), Rolled(lambda: None)
    supervisor.children = (first, second)
    asyncio.get_running_loop().call_later(0.05, supervisor._told)
    async with asyncio.timeout(1):
        await supervisor._roll()
    assert (first.starts, second.signals) == (1, [])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "index"),
        ({"index.qdrant_url": "http://127.0.0.1:6333"}, "index-server"),
        ({"index.is_enabled": False}, None),
    ],
)
def test_the_index_is_one_process_that_may_be_left_out(tmp_path, given, expected):
    """Beside the others one process has the index, with the engine of the settings, unless it is off."""
    settings = load_settings({"data_dir": tmp_path, **given}, environ={})
    children = Supervisor(settings, words=(), database=None, say=print, reload=dict).children
    found = [child for child in children if child.name == "index"]
    assert [child.command[4] for child in found] == ([expected] if expected else [])
    assert [child.name for child in children if child.is_needed] == [
        "serve 0",
        "serve 1",
        "worker 0",
        "worker 1",
    ]


@pytest.mark.parametrize(("is_enabled", "expected"), [(True, ["--role", "analysis"]), (False, None)])
def test_the_analysis_is_one_process_that_may_be_left_out(tmp_path, is_enabled, expected):
    """It is a worker of another role; nothing waits for it."""
    settings = load_settings({"data_dir": tmp_path, "analysis.is_enabled": is_enabled}, environ={})
    children = Supervisor(settings, words=(), database=None, say=print, reload=dict).children
    found = [child for child in children if child.name == "analysis"]
    assert [(child.command[5:7], child.is_needed) for child in found] == (
        [(expected, False)] if expected else []
    )


@pytest.mark.parametrize("code", [1, 2, -9])
def test_nothing_waits_for_the_index(supervisor, said, tmp_path, code):
    """An index that cannot be started is said and tried again; a server that cannot ends the start."""
    index = supervisor.children[-1]
    index.starts = 10
    supervisor._ended(index, code)
    assert (supervisor._is_told, said[-1].endswith("starting it again")) == (False, True)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "serve-0.log").touch()
    supervisor._ended(supervisor.children[0], 2)
    assert supervisor._is_told
