"""Reads the times of log lines to the minute, whatever their form (seed box: Temporal Analyzer)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_MONTHS: Final = {
    "Jan": 1, "Feb": 2, "Mar": 3, "Apr": 4, "May": 5, "Jun": 6, "Jul": 7, "Aug": 8, "Sep": 9, "Oct": 10,
    "Nov": 11, "Dec": 12,
}  # fmt: skip
_MINUTE: Final = re.compile(
    r"(?P<minute>.*?(?<![0-9])[0-9]{1,2}:[0-9]{2}|[0-9]{6} [0-9]{4})"
    r"(?::?[0-9]{2}(?:[.,:][0-9]{1,9})?)?\s*(?P<tail>.*)$"
)
_ZONE: Final = re.compile(r"(?P<sign>[+-])(?P<hours>[0-9]{2}):?(?P<minutes>[0-9]{2})$")
_NUMBER: Final = re.compile(r"[0-9]{9,19}(?:\.[0-9]{1,9})?$")
_SECONDS: Final = re.compile(r":?([0-9]{2})(?:[.,:]([0-9]{1,9}))?")
_PART: Final = re.compile(r"\.?([0-9]{1,9})")
_SECONDS_DIGITS: Final = 10
"""Digits of the seconds since 1970 from 2001 to 2286: what follows are parts of a second."""
_YEAR_FIRST: Final = re.compile(r"(?P<year>[0-9]{4})[-/](?P<month>[0-9]{2})[-/](?P<day>[0-9]{2})\D")
_SHORT: Final = re.compile(
    r"(?P<year>[0-9]{2})(?P<month>[0-9]{2})(?P<day>[0-9]{2}) (?P<hour>[0-9]{2})(?P<minute>[0-9]{2})$"
)
_SLASHED: Final = re.compile(r"(?P<a>[0-9]{1,2})/(?P<b>[0-9]{1,2})/(?P<c>[0-9]{2,4}) ")
_NAMED: Final = re.compile(
    r"(?:(?P<day>[0-9]{1,2})[/ -])?(?P<month>[A-Z][a-z]{2})[/ -]{1,2}"
    r"(?:(?P<after>[0-9]{1,2}) )?(?P<year>[0-9]{4})?"
)
_MONTH_DAY: Final = re.compile(r"(?P<month>[0-9]{2})-?(?P<day>[0-9]{2}) ")
_CLOCK: Final = re.compile(r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})$")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_YEAR_AT_END: Final = re.compile(r"(?P<year>[0-9]{4})$")


def cut_at_minute(time: str) -> tuple[int, int]:
    """Return where the minutes of a time end, and where what follows its seconds (a zone, AM, a year) begins.

    Both are the length of the text when it has no minutes: all of it counts.
    """
    if _NUMBER.match(time):
        return min(len(time), _SECONDS_DIGITS), len(time)
    match = _MINUTE.match(time)
    if match is None:
        return len(time), len(time)
    tail = match.start("tail")
    return match.end("minute"), len(time) if match["tail"] in {"", "Z"} else tail


def minute_of(text: str, tail: str, *, now: datetime) -> int | None:
    """Return the minutes since 1970 (UTC) of a time, or None when it cannot be read.

    Args:
        text: the time up to its minutes, or a number of seconds since 1970.
        tail: what follows the seconds: a zone, ``AM`` or ``PM``, a year; without a zone the time is UTC.
        now: aware; the year of a time without one is that of the last such day before now.
    """
    if _NUMBER.match(text):
        return int(float(text)) // 60
    try:
        time = _read(text, tail, now)
    except ValueError:
        return None
    return None if time is None else int((time - _EPOCH).total_seconds()) // 60


def seconds_past_minute(text: str, rest: str) -> float:
    """Return the seconds of a time behind its full minute, with the parts it has; 0 when it has no seconds.

    Args:
        text: the time up to its minutes, or a number of seconds since 1970, as in ``minute_of``.
        rest: what follows up to the zone, such as ``:07.250``.
    """
    if text.isdigit() and len(text) == _SECONDS_DIGITS:
        part = _PART.match(rest)
        return int(text) % 60 + (float(f"0.{part[1]}") if part else 0.0)
    match = _SECONDS.match(rest)
    if match is None:
        return 0.0
    return float(f"{match[1]}.{match[2]}") if match[2] else float(match[1])


def _read(text: str, tail: str, now: datetime) -> datetime | None:
    if match := _SHORT.match(text):
        parts = {name: int(value) for name, value in match.groupdict().items()}
        return datetime(
            2000 + parts["year"], parts["month"], parts["day"], parts["hour"], parts["minute"], tzinfo=UTC
        )
    clock = _CLOCK.search(text)
    date = _date(text, tail, now)
    if clock is None or date is None:
        return None
    hour = int(clock["hour"])
    if tail in {"AM", "PM"}:
        hour = hour % 12 + (12 if tail == "PM" else 0)
    time = datetime(*date, hour, int(clock["minute"]), tzinfo=UTC)
    if zone := _ZONE.match(tail):
        offset = timedelta(hours=int(zone["hours"]), minutes=int(zone["minutes"]))
        time = time - offset if zone["sign"] == "+" else time + offset
    return time


def _date(text: str, tail: str, now: datetime) -> tuple[int, int, int] | None:
    if match := _YEAR_FIRST.match(text):
        return int(match["year"]), int(match["month"]), int(match["day"])
    if match := _SLASHED.match(text):
        first, second, third = int(match["a"]), int(match["b"]), int(match["c"])
        if third < 100 and first > 12:  # Hadoop and Spark: 17/06/09
            return 2000 + first, second, third
        year = third if third >= 100 else 2000 + third
        return (year, second, first) if first > 12 else (year, first, second)
    for match in _NAMED.finditer(text):  # a name of a day may stand before that of the month
        if match["month"] in _MONTHS:
            return _named(match, tail, now)
    if match := _MONTH_DAY.match(text):
        return _past(int(match["month"]), int(match["day"]), now)
    return None


def _named(match: re.Match[str], tail: str, now: datetime) -> tuple[int, int, int] | None:
    month = _MONTHS[match["month"]]
    day = int(match["day"] or match["after"] or 0)
    year = match["year"] or ((found := _YEAR_AT_END.search(tail)) and found["year"]) or ""
    return (int(year), month, day) if year else _past(month, day, now)


def _past(month: int, day: int, now: datetime) -> tuple[int, int, int]:
    return (now.year if (month, day) <= (now.month, now.day) else now.year - 1), month, day
