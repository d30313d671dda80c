"""Text files of test data, packed or not."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import TextIO


def find(folder: Path, name: str) -> Path | None:
    """Return the file, or its ``.gz`` twin, or None when neither is there."""
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def open_text(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")
