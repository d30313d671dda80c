"""What the end-to-end tests share: one running product per test process, a fresh project per test."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psutil
import pytest
from bench.product import Product

APPEARS_S = 20.0
"""Longest wait for an error that was sent; far more than the product needs, for busy machines."""
DRAINS_S = 60.0
COUNTED_S = 1.2
"""Refusals are written once a second: what happened is in the books after this time."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer of the product, whatever its status."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, kw_only=True)
class Project:
    """A project of a running product: where its clients send, and what became of it."""

    product: Product
    id: int
    key: str

    @property
    def dsn(self) -> str:
        """Return the DSN as the page Connect shows it."""
        return f"http://{self.key}@127.0.0.1:{self.product.port}/{self.id}"

    def request(
        self,
        method: str,
        path: str,
        body: bytes | Iterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send one request on a connection of its own; an iterator is sent chunked."""
        connection = http.client.HTTPConnection("127.0.0.1", self.product.port, timeout=60)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(status=answer.status, headers=found, body=answer.read())
        finally:
            connection.close()

    def envelope(self, body: bytes | Iterator[bytes], headers: Mapping[str, str] | None = None) -> Reply:
        """Send an envelope with the key in the usual header, unless ``headers`` say otherwise."""
        given = {"X-Sentry-Auth": f"Sentry sentry_version=7, sentry_key={self.key}"}
        return self.request("POST", f"/api/{self.id}/envelope/", body, given if headers is None else headers)

    def store(self, body: bytes, headers: Mapping[str, str] | None = None) -> Reply:
        """Send one event by the older protocol."""
        given = {"X-Sentry-Auth": f"Sentry sentry_version=7, sentry_key={self.key}", **(headers or {})}
        return self.request("POST", f"/api/{self.id}/store/", body, given)

    def native(self, body: bytes, headers: Mapping[str, str] | None = None) -> Reply:
        """Send errors in our own form."""
        given = {"Authorization": f"Bearer {self.key}", **(headers or {})}
        return self.request("POST", "/api/v1/errors", body, given)

    def read(self, event_id: str) -> dict[str, Any]:
        """Wait for the error with the client's id and return it as the API shows it."""
        end = time.monotonic() + APPEARS_S
        while True:
            try:
                found: dict[str, Any] = self.product.get(f"/api/v1/errors/{event_id}")
            except urllib.error.HTTPError as error:
                if error.code != 404 or time.monotonic() > end:
                    raise
                time.sleep(0.05)
            else:
                assert found["project_id"] == self.id
                return found

    def outcomes(self, category: str = "error") -> dict[str, int]:
        """Return how the items ended so far, without the zeros."""
        books = self.product.get(f"/api/v1/outcomes?project={self.id}&category={category}")
        return {kind: count for kind, count in books["outcomes"].items() if count}

    def expect(self, wanted: Mapping[str, int], category: str = "error") -> None:
        """Wait until items ended exactly so, and see that no more follow."""
        end = time.monotonic() + APPEARS_S
        while (found := self.outcomes(category)) != wanted and time.monotonic() < end:
            time.sleep(0.05)
        if found == wanted:
            time.sleep(COUNTED_S)
            found = self.outcomes(category)
        assert found == wanted

    def errors(self) -> list[dict[str, Any]]:
        """Return all stored errors, newest first, page by page."""
        settle(self.product)
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = self.product.get(f"/api/v1/errors?project={self.id}&limit=500{cursor}")
            found += page["items"]
            if page["next"] is None:
                return found
            cursor = f"&cursor={page['next']}"


def settle(product: Product) -> dict[str, Any]:
    """Wait until nothing waits to be processed; return the books of all projects."""
    end = time.monotonic() + DRAINS_S
    while (books := product.ledger())["waiting"] and time.monotonic() < end:
        time.sleep(0.05)
    return books


def process_ids(product: Product) -> set[tuple[str, int]]:
    """Return role and id of each process that the supervisor keeps: serve, worker, the database's first."""
    (supervisor,) = product.pids
    children = psutil.Process(supervisor).children()
    return {(" ".join(child.cmdline()[:5]), child.pid) for child in children}


@pytest.fixture(scope="session")
def _running(
    tmp_path_factory: pytest.TempPathFactory, find_free_port: Callable[[], int]
) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("product") / "data"
    with Product(folder, find_free_port()) as running:
        yield running


@pytest.fixture
def product(_running: Product) -> Iterator[Product]:
    """Return the running product; after the test its books balance and no process of it has ended."""
    before = process_ids(_running)
    yield _running
    books = settle(_running)
    assert (books["waiting"], books["unexplained"]) == (0, 0)
    assert books["received"] == sum(books["outcomes"].values())
    assert process_ids(_running) == before


@pytest.fixture
def project(product: Product) -> Project:
    """Return a project of this test alone."""
    return make_project(product)


def make_project(product: Product) -> Project:
    """Make a project through the API."""
    request = urllib.request.Request(
        f"{product.url}/api/v1/projects",
        data=json.dumps({"name": f"Test {uuid.uuid4().hex[:8]}"}).encode(),
        headers={
            "Authorization": f"Bearer {product.connection['admin_token']}",
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        made = json.load(answer)
    return Project(product=product, id=made["id"], key=made["keys"][0]["key"])
