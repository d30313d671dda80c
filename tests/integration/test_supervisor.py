"""The process tree: started, killed, reloaded, stopped."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from error_manager.runtime.fork import HAS_FORK
from error_manager.runtime.host import host_facts
from error_manager.runtime.supervisor import clear_orphans

_DRIVER = Path(__file__).with_name("supervisor_driver.py")


class Tree:
    """A supervisor in its own process, and what it prints."""

    def __init__(self, data_dir: Path, *arguments: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.data_dir = data_dir
        self.process = subprocess.Popen(
            [sys.executable, _DRIVER, data_dir, str(port), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []

    def until(self, words: str) -> str:
        """Return the first line that contains the words."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.strip())
            if words in line:
                return line.strip()
        raise AssertionError(f"{words!r} was never said: {self.lines}")

    def ready(self) -> list[psutil.Process]:
        """Return supervisor, serve, worker and PostgreSQL (when there is one) once the tree is ready."""
        return [psutil.Process(int(pid)) for pid in self.until("READY").split()[1:] if pid != "0"]

    def end(self) -> tuple[int, float]:
        """Return the exit code and how long it still took, in seconds."""
        began = time.monotonic()
        assert self.process.stdout is not None
        self.lines += [line.strip() for line in self.process.stdout]
        return self.process.wait(20), time.monotonic() - began

    def close(self) -> None:
        """End everything."""
        try:
            below = psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            below = []
        self.process.kill()
        self.process.wait()
        for process in psutil.wait_procs(below, timeout=5)[1]:
            process.kill()
        if self.process.stdout is not None:
            self.process.stdout.close()


@pytest.fixture
def start() -> Iterator[Callable[..., Tree]]:
    """Starts trees on folders of their own; ends them at the end of the test."""
    folder = Path(tempfile.mkdtemp(prefix="em-tree-"))
    folder.chmod(0o711)
    trees: list[Tree] = []

    def run(*arguments: str, name: str = "data") -> Tree:
        trees.append(Tree(folder / name, *arguments))
        return trees[-1]

    yield run
    for tree in trees:
        tree.close()
    shutil.rmtree(folder)


def _eventually(is_true: Callable[[], bool], *, seconds: float = 8) -> None:
    end = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def test_sigterm_stops_everything_in_order(start) -> None:
    """The exit code is 0, nothing is left running, and it takes less than ten seconds."""
    tree = start("good", "--database")
    processes = tree.ready()
    tree.process.terminate()
    code, took_s = tree.end()
    assert (code, [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]) == (0, [])
    assert took_s < 10
    assert "database system is shut down" in (tree.data_dir / "logs" / "postgres.log").read_text()


@pytest.mark.parametrize("arguments", [(), ("--anew",)])
@pytest.mark.parametrize("victim", [1, 2])
def test_a_killed_child_is_started_again(start, victim, arguments) -> None:
    """After kill -9 of a child the supervisor says so and starts another one."""
    tree = start("good", *arguments)
    processes = tree.ready()
    processes[victim].kill()
    assert "signal 9; starting it again" in tree.until("was killed")
    _eventually(lambda: len(processes[0].children()) == 2 and not processes[victim].is_running())


def test_a_killed_database_is_started_again(start) -> None:
    """After kill -9 of PostgreSQL the supervisor recovers it, the other children go on."""
    tree = start("good", "--database")
    supervisor, serve, worker, database = tree.ready()
    database.kill()
    tree.until("PostgreSQL has ended")
    pid_file = tree.data_dir / "postgres" / "18" / "postmaster.pid"

    def is_back() -> bool:
        lines = pid_file.read_text().splitlines() if pid_file.exists() else []
        return len(lines) >= 8 and lines[7].strip() == "ready" and int(lines[0]) != database.pid

    _eventually(is_back, seconds=10)
    assert serve.is_running()
    assert worker.is_running()
    assert supervisor.is_running()


def test_everything_ends_when_the_supervisor_is_killed(start) -> None:
    """Kill -9 of the supervisor leaves neither children nor PostgreSQL behind."""
    tree = start("good", "--database")
    processes = tree.ready()
    processes[0].kill()
    assert psutil.wait_procs(processes[1:], timeout=8)[1] == []


@pytest.mark.skipif(not HAS_FORK, reason="processes are not copied here")
def test_what_a_killed_supervisor_left_is_known_by_its_folder(start) -> None:
    """A copy that does not end with its supervisor is ended by the next start on the same folder alone."""
    tree = start("stubborn")
    supervisor, _, stubborn = tree.ready()
    supervisor.kill()
    tree.process.wait()
    assert clear_orphans(tree.data_dir.parent) == 0
    assert stubborn.is_running()
    assert clear_orphans(tree.data_dir) >= 1
    assert not stubborn.is_running() or stubborn.status() == psutil.STATUS_ZOMBIE


@pytest.mark.skipif(not HAS_FORK, reason="processes are not copied here")
def test_copies_are_shown_under_their_own_names(start) -> None:
    """The list of processes has what each one is; the supervisor has the one thread that copying needs."""
    tree = start("good")
    processes = tree.ready()
    shown = {each.pid: each.name for each in host_facts(tree.data_dir).processes}
    assert [shown[process.pid] for process in processes] == ["supervisor", "serve 0", "worker 0"]
    assert processes[0].num_threads() == 1


def test_sighup_starts_the_children_anew(start) -> None:
    """On SIGHUP every child is replaced, one after the other; the supervisor stays."""
    tree = start("good")
    supervisor, *children = tree.ready()
    supervisor.send_signal(signal.SIGHUP)
    tree.until("Settings taken over")
    assert [child.is_running() for child in children] == [False, False]
    assert len(supervisor.children()) == 2


def test_sighup_with_wrong_settings_changes_nothing(start) -> None:
    """Wrong settings are named, and the tree goes on as it was."""
    tree = start("good")
    supervisor, *children = tree.ready()
    (tree.data_dir / "config.toml").write_text("[server]\nprocesses = 'many'\n")
    supervisor.send_signal(signal.SIGHUP)
    tree.until("everything goes on as it was")
    assert "server.processes" in tree.until("server.processes")
    assert [child.is_running() for child in children] == [True, True]


def test_a_child_that_refuses_to_start_stops_the_start(start) -> None:
    """Exit code 2 before the tree is ready ends it with code 2 and the child's own words."""
    tree = start("refusing")
    code, _ = tree.end()
    assert code == 2
    assert any("the key is missing" in line for line in tree.lines)


def test_a_second_signal_ends_at_once(start) -> None:
    """A child that does not end is killed on the second SIGTERM, not only after the drain."""
    tree = start("stubborn")
    stubborn = tree.ready()[2]
    tree.process.terminate()
    time.sleep(1)
    assert stubborn.is_running()
    tree.process.terminate()
    code, took_s = tree.end()
    assert (code, stubborn.is_running()) == (0, False)
    assert took_s < 5


def test_a_second_start_on_one_folder_is_refused(start) -> None:
    """The message names the pid of the one that runs; that one goes on."""
    first = start("good")
    supervisor = first.ready()[0]
    second = start("good")
    code, _ = second.end()
    assert code != 0
    assert any("already runs" in line and f"pid {supervisor.pid}" in line for line in second.lines)
    assert supervisor.is_running()


def test_a_lock_of_a_killed_supervisor_does_not_hold(start) -> None:
    """After kill -9 the next start on the folder works, whatever pid the lock file names."""
    first = start("good")
    first.ready()[0].kill()
    first.process.wait()
    (first.data_dir / "run" / "lock").write_text(f"{os.getpid()}\n")
    assert start("good").ready()
