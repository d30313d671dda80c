"""Bugsink in its recommended production set-up, as the rival of bench/ingest.py.

Template ``singleserver`` (SQLite), gunicorn with its own configuration for containers, snappea with its
four threads. Changed: the limits on events per time are raised (its defaults answer 429 after 1,000
events), and the secure-proxy settings that need nginx in front are off. It is installed into a virtual
environment of its own.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
import venv
from pathlib import Path
from types import TracebackType
from typing import Self

VERSION = "2.6.1"
_LIMITS = "\n".join(
    f'BUGSINK["MAX_EVENTS_PER_{scope}{span}"] = 1_000_000_000'
    for scope in ("", "PROJECT_PER_")
    for span in ("5_MINUTES", "HOUR", "MONTH")
)
_CREATE = (
    "from projects.models import Project; from teams.models import Team; "
    "t = Team.objects.create(name='bench'); "
    "p = Project.objects.create(name='bench', team=t, retention_max_event_count=10**9); "
    "print('KEY', p.sentry_key.hex, p.id)"
)


class Bugsink:
    """A running Bugsink: ``with Bugsink(folder, port) as rival``."""

    name = f"Bugsink {VERSION}"

    def __init__(self, folder: Path, port: int) -> None:
        """Use ``folder`` (made when absent; the virtual environment in it is used again)."""
        self.folder, self.port = folder, port
        self.data = folder / "data"
        self._bin = folder / "venv" / "bin"
        self._processes: list[subprocess.Popen[bytes]] = []
        self.key = self.project = ""

    @property
    def url(self) -> str:
        """Return the address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pids(self) -> list[int]:
        """Return the processes started."""
        return [process.pid for process in self._processes]

    def __enter__(self) -> Self:
        """Install, configure and start."""
        if not (self._bin / "bugsink-manage").exists():
            venv.create(self.folder / "venv", with_pip=True)
            command = [str(self._bin / "python"), "-m", "pip", "install", "-q", f"bugsink=={VERSION}"]
            subprocess.run(command, check=True)
        self.data.mkdir(parents=True)
        (self.data / "snappea").mkdir()
        conf = self.data / "bugsink_conf.py"
        self._run("bugsink-create-conf", "--template", "singleserver", "--host", "127.0.0.1",
                  "--base-dir", str(self.data), "--output-file", str(conf))  # fmt: skip
        with conf.open("a") as file:
            file.write(
                f"\nSECURE_PROXY_SSL_HEADER = None\nUSE_X_REAL_IP = False\nALLOWED_HOSTS = ['*']\n{_LIMITS}\n"
            )
            file.write('BUGSINK["PHONEHOME"] = False\n')
        self._run("bugsink-manage", "migrate")
        self._run("bugsink-manage", "migrate", "--database=snappea")
        out = self._run("bugsink-manage", "shell", "-c", _CREATE)
        self.key, self.project = out[out.index("KEY") :].split()[1:3]
        self._start()
        return self

    def _start(self) -> None:
        site = next((self.folder / "venv" / "lib").glob("python*/site-packages"))
        log = (self.data / "log").open("wb")
        gunicorn = [str(self._bin / "gunicorn"), f"--config={site / 'bugsink' / 'gunicorn.docker.conf.py'}",
                    f"--bind=127.0.0.1:{self.port}", "bugsink.wsgi"]  # fmt: skip
        for command in (gunicorn, [str(self._bin / "bugsink-runsnappea")]):
            self._processes.append(
                subprocess.Popen(command, cwd=self.data, env=self._env(), stdout=log, stderr=log)
            )
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                urllib.request.urlopen(self.url, timeout=2)
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.2)
            else:
                return
        raise RuntimeError((self.data / "log").read_text()[-2000:])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop all processes."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def stored(self) -> int:
        """Return how many events are digested."""
        with sqlite3.connect(f"file:{self.data / 'db.sqlite3'}?mode=ro", uri=True, timeout=30) as db:
            return int(db.execute("SELECT count(*) FROM events_event").fetchone()[0])

    def settle(self) -> None:
        """Bring the files to their lasting size: write-ahead log into the database, nothing else."""
        with sqlite3.connect(self.data / "db.sqlite3", timeout=60) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def bytes_on_disk(self) -> int:
        """Return the bytes of the database (not of the queue, which is empty by now)."""
        return sum(path.stat().st_size for path in self.data.glob("db.sqlite3*"))

    def _env(self) -> dict[str, str]:
        env = {key: value for key, value in os.environ.items() if not key.startswith("DJANGO")}
        return {**env, "DJANGO_SETTINGS_MODULE": "bugsink_conf", "PYTHONPATH": str(self.data)}

    def _run(self, program: str, *arguments: str) -> str:
        done = subprocess.run(
            [self._bin / program, *arguments],
            cwd=self.data,
            env=self._env(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.stderr.write(done.stderr[-3000:])
            raise RuntimeError(f"{program} failed")
        return done.stdout
