"""The migrations that exist, and the one a database is at; without alembic, for processes that live long."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from typing import Any, Final

import psycopg

from error_manager.core.errors import ConfigurationError

VERSION_TABLE: Final = "alembic_version"
MIN_SERVER_VERSION: Final = 150_000
_FILE_NAME: Final = re.compile(r"^(\d{4})_(pre|post)_([a-z0-9_]+)\.sql$")


class Phase(StrEnum):
    """When a migration may run: ``pre`` works with the old release too, ``post`` only after it is gone."""

    PRE = "pre"
    POST = "post"


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One migration file; ``id`` is its number."""

    id: str
    phase: Phase
    name: str
    sql: str


def revisions() -> tuple[Revision, ...]:
    """Return all migrations, oldest first.

    Raises:
        ConfigurationError: a file is misnamed, or two share a number.
    """
    found: dict[str, Revision] = {}
    problems = []
    for entry in (files("error_manager.storage.postgres") / "migrations").iterdir():
        if not entry.name.endswith(".sql"):
            continue
        match = _FILE_NAME.match(entry.name)
        if match is None or match[1] in found:
            problems.append(
                f"migrations/{entry.name}: expected a new number and NNNN_pre_name.sql or NNNN_post_name.sql"
            )
            continue
        found[match[1]] = Revision(
            id=match[1], phase=Phase(match[2]), name=match[3], sql=entry.read_text(encoding="utf-8")
        )
    if problems:
        raise ConfigurationError(problems)
    return tuple(found[number] for number in sorted(found))


def current(connection: psycopg.Connection[Any]) -> str | None:
    """Return the id of the newest migration this database has, or None when it has none."""
    known = connection.execute("SELECT to_regclass(%s)", (VERSION_TABLE,)).fetchone()
    if known is None or known[0] is None:
        return None
    row = connection.execute("SELECT max(version_num) FROM alembic_version").fetchone()
    return None if row is None else row[0]


def is_current(connection: psycopg.Connection[Any]) -> bool:
    """Return whether no migration waits; also true for the database of a newer release."""
    here = current(connection)
    return here is not None and here >= revisions()[-1].id


def check_server_version(connection: psycopg.Connection[Any]) -> None:
    """Refuse a server that lacks what the statements need.

    Raises:
        ConfigurationError: it is older than PostgreSQL 15.
    """
    found = connection.info.server_version
    if found < MIN_SERVER_VERSION:
        raise ConfigurationError(
            [
                (
                    f"The database is PostgreSQL {found // 10_000}; "
                    f"Error Manager needs {MIN_SERVER_VERSION // 10_000} or newer."
                )
            ]
        )
