"""Whether a caller sits on this machine: what only its owner should see is shown to no one else."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any, Final

from litestar import Request

_FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-real-ip")


def is_local(request: Request[Any, Any, Any]) -> bool:
    """Return whether the caller sits on this machine; behind a proxy all seem to, so then nobody does."""
    if request.client is None or any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ip_address(request.client.host).is_loopback
    except ValueError:
        return False
