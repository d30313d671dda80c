"""Pieces of statements that count the users of patterns, each once (seed box: Metrics Tables).

Needed before them are ``k`` with ``project_id`` and ``patterns`` (an array of ids), and their groups as
``CROSS JOIN LATERAL (...) h``.
"""

from __future__ import annotations

from typing import Final

from psycopg import sql

from error_manager.storage.postgres import named

FEW_GROUPS: Final = 8
"""Up to so many groups with users are merged in order, more are hashed: exact either way."""
_SQL: Final = named.load("users.sql")


def _merging(whole: str, part: str) -> sql.Composed:
    parts = [_SQL[part].format(place=sql.Literal(place)) for place in range(1, FEW_GROUPS + 1)]
    return _SQL[whole].format(few=sql.Literal(FEW_GROUPS), merged=sql.SQL("\nUNION ALL\n").join(parts))


GROUPS_WITH_USERS: Final = _SQL["groups_with_users"]
"""The groups ``h`` of the patterns ``k``."""
USER_COUNT: Final = _merging("user_count", "users_of_group")
"""The number of different users of the groups ``h``."""
USER_DAYS: Final = _merging("user_days", "days_of_group")
"""Days from ``since`` on with the number of different users of the groups ``h`` on each."""
