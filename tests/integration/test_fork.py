"""A copy of a process is a process of its own."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from error_manager.runtime.fork import HAS_FORK

pytestmark = pytest.mark.skipif(not HAS_FORK, reason="processes are not copied here")
_START = """
import asyncio, os, random, signal, sys, time
from pathlib import Path
from error_manager.runtime.fork import Copy, folder_of, fork, share

FOLDER = Path(sys.argv[1])

def copied(main, output=None, keep=2):
    return Copy(fork(main, ["a", "b"], name="made up 0", folder=FOLDER, output=output, keep=keep))

def ended(copy):
    while (code := copy.poll()) is None:
        time.sleep(0.01)
    return code
"""


def _run(folder, source: str) -> list[str]:
    """Return the lines that a process of its own prints; it has one thread, whatever this one has."""
    code = _START + textwrap.dedent(source)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, folder], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_what_copies_share_is_loaded_made_and_left_alone_by_the_collector(tmp_path):
    """Modules are loaded, functions are called, and what is there by then is frozen."""
    assert _run(
        tmp_path,
        """
        import gc
        share(["colorsys", "gc:disable"])
        print("colorsys" in sys.modules, gc.isenabled(), gc.get_freeze_count() > 1000)
        """,
    ) == ["True False True"]


def test_the_code_it_ends_with_is_told(tmp_path):
    """What its main returns, exits with, or is killed by; arguments come through."""
    assert _run(
        tmp_path,
        """
        print(ended(copied(lambda words: len(words))))
        print(ended(copied(lambda words: sys.exit(7))))
        print(ended(copied(lambda words: sys.exit())))
        print(ended(copied(lambda words: os.kill(os.getpid(), signal.SIGKILL))))
        """,
    ) == ["2", "7", "0", "-9"]


def test_a_failure_is_written_to_its_output_and_stays_there(tmp_path):
    """The trace goes to the log it was given, and the code behind the fork runs in one process only."""
    lines = _run(
        tmp_path,
        """
        log = os.open(FOLDER / "log", os.O_WRONLY | os.O_CREAT, 0o600)
        print(ended(copied(lambda words: 1 // 0, output=log)))
        print("once")
        """,
    )
    assert lines == ["1", "once"]
    assert (tmp_path / "log").read_text().endswith("ZeroDivisionError: integer division or modulo by zero\n")


def test_nothing_stays_open_but_what_it_was_given(tmp_path):
    """Pipes and locks of the other process are closed; standard input is the folder."""
    assert _run(
        tmp_path,
        """
        reader, writer = os.pipe()
        lock = os.open(FOLDER / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        def main(words):
            found = {n for n in range(200) if os.path.exists(f"/proc/self/fd/{n}")}
            print(found == {0, 1, 2, reader}, folder_of(os.getpid()) == FOLDER.resolve())
            return 0
        ended(copied(main, keep=reader))
        """,
    ) == ["True True"]


def test_its_title_is_its_own(tmp_path):
    """The command line shown for it begins with its name; that of the other process stays."""
    assert _run(
        tmp_path,
        """
        def shown():
            return Path("/proc/self/cmdline").read_bytes().split(b"\\0")[0]
        before = shown()
        ended(copied(lambda words: print(shown().decode()) or 0))
        print(shown() == before)
        """,
    ) == ["error-manager: made up 0", "True"]


def test_a_copy_made_inside_a_running_loop_has_a_loop_and_signals_of_its_own(tmp_path):
    """It answers SIGTERM itself; the loop of the other process is not woken, and goes on."""
    assert _run(
        tmp_path,
        """
        told = []

        async def child():
            stop = asyncio.Event()
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
            (FOLDER / "up").touch()
            await stop.wait()
            print("the copy was told")

        def main(words):
            asyncio.run(child())
            return 3

        async def parent():
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.append, True)
            copy = copied(main)
            while not (FOLDER / "up").exists():
                await asyncio.sleep(0.01)
            copy.send_signal(signal.SIGTERM)
            while copy.poll() is None:
                await asyncio.sleep(0.01)
            print(copy.poll(), told)

        asyncio.run(parent())
        """,
    ) == ["the copy was told", "3 []"]


def test_each_copy_has_random_numbers_of_its_own(tmp_path):
    """Two copies made one after the other draw different ones, as new interpreters would."""
    lines = _run(
        tmp_path,
        """
        for _ in range(2):
            ended(copied(lambda words: print(random.random()) or 0))
        """,
    )
    assert len(set(lines)) == 2


def test_it_ends_also_where_the_system_keeps_no_codes(tmp_path):
    """Started with SIGCHLD ignored: a copy that is gone has ended, with the code that Popen has then."""
    assert _run(
        tmp_path,
        """
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        copy = copied(lambda words: 3)
        print(ended(copy), copy.send_signal(signal.SIGTERM))
        """,
    ) == ["0 None"]
