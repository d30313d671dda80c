"""Where ``error-manager analyze`` prints and writes."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from error_manager.core.errors import ConfigurationError

_PIPE_WIDTH: Final = 200
_TERMINAL: Final = (140, 24)


def width() -> int:
    """Return the width of the terminal in characters, a wide one when there is none."""
    return shutil.get_terminal_size(_TERMINAL).columns if sys.stdout.isatty() else _PIPE_WIDTH


def check_folder(folder: Path | None) -> None:
    """Refuse a folder for a report that cannot be one, before the work is done.

    Raises:
        ConfigurationError: there is something else at its place.
    """
    if folder is not None and folder.exists() and not folder.is_dir():
        raise ConfigurationError(
            [f"--report {folder}: is no folder. The report is several files: give the name of a folder"]
        )


def write(path: Path, lines: Iterable[str]) -> None:
    """Write text to a file, whose folder is made.

    Raises:
        ConfigurationError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            file.writelines(lines)
    except OSError as error:
        raise ConfigurationError([f"{path}: cannot be written: {error.strerror}"]) from error


def write_report(folder: Path, files: Mapping[str, str]) -> None:
    """Write the files of a report, ``report.html`` first, and say where they are."""
    for name, text in files.items():
        write(folder / name, (text,))
    page, *others = files
    told = " and ".join([", ".join(others[:-1]), others[-1]] if len(others) > 1 else others)
    print(f"\nReport: {folder / page} (also {told})")
