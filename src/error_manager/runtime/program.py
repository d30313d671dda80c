"""How one of our commands starts another (seed box: Runtime)."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def program(command: str, words: Sequence[str], *extra: str) -> list[str]:
    """Return the command line of one of our own commands, in this interpreter."""
    return [sys.executable, "-P", "-m", "error_manager", command, *extra, *words]
