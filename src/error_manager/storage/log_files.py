"""Reads log files in blocks of whole records, also packed ones (seed box: Storage Interface)."""

from __future__ import annotations

import glob
import gzip
import re
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from error_manager.core.errors import ConfigurationError

BLOCK_BYTES: Final = 2 * 1024 * 1024
_MAX_CARRY_BYTES: Final = 16 * 1024 * 1024
"""A record longer than this is cut: memory stays bounded whatever a file holds."""
LOG_ENDINGS: Final = (".log", ".txt", ".out", ".err", ".jsonl", ".ndjson", ".json", ".gz", ".zst")
TABLE_ENDINGS: Final = (".csv", ".tsv", ".gz", ".zst")
_PACKED: Final = frozenset({".gz", ".zst"})
_ROTATED: Final = re.compile(r"\.(?:log|out|err|txt)[.-][0-9]{1,8}$")

STANDARD_INPUT: Final = "standard input"

Cut = Callable[[bytes], int]
"""Returns where a block can be cut (``decoding.log_block.cut_at_record``)."""


def cut_at_line(block: bytes) -> int:
    """Return the end of the last whole line, 0 when there is none."""
    return block.rfind(b"\n") + 1


class Reader(Protocol):
    """What blocks are read from."""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most ``size`` bytes, none at the end."""


OpenZstd = Callable[[BinaryIO], Reader]
"""Opens what is packed with zstd."""


def find_files(names: Sequence[str], *, endings: Sequence[str] = LOG_ENDINGS) -> list[Path | None]:
    """Return the files that names, folders and patterns stand for; None is standard input.

    Args:
        names: of files and folders, patterns, ``-``.
        endings: of the files that are read in folders; with those of logs also rotated ones.

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
            inside = sorted(file for file in path.rglob("*") if file.is_file() and _is_wanted(file, endings))
            files += inside
            if not inside:
                problems.append(f"{name}: no file ending in {' '.join(endings)} in this folder")
        elif path.is_file():
            files.append(path)
        elif matches := sorted(glob.glob(name, recursive=True)):  # the shell did not expand it  # noqa: PTH207
            files += [Path(match) for match in matches if Path(match).is_file()]
        else:
            problems.append(f"{name}: no such file or folder")
    if problems:
        raise ConfigurationError(problems)
    return files


def _is_wanted(path: Path, endings: Sequence[str]) -> bool:
    return path.suffix in endings or (endings is LOG_ENDINGS and _ROTATED.search(path.name) is not None)


def find_growing(names: Sequence[str]) -> list[Path]:
    """Return the files to follow; a name that is not there yet is waited for.

    Raises:
        ConfigurationError: names what does not grow: standard input and packed files.
    """
    files: list[Path] = []
    problems: list[str] = []
    for name in names:
        is_there = name != "-" and (Path(name).is_dir() or glob.has_magic(name))
        found = [path for path in find_files([name]) if path is not None] if is_there else [Path(name)]
        files += [path for path in found if not is_there or path.suffix not in _PACKED]
        if name == "-" or (not is_there and Path(name).suffix in _PACKED):
            problems.append(f"{name}: cannot be followed")
    if problems:
        raise ConfigurationError(problems)
    return files


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

    def first_lines(self, count: int) -> list[str]:
        """Return the first lines that are not empty of the first file; none for standard input.

        Raises:
            ConfigurationError: the file cannot be read, or is packed and damaged; names it.
        """
        first = self._paths[0] if self._paths else None
        if first is None:
            return []
        with _opened(first) as raw:
            source = self._unpacked(raw, first)
            text = b""
            while (
                text.lstrip().count(b"\n") < count
                and len(text) < _MAX_CARRY_BYTES
                and (piece := source.read(65_536))
            ):
                text += piece
        lines = (line.decode("utf-8-sig", "replace").strip() for line in text.lstrip().split(b"\n"))
        return [line for line in lines if line][:count]

    def blocks(self, cut: Cut) -> Iterator[bytes]:
        """Yield blocks of about ``BLOCK_BYTES`` that begin and end with a record.

        Raises:
            ConfigurationError: a file cannot be read, or is packed and damaged; names it.
        """
        for _, blocks in self.parts(cut):
            yield from blocks

    def parts(self, cut: Cut) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Yield the name of each file and its blocks, which are to be read before the next is asked for.

        Raises:
            ConfigurationError: as for ``blocks``, while these are read.
        """
        for path in self._paths:
            yield STANDARD_INPUT if path is None else str(path), self._part(path, cut)

    def _part(self, path: Path | None, cut: Cut) -> Iterator[bytes]:
        if path is None:
            yield from _blocks(sys.stdin.buffer, cut)
            return
        with _opened(path) as raw:
            self._raw = raw
            yield from _blocks(self._unpacked(raw, path), cut)
        self._raw = None
        self._before += path.stat().st_size

    def _unpacked(self, raw: BinaryIO, path: Path) -> Reader:
        if path.suffix == ".gz":
            return gzip.GzipFile(fileobj=raw)
        if path.suffix == ".zst" and self._open_zstd is not None:
            return self._open_zstd(raw)
        return raw


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file; what goes wrong inside is an error that names it."""
    try:
        with path.open("rb") as raw:
            yield raw
    except (EOFError, OSError, zlib.error) as error:
        raise ConfigurationError([f"{path}: cannot be read: {error}"]) from error


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
