"""Where ``error-manager analyze`` prints and writes."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

_PIPE_WIDTH: Final = 200
_TERMINAL: Final = (140, 24)


def width() -> int:
    """Return the width of the terminal in characters, a wide one when there is none."""
    return shutil.get_terminal_size(_TERMINAL).columns if sys.stdout.isatty() else _PIPE_WIDTH


def write(path: Path, lines: Iterable[str]) -> None:
    """Write text to a file, whose folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(lines)


def write_report(folder: Path, files: Mapping[str, str]) -> None:
    """Write the files of a report, ``report.html`` first, and say where they are."""
    for name, text in files.items():
        write(folder / name, (text,))
    page, *others = files
    told = " and ".join([", ".join(others[:-1]), others[-1]] if len(others) > 1 else others)
    print(f"\nReport: {folder / page} (also {told})")
