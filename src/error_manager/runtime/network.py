"""What the supervisor asks the network: is the port free, is the server ready (seed box: Runtime)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from dataclasses import dataclass
from typing import Any, Final

from error_manager.core.errors import ConfigurationError
from error_manager.runtime.settings import ServerSettings

_PROBE_TIMEOUT_S: Final = 2.0
_ANY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # compared, not bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """The answer of the readiness page; ``status`` is 0 when nobody answered."""

    status: int
    text: str = ""


def refuse_taken_port(server: ServerSettings) -> None:
    """Raise when the address cannot be listened on.

    Raises:
        ConfigurationError: the port is taken, or the address is not of this machine.
    """
    try:
        family, address = _first_address(server.host, server.port)
        with socket.socket(family, socket.SOCK_STREAM) as attempt:
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            attempt.bind(address)
    except OSError as error:
        raise ConfigurationError(
            [
                (
                    f"Cannot listen on {server.host}, port {server.port}: {error.strerror}. "
                    f"Choose another: --port {server.port + 1}"
                )
            ]
        ) from error


def numeric_host(server: ServerSettings) -> str:
    """Return the address to listen on in numbers: the HTTP server takes no names (``localhost``).

    Raises:
        OSError: the name is not known.
    """
    return str(_first_address(server.host, server.port)[1][0])


def _first_address(host: str, port: int) -> tuple[int, Any]:
    """Return family and address of the first that a name has: it is listened on, and asked."""
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    return family, address


async def ask_ready(server: ServerSettings, path: str = "/healthz/ready") -> Probe:
    """Return what the readiness page answers."""
    try:
        async with asyncio.timeout(_PROBE_TIMEOUT_S):
            return await _get(server, path)
    except (OSError, TimeoutError, ValueError):
        return Probe(status=0)


async def _get(server: ServerSettings, path: str) -> Probe:
    context = None
    if server.tls_cert is not None:
        context = ssl.create_default_context()
        context.check_hostname = False  # our own process on this machine; its certificate names another host
        context.verify_mode = ssl.CERT_NONE
    host = _ANY_ADDRESS.get(server.host, server.host)
    address = _first_address(host, server.port)[1]  # asyncio's own would start a thread
    reader, writer = await asyncio.open_connection(*address[:2], ssl=context)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode("ascii"))
        await writer.drain()
        answer = (await reader.read(65_536)).decode("utf-8", errors="replace")
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    head, _, body = answer.partition("\r\n\r\n")
    return Probe(status=int(head.split(" ", 2)[1]) if " " in head else 0, text=body.strip()[:500])
