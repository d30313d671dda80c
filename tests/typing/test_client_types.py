"""The public names of the client are typed as their users need them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import error_manager

USAGE = [Path(__file__).with_name(name) for name in ("api.py", "client_usage.py")]
SOURCE = Path(error_manager.__file__).parents[1]


def test_usage_type_checks(tmp_path):
    """Ordinary use passes mypy --strict; misuse is refused."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path, *USAGE],
        cwd=SOURCE.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "Success: no issues found in 2 source files\n"


def test_package_says_that_it_is_typed():
    """The marker file that makes type checkers read the package is there (PEP 561)."""
    assert (SOURCE / "error_manager" / "py.typed").is_file()
