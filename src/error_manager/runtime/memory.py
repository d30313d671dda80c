"""Keeps a process that computes now and then small in between (seed box: Runtime)."""

from __future__ import annotations

import ctypes
import gc
import sys
from typing import Final

_M_ARENA_MAX: Final = -8  # malloc.h of glibc


def use_one_arena() -> None:
    """Let all threads of this process take memory from one place; with glibc only, else nothing happens.

    Each thread that computes would keep the memory of its largest array otherwise.
    """
    library = _glibc()
    if library is not None:
        library.mallopt(_M_ARENA_MAX, 1)


def give_back_memory() -> None:
    """Give memory that is not in use back to the system; with glibc only, else nothing happens."""
    gc.collect()
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "malloc_trim") else None
