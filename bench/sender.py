"""Sends errors at a steady rate and keeps a journal: which ids were acknowledged or refused."""

from __future__ import annotations

import collections
import http.client
import json
import threading
import time
import uuid
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_TIMEOUT_S = 10.0
_RETRY_S = 0.1


@dataclass
class Journal:
    """What the sender knows of its errors."""

    acknowledged: set[str] = field(default_factory=set)
    refused: collections.Counter[int] = field(default_factory=collections.Counter)
    reasons: collections.Counter[str] = field(default_factory=collections.Counter)
    slowest_s: float = 0.0
    broken_connections: int = 0
    sent: int = 0


class Sender:
    """Threads that send ``rate_per_s`` errors until stopped; what got no answer is sent again, same id."""

    def __init__(self, url: str, key: str, project: str, *, rate_per_s: float, threads: int = 8) -> None:
        """Keep where to send."""
        self._host = urlsplit(url).netloc
        self._path = f"/api/{project}/envelope/"
        self._headers = {
            "X-Sentry-Auth": f"Sentry sentry_version=7, sentry_client=bench/1.0, sentry_key={key}"
        }
        self._interval_s = threads / rate_per_s
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.journal = Journal()
        self._threads = [threading.Thread(target=self._run, args=(index,)) for index in range(threads)]

    def start(self) -> None:
        """Begin to send."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> Journal:
        """Stop sending; what is being sent is finished first."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        return self.journal

    def _run(self, index: int) -> None:
        due = time.monotonic() + index * self._interval_s / len(self._threads)
        connection = http.client.HTTPConnection(self._host, timeout=_TIMEOUT_S)
        while not self._stop.is_set():
            pause = due - time.monotonic()
            if pause > 0:
                time.sleep(pause)
            due += self._interval_s
            connection = self._deliver(connection, uuid.uuid4().hex)
        connection.close()

    def _deliver(self, connection: http.client.HTTPConnection, event_id: str) -> http.client.HTTPConnection:
        body = envelope(event_id)
        with self._lock:
            self.journal.sent += 1
        while True:
            began = time.monotonic()
            try:
                connection.request("POST", self._path, body, self._headers)
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                connection = http.client.HTTPConnection(self._host, timeout=_TIMEOUT_S)
                with self._lock:
                    self.journal.broken_connections += 1
                if self._stop.is_set():
                    return connection
                time.sleep(_RETRY_S)
                continue
            with self._lock:
                self.journal.slowest_s = max(self.journal.slowest_s, time.monotonic() - began)
                if answer.status == 200:
                    self.journal.acknowledged.add(event_id)
                else:
                    self.journal.refused[answer.status] += 1
                    self.journal.reasons[answer.getheader("X-Sentry-Error") or ""] += 1
            return connection


def envelope(event_id: str) -> bytes:
    """Return an envelope with one small error; there are ten different faults."""
    number = int(event_id[:4], 16) % 10
    frames = [
        {
            "function": name,
            "module": f"shop.part{number}",
            "filename": f"shop/part{number}.py",
            "lineno": line,
            "in_app": True,
        }
        for line, name in enumerate(("handle", "place", f"charge_{number}"), start=10)
    ]
    event = {
        "event_id": event_id,
        "timestamp": time.time(),
        "platform": "python",
        "level": "error",
        "release": "shop@1.0",
        "environment": "production",
        "user": {"id": str(int(event_id[4:8], 16) % 500)},
        "tags": {"part": str(number)},
        "exception": {
            "values": [
                {
                    "type": f"Fault{number}",
                    "value": f"failed for {event_id}",
                    "stacktrace": {"frames": frames},
                }
            ]
        },
    }
    payload = json.dumps(event).encode()
    head = json.dumps({"event_id": event_id}).encode()
    item = json.dumps({"type": "event", "length": len(payload)}).encode()
    return b"\n".join((head, item, payload, b""))
