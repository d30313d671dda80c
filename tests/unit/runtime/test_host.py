"""What the machine says of a process tree."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from error_manager.runtime.data_folder import lock_folder, open_folder
from error_manager.runtime.host import folder_bytes, host_facts


def test_the_tree_is_that_of_the_holder_of_the_lock(tmp_path):
    """The supervisor and what runs below it are listed by what they do, each with memory."""
    open_folder(tmp_path)
    lock = lock_folder(tmp_path)
    code = "import sys; print('up', flush=True); sys.stdin.read()"
    arguments = [sys.executable, "-c", code, "serve", "--slot", "3", "--pipe-fd", "7"]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        found = {process.name: process for process in host_facts(tmp_path).processes}
        child.kill()
    lock.release()
    assert found["supervisor"].pid == os.getpid()
    assert found["serve 3"].pid == child.pid
    assert found["serve 3"].memory_bytes > 1_000_000


@pytest.mark.skipif(shutil.which("du") is None, reason="needs du as an independent witness")
def test_the_size_of_a_folder_is_that_of_du(tmp_path: Path):
    """Blocks of all files below; checked against du without the folders' own blocks."""
    (tmp_path / "sub").mkdir()
    for number in range(5):
        (tmp_path / "sub" / f"{number}.bin").write_bytes(os.urandom(10_000 * number))
    files = [str(path) for path in tmp_path.rglob("*.bin")]
    told = subprocess.run(["du", "-c", "-k", *files], capture_output=True, text=True, check=True).stdout
    assert folder_bytes(tmp_path) == int(told.splitlines()[-1].split()[0]) * 1024
