"""Opens files packed with zstd; needs the extra ``server`` (seed box: Storage Interface)."""

from __future__ import annotations

from typing import BinaryIO

import zstandard


def open_zstd(raw: BinaryIO) -> BinaryIO:
    """Return what reads the text of a packed file, all its frames."""
    return zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
