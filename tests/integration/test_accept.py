"""Accepting processes as they really run: own process, own port, a real PostgreSQL that comes and goes."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from error_manager.security.encryption import Sealer, load_master_key
from error_manager.storage.base import Cursor, InboxRecord
from error_manager.storage.inbox import SqliteInboxReader, ZstdCompressor

KEY = "a" * 32
LIMITED = "b" * 32
NOWHERE = "postgresql://127.0.0.1:1/none"


@dataclass
class Host:
    """A data folder with accepting processes on one port."""

    folder: Path
    port: int
    database_url: str
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *assignments: str, slot: int = 0, database_url: str = "") -> subprocess.Popen[bytes]:
        """Start one and wait until it is ready."""
        process = self.launch(*assignments, slot=slot, database_url=database_url)
        log = self.folder / f"serve-{slot}.log"
        wait_until(lambda: self.is_ready() or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        return process

    def launch(self, *assignments: str, slot: int = 0, database_url: str = "") -> subprocess.Popen[bytes]:
        """Start one."""
        command = [sys.executable, "-m", "error_manager", "serve", "--slot", str(slot)]
        command += ["--data-dir", str(self.folder)]
        for text in (f"server.port={self.port}", *assignments):
            command += ["--set", text]
        environment = {**os.environ, "ERROR_MANAGER_DATABASE__URL": database_url or self.database_url}
        with (self.folder / f"serve-{slot}.log").open("ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        self.processes.append(process)
        return process

    def is_ready(self) -> bool:
        """Return whether the port answers that it is ready."""
        try:
            return self.get("/healthz/ready") == 200
        except (OSError, http.client.HTTPException):
            return False

    def get(self, path: str) -> int:
        """Return the status of a GET."""
        return self._request("GET", path, b"", {})[0]

    def send(self, key: str = KEY, message: str = "boom", *, project: int = 1) -> tuple[int, str]:
        """Send an error on a connection of its own; return status and id."""
        body = json.dumps({"message": message, "event_id": uuid.uuid4().hex}).encode()
        headers = {"X-Sentry-Auth": f"Sentry sentry_key={key}"}
        status, answer = self._request("POST", f"/api/{project}/store/", body, headers)
        return status, json.loads(answer).get("id", "")

    def _request(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def stored(self, slot: int = 0) -> list[InboxRecord]:
        """Return what is in a slot of the inbox."""
        sealer = Sealer(load_master_key(self.folder / "keys" / "master-1.key"))
        reader = SqliteInboxReader(self.folder / "inbox", sealer=sealer, compressor=ZstdCompressor())
        found: list[InboxRecord] = []
        cursor = Cursor()
        while (batch := reader.claim(slot, cursor, limit=1000)) is not None:
            found += [record for _, record in batch.records]
            cursor = batch.end
        reader.close()
        return found


def wait_until(is_true: Callable[[], bool], *, seconds: float = 20.0) -> None:
    """Return when something is true.

    Raises:
        AssertionError: it did not become true in time.
    """
    end = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.05)


@pytest.fixture
def host(tmp_path: Path, free_port: int, database) -> Iterator[Host]:
    """Return a host with a database that knows two keys of project 1; all processes end with the test."""
    for name in ("keys", "state", "inbox", "run"):
        (tmp_path / name).mkdir()
    change(
        database.owner_url,
        "INSERT INTO organizations (id, name, slug) VALUES (1, 'o', 'o') ON CONFLICT DO NOTHING",
        "INSERT INTO projects (id, organization_id, name, slug, subject_key) VALUES (1, 1, 'p', 'p', '')",
        f"INSERT INTO ingest_keys (project_id, key) VALUES (1, '{KEY}')",
        "INSERT INTO ingest_keys (project_id, key, quota_limit, quota_window_s)"
        f" VALUES (1, '{LIMITED}', 40, 3600)",
    )
    found = Host(tmp_path, free_port, database.url)
    yield found
    for process in found.processes:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()


def change(url: str, *statements: str) -> None:
    """Run statements as the owner."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def test_what_was_answered_with_200_is_on_disk(host: Host) -> None:
    """Twenty errors: each id that was told is in the inbox, and SIGTERM ends the process cleanly."""
    process = host.start()
    told = [host.send() for _ in range(20)]
    assert {status for status, _ in told} == {200}
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert [record.event_id for record in host.stored()] == [event_id for _, event_id in told]


def test_keys_follow_the_database_and_outlive_it(host: Host, database) -> None:
    """A new key works at once, a switched-off one stops soon; all that holds without the database."""
    process = host.start()
    change(database.owner_url, f"INSERT INTO ingest_keys (project_id, key) VALUES (1, '{'9' * 32}')")
    assert host.send("9" * 32)[0] == 200
    assert host.send("8" * 32)[0] == 403
    headers = {"X-Sentry-Auth": f"Sentry sentry_key={'8' * 32}"}
    assert b"the page Connect" in host._request("POST", "/api/1/store/", b"{}", headers)[1]
    change(
        database.owner_url,
        f"UPDATE ingest_keys SET is_active = false WHERE key = '{'9' * 32}'",
        "NOTIFY em_keys",
    )
    wait_until(lambda: host.send("9" * 32)[0] == 403, seconds=5)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    host.start(database_url=NOWHERE)
    assert [host.send(key)[0] for key in (KEY, "9" * 32, "8" * 32)] == [200, 403, 403]
    assert KEY.encode() not in (host.folder / "state" / "keys.sealed").read_bytes()


def test_segments_are_removed_behind_the_committed_cursor(host: Host, database) -> None:
    """When the database says a segment is done, its file goes."""
    host.start("inbox.segment_bytes=1048576")
    for _ in range(6):
        host.send(message=os.urandom(400_000).hex())
    segments = sorted((host.folder / "inbox" / "0").glob("*.sqlite"))
    assert len(segments) > 1
    newest = int(segments[-1].stem)
    change(database.owner_url, f"INSERT INTO inbox_cursors (slot, seq, row) VALUES (0, {newest}, 0)")
    wait_until(lambda: not segments[0].exists(), seconds=5)
    assert segments[-1].exists()


def test_refusals_reach_the_inbox_within_seconds(host: Host) -> None:
    """A malformed event is in the books as one invalid item."""
    host.start()
    host._request("POST", f"/api/1/store/?sentry_key={KEY}", b"nonsense", {})
    wait_until(lambda: [r.reason for r in host.stored()] == ["malformed"], seconds=5)


def test_two_processes_share_port_and_quota(host: Host) -> None:
    """Of 100 errors over two processes exactly the 40 of the quota are taken, some by each."""
    host.start("server.processes=2")
    host.start("server.processes=2", slot=1)
    wait_until(lambda: host.send()[0] == 200 and bool(host.stored(1)))
    statuses = [host.send(LIMITED)[0] for _ in range(100)]
    assert (statuses.count(200), statuses.count(429)) == (40, 60)
    shares = [sum(r.outcome is None and r.key_id == 2 for r in host.stored(slot)) for slot in (0, 1)]
    assert sum(shares) == 40
    assert min(shares) > 0


@pytest.mark.parametrize(
    "step", ["inbox.before_write", "inbox.written_before_fsync", "inbox.committed_before_ack"]
)
def test_a_kill_at_a_step_loses_nothing_acknowledged(host: Host, step: str) -> None:
    """The process dies at the step; after a restart every acknowledged error is there, once."""
    process = host.start("debug.failpoints=true")
    told = [host.send()[1] for _ in range(5)]
    (host.folder / "run" / "failpoint").write_text(step)
    with pytest.raises((OSError, http.client.HTTPException)):
        host.send()
    assert process.wait(10) == -signal.SIGKILL
    host.start("debug.failpoints=true")
    told.append(host.send()[1])
    found = [record.event_id for record in host.stored()]
    assert set(told) <= set(found)
    assert len(found) == len(set(found))
    assert len(found) - len(told) == (1 if step == "inbox.committed_before_ack" else 0)


def test_failpoints_are_off_unless_asked_for(host: Host) -> None:
    """An armed step does nothing without the setting."""
    (host.folder / "run" / "failpoint").write_text("inbox.before_write")
    host.start()
    assert host.send()[0] == 200


def test_a_slow_body_is_given_up_and_others_are_served(host: Host) -> None:
    """A body that does not come is 408 after the deadline; meanwhile others get their answer."""
    host.start("limits.body_timeout_s=1")
    with socket.create_connection(("127.0.0.1", host.port), timeout=10) as slow:
        start = f"POST /api/1/store/?sentry_key={KEY} HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{{"
        slow.sendall(start.encode())
        assert host.send()[0] == 200
        assert slow.recv(65536).startswith(b"HTTP/1.1 408")
        while slow.recv(65536):
            pass


@pytest.mark.slow
def test_silent_and_idle_connections_are_closed(host: Host) -> None:
    """A connection that sends nothing, and one that sends nothing more, are closed after ten seconds."""
    host.start()
    idle = http.client.HTTPConnection("127.0.0.1", host.port, timeout=15)
    idle.request("GET", "/healthz/live")
    idle.getresponse().read()
    with socket.create_connection(("127.0.0.1", host.port), timeout=15) as silent:
        assert silent.recv(1) == b""
    assert idle.sock is not None
    assert idle.sock.recv(1) == b""
    idle.close()


def test_a_slot_cannot_be_taken_twice(host: Host) -> None:
    """A second process on a slot is refused with exit code 2 and the reason; the first goes on."""
    host.start()
    assert host.launch().wait(20) == 2
    assert "held by another process" in (host.folder / "serve-0.log").read_text()
    assert host.send()[0] == 200


def test_tls_is_1_3_or_nothing(host: Host) -> None:
    """With a certificate, TLS 1.3 is spoken and 1.2 is refused."""
    certificate, key = make_certificate(host.folder)
    host.launch(f"server.tls_cert={certificate}", f"server.tls_key={key}")
    wait_until(lambda: speaks_tls(host.port, ssl.TLSVersion.TLSv1_3))
    assert speaks_tls(host.port, ssl.TLSVersion.TLSv1_2) is False
    assert host.is_ready() is False


def speaks_tls(port: int, version: ssl.TLSVersion) -> bool:
    """Return whether a handshake of exactly this version succeeds."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=5) as raw,
            context.wrap_socket(raw) as secure,
        ):
            return secure.version() is not None
    except OSError:
        return False


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a self-signed certificate and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths
