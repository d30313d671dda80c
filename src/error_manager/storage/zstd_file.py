"""Opens files packed with zstd; needs the extra ``server`` (seed box: Storage Interface)."""

from __future__ import annotations

from typing import BinaryIO

import zstandard


class ZstdFile:
    """Reads the text of a packed file, all its frames."""

    def __init__(self, raw: BinaryIO) -> None:
        self._reader = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)

    def read(self, size: int = -1, /) -> bytes:
        """Return at most ``size`` bytes, none at the end.

        Raises:
            OSError: the file is damaged.
        """
        try:
            return self._reader.read(size)
        except zstandard.ZstdError as error:
            raise OSError(str(error)) from error
