"""What the tests of the client share: a transport that keeps what it is given, and a client on it."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import error_manager
from error_manager.client.transport import Answer, TransportError

DSN = "http://key@127.0.0.1:9/1"


class FakeTransport:
    """Keeps the errors it takes; answers with what is queued in ``answers``, else 200."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.errors: list[dict[str, Any]] = []
        self.answers: list[Answer | Exception] = []
        self.may_go = threading.Event()
        self.may_go.set()
        self.forgotten = 0

    def post(self, body: bytes, *, timeout_s: float) -> Answer:
        self.may_go.wait(5)
        self.bodies.append(body)
        answer = self.answers.pop(0) if self.answers else Answer(status=200)
        if isinstance(answer, Exception):
            raise answer
        if answer.status == 200:
            self.errors += [json.loads(line) for line in gzip.decompress(body).splitlines()]
        return answer

    def forget(self) -> None:
        self.forgotten += 1


def no_connection() -> TransportError:
    """Return what a transport raises without a server."""
    return TransportError("connection refused")


def raise_again(failure: Exception) -> None:
    """Let a failure inside the client out."""
    raise failure


@pytest.fixture
def transport() -> FakeTransport:
    """Return the transport of the test's client."""
    return FakeTransport()


@pytest.fixture
def begin(transport: FakeTransport) -> Iterator[Callable[..., None]]:
    """Return ``init`` with the fake transport, without hooks and with failures raised."""

    def start(**changes: Any) -> None:
        settings: dict[str, Any] = {
            "transport": transport,
            "hooks": (),
            "server_name": "box",
            "on_internal_error": raise_again,
        }
        assert error_manager.init(DSN, **(settings | changes))

    yield start
    transport.may_go.set()
    error_manager.close(5)
