"""The week that rhythms are told in: 168 UTC hours, Monday 00:00 first (seed box: Frequency Analyzer)."""

from __future__ import annotations

from typing import Final

HOUR_S: Final = 3_600
DAY_HOURS: Final = 24
WEEK_DAYS: Final = 7
WEEK_HOURS: Final = WEEK_DAYS * DAY_HOURS
WORKDAYS: Final = 5
EPOCH_OFFSET_H: Final = 72
"""1970-01-01 was a Thursday: hour 0 since the epoch is hour 72 of a week that begins on Monday."""
