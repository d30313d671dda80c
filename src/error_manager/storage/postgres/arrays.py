"""Columns of a batch as PostgreSQL array literals (seed box: PostgreSQL Adapter).

The driver writes a list member by member: 5 % of a worker's time for the rows of rollups, users and ids.
Here a column is one join; what comes out means the same. A statement says the type: ``%(days)s::date[]``.

Source:
    PostgreSQL manual, 8.15.2 and 8.15.6 (array input), 8.4.1 (bytea hex format).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from uuid import UUID


def number_array(values: Iterable[int]) -> str:
    """Return an array of whole numbers."""
    return _array([str(value) for value in values])


def uuid_array(values: Iterable[UUID | str]) -> str:
    """Return an array of ids; a text is 32 hexadecimal digits."""
    return _array([value if isinstance(value, str) else value.hex for value in values])


def time_array(values: Iterable[date]) -> str:
    """Return an array of days or of (aware) times."""
    return _array([value.isoformat() for value in values])


def bytes_array(values: Iterable[bytes]) -> str:
    """Return an array of bytes."""
    return _array([rf"\\x{value.hex()}" for value in values])


def text_array(values: Iterable[str]) -> str:
    """Return an array of texts, each in quotes: an empty one, ``NULL`` and spaces are texts."""
    return _array([_quoted(value) for value in values])


def _array(members: Iterable[str]) -> str:
    return f"{{{','.join(members)}}}"


def _quoted(text: str) -> str:
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
