"""Killed processes: what was acknowledged is stored once, the counters are exact, and work goes on."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import psutil
import pytest
from bench.books import compare
from bench.faults import FAILPOINTS, KINDS, Findings, processes, run
from bench.product import Product
from bench.sender import Sender

RATE_PER_S = 100
RESTART_S = 60.0
"""Far more than the ten seconds of a quiet machine: the suite runs beside others."""


@pytest.fixture
def killable(tmp_path, free_port):
    """Return a product of this test alone, with failpoints."""
    with Product(tmp_path / "data", free_port, "--set", "debug.failpoints=true") as started:
        yield started


@pytest.mark.slow
def test_kills_at_random_and_at_each_step_lose_nothing(killable):
    """Five random kills and one at each failpoint under load: nothing lost, nothing twice, books exact."""
    found = run(killable, rounds=5, rate=RATE_PER_S, seed=1, failpoint_rounds=1)
    assert found.books.faults == 0, found
    assert found.books.acknowledged > 0
    assert set(found.rounds) == {*KINDS, *FAILPOINTS}
    assert max(found.slowest_working_s.values()) < RESTART_S


def test_the_judge_sees_what_is_wrong():
    """Slow readiness or a lost error is no clean run."""
    slow = Findings()
    slow.add("serve", ready_s=10.5, working_s=11.0)
    lossy = Findings()
    lossy.books.lost = 1
    assert (Findings().is_clean, slow.is_clean, lossy.is_clean) == (True, False, False)


def test_sigterm_under_load_loses_nothing_and_exits_with_0(tmp_path, free_port):
    """The tree drains within ten seconds; what was acknowledged is there after the next start."""
    product = Product(tmp_path / "data", free_port)
    product.start()
    sender = Sender(product.url, product.key, product.project, rate_per_s=RATE_PER_S)
    sender.start()
    try:
        time.sleep(2)
        supervisor = psutil.Process(product.pids[0])
        tree = supervisor.children(recursive=True)
        assert product.ask_to_stop(timeout_s=RESTART_S) == 0
        assert psutil.wait_procs(tree, timeout=5)[1] == []
    finally:
        journal = sender.stop()
    with product:
        books = compare(product, journal)
    assert (books.faults, set(books.refused)) == (0, set()), books
    assert books.acknowledged > 0


def test_a_second_start_on_the_folder_is_refused(killable):
    """It says who holds the folder, ends with code 2, and the first one goes on."""
    command = [sys.executable, "-m", "error_manager", "up", "--data-dir", str(killable.folder), "--port", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert f"already runs on {killable.folder} (pid {killable.pids[0]})" in done.stderr
    assert killable.ledger()["unexplained"] == 0


def test_nothing_outlives_a_killed_supervisor(killable):
    """Kill -9 of the supervisor ends servers, worker and database; the next start recovers."""
    tree = [process for found in processes(killable).values() for process in found]
    psutil.Process(killable.pids[0]).send_signal(signal.SIGKILL)
    assert psutil.wait_procs(tree, timeout=20)[1] == []
    killable.start()
    assert killable.ledger()["unexplained"] == 0
