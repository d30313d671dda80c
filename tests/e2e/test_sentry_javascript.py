"""@sentry/node and @sentry/browser as applications use them: what is sent is what can be read."""

from __future__ import annotations

import functools
import http.server
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, sync_playwright

JS = Path(__file__).parent / "js"
HOW = "make clients (it needs npm: apt-get install nodejs npm)"


@pytest.fixture(scope="module")
def node(require: Callable[..., str]) -> str:
    """Return the path of node; the clients are installed."""
    path = require("node", "install Node.js 20 or newer (apt-get install nodejs), then run: make clients")
    installed = (JS / "node_modules" / "@sentry" / "node").is_dir()
    require("the JavaScript client", HOW, is_present=installed)
    return path


def run(node: str, app: str, dsn: str) -> list[str]:
    """Run an application to its end; return the ids it sent."""
    command = [node, str(JS / "node_apps" / app), dsn]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=JS)
    assert done.returncode == 0, done.stderr
    return [line[5:] for line in done.stdout.splitlines() if line.startswith("sent ")]


def line_of(path: str, mark: str) -> int:
    """Return the number of the line that ends with a marking comment."""
    lines = (JS / path).read_text(encoding="utf-8").splitlines()
    (number,) = (place for place, line in enumerate(lines, start=1) if line.endswith(f"// {mark}"))
    return number


def crash(exception: dict[str, Any]) -> tuple[str, int]:
    """Return function and line of the frame that threw."""
    frame = exception["frames"][-1]
    return frame["function"], frame["lineno"]


def test_node_exceptions(project, node):
    """Causes, groups, messages, thrown objects and rejections of a script are stored as what they are."""
    paid, offers, low, thrown, rejected = run(node, "script.mjs", project.dsn)
    row = project.read(paid)
    error = row["error"]
    assert (row["message"], row["severity"]) == ("PaymentError: order 7 cannot be paid", "error")
    assert (row["release"], row["environment"]) == ("shop-web@2.0.1", "staging")
    cause, raised = error["exceptions"]
    assert (cause["type"], cause["source"], cause["parent_id"]) == (
        "TypeError",
        "cause",
        raised["exception_id"],
    )
    assert crash(cause) == ("charge", line_of("node_apps/script.mjs", "cause"))
    assert crash(raised) == ("pay", line_of("node_apps/script.mjs", "crash"))
    assert error["tags"] == {"shop": "north", "attempt": "2"}
    assert error["user"] == {"id": "u-17", "username": "ada"}
    assert [crumb["message"] for crumb in error["breadcrumbs"]] == ["order is complete"]
    assert error["sdk"] == "sentry.javascript.node/11.12.0"

    parts = project.read(offers)["error"]["exceptions"]
    group = parts[-1]
    assert (group["type"], group["is_group"]) == ("AggregateError", True)
    assert {(part["type"], part["value"]) for part in parts[:-1]} == {
        ("TypeError", "east sent nonsense"),
        ("RangeError", "west is away"),
    }
    assert {part["parent_id"] for part in parts[:-1]} == {group["exception_id"]}

    message = project.read(low)
    assert (message["message"], message["severity"]) == ("stock is low", "warning")
    synthetic = project.read(thrown)["error"]
    assert synthetic["exceptions"][-1]["is_synthetic"] is True
    assert synthetic["extra"]["__serialized__"] == {"code": 17, "reason": "closed"}
    waiting = project.read(rejected)["error"]["exceptions"][-1]
    assert (waiting["value"], waiting["is_handled"]) == ("nobody waits for this", False)
    assert waiting["frames"][-1]["lineno"] == line_of("node_apps/script.mjs", "rejected")
    project.expect({"accepted": 5})


def test_node_server(project, node):
    """An error in the handler of an HTTP server carries its request."""
    (event_id,) = run(node, "server.mjs", project.dsn)
    error = project.read(event_id)["error"]
    assert error["message"] == "SyntaxError: no page for GET /offers?article=lamp"
    assert crash(error["exceptions"][-1]) == ("handle", line_of("node_apps/server.mjs", "crash"))
    assert (error["request"]["method"], error["request"]["query_string"]) == ("GET", "article=lamp")
    assert error["transaction"] == "GET /offers"


@pytest.fixture(scope="module")
def shop(node: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a page with the client bundled into it, on an origin of its own; return its address."""
    folder = tmp_path_factory.mktemp("shop")
    command = [
        str(JS / "node_modules" / ".bin" / "esbuild"),
        str(JS / "pages" / "shop.mjs"),
        "--bundle",
        "--format=iife",
        f"--outfile={folder / 'shop.js'}",
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    (folder / "index.html").write_text(
        "<!doctype html><title>Shop</title><button id=buy>Buy</button><button id=reject>Reject</button>"
        "<button id=report>Report</button><script src=shop.js></script>",
        encoding="utf-8",
    )
    handler = functools.partial(_QuietHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()
    thread.join()


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_args: object) -> None:
        return


@pytest.fixture
def page(require: Callable[..., str]) -> Iterator[Page]:
    """Open a page of the system's Chromium."""
    path = require("chromium", "install Debian's package chromium (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser.new_page()
        browser.close()


def click(page: Page, button: str) -> str:
    """Click, and return the id of the error that the client sent for it once it is answered with 200."""
    with page.expect_response(lambda answer: answer.request.method == "POST") as answered:
        page.click(f"#{button}")
    assert answered.value.status == 200
    sent: str = page.evaluate("window.sent.at(-1)")
    return sent


def test_browser(project, shop, page):
    """An uncaught error, a rejection and a caught one with a cause arrive from a page of another origin."""
    page.goto(f"{shop}?{urlencode({'dsn': project.dsn})}")
    row = project.read(click(page, "buy"))
    error = row["error"]
    raised = error["exceptions"][-1]
    assert raised["type"] == "TypeError"
    assert "reading 'amount'" in raised["value"]
    assert raised["is_handled"] is False
    assert raised["frames"][-1]["function"] == "addToCart"
    assert raised["frames"][-1]["filename"] == f"{shop}shop.js"
    assert raised["frames"][-1]["lineno"] > 1000
    assert error["tags"] == {"shop": "north"}
    assert (error["user"]["id"], error["user"]["username"]) == ("u-17", "ada")
    assert (row["release"], row["environment"]) == ("shop-page@3.1.0", "staging")
    assert error["request"]["url"].startswith(shop)
    assert error["request"]["headers"]["User-Agent"].startswith("Mozilla/")
    assert error["sdk"] == "sentry.javascript.browser/11.12.0"

    rejected = project.read(click(page, "reject"))
    assert rejected["message"] == "RangeError: no such page"
    reported = project.read(click(page, "report"))["error"]
    assert [(part["type"], part["value"]) for part in reported["exceptions"]] == [
        ("TypeError", "address is empty"),
        ("Error", "delivery failed"),
    ]
    assert reported["exceptions"][-1]["is_handled"] is True
    assert [crumb["category"] for crumb in reported["breadcrumbs"]].count("ui.click") >= 2


def test_browser_through_a_tunnel(project, product, shop, page):
    """With ``tunnel`` neither path nor header nor query names the key: the DSN in the envelope does."""
    page.goto(f"{shop}?{urlencode({'dsn': project.dsn, 'tunnel': f'{product.url}/tunnel'})}")
    assert project.read(click(page, "report"))["message"] == "Error: delivery failed"
