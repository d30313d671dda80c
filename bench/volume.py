"""A small volume in memory that can be filled and emptied again."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

_CHUNK_BYTES = 1024 * 1024


def may_mount() -> bool:
    """Return whether this process may mount a tmpfs (root on Linux, outside of a locked container)."""
    with tempfile.TemporaryDirectory() as folder:
        if subprocess.run(_mount(Path(folder), 1), capture_output=True, check=False).returncode != 0:
            return False
        subprocess.run(["umount", folder], check=True)
        return True


def _mount(folder: Path, size_mib: int) -> list[str]:
    return ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m,mode=0700", "tmpfs", str(folder)]


class Volume:
    """A tmpfs of ``size_mib`` on a folder that exists; unmounted at the end of the context."""

    def __init__(self, folder: Path, size_mib: int) -> None:
        """Keep what to mount; nothing is mounted yet."""
        self._folder = folder
        self._size_mib = size_mib

    def __enter__(self) -> Self:
        """Mount it."""
        subprocess.run(_mount(self._folder, self._size_mib), check=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Unmount it; what still has files open does not hold it."""
        subprocess.run(["umount", "--lazy", str(self._folder)], check=True)

    @property
    def free_bytes(self) -> int:
        """Return what is free."""
        state = os.statvfs(self._folder)
        return state.f_bavail * state.f_frsize

    def fill(self) -> None:
        """Take all the room that is left (again): the ballast grows until the volume is full."""
        with (self._folder / "ballast").open("ab", buffering=0) as file:
            size = _CHUNK_BYTES
            while size >= 512:
                try:
                    file.write(bytes(size))
                except OSError:
                    size //= 2

    def empty(self) -> None:
        """Give the room back."""
        (self._folder / "ballast").unlink()
