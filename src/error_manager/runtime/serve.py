"""The accepting process: HTTP in front, the inbox behind (seed box: Error Manager).

Several of these share one port (SO_REUSEPORT); each has its own slot of the inbox.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
from typing import Final

import structlog
import uvloop
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from error_manager.integrations.ingest.app import IngestApp
from error_manager.runtime.network import numeric_host
from error_manager.runtime.process import run_until_told
from error_manager.runtime.settings import Settings
from error_manager.runtime.wiring.serve import Serving, build

_BACKLOG: Final = 2048
_HEADER_TIMEOUT_MS: Final = 10_000
_KEYS_S: Final = 10.0
_KEYS_LOOK_S: Final = 0.02
_DRAIN_S: Final = 6.0  # of the 10 s a process has to stop; the rest is for the counts and the inbox
_log = structlog.get_logger()


def main(settings: Settings, *, slot: int, pipe_fd: int | None) -> int:
    """Serve until told to stop or the supervisor is gone; return the exit code."""
    raise_file_limit()
    return run_until_told(
        lambda stop: run(settings, slot=slot, stop=stop), pipe_fd=pipe_fd, loop_factory=uvloop.new_event_loop
    )


def raise_file_limit() -> None:
    """Allow as many open files as the system lets us: each connection is one, and 1024 is a usual start."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # macOS has a lower limit than it says
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def run(settings: Settings, *, slot: int, stop: asyncio.Event) -> None:
    """Serve until ``stop`` is set; requests that came in before are answered first.

    Raises:
        RuntimeError: the HTTP server ended by itself.
    """
    serving = await build(settings, slot=slot)
    server = _server(settings, serving.app)
    tasks = [
        asyncio.create_task(serving.feed.run(), name="keys"),
        asyncio.create_task(serving.flush(), name="counts"),
        asyncio.create_task(serving.showing.run(), name="pages"),
    ]
    await _know_keys(serving, stop)
    serve = asyncio.create_task(server.serve(), name="http")
    tasks.append(asyncio.create_task(serving.collecting.run(), name="collecting"))
    told = asyncio.create_task(stop.wait(), name="stop")
    try:
        ended, _ = await asyncio.wait({serve, told, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        if told not in ended:
            raise RuntimeError(f"ended by itself: {', '.join(task.get_name() for task in ended)}")
    finally:
        told.cancel()
        await serving.showing.close()
        await _drain(server, serve, serving)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, told, return_exceptions=True)
        await serving.close()


async def _know_keys(serving: Serving, stop: asyncio.Event) -> None:
    """Wait for the first keys before the port is opened: who asks earlier is refused, and SDKs never retry.

    Gives up after ten seconds: without a database and a copy of the keys there is nothing
    to wait for.
    """
    looks = round(_KEYS_S / _KEYS_LOOK_S)
    for _ in range(looks):
        if serving.keys.is_loaded or stop.is_set():
            return
        await asyncio.sleep(_KEYS_LOOK_S)


def _server(settings: Settings, app: IngestApp) -> Server:
    return Server(
        app,
        address=numeric_host(settings.server),
        port=settings.server.port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,  # "auto" waits for a first byte without any timeout (measured with 2.8.7)
        websockets=False,
        backlog=_BACKLOG,
        backpressure=settings.limits.connections,
        http1_settings=HTTP1Settings(header_read_timeout=_HEADER_TIMEOUT_MS),
        log_enabled=False,
        ssl_cert=settings.server.tls_cert,
        ssl_key=settings.server.tls_key,
    )


async def _drain(server: Server, serve: asyncio.Task[None], serving: Serving) -> None:
    """Stop listening and wait for the open requests; idle connections are cut."""
    server.stop()  # type: ignore[no-untyped-call]  # granian has no types here
    with contextlib.suppress(TimeoutError, asyncio.CancelledError):
        await asyncio.wait_for(serve, _DRAIN_S)
    if serving.app.open_requests:
        _log.warning("requests_cut", open=serving.app.open_requests)
