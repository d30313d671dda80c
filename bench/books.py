"""Compares what a sender was told with what the product stored and counted."""

from __future__ import annotations

import collections
import time
from dataclasses import dataclass, field
from typing import Any

from bench.product import Product
from bench.sender import Journal


@dataclass
class Books:
    """What a comparison found; every number of the second group must be zero."""

    acknowledged: int = 0
    refused: dict[int, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    broken_connections: int = 0
    slowest_answer_s: float = 0.0
    drain_s: float = 0.0

    lost: int = 0
    stored_twice: int = 0
    counter_difference: int = 0
    unexplained: int = 0

    @property
    def faults(self) -> int:
        """Return the sum of what must be zero."""
        return self.lost + self.stored_twice + self.counter_difference + self.unexplained


def compare(product: Product, journal: Journal, *, drain_timeout_s: float = 60) -> Books:
    """Wait until the inbox is empty, then compare ids, counts and ledger with the journal."""
    drain_s = drain(product, timeout_s=drain_timeout_s)
    stored = stored_ids(product)
    total = sum(stored.values())
    ledger: dict[str, Any] = product.ledger()
    outcomes = ledger["outcomes"]
    return Books(
        acknowledged=len(journal.acknowledged),
        refused=dict(journal.refused),
        reasons=dict(journal.reasons),
        broken_connections=journal.broken_connections,
        slowest_answer_s=round(journal.slowest_s, 3),
        drain_s=round(drain_s, 2),
        lost=len(journal.acknowledged - stored.keys()),
        stored_twice=sum(1 for count in stored.values() if count > 1),
        counter_difference=abs(outcomes["accepted"] - total) + abs(pattern_total(product) - total),
        unexplained=abs(ledger["unexplained"]) + outcomes["dead_letter"],
    )


def drain(product: Product, *, timeout_s: float) -> float:
    """Wait until nothing waits; return the seconds.

    Raises:
        RuntimeError: something still waits after ``timeout_s``.
    """
    began = time.monotonic()
    last: object = None
    while time.monotonic() < began + timeout_s:
        try:
            ledger = product.ledger()
            if ledger["waiting"] == 0:
                return time.monotonic() - began
            last = ledger
        except OSError as error:
            last = error
        time.sleep(0.2)
    raise RuntimeError(f"the inbox is not empty after {timeout_s:.0f} s: {last}")


def stored_ids(product: Product) -> collections.Counter[str]:
    """Return how often each client id is stored."""
    found: collections.Counter[str] = collections.Counter()
    cursor: str | None = ""
    while cursor is not None:
        page = product.get("/api/v1/errors?limit=500" + (f"&cursor={cursor}" if cursor else ""))
        found.update(item["event_id"] for item in page["items"])
        cursor = page["next"]
    return found


def pattern_total(product: Product) -> int:
    """Return the sum of all patterns' counts."""
    total = 0
    cursor: str | None = ""
    while cursor is not None:
        page = product.get("/api/v1/patterns?limit=500" + (f"&cursor={cursor}" if cursor else ""))
        total += sum(item["count"] for item in page["items"])
        cursor = page["next"]
    return total
