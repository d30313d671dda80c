"""Named SQL statements, read from the ``.sql`` files of this package (seed box: PostgreSQL Adapter).

A statement starts at a line ``-- name: move_cursor``; comment lines behind it explain it. SQL lives in
files so that it can be read, and run, as SQL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType

from psycopg import sql

_NAME = re.compile(r"^-- name: ([a-z_]+)\s*$", re.MULTILINE)


def load(file_name: str) -> Mapping[str, sql.SQL]:
    """Return the statements of ``sql/<file_name>`` by name, without their comments."""
    text = (files("error_manager.storage.postgres") / "sql" / file_name).read_text(encoding="utf-8")
    pieces = _NAME.split(text)[1:]
    found: dict[str, sql.SQL] = {}
    for name, body in zip(pieces[::2], pieces[1::2], strict=True):
        lines = (line for line in body.splitlines() if not line.lstrip().startswith("--"))
        statement = "\n".join(lines).strip().rstrip(";")
        found[name] = sql.SQL(statement)
    return MappingProxyType(found)
