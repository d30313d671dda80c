"""What the analysis found, in a real browser: findings are put into the store of a real server."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from bench import found
from bench.product import Product
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)

from error_manager.runtime.data_folder import service_account
from error_manager.storage.postgres.cluster import APP, open_cluster

TITLES = ("PoolEmpty", "PaymentLost", "SearchSlow", "MailLate")
CHANGED_S = 20.0
LEFT = "net::ERR_ABORTED"
"""What Chromium says of a request whose page was left."""
BRIGHTNESS = """
() => {
  const lit = (parts) => parts.slice(0, 3).map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const under = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const color = parse(getComputedStyle(one).backgroundColor);
      if (color.length < 4 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const weak = [];
  for (const element of document.querySelectorAll("main *")) {
    const texts = [...element.childNodes].filter((one) => one.nodeType === 3);
    const text = texts.map((one) => one.data.trim()).join("");
    const isMeant = text && element.checkVisibility();
    if (!isMeant || element.closest("svg, .visually-hidden, [disabled], .disabled")) continue;
    const style = getComputedStyle(element);
    const back = under(element);
    let alpha = 1;
    for (let at = element; at; at = at.parentElement) alpha *= parseFloat(getComputedStyle(at).opacity);
    const mixed = parse(style.color).slice(0, 3).map((part, at) => part * alpha + back[at] * (1 - alpha));
    const [one, two] = [lit(mixed), lit(back)];
    const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    const isLarge = parseFloat(style.fontSize) >= 18.66 && parseInt(style.fontWeight) >= 600;
    if (ratio < (isLarge ? 3 : 4.5)) weak.push(`${ratio.toFixed(2)}: ${text}`);
  }
  return weak;
}
"""
"""Texts whose contrast is below that of WCAG 2.2, 1.4.3 (AA): relative luminance as it is defined there."""


def send(product: Product, path: str, token: str, body: dict[str, Any], *, method: str = "POST") -> None:
    """Send a JSON body."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    data = json.dumps(body).encode()
    request = urllib.request.Request(product.url + path, data=data, headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=10):
        pass


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, find_free_port: Callable[[], int]) -> Iterator[Product]:
    """Run a server without its analysis, which would replace the findings put in."""
    folder = tmp_path_factory.mktemp("answers") / "data"
    with Product(folder, find_free_port(), "--set", "analysis.is_enabled=false") as running:
        yield running


@pytest.fixture(scope="module")
def patterns(product: Product) -> dict[str, int]:
    """Return the patterns by their titles, with findings of every kind; a fifth has none."""
    for title in (*TITLES, "OnlyOnce"):
        frame = {
            "function": f"do_{title}",
            "filename": f"shop/{title}.py",
            "module": f"shop.{title}",
            "lineno": 3,
        }
        error = {"exceptions": [{"type": title, "value": f"{title} at work", "frames": [frame]}]}
        send(product, "/api/v1/errors", product.key, {**error, "message": title, "severity": "error"})
    end = time.monotonic() + CHANGED_S
    while product.stored() < len(TITLES) + 1 and time.monotonic() < end:
        time.sleep(0.1)
    listed = product.get("/api/v1/patterns?limit=100")["items"]
    ids = {item["title"]: item["id"] for item in listed}
    url = open_cluster(product.folder, service_account()).url(APP)
    with ThreadPoolExecutor(1) as other:  # in this thread the loop of playwright runs
        other.submit(found.keep, url, int(product.project), [ids[title] for title in TITLES]).result()
    command = [sys.executable, "-m", "error_manager", "reindex", "--data-dir", str(product.folder)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return ids


@pytest.fixture(scope="module")
def browser(require: Callable[..., str]) -> Iterator[Browser]:
    """Start the Chromium of the system."""
    path = require("chromium", "install Debian's package chromium (apt-get install chromium)")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def signed_in(browser: Browser, product: Product) -> Iterator[BrowserContext]:
    """Sign in once with the link from the terminal."""
    log, end = product.folder.parent / f"{product.folder.name}.log", time.monotonic() + CHANGED_S
    link = None
    while link is None and time.monotonic() < end:  # it is printed a moment after the server is ready
        time.sleep(0.1)
        link = re.search(r"http://\S+/login/\w+(?=\s)", log.read_text(encoding="utf-8"))
    assert link is not None
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, locale="en-US", timezone_id="Asia/Tokyo"
    )
    page = context.new_page()
    page.goto(link[0])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/login" not in url)
    page.close()
    yield context
    context.close()


def watched(context: BrowserContext, faults: list[str]) -> Page:
    """Return a page that notes what the console complains of (breaches of the policy too) and what fails."""
    opened = context.new_page()

    def on_console(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            faults.append(message.text)

    def on_failure(request: Request) -> None:
        if request.failure != LEFT:  # streams and polls end with the page that asked
            faults.append(f"failed: {request.url}: {request.failure}")

    opened.on("console", on_console)
    opened.on("requestfailed", on_failure)
    opened.on("pageerror", lambda error: faults.append(f"error: {error}"))
    return opened


@pytest.fixture
def page(signed_in: BrowserContext) -> Iterator[Page]:
    """Open a page that fails its test on anything the console complains of."""
    faults: list[str] = []
    opened = watched(signed_in, faults)
    yield opened
    opened.close()
    assert faults == []


def address(product: Product, patterns: dict[str, int], title: str) -> str:
    """Return where a pattern's page is."""
    return f"{product.url}/patterns/{product.project}/{patterns[title]}"


def test_insights_are_sentences_with_links_and_the_readers_zone(
    page: Page, product: Product, patterns: dict[str, int]
) -> None:
    """The key g then i leads there; rates have a unit, scores a base, times the zone of the reader."""
    page.goto(f"{product.url}/status")
    page.keyboard.press("g")
    page.keyboard.press("i")
    page.wait_for_url("**/insights")
    expect(page.locator("[data-zone]")).to_have_text("Asia/Tokyo")
    insight = page.locator(".em-insight", has_text="11 per hour").first
    expect(insight).to_contain_text("0.24 expected")
    expect(insight).to_contain_text("score 88 of 100")
    expect(page.locator(".em-graph svg")).to_be_visible()
    expect(page.locator(".em-graph-list")).to_be_hidden()
    expect(page.locator(".em-side")).to_contain_text("Riskiest patterns")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_contain_text("insights")
    page.keyboard.press("Escape")
    insight.get_by_role("link").first.click()
    page.wait_for_url("**/patterns/1/*")
    expect(page.locator("h1")).to_have_text(re.compile("|".join(TITLES)))


def test_a_pattern_gives_five_answers(page: Page, product: Product, patterns: dict[str, int]) -> None:
    """How much, how bad, what with it, what is like it, what to do: each card with its numbers."""
    page.goto(address(product, patterns, "PoolEmpty") + "?range=24h")
    for heading in ("Since when and how much", "How bad", "What to do", "What with it", "What is like it"):
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
    expect(page.locator(".em-verdict")).to_contain_text("Rising: 3.4x its usual rate since")
    expect(page.locator(".em-verdict")).to_contain_text("11 per hour, 0.24 expected (score 88 of 100)")
    expect(page.locator(".em-facts").first).to_contain_text("4 expected in the next 24 h (2 to 9)")
    expect(page.locator("#history canvas")).to_be_visible()
    expect(page.locator("[data-legend]")).to_be_visible()
    expect(page.locator("[data-legend]")).to_contain_text("usual range, 80 %expected, with its range, 80 %")
    told = page.get_by_role("img", name=re.compile("Errors per hour in the last 24 hours. Usual range"))
    expect(told).to_have_accessible_name(
        re.compile(r"\(80 %\): \d to 8 errors per hour; above it in 0 of [67] hours")
    )
    chart = page.locator("#history canvas").bounding_box()
    assert chart is not None
    page.mouse.move(chart["x"] + chart["width"] * 0.45, chart["y"] + 40)
    expect(page.locator("[data-readout]")).to_contain_text("0 errors · usually 1 to 8")
    expect(page.locator(".em-factors li").first).to_have_text("fatal severity+22")
    related = page.locator(".em-answers .card", has_text="What with it")
    expect(related.get_by_role("listitem").first).to_contain_text("4 s earlier41 of 50 timesscore 0.")
    expect(related).to_contain_text("4 s later")
    advice = page.locator(".em-advice")
    expect(advice.get_by_text("No connection was free.")).to_have_count(1)
    expect(advice.locator("h3")).to_have_text(
        ["Raise the pool.", "Look at what holds connections.", "Find code that keeps them."]
    )
    expect(page.locator(".em-nothing")).to_have_count(0)


def test_a_card_with_nothing_to_say_takes_no_space(
    page: Page, product: Product, patterns: dict[str, int]
) -> None:
    """A pattern without findings has one muted line in place of the cards."""
    page.goto(address(product, patterns, "OnlyOnce"))
    expect(page.locator(".em-nothing")).to_have_count(1)
    expect(page.locator(".em-answers")).to_be_hidden()
    expect(page.locator(".em-risk")).to_have_count(0)


def test_feedback_is_noted_in_place(page: Page, product: Product, patterns: dict[str, int]) -> None:
    """The button of one step becomes a word; the address and the other steps stay."""
    page.goto(address(product, patterns, "PaymentLost"))
    before = page.url
    steps = page.locator(".em-advice-step")
    steps.first.get_by_role("button", name="It has helped").click()
    expect(steps.first).to_contain_text("Noted: it has helped.")
    expect(steps.nth(1).get_by_role("button")).to_have_count(2)
    assert page.url == before


def test_the_importance_of_a_pattern_changes_its_risk_in_place(
    page: Page, product: Product, patterns: dict[str, int]
) -> None:
    """By mouse and by keys; the card and the toast say the new risk, the undo puts both back."""
    page.goto(address(product, patterns, "MailLate"))
    card, choice, toast = page.locator(".em-risk"), page.get_by_label("Importance"), page.locator("#toasts")
    expect(card.locator(".em-risk-value")).to_have_text("33")
    choice.select_option(label="highest (x4)")
    expect(toast).to_contain_text("Importance is highest now; the risk is 46.")
    expect(card.locator(".em-risk-value")).to_have_text("46")
    expect(card).to_contain_text("business weight 4+13")
    choice.focus()
    page.keyboard.press("ArrowUp")
    expect(toast).to_contain_text("Importance is high now; the risk is 40.")
    expect(choice).to_be_focused()
    toast.get_by_role("button", name="Undo").click()
    expect(toast).to_contain_text("Undone.")
    expect(choice).to_have_value("4")
    expect(card.locator(".em-risk-value")).to_have_text("46")
    page.reload()
    expect(choice).to_have_value("4")
    expect(page.locator(".em-changes li").nth(1)).to_contain_text("importance set to high by Administrator")
    page.get_by_role("button", name="Undo the last").click()
    expect(card.locator(".em-risk-value")).to_have_text("33")
    page.wait_for_load_state()  # what is left while it loads counts as failed


def test_the_importance_of_a_project_is_set_where_it_is_connected(
    page: Page, product: Product, patterns: dict[str, int]
) -> None:
    """Its patterns follow and say where that comes from; a number of the API can be read, too."""
    page.goto(f"{product.url}/projects/1/connect")
    choice = page.get_by_label("Importance")
    choice.select_option("2")
    expect(page.locator("#toasts")).to_contain_text(
        "Importance is high now; the risks of its patterns follow."
    )
    expect(choice).to_have_value("2")
    page.wait_for_load_state()
    assert page.url == f"{product.url}/projects/1/connect"
    page.goto(address(product, patterns, "PaymentLost"))
    expect(page.locator(".em-risk-value")).to_have_text("40")
    expect(page.locator(".em-importance")).to_contain_text("times the project: high")
    token = product.connection["admin_token"]
    send(product, "/api/v1/projects/1/weight", token, {"weight": 3}, method="PUT")
    page.locator(".em-importance").get_by_role("link", name="project").click()
    expect(choice.locator("option:checked")).to_have_text("x3")
    page.wait_for_load_state()
    choice.select_option("1")
    expect(page.locator("#toasts")).to_contain_text("Importance is normal now")
    page.wait_for_load_state()
    page.goto(address(product, patterns, "PaymentLost"))
    expect(page.locator(".em-risk-value")).to_have_text("33")
    expect(page.locator(".em-importance")).not_to_contain_text("project")


def test_a_note_on_a_fix_is_read_where_it_is_needed(
    page: Page, product: Product, patterns: dict[str, int]
) -> None:
    """Resolved with a note, the history and the similar patterns say how."""
    page.goto(address(product, patterns, "MailLate"))
    page.get_by_label("Resolve with a note").click()
    page.get_by_label("How it was fixed").fill("Raised the timeout of the mail server")
    page.get_by_label("Release that brings the fix").fill("mail@2.9")
    page.locator(".em-menu-form").get_by_role("button", name="Resolve").click()
    expect(page.get_by_role("button", name="Reopen")).to_be_visible()
    page.reload()
    expect(page.locator(".em-changes")).to_contain_text("Raised the timeout of the mail server")
    page.goto(address(product, patterns, "PoolEmpty"))
    fix = page.locator(".em-fix", has_text="Raised the timeout of the mail server in mail@2.9")
    expect(fix).to_be_visible()


def test_errors_like_a_pasted_trace(page: Page, product: Product, patterns: dict[str, int]) -> None:
    """Empty at first; a trace finds its pattern; words of nothing find nothing, and the page says so."""
    page.goto(f"{product.url}/patterns")
    page.get_by_role("link", name="Errors like").click()
    page.wait_for_url("**/patterns/like")
    expect(page.locator(".em-empty")).to_have_count(0)
    room = page.get_by_label("A stack trace, a message or words").bounding_box()
    assert room is not None
    assert room["height"] > 100, "a trace has several lines"
    trace = (
        'Traceback:\n  File "shop/SearchSlow.py", line 3, in do_SearchSlow\nSearchSlow: SearchSlow at work'
    )
    page.get_by_label("A stack trace, a message or words").fill(trace)
    page.get_by_role("button", name="Find").click()
    hits = page.locator(".em-related").get_by_role("link", name="SearchSlow", exact=True)
    expect(hits.first).to_have_attribute("href", f"/patterns/{product.project}/{patterns['SearchSlow']}")
    page.get_by_label("A stack trace, a message or words").fill("zzqx wvvk")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("heading", name="Nothing like it")).to_be_visible()


PATHS = ("/insights?range=14d", "/insights?range=24h&project=1", "/patterns", "/patterns/like", "/status",
         "/projects/1/rules", "/projects/1/connect", "/patterns/1/{}?range=24h")  # fmt: skip


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_fit_and_can_be_read(
    signed_in: BrowserContext, product: Product, patterns: dict[str, int], theme: Any
) -> None:
    """At 390, 768 and 1280 pixels nothing scrolls sideways; each text has the contrast of AA."""
    assert signed_in.browser is not None
    context = signed_in.browser.new_context(color_scheme=theme, storage_state=signed_in.storage_state())
    faults: list[str] = []
    page = watched(context, faults)
    for path, width in itertools.product(PATHS, (390, 768, 1280)):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(product.url + path.format(patterns["PoolEmpty"]))
        assert page.locator("html").get_attribute("data-bs-theme") == theme
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert (path, page.evaluate(BRIGHTNESS)) == (path, [])
    context.close()
    assert faults == []


def test_on_a_phone_relations_are_a_list(page: Page, product: Product, patterns: dict[str, int]) -> None:
    """The drawing gives way to sentences of the same relations."""
    page.set_viewport_size({"width": 390, "height": 900})
    page.goto(f"{product.url}/insights")
    expect(page.locator(".em-graph")).to_be_hidden()
    first = page.locator(".em-graph-list li").first
    expect(first).to_contain_text("4 s later")
    expect(first).to_contain_text("41 of 50 times")


def test_answers_need_no_script(
    browser: Browser, signed_in: BrowserContext, product: Product, patterns: dict[str, int]
) -> None:
    """Without JavaScript the sentences, the cards, feedback, importance, a note and the search are there."""
    context = browser.new_context(java_script_enabled=False, storage_state=signed_in.storage_state())
    page = context.new_page()
    page.goto(f"{product.url}/insights?range=24h")
    expect(page.locator("[data-zone]")).to_have_text("UTC")
    page.locator(".em-insight").first.get_by_role("link").first.click()
    page.goto(address(product, patterns, "SearchSlow"))
    expect(page.locator(".em-chart-still")).to_be_visible()
    expect(page.locator("[data-legend]")).to_be_hidden()
    page.get_by_role("button", name="It has not helped").first.click()
    expect(page.get_by_role("heading", name="What to do")).to_be_visible()
    page.get_by_label("Importance").select_option("0.5")
    page.get_by_role("button", name="Set").click()
    expect(page.locator("#toasts")).to_contain_text("Importance is low now; the risk is 26.")
    page.locator("#toasts").get_by_role("button", name="Undo").click()
    expect(page.locator(".em-risk-value")).to_have_text("33")
    page.get_by_label("Resolve with a note").click()
    page.get_by_label("How it was fixed").fill("An index more")
    page.locator(".em-menu-form").get_by_role("button", name="Resolve").click()
    expect(page.locator(".em-changes")).to_contain_text("An index more")
    page.goto(f"{product.url}/patterns/like")
    page.get_by_label("A stack trace, a message or words").fill("PaymentLost")
    page.get_by_role("button", name="Find").click()
    expect(page.locator(".em-related").get_by_role("link", name="PaymentLost").first).to_be_visible()
    context.close()
