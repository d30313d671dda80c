"""Rotation of log files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from error_manager.runtime.log import rotate


def test_a_log_over_the_limit_moves_aside_and_its_writer_goes_on(tmp_path):
    """The old content is in NAME.log.1, the open file continues at the start of the emptied one."""
    with (tmp_path / "serve-0.log").open("ab", buffering=0) as writer:
        writer.write(b"x" * 100)
        assert rotate(tmp_path, limit_bytes=99) == (tmp_path / "serve-0.log",)
        writer.write(b"new")
    assert (tmp_path / "serve-0.log").read_bytes() == b"new"
    assert (tmp_path / "serve-0.log.1").read_bytes() == b"x" * 100


def test_a_log_below_the_limit_stays(tmp_path):
    """Nothing is touched before the limit is passed."""
    (tmp_path / "serve-0.log").write_bytes(b"x" * 100)
    assert rotate(tmp_path, limit_bytes=100) == ()


def test_a_full_disk_costs_lines_and_not_the_process(tmp_path):
    """Events and lines of libraries go nowhere while stderr refuses them; nothing is raised."""
    program = """
import logging, structlog
from error_manager.runtime.log import configure_logging
configure_logging("info")
structlog.get_logger().warning("disk_full")
logging.getLogger("library").warning("disk full")
print("alive")
"""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=full, text=True, check=False
        )
    assert done.stdout == "alive\n"
