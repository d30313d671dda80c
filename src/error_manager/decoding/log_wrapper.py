"""Takes off what container runtimes put before each line of a program (seed box: Pattern Analyzer).

Source: Docker's json-file driver, https://github.com/kubernetes/cri-api (CRI log format), docker compose.
"""

from __future__ import annotations

import json
import re
from typing import Final, NamedTuple

_CRI: Final = re.compile(
    r"(?P<time>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{1,9}(?:Z|[+-][0-9]{2}:[0-9]{2}))"
    r" (?P<stream>stdout|stderr) [FP] "
)
_COMPOSE: Final = re.compile(r"(?P<stream>[a-z0-9][\w.-]{0,60}) +\| ?")
_DOCKER: Final = '{"log":"'


class Wrapped(NamedTuple):
    """What the program wrote, from whom, and the time of the runtime.

    ``content_at`` and ``time_at`` are places in the line; -1: not there as such.
    """

    content: str
    stream: str = ""
    time: str = ""
    content_at: int = 0
    time_at: int = -1


def unwrap(line: str) -> Wrapped:
    """Return what a program wrote in a line; the whole line when no runtime put anything before it."""
    if line.startswith(_DOCKER) and (found := _docker(line)) is not None:
        return found
    if match := _CRI.match(line):
        return Wrapped(
            content=line[match.end() :],
            stream=match["stream"],
            time=match["time"],
            content_at=match.end(),
            time_at=match.start("time"),
        )
    if " | " in line[:80] and (match := _COMPOSE.match(line)):
        return Wrapped(content=line[match.end() :], stream=match["stream"], content_at=match.end())
    return Wrapped(content=line)


def _docker(line: str) -> Wrapped | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or not isinstance(value.get("log"), str):
        return None
    time = value.get("time") if isinstance(value.get("time"), str) else ""
    return Wrapped(
        content=value["log"].rstrip("\r\n"),
        stream=str(value.get("stream") or ""),
        time=str(time),
        content_at=-1,
        time_at=line.rfind(str(time)) if time else -1,
    )
