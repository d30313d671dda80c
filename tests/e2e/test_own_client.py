"""Our client in processes of its own: to the running product, and to servers that misbehave."""

from __future__ import annotations

import gzip
import json
import os
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
OWN_APP = Path(__file__).parent / "python_apps" / "own_app.py"


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


def test_what_the_client_sends_is_what_can_be_read(project):
    """Causes, notes, groups, context, logging, folding, middleware and a crash arrive whole."""
    done = subprocess.run(
        [sys.executable, "-S", str(OWN_APP), project.dsn],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
    )
    assert done.returncode == 1
    assert "PaymentError: order cannot be paid" in done.stderr
    paid, offers, low = (line[5:] for line in done.stdout.splitlines() if line.startswith("sent "))
    lines = OWN_APP.read_text(encoding="utf-8").splitlines()
    line_of = {line.rpartition("  # ")[2]: number for number, line in enumerate(lines, start=1)}

    row = project.read(paid)
    error = row["error"]
    assert row["message"].splitlines()[0] == "PaymentError: order cannot be paid"
    assert (row["error_code"], row["severity"], row["release"], row["environment"]) == (
        *("PaymentError", "error", "shop@1.4.2", "staging"),
    )
    cause, raised = error["exceptions"]
    assert (cause["type"], raised["type"]) == ("ZeroDivisionError", "PaymentError")
    assert raised["value"] == "order cannot be paid\nthe customer is waiting"
    assert (cause["frames"][-1]["function"], cause["frames"][-1]["lineno"]) == ("charge", line_of["cause"])
    assert (raised["frames"][-1]["function"], raised["frames"][-1]["lineno"]) == ("pay", line_of["crash"])
    assert cause["frames"][-1]["variables"] == {"amount": "7", "card": "'[card]'"}
    assert error["user"] == {"id": "u-17", "username": "ada"}
    assert error["tags"] == {"shop": "north"}
    assert error["extra"] == {"part": "checkout"}
    assert error["service"] == "orders"

    parts = project.read(offers)["error"]["exceptions"]
    assert (parts[-1]["type"], parts[-1]["is_group"]) == ("ExceptionGroup", True)
    assert {(part["type"], part["parent_id"]) for part in parts[:-1]} == {
        ("TimeoutError", parts[-1]["exception_id"]),
        ("ValueError", parts[-1]["exception_id"]),
    }
    assert (project.read(low)["message"], project.read(low)["severity"]) == ("stock is low", "warning")

    project.expect({"accepted": 8})  # the three above, log, loop (first and rest), page, crash
    stored = project.errors()
    (late,) = (error for error in stored if error["module"] == "shop.batch")
    assert late["message"] == "12 orders are late in warehouse 3"
    assert project.read(late["event_id"])["error"]["template"] == "%d orders are late in %s"
    assert sum(error["occurrences"] for error in stored if error["message"] == "tight loop") == 100
    (page,) = (error for error in stored if error["error_code"] == "LookupError")
    assert project.read(page["event_id"])["error"]["request"]["url"] == "http://shop/offers"
    payments = [error["severity"] for error in stored if error["error_code"] == "PaymentError"]
    assert sorted(payments) == ["error", "fatal"]


def test_children_of_a_fork_report_for_themselves(project):
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
        dsn=project.dsn,
        flags=("-W", "ignore::DeprecationWarning"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    project.expect({"accepted": 4})
    assert sorted(error["message"] for error in project.errors()) == [
        *("child 0", "child 1", "child 2", "parent"),
    ]


def test_the_package_needs_nothing_but_the_standard_library(project):
    """Import and use work without site-packages."""
    done = run(
        "import error_manager\nerror_manager.init(sys.argv[1])\n"
        "error_manager.capture_exception(ValueError('bare'))\nassert error_manager.flush(10)\n",
        dsn=project.dsn,
        flags=("-S", "-I"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    project.expect({"accepted": 1})
    assert [error["message"] for error in project.errors()] == ["ValueError: bare"]


FUNCTIONS = {
    "error_manager",
    "error_manager.client",
    "error_manager.client.api",
    "error_manager.client.counters",
    "error_manager.client.environment",
    "error_manager.client.hooks",
    "error_manager.client.logging_handler",
    "error_manager.client.marks",
    "error_manager.client.parts",
    "error_manager.client.scope",
    "error_manager.core",
    "error_manager.core.severity",
}
"""Modules of ours that ``import error_manager`` loads."""
DEAR = {
    *(
        "asyncio",
        "dataclasses",
        "datetime",
        "decimal",
        "email",
        "gzip",
        "http",
        "inspect",
        "ipaddress",
        "json",
    ),
    *("platform", "random", "socket", "ssl", "subprocess", "urllib", "uuid", "zlib"),
}
"""Modules of the standard library that it must not load, in milliseconds each or with much behind them."""


@pytest.mark.parametrize("off", ["", "error_manager.init('')", "error_manager.init()"])
def test_a_program_that_reports_nothing_loads_no_client(off):
    """``import error_manager`` brings the functions alone, and ``init`` without a DSN brings no more."""
    done = run(
        f"before = set(sys.modules)\nimport error_manager\n{off}\n"
        "@error_manager.add_context(part='p')\ndef work(): return error_manager.capture_message('m')\n"
        "with error_manager.bind(a=1): assert work() == ''\n"
        "assert error_manager.stats().captured == 0 and error_manager.flush() and error_manager.close()\n"
        "print(*set(sys.modules) - before)\n",
        dsn="",
        flags=("-S", "-I"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    loaded = set(done.stdout.split())
    assert {name for name in loaded if name.partition(".")[0] == "error_manager"} == FUNCTIONS
    assert loaded & DEAR == set()


def test_the_background_thread_imports_nothing(received):
    """All it needs is there after ``init``: a fork in the middle of an import would leave a locked module."""
    done = run(
        "import error_manager\nerror_manager.init(sys.argv[1])\nbefore = set(sys.modules)\n"
        "with error_manager.bind(user={'email': 'ada@example.com'}, tags={'a': 'b'}, request={'url': '/'}):\n"
        "    try:\n        open('no such file')\n"
        "    except OSError as error:\n        error_manager.capture_exception(error)\n"
        "    error_manager.capture_message('to 127.0.0.1')\n"
        "assert error_manager.flush(10)\nprint(*set(sys.modules) - before)\n",
        dsn=received.url,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "\n", "")
    assert len(received.errors) == 2


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
    """Without a server the process ends in time, with its own exit code and one line that says why."""
    started = time.monotonic()
    done = run(
        "import error_manager\nerror_manager.init(sys.argv[1], shutdown_timeout_s=1.0)\n"
        "error_manager.capture_message('m')\nsys.exit(3)\n",
        dsn=f"http://abc@127.0.0.1:{free_port}/1",
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"error_manager: the server at 127.0.0.1:{free_port} cannot be reached")
    assert time.monotonic() - started < 20
