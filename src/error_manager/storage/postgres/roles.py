"""Roles of the embedded server (design D4): an owner without login, and logins that each may do little."""

from __future__ import annotations

from typing import Any, Final

import psycopg
from psycopg import sql

from error_manager.storage.postgres.cluster import (
    APP,
    DATABASE,
    LOGIN_ROLES,
    MIGRATOR,
    READER,
    SUPERUSER,
    Cluster,
)
from error_manager.storage.postgres.connection import connect_sync

OWNER: Final = "em_owner"


def ensure_roles(cluster: Cluster, database: str = DATABASE) -> None:
    """Create what is missing of roles and database; a second call changes nothing.

    Raises:
        psycopg.Error: the server is away or refuses; see ``connection.translate``.
    """
    with connect_sync(
        cluster.url(SUPERUSER, "postgres"), application_name="error-manager setup", autocommit=True
    ) as connection:
        known = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
        if OWNER not in known:
            connection.execute("CREATE ROLE em_owner NOLOGIN")
        for role in LOGIN_ROLES:
            if role not in known:
                _create_login(connection, cluster, role)
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone()
        if found is None:
            create_database(connection, database)


def create_database(connection: psycopg.Connection[Any], name: str, template: str = "template0") -> None:
    """Create a database that belongs to the owner role and is closed to everybody who was not let in."""
    connection.execute(
        sql.SQL("CREATE DATABASE {} OWNER em_owner TEMPLATE {}").format(
            sql.Identifier(name), sql.Identifier(template)
        )
    )
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
    connection.execute(
        sql.SQL("GRANT CONNECT ON DATABASE {} TO {}, {}, {}").format(
            sql.Identifier(name), sql.Identifier(MIGRATOR), sql.Identifier(APP), sql.Identifier(READER)
        )
    )


def _create_login(connection: psycopg.Connection[Any], cluster: Cluster, role: str) -> None:
    name = sql.Identifier(role)
    connection.execute(
        sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(name, sql.Literal(cluster.password(role)))
    )
    if role == MIGRATOR:
        connection.execute("GRANT em_owner TO em_migrate")
        connection.execute("ALTER ROLE em_migrate SET role TO 'em_owner'")
    if role == READER:
        connection.execute("ALTER ROLE em_read SET default_transaction_read_only TO on")
