"""``error-manager up``: everything in one command, in the foreground."""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from error_manager.cli.main import main
from error_manager.cli.options import add_settings_options, given_settings, words_of
from error_manager.core.errors import DataFolderError
from error_manager.core.version import VERSION
from error_manager.runtime.connection_file import Connection, read_connection, write_connection
from error_manager.runtime.data_folder import lock_folder, open_folder, service_account
from error_manager.runtime.fork import HAS_FORK, share
from error_manager.runtime.network import refuse_taken_port
from error_manager.runtime.process import EXIT_REFUSED
from error_manager.runtime.program import program, shown, shown_python
from error_manager.runtime.settings import Settings, is_loopback, load_settings
from error_manager.runtime.supervisor import SetUpFailedError, Supervisor, clear_orphans, run_set_up
from error_manager.storage.postgres.cluster import open_cluster
from error_manager.storage.postgres.embedded import EmbeddedPostgres
from error_manager.storage.postgres.server_config import ClusterOptions

_STEP_COLUMN: Final = 52
_SHARED: Final = (
    "error_manager.cli.serve",
    "error_manager.runtime.wiring.query:prepared_app",
    "error_manager.cli.worker",
    "error_manager.runtime.worker",
)
"""What more than one process of the tree runs; numpy and the engine of the index have one process each."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--host", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on (default 8000)")
    parser.add_argument("--workers", type=int, metavar="N", help="processes that drain the inbox (default 2)")
    parser.add_argument("--demo", action="store_true", help="then fill it with the errors of a made-up shop")
    add_settings_options(parser)


def run(args: argparse.Namespace) -> int:
    """Start everything and watch it until told to stop."""
    given = given_settings(
        args, {"server.host": args.host, "server.port": args.port, "worker.processes": args.workers}
    )
    settings = load_settings(given)
    words = words_of(given, settings.data_dir)
    terminal = Terminal()
    terminal.say(f"Error Manager {VERSION}, data in {settings.data_dir}")
    try:
        open_folder(settings.data_dir)
        os.umask(0o077)
        lock = lock_folder(settings.data_dir)
    except DataFolderError as error:
        print(f"error-manager up: {error}", file=sys.stderr)
        return EXIT_REFUSED
    try:
        return _run_locked(settings, given, words, terminal, has_demo=args.demo)
    except DataFolderError as error:
        print(f"error-manager up: {error}", file=sys.stderr)
        return EXIT_REFUSED
    except SetUpFailedError as error:
        return error.code
    finally:
        lock.release()


def _run_locked(
    settings: Settings,
    given: Mapping[str, object],
    words: Sequence[str],
    terminal: Terminal,
    *,
    has_demo: bool,
) -> int:
    if clear_orphans(settings.data_dir):
        terminal.say("Ended processes that an earlier run had left behind")
    refuse_taken_port(settings.server)
    database = _database(settings)
    if HAS_FORK:
        share(_SHARED)
    supervisor = Supervisor(
        settings,
        words=words,
        database=database,
        say=terminal.say,
        reload=lambda: load_settings(given),
        main=main if HAS_FORK else None,
    )
    others: list[subprocess.Popen[bytes]] = []
    try:
        if read_connection(settings.data_dir) is not None:  # not the first start: keys and schema are there
            supervisor.start_children()
        if database is not None:
            is_first = not database.cluster.marker.exists()
            with terminal.step("PostgreSQL created and started" if is_first else "PostgreSQL started"):
                database.start(terminal.say)
        with terminal.step("Database ready"):
            ready = run_set_up(words)

        def on_ready() -> None:
            try:
                write_connection(settings.data_dir, Connection(**ready["connection"]))
            except OSError as error:  # the disk is full: the server runs, and this says how to reach it
                terminal.say(f"connection.json cannot be written: {error.strerror}")
            terminal.welcome(settings, ready)
            if has_demo:
                others.append(subprocess.Popen(program("demo", words), start_new_session=True))

        return asyncio.run(supervisor.run(on_ready))
    finally:
        for process in others:
            process.terminate()
        supervisor.kill_children()
        if database is not None:
            database.stop()


def _database(settings: Settings) -> EmbeddedPostgres | None:
    """Return the embedded server, not started yet, or None when another one is used."""
    if settings.database.url is not None:
        return None
    options = ClusterOptions(
        shared_buffers_mb=settings.database.shared_buffers_mb,
        max_connections=settings.database.max_connections,
        has_tcp=settings.database.tcp_port is not None,
    )
    cluster = open_cluster(settings.data_dir, service_account(), port=settings.cluster.port)
    return EmbeddedPostgres(cluster, options)


class Terminal:
    """Shows what happens, one line a step with its time."""

    def __init__(self) -> None:
        """Start the clock."""
        self._began = time.monotonic()
        is_unicode = (sys.stdout.encoding or "").lower().startswith("utf")
        self._done = "✓" if is_unicode else "-"
        self._color = sys.stdout.isatty()

    def say(self, line: str) -> None:
        """Print a line at once; when the terminal is gone or the disk behind it is full, go on without."""
        with suppress(OSError):
            print(line, flush=True)

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Print a step with the time it took, once it is done."""
        began = time.monotonic()
        yield
        self.say(f"{self._green(self._done)} {title:<{_STEP_COLUMN}}{time.monotonic() - began:6.1f} s")

    def welcome(self, settings: Settings, ready: Mapping[str, Any]) -> None:
        """Print how to come in and how to send the first error."""
        connection = ready["connection"]
        url, key = connection["url"], connection["ingest_key"]
        self.say(
            f"{self._green(self._done)} {'Ready':<{_STEP_COLUMN}}{time.monotonic() - self._began:6.1f} s"
        )
        if not is_loopback(settings.server.host) and settings.server.tls_cert is None:
            self.say(
                f"\n  Warning: {settings.server.host} can be reached by others; they can read along.\n"
                "  Set server.tls_cert and server.tls_key, or put a proxy with TLS in front."
            )
        self.say(
            f"""
  Open        {url}
  Sign in     {ready["login_url"]}   (once, within 15 minutes)
  Later       {shown("login", settings.data_dir)}   (another link)
  DSN         {connection["dsn"]}

  Send an error
    curl      curl -H 'Authorization: Bearer {key}' -d '{{"message": "Hello from curl"}}' {url}/api/v1/errors
    Python    {shown_python(f'import error_manager; error_manager.init("{connection["dsn"]}"); 1 / 0')}

  All of this is in {Path(settings.data_dir) / "connection.json"}. Stop with Ctrl-C."""
        )

    def _green(self, text: str) -> str:
        return f"\x1b[32m{text}\x1b[0m" if self._color else text
