"""Runs a real supervisor over made-up children: ``driver.py DATA_DIR PORT KIND [--database] [--anew]``.

Children are copies of the supervisor where it can have them, else (and with ``--anew``) new interpreters.
Kinds of the child besides the server: ``good``, ``refusing`` (exit code 2), ``stubborn`` (ignores SIGTERM).
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from error_manager.runtime.child import Child, Inside
from error_manager.runtime.data_folder import lock_folder, open_folder, service_account
from error_manager.runtime.fork import HAS_FORK
from error_manager.runtime.program import program
from error_manager.runtime.settings import load_settings
from error_manager.runtime.supervisor import Supervisor
from error_manager.storage.postgres.cluster import open_cluster
from error_manager.storage.postgres.embedded import EmbeddedPostgres
from error_manager.storage.postgres.server_config import ClusterOptions

_SERVER = """
import asyncio, socket, sys
from error_manager.runtime.process import run_until_told

async def answer(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
    await writer.drain()
    writer.close()

async def main(stop):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", PORT))
    server = await asyncio.start_server(answer, sock=listener)
    await stop.wait()
    server.close()

sys.exit(run_until_told(main, pipe_fd=int(sys.argv[-1])))
"""
_GOOD = """
import sys
from error_manager.runtime.process import run_until_told
sys.exit(run_until_told(lambda stop: stop.wait(), pipe_fd=int(sys.argv[-1])))
"""
_REFUSING = "import sys; print('error-manager: the key is missing', file=sys.stderr); sys.exit(2)"
_STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True:
    time.sleep(60)
"""
_KINDS = {"good": _GOOD, "refusing": _REFUSING, "stubborn": _STUBBORN}


def main() -> int:
    """Run until told to stop."""
    data_dir, port, kind = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    settings = load_settings({"data_dir": data_dir, "server.port": port}, environ={})
    open_folder(data_dir)
    lock = lock_folder(data_dir)
    database = None
    if "--database" in sys.argv:
        database = EmbeddedPostgres(
            open_cluster(data_dir, service_account()), ClusterOptions(shared_buffers_mb=16)
        )
        database.start(print)
    supervisor = Supervisor(
        settings,
        words=(),
        database=database,
        say=lambda line: print(line, flush=True),
        reload=lambda: load_settings({"data_dir": data_dir, "server.port": port}, environ={}),
    )
    sources = {"serve 0": _SERVER.replace("PORT", str(port)), "worker 0": _KINDS[kind]}
    is_copied = HAS_FORK and "--anew" not in sys.argv
    supervisor.children = tuple(
        Child(
            name=name,
            command=program(name, ()) if is_copied else [sys.executable, "-c", source],
            log_file=data_dir / "logs" / f"{name.replace(' ', '-')}.log",
            inside=Inside(main=partial(_run, source), folder=data_dir) if is_copied else None,
        )
        for name, source in sources.items()
    )

    def on_ready() -> None:
        pids = [child.pid for child in supervisor.children]
        print("READY", os.getpid(), *pids, database.pid if database else 0, flush=True)

    try:
        return asyncio.run(supervisor.run(on_ready))
    finally:
        if database is not None:
            database.stop()
        lock.release()


def _run(source: str, words: Sequence[str]) -> int:
    sys.argv[1:] = words
    exec(source, {"__name__": "__main__"})  # the same source as with ``-c``
    return 0


if __name__ == "__main__":
    sys.exit(main())
