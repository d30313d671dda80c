"""Connections: our parameters, and what foreign exceptions mean."""

from __future__ import annotations

import psycopg
import pytest
from psycopg_pool import PoolTimeout

from error_manager.core.errors import (
    PoisonBatchError,
    StorageBusyError,
    StorageError,
    StorageUnavailableError,
)
from error_manager.storage.postgres.connection import connection_parameters, translate


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (psycopg.errors.AdminShutdown(), StorageUnavailableError),
        (psycopg.errors.CannotConnectNow(), StorageUnavailableError),
        (psycopg.errors.ConnectionFailure(), StorageUnavailableError),
        (psycopg.errors.DeadlockDetected(), StorageBusyError),
        (psycopg.errors.SerializationFailure(), StorageBusyError),
        (psycopg.errors.LockNotAvailable(), StorageBusyError),
        (psycopg.errors.QueryCanceled(), StorageBusyError),
        (psycopg.errors.OutOfMemory(), StorageBusyError),
        (psycopg.errors.ConfigurationLimitExceeded(), StorageBusyError),
        (psycopg.errors.DiskFull(), StorageUnavailableError),
        (psycopg.errors.TooManyConnections(), StorageUnavailableError),
        (psycopg.errors.IoError(), StorageUnavailableError),
        (psycopg.errors.ReadOnlySqlTransaction(), StorageUnavailableError),
        (psycopg.OperationalError("the connection is closed"), StorageUnavailableError),
        (psycopg.InterfaceError("closed"), StorageUnavailableError),
        (PoolTimeout("no connection"), StorageUnavailableError),
        (psycopg.errors.NumericValueOutOfRange(), PoisonBatchError),
        (psycopg.errors.CharacterNotInRepertoire(), PoisonBatchError),
        (psycopg.errors.CheckViolation(), PoisonBatchError),
        (psycopg.errors.NotNullViolation(), PoisonBatchError),
        (psycopg.errors.ProgramLimitExceeded(), PoisonBatchError),
        (psycopg.DataError("PostgreSQL text fields cannot contain NUL"), PoisonBatchError),
        (psycopg.errors.UndefinedTable(), StorageError),
        (psycopg.errors.InsufficientPrivilege(), StorageError),
        (psycopg.ProgrammingError("cannot adapt"), StorageError),
    ],
    ids=lambda value: getattr(type(value), "__name__", ""),
)
def test_a_foreign_exception_means_one_of_four_things(error, expected):
    """The database is away, has no room for this now, refuses the data, or it is a fault of ours."""
    assert type(translate(error)) is expected


def test_timeouts_and_time_zone_are_sent_with_the_connection():
    """Every connection is in UTC, with our timeouts; options in the URL win because they come last."""
    found = connection_parameters(
        "postgresql://u@/d?host=/run/x&options=-c%20statement_timeout%3D7",
        application_name="a",
        statement_timeout_s=2.5,
    )
    assert found["options"].startswith("-c TimeZone=UTC -c statement_timeout=2500 -c lock_timeout=3000")
    assert found["options"].endswith("-c statement_timeout=7")
    assert (found["host"], found["dbname"], found["application_name"]) == ("/run/x", "d", "a")


def test_no_limit_is_zero_for_the_server():
    """None means no limit, which PostgreSQL spells 0."""
    found = connection_parameters("postgresql://h/d", application_name="a", statement_timeout_s=None)
    assert "-c statement_timeout=0 " in found["options"]
