"""How one of our commands starts another, and how people start it (seed box: Runtime)."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_MODULE: Final = "error_manager"


def program(command: str, words: Sequence[str], *extra: str) -> list[str]:
    """Return the command line of one of our own commands, in this interpreter."""
    return [sys.executable, "-P", "-m", _MODULE, command, *extra, *words]


def words_of_program(command: Sequence[str]) -> list[str]:
    """Return what the command line of ``program`` gives to our entry point."""
    return list(command[command.index(_MODULE) + 1 :])


def shown(command: str, data_dir: Path) -> str:
    """Return the line that runs one of our commands on a data folder, to paste into any shell here.

    The program of a virtual environment is rarely on the PATH, and the folder in use rarely the default one.
    """
    script = Path(sys.executable).with_name("error-manager")
    start = [str(script)] if script.is_file() else [sys.executable, "-m", "error_manager"]
    return shlex.join([*start, command, "--data-dir", str(data_dir)])


def shown_python(code: str) -> str:
    """Return the line that runs a line of Python with our client at hand, ready to paste into a shell."""
    return shlex.join([sys.executable, "-c", code])
