"""Array literals come back from PostgreSQL as what went in."""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import UUID

import psycopg
import pytest

from error_manager.storage.postgres.arrays import (
    bytes_array,
    number_array,
    text_array,
    time_array,
    uuid_array,
)

ID = UUID("0192f0c4-7a1b-7c2d-8e3f-0123456789ab")
TEXTS = ["", "NULL", "null", " a b ", "a,b", "{x}", '"', "\\", '\\"', "a\nb\t", "é…😀", "'", "%s", "\\x41"]
COLUMNS = [
    ("int[]", number_array([1, 0, -5, 2**31 - 1]), [1, 0, -5, 2**31 - 1]),
    ("bigint[]", number_array([2**63 - 1]), [2**63 - 1]),
    ("uuid[]", uuid_array([ID, ID.hex]), [ID, ID]),
    ("date[]", time_array([date(2026, 11, 27)]), [date(2026, 11, 27)]),
    (
        "timestamptz[]",
        time_array(
            [datetime(2026, 11, 27, 1, 2, 3, 456, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)],
        ),
        [datetime(2026, 11, 27, 1, 2, 3, 456, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)],
    ),
    ("bytea[]", bytes_array([b"", b"\x00\xff", b'\\"']), [b"", b"\x00\xff", b'\\"']),
    ("text[]", text_array(TEXTS), TEXTS),
    ("text[]", text_array([]), []),
]


@pytest.mark.parametrize(("kind", "literal", "expected"), COLUMNS)
def test_arrays_mean_what_they_were_made_of(postgres, kind, literal, expected):
    """Each type, with the members that need care."""
    with psycopg.connect(postgres.url, options="-c TimeZone=UTC") as connection:
        row = connection.execute(f"SELECT %(literal)s::{kind}", {"literal": literal}).fetchone()
    assert row == (expected,)
