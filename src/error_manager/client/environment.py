"""What the client asks of the environment: its three variables and the name of the machine."""

from __future__ import annotations

import os


def read_variable(argument: str | None, name: str) -> str:
    """Return the argument, else ``ERROR_MANAGER_<name>``, else ""."""
    return argument if argument is not None else os.environ.get(f"ERROR_MANAGER_{name}", "")


def read_host_name() -> str:
    """Return the name of this machine (``socket.gethostname`` would say the same and import sockets)."""
    return os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
