"""Hostile Sentry events and errors of our own form, whole and in parts, for fuzz tests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

KIND_VALUES: Final[tuple[object, ...]] = (
    None,
    True,
    5,
    -1.5,
    "text",
    [],
    [1, "a", None],
    {},
    {"a": {"b": [None]}},
)
"""A value of each JSON type."""
NASTY_TIMES: Final = (
    0,
    -1,
    1e18,
    1e300,
    10**40,
    1_700_000_000_000,
    1_700_000_000_000_000,
    1_700_000_000_000_000_000,
    "0000-00-00T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "10000-01-01T00:00:00Z",
    "-0044-03-15T00:00:00Z",
    "infinity",
    "-infinity",
    "2026-11-23T24:00:00Z",
    "2026-11-23T13:56:60Z",
    "2026-11-23T13:56:03+99:00",
    "2026-11-23 13:56:03.123456789",
    "1e999",
    "",
    "x" * 1000,
    None,
)
NASTY_TEXTS: Final = (
    "",
    " ",
    "\x00",
    "a\x00b",
    "\ud83d",
    "x\udc00y",
    "\ufffe\uffff",
    "\u202eabc",
    "\x1b[31mred",
    "é" * 50_000,
    "%s" * 5000,
    "{}" * 5000,
    "%(a)s" * 3000,
    "'; DROP TABLE error_patterns; --",
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "a." * 20_000,
    "a@" + "a." * 20_000,
    "-----BEGIN RSA PRIVATE KEY-----" * 500,
    "\\u0000",
    "٣" * 32,
    "{{auto}}",
)
NASTY_NUMBERS: Final = (
    "1" + "0" * 40,
    "1" + "0" * 5000,
    "1e400",
    "-1e400",
    "-0",
    "-0.0",
    "NaN",
    "Infinity",
    "-Infinity",
    str(2**63),
    str(2**64),
    str(-(2**63) - 1),
    "0.1e-320",
    "1e999999999",
)
"""JSON texts of numbers, some of which only some parsers take."""


def sentry_event() -> dict[str, object]:
    """Return one Sentry event that uses every field."""
    frame = {
        "function": "charge",
        "module": "shop.pay",
        "filename": "shop/pay.py",
        "abs_path": "/srv/shop/pay.py",
        "lineno": 12,
        "colno": 3,
        "in_app": True,
        "context_line": "charge(card)",
        "pre_context": ["a", "b"],
        "post_context": ["c"],
        "vars": {"card": "'4242'", "order": {"id": 5, "items": [1, 2]}},
        "package": "shop",
    }
    return {
        "event_id": "a" * 32,
        "timestamp": "2026-11-23T13:56:03.123456Z",
        "platform": "python",
        "level": "error",
        "logger": "shop",
        "transaction": "/pay",
        "server_name": "web-1",
        "release": "shop@1.2",
        "dist": "7",
        "environment": "production",
        "culprit": "pay",
        "type": "error",
        "message": "paying failed",
        "logentry": {"message": "paying %s failed", "params": ["5"], "formatted": "paying 5 failed"},
        "exception": {
            "values": [
                {
                    "type": "KeyError",
                    "value": "'sku'",
                    "module": "builtins",
                    "stacktrace": {"frames": [frame]},
                    "mechanism": {
                        "type": "chained",
                        "handled": True,
                        "exception_id": 1,
                        "parent_id": 0,
                        "source": "__cause__",
                    },
                },
                {
                    "type": "PaymentError",
                    "value": "no card",
                    "stacktrace": {"frames": [frame, frame]},
                    "thread_id": 7,
                    "mechanism": {
                        "type": "logging",
                        "handled": False,
                        "synthetic": False,
                        "exception_id": 0,
                        "is_exception_group": True,
                    },
                },
            ]
        },
        "threads": {
            "values": [{"id": 7, "name": "main", "crashed": True, "stacktrace": {"frames": [frame]}}]
        },
        "stacktrace": {"frames": [frame]},
        "breadcrumbs": {
            "values": [
                {
                    "timestamp": 1_795_000_000.5,
                    "category": "query",
                    "message": "SELECT 1",
                    "level": "info",
                    "type": "default",
                    "data": {"rows": 1},
                }
            ]
        },
        "tags": {"shop": "berlin", "vip": True},
        "user": {"id": 5, "email": "a@example.com", "ip_address": "{{auto}}", "vip": 1},
        "request": {
            "url": "http://localhost/pay",
            "method": "POST",
            "query_string": "a=1",
            "headers": {"Host": "localhost"},
            "cookies": {"a": "b"},
            "data": {"card": "x"},
            "env": {"REMOTE_ADDR": "127.0.0.1"},
        },
        "contexts": {
            "trace": {"trace_id": "b" * 32, "span_id": "c" * 16},
            "runtime": {"name": "CPython"},
            "none": None,
        },
        "extra": {"sys.argv": ["pay"], "n": 1},
        "modules": {"flask": "3.0"},
        "fingerprint": ["{{ default }}", 5],
        "sdk": {"name": "sentry.python", "version": "2.0", "packages": [], "integrations": ["flask"]},
        "_meta": {},
    }


def native_error() -> dict[str, object]:
    """Return one error of our own form that uses every kind of field."""
    frame = {
        "function": "charge",
        "filename": "shop/pay.py",
        "lineno": 12,
        "in_app": False,
        "pre_context": ["a"],
        "variables": {"card": "x"},
    }
    return {
        "event_id": "b" * 32,
        "timestamp": "2026-11-23T13:56:03.123456Z",
        "message": "paying failed",
        "severity": "critical",
        "module": "shop.pay",
        "error_code": "E42",
        "stack_trace": "Traceback ...",
        "manager_context": "till 3",
        "exceptions": [{"type": "PaymentError", "value": "no card", "frames": [frame], "is_handled": False}],
        "frames": [frame],
        "breadcrumbs": [{"timestamp": "2026-11-23T13:56:00Z", "message": "click"}],
        "tags": {"shop": "berlin"},
        "user": {"id": "5"},
        "request": {"url": "http://localhost/", "headers": {"Host": "localhost"}},
        "contexts": {"os": {"name": "Linux"}},
        "extra": {"n": 1},
        "modules": {"flask": "3.0"},
        "fingerprint": ["pay"],
        "occurrences": 3,
        "notes": [{"path": "message", "reason": "cut"}],
        "unknown": {"a": 1},
    }


def places(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of every member inside a JSON value, outer ones first."""
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, member in members:
        yield (*path, key)
        yield from places(member, (*path, key))


def replaced(value: object, path: tuple[str | int, ...], member: object) -> object:
    """Return a JSON value with the member at ``path`` replaced; the containers on the way are copied."""
    if not path:
        return member
    key, *rest = path
    if isinstance(value, dict):
        return {**value, key: replaced(value[key], tuple(rest), member)}
    if isinstance(value, list) and isinstance(key, int):
        return [*value[:key], replaced(value[key], tuple(rest), member), *value[key + 1 :]]
    raise KeyError(key)


def special_bodies() -> Iterator[tuple[str, bytes]]:
    """Yield (name, JSON text) of events with huge, deep, cyclic and otherwise hostile parts."""
    event = sentry_event()
    text = json.dumps(event).encode()
    for place in ("extra", "contexts", "tags", "message", "exception", "unknown"):
        start = json.dumps({**event, place: "@@"}).encode()
        for depth in (65, 1000, 1024, 10_000):
            yield f"list {depth} deep in {place}", start.replace(b'"@@"', b"[" * depth + b"]" * depth)
            yield (
                f"object {depth} deep in {place}",
                start.replace(b'"@@"', b'{"a":' * depth + b"1" + b"}" * depth),
            )
        for number in NASTY_NUMBERS:
            yield f"{number[:12]} in {place}", start.replace(b'"@@"', number.encode())
            yield f"{number[:12]} inside {place}", start.replace(b'"@@"', b'{"n":' + number.encode() + b"}")
    for time in NASTY_TIMES:
        yield f"time {time!r:.30}", json.dumps({**event, "timestamp": time}).encode()
    for nasty in NASTY_TEXTS:
        yield f"text {ascii(nasty)[:20]} everywhere", json.dumps(_with_texts(event, nasty)).encode()
    yield "1,000,000 deep", b"[" * 1_000_000
    yield "1,000,000 deep object", b'{"extra":' + b'{"a":' * 150_000 + b"1" + b"}" * 150_001
    yield (
        "20,000 frames",
        json.dumps(
            replaced(
                event,
                ("exception", "values", 0, "stacktrace", "frames"),
                [{"function": f"f{n}"} for n in range(20_000)],
            )
        ).encode(),
    )
    yield "50,000 tags", json.dumps({**event, "tags": {f"k{n}": n for n in range(50_000)}}).encode()
    yield "100,000 keys", json.dumps({**event, "extra": {f"k{n}": n for n in range(100_000)}}).encode()
    yield "90,000 empty objects", json.dumps({**event, "extra": {"a": [{}] * 90_000}}).encode()
    yield (
        "1,000 exceptions",
        json.dumps({**event, "exception": [{"type": "A", "value": str(n)} for n in range(1000)]}).encode(),
    )
    yield "huge key", json.dumps({**event, "tags": {"k" * 100_000: "v" * 100_000}, "x" * 100_000: 1}).encode()
    for name, ids in (
        ("cycle", [(0, 1), (1, 2), (2, 0)]),
        ("own parent", [(0, 0)]),
        ("twice", [(0, None), (0, None), (1, 0)]),
        ("no root", [(1, 9), (2, 1)]),
        ("huge", [(10**40, -1), (True, 1.5), ("0", "1")]),
    ):
        values = [
            {"type": "A", "value": "b", "mechanism": {"exception_id": i, "parent_id": p}} for i, p in ids
        ]
        yield f"exception ids: {name}", json.dumps({**event, "exception": {"values": values}}).encode()
    for coding in ("utf-16", "utf-32", "utf-8-sig", "latin-1"):
        yield f"written in {coding}", json.dumps({**event, "message": "é"}, ensure_ascii=False).encode(coding)
    yield "invalid UTF-8", text.replace(b"paying", b"pay\xff\xfe\xed\xa0\xbding\xc0\x80")
    yield "raw control characters", text.replace(b"paying", b"pa\x00y\x01i\nng")
    for other in (
        b"",
        b" ",
        b"null",
        b"[]",
        b"[{}]",
        b'"text"',
        b"5",
        b"{",
        b"{}",
        b'{"a":}',
        b"\x00",
        b"{" * 5000,
    ):
        yield f"only {other[:10]!r}", other


def _with_texts(value: object, text: str) -> object:
    """Return the value with every text replaced, and as a key of every free-form object."""
    if isinstance(value, dict):
        return {**{key: _with_texts(member, text) for key, member in value.items()}, text[:5000]: text}
    if isinstance(value, list):
        return [_with_texts(member, text) for member in value]
    return text if isinstance(value, str) else value
