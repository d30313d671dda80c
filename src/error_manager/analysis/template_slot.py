"""What a variable part of a template was filled with: its kinds, and its most frequent values."""

from __future__ import annotations

from typing import Final

from error_manager.core.value_mask import SENSITIVE_KINDS, ValueKind, kind_of

MAX_VALUES: Final = 16
MAX_VALUE_CHARS: Final = 64
_MAX_DROPPED: Final = 64
_LEAST_SHARE: Final = 8
"""A slot is given up when, after 64 values that found no room, no value has an eighth of all."""


class Slot:
    """A bounded sketch of the values read of one slot; of frequent templates not every message is read.

    The counts of the most frequent values are at most ``dropped / MAX_VALUES`` too high once values found no
    room (Source: Metwally, Agrawal and El Abbadi, Efficient computation of frequent and top-k elements, ICDT
    2005, "Space-Saving"). Of sensitive kinds only the kind is counted.
    """

    __slots__ = ("dropped", "is_diverse", "kinds", "seen", "values")

    def __init__(self) -> None:
        """Start empty."""
        self.seen = 0
        self.dropped = 0
        self.is_diverse = False
        """So many values that none is kept."""
        self.kinds: dict[ValueKind, int] = {}
        self.values: dict[str, int] = {}

    @property
    def kind(self) -> ValueKind:
        """Return the kind of most values; of equally frequent ones the first."""
        return max(self.kinds, key=self.kinds.__getitem__, default=ValueKind.TEXT)

    @property
    def distinct(self) -> int | None:
        """Return how many values were read, None when not all of them were kept."""
        is_whole = not self.is_diverse and not self.dropped and not SENSITIVE_KINDS & self.kinds.keys()
        return len(self.values) if is_whole else None

    @property
    def shares(self) -> list[tuple[str, float]]:
        """Return the most frequent values with their share (0..1), most frequent first."""
        ranked = sorted(self.values.items(), key=_by_count)
        return [(value, count / self.seen) for value, count in ranked]

    def add(self, value: str, count: int = 1) -> None:
        """Count a value."""
        kind = kind_of(value[:MAX_VALUE_CHARS])
        self.seen += count
        self.kinds[kind] = self.kinds.get(kind, 0) + count
        if kind not in SENSITIVE_KINDS:
            self._keep(value if len(value) <= MAX_VALUE_CHARS else f"{value[: MAX_VALUE_CHARS - 1]}…", count)

    def copy(self) -> Slot:
        """Return a slot that has seen the same."""
        slot = Slot()
        slot.seen, slot.dropped, slot.is_diverse = self.seen, self.dropped, self.is_diverse
        slot.kinds, slot.values = self.kinds.copy(), self.values.copy()
        return slot

    def merge(self, other: Slot) -> None:
        """Add what another slot has seen."""
        self.seen += other.seen
        self.dropped += other.dropped
        for kind, count in other.kinds.items():
            self.kinds[kind] = self.kinds.get(kind, 0) + count
        if other.is_diverse:
            self._give_up()
        for value, count in other.values.items():
            self._keep(value, count)

    def _keep(self, value: str, count: int) -> None:
        if self.is_diverse:
            return
        if value in self.values or len(self.values) < MAX_VALUES:
            self.values[value] = self.values.get(value, 0) + count
            return
        rarest = min(self.values, key=self.values.__getitem__)
        self.values[value] = self.values.pop(rarest) + count
        self.dropped += count
        if self.dropped >= _MAX_DROPPED and max(self.values.values()) * _LEAST_SHARE < self.seen:
            self._give_up()

    def _give_up(self) -> None:
        self.is_diverse = True
        self.values.clear()


def _by_count(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]
