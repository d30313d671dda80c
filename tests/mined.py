"""Bare messages and traces as a load of them comes, and how alike two groupings of them are."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Hashable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from math import comb

import msgspec

from error_manager.core.cataloger import catalog
from error_manager.core.encoding import event_to_json
from error_manager.core.ids import uuid7
from error_manager.core.types import (
    ErrorEvent,
    ErrorId,
    EventId,
    ExceptionInfo,
    Frame,
    ProjectId,
    Severity,
)
from error_manager.storage.base import NO_SLOT, Cursor, StoreBatch, StoredError, TemplateDirectory
from error_manager.storage.compression import BodyCodec

PROJECT = ProjectId(1)
NOW = datetime.now(UTC).replace(microsecond=0)
_SHAPES = (
    "connection to {host} refused after {ms} ms",
    "user {name} could not log in from {ip}",
    "payment {id} declined by {bank}: limit of {number} reached",
    "queue {queue} has {number} messages, consumer {name} is behind",
    "cannot open {path}: no such file",
    "retry {number} of {number} for order {id}",
    "cache miss for key {queue}:{id} took {ms} ms",
    "slow query on {host}: {ms} ms, {number} rows",
    "token of {name} expired",
    "shard {number} on {host} is read only",
    "disk is full",
    "worker lost its lease",
)
_NAMES = tuple(f"{first}{rest}" for first in "klmnrst" for rest in ("im", "ea", "ob", "ida"))
_BANKS = ("North", "South", "East", "West", "Central", "Coastal", "Upper", "Lower", "Outer", "Inner")
_QUEUES = ("mail", "bills", "orders", "search", "images", "audit", "sync", "export", "import", "clean")


def message(rng: random.Random) -> str:
    """Return a message of one of twelve sources."""
    return rng.choice(_SHAPES).format(
        host=f"db{rng.randrange(9)}.example.org",
        ms=rng.randrange(5_000),
        name=rng.choice(_NAMES),
        ip=f"10.0.{rng.randrange(200)}.{rng.randrange(200)}",
        id=f"{rng.getrandbits(64):016x}",
        bank=rng.choice(_BANKS),
        number=rng.randrange(900),
        queue=rng.choice(_QUEUES),
        path=f"/srv/data/{rng.choice(_NAMES)}/{rng.randrange(99)}.bin",
    )


def bare(number: int, text: str, *, logger: str = "", minutes: int = 0) -> ErrorEvent:
    """Return the ``number``-th error, a bare message."""
    return ErrorEvent(
        event_id=EventId(f"{number:032x}"),
        timestamp=NOW - timedelta(minutes=60 - minutes),
        message=text,
        logger=logger,
        severity=Severity.ERROR,
    )


def traced(number: int, fault: int) -> ErrorEvent:
    """Return the ``number``-th error, with the stack of a fault."""
    frame = Frame(
        function=f"step_{fault}", module="shop.cart", filename="shop/cart.py", lineno=fault, in_app=True
    )
    return ErrorEvent(
        event_id=EventId(f"{number:032x}"),
        timestamp=NOW - timedelta(minutes=30),
        message="",
        exceptions=(ExceptionInfo(type="ValueError", value=f"wrong value {number}", frames=(frame,)),),
        severity=Severity.ERROR,
    )


def load(count: int, *, seed: int, loggers: Sequence[str] = ("", "shop.jobs")) -> list[ErrorEvent]:
    """Return errors, three of four bare messages, the others with the stacks of 40 faults."""
    rng = random.Random(seed)
    return [
        traced(number, rng.randrange(40))
        if number % 4 == 3
        else bare(number, message(rng), logger=rng.choice(loggers))
        for number in range(count)
    ]


def prepared(event: ErrorEvent, templates: TemplateDirectory) -> StoredError:
    """Return an error ready to be stored, with what the loaded templates say of it."""
    template = templates.match(PROJECT, event)
    return StoredError(
        error_id=ErrorId(uuid7(event.timestamp, os.urandom(10))),
        project_id=PROJECT,
        event=event,
        entry=catalog(event, template_id=template.id if template else None),
        created_at=NOW,
        body=_body(),
        template=template,
    )


@cache
def _body() -> bytes:
    """Return the stored body of some error; of these nobody reads more than where they are."""
    body = msgspec.json.encode(event_to_json(bare(0, "some error")))
    return BodyCodec().compress(PROJECT, body)[1]


def batch(errors: Sequence[StoredError]) -> StoreBatch:
    """Return a batch that moves no cursor."""
    return StoreBatch(slot=NO_SLOT, start=Cursor(), end=Cursor(), errors=tuple(errors))


def adjusted_rand_index(one: Sequence[Hashable], other: Sequence[Hashable]) -> float:
    """Return how alike two groupings of the same things are: 1 = the same, 0 = as by chance.

    Source:
        Hubert and Arabie, Comparing partitions, Journal of Classification 2 (1985) 193-218, equation 5.
    """
    both = sum(comb(n, 2) for n in Counter(zip(one, other, strict=True)).values())
    rows = sum(comb(n, 2) for n in Counter(one).values())
    columns = sum(comb(n, 2) for n in Counter(other).values())
    expected = rows * columns / comb(len(one), 2)
    most = (rows + columns) / 2
    return 1.0 if most == expected else (both - expected) / (most - expected)
