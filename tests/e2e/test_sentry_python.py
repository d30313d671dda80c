"""sentry-sdk in real applications, each a process of its own: what is sent is what can be read."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

APPS = Path(__file__).parent / "python_apps"


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What an application printed: the ids it sent, and its own words."""

    ids: tuple[str, ...]
    output: str


def run(app: str, dsn: str, *, exit_code: int = 0) -> Ran:
    """Run an application to its end."""
    command = [sys.executable, str(APPS / f"{app}.py"), dsn]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}  # the applications' libraries are not under test
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=90, check=False, cwd=APPS, env=environment
    )
    assert done.returncode == exit_code, done.stderr
    lines = done.stdout.splitlines()
    return Ran(ids=tuple(line[5:] for line in lines if line.startswith("sent ")), output=done.stdout)


def line_of(app: str, mark: str) -> int:
    """Return the number of the line that ends with a marking comment."""
    lines = (APPS / f"{app}.py").read_text(encoding="utf-8").splitlines()
    (number,) = (place for place, line in enumerate(lines, start=1) if f"  # {mark}" in line)
    return number


def crash(exception: dict[str, Any]) -> tuple[str, int]:
    """Return function and line of the frame that raised."""
    frame = exception["frames"][-1]
    return frame["function"], frame["lineno"]


def chain(error: dict[str, Any]) -> list[tuple[str, str]]:
    """Return type and value of all exceptions, the oldest cause first."""
    return [(exception["type"], exception["value"]) for exception in error["exceptions"]]


def test_flask(project):
    """A chained exception of a Flask view with tags, user, breadcrumb, request, release and environment."""
    ran = run("flask_app", project.dsn)
    assert "status 500" in ran.output
    (event_id,) = ran.ids
    row = project.read(event_id)
    error = row["error"]
    assert (row["event_id"], row["message"]) == (event_id, "PaymentError: order cannot be paid")
    assert (row["error_code"], row["severity"]) == ("PaymentError", "error")
    assert (row["release"], row["environment"]) == ("shop@1.4.2", "staging")
    assert chain(error) == [
        ("ZeroDivisionError", "integer division or modulo by zero"),
        ("PaymentError", "order cannot be paid"),
    ]
    cause, raised = error["exceptions"]
    assert crash(cause) == ("charge", line_of("flask_app", "cause"))
    assert crash(raised) == ("pay", line_of("flask_app", "crash"))
    assert cause["frames"][-1]["variables"] == {"amount": "7"}
    assert cause["frames"][-1]["context_line"].strip() == "return amount // 0  # cause"
    assert [frame["in_app"] for frame in raised["frames"] if "in_app" in frame][-1:] == [False]
    assert "in_app" not in raised["frames"][-1]
    assert error["tags"] == {"shop": "north", "attempt": "2"}
    assert error["user"] == {"id": "u-17", "username": "ada", "data": {"plan": "gold"}}
    (crumb,) = [crumb for crumb in error["breadcrumbs"] if crumb.get("category") == "cart"]
    assert (crumb["message"], crumb["level"], crumb["data"]) == ("order is complete", "info", {"lines": 3})
    assert error["transaction"] == "pay"
    assert (error["request"]["method"], error["request"]["query_string"]) == ("POST", "coupon=spring")
    assert error["sdk"] == "sentry.python.flask/2.75.0"


def test_django(project):
    """An exception raised while another was handled: both are there, in order, with their frames."""
    ran = run("django_app", project.dsn)
    assert "status 500" in ran.output
    (event_id,) = ran.ids
    error = project.read(event_id)["error"]
    assert chain(error) == [("KeyError", "'lamp'"), ("LookupError", "no shelf for lamp")]
    assert crash(error["exceptions"][-1]) == ("stock", line_of("django_app", "crash"))
    assert error["transaction"] == "/stock/{article}/"
    assert error["request"]["url"] == "http://localhost/stock/lamp/"
    assert error["exceptions"][-1]["is_handled"] is False
    assert (error["release"], error["environment"]) == ("shop@1.4.2", "staging")


def test_fastapi(project):
    """An ExceptionGroup of a route under uvicorn is a tree: the group with both of its parts."""
    ran = run("fastapi_app", project.dsn)
    assert "status 500" in ran.output
    (event_id,) = ran.ids
    row = project.read(event_id)
    exceptions = {exception["value"]: exception for exception in row["error"]["exceptions"]}
    group = row["error"]["exceptions"][-1]
    assert row["message"] == "ExceptionGroup: no offer for lamp"
    assert (group["type"], group["is_group"]) == ("ExceptionGroup", True)
    assert crash(group) == ("offers", line_of("fastapi_app", "crash"))
    west, east = exceptions["west sent nonsense"], exceptions["east did not answer"]
    assert (west["type"], east["type"]) == ("ValueError", "TimeoutError")
    assert west["parent_id"] == east["parent_id"] == group["exception_id"]
    assert crash(west) == ("ask", line_of("fastapi_app", "west"))
    assert row["error"]["transaction"] == "/offers/{article}"


def test_celery(project):
    """An exception of a task that a worker ran names the task and carries its tags."""
    ran = run("celery_app", project.dsn)
    assert "status FAILURE" in ran.output
    (event_id,) = ran.ids
    error = project.read(event_id)["error"]
    assert chain(error) == [("ConnectionRefusedError", "mail server refused warehouse")]
    assert crash(error["exceptions"][-1]) == ("send_mail", line_of("celery_app", "crash"))
    assert error["transaction"] == "shop.send_mail"
    assert error["tags"]["queue"] == "mail"
    assert error["exceptions"][-1]["mechanism"] == "celery"


def test_logging(project):
    """A log message keeps its template and fields; a logged exception keeps its notes; levels are kept."""
    late, failed = run("logging_app", project.dsn).ids
    message = project.read(late)
    assert (message["message"], message["severity"]) == ("12 orders are late in warehouse 3", "error")
    assert message["error"]["template"] == "%d orders are late in %s"
    assert (message["error"]["logger"], message["module"]) == ("shop.batch", "shop.batch")
    assert message["error"]["extra"]["shelf"] == "B4"
    exception = project.read(failed)
    assert (exception["severity"], exception["error_code"]) == ("fatal", "ValueError")
    (raised,) = exception["error"]["exceptions"]
    assert raised["value"] == "invalid literal for int() with base 10: 'twelve'\nline 17 of orders.csv"
    assert raised["frames"][-1]["function"] == "load"
    assert "12 orders are late in warehouse 3" in [
        crumb["message"] for crumb in exception["error"]["breadcrumbs"]
    ]


def test_rare_things(project):
    """Text that no database takes is stored readable; an uncaught recursion keeps both ends of its stack."""
    bare, recursion = run("plain_app", project.dsn, exit_code=1).ids
    message = project.read(bare)
    assert (message["message"], message["severity"]) == ("stock \ufffd low \ufffd", "warning")
    assert message["error"]["tags"] == {"shelf": "B\ufffd4"}
    error = project.read(recursion)["error"]
    (raised,) = error["exceptions"]
    assert (raised["type"], raised["is_handled"]) == ("RecursionError", False)
    assert raised["frames"][0]["function"] == "<module>"
    assert crash(raised) == ("descend", line_of("plain_app", "crash"))
    assert len(raised["frames"]) == 250
    assert {note["path"] for note in error["notes"]} == {"exceptions.0.frames"}
    project.expect({"accepted": 2})
