"""Connections, pools and translated errors of PostgreSQL (seed box: PostgreSQL Adapter).

Prepared statements are off (``prepare_threshold=None``): they break behind a pooler in transaction mode, and
statements here are batched, so planning is not what costs.
"""

from __future__ import annotations

from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import AsyncConnectionPool

from error_manager.core.errors import (
    PoisonBatchError,
    StorageBusyError,
    StorageError,
    StorageUnavailableError,
)

_LOCK_TIMEOUT_S: Final = 3.0
_IDLE_IN_TRANSACTION_S: Final = 30.0
_CONNECT_TIMEOUT_S: Final = 5
_POOL_WAIT_S: Final = 5.0
# The pool's own back-off doubles without a limit; giving up early lets the next caller start a fresh attempt.
_POOL_RECONNECT_S: Final = 2.0

# SQLSTATE classes (PostgreSQL manual, appendix A).
_REFUSED_DATA: Final = frozenset({"22", "23", "54"})  # data exception, integrity violation, program limit
_TRY_AGAIN: Final = frozenset({"08", "53", "57", "58"})  # connection, resources, operator, I/O
_READ_ONLY: Final = "25006"  # the old primary after a fail-over
# What one statement or transaction met while the database answers everybody else.
_BUSY_CLASSES: Final = frozenset({"40", "55"})  # deadlock and other rollbacks, locks
_BUSY: Final = frozenset(
    {"25P04", "53200", "53400", "57014"}
)  # out of time, of memory, of a limit; out of time


def connection_parameters(
    url: str, *, application_name: str, statement_timeout_s: float | None
) -> dict[str, Any]:
    """Return what ``psycopg.connect`` takes: the URL's parts, UTC, our timeouts and keep-alives.

    Args:
        url: a ``postgresql://`` URL; its own ``options`` win over ours.
        application_name: shown in ``pg_stat_activity``.
        statement_timeout_s: None = no limit.
    """
    parameters: dict[str, Any] = dict(conninfo_to_dict(url))
    statement_ms = 0 if statement_timeout_s is None else max(1, round(statement_timeout_s * 1000))
    ours = (
        f"-c TimeZone=UTC -c statement_timeout={statement_ms} -c lock_timeout={round(_LOCK_TIMEOUT_S * 1000)}"
        f" -c idle_in_transaction_session_timeout={round(_IDLE_IN_TRANSACTION_S * 1000)}"
    )
    parameters["options"] = f"{ours} {parameters.get('options') or ''}".strip()
    parameters["application_name"] = application_name
    for key, value in (
        ("connect_timeout", _CONNECT_TIMEOUT_S),
        ("keepalives_idle", 10),
        ("keepalives_interval", 5),
        ("keepalives_count", 3),
        ("tcp_user_timeout", 20_000),
    ):
        parameters.setdefault(key, value)
    return parameters


async def connect(
    url: str, *, application_name: str, statement_timeout_s: float | None = 5.0, autocommit: bool = False
) -> psycopg.AsyncConnection[tuple[Any, ...]]:
    """Return an open connection.

    Raises:
        psycopg.OperationalError: nobody answers, or the password is wrong; see ``translate``.
    """
    parameters = connection_parameters(
        url, application_name=application_name, statement_timeout_s=statement_timeout_s
    )
    return await psycopg.AsyncConnection.connect(autocommit=autocommit, prepare_threshold=None, **parameters)


def connect_sync(
    url: str, *, application_name: str, statement_timeout_s: float | None = 5.0, autocommit: bool = False
) -> psycopg.Connection[tuple[Any, ...]]:
    """Return an open connection for short-lived commands.

    Raises:
        psycopg.OperationalError: nobody answers, or the password is wrong; see ``translate``.
    """
    parameters = connection_parameters(
        url, application_name=application_name, statement_timeout_s=statement_timeout_s
    )
    return psycopg.Connection.connect(autocommit=autocommit, prepare_threshold=None, **parameters)


def pool(
    url: str,
    *,
    application_name: str,
    min_size: int = 1,
    max_size: int = 8,
    max_idle_s: float = 600.0,
    statement_timeout_s: float | None = 5.0,
    autocommit: bool = False,
) -> AsyncConnectionPool[psycopg.AsyncConnection[tuple[Any, ...]]]:
    """Return a pool that is not open yet: ``await pool.open()``, at the end ``await pool.close()``.

    It opens even while the database is away. Each connection is checked when it is handed out, so that a
    restart of the database costs a caller a reconnect and not an error. ``PoolTimeout`` is an
    ``OperationalError``.
    """
    parameters = connection_parameters(
        url, application_name=application_name, statement_timeout_s=statement_timeout_s
    )
    return AsyncConnectionPool(
        "",
        kwargs={"autocommit": autocommit, "prepare_threshold": None, **parameters},
        min_size=min_size,
        max_size=max_size,
        max_idle=max_idle_s,
        timeout=_POOL_WAIT_S,
        reconnect_timeout=_POOL_RECONNECT_S,
        check=AsyncConnectionPool.check_connection,
        open=False,
        name=application_name,
    )


def translate(error: psycopg.Error) -> StorageError:
    """Return what a foreign exception means to a flow: try again, refuse the data, or a fault of ours."""
    state = error.sqlstate
    if state is None:
        if isinstance(error, psycopg.DataError):
            return PoisonBatchError(_text(error))
        if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
            return StorageUnavailableError(_text(error))
        return StorageError(_text(error))
    if state[:2] in _BUSY_CLASSES or state in _BUSY:
        return StorageBusyError(_text(error))
    if state[:2] in _TRY_AGAIN or state == _READ_ONLY:
        return StorageUnavailableError(_text(error))
    if state[:2] in _REFUSED_DATA:
        return PoisonBatchError(_text(error))
    return StorageError(_text(error))


def _text(error: psycopg.Error) -> str:
    """Return the primary message only: the details of an integrity error hold row values."""
    primary = error.diag.message_primary or (str(error).strip().splitlines() or [type(error).__name__])[0]
    return f"{error.sqlstate}: {primary}" if error.sqlstate else primary
