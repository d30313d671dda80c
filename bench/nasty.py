"""Sends mutated requests to a running product and reads back all that was stored, by every page and route.

``python -m bench.nasty [--count 10000] [--seed 1] [--folder DIR]`` starts a product of its own.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import http.client
import json
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from bench.product import Product
from tests.nasty import nasty_bodies

_THREADS = 4
_TIMEOUT_S = 60.0
_DRAIN_S = 300.0
_FORMS = ("markdown", "text", "json")
_MAX_FAULTS = 20


@dataclass(kw_only=True)
class Sent:
    """What the requests were answered: statuses, ids told, and what must not happen."""

    statuses: collections.Counter[int] = field(default_factory=collections.Counter)
    ids: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    slowest_s: float = 0.0


@dataclass(kw_only=True)
class Read:
    """What was read back: how many errors, patterns and answers, and each answer that was no 200."""

    errors: int = 0
    patterns: int = 0
    answers: int = 0
    faults: list[str] = field(default_factory=list)


def send(product: Product, *, key: str, project: int | str, seed: int, count: int) -> Sent:
    """Send ``count`` mutated requests; a 5xx or a connection that breaks is a fault."""
    sent = Sent()
    lock = threading.Lock()
    bodies = _locked(nasty_bodies(seed, count))
    authentication = {"X-Sentry-Auth": f"Sentry sentry_key={key}"}

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", product.port, timeout=_TIMEOUT_S)
        for number, (path, body, headers) in bodies:
            whole = path if path.startswith("/") else f"/api/{project}/{path}"
            began = time.monotonic()
            try:
                # A refusal may come before a huge body is sent, and close the connection: it is still read.
                with contextlib.suppress(BrokenPipeError):
                    connection.request("POST", whole, body, {**headers, **authentication})
                answer = connection.getresponse()
                status, said = answer.status, answer.read()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                status, said = 0, repr(error).encode()
            with lock:
                sent.slowest_s = max(sent.slowest_s, time.monotonic() - began)
                sent.statuses[status] += 1
                if status == 0 or status >= 500:
                    sent.faults.append(f"request {number} of seed {seed} to {path}: {status} {said[:200]!r}")
                elif status == 200:
                    sent.ids.update(_ids(json.loads(said)))
        connection.close()

    _in_threads(work)
    return sent


def drain(product: Product, project: int | str) -> dict[str, Any]:
    """Wait until nothing waits and all refusals are counted; return the project's books."""
    end = time.monotonic() + _DRAIN_S
    time.sleep(1.5)
    while True:
        books: dict[str, Any] = product.get(f"/api/v1/outcomes?project={project}")
        if not books["waiting"] or time.monotonic() > end:
            return books
        time.sleep(0.1)


def read_all(product: Product, project: int | str, *, every: int = 1) -> Read:
    """Read all stored errors and patterns by page and route, every so many errors in all their forms."""
    found = Read()
    errors = list(_listed(product, f"/api/v1/errors?project={project}&limit=500"))
    patterns = list(_listed(product, f"/api/v1/patterns?project={project}&limit=500"))
    found.errors, found.patterns = len(errors), len(patterns)
    paths = _locked(
        [f"/patterns?project={project}&status=all", *_of_patterns(patterns), *_of_errors(errors, every)]
    )
    lock = threading.Lock()

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", product.port, timeout=_TIMEOUT_S)
        headers = {"Authorization": f"Bearer {product.connection['admin_token']}"}
        for _, path in paths:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            fault = "" if answer.status == 200 else f"{answer.status} {body[:200]!r}"
            if not fault and path.startswith("/api/"):
                fault = _unreadable(body)
            with lock:
                found.answers += 1
                if fault:
                    found.faults.append(f"{path}: {fault}")
        connection.close()

    _in_threads(work)
    return found


def process_ids(product: Product) -> set[int]:
    """Return the processes that the supervisor keeps, itself included."""
    (supervisor,) = product.pids
    return {supervisor, *(child.pid for child in psutil.Process(supervisor).children())}


def _of_patterns(patterns: list[dict[str, Any]]) -> Iterator[str]:
    for pattern in patterns:
        number = pattern["id"]
        yield f"/patterns/{pattern['project_id']}/{number}"
        yield from (f"/api/v1/patterns/{number}{part}" for part in ("", "/errors", "/history", "/tags"))


def _of_errors(errors: list[dict[str, Any]], every: int) -> Iterator[str]:
    for number, error in enumerate(errors):
        page = f"/patterns/{error['project_id']}/{error['pattern_id']}/{error['id']}"
        yield page
        yield f"/api/v1/errors/{error['event_id']}"
        if number % every == 0:
            yield from (f"{page}/{form}" for form in _FORMS)
            yield f"/api/v1/errors/{error['id']}"


def _unreadable(body: bytes) -> str:
    """Return what keeps strict readers from the JSON, or ""."""
    try:
        json.loads(body, parse_constant=_no_number)
        body.decode()
    except ValueError as error:
        return str(error)
    return ""


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def _listed(product: Product, path: str) -> Iterator[dict[str, Any]]:
    cursor = ""
    while True:
        page = product.get(path + cursor)
        yield from page["items"]
        if page["next"] is None:
            return
        cursor = f"&cursor={page['next']}"


def _ids(answer: dict[str, Any]) -> Iterator[str]:
    if "id" in answer:
        yield answer["id"]
    yield from (result["id"] for result in answer.get("results", ()) if "id" in result)


def _locked(values: Iterable[Any]) -> Iterator[Any]:
    """Yield (number, value) to threads that share the iterator."""
    lock = threading.Lock()
    numbered = iter(enumerate(values))

    class Shared:
        def __iter__(self) -> Iterator[Any]:
            return self

        def __next__(self) -> Any:
            with lock:
                return next(numbered)

    return iter(Shared())


def _in_threads(work: Callable[[], None]) -> None:
    with ThreadPoolExecutor(_THREADS) as pool:
        for done in [pool.submit(work) for _ in range(_THREADS)]:
            done.result()


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.nasty", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=int, default=10, help="read every so many errors in all forms")
    parser.add_argument("--folder", type=Path, help="keep the data here (default: a temporary folder)")
    args = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as temporary, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        with Product((args.folder or Path(temporary)) / "data", port) as product:
            return _report(product, seed=args.seed, count=args.count, every=args.every)


def _report(product: Product, *, seed: int, count: int, every: int) -> int:
    before = process_ids(product)
    began = time.monotonic()
    sent = send(product, key=product.key, project=product.project, seed=seed, count=count)
    statuses = dict(sorted(sent.statuses.items()))
    print(f"sent {count} in {time.monotonic() - began:.0f} s, slowest {sent.slowest_s:.2f} s: {statuses}")
    for fault in sent.faults[:_MAX_FAULTS]:
        print("  ", fault)
    books = drain(product, product.project)
    outcomes = books["outcomes"]
    print(f"{books['received']} items: {outcomes}, {books['unexplained']} unexplained", flush=True)
    read = read_all(product, product.project, every=every)
    print(f"read back: {read.errors} errors, {read.patterns} patterns, {read.answers} answers")
    ended = before - process_ids(product)
    for fault in read.faults[:_MAX_FAULTS]:
        print("  ", fault)
    print(f"5xx or broken: {len(sent.faults)}, unreadable: {len(read.faults)}, processes ended: {len(ended)}")
    is_well = not (sent.faults or read.faults or ended or books["unexplained"] or books["waiting"])
    is_well = is_well and read.errors == outcomes["accepted"] and not outcomes["dead_letter"]
    print("well" if is_well else "NOT WELL")
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
