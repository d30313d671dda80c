"""The ingest protocols against the running product: framing, auth, codings, refusals, and the books."""

from __future__ import annotations

import base64
import gzip
import json
import time
import uuid
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import brotli
import psycopg
import pytest
import zstandard

from error_manager.runtime.settings import load_settings

UNKNOWN_KEY = "f" * 32
EXPOSED = {"x-sentry-error", "x-sentry-rate-limits", "retry-after"}


def new_id() -> str:
    """Return an id as clients make it."""
    return uuid.uuid4().hex


def event(**changes: object) -> bytes:
    """Return an event with one exception."""
    frame = {"filename": "shop/pay.py", "function": "charge", "lineno": 3, "in_app": True}
    exception = {"type": "CardError", "value": "declined", "stacktrace": {"frames": [frame]}}
    body = {"event_id": new_id(), "timestamp": time.time(), "platform": "python", "level": "error"}
    return json.dumps({**body, "exception": {"values": [exception]}, **changes}).encode()


def item(kind: str, payload: bytes, *, has_length: bool = True, **header: object) -> bytes:
    """Return an item of an envelope."""
    length = {"length": len(payload)} if has_length else {}
    return json.dumps({"type": kind, **length, **header}).encode() + b"\n" + payload


def envelope(*items: bytes, header: Mapping[str, object] | None = None, end: bytes = b"\n") -> bytes:
    """Return an envelope; its header has an id unless another header is given."""
    first = {"event_id": new_id()} if header is None else header
    return b"\n".join([json.dumps(first).encode(), *items]) + end


def pieces(body: bytes) -> Iterator[bytes]:
    """Yield the body in pieces, which makes the request chunked, without a length."""
    for start in range(0, len(body), 101):
        yield body[start : start + 101]


def raw_deflate(body: bytes) -> bytes:
    """Return deflate without the header of zlib."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


def test_framing(project):
    """Every legal way to frame items is answered with 200, and exactly the errors in them are stored."""
    session, report = b'{"sid":"1","status":"ok"}', b'{"discarded_events":[]}'
    nulls = [None, {"type": "X", "value": None, "stacktrace": {"frames": [None, {"function": None}]}}]
    bodies = {
        "item without length": envelope(item("event", event(), has_length=False)),
        "item with length": envelope(item("event", event())),
        "no line feed at the end": envelope(item("event", event()), end=b""),
        "blank lines at the end": envelope(item("event", event()), end=b"\n\n\n"),
        "unknown item first": envelope(item("mystery", b"\x00\xffabc"), item("event", event())),
        "attachment of several lines": envelope(
            item("attachment", b'a\n\n{"type":"event"}\n{"b"\n', filename="x.bin"), item("event", event())
        ),
        "empty attachment": envelope(item("attachment", b"", filename="e"), item("event", event())),
        "unknown members": envelope(
            item("event", event(novelty=[1]), later={"a": 1}), header={"event_id": new_id(), "novelty": {}}
        ),
        "two errors": envelope(item("event", event()), item("event", event())),
        "dashed ids": envelope(
            item("event", event(event_id=str(uuid.uuid4()))), header={"event_id": str(uuid.uuid4())}
        ),
        "no id at all": envelope(item("event", event(event_id=None)), header={}),
        "nulls everywhere": envelope(
            item(
                "event", event(exception={"values": nulls}, tags=None, user=None, level=None, timestamp=None)
            )
        ),
        "no items": envelope(),
        "session alone": envelope(item("session", session), header={}),
        "client report alone": envelope(item("client_report", report, has_length=False), header={}),
        "transaction, span, replay": envelope(
            item("transaction", b"{}"), item("span", b"{}"), item("replay_event", b"{}")
        ),
        "feedback in an event": envelope(
            item("event", b'{"type":"feedback","contexts":{"feedback":{"message":"hi"}}}')
        ),
    }
    answers = {name: project.envelope(body).status for name, body in bodies.items()}
    assert answers == dict.fromkeys(bodies, 200)
    project.expect({"accepted": 13, "filtered": 1})  # an event is known as feedback only after decoding
    assert project.outcomes("session") == {"filtered": 1}
    assert project.outcomes("client_report") == {"filtered": 1}
    assert project.outcomes("transaction") == {"filtered": 2}
    assert project.outcomes("attachment") == {"filtered": 2}


def test_what_cannot_be_read_is_refused_and_counted(project):
    """Broken framing and codings are 400, bombs 413, each with its reason, each one refused error."""
    bomb = b'{}\n{"type":"event"}\n{"a":"' + b"0" * 106_000_000 + b'"}'
    good = envelope(item("event", event()))
    key = f"Sentry sentry_key={project.key}"
    requests = {
        "length beyond the end": (b'{}\n{"type":"event","length":99999}\n{"a":1}', "", 400),
        "no envelope": (b"hello\nworld", "", 400),
        "empty body": (b"", "", 400),
        "item header is no object": (b"{}\n[]\n{}\n", "", 400),
        "broken gzip": (gzip.compress(good)[:-20] + b"x" * 20, "gzip", 400),
        "cut gzip": (gzip.compress(good)[:-9], "gzip", 400),
        "broken brotli": (brotli.compress(good)[:-5], "br", 400),
        "unknown coding": (good, "compress", 415),
        "gzip bomb": (gzip.compress(bomb, 1), "gzip", 413),
        "zlib bomb": (zlib.compress(bomb, 1), "deflate", 413),
        "brotli bomb": (brotli.compress(bomb, quality=1), "br", 413),
        "zstd bomb": (zstandard.compress(bomb), "zstd", 413),
        "event over 1 MiB": (envelope(item("event", event(message="m" * 1_100_000))), "", 413),
    }
    answers = {
        name: project.envelope(body, {"X-Sentry-Auth": key, "Content-Encoding": coding})
        for name, (body, coding, _) in requests.items()
    }
    assert {name: answer.status for name, answer in answers.items()} == {
        name: status for name, (_, _, status) in requests.items()
    }
    assert all(answer.headers["x-sentry-error"] for answer in answers.values())
    assert all(answer.json["detail"] for answer in answers.values())
    project.expect({"invalid": len(requests)})


def test_key_in_every_place(project):
    """The key is found in two headers, the query and the envelope's DSN, in every form clients send."""
    key, path = project.key, f"/api/{project.id}/envelope/"
    dsn = {"event_id": new_id(), "dsn": project.dsn}
    places = {
        "X-Sentry-Auth": (path, {"X-Sentry-Auth": f"Sentry sentry_version=7, sentry_key={key}"}, None),
        "lower-case scheme": (path, {"X-Sentry-Auth": f"sentry sentry_key={key},sentry_version=7"}, None),
        "old version with secret": (
            path,
            {
                "X-Sentry-Auth": f"Sentry sentry_timestamp=1, sentry_client=raven/4, sentry_version=4,"
                f" sentry_key={key}, sentry_secret={UNKNOWN_KEY}"
            },
            None,
        ),
        "Authorization, Sentry": (path, {"Authorization": f"Sentry sentry_key={key}"}, None),
        "Authorization, Bearer": (path, {"Authorization": f"Bearer {key}"}, None),
        "query": (f"{path}?sentry_version=7&sentry_key={key}&sentry_client=x", {}, None),
        "DSN of the envelope": (path, {}, dsn),
        "DSN with secret and prefix": (
            path,
            {},
            {"event_id": new_id(), "dsn": f"https://{key}:s@errors.example:9000/em/{project.id}"},
        ),
        "tunnel": ("/tunnel", {}, {"event_id": new_id(), "dsn": project.dsn}),
        "header before DSN": (
            path,
            {"X-Sentry-Auth": f"Sentry sentry_key={key}"},
            {"event_id": new_id(), "dsn": f"http://{UNKNOWN_KEY}@127.0.0.1/{project.id}"},
        ),
        "below a prefix": (f"/deep/prefix{path}", {"X-Sentry-Auth": f"Sentry sentry_key={key}"}, None),
        "without the last slash": (path[:-1], {"X-Sentry-Auth": f"Sentry sentry_key={key}"}, None),
    }
    answers = {
        name: project.request("POST", to, envelope(item("event", event()), header=header), headers).status
        for name, (to, headers, header) in places.items()
    }
    assert answers == dict.fromkeys(places, 200)
    key_header = {"X-Sentry-Auth": f"Sentry sentry_key={key}"}
    for to in (f"/api/{project.id}/store", f"/api/{project.id}/store/", "/api/store/"):
        assert project.request("POST", to, event(), key_header).status == 200
    assert project.native(b'{"message": "m"}').status == 200
    assert project.request("POST", "/api/v1/errors/", b'{"message": "m"}', key_header).status == 200
    project.expect({"accepted": len(places) + 5})


def test_wrong_keys(project):
    """No key is 401; an unknown key, another project's and one that is no key are 403; nothing is counted."""
    body = envelope(item("event", event()))
    path = f"/api/{project.id}/envelope/"
    right = {"X-Sentry-Auth": f"Sentry sentry_key={project.key}"}
    requests = {
        "none": (path, {}, 401),
        "no key in the header": (path, {"X-Sentry-Auth": "Sentry sentry_version=7"}, 401),
        "unknown": (path, {"X-Sentry-Auth": f"Sentry sentry_key={UNKNOWN_KEY}"}, 403),
        "no hexadecimal digits": (path, {"X-Sentry-Auth": "Sentry sentry_key=nonsense"}, 403),
        "unknown in the query": (f"{path}?sentry_key={UNKNOWN_KEY}", {}, 403),
        "another project": (f"/api/{project.id + 1000}/envelope/", right, 403),
        "no number": ("/api/shop/envelope/", right, 403),
    }
    answers = {name: project.request("POST", to, body, auth) for name, (to, auth, _) in requests.items()}
    assert {name: answer.status for name, answer in answers.items()} == {
        name: status for name, (_, _, status) in requests.items()
    }
    assert all(answer.headers["x-sentry-error"] for answer in answers.values())
    project.expect({"invalid": 2})  # what the project's own key sent elsewhere


def test_codings(project):
    """Each coding in each of its forms, an empty one, and chunked bodies without length or content type."""
    auth = {"X-Sentry-Auth": f"Sentry sentry_key={project.key}"}
    codings = {
        "gzip": gzip.compress,
        "deflate": zlib.compress,
        "br": brotli.compress,
        "zstd": zstandard.compress,
        "identity": bytes,
        "": bytes,
    }
    bodies = {name: pack(envelope(item("event", event()))) for name, pack in codings.items()}
    for name, body in [*bodies.items(), ("deflate", raw_deflate(envelope(item("event", event()))))]:
        answer = project.envelope(body, {**auth, "Content-Encoding": name})
        assert (name, answer.status) == (name, 200)
    assert project.envelope(pieces(envelope(item("event", event()))), auth).status == 200
    chunked = pieces(gzip.compress(envelope(item("event", event()))))
    assert project.envelope(chunked, {**auth, "Content-Encoding": "gzip"}).status == 200
    assert project.store(event()).status == 200
    assert project.store(base64.b64encode(zlib.compress(event()))).status == 200
    assert project.store(zlib.compress(event())).status == 200
    assert project.store(zlib.compress(event()), {"Content-Encoding": "deflate"}).status == 200
    assert project.native(gzip.compress(b'{"message": "m"}'), {"Content-Encoding": "gzip"}).status == 200
    project.expect({"accepted": 14})


def test_ids(project):
    """The id of the envelope's header wins, is told, and finds the error; without any id one is made."""
    header_id, payload_id = new_id(), new_id()
    answer = project.envelope(
        envelope(item("event", event(event_id=payload_id)), header={"event_id": header_id})
    )
    assert answer.json == {"id": header_id}
    assert project.read(header_id)["event_id"] == header_id
    made = project.store(event(event_id=None)).json["id"]
    row = project.read(made)
    assert project.read(row["id"])["event_id"] == made
    dashed = str(uuid.uuid4())
    assert project.store(event(event_id=dashed)).json == {"id": dashed.replace("-", "")}
    project.expect({"accepted": 3})


def test_duplicates(project):
    """The same id is stored once, by whichever way it comes again; each repetition is answered with 200."""
    event_id = new_id()
    body = envelope(item("event", event(event_id=event_id)), header={"event_id": event_id})
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: project.envelope(body), range(16)))
    assert {(answer.status, answer.json["id"]) for answer in answers} == {(200, event_id)}
    assert project.store(event(event_id=event_id)).status == 200
    assert project.native(json.dumps({"message": "m", "event_id": event_id}).encode()).status == 200
    project.expect({"accepted": 1, "duplicate": 17})
    assert [error["event_id"] for error in project.errors()] == [event_id]


def test_clients_are_told_what_not_to_send(project):
    """Each 200 of the Sentry protocol limits the kinds that are not kept, and never errors."""
    limits = project.envelope(envelope(item("event", event()))).headers["x-sentry-rate-limits"]
    seconds, categories, *_ = limits.split(":")
    assert int(seconds) > 0
    assert {"transaction", "session", "replay", "profile"} <= set(categories.split(";"))
    assert "error" not in categories.split(";")


def test_browsers_may_read_every_answer(project):
    """Accepted, refused, unknown or preflight: each answer of the ingest paths has the CORS headers."""
    path, auth = f"/api/{project.id}/envelope/", {"X-Sentry-Auth": f"Sentry sentry_key={project.key}"}
    origin = {"Origin": "https://shop.example"}
    good = envelope(item("event", event()))
    answers = [
        project.request("POST", path, good, {**auth, **origin}),
        project.request("POST", path, b"nonsense", {**auth, **origin}),
        project.request("POST", path, good, origin),
        project.request("POST", f"{path}?sentry_key={UNKNOWN_KEY}", good, origin),
        project.request("POST", path, good, {**auth, **origin, "Content-Encoding": "nonsense"}),
        project.request("GET", path, None, origin),
        project.request("POST", f"/api/{project.id}/store/", b"nonsense", {**auth, **origin}),
        project.request("POST", f"/api/{project.id}/unknown/", b"{}", {**auth, **origin}),
        project.native(b'{"message": "m"}', origin),
        project.native(b"{}", origin),
        project.request("POST", "/tunnel", b"{}", origin),
        project.request("OPTIONS", path, None, {**origin, "Access-Control-Request-Method": "POST"}),
        project.request("OPTIONS", f"/api/{project.id}/store/", None, origin),
        project.request("OPTIONS", "/api/v1/errors", None, origin),
    ]
    assert [answer.status for answer in answers] == [
        *(200, 400, 401, 403, 415, 405, 400, 404, 200, 422, 401, 204, 204, 204)
    ]
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == "*"
        assert set(answer.headers["access-control-expose-headers"].split(", ")) == EXPOSED
    for preflight in answers[-3:]:
        assert "POST" in preflight.headers["access-control-allow-methods"]
        allowed = set(preflight.headers["access-control-allow-headers"].split(", "))
        assert {"x-sentry-auth", "content-type", "content-encoding", "authorization"} <= allowed
    assert not any(300 <= answer.status < 400 for answer in answers)


def test_parts_that_are_not_built_say_so(project):
    """OTLP and Sentry's REST are 404 as problem+json, never a page and never a 5xx."""
    auth = {"X-Sentry-Auth": f"Sentry sentry_key={project.key}", "Content-Type": "application/x-protobuf"}
    for method, path in (
        ("POST", f"/api/{project.id}/integration/otlp/v1/logs"),
        ("POST", f"/api/{project.id}/otlp/v1/traces"),
        ("GET", "/api/0/"),
        ("POST", "/api/0/organizations/o/releases/"),
        ("PUT", "/api/0/organizations/o/releases/app@1.0/"),
        ("DELETE", "/api/0/organizations/o/releases/app@1.0/"),
    ):
        answer = project.request(method, path, b"{}" if method == "POST" else None, auth)
        assert (path, answer.status) == (path, 404)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json["code"] == "not_found"


def test_native_forms(project):
    """One object, a list and lines are taken alike; unknown fields are kept; each item is told its id."""
    one = project.native(b'{"message": "one", "severity": "critical", "shelf": 4, "tags": {"a": "b"}}')
    (told,) = one.json["results"]
    error = project.read(told["id"])
    assert (error["message"], error["severity"]) == ("one", "critical")
    assert error["error"]["extra"] == {"shelf": 4}
    several = project.native(json.dumps([{"message": "two"}, {"message": "three"}]).encode())
    assert [result["index"] for result in several.json["results"]] == [0, 1]
    lines = b"".join(json.dumps({"message": f"line {number}"}).encode() + b"\n" for number in range(5))
    told_lines = project.native(lines, {"Content-Type": "application/x-ndjson"}).json["results"]
    assert len({result["id"] for result in told_lines}) == 5
    project.expect({"accepted": 8})
    assert {error["message"] for error in project.errors()} >= {"two", "three", "line 4"}


def test_native_refusals_name_every_field(project):
    """Nothing valid is 422 with each wrong field of each item; of a mixture the valid part is stored."""
    wrong = {
        "message": 5,
        "severity": "terrible",
        "timestamp": "yesterday",
        "tags": [1],
        "exceptions": [{"frames": 7}],
        "event_id": "short",
    }
    refused = project.native(json.dumps([wrong, {}]).encode())
    assert refused.status == 422
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json["code"] == "invalid_fields"
    named = {(error["index"], error["path"]) for error in refused.json["errors"]}
    assert named >= {
        *((0, path) for path in ("message", "severity", "timestamp", "tags", "event_id")),
        (0, "exceptions.0.frames"),
        (1, "message"),
    }
    assert all(error["message"] for error in refused.json["errors"])
    partly = project.native(b'{"message": "good"}\n{"severity": "terrible"}\nnonsense\n')
    assert partly.status == 200
    good, bad, nonsense = partly.json["results"]
    assert project.read(good["id"])["message"] == "good"
    assert {error["path"] for error in bad["errors"]} == {"message", "severity"}
    assert nonsense["errors"]
    assert project.native(b"nonsense").status == 400
    assert project.native(json.dumps({"message": "m" * 1_100_000}).encode()).status in {413, 422}
    project.expect({"accepted": 1, "invalid": 6})


def set_quota(project, *, table: str, limit: int, window_s: int) -> None:
    """Give the key or the project a quota and wait until the accepting processes know."""
    url = load_settings({"data_dir": project.product.folder}).database_url
    column = "id" if table == "projects" else "project_id"
    with psycopg.connect(url, autocommit=True) as connection:
        statement = f"UPDATE {table} SET quota_limit = %s, quota_window_s = %s WHERE {column} = %s"
        connection.execute(statement.encode(), (limit, window_s, project.id))
        connection.execute(b"NOTIFY em_keys")
    time.sleep(1.5)


@pytest.mark.parametrize(("table", "scope"), [("ingest_keys", "key"), ("projects", "project")])
def test_quota(project, table, scope):
    """Both accepting processes together let exactly the quota through; the rest is 429 with both headers."""
    limit = 100
    set_quota(project, table=table, limit=limit, window_s=86_400)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: project.store(event()), range(3 * limit)))
    counted = Counter(answer.status for answer in answers)
    assert set(counted) == {200, 429}
    assert abs(counted[200] - limit) <= limit * 0.02
    for refused in (answer for answer in answers if answer.status == 429):
        assert int(refused.headers["retry-after"]) >= 1
        seconds, categories, told_scope, *_ = refused.headers["x-sentry-rate-limits"].split(",")[0].split(":")
        assert (int(seconds) >= 1, categories, told_scope) == (True, "error", scope)
        assert refused.headers["access-control-allow-origin"] == "*"
    assert project.native(b'{"message": "m"}').status == 429
    project.expect({"accepted": counted[200], "rate_limited": 3 * limit - counted[200] + 1})
