"""Our own server as the benchmarks run it: ``error-manager up`` in a folder of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench.processes import disk_bytes

_READY_S = 120


class Product:
    """A running Error Manager: ``with Product(folder, port) as ours``."""

    name = "Error Manager"

    def __init__(self, folder: Path, port: int, *options: str) -> None:
        """Use ``folder`` as data folder; ``options`` go to ``up``."""
        self.folder, self.port = folder, port
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.connection: dict[str, Any] = {}

    @property
    def url(self) -> str:
        """Return the address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def key(self) -> str:
        """Return the ingest key of the first project."""
        return str(self.connection["ingest_key"])

    @property
    def project(self) -> str:
        """Return the id of the first project."""
        return str(self.connection["project_id"])

    @property
    def pids(self) -> list[int]:
        """Return the supervisor; everything else is below it."""
        return [self._process.pid] if self._process else []

    def __enter__(self) -> Self:
        """Start and wait until ready."""
        self.start()
        return self

    def start(self) -> float:
        """Start; return the seconds until ready."""
        if self._process is not None:
            self._process.wait(10)  # it was killed from outside, or ended by itself
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        log = self.folder.parent / f"{self.folder.name}.log"
        command = [sys.executable, "-m", "error_manager", "up", "--data-dir", str(self.folder),
                   "--port", str(self.port), *self._options]  # fmt: skip
        with log.open("ab") as sink:
            self._process = subprocess.Popen(command, stdout=sink, stderr=sink, start_new_session=True)
        while time.monotonic() < began + _READY_S:
            if self._process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"{self.url}/healthz/ready", timeout=2) as answer:
                    connection = self.folder / "connection.json"
                    if answer.status == 200 and connection.exists():
                        self.connection = json.loads(connection.read_text())
                        return time.monotonic() - began
            except OSError:
                pass
            time.sleep(0.05)
        self.stop()
        raise RuntimeError(log.read_text()[-3000:])

    def stop(self) -> None:
        """Stop as a person would, then by force."""
        self.ask_to_stop(timeout_s=30)

    def ask_to_stop(self, *, timeout_s: float) -> int:
        """Stop as a person would (SIGTERM), by force after the time; return the exit code (0 if none ran)."""
        if self._process is None:
            return 0
        self._process.send_signal(signal.SIGTERM)
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._process = None
        return code

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def get(self, path: str) -> Any:
        """Return the JSON of an API route, with the administrator's token."""
        headers = {"Authorization": f"Bearer {self.connection['admin_token']}"}
        request = urllib.request.Request(self.url + path, headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def ledger(self) -> dict[str, Any]:
        """Return the books of all projects."""
        found: dict[str, Any] = self.get("/api/v1/outcomes")
        return found

    def stored(self) -> int:
        """Return how many errors are stored."""
        return int(self.ledger()["outcomes"]["accepted"])

    def settle(self) -> None:
        """Wait until the inbox is read, then restart: the write-ahead log is checkpointed and recycled."""
        self.stop()
        self.start()

    def bytes_on_disk(self) -> int:
        """Return the bytes of the database without its write-ahead log, of state and of files.

        Not the inbox: what is processed goes with its segment, so it holds at most one segment per slot
        (64 MiB), however many errors are stored.
        """
        folder = self.folder
        parts = [folder / name for name in ("state", "files")]
        total = sum(disk_bytes(part) for part in parts if part.exists())
        for cluster in (folder / "postgres").iterdir():
            total += disk_bytes(cluster) - disk_bytes(cluster / "pg_wal")
        return total
