"""What could not be read of a table, as plain values (seed box: none)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Self

_SAMPLE_CHARS: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """How many cells or rows could not be read, and line and text of the first of them."""

    count: int = 0
    line: int = 0
    text: str = ""

    def plus(self, line: int, text: str) -> Self:
        """Return it with one more."""
        if self.count:
            return replace(self, count=self.count + 1)
        return replace(self, count=1, line=line, text=text[:_SAMPLE_CHARS])

    def joined(self, later: Self) -> Self:
        """Return the sum of two; the first of these stays the first."""
        return replace(self if self.count else later, count=self.count + later.count)

    def masked(self, mask: Callable[[str], str]) -> Self:
        """Return it with its text masked."""
        return replace(self, text=mask(self.text))
