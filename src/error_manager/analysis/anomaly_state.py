"""What the anomaly detector remembers of each series, in arrays (seed box: Anomaly Detector). Pure."""

from __future__ import annotations

import json
import struct
from typing import Final

import numpy as np
from numpy.typing import NDArray

from error_manager.analysis.anomaly_season import DAYS, SLOT_VARIANCE, SLOTS, WEEK, WEEKDAY_VARIANCE

Array = NDArray[np.generic]

RING: Final = 241
"""Minutes of running totals kept: windows reach back four hours."""
LEVEL_HOURS: Final = 32
ROUTINE_SLOTS: Final = 96
"""Quarter hours of a day."""
_MAGIC: Final = b"EMAD"
_VERSION: Final = 1

FIELDS: Final[dict[str, tuple[tuple[int, ...], str, float]]] = {
    # the season, by time of day and weekday, and its error
    "slots": ((SLOTS,), "f4", 0.0),
    "weekdays": ((WEEK,), "f4", 0.0),
    "slot_variance": ((SLOTS,), "f4", SLOT_VARIANCE),
    "weekday_variance": ((WEEK,), "f4", WEEKDAY_VARIANCE),
    "slack": ((), "f8", 0.06**2),
    # half hours of four weeks, for the next fit
    "history": ((DAYS * SLOTS,), "f4", 0.0),
    "minutes": ((DAYS * SLOTS,), "f4", 0.0),
    # running totals, for windows of any length
    "ring_count": ((RING,), "f8", 0.0),
    "ring_high": ((RING,), "f8", 0.0),
    "ring_low": ((RING,), "f8", 0.0),
    # the level: discounted events and discounted season; that of each of the last 32 hours; the scatter
    "level_events": ((), "f8", 0.0),
    "level_season": ((), "f8", 0.0),
    "level_minutes": ((), "f8", 0.0),
    "levels": ((LEVEL_HOURS,), "f8", 0.0),
    "scatter": ((), "f8", 0.0),
    "scatter_base": ((), "f8", 0.0),
    # since when it is watched, seen, quiet
    "added": ((), "f8", 0.0),
    "born": ((), "f8", np.nan),
    "is_known": ((), "?", 0.0),
    "group": ((), "i4", 0.0),
    "quiet": ((), "f8", 0.0),
    "longest_quiet": ((), "f8", 0.0),
    "lull_until": ((), "f8", 0.0),
    # since the newest deploy
    "deploy_at": ((), "f8", -np.inf),
    "deploy_level": ((), "f8", 0.0),
    "deploy_count": ((), "f8", 0.0),
    "deploy_mean": ((), "f8", 0.0),
    "deploy_told": ((), "?", 0.0),
    "before_count": ((), "f8", 0.0),
    "before_mean": ((), "f8", 1.0),
    # how often it was told lately, and at what time of day
    "alarms": ((), "f8", 0.0),
    "routine": ((ROUTINE_SLOTS,), "f4", 0.0),
    "is_told": ((), "?", 0.0),
    # rises that go on
    "growth": ((), "f8", np.nan),
    "growth_told": ((), "?", 0.0),
    "growth_over": ((), "f8", -np.inf),
    "stepped": ((), "f8", -np.inf),
    # the open incident
    "kind": ((), "i1", 0.0),
    "started": ((), "f8", 0.0),
    "detected": ((), "f8", 0.0),
    "observed": ((), "f8", 0.0),
    "expected": ((), "f8", 0.0),
    "recent_observed": ((), "f8", 0.0),
    "recent_expected": ((), "f8", 0.0),
    "ratio": ((), "f8", 1.0),
    "sigmas": ((), "f8", 0.0),
    "calm": ((), "f8", 0.0),
    # it, up to the newest minute that spoke for it
    "evident_at": ((), "f8", 0.0),
    "evident_observed": ((), "f8", 0.0),
    "evident_expected": ((), "f8", 0.0),
}
"""Name -> shape per series, dtype, value of a new series. Arrays hold the series in their last axis."""


class SeriesState:
    """Arrays of all series; the last axis is the series, so that a minute's row is one piece of memory."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.minute = -1
        """Newest minute taken in, in minutes since the epoch."""
        self.arrays: dict[str, Array] = {
            name: np.empty((*shape, 0), dtype=dtype) for name, (shape, dtype, _) in FIELDS.items()
        }

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        """Return an array by name; what is not float64 is used as such all the same."""
        return self.arrays[name]  # type: ignore[return-value]  # bool and int columns are read as numbers

    def add(self, keys: list[str]) -> slice:
        """Add new series; return where they are."""
        first = len(self.keys)
        for name, (shape, dtype, value) in FIELDS.items():
            fresh = np.full((*shape, len(keys)), value, dtype=dtype)
            self.arrays[name] = np.concatenate([self.arrays[name], fresh], axis=-1)
        self.keys.extend(keys)
        return slice(first, first + len(keys))

    def keep(self, places: NDArray[np.int64]) -> None:
        """Keep the series at these places, in this order."""
        self.keys = [self.keys[place] for place in places]
        for name, array in self.arrays.items():
            self.arrays[name] = np.ascontiguousarray(array[..., places])

    def only(self, place: int) -> SeriesState:
        """Return a view of one series."""
        one = SeriesState()
        one.keys, one.minute = [self.keys[place]], self.minute
        one.arrays = {name: array[..., place : place + 1] for name, array in self.arrays.items()}
        return one

    def to_bytes(self) -> bytes:
        """Return the state: a header in JSON and the arrays as they are, little endian."""
        header = {"keys": self.keys, "minute": self.minute, "fields": list(self.arrays)}
        text = json.dumps(header).encode()
        arrays = [
            np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).data
            for array in self.arrays.values()
        ]
        return b"".join([_MAGIC, struct.pack("<HI", _VERSION, len(text)), text, *arrays])

    @classmethod
    def from_bytes(cls, data: bytes) -> SeriesState:
        """Return the state again.

        Raises:
            ValueError: no state of this version, or one that is cut.
        """
        state = cls()
        start = len(_MAGIC) + struct.calcsize("<HI")
        if data[: len(_MAGIC)] != _MAGIC or len(data) < start:
            raise ValueError("no anomaly state")
        version, size = struct.unpack("<HI", data[len(_MAGIC) : start])
        if version != _VERSION:
            raise ValueError(f"anomaly state of version {version}, this is {_VERSION}")
        header = json.loads(data[start : start + size])
        if header["fields"] != list(FIELDS):
            raise ValueError("anomaly state with other fields")
        state.keys, state.minute = header["keys"], header["minute"]
        at = start + size
        for name, (shape, dtype, _) in FIELDS.items():
            whole = (*shape, len(state.keys))
            kind = np.dtype(dtype).newbyteorder("<")
            count = int(np.prod(whole))
            if at + count * kind.itemsize > len(data):
                raise ValueError("anomaly state is cut")
            state.arrays[name] = np.frombuffer(data, kind, count, at).reshape(whole).astype(dtype)
            at += count * kind.itemsize
        return state
