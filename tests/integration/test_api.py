"""The API, the gate and live events over a real database."""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

import httpx
import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.integration.conftest import _fresh
from tests.integration.test_queries import fill

from error_manager.core.errors import InboxCorruptError, StorageUnavailableError
from error_manager.core.types import ItemCategory, ProjectId
from error_manager.flows import monitoring
from error_manager.flows.access import bootstrap
from error_manager.flows.live import LiveHub
from error_manager.flows.services import IndexServices, QueryServices
from error_manager.integrations.web.app import create_app
from error_manager.monitoring.dashboard import HostFacts
from error_manager.runtime.wiring.linear import compile_linear
from error_manager.security.encryption import MasterKey, Sealer
from error_manager.storage.base import Cursor, ReceivedCount
from error_manager.storage.memory_vectors import MemoryVectors
from error_manager.storage.postgres.access import PostgresAccess
from error_manager.storage.postgres.connection import connect, pool
from error_manager.storage.postgres.findings import PostgresFindings
from error_manager.storage.postgres.listener import PostgresListener
from error_manager.storage.postgres.queries import PostgresQueries
from error_manager.storage.postgres.rules import PostgresRules
from error_manager.storage.postgres.samples import PostgresSamples

HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


class FakeInbox:
    """One slot with counts set by hand; ``vanishes`` says how often a segment is gone while it is read."""

    def __init__(self) -> None:
        self.received_items = 39
        self.waiting_items = 0
        self.vanishes = 0
        self.cursors: list[Cursor] = []

    def slots(self) -> tuple[int, ...]:
        return (0,)

    def received(self, slot, cursor):
        self.cursors.append(cursor)
        if self.vanishes:
            self.vanishes -= 1
            raise InboxCorruptError
        return self._counts(self.received_items), self._counts(self.waiting_items)

    def _counts(self, quantity):
        return (
            ReceivedCount(project_id=ProjectId(1), category=ItemCategory.ERROR, hour=HOUR, quantity=quantity),
        )


@pytest.fixture(scope="module")
async def shop(cluster, postgres):
    """Services over a filled database, shared by the module, with the admin's keys."""
    for database in _fresh(cluster, postgres.name):
        await fill(database)
        connections = pool(database.url, application_name="test", min_size=1, max_size=4, autocommit=True)
        await connections.open()
        listener = PostgresListener(
            partial(connect, database.url, application_name="live", autocommit=True), channel="em_live"
        )
        services = QueryServices(
            queries=PostgresQueries(connections),
            rules=PostgresRules(connections),
            findings=PostgresFindings(connections),
            index=IndexServices(index=MemoryVectors(), source=PostgresSamples(connections)),
            compile_pattern=compile_linear,
            access=PostgresAccess(connections),
            sealer=Sealer(MasterKey(id=1, secret=b"k" * 32)),
            inbox=FakeInbox(),
            live=LiveHub(payloads=listener.payloads),
            host=HostFacts,
            read_file=lambda path: path.encode(),
            clock=lambda: datetime.now(UTC),
            randomness=os.urandom,
            url="http://h:1",
            version="1",
            login_command="/opt/em/bin/error-manager login --data-dir /srv/em",
        )
        made = await bootstrap(services.admission)
        yield services, made, database
        await connections.close()


def _client(app, **headers: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app, client=("198.51.100.7", 1), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://h:1", headers=headers)


@pytest.fixture
async def anyone(shop):
    """A client without any key, not on this machine."""
    async with _client(create_app(shop[0])) as client:
        yield client


@pytest.fixture
async def admin(shop):
    """A client with the admin's key."""
    async with _client(create_app(shop[0]), authorization=f"Bearer {shop[1].admin_token}") as client:
        yield client


async def test_every_route_is_closed_unless_it_says_so(anyone, shop) -> None:
    """Without a key, with an ingest key, and with a forged one: 401, except for the few public routes."""
    app = create_app(shop[0])
    public = {
        "/login", "/login/{token:str}", "/logout",
        "/api/docs", "/api/openapi.json", "/api", "/api/{path:str}",
        "/static/{name:path}",
    }  # fmt: skip
    seen = Counter()
    for route in app.routes:
        path = route.path
        if path in public:
            continue
        for method in sorted(route.methods - {"OPTIONS"}):
            for part, value in (
                (":int}", "1"), (":uuid}", str(UUID(int=1))), (":str}", "x"), (":path}", "x")
            ):  # fmt: skip
                while part in path:
                    start = path.index("{")
                    path = path[:start] + value + path[path.index("}") + 1 :]
            for header in ("", f"Bearer {shop[1].ingest_key}", "Bearer em_adm_" + "0" * 36, "Basic eDp5"):
                answer = await anyone.request(
                    method,
                    path,
                    headers={"authorization": header} if header else {"accept": "application/json"},
                )
                assert answer.status_code == 401, (method, path, header)
                seen[path] += 1
    assert len(seen) > 15


async def test_lists_patterns_and_walks_the_pages(admin) -> None:
    """The documented form, with the next cursor until null."""
    first = (await admin.get("/api/v1/patterns", params={"project": 1, "sort": "count", "limit": 2})).json()
    second = (
        await admin.get(
            "/api/v1/patterns", params={"project": 1, "sort": "count", "limit": 2, "cursor": first["next"]}
        )
    ).json()
    assert [item["count"] for item in (*first["items"], *second["items"])] == [30, 6, 2]
    assert second["next"] is None
    found = (await admin.get("/api/v1/patterns", params={"q": "redis -order"})).json()
    assert [item["title"] for item in found["items"]] == ["TimeoutError"]


async def test_an_error_is_found_by_either_id(admin) -> None:
    """With its body in our own form."""
    (row,) = (await admin.get("/api/v1/errors", params={"q": "order-3"})).json()["items"]
    for reference in (row["id"], row["event_id"], row["id"].replace("-", "")):
        found = (await admin.get(f"/api/v1/errors/{reference}")).json()
        assert (found["id"], found["error"]["message"]) == (row["id"], "KeyError: 'price' of order-3")
    pattern = (await admin.get(f"/api/v1/patterns/{row['pattern_id']}")).json()
    assert pattern["title"] == "KeyError"
    errors = (await admin.get(f"/api/v1/patterns/{row['pattern_id']}/errors")).json()
    assert len(errors["items"]) == 6
    history = (await admin.get(f"/api/v1/patterns/{row['pattern_id']}/history")).json()
    assert (history["bucket"], sum(point["count"] for point in history["items"])) == ("day", 6)
    tags = (await admin.get(f"/api/v1/patterns/{row['pattern_id']}/tags")).json()
    assert {"browser"} <= {tag["key"] for tag in tags["items"]}


async def test_status_changes_by_key(admin) -> None:
    """Resolve, ignore with an end, undo; a form instead of JSON is refused."""
    (row,) = (await admin.get("/api/v1/patterns", params={"q": "order-3"})).json()["items"]
    url = f"/api/v1/patterns/{row['id']}"
    assert (await admin.post(f"{url}/resolve")).json()["status"] == "resolved"
    until = "2099-01-01T00:00:00Z"
    assert (await admin.post(f"{url}/ignore", json={"until": until})).json()["ignore_until"] == until
    assert (await admin.post(f"{url}/ignore", json={"until": "soon"})).status_code == 422
    assert (await admin.post(f"{url}/ignore", data={"until": until})).status_code == 403
    assert (await admin.post(f"{url}/undo")).json()["status"] == "resolved"
    assert (await admin.post(f"{url}/undo")).json()["status"] == "unresolved"
    assert (await admin.post(f"{url}/undo")).json()["code"] == "not_found"


async def test_patterns_are_merged_split_and_undone_by_key(admin) -> None:
    """The old id answers with the pattern it is part of; groups, changes and reasons say what happened."""
    rows = (await admin.get("/api/v1/patterns", params={"project": 1, "sort": "count"})).json()["items"]
    first, second, third = (row["id"] for row in rows)
    url = f"/api/v1/patterns/{first}"
    earlier = len((await admin.get(f"{url}/changes")).json()["items"])
    merged = (await admin.post(f"{url}/merge", json={"with": [second, third]})).json()
    assert (merged["id"], merged["count"]) == (first, 38)
    alias = (await admin.get(f"/api/v1/patterns/{second}")).json()
    assert (alias["id"], alias["alias"]) == (first, second)
    assert (alias["why"]["by"], alias["why"]["groups"]) == ("person", 3)
    groups = (await admin.get(f"{url}/groups")).json()["items"]
    assert [(g["title"], g["why"], g["person"]) for g in groups] == [
        ("TimeoutError", "fingerprint", ""),
        ("KeyError", "person", "Administrator"),
        ("Disk is 91 % full", "person", "Administrator"),
    ]
    (error, *_) = (await admin.get("/api/v1/errors", params={"q": "order-3"})).json()["items"]
    why = (await admin.get(f"/api/v1/errors/{error['id']}")).json()["why"]
    assert (why["by"], why["person"], why["group"]) == ("person", "Administrator", groups[1]["group"])
    for body in ({}, {"with": "x"}, {"with": []}, {"with": [first]}):
        assert (await admin.post(f"{url}/merge", json=body)).json()["code"] == "invalid_fields"
    assert (await admin.post(f"{url}/merge", json={"with": [99999]})).json()["code"] == "not_found"
    for bad in (["zz"], [groups[0]["group"]], ["ff" * 16], []):
        assert (await admin.post(f"{url}/split", json={"groups": bad})).json()["code"] == "invalid_fields"
    body = {"groups": [groups[1]["group"]], "title": "Prices"}
    split = (await admin.post(f"{url}/split", json=body)).json()
    assert (split["pattern"]["count"], split["split_off"]["title"]) == (32, "Prices")
    other = f"/api/v1/patterns/{split['split_off']['id']}"
    nearest = (await admin.get(other)).json()["nearest"]
    assert nearest is None
    assert (await admin.post(f"{url}/merge", json={"with": [split["split_off"]["id"]]})).json()["count"] == 38
    for _ in range(3):
        assert (await admin.post(f"{url}/undo")).status_code == 200
    after = (await admin.get("/api/v1/patterns", params={"project": 1, "sort": "count"})).json()["items"]
    assert after == rows
    found = (await admin.get("/api/v1/patterns", params={"q": "redis -order"})).json()["items"]
    assert [item["id"] for item in found] == [first]
    changes = (await admin.get(f"{url}/changes")).json()["items"]
    changes = changes[: len(changes) - earlier]
    assert [change["action"] for change in changes[-2:]] == ["split", "merged"]
    assert [name["title"] for name in changes[-1]["others"]] == ["KeyError", "Disk is 91 % full"]


async def test_what_moved_on_cannot_be_undone(admin) -> None:
    """A problem with a code of its own, that names where to undo first."""
    rows = (await admin.get("/api/v1/patterns", params={"project": 1, "sort": "count"})).json()["items"]
    first, second, third = (f"/api/v1/patterns/{row['id']}" for row in rows)
    await admin.post(f"{first}/merge", json={"with": [rows[1]["id"]]})
    groups = (await admin.get(f"{first}/groups")).json()["items"]
    await admin.post(f"{first}/split", json={"groups": [groups[1]["group"]]})
    await admin.post(f"{third}/merge", json={"with": [rows[1]["id"]]})
    answer = await admin.post(f"{first}/undo")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert str(rows[2]["id"]) in answer.json()["detail"]
    for url in (third, first, first):
        assert (await admin.post(f"{url}/undo")).status_code == 200
    assert (await admin.get(second)).json()["alias"] is None


async def test_a_pattern_says_what_tells_it_from_the_nearest(shop) -> None:
    """In words and as data."""
    services, made, database = shop
    parts = (
        (1, ["type: KeyError", "frame: shop.cart.total"]),
        (2, ["type: KeyError", "frame: shop.cart.sum", "name: x"]),
    )
    with psycopg.connect(database.owner_url) as connection:
        connection.execute(
            "INSERT INTO projects (id, organization_id, name, slug, subject_key) VALUES (9, 1, 'N', 'n', 'k')"
        )
        for number, listed in parts:
            connection.execute(
                "INSERT INTO error_patterns (id, project_id, pattern_hash, module, error_code, first_seen, "
                "last_seen, severity, severity_rank, title, message, metadata) OVERRIDING SYSTEM VALUE "
                "VALUES (%s, 9, %s, 'm', 'c', now(), now(), 'error', 3, 'KeyError', 'm', %s)",
                (9000 + number, f"{number:02x}" * 32, Jsonb({"version": 0, "parts": listed})),
            )
            connection.execute(
                "INSERT INTO pattern_groups (project_id, group_id, pattern_id) VALUES (9, %s, %s)",
                (bytes([number]) * 16, 9000 + number),
            )
    async with _client(create_app(services), authorization=f"Bearer {made.admin_token}") as client:
        pattern = (await client.get("/api/v1/patterns/9001")).json()
    assert pattern["why"] == {"by": "fingerprint", "version": 0, "parts": parts[0][1], "groups": 1}
    assert (pattern["nearest"]["id"], pattern["nearest"]["title"]) == (9002, "KeyError")
    assert pattern["nearest"]["sentence"] == "frame shop.cart.total instead of shop.cart.sum; no name x"
    assert pattern["nearest"]["differences"][1] == {"part": "name", "here": "", "there": "x"}
    with psycopg.connect(database.owner_url) as connection:
        connection.execute("DELETE FROM projects WHERE id = 9")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/v1/patterns/99999", 404, "not_found"),
        ("/api/v1/patterns/99999999999999999999", 404, "not_found"),
        ("/api/v1/errors/00000000000000000000000000000000", 404, "not_found"),
        ("/api/v1/errors/x", 404, "not_found"),
        ("/api/v1/nothing", 404, "not_found"),
        ("/api/v1/patterns?limit=0", 422, "invalid_fields"),
        ("/api/v1/patterns?limit=9999", 422, "invalid_fields"),
        ("/api/v1/patterns?cursor=x", 422, "invalid_fields"),
        ("/api/v1/patterns?sort=evil", 422, "invalid_fields"),
        ("/api/v1/patterns?since=yesterday", 422, "invalid_fields"),
        ("/api/v1/errors?q=browser:x", 422, "invalid_fields"),
        ("/api/v1/reports/1/exe", 404, "not_found"),
        ("/api/v1/reports/1/json", 404, "not_found"),
    ],
)
async def test_wrong_requests_are_problems(admin, path, status, code) -> None:
    """problem+json with the stable code."""
    answer = await admin.get(path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "text", ["%00", "%ED%A0%80", "'", "%25", "%5C", "a%0Ab", "%F0%9F%92%A5", "x" * 900, "%FF%FE"]
)
async def test_strange_values_are_answered(admin, text) -> None:
    """Every text parameter takes every text; numbers beyond the database's find nothing."""
    for name in ("q", "environment", "release"):
        assert (await admin.get(f"/api/v1/patterns?{name}={text}")).status_code == 200
    for name in ("q", "module", "error_code"):
        assert (await admin.get(f"/api/v1/errors?{name}={text}")).status_code == 200
    for number in ("0", "-1", "9" * 40):
        answer = await admin.get(f"/api/v1/patterns?project={number}")
        assert (answer.status_code, answer.json()["items"]) == (200, [])
    for moment in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-01-01T00:00:00"):
        assert (await admin.get("/api/v1/patterns", params={"since": moment})).status_code == 200
        assert (await admin.get("/api/v1/outcomes", params={"from": moment, "to": moment})).status_code == 200


async def test_outcomes_balance(admin, shop) -> None:
    """The six kinds; what waits is no gap; a segment that vanishes leads to a new snapshot."""
    services = shop[0]
    services.inbox.received_items, services.inbox.waiting_items, services.inbox.vanishes = 44, 5, 2
    services.inbox.cursors.clear()
    try:
        books = (await admin.get("/api/v1/outcomes")).json()
        assert (books["received"], books["waiting"], books["unexplained"]) == (44, 5, 0)
        assert books["outcomes"] == {
            "accepted": 39, "duplicate": 0, "filtered": 0, "rate_limited": 0, "invalid": 0, "dead_letter": 0
        }  # fmt: skip
        assert services.inbox.cursors == [Cursor(seq=1, row=4)] * 3
        services.inbox.vanishes = 99
        with pytest.raises(StorageUnavailableError):
            await monitoring.ledger(services)
        assert (await admin.get("/api/v1/outcomes")).status_code == 503
    finally:
        services.inbox.received_items, services.inbox.waiting_items, services.inbox.vanishes = 39, 0, 0
    only = (await admin.get("/api/v1/outcomes", params={"project": 2})).json()
    assert (only["received"], only["outcomes"]["accepted"], only["unexplained"]) == (0, 1, -1)


async def test_projects_are_made_and_listed(admin) -> None:
    """With the DSN to copy; unknown fields are named."""
    made = await admin.post("/api/v1/projects", json={"name": "Made", "id": 77, "key": "c" * 32})
    assert made.status_code == 201
    assert made.json()["keys"][0]["dsn"] == f"http://{'c' * 32}@h:1/77"
    assert 77 in {project["id"] for project in (await admin.get("/api/v1/projects")).json()["items"]}
    wrong = await admin.post("/api/v1/projects", json={"name": "x", "is_admin": True})
    assert (wrong.status_code, "is_admin" in wrong.text) == (422, True)
    assert (await admin.post("/api/v1/projects", content=b"{")).status_code == 400
    assert "subject_key" not in (await admin.get("/api/v1/projects")).text


async def test_status_and_metrics(admin, anyone, shop) -> None:
    """Status tells of the database; metrics are for this machine or a key, and not through a proxy."""
    status = (await admin.get("/api/v1/status")).json()
    assert (status["status"], status["ledger"]["unexplained"], status["database"]["patterns"]) == ("ok", 0, 4)
    sizes = {table["name"]: table["size_bytes"] for table in status["database"]["tables"]}
    assert sizes["project_errors"] > sizes["persons"] > 0
    metrics = (await admin.get("/metrics")).text
    assert 'error_manager_items_total{outcome="accepted"} 39.0' in metrics
    assert "error_manager_items_received_total 39.0" in metrics
    assert "error_manager_items_unexplained 0.0" in metrics
    assert "process_resident_memory_bytes" in metrics
    assert (await anyone.get("/metrics")).status_code == 401
    transport = httpx.ASGITransport(app=create_app(shop[0]), client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://h:1") as local:
        assert (await local.get("/metrics")).status_code == 200
        assert (await local.get("/metrics", headers={"x-forwarded-for": "203.0.113.1"})).status_code == 401


async def test_the_login_page_shows_a_command_that_works_here(anyone, shop) -> None:
    """On this machine with the program and the data folder in use; to others it names neither."""
    page = (await anyone.get("/login", headers={"accept": "text/html"})).text
    assert "error-manager login --data-dir DIR" in page
    assert "/srv/em" not in page
    transport = httpx.ASGITransport(app=create_app(shop[0]), client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://h:1") as local:
        for headers, is_full in (({}, True), ({"x-forwarded-for": "203.0.113.1"}, False)):
            page = (await local.get("/login", headers=headers)).text
            assert ("/opt/em/bin/error-manager login --data-dir /srv/em" in page) is is_full
        refused = await local.post("/login", data={"token": "x"}, headers={"sec-fetch-site": "same-origin"})
        assert (refused.status_code, "/srv/em" in refused.text) == (401, True)


async def test_signing_in_with_the_link(anyone, shop) -> None:
    """Looking at the link uses nothing up; the button signs in once; signing out ends it on the server."""
    services = shop[0]
    token = (await bootstrap(services.admission, known_admin_token=shop[1].admin_token)).login_token
    own = {"sec-fetch-site": "same-origin"}
    for _ in range(2):
        shown = await anyone.get(f"/login/{token}", headers={"accept": "text/html"})
        assert (shown.status_code, "set-cookie" in shown.headers) == (200, False)
    form = {"token": token}
    assert (
        await anyone.post("/login", data=form, headers={"sec-fetch-site": "cross-site"})
    ).status_code == 403
    entered = await anyone.post("/login", data=form, headers=own)
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    cookie = entered.headers["set-cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=lax", "Path=/"))
    assert (await anyone.get("/api/v1/patterns")).status_code == 200
    (row,) = (await anyone.get("/api/v1/patterns", params={"q": "order-3"})).json()["items"]
    url = f"/api/v1/patterns/{row['id']}/resolve"
    assert (await anyone.post(url, headers={"sec-fetch-site": "cross-site"})).status_code == 403
    assert (await anyone.post(url)).status_code == 403
    assert (await anyone.post(url, headers={"origin": "http://h:1"})).status_code == 200
    assert (await anyone.post(url.replace("resolve", "undo"), headers=own)).status_code == 200
    assert (await anyone.post("/login", data=form, headers=own)).status_code == 401
    session = dict(anyone.cookies)
    await anyone.post("/logout", headers=own)
    anyone.cookies.update(session)
    assert (await anyone.get("/api/v1/patterns")).status_code == 401


async def test_every_answer_carries_the_security_headers(anyone, admin) -> None:
    """Also failures and JSON."""
    for client, path in (
        (anyone, "/login"),
        (anyone, "/nope"),
        (admin, "/api/v1/patterns"),
        (anyone, "/api/docs"),
    ):
        headers = (await client.get(path, headers={"accept": "text/html"})).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"


async def test_people_are_sent_to_sign_in(anyone) -> None:
    """A page without a session leads to the login; a program gets a problem."""
    answer = await anyone.get("/patterns?q=a%20b", headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert (await anyone.get("/patterns", headers={"accept": "*/*"})).status_code == 401


async def test_a_page_that_does_not_exist_says_so_in_our_words(anyone, admin, shop) -> None:
    """Within the usual frame for who is signed in, alone for others; programs are told where to look."""
    html = {"accept": "text/html"}
    alone = await anyone.get("/nope", headers=html)
    assert (alone.status_code, "em-rail" in alone.text) == (404, False)
    assert "There is no page at this address" in alone.text
    framed = await anyone.get("/nope", headers={**html, "cookie": "error_manager_session=x"})
    assert (framed.status_code, 'href="/patterns"' in framed.text, "em-rail" in framed.text) == (
        404,
        True,
        True,
    )
    assert "The database is away" not in framed.text
    answer = await admin.get("/api/v1/nope")
    assert "/api/docs" in answer.json()["detail"]


async def test_the_description_names_every_route(anyone) -> None:
    """OpenAPI lists the stable surface; the page shows it without a script or style from elsewhere."""
    paths = (await anyone.get("/api/openapi.json")).json()["paths"]
    assert {"/api/v1/errors", "/api/v1/patterns", "/api/v1/outcomes", "/api/v1/projects"} <= set(paths)
    for path, item in paths.items():
        for operation in item.values():
            assert operation["description"].endswith("."), path
            for found in operation.get("parameters", ()):
                assert found["description"].endswith("."), (path, found["name"])
    page = (await anyone.get("/api/docs")).text
    assert "/api/v1/outcomes" in page
    assert "<code>next</code> of the page before" in page
    assert "<code>connection.json</code>" in page
    assert '<a href="/">' in page
    assert "//" not in page.replace("http://www.w3.org", "").replace("<!--", "")


async def test_stored_errors_reach_an_open_page_within_a_second(shop) -> None:
    """A notice of the worker arrives as a server-sent event, of the project asked for only."""
    services, _, database = shop
    task = asyncio.create_task(services.live.run(lambda ids: monitoring.foot_line(services, project_ids=ids)))
    events = services.live.events((ProjectId(1),))
    try:
        assert (await anext(events)).startswith(b":")
        waiting = asyncio.ensure_future(anext(events))
        notices = [
            {"project": project, "accepted": 2, "patterns": [[project, 2, True, False]], "first_error": "e"}
            for project in (2, 1)
        ]
        for _ in range(50):
            await asyncio.sleep(0.1)
            with psycopg.connect(database.url, autocommit=True) as connection:
                if connection.execute(
                    "SELECT 1 FROM pg_stat_activity WHERE application_name = 'live' AND query LIKE 'LISTEN%'"
                ).fetchone():
                    break
        started = asyncio.get_running_loop().time()
        with psycopg.connect(database.url, autocommit=True) as connection:
            for notice in notices:
                connection.execute("SELECT pg_notify('em_live', %s)", (json.dumps(notice),))
        message = json.loads((await asyncio.wait_for(waiting, 5)).removeprefix(b"data: "))
        while "patterns" not in message:
            message = json.loads((await asyncio.wait_for(anext(events), 5)).removeprefix(b"data: "))
        assert asyncio.get_running_loop().time() - started < 1
        assert (message["accepted"], message["patterns"]) == (2, [[1, 2, True, False]])
        while "ledger" not in message:
            message = json.loads((await asyncio.wait_for(anext(events), 5)).removeprefix(b"data: "))
        assert message["ledger"]["unexplained"] == 1
    finally:
        task.cancel()
        await events.aclose()


async def test_a_database_that_is_away_is_told(admin, shop) -> None:
    """503 as problem+json with what to do; metrics say that it is away."""
    dead = pool(
        "postgresql://x@127.0.0.1:1/x", application_name="test", min_size=0, max_size=1, autocommit=True
    )
    await dead.open()
    dead.timeout = 0.5
    services = shop[0]
    away = QueryServices(
        **{name: getattr(services, name) for name in (
            "sealer", "inbox", "live", "host", "read_file", "clock", "randomness", "url", "version",
            "login_command",
        )},
        queries=PostgresQueries(dead),
        rules=PostgresRules(dead),
        findings=PostgresFindings(dead),
        index=services.index,
        compile_pattern=compile_linear,
        access=PostgresAccess(dead),
    )  # fmt: skip
    async with _client(create_app(away), authorization=f"Bearer {shop[1].admin_token}") as client:
        answer = await client.get("/api/v1/patterns")
        assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
        assert "nothing is lost" in answer.json()["detail"]
        page = await client.get("/login", headers={"accept": "text/html"})
        assert page.status_code == 200
    await dead.close()


async def test_rules_are_written_tried_switched_and_undone(admin) -> None:
    """The whole life of a rule over REST; what is refused says why."""
    path = "/api/v1/projects/1/rules"
    wrong = await admin.post(path, json={"matchers": [{"field": "typ", "glob": "*"}], "action": {}})
    assert (wrong.status_code, wrong.json()["errors"][0]["path"]) == (422, "action")
    form = {"matchers": [{"field": "type", "glob": "*"}], "action": {"fingerprint": ["all"]}, "note": "n"}
    made = (await admin.post(path, json=form)).json()
    assert {name: made[name] for name in form} == form
    one = f"{path}/{made['id']}"
    changed = await admin.put(one, json={**form, "note": "m"})
    assert ((await admin.get(one)).json(), changed.json()["note"]) == (changed.json(), "m")
    said = (await admin.post(f"{path}/preview", json={"switch": made["id"], "errors": 500})).json()
    assert (said["status"], said["result"]["errors"] > 0) == ("done", True)
    drafted = await admin.post(
        f"{path}/preview", json={"rules": [{k: form[k] for k in ("matchers", "action")}]}
    )
    assert drafted.json()["result"] == said["result"]
    started = await admin.post(f"{path}/preview", json={"switch": made["id"], "errors": 100_000})
    assert (started.status_code, started.json()["status"]) == (202, "running")
    for _ in range(100):
        shown = (await admin.get(f"{path}/previews/{started.json()['id']}")).json()
        if shown["status"] != "running":
            break
        await asyncio.sleep(0.05)
    assert (shown["status"], shown["result"]) == ("done", said["result"])
    on = (await admin.post(f"{one}/on", json={})).json()
    assert (on["rule"]["is_active"], on["moved_groups"]) == (True, said["result"]["follow"])
    assert (await admin.delete(one)).json()["code"] == "conflict"
    off = (await admin.post(f"{one}/off")).json()
    assert (off["rule"]["is_active"], off["moved_groups"]) == (False, on["moved_groups"])
    other = (await admin.post(path, json=form)).json()
    ordered = (await admin.post(f"{path}/order", json={"ids": [other["id"], made["id"]]})).json()
    assert [item["id"] for item in ordered["items"]] == [other["id"], made["id"]]
    for each in (made, other):
        assert (await admin.delete(f"{path}/{each['id']}")).status_code == 204
    assert (await admin.get(path)).json()["items"] == []


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("GET", "99/rules", None, "not_found"),
        ("GET", "1/rules/99", None, "not_found"),
        ("GET", "1/rules/previews/99", None, "not_found"),
        ("POST", "1/rules/preview", {}, "invalid_fields"),
        ("POST", "1/rules/preview", {"switch": 1, "errors": 0}, "invalid_fields"),
        ("POST", "1/rules/99/on", {}, "not_found"),
        ("POST", "1/rules/order", {"ids": [5]}, "invalid_fields"),
        ("POST", "1/rules/0/off", {}, "not_found"),
    ],
)
async def test_what_rules_refuse(admin, method, path, body, code) -> None:
    """Each refusal has its code."""
    answer = await admin.request(method, f"/api/v1/projects/{path}", json=body)
    assert answer.json()["code"] == code


async def test_importance_is_set_by_forms_alone(admin) -> None:
    """Also of a pattern that was not analyzed yet; what is none, or of another project, changes nothing."""
    rows = (await admin.get("/api/v1/patterns", params={"project": 1, "limit": 1})).json()["items"]
    number = rows[0]["id"]

    async def weight():
        return (await admin.get(f"/api/v1/patterns/{number}")).json()["weight"]

    path = f"/patterns/1/{number}"
    led = await admin.post(f"{path}/weight", data={"weight": "2"})
    assert (led.status_code, led.headers["location"]) == (303, f"{path}?done=weight")
    assert "Importance is high now." in (await admin.get(led.headers["location"])).text
    changed = await admin.post(f"{path}/weight", data={"weight": "4"}, headers={"hx-request": "true"})
    assert (changed.status_code, "Importance is highest now." in changed.text) == (200, True)
    for wrong, status in (({"weight": "much"}, 422), ({"weight": "nan"}, 422), ({}, 422)):
        assert (await admin.post(f"{path}/weight", data=wrong)).status_code == status
    assert (await admin.post(f"/patterns/2/{number}/weight", data={"weight": "1"})).status_code == 404
    assert await weight() == 4.0
    for left in (2.0, 1.0):
        undone = await admin.post(f"{path}/status", data={"action": "undo"}, headers={"hx-request": "true"})
        assert (undone.status_code, await weight()) == (200, left)
    led = await admin.post("/projects/2/weight", data={"weight": "0.5"})
    assert led.headers["location"] == "/projects/2/connect?done=weight"
    assert "Importance is low now" in (await admin.get(led.headers["location"])).text
    assert (await admin.post("/projects/2/weight", data={"weight": "9"})).status_code == 422
    assert (await admin.post("/projects/999/weight", data={"weight": "1"})).status_code == 404
    assert (await admin.post("/projects/2/weight", data={"weight": "1"})).status_code == 303


def _toast(page):
    """Return the note about what was done."""
    return page.split('class="em-toast"')[1].split("</form>")[0]


async def test_an_importance_that_was_set_already_offers_no_undo(admin) -> None:
    """Nothing was written: an undo would take back the change before it."""
    rows = (await admin.get("/api/v1/patterns", params={"project": 1, "limit": 1})).json()["items"]
    path = f"/patterns/1/{rows[0]['id']}"
    offer = 'name="action" value="undo">Undo</button>'
    same = {"data": {"weight": str(rows[0]["weight"])}}
    await admin.post(f"{path}/status", data={"action": "resolve"})
    led = await admin.post(f"{path}/weight", **same)
    for answer in (
        await admin.post(f"{path}/weight", **same, headers={"hx-request": "true"}),
        await admin.get(led.headers["location"]),
    ):
        assert ("Importance is normal now" in _toast(answer.text), offer in _toast(answer.text)) == (
            True,
            False,
        )
    led = await admin.post(f"{path}/weight", data={"weight": "2"})
    assert offer in _toast((await admin.get(led.headers["location"])).text)
    await admin.post(f"{path}/status", data={"action": "undo"})
    await admin.post(f"{path}/status", data={"action": "undo"})


async def test_the_pages_of_rules_work_with_forms_alone(admin) -> None:
    """Draft from a pattern, stored, tried, switched on and off, moved, removed: each by a form."""
    pattern = (await admin.get("/api/v1/patterns", params={"project": 1, "limit": 1})).json()["items"][0]
    html = {"accept": "text/html"}
    path = "/projects/1/rules"
    page = await admin.get(path, params={"pattern": pattern["id"]}, headers=html)
    assert (page.status_code, 'name="field_0"' in page.text) == (200, True)
    refused = await admin.post(path, data={"field_0": "type", "pattern_0": "(", "kind_0": "regex"})
    assert "no RE2 expression" in refused.text
    form = {"field_0": "type", "pattern_0": "*", "kind_0": "glob", "action": "fingerprint", "parts": "all"}
    rule = (await admin.post(path, data=form)).headers["location"].partition("?")[0]
    assert "What it would change" in (await admin.get(rule, headers=html)).text
    for do, state in (("on", "Switch off"), ("off", "Switch on")):
        moved = await admin.post(rule, data={"do": do, "moves_known": "yes"})
        assert moved.status_code == 303
        assert state in (await admin.get(rule, headers=html)).text
    tried = await admin.post(rule, data={"do": "preview"})
    assert "preview=" in tried.headers["location"]
    changed = await admin.post(rule, data={**form, "do": "change", "note": "other"})
    assert changed.headers["location"] == f"{rule}?done=changed"
    bad = await admin.post(rule, data={**form, "do": "change", "parts": ""})
    assert "expected 1 to" in bad.text
    assert (await admin.post(rule, data={"do": "up"})).status_code == 303
    assert (await admin.post(rule, data={"do": "nothing"})).status_code == 422
    assert (await admin.post(rule, data={"do": "delete"})).headers["location"] == f"{path}?done=deleted"
