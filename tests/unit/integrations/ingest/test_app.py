"""The ingest endpoints, from an HTTP request to the inbox in memory."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import brotli
import pytest
import zstandard

from error_manager.core.types import ItemCategory, OutcomeKind, ProjectId
from error_manager.flows.counting import ItemCounter
from error_manager.flows.receiving import BodyMemory, ReceiveLimits
from error_manager.flows.services import AcceptServices
from error_manager.integrations.ingest.app import Health, IngestApp, nothing_behind
from error_manager.storage.base import Cursor, InboxRecord, IngestKey, Quota, RecordKind
from error_manager.storage.memory import MemoryInbox, MemoryKeys, MemoryQuota

NOW = datetime(2026, 11, 23, 21, 40, tzinfo=UTC)
KEY = "a" * 32
LIMITED = "b" * 32
DISABLED = "c" * 32
ID = "0123456789abcdef0123456789abcdef"
AUTH = {"x-sentry-auth": f"Sentry sentry_key={KEY}, sentry_version=7"}
EVENT = json.dumps({"message": "boom"}).encode()
LIMITS = ReceiveLimits(body_bytes=100_000, inflated_bytes=200_000, item_bytes=10_000, body_timeout_s=5.0)


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server:
    """An ingest application over adapters in memory."""

    inbox: MemoryInbox = field(default_factory=MemoryInbox)
    keys: MemoryKeys = field(
        default_factory=lambda: MemoryKeys(
            IngestKey(id=1, key=KEY, project_id=ProjectId(42)),
            IngestKey(
                id=2, key=LIMITED, project_id=ProjectId(43), quota=Quota(limit=2, window=timedelta(minutes=1))
            ),
            IngestKey(id=3, key=DISABLED, project_id=ProjectId(42), is_active=False),
        )
    )
    health: Health = field(default_factory=Health)
    memory_bytes: int = 1_000_000
    max_open: int = 10
    late_keys: list[IngestKey] = field(default_factory=list)
    refreshed: int = 0

    def __post_init__(self) -> None:
        self.counter = ItemCounter()
        self.memory = BodyMemory(self.memory_bytes)
        services = AcceptServices(
            inbox=self.inbox,
            keys=self.keys,
            refresh_keys=self._refresh,
            quota=MemoryQuota(monotonic=lambda: 0.0),
            counter=self.counter,
            memory=self.memory,
            limits=LIMITS,
            clock=lambda: NOW,
            randomness=bytes,
        )
        self.app = IngestApp(
            services, health=lambda: self.health, behind=nothing_behind, max_open=self.max_open
        )

    async def _refresh(self) -> None:
        self.refreshed += 1
        for key in self.late_keys:
            self.keys.add(key)

    async def send(
        self,
        path: str,
        body: bytes | Iterable[bytes] = b"",
        *,
        method: str = "POST",
        headers: dict[str, str] | None = None,
        is_cut: bool = False,
    ) -> Reply:
        """Send one request through the ASGI interface."""
        path, _, query = path.partition("?")
        pieces = [body] if isinstance(body, bytes) else list(body)
        messages: list[dict[str, Any]] = [
            {"type": "http.request", "body": piece, "more_body": place < len(pieces) - 1 or is_cut}
            for place, piece in enumerate(pieces)
        ]
        messages.append({"type": "http.disconnect"})
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return messages.pop(0)

        async def keep(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [(k.lower().encode(), v.encode()) for k, v in (headers or {}).items()],
            "client": ("203.0.113.9", 1234),
        }
        await self.app(scope, receive, keep)
        start, rest = sent
        return Reply(start["status"], {k.decode(): v.decode() for k, v in start["headers"]}, rest["body"])

    def stored(self) -> list[InboxRecord]:
        """Return the records in the inbox."""
        batch = self.inbox.claim(0, Cursor(seq=1), limit=1000)
        return [] if batch is None else [record for _, record in batch.records]

    async def counted(self) -> Counter[tuple[int, ItemCategory, OutcomeKind | None, str]]:
        """Return what was counted at the door."""
        counts = MemoryInbox()
        await self.counter.flush(counts)
        batch = counts.claim(0, Cursor(seq=1), limit=1000)
        found: Counter[tuple[int, ItemCategory, OutcomeKind | None, str]] = Counter()
        for _, record in batch.records if batch is not None else ():
            found[record.project_id, record.category, record.outcome, record.reason] += record.quantity
        return found


@pytest.fixture
def server() -> Server:
    """Return a server with three keys."""
    return Server()


def item(kind: str, payload: bytes, **header: object) -> bytes:
    """Return one item of an envelope."""
    return json.dumps({"type": kind, "length": len(payload), **header}).encode() + b"\n" + payload


def envelope(*items: bytes, **header: object) -> bytes:
    """Return an envelope."""
    return b"\n".join([json.dumps(header).encode(), *items]) + b"\n"


# --- envelopes ----------------------------------------------------------------------------------------------


async def test_an_event_is_stored_as_sent_and_its_id_is_told(server: Server) -> None:
    """The record holds payload, id, times, client and key; the answer the id and what to stop."""
    body = envelope(
        item("event", EVENT), event_id=ID, sent_at="2026-11-23T21:39:00Z", sdk={"name": "x", "version": "1"}
    )
    reply = await server.send("/api/42/envelope/", body, headers=AUTH)
    assert (reply.status, reply.json) == (200, {"id": ID})
    assert server.stored() == [
        InboxRecord(
            kind=RecordKind.SENTRY_EVENT,
            project_id=ProjectId(42),
            received_at=NOW,
            body=EVENT,
            event_id=ID,
            key_id=1,
            sent_at=datetime(2026, 11, 23, 21, 39, tzinfo=UTC),
            sdk="x/1",
            client_ip="203.0.113.9",
        )
    ]
    assert reply.headers["x-sentry-rate-limits"].startswith("86400:transaction;")
    assert ":project:unsupported" in reply.headers["x-sentry-rate-limits"]
    assert reply.headers["content-length"] == str(len(reply.body))


@pytest.mark.parametrize(
    ("header", "payload", "expected"),
    [
        ({"event_id": ID}, {"event_id": "f" * 32}, ID),
        ({}, {"event_id": "F" * 32}, "f" * 32),
        ({}, {"event_id": "ffffffff-ffff-ffff-ffff-ffffffffffff"}, "f" * 32),
        ({}, {"event_id": "{odd}"}, "0" * 32),
        ({}, {}, "0" * 32),
    ],
)
async def test_the_id_of_the_header_wins_then_the_payloads_then_a_new_one(
    server: Server, header: dict[str, object], payload: dict[str, object], expected: str
) -> None:
    """Whatever is told to the client is what is stored."""
    reply = await server.send(
        "/api/42/envelope/", envelope(item("event", json.dumps(payload).encode()), **header), headers=AUTH
    )
    assert reply.json == {"id": expected}
    assert [record.event_id for record in server.stored()] == [expected]


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        ("", lambda body: body),
        ("identity", lambda body: body),
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("br", brotli.compress),
        ("zstd", lambda body: zstandard.ZstdCompressor().compress(body)),
    ],
)
async def test_every_coding_is_read(server: Server, encoding: str, encode: Callable[[bytes], bytes]) -> None:
    """The six codings of clients give the same record."""
    body = encode(envelope(item("event", EVENT)))
    reply = await server.send("/api/42/envelope/", body, headers={**AUTH, "content-encoding": encoding})
    assert reply.status == 200
    assert [record.body for record in server.stored()] == [EVENT]


async def test_a_body_in_pieces_is_put_together(server: Server) -> None:
    """Chunks of any size, empty ones too, make the same body."""
    body = envelope(item("event", EVENT))
    reply = await server.send("/api/42/envelope/", [body[:7], b"", body[7:20], body[20:]], headers=AUTH)
    assert reply.status == 200
    assert [record.body for record in server.stored()] == [EVENT]


async def test_items_that_are_no_errors_are_counted_and_dropped(server: Server) -> None:
    """Known and unknown items are answered with 200 and end as filtered, each in its category."""
    body = envelope(
        item("session", b"{}"),
        item("session", b"{}"),
        item("client_report", b"{}"),
        item("mystery", b"\x00\x01"),
    )
    reply = await server.send("/api/42/envelope/", body, headers=AUTH)
    assert (reply.status, reply.json) == (200, {})
    assert server.stored() == []
    filtered = OutcomeKind.FILTERED
    assert await server.counted() == Counter(
        {
            (42, ItemCategory.SESSION, filtered, "not_an_error"): 2,
            (42, ItemCategory.CLIENT_REPORT, filtered, "not_an_error"): 1,
            (42, ItemCategory.OTHER, filtered, "not_an_error"): 1,
        }
    )


async def test_an_envelope_without_items_is_fine(server: Server) -> None:
    """No items is 200 and nothing to count."""
    assert (await server.send("/api/42/envelope/", b"{}", headers=AUTH)).status == 200
    assert await server.counted() == Counter()


@pytest.mark.parametrize("path", ["/api/42/envelope", "/api/042/envelope/", "/some/prefix/api/42/envelope/"])
async def test_paths_without_slash_and_with_prefix_are_taken_without_redirect(
    server: Server, path: str
) -> None:
    """A redirect would lose the body of a POST."""
    assert (await server.send(path, envelope(item("event", EVENT)), headers=AUTH)).status == 200


@pytest.mark.parametrize("path", ["/tunnel", "/tunnel/", "/api/42/envelope/"])
async def test_the_key_may_stand_in_the_envelope(server: Server, path: str) -> None:
    """Tunnels and some SDKs give nothing but the DSN in the envelope's header."""
    body = envelope(item("event", EVENT), dsn=f"https://{KEY}@example.org/42")
    assert (await server.send(path, body)).status == 200
    assert len(server.stored()) == 1


async def test_the_dsn_of_another_project_is_refused(server: Server) -> None:
    """The key decides the project; a DSN that names another one is wrong."""
    body = envelope(item("event", EVENT), dsn=f"https://{KEY}@example.org/7")
    assert (await server.send("/tunnel", body)).status == 403


async def test_the_key_of_the_header_wins_over_the_dsn_in_the_body(server: Server) -> None:
    """A file sent again by another client keeps its old DSN; the header counts."""
    body = envelope(item("event", EVENT), dsn=f"https://{'9' * 32}@example.org/7")
    assert (await server.send("/api/42/envelope/", body, headers=AUTH)).status == 200


# --- refusals -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "headers", "body", "status", "counted"),
    [
        ("/api/42/envelope/", {}, b"{}", 401, None),
        ("/api/42/store/", {}, EVENT, 401, None),
        ("/api/42/envelope/", {"x-sentry-auth": f"Sentry sentry_key={'f' * 32}"}, b"{}", 403, None),
        ("/api/42/envelope/", {"x-sentry-auth": f"Sentry sentry_key={DISABLED}"}, b"{}", 403, "key_disabled"),
        ("/api/41/envelope/", AUTH, b"{}", 403, "key"),
        ("/api/x/envelope/", AUTH, b"{}", 403, "key"),
        ("/api/42/envelope/", AUTH, b"hello\nworld", 400, "malformed"),
        ("/api/42/envelope/", AUTH, b'{}\n{"type":"event","length":99}\n{}', 400, "malformed"),
        ("/api/42/envelope/", {**AUTH, "content-encoding": "gzip"}, b"no gzip", 400, "malformed"),
        ("/api/42/envelope/", {**AUTH, "content-encoding": "lzma"}, b"{}", 415, "encoding"),
        ("/api/42/envelope/", AUTH, b"x" * 100_001, 413, "too_large"),
        (
            "/api/42/envelope/",
            {**AUTH, "content-encoding": "br"},
            brotli.compress(bytes(1_000_000)),
            413,
            "too_large",
        ),
        ("/api/42/envelope/", AUTH, envelope(item("event", b"{" + b" " * 10_000)), 413, "too_large"),
        ("/api/42/store/", AUTH, b"[]", 400, "malformed"),
        ("/api/42/security/", AUTH, b"", 400, "malformed"),
    ],
)
async def test_a_refusal_says_why_and_is_counted(  # noqa: PLR0917  # a table of cases
    server: Server, path: str, headers: dict[str, str], body: bytes, status: int, counted: str | None
) -> None:
    """Status, X-Sentry-Error, detail, causes, CORS; counted as one invalid error when the key is known."""
    reply = await server.send(path, body, headers=headers)
    assert reply.status == status
    assert reply.json.keys() == {"detail", "causes"}
    assert reply.headers["x-sentry-error"]
    assert reply.headers["access-control-allow-origin"] == "*"
    assert server.stored() == []
    expected = {(42, ItemCategory.ERROR, OutcomeKind.INVALID, counted): 1} if counted else {}
    assert await server.counted() == Counter(expected)


async def test_half_a_body_is_never_an_event(server: Server) -> None:
    """When the client goes away in the middle nothing is stored."""
    reply = await server.send("/api/42/store/", EVENT, headers=AUTH, is_cut=True)
    assert reply.status == 400
    assert server.stored() == []


@pytest.mark.parametrize(("pieces", "heard"), [(3, 3), (10_000, 66)])
async def test_a_refused_client_is_heard_out_within_bounds(server: Server, pieces: int, heard: int) -> None:
    """The rest of a body is read before it is refused, up to 4 MiB: a reset connection loses the answer."""
    read = 0
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        nonlocal read
        read += 1
        return {"type": "http.request", "body": b"x" * 65_536, "more_body": read < pieces}

    async def keep(message: Any) -> None:
        sent.append(message)

    headers = [(name.encode(), value.encode()) for name, value in AUTH.items()]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/42/store/",
        "query_string": b"",
        "headers": headers,
    }
    await server.app(scope, receive, keep)
    assert (sent[0]["status"], read) == (413, heard)


async def test_a_new_key_works_at_once(server: Server) -> None:
    """An unknown key is asked for once before it is refused."""
    server.late_keys.append(IngestKey(id=9, key="9" * 32, project_id=ProjectId(42)))
    headers = {"x-sentry-auth": f"Sentry sentry_key={'9' * 32}"}
    assert (
        await server.send("/api/42/envelope/", envelope(item("event", EVENT)), headers=headers)
    ).status == 200
    assert server.refreshed == 1


async def test_what_cannot_be_a_key_is_not_asked_for(server: Server) -> None:
    """Keys of another shape are refused without a question to the database."""
    headers = {"x-sentry-auth": "Sentry sentry_key=x"}
    assert (await server.send("/api/42/envelope/", b"{}", headers=headers)).status == 403
    assert server.refreshed == 0


async def test_before_any_key_is_known_clients_are_told_to_wait() -> None:
    """At the very first start, without database and snapshot, a key is not called wrong."""
    reply = await Server(keys=MemoryKeys(is_loaded=False)).send("/api/42/envelope/", b"{}", headers=AUTH)
    assert reply.status == 429
    assert reply.headers["retry-after"] == "2"


async def test_over_quota_is_429_with_both_headers(server: Server) -> None:
    """The third error of a key with 2 per minute is refused for errors only, and counted."""
    headers = {"x-sentry-auth": f"Sentry sentry_key={LIMITED}"}
    replies = [await server.send("/api/43/store/", EVENT, headers=headers) for _ in range(3)]
    assert [reply.status for reply in replies] == [200, 200, 429]
    assert replies[2].headers["retry-after"] == "30"
    assert replies[2].headers["x-sentry-rate-limits"].startswith("30:error:key:quota, 86400:")
    assert len(server.stored()) == 2
    assert await server.counted() == Counter({(43, ItemCategory.ERROR, OutcomeKind.RATE_LIMITED, "quota"): 1})


async def test_reports_pass_while_errors_are_limited(server: Server) -> None:
    """A client over quota can still tell what it dropped."""
    headers = {"x-sentry-auth": f"Sentry sentry_key={LIMITED}"}
    for _ in range(3):
        await server.send("/api/43/store/", EVENT, headers=headers)
    body = envelope(item("client_report", b"{}"))
    assert (await server.send("/api/43/envelope/", body, headers=headers)).status == 200


async def test_part_of_an_envelope_over_quota_is_200_with_the_header(server: Server) -> None:
    """Two of three are stored; the header says to stop."""
    body = envelope(*[item("event", EVENT)] * 3)
    reply = await server.send(
        "/api/43/envelope/", body, headers={"x-sentry-auth": f"Sentry sentry_key={LIMITED}"}
    )
    assert reply.status == 200
    assert reply.headers["x-sentry-rate-limits"].endswith(", 30:error:key:quota")
    assert len(server.stored()) == 2


@pytest.mark.parametrize("path", ["/api/42/store/", "/api/v1/errors"])
async def test_a_full_inbox_is_429_for_everything(path: str) -> None:
    """No room: come back later, with all categories; counted as rate_limited."""
    server = Server(inbox=MemoryInbox(max_records=0))
    reply = await server.send(path, EVENT, headers=AUTH)
    assert reply.status == 429
    assert reply.headers["retry-after"] == "30"
    assert reply.headers["x-sentry-rate-limits"].startswith("30::organization:inbox_full")
    assert await server.counted() == Counter(
        {(42, ItemCategory.ERROR, OutcomeKind.RATE_LIMITED, "inbox_full"): 1}
    )


async def test_too_many_bytes_at_once_are_429() -> None:
    """Bodies that together pass the memory limit are refused; the limit is free again afterwards."""
    server = Server(memory_bytes=50)
    large = await server.send("/api/42/store/", b'{"a":"' + b"x" * 60 + b'"}', headers=AUTH)
    small = await server.send("/api/42/store/", EVENT, headers=AUTH)
    assert (large.status, small.status) == (429, 200)


@pytest.mark.parametrize(
    ("path", "body", "held"),
    [
        ("/api/42/envelope/", envelope(item("event", EVENT)), len(envelope(item("event", EVENT)))),
        ("/api/42/store/", base64.b64encode(zlib.compress(EVENT)), len(EVENT)),
        ("/api/v1/errors", EVENT, len(EVENT)),
    ],
)
async def test_memory_is_held_until_the_error_is_stored(
    server: Server, monkeypatch: pytest.MonkeyPatch, path: str, body: bytes, held: int
) -> None:
    """While the inbox is at work the inflated body counts; after the answer nothing does."""
    seen: list[int] = []

    async def put(_records: object) -> None:
        seen.append(server.memory.held_bytes)

    monkeypatch.setattr(server.inbox, "put", put)
    assert (await server.send(path, body, headers=AUTH)).status == 200
    assert (seen, server.memory.held_bytes) == ([held], 0)


async def test_too_many_open_requests_are_429() -> None:
    """Above the cap a request is refused before its body is read."""
    reply = await Server(max_open=0).send("/api/42/store/", EVENT, headers=AUTH)
    assert reply.status == 429


# --- the older protocol, reports, other paths ---------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/42/store/", "/api/42/store", "/api/store/"])
@pytest.mark.parametrize(
    "body", [EVENT, zlib.compress(EVENT), base64.b64encode(zlib.compress(EVENT)), b"\xef\xbb\xbf" + EVENT]
)
async def test_store_takes_every_form_of_its_body(server: Server, path: str, body: bytes) -> None:
    """Plain, zlib, base64 of zlib, with byte order mark; with and without project in the path."""
    reply = await server.send(path + f"?sentry_key={KEY}&sentry_client=raven/1", body)
    assert reply.status == 200
    (record,) = server.stored()
    assert record.body.removeprefix(b"\xef\xbb\xbf") == EVENT
    assert record.sdk == "raven/1"


@pytest.mark.parametrize("path", ["/api/42/security/", "/api/42/csp-report/"])
async def test_policy_reports_are_taken_and_counted(server: Server, path: str) -> None:
    """A browser's report is 200, kept out of the errors, and in the books."""
    reply = await server.send(path + f"?sentry_key={KEY}", b'{"csp-report":{}}')
    assert reply.status == 200
    assert await server.counted() == Counter(
        {(42, ItemCategory.OTHER, OutcomeKind.FILTERED, "not_an_error"): 1}
    )


@pytest.mark.parametrize(
    "path", ["/api/42/minidump/", "/api/42/unreal/x/", "/api/0/organizations/", "/nowhere"]
)
async def test_what_is_not_there_is_a_404_as_problem_json(server: Server, path: str) -> None:
    """Unknown endpoints are named as such, with CORS."""
    reply = await server.send(path, b"x", headers=AUTH)
    assert (reply.status, reply.json["code"]) == (404, "not_found")
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("path", ["/api/42/envelope/", "/api/42/store/", "/api/v1/errors", "/tunnel"])
async def test_a_preflight_is_allowed(server: Server, path: str) -> None:
    """OPTIONS says what a page of any origin may send."""
    reply = await server.send(path, method="OPTIONS")
    assert reply.status == 204
    assert reply.headers["access-control-allow-methods"] == "POST"
    assert "x-sentry-auth" in reply.headers["access-control-allow-headers"]


async def test_reading_from_an_ingest_path_is_405(server: Server) -> None:
    """GET is answered with what would work."""
    reply = await server.send("/api/42/envelope/", method="GET")
    assert (reply.status, reply.headers["allow"]) == (405, "POST, OPTIONS")


async def test_reading_errors_is_left_to_the_api(server: Server) -> None:
    """GET /api/v1/errors is not an ingest path."""
    assert (await server.send("/api/v1/errors", method="GET")).json[
        "detail"
    ] == "There is nothing at /api/v1/errors."


@pytest.mark.parametrize(
    ("health", "status", "body"),
    [
        (Health(), 200, {"status": "ok"}),
        (Health(degraded=("database",)), 200, {"status": "ok", "degraded": ["database"]}),
        (Health(broken=("inbox",)), 503, {"status": "unavailable", "broken": ["inbox"]}),
    ],
)
async def test_readiness_names_what_is_broken(health: Health, status: int, body: dict[str, object]) -> None:
    """A broken part is 503; a database that is away leaves accepting ready."""
    server = Server(health=health)
    reply = await server.send("/healthz/ready", method="GET")
    assert (reply.status, reply.json) == (status, body)
    assert (await server.send("/healthz/live", method="GET")).status == 200


# --- our own form -------------------------------------------------------------------------------------------


async def test_one_error_a_list_and_lines_are_taken(server: Server) -> None:
    """Each item gets an id, which is the record's; the record holds the item's own bytes."""
    bodies = [
        b'{"message": "a"}',
        b'[{"message":"b"}, {"message":"c"}]',
        b'{"message":"d"}\n{"message":"e"}\n',
    ]
    headers = {"authorization": f"Bearer {KEY}"}
    replies = [await server.send("/api/v1/errors", body, headers=headers) for body in bodies]
    assert [reply.status for reply in replies] == [200, 200, 200]
    told = [result["id"] for reply in replies for result in reply.json["results"]]
    assert told == [record.event_id for record in server.stored()]
    assert [json.loads(record.body)["message"] for record in server.stored()] == list("abcde")
    assert {record.kind for record in server.stored()} == {RecordKind.NATIVE}


async def test_the_id_of_the_caller_is_kept(server: Server) -> None:
    """An id in the item is the id of the error."""
    body = json.dumps({"message": "a", "event_id": ID}).encode()
    reply = await server.send(f"/api/v1/errors?sentry_key={KEY}", body)
    assert reply.json == {"results": [{"index": 0, "id": ID}]}


async def test_wrong_items_are_named_beside_good_ones(server: Server) -> None:
    """One good item makes 200; each wrong one lists its fields by index; the wrong ones are counted."""
    body = b'[{"message": "a"}, {"severity": "loud"}, 3]'
    reply = await server.send("/api/v1/errors", body, headers=AUTH)
    assert reply.status == 200
    good, wrong, number = reply.json["results"]
    assert good.keys() == {"index", "id"}
    assert {error["path"] for error in wrong["errors"]} >= {"severity", "message"}
    assert {error["code"] for error in wrong["errors"]} == {"invalid_fields"}
    assert "retry-after" not in reply.headers
    assert (number["index"], len(number["errors"])) == (2, 1)
    assert await server.counted() == Counter({(42, ItemCategory.ERROR, OutcomeKind.INVALID, "fields"): 2})


async def test_without_a_good_item_it_is_422_with_every_wrong_field(server: Server) -> None:
    """Problem details name index, path and what was expected, for each field."""
    reply = await server.send("/api/v1/errors", b'{"severity": "loud", "timestamp": "never"}', headers=AUTH)
    assert (reply.status, reply.json["code"]) == (422, "invalid_fields")
    assert {error["path"] for error in reply.json["errors"]} >= {"message", "severity", "timestamp"}
    assert all(error["index"] == 0 and error["message"] for error in reply.json["errors"])
    assert server.stored() == []


async def test_a_bad_line_among_many_costs_only_itself(server: Server) -> None:
    """Of 200 lines with one broken, 199 are stored and the line is named."""
    lines = [b'{"message": "a"}'] * 200
    lines[70] = b'{"message": '
    reply = await server.send(
        "/api/v1/errors", b"\n".join(lines), headers={**AUTH, "content-type": "application/x-ndjson"}
    )
    assert len(server.stored()) == 199
    assert [result["index"] for result in reply.json["results"] if "errors" in result] == [70]


async def test_our_own_form_over_quota(server: Server) -> None:
    """A part within quota is stored and the rest says so; then it is 429 with Retry-After."""
    headers = {"authorization": f"Bearer {LIMITED}"}
    first = await server.send(
        "/api/v1/errors", b'[{"message":"a"},{"message":"b"},{"message":"c"}]', headers=headers
    )
    second = await server.send("/api/v1/errors", b'{"message":"d"}', headers=headers)
    assert first.status == 200
    assert ["id" in result for result in first.json["results"]] == [True, True, False]
    assert first.json["results"][2]["errors"][0]["code"] == "rate_limited"
    assert (first.headers["retry-after"], first.headers["x-sentry-rate-limits"]) == (
        "30",
        "30:error:key:quota",
    )
    assert (second.status, second.headers["retry-after"]) == (429, "30")
    assert second.json["code"] == "rate_limited"


@pytest.mark.parametrize(
    ("headers", "body", "status", "code"),
    [
        ({}, EVENT, 401, "unauthenticated"),
        ({"authorization": "Bearer em_api_x"}, EVENT, 403, "forbidden"),
        (AUTH, b"", 400, "malformed"),
        (AUTH, b"{nope", 400, "malformed"),
        (AUTH, b"x" * 100_001, 413, "too_large"),
    ],
)
async def test_refusals_of_our_own_form_are_problem_json(
    server: Server, headers: dict[str, str], body: bytes, status: int, code: str
) -> None:
    """Each refusal has its stable code."""
    reply = await server.send("/api/v1/errors", body, headers=headers)
    assert (reply.status, reply.json["code"]) == (status, code)
    assert reply.headers["content-type"] == "application/problem+json"


async def test_an_unforeseen_failure_is_a_500_without_details(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody thought of is logged, not shown."""

    async def fail(_records: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(server.inbox, "put", fail)
    reply = await server.send("/api/42/store/", EVENT, headers=AUTH)
    assert (reply.status, reply.json["code"]) == (500, "internal")
    assert b"secret" not in reply.body


async def test_lifespan_of_an_application_without_pages() -> None:
    """Start-up and shutdown are confirmed."""
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[str] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def keep(message: Any) -> None:
        sent.append(message["type"])

    await Server().app({"type": "lifespan"}, receive, keep)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
