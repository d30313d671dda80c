"""Statements that find the newest and the oldest error of a group (seed box: Error Tables).

For use in ``CROSS JOIN LATERAL (...) e`` behind a group ``g``; ``e`` has all columns of the error.
"""

from __future__ import annotations

from typing import Final, Literal

from psycopg import sql

from error_manager.storage.postgres import named

_SQL: Final = named.load("reading.sql")
_ALL: Final = sql.SQL("true")


def _edge(
    order: Literal["ASC", "DESC"], hours: sql.Composable = _ALL, errors: sql.Composable = _ALL
) -> sql.Composed:
    return _SQL["edge_of_group"].format(order=sql.SQL(order), hours=hours, errors=errors)


NEWEST: Final = _edge("DESC")
OLDEST: Final = _edge("ASC")
PREVIOUS: Final = _edge("DESC", _SQL["hours_before"], _SQL["errors_before"])
"""The newest before the error ``id`` at ``timestamp``."""
NEXT: Final = _edge("ASC", _SQL["hours_after"], _SQL["errors_after"])
"""The oldest after the error ``id`` at ``timestamp``."""
