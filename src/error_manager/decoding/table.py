"""Reads CSV with a header, as monitoring tools export it: its form, columns, times and numbers.

Seed box: Temporal Analyzer.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import chain
from typing import Final

from error_manager.core.errors import ConfigurationError
from error_manager.decoding.log_clock import cut_at_minute, minute_of, seconds_past_minute

TIME_NAMES: Final = (
    "start", "starttime", "startsat", "startedat", "began", "begin", "begintime", "firstoccurrence",
    "raisedat", "raisetime", "triggeredat", "firedat", "openedat", "openedon", "createdat", "createdon",
    "occurredat", "timestamp", "eventtime", "alarmtime", "alerttime", "datetime", "time", "date", "ts",
    "timestampms", "timestamps", "epoch", "clock",
)  # fmt: skip
"""Names of columns with times, the ones that say when something began first."""
SURE_KIND_NAMES: Final = (
    "alertname", "alarmname", "alerttype", "alarmtype", "alarmtext", "alert", "alarm", "triggername",
    "rulename", "checkname",
)  # fmt: skip
"""Names of columns with kinds of alarms that tables of other things do not have."""
KIND_NAMES: Final = (
    *SURE_KIND_NAMES, "rule", "trigger", "check", "problem", "monitor", "monitorname", "eventname",
    "eventtype", "event", "condition", "policy", "type", "kind", "title", "name", "service", "summary",
    "shortdescription", "description", "message",
)  # fmt: skip
PLACE_NAMES: Final = (
    "device", "deviceid", "devicename", "host", "hostname", "instance", "node", "nodename", "machine",
    "server", "networkelement", "ne", "cmdbci", "ci", "pod", "container", "resource", "entity", "object",
    "target", "location", "site", "place", "source", "address", "ip", "servicename", "service", "system",
)  # fmt: skip
_DELIMITERS: Final = (",", ";", "\t", "|")
_MISSING: Final = frozenset(("", "-", "nan", "null", "none", "na", "n/a", "nil", "undefined"))
_UNITS: Final = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
"""From such a size on a time is in nano-, micro- or milliseconds."""
_END_S: Final = 1e11
"""The year 5138: no time in seconds reaches it."""
_END_OF_DATES_S: Final = 253_402_300_800.0
"""The year 10000: a time of the last day of 9999 may reach it by its zone or by rounding."""
_LARGEST: Final = 1e100
"""Sums of smaller numbers stay finite; no metric has larger ones."""
_BRACKETED: Final = re.compile(r"\([^)]*\)|\[[^]]*\]")
_BASIC_DATE: Final = re.compile(r"(?:19[7-9]|20[0-9])[0-9](?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])")
"""ISO 8601 without its signs: 20261127."""
_SIGNS: Final = re.compile(r"[\W_]+")
_LONGEST: Final = 80
_WIDE_MARKS: Final = ("\ufffd\ufffd", "\x00")
"""What UTF-16 looks like when it is read as UTF-8: its first two bytes, or every other byte."""


class TableKind(StrEnum):
    """What a table holds."""

    METRIC = "metric"
    ALARMS = "alarms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table that is being read.

    Attributes:
        name: of the file, for errors.
        header: the names of the columns.
        header_line: number of its line, from 1.
        delimiter: what stands between cells.
        first: the first row below the header, empty when there is none.
        rows: number of the (last) line and cells of each row, the first one too; read once.
    """

    name: str
    header: tuple[str, ...]
    header_line: int
    delimiter: str
    first: tuple[str, ...]
    rows: Iterator[tuple[int, list[str]]]

    def error(self, line: int, text: str) -> ConfigurationError:
        """Return an error that names the file and the line."""
        return ConfigurationError([f"{self.name} line {line}: {text}"])


def open_table(name: str, blocks: Iterable[bytes]) -> Table:
    """Return the table in a file, whose header has been read.

    Args:
        name: of the file, for errors.
        blocks: its bytes, in pieces that end with a line.

    Raises:
        ConfigurationError: there is no header, or no row below it; names file, line and what was expected.
    """
    lines = _lines(blocks)
    header_line, text = next(
        ((number, line) for number, line in enumerate(lines, start=1) if line.strip()), (0, "")
    )
    if not header_line:
        raise ConfigurationError([f"{name}: is empty: expected a header with names of columns, then rows"])
    if any(mark in text for mark in _WIDE_MARKS):
        raise ConfigurationError([f"{name} line {header_line}: is no text in UTF-8: save the file as UTF-8"])
    delimiter = _delimiter(text)
    header = tuple(cell.strip() for cell in _cells(text, delimiter))
    if any(_is_date(cell) for cell in header) or all(read_number(cell) is not None for cell in header):
        found = _list(header) or repr(text.strip()[:_LONGEST])
        raise ConfigurationError(
            [f"{name} line {header_line}: expected a header with names of columns, found {found}"]
        )
    rows = _rows(name, lines, header_line, delimiter)
    first = next(rows, None)
    if first is None:
        raise ConfigurationError([f"{name} line {header_line}: no row below the header {_list(header)}"])
    return Table(
        name=name,
        header=header,
        header_line=header_line,
        delimiter=delimiter,
        first=tuple(first[1]),
        rows=chain((first,), rows),
    )


def table_kind(lines: Sequence[str]) -> TableKind | None:
    """Return what a table holds where its first two lines leave no doubt, else None.

    Sure are a header with a time, a name that only alarms have and a place; and one with a time where the row
    below holds a time and nothing but numbers.
    """
    if len(lines) < 2:
        return None
    delimiter = _delimiter(lines[0])
    header, cells = _cells(lines[0], delimiter), _cells(lines[1], delimiter)
    place = column(header, TIME_NAMES)
    if place is None or len(cells) != len(header) or read_time(cells[place], now=datetime.now(UTC)) is None:
        return None
    if column(header, SURE_KIND_NAMES) is not None and column(header, PLACE_NAMES) is not None:
        return TableKind.ALARMS
    others = [read_number(cell, has_comma=delimiter != ",") for at, cell in enumerate(cells) if at != place]
    is_sure = any(number is not None and math.isfinite(number) for number in others) and None not in others
    return TableKind.METRIC if is_sure else None


# --- columns -------------------------------------------------------------------------------------


def column(header: Sequence[str], names: Sequence[str]) -> int | None:
    """Return the place of the column with the first of these names, None without one.

    Capitals, signs, and units in brackets do not matter.
    """
    plain = [_SIGNS.sub("", _BRACKETED.sub("", name)).lower() for name in header]
    return next((plain.index(name) for name in names if name in plain), None)


def time_columns(table: Table, *, now: datetime) -> tuple[int, ...]:
    """Return the column with the times, or those with the date and the time of day.

    Known by its name and a time in the first row; else by a date there.

    Raises:
        ConfigurationError: there is none.
    """
    named = [at for name in TIME_NAMES if (at := column(table.header, (name,))) is not None]
    pair = tuple(at for name in ("date", "time") if (at := column(table.header, (name,))) is not None)
    cells = table.first
    if len(pair) == 2 and not _is_date(_at(cells, pair[1])) and _is_date(joined(cells, pair)):
        return pair
    for at in named:
        if read_time(_at(cells, at), now=now) is not None:
            return (at,)
    for at, cell in enumerate(cells[: len(table.header)]):
        if _is_date(cell):
            return (at,)
    if named:
        return (named[0],)
    raise table.error(
        table.header_line,
        f"no column of times: expected one named timestamp, time, date or ts, or dates in the rows; "
        f"found {_list(table.header)}",
    )


def named_column(table: Table, names: Sequence[str], *, what: str) -> int:
    """Return the column with one of these names.

    Args:
        table: whose header is looked at.
        names: the likeliest first.
        what: the column is called in the error.

    Raises:
        ConfigurationError: there is none; names some that are known.
    """
    found = column(table.header, names)
    if found is None:
        known = ", ".join(names[:12])
        raise table.error(
            table.header_line,
            f"no column with {what}: expected a name such as {known}; found {_list(table.header)}",
        )
    return found


def joined(cells: Sequence[str], places: Sequence[int]) -> str:
    """Return the text of a time that may stand in two cells."""
    return " ".join(_at(cells, place) for place in places)


# --- cells ---------------------------------------------------------------------------------------


def read_time(text: str, *, now: datetime) -> float | None:
    """Return the time in seconds since 1970, or as many as are written; None when it is none.

    Args:
        text: ISO 8601, a number of (milli-, micro-, nano-) seconds, or a form known from log files; without a
            zone it is UTC.
        now: aware; for times without a year.
    """
    if _BASIC_DATE.fullmatch(text.strip()):  # and not a second of 1970
        return _read_date(text.strip(), now)
    try:
        seconds = float(text)
    except ValueError:
        return _read_date(text.strip(), now)
    if not math.isfinite(seconds):
        return None
    seconds /= next((unit for size, unit in _UNITS if abs(seconds) >= size), 1.0)
    return seconds if abs(seconds) < _END_S else None


def read_number(text: str, *, has_comma: bool = False) -> float | None:
    """Return the number in a cell, NaN when it says that there is no value, None when it is something else.

    Args:
        text: of the cell.
        has_comma: a comma stands for the decimal point.
    """
    try:
        number = float(text)
    except ValueError:
        if text.strip().lower() in _MISSING:
            return math.nan
        if has_comma and text.count(",") == 1 and "." not in text:
            return read_number(text.replace(",", "."))
        return None
    if not math.isfinite(number):
        return math.nan
    return number if abs(number) < _LARGEST else None


def _read_date(text: str, now: datetime) -> float | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        minute_end, tail_at = cut_at_minute(text)
        minute = minute_of(text[:minute_end], text[tail_at:], now=now)
        if minute is None:
            return None
        return 60.0 * minute + seconds_past_minute(text[:minute_end], text[minute_end:tail_at])
    try:
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except OverflowError:  # a year that no zone can shift
        return None
    return seconds if seconds < _END_OF_DATES_S else None


def _is_date(text: str) -> bool:
    return (
        bool(text) and read_number(text) is None and _read_date(text.strip(), datetime.now(UTC)) is not None
    )


# --- lines ---------------------------------------------------------------------------------------


def _lines(blocks: Iterable[bytes]) -> Iterator[str]:
    encoding = "utf-8-sig"  # the mark of the first block alone
    for block in blocks:
        text = block.decode(encoding, "replace")
        encoding = "utf-8"
        yield from (f"{line}\n" for line in text.removesuffix("\n").split("\n"))


def _rows(name: str, lines: Iterator[str], before: int, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        for cells in reader:
            if cells:
                yield before + reader.line_num, cells
    except csv.Error as error:
        raise ConfigurationError(
            [f"{name} line {before + reader.line_num}: is no CSV: {error}; does a quoted cell not end?"]
        ) from error


def _delimiter(line: str) -> str:
    return max(_DELIMITERS, key=lambda each: len(_cells(line, each)))


def _cells(line: str, delimiter: str) -> list[str]:
    """Return the cells of one line, none when it is no CSV: the first line of a log may be anything."""
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _at(cells: Sequence[str], place: int) -> str:
    return cells[place] if place < len(cells) else ""


def _list(header: Sequence[str]) -> str:
    text = ", ".join(header)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
