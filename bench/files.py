"""Text files of test data, packed or not."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from error_manager.decoding.table import Table, open_table
from error_manager.storage.log_files import LogFiles, cut_at_line


def find(folder: Path, name: str) -> Path | None:
    """Return the file, or its ``.gz`` twin, or None when neither is there."""
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def open_text(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def tables(path: Path) -> Iterator[Table]:
    """Yield the table in a file, as ``error-manager analyze`` reads it."""
    for name, blocks in LogFiles([path], open_zstd=None).parts(cut_at_line):
        yield open_table(name, blocks)
