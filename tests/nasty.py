"""Mutated requests of every kind the accepting side takes, the same for the same seed."""

from __future__ import annotations

import base64
import copy
import gzip
import json
import random
import zlib
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import brotli
import zstandard
from tests.nasty_events import (
    KIND_VALUES,
    NASTY_NUMBERS,
    NASTY_TEXTS,
    NASTY_TIMES,
    native_error,
    places,
    replaced,
    sentry_event,
    special_bodies,
)


class NastyRequest(NamedTuple):
    """One request: a path below ``/api/{project}/`` or ``/api/v1/``, its body, its headers."""

    path: str
    body: bytes
    headers: dict[str, str]


def nasty_bodies(seed: int, count: int) -> Iterator[tuple[str, bytes, dict[str, str]]]:
    """Yield ``count`` requests as (path, body, headers), the same for the same seed.

    The path is ``envelope/`` or ``store/`` (below ``/api/{project}/``) or ``/api/v1/errors``; the headers
    hold the content type and coding. Each event has an id of its own unless the mutation hit it; some come
    twice.
    """
    rng = random.Random(seed)
    specials = list(special_bodies())
    recent: list[NastyRequest] = []
    for number in range(count):
        if recent and rng.random() < 0.02:
            yield recent[rng.randrange(len(recent))]
            continue
        request = _request(rng, specials, number)
        if len(request.body) < 100_000:
            recent = [*recent[-50:], request]
        yield request


def _request(rng: random.Random, specials: list[tuple[str, bytes]], number: int) -> NastyRequest:
    choice = rng.random()
    event_id = f"{rng.getrandbits(128):032x}"
    if choice < 0.02:
        return _bomb(rng)
    if choice < 0.12:
        body = specials[number % len(specials)][1]
        body = body.replace(b"a" * 32, event_id.encode())
    elif choice < 0.30:
        return _native(rng, event_id)
    else:
        body = _text(rng, _mutated(rng, {**sentry_event(), "event_id": event_id}))
        if rng.random() < 0.2:
            body = _broken(rng, body)
    if rng.random() < 0.15:
        return _coded(
            rng, "store/", rng.choice([body, base64.b64encode(zlib.compress(body)), zlib.compress(body)])
        )
    return _coded(rng, "envelope/", _envelope(rng, body, event_id))


def _native(rng: random.Random, event_id: str) -> NastyRequest:
    items = [_mutated(rng, {**native_error(), "event_id": event_id})]
    items += [
        _mutated(rng, {**native_error(), "event_id": f"{rng.getrandbits(128):032x}"})
        for _ in range(rng.choice([0, 0, 1, 5]))
    ]
    kind = rng.choice(["object", "list", "lines"])
    if kind == "object":
        body = _text(rng, items[0])
    elif kind == "list":
        body = b"[" + b",".join(_text(rng, item) for item in items) + b"]"
    else:
        body = b"\n".join(_text(rng, item) for item in items)
    if rng.random() < 0.2:
        body = _broken(rng, body)
    request = _coded(rng, "/api/v1/errors", body)
    kind_header = "application/x-ndjson" if kind == "lines" else "application/json"
    return request._replace(headers={**request.headers, "Content-Type": kind_header})


def _mutated(rng: random.Random, value: dict[str, object]) -> object:
    """Return the value with up to three members replaced, swapped, removed or doubled."""
    mutated: object = value
    for _ in range(rng.choice([0, 1, 1, 2, 3])):
        known = list(places(mutated))
        if not known:
            break
        path = rng.choice(known)
        match rng.randrange(5):
            case 0:
                mutated = replaced(mutated, path, copy.deepcopy(rng.choice(KIND_VALUES)))
            case 1:
                mutated = replaced(mutated, path, rng.choice(NASTY_TEXTS))
            case 2:
                mutated = replaced(mutated, path, rng.choice(NASTY_TIMES))
            case 3:
                mutated = replaced(mutated, path, f"@{rng.choice(NASTY_NUMBERS)}@")
            case _:
                mutated = replaced(mutated, path, copy.deepcopy(_at(mutated, rng.choice(known))))
    return mutated


def _at(value: object, path: tuple[str | int, ...]) -> object:
    for key in path:
        value = value[key]  # type: ignore[index]  # the path leads through containers
    return value


def _text(rng: random.Random, value: object) -> bytes:
    """Return JSON text; places marked by ``_mutated`` become the numbers that ``json`` cannot write."""
    text = json.dumps(value, ensure_ascii=rng.random() < 0.7).encode("utf-8", "surrogatepass")
    for number in NASTY_NUMBERS:
        text = text.replace(b'"@' + number.encode() + b'@"', number.encode())
    return text


def _broken(rng: random.Random, body: bytes) -> bytes:
    if not body:
        return body
    match rng.randrange(4):
        case 0:
            return body[: rng.randrange(len(body))]
        case 1:
            return body + rng.randbytes(rng.randrange(1, 50))
        case 2:
            start = rng.randrange(len(body))
            return body[:start] + body[start + rng.randrange(1, 20) :]
        case _:
            flipped = bytearray(body)
            for _ in range(rng.randrange(1, 10)):
                flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
            return bytes(flipped)


def _envelope(rng: random.Random, event: bytes, event_id: str) -> bytes:
    def item(kind: object, payload: bytes, **header: object) -> bytes:
        with_length = b"\n" in payload or rng.random() < 0.5
        return (
            json.dumps({"type": kind, **({"length": len(payload)} if with_length else {}), **header}).encode()
            + b"\n"
            + payload
        )

    items = [item("event", event)]
    if rng.random() < 0.3:
        kind = rng.choice(
            [
                "session",
                "client_report",
                "transaction",
                "mystery",
                "attachment",
                "feedback",
                "log",
                "",
                None,
                5,
            ]
        )
        items.insert(rng.randrange(2), item(kind, rng.choice([b"", b"{}", b"a\nb\n\n{", rng.randbytes(30)])))
    header = rng.choice(
        [
            {"event_id": event_id},
            {"event_id": event_id},
            {"event_id": event_id, "sent_at": rng.choice(NASTY_TIMES)},
            {"event_id": event_id, "sdk": rng.choice(KIND_VALUES)},
        ]
    )
    body = b"\n".join([json.dumps(header).encode(), *items]) + rng.choice([b"", b"\n", b"\n\n"])
    return _broken(rng, body) if rng.random() < 0.2 else body


def _coded(rng: random.Random, path: str, body: bytes) -> NastyRequest:
    coding = rng.choice(["", "", "", "gzip", "deflate", "br", "zstd", "identity"])
    coded = CODINGS[coding](body)
    if coding and rng.random() < 0.1:
        coded = _broken(rng, coded)
    return NastyRequest(path, coded, {"Content-Encoding": coding} if coding else {})


def _bomb(rng: random.Random) -> NastyRequest:
    coding = rng.choice(["gzip", "deflate", "br", "zstd"])
    if coding not in _bombs:
        _bombs[coding] = CODINGS[coding](b'{}\n{"type":"event"}\n{"a":"' + b"0" * 150_000_000 + b'"}')
    path = rng.choice(["envelope/", "store/", "/api/v1/errors"])
    return NastyRequest(path, _bombs[coding], {"Content-Encoding": coding})


def _raw_or_zlib(body: bytes) -> bytes:
    """Return zlib for bodies of even length and raw deflate for the others: servers meet both."""
    if len(body) % 2 == 0:
        return zlib.compress(body)
    raw = zlib.compressobj(wbits=-15)
    return raw.compress(body) + raw.flush()


_bombs: dict[str, bytes] = {}
CODINGS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "": bytes,
    "identity": bytes,
    "gzip": lambda body: gzip.compress(body, 1),
    "deflate": _raw_or_zlib,
    "br": lambda body: bytes(brotli.compress(body, quality=2)),
    "zstd": zstandard.compress,
}
