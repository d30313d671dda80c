"""Reads log files in blocks of whole records, also packed ones (seed box: Storage Interface)."""

from __future__ import annotations

import glob
import gzip
import io
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from error_manager.core.errors import ConfigurationError

BLOCK_BYTES: Final = 2 * 1024 * 1024
_MAX_CARRY_BYTES: Final = 16 * 1024 * 1024
"""A record longer than this is cut: memory stays bounded whatever a file holds."""
_ENDINGS: Final = (".log", ".txt", ".out", ".err", ".jsonl", ".ndjson", ".json", ".gz", ".zst")
_ROTATED: Final = re.compile(r"\.(?:log|out|err|txt)[.-][0-9]{1,8}$")

OpenZstd = Callable[[BinaryIO], BinaryIO]
"""Opens what is packed with zstd; None where the extra is missing."""
Cut = Callable[[bytes], int]
"""Returns where a block can be cut (``decoding.log_block.cut_at_record``)."""


class Reader(Protocol):
    """What blocks are read from."""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most ``size`` bytes, none at the end."""


def find_files(names: Sequence[str]) -> list[Path | None]:
    """Return the files that names, folders and patterns stand for; None is standard input.

    Raises:
        ConfigurationError: names every path that is missing, and folders without files to read.
    """
    problems: list[str] = []
    files: list[Path | None] = []
    for name in names:
        path = Path(name)
        if name == "-":
            files.append(None)
        elif path.is_dir():
            inside = sorted(file for file in path.rglob("*") if file.is_file() and _is_log(file))
            files += inside
            if not inside:
                problems.append(f"{name}: no file ending in {' '.join(_ENDINGS)} in this folder")
        elif path.is_file():
            files.append(path)
        elif matches := sorted(glob.glob(name, recursive=True)):  # the shell did not expand it  # noqa: PTH207
            files += [Path(match) for match in matches if Path(match).is_file()]
        else:
            problems.append(f"{name}: no such file or folder")
    if problems:
        raise ConfigurationError(problems)
    return files


def _is_log(path: Path) -> bool:
    return path.suffix in _ENDINGS or _ROTATED.search(path.name) is not None


class LogFiles:
    """The files of one run, read one after the other; ``done_bytes`` counts what was read from disk."""

    def __init__(self, paths: Sequence[Path | None], *, open_zstd: OpenZstd | None) -> None:
        """Take the files; nothing is opened yet."""
        self._paths = paths
        self._open_zstd = open_zstd
        self._before = 0
        self._raw: BinaryIO | None = None
        self.total_bytes = sum(path.stat().st_size for path in paths if path is not None)

    @property
    def done_bytes(self) -> int:
        """Return the bytes read so far, as they lie on disk."""
        return self._before + (self._raw.tell() if self._raw is not None and not self._raw.closed else 0)

    def first_line(self) -> str:
        """Return the first line that is not empty of the first file; "" for standard input."""
        first = self._paths[0] if self._paths else None
        if first is None:
            return ""
        with first.open("rb") as raw, io.BufferedReader(_Adapter(self._unpacked(raw, first))) as lines:
            for line in lines:
                if line.strip():
                    return line.decode("utf-8", "replace").strip()
        return ""

    def blocks(self, cut: Cut) -> Iterator[bytes]:
        """Yield blocks of about ``BLOCK_BYTES`` that begin and end with a record.

        Raises:
            ConfigurationError: a packed file is damaged; names it.
        """
        for path in self._paths:
            if path is None:
                yield from _blocks(sys.stdin.buffer, cut)
                continue
            with path.open("rb") as raw:
                self._raw = raw
                try:
                    yield from _blocks(self._unpacked(raw, path), cut)
                except (EOFError, OSError, ValueError) as error:
                    raise ConfigurationError([f"{path}: cannot be read: {error}"]) from error
            self._raw = None
            self._before += path.stat().st_size

    def _unpacked(self, raw: BinaryIO, path: Path) -> Reader:
        if path.suffix == ".gz":
            return gzip.GzipFile(fileobj=raw)
        if path.suffix == ".zst" and self._open_zstd is not None:
            return self._open_zstd(raw)
        return raw


class _Adapter(io.RawIOBase):
    """Makes a raw stream of any reader, so that lines can be read from it."""

    def __init__(self, source: Reader) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # the stub's Buffer needs 3.12
        data = self._source.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _blocks(source: Reader, cut: Cut) -> Iterator[bytes]:
    carry = b""
    while piece := source.read(BLOCK_BYTES):
        block = carry + piece
        place = cut(block)
        if place == 0 and len(block) > _MAX_CARRY_BYTES:
            place = len(block)
        if place:
            yield block[:place]
        carry = block[place:]
    if carry:
        yield carry
