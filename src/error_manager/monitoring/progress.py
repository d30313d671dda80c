"""How far the analysis has come, while that is not up to now (seed box: Dashboard). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from error_manager.core.types import ProjectId

BEHIND: Final = timedelta(minutes=15)
"""The analysis of minutes is three minutes behind; while it takes in the past it says so from here on."""
HOURS_BEHIND: Final = timedelta(hours=3)
"""That of hours is up to an hour and some minutes behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What the analysis of a project has not taken in yet; it takes in one project after another.

    ``minutes_at``: it has come to here with rates and states, ``to_go`` before now; None when these are up to
    date. ``hours_at``: relations, forecasts, risk and advice are of here; None before the first time.
    """

    project_id: ProjectId
    minutes_at: datetime | None
    to_go: timedelta
    hours_at: datetime | None


def progress(
    project_id: ProjectId, minutes_at: datetime | None, hours_at: datetime | None, now: datetime
) -> Progress | None:
    """Return how far the analysis of a project has come, None when it is up to date or has nothing to do.

    Args:
        project_id: whose.
        minutes_at: up to when minutes were taken in, None before the first time.
        hours_at: up to when hours were, None before the first time.
        now: the time of the look.
    """
    if minutes_at is None:
        return None
    to_go = max(now - minutes_at, timedelta())
    if to_go > BEHIND:
        return Progress(project_id=project_id, minutes_at=minutes_at, to_go=to_go, hours_at=hours_at)
    if hours_at is None or now - hours_at > HOURS_BEHIND:
        return Progress(project_id=project_id, minutes_at=None, to_go=timedelta(), hours_at=hours_at)
    return None


def furthest_behind(found: list[Progress]) -> Progress | None:
    """Return the progress of the project that has the longest way to go, None when all are up to date."""
    return max(found, key=_way, default=None)


def _way(one: Progress) -> tuple[timedelta, bool, float, int]:
    hours_s = -one.hours_at.timestamp() if one.hours_at else 0.0
    return one.to_go, one.hours_at is None, hours_s, -one.project_id
