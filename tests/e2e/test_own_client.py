"""Our client over a real HTTP connection, in processes of its own."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import error_manager

SOURCE = Path(error_manager.__file__).parent.parent


@dataclass(kw_only=True)
class Received:
    """What the server was given, and what it is to answer."""

    url: str = ""
    errors: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    connections: set[tuple[str, int]] = field(default_factory=set)
    statuses: list[int] = field(default_factory=list)


@pytest.fixture
def received() -> Iterator[Received]:
    """Run a server that takes errors as the product does."""
    kept = Received()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.headers.append(dict(self.headers))
            kept.paths.append(self.path)
            kept.connections.add(self.client_address)
            status = kept.statuses.pop(0) if kept.statuses else 200
            results = []
            if status == 200:
                lines = [json.loads(line) for line in gzip.decompress(body).splitlines()]
                kept.errors += lines
                results = [{"index": place, "id": line["event_id"]} for place, line in enumerate(lines)]
            answer = json.dumps({"results": results}).encode()
            self.send_response(status)
            if status == 429:
                self.send_header("Retry-After", "0")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    kept.url = f"http://abc123@127.0.0.1:{server.server_address[1]}/em/1"
    yield kept
    server.shutdown()
    server.server_close()
    thread.join()


def run(program: str, *, dsn: str, flags: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run a program with the client importable, the DSN as its argument."""
    start = f"import sys; sys.path.insert(0, {str(SOURCE)!r})\n"
    command = [sys.executable, *flags, "-c", start + program, dsn]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_crash_is_reported_before_the_process_ends(received):
    """An uncaught exception is on the server when the process has ended, and on stderr as ever."""
    done = run(
        "import error_manager\nerror_manager.init(sys.argv[1], release='r1')\n"
        "def pay(order):\n    raise ValueError('order %d' % order)\npay(7)\n",
        dsn=received.url,
    )
    assert done.returncode == 1
    assert "ValueError: order 7" in done.stderr
    (error,) = received.errors
    assert (error["message"], error["severity"], error["release"]) == ("ValueError: order 7", "fatal", "r1")
    assert error["exceptions"][-1]["frames"][-1]["variables"] == {"order": "7"}


def test_the_request_is_as_agreed(received):
    """Path with the prefix of the DSN, key as Bearer, gzip NDJSON, one connection for several requests."""
    assert error_manager.init(received.url, hooks=())
    try:
        for number in range(3):
            error_manager.capture_message(f"m {number}")
            assert error_manager.flush(10)
    finally:
        error_manager.close(10)
    assert set(received.paths) == {"/em/api/v1/errors"}
    assert received.headers[0]["Authorization"] == "Bearer abc123"
    assert received.headers[0]["Content-Encoding"] == "gzip"
    assert [error["message"] for error in received.errors] == ["m 0", "m 1", "m 2"]
    assert len(received.connections) == 1


def test_limits_and_failures_are_waited_out(received):
    """After 429, 503 and 500 the same error arrives once."""
    received.statuses += [429, 503, 500]
    assert error_manager.init(received.url, hooks=())
    try:
        event_id = error_manager.capture_message("m")
        assert error_manager.flush(30)
        assert error_manager.stats().sent == 1
    finally:
        error_manager.close(10)
    assert [error["event_id"] for error in received.errors] == [event_id]


def test_a_server_that_is_away_delays_the_end_of_a_process_by_little(free_port):
    """Without a server the process ends in time, with its own exit code and no word of ours."""
    started = time.monotonic()
    done = run(
        "import error_manager\nerror_manager.init(sys.argv[1], shutdown_timeout_s=1.0)\n"
        "error_manager.capture_message('m')\nsys.exit(3)\n",
        dsn=f"http://abc@127.0.0.1:{free_port}/1",
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "")
    assert time.monotonic() - started < 20


def test_children_of_a_fork_report_for_themselves(received):
    """Parent and children of a pre-fork server send their own errors, each exactly once."""
    done = run(
        "import os, error_manager\nerror_manager.init(sys.argv[1], hooks=())\n"
        "error_manager.capture_message('parent')\n"
        "for number in range(3):\n"
        "    if os.fork() == 0:\n"
        "        error_manager.capture_message('child %d' % number)\n"
        "        os._exit(0 if error_manager.flush(10) else 1)\n"
        "assert all(os.wait()[1] == 0 for _ in range(3))\n"
        "assert error_manager.flush(10)\n",
        dsn=received.url,
        flags=("-W", "ignore::DeprecationWarning"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(error["message"] for error in received.errors) == [
        "child 0",
        "child 1",
        "child 2",
        "parent",
    ]


def test_the_package_needs_nothing_but_the_standard_library(received):
    """Import and use work without site-packages."""
    done = run(
        "import error_manager\nerror_manager.init(sys.argv[1])\n"
        "error_manager.capture_exception(ValueError('bare'))\nassert error_manager.flush(10)\n",
        dsn=received.url,
        flags=("-S", "-I"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert [error["message"] for error in received.errors] == ["ValueError: bare"]
