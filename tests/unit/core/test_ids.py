"""Ids of errors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from error_manager.core.ids import new_event_id, parse_event_id, uuid7

TIMES = st.datetimes(datetime(1970, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001  # zone follows


def test_uuid7_is_the_example_of_the_rfc() -> None:
    """RFC 9562, appendix A.6: 2022-02-22 14:22:22-05:00, rand_a 0xCC3, rand_b 0x18C4DC0C0C07398F."""
    time = datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)
    randomness = (0xCC3 << 62 | 0x18C4DC0C0C07398F).to_bytes(10, "big")
    assert uuid7(time, randomness) == UUID("017F22E2-79B0-7CC3-98C4-DC0C0C07398F")


@given(TIMES, st.binary(min_size=10, max_size=10))
def test_uuid7_has_the_version_and_variant_of_the_rfc(time: datetime, randomness: bytes) -> None:
    """Whatever the time and the random bytes, the id is a UUID of version 7."""
    made = uuid7(time, randomness)
    assert (made.version, made.variant) == (7, RFC_4122)
    assert made.int >> 80 == (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


@given(TIMES, TIMES, st.binary(min_size=10, max_size=10), st.binary(min_size=10, max_size=10))
def test_uuid7_sorts_by_time(first: datetime, second: datetime, one: bytes, other: bytes) -> None:
    """Ids of times a millisecond or more apart sort like the times."""
    if second - first >= timedelta(milliseconds=1):
        assert uuid7(first, one) < uuid7(second, other)


def test_uuid7_of_a_time_before_1970_counts_as_1970() -> None:
    """A negative time does not wrap round to the far future."""
    early = uuid7(datetime(1969, 12, 31, tzinfo=UTC), bytes(10))
    assert early == uuid7(datetime(1970, 1, 1, tzinfo=UTC), bytes(10))


@pytest.mark.parametrize("size", [0, 9, 11])
def test_uuid7_takes_ten_random_bytes_only(size: int) -> None:
    """Another number of random bytes is a mistake of the caller."""
    with pytest.raises(ValueError, match="10 random bytes"):
        uuid7(datetime(2026, 1, 1, tzinfo=UTC), bytes(size))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef"),
        ("0123456789ABCDEF0123456789ABCDEF", "0123456789abcdef0123456789abcdef"),
        ("01234567-89AB-cdef-0123-456789abcdef", "0123456789abcdef0123456789abcdef"),
        ("", None),
        ("0123456789abcdef0123456789abcde", None),
        ("0123456789abcdef0123456789abcdef0", None),
        ("{01234567-89ab-cdef-0123-456789abcdef}", None),
        ("urn:uuid:01234567-89ab-cdef-0123-456789abcdef", None),
        ("0x0123456789abcdef0123456789abcd", None),
        ("0123456789abcdef_123456789abcdef", None),
        ("01234567--89ab-cdef-0123456789abcdef", None),
        ("01234567-89ab-cdef-0123-456789abcde-", None),
        ("٠١٢٣٤٥٦٧٠١٢٣٤٥٦٧٠١٢٣٤٥٦٧٠١٢٣٤٥٦٧", None),  # Arabic digits are the point
        (" 123456789abcdef0123456789abcdef", None),
        (None, None),
        (5, None),
        (b"0123456789abcdef0123456789abcdef", None),
    ],
)
def test_event_ids_are_read_strictly(text: object, expected: str | None) -> None:
    """32 hexadecimal digits or a dashed UUID are ids; what only ``uuid.UUID`` would take is not."""
    assert parse_event_id(text) == expected


def test_new_event_id_is_read_back() -> None:
    """A new id is the hexadecimal form of its random bytes."""
    made = new_event_id(bytes(range(16)))
    assert made == "000102030405060708090a0b0c0d0e0f"
    assert parse_event_id(made) == made


def test_new_event_id_takes_sixteen_random_bytes_only() -> None:
    """Another number of random bytes is a mistake of the caller."""
    with pytest.raises(ValueError, match="16 random bytes"):
        new_event_id(bytes(15))
