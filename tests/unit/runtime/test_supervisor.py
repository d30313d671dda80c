"""The supervisor survives what it cannot start."""

from __future__ import annotations

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
