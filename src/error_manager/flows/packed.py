"""What waits in memory for the next minute, compressed (seed box: Analyzer Pod)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import zstandard
from numpy.typing import NDArray

_LEVEL: Final = 1
"""35 MB of a detector become 8 in 32 ms of the processor, and are back in 33; level 3 makes 7.9 of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """Bytes, compressed; ``size`` is how many they are."""

    content: bytes
    size: int

    def unpack(self) -> bytes:
        """Return the bytes again."""
        return zstandard.decompress(self.content, max_output_size=self.size)


def pack(content: bytes) -> Packed:
    """Return bytes in as little memory as is quickly done."""
    packed = zstandard.compress(content, _LEVEL)  # lies in as much memory as it could have come to take
    return Packed(content=bytes(memoryview(packed)), size=len(content))


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedArray:
    """An array of float64, compressed without loss."""

    content: Packed
    shape: tuple[int, ...]

    def unpack(self) -> NDArray[np.float64]:
        """Return the array again; it cannot be written to."""
        return np.frombuffer(self.content.unpack()).reshape(self.shape)


def pack_array(array: NDArray[np.float64]) -> PackedArray:
    """Return an array in as little memory as is quickly done."""
    return PackedArray(content=pack(array.tobytes()), shape=array.shape)
