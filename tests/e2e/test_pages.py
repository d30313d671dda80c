"""The pages in a real browser on a real server: from the first error to its pattern, by mouse and by key."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, expect, sync_playwright

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}\x1b[31m \u202egnp.exe"
START_TIMEOUT_S = 90


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running installation with one project and no errors yet."""

    url: str
    key: str
    admin_token: str
    login_url: str

    def send(self, *, key: str = "", **error: Any) -> None:
        """Send one error as curl would (to the first project without a key); return when it is kept."""
        self.post("/api/v1/errors", key or self.key, error)

    def new_project(self, name: str) -> tuple[int, str]:
        """Return the id and ingest key of a new project."""
        made = self.post("/api/v1/projects", self.admin_token, {"name": name})
        return made["id"], made["keys"][0]["key"]

    def post(self, path: str, token: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a JSON body."""
        request = urllib.request.Request(
            self.url + path,
            data=json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
            return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, find_free_port: Callable[[], int]) -> Iterator[Server]:
    """Start the product as a person does, and stop it as a person does."""
    folder = tmp_path_factory.mktemp("pages")
    output = folder / "output"
    command = [sys.executable, "-m", "error_manager", "up", "--data-dir", str(folder / "data")]
    with output.open("wb") as sink:
        process = subprocess.Popen([*command, "--port", str(find_free_port())], stdout=sink, stderr=sink)
    try:
        link = _login_link(process, output)
        connection = json.loads((folder / "data" / "connection.json").read_text(encoding="utf-8"))
        yield Server(
            url=connection["url"],
            key=connection["ingest_key"],
            admin_token=connection["admin_token"],
            login_url=link,
        )
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def _login_link(process: subprocess.Popen[bytes], output: Path) -> str:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        found = re.search(r"http://\S+/login/\w+", output.read_text(encoding="utf-8", errors="replace"))
        if found:
            return found[0]
        assert process.poll() is None, output.read_text(encoding="utf-8", errors="replace")
        time.sleep(0.1)
    raise AssertionError(output.read_text(encoding="utf-8", errors="replace"))


@pytest.fixture(scope="module")
def browser(require: Callable[..., str]) -> Iterator[Browser]:
    """Start the Chromium of the system."""
    path = require("chromium", "install Debian's package chromium (apt-get install chromium)")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def signed_in(browser: Browser, server: Server) -> Iterator[BrowserContext]:
    """Sign in once with the link from the terminal; while there is no error that leads to Connect."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-US", timezone_id="UTC")
    page = context.new_page()
    page.goto(server.login_url)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/login" not in url)
    page.close()
    yield context
    context.close()


@pytest.fixture
def page(signed_in: BrowserContext) -> Iterator[Page]:
    """Open a page that fails its test on a dialog, a script error or a breach of the security policy."""
    opened = signed_in.new_page()
    faults: list[str] = []

    def on_dialog(dialog: Dialog) -> None:
        faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def on_console(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            faults.append(message.text)

    opened.on("dialog", on_dialog)
    opened.on("console", on_console)
    opened.on("pageerror", lambda error: faults.append(f"error: {error}"))
    yield opened
    opened.close()
    assert faults == []


def open_list(page: Page, server: Server, query: str = "") -> None:
    """Open the list and wait until it is live."""
    page.goto(f"{server.url}/patterns{query}")
    expect(page.locator("[data-live-word]")).to_have_text("live")


def wait_for_pattern(page: Page, server: Server, title: str) -> None:
    """Reload the list until a pattern is on it."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        open_list(page, server, "?status=all")
        if page.get_by_text(title, exact=True).count():
            return
        time.sleep(0.2)
    raise AssertionError(title)


def test_connect_turns_green_with_the_first_error_and_leads_to_it(page: Page, server: Server) -> None:
    """A moment after the first error the page is green, names it, and links to it."""
    project_id, key = server.new_project("Never heard of")
    page.goto(f"{server.url}/projects/{project_id}/connect")
    expect(page.get_by_role("heading", name="Waiting for the first error")).to_be_visible()
    expect(page.locator("#dsn")).to_contain_text(key)
    expect(page.locator("[data-live-word]")).to_have_text("live")
    began = time.monotonic()
    server.send(key=key, message="Cart of ada@example.com is empty", module="shop.cart", error_code="CART-1")
    expect(page.get_by_role("heading", name="Got it")).to_be_visible(timeout=10_000)
    print(f"green after {time.monotonic() - began:.2f} s")
    expect(page.locator("#arrival")).to_contain_text("1 field masked")
    page.get_by_role("link", name="Open it").click()
    expect(page.locator("h1")).to_contain_text("Cart of")
    expect(page.locator(".em-pattern-message .em-mask")).to_have_text("email")
    assert "ada@example.com" not in page.content()


def test_languages_are_tabs_without_a_script(page: Page, server: Server) -> None:
    """A click on a language shows its snippet and hides the others."""
    page.goto(f"{server.url}/projects/1/connect")
    expect(page.locator("#code-go")).to_be_hidden()
    page.get_by_text("Go", exact=True).click()
    expect(page.locator("#code-go")).to_be_visible()
    expect(page.locator("#code-python")).to_be_hidden()


def test_the_whole_row_opens_the_pattern(page: Page, server: Server) -> None:
    """A click anywhere on a row leads to its pattern."""
    server.send(message="Row to click", severity="fatal", module="shop.rows", error_code="ROW-1")
    wait_for_pattern(page, server, "Row to click")
    row = page.locator("[data-row]", has_text="Row to click")
    expect(row.locator(".em-sev")).to_have_text("fatal")
    row.locator(".em-c-num").first.click()
    page.wait_for_url("**/patterns/1/*")
    expect(page.locator("h1")).to_have_text("Row to click")


def test_new_patterns_wait_until_asked(page: Page, server: Server) -> None:
    """A page that is read does not move: a button says what is new, and shows it when pressed."""
    open_list(page, server)
    before = page.locator("[data-row]").count()
    server.send(message="Something quite new", severity="error", module="shop.news", error_code="NEW-1")
    button = page.locator("[data-news]")
    expect(button).to_be_visible(timeout=10_000)
    expect(button).to_contain_text("1 new pattern")
    assert page.locator("[data-row]").count() == before
    button.click()
    expect(page.locator("[data-row]", has_text="Something quite new")).to_be_visible()
    expect(button).to_be_hidden()


def test_keys_move_resolve_and_undo(page: Page, server: Server) -> None:
    """The key j marks, r resolves with an undo, Enter opens, / searches, ? lists the keys."""
    server.send(message="Resolve me by key", severity="error", module="shop.keys", error_code="KEY-1")
    wait_for_pattern(page, server, "Resolve me by key")
    open_list(page, server, "?q=%22Resolve+me%22&status=all")
    page.keyboard.press("j")
    row = page.locator("[data-row].em-marked")
    expect(row).to_contain_text("Resolve me by key")
    page.keyboard.press("r")
    expect(row.locator("[data-status]")).to_have_text("resolved")
    page.get_by_role("button", name="Undo").click()
    expect(row.locator("[data-status]")).to_have_attribute("data-status", "unresolved")
    page.keyboard.press("/")
    expect(page.locator("[data-key-search]")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Resolve me by key")


def test_ignoring_for_a_time_and_reopening(page: Page, server: Server) -> None:
    """The page of a pattern ignores for a day, says so, and reopens."""
    server.send(message="Ignore me for a day", severity="warning", module="shop.calm", error_code="CALM-1")
    wait_for_pattern(page, server, "Ignore me for a day")
    page.get_by_text("Ignore me for a day", exact=True).click()
    page.locator("summary", has_text="Ignore").click()
    page.get_by_role("button", name="for 1 day").click()
    expect(page.locator("#pattern-head .em-state")).to_contain_text("ignored for")
    expect(page.locator("#toasts")).to_contain_text("Ignored for 1 day.")
    page.get_by_role("button", name="Reopen").click()
    expect(page.get_by_role("button", name="Resolve")).to_be_visible()
    expect(page.locator("#pattern-head .em-state")).to_have_count(0)


def send_three(page: Page, server: Server, name: str) -> None:
    """Send errors of three patterns of one name, the first twice, and open the list of them."""
    for number, place in enumerate((f"{name} one", f"{name} one", f"{name} two", f"{name} three")):
        # With a fingerprint of its own each is one group: texts would get those of their templates beside.
        server.send(
            message=place,
            severity="error",
            module="shop.merge",
            error_code=f"MERGE-{number}",
            fingerprint=[place],
        )
    wait_for_pattern(page, server, f"{name} three")
    open_list(page, server, f"?status=all&q=%22{name.replace(' ', '+')}%22&order=count")
    expect(page.locator("[data-row]")).to_have_count(3)


def test_marked_patterns_are_merged_by_key_and_undone(page: Page, server: Server) -> None:
    """The key x marks, m merges into the largest; the list shows it at once; Undo brings the others back."""
    send_three(page, server, "Keyed merge")
    expect(page.locator("#marking")).to_be_hidden()
    page.keyboard.press("m")
    expect(page.locator("#toasts")).to_contain_text("Mark two or more patterns")
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("[data-marked]")).to_have_text("2 marked")
    expect(page.locator("#marking select option").first).to_have_text("Keyed merge one (2)")
    began = time.monotonic()
    page.keyboard.press("m")
    expect(page.locator("[data-row]")).to_have_count(2)
    print(f"merged after {time.monotonic() - began:.2f} s")
    expect(page.locator("#toasts")).to_contain_text("Merged 1 pattern into Keyed merge one.")
    expect(page.locator("[data-row] .em-c-num:not(.em-c-risk)").first).to_contain_text("3")
    expect(page.locator("#marking")).to_be_hidden()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("[data-row]")).to_have_count(3)
    expect(page.locator("#toasts")).to_contain_text("Undone.")


def test_a_pattern_is_merged_from_its_page_split_and_undone(page: Page, server: Server) -> None:
    """Merge offers the most alike; the groups are listed; a split leads back, old addresses lead on."""
    send_three(page, server, "Paged merge")
    page.get_by_text("Paged merge two", exact=True).click()
    page.wait_for_url("**/patterns/1/*")
    old = page.url.partition("?")[0]
    page.keyboard.press("m")
    page.wait_for_url("**/merge")
    page.get_by_label("Search patterns to merge").fill("Paged merge")
    page.get_by_role("button", name="Search").click()
    expect(page.locator(".em-choice")).to_have_count(2)
    page.get_by_label("Paged merge one").check()
    page.get_by_role("button", name="Merge with the marked").click()
    expect(page.locator("input[name=into]").first).to_be_checked()
    expect(page.locator(".em-choice").first).to_contain_text("Paged merge one")
    page.get_by_role("button", name="Merge", exact=True).click()
    expect(page.locator("h1")).to_have_text("Paged merge one")
    expect(page.locator("#toasts")).to_contain_text("Merged 1 other pattern into this one.")
    expect(page.locator(".em-group")).to_have_count(2)
    merged = page.url
    assert "done=" not in merged
    page.goto(old)
    assert page.url.partition("?")[0] == merged
    expect(page.locator(".em-hint")).to_contain_text("was merged into this one")
    page.locator(".em-group", has_text="Paged merge two").get_by_role("button", name="Split off").click()
    expect(page.locator("#toasts")).to_contain_text("Split off.")
    expect(page.locator("#groups")).to_have_count(0)
    page.locator("#toasts").get_by_role("button", name="Undo").click()
    expect(page.locator(".em-group")).to_have_count(2)
    page.get_by_role("button", name="Undo the last").click()
    expect(page.locator("#groups")).to_have_count(0)
    page.goto(old)
    expect(page.locator("h1")).to_have_text("Paged merge two")
    expect(page.locator(".em-changes")).to_contain_text("merged into Paged merge one by")


def test_filters_live_in_the_address(page: Page, server: Server) -> None:
    """A choice changes the address; the copied address shows the same in another tab."""
    server.send(message="Only a warning", severity="warning", module="shop.filter", error_code="FILTER-1")
    wait_for_pattern(page, server, "Only a warning")
    open_list(page, server)
    page.locator("select[name=range]").select_option("24h")
    page.wait_for_url("**range=24h**")
    page.locator(".em-chips").get_by_text("warning").click()
    page.wait_for_url("**severity=warning**")
    other = page.context.new_page()
    other.goto(page.url)
    assert set(other.locator("[data-row] .em-sev").all_inner_texts()) == {"warning"}
    expect(other.locator("select[name=range]")).to_have_value("24h")
    other.close()


def test_hostile_errors_are_text_everywhere(page: Page, server: Server) -> None:
    """Markup, quotes, templates and direction overrides in every field run nothing and hide nothing."""
    frame = {
        "function": HOSTILE,
        "filename": HOSTILE,
        "context_line": HOSTILE,
        "lineno": 3,
        "variables": {HOSTILE: HOSTILE},
    }
    server.send(
        message=f"Hostile {HOSTILE}",
        module=HOSTILE,
        error_code=HOSTILE,
        release=HOSTILE,
        environment=HOSTILE,
        server_name=HOSTILE,
        logger=HOSTILE,
        transaction=HOSTILE,
        tags={"hostile": HOSTILE},
        user={"id": HOSTILE, "username": HOSTILE},
        exceptions=[{"type": f"Hostile{HOSTILE}", "value": HOSTILE, "frames": [frame]}],
        breadcrumbs=[{"category": HOSTILE, "message": HOSTILE, "data": {HOSTILE: HOSTILE}}],
        request={"url": HOSTILE, "method": "GET", "headers": {HOSTILE: HOSTILE}},
        contexts={HOSTILE: {HOSTILE: HOSTILE}},
        extra={HOSTILE: HOSTILE},
    )
    deadline = time.monotonic() + 15
    while page.locator("[data-row]", has_text="Hostile").count() == 0 and time.monotonic() < deadline:
        open_list(page, server, "?status=all")
    page.locator(".em-row-link", has_text="Hostile").first.click()
    page.wait_for_url("**/patterns/1/*")
    text = page.locator("main").inner_text()
    assert "{{7*7}}" in text
    assert "\u202e" not in text
    assert "⟨U+202E⟩" in text
    assert page.locator("img").count() == 0
    for link in page.get_by_role("link", name=re.compile("JSON|Text|Markdown")).all():
        answer = page.request.get(f"{server.url}{link.get_attribute('href')}")
        assert answer.headers["content-type"].split(";")[0] in {
            "application/json",
            "text/plain",
            "text/markdown",
        }
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_times_and_theme_are_the_readers(page: Page, server: Server) -> None:
    """The theme is kept; times carry the reader's own zone on hover."""
    server.send(message="Seen at a time", module="shop.time", error_code="TIME-1")
    wait_for_pattern(page, server, "Seen at a time")
    open_list(page, server, "?status=all")
    before = page.locator("html").get_attribute("data-bs-theme")
    page.locator("[data-theme-toggle]").click()
    page.reload()
    assert page.locator("html").get_attribute("data-bs-theme") != before
    assert "UTC" in str(page.locator("time").first.get_attribute("title"))


@pytest.mark.parametrize(
    ("status", "words"), [(503, "the database is away"), (502, "the server does not answer")]
)
def test_the_dot_is_green_only_while_that_is_known(
    page: Page, server: Server, status: int, words: str
) -> None:
    """When the foot line cannot be read any more, the green goes and the line says why."""
    open_list(page, server)
    expect(page.locator("#ledger .em-dot-on")).to_have_count(1)
    page.route("**/partials/ledger", lambda route: route.fulfill(status=status))
    page.evaluate("htmx.trigger('#ledger', 'em-check')")
    expect(page.locator("#ledger .em-dot-off")).to_have_count(1)
    expect(page.locator("[data-live-word]")).to_contain_text(words)


@pytest.mark.parametrize("width", [390, 768, 1280, 1920])
@pytest.mark.parametrize("path", ["/patterns?status=all", "/projects/1/connect", "/status"])
def test_no_page_scrolls_sideways(page: Page, server: Server, path: str, width: int) -> None:
    """From a phone to a wide screen, nothing is cut off."""
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(server.url + path)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_pages_work_without_javascript(browser: Browser, signed_in: BrowserContext, server: Server) -> None:
    """List, search, pattern, resolving, merging, splitting and undoing need no script."""
    for name in ("either", "needed"):
        server.send(
            message=f"No script {name}",
            severity="error",
            module="shop.plain",
            error_code="PLAIN-1",
            fingerprint=[name],
        )
    context = browser.new_context(java_script_enabled=False, storage_state=signed_in.storage_state())
    page = context.new_page()
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        page.goto(f"{server.url}/patterns?q=%22No+script%22")
        if page.locator("[data-row]").count() == 2:
            break
    page.get_by_text("No script needed", exact=True).click()
    page.get_by_role("button", name="Resolve").click()
    expect(page.get_by_role("button", name="Reopen")).to_be_visible()
    expect(page.locator("#toasts")).to_contain_text("Resolved.")
    page.locator("#toasts").get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Resolve")).to_be_visible()
    page.goto(f"{server.url}/patterns?status=all&range=all&q=%22No+script%22")
    boxes = page.get_by_label("Mark for merging")
    boxes.nth(0).check()
    boxes.nth(1).check()
    page.get_by_role("button", name="Merge", exact=True).click()
    page.get_by_role("button", name="Merge", exact=True).click()
    expect(page.locator(".em-group")).to_have_count(2)
    page.locator(".em-group").get_by_role("button", name="Split off").click()
    expect(page.locator("#toasts")).to_contain_text("Split off.")
    page.locator("#toasts").get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Undo the last").click()
    expect(page.locator("#groups")).to_have_count(0)
    context.close()


def test_strangers_see_only_how_to_sign_in(
    browser: Browser, server: Server, signed_in: BrowserContext
) -> None:
    """Without a session every page leads to the login page; a used link says so."""
    context = browser.new_context()
    page = context.new_page()
    for path in ("/patterns", "/patterns/1/1", "/projects/1/connect", "/status"):
        page.goto(server.url + path)
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto(server.login_url)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("was used or has expired")
    context.close()


def test_what_is_not_there_is_a_page_with_a_way_back(page: Page, server: Server) -> None:
    """An unknown pattern answers 404 with a link to the patterns."""
    answer = page.goto(f"{server.url}/patterns/1/99999999")
    assert answer is not None
    assert answer.status == 404
    expect(page.locator("#main").get_by_role("link", name="Patterns")).to_be_visible()
