"""CSV as monitoring tools export it: header, delimiter, columns, times, numbers, and what is refused."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from error_manager.core.errors import ConfigurationError
from error_manager.decoding.table import (
    KIND_NAMES,
    PLACE_NAMES,
    TableKind,
    column,
    named_column,
    open_table,
    read_number,
    read_time,
    table_kind,
    time_columns,
)

NOW = datetime(2026, 11, 27, tzinfo=UTC)


def table(text: str):
    """Return the table of a text."""
    return open_table("a.csv", [text.encode()])


def test_rows_have_the_number_of_their_line():
    """Through a mark of the encoding, blank lines, cells over two lines and blocks lines are counted."""
    blocks = [b"\xef\xbb\xbftime,note\n\n", b'1,"a\nb"\n', b"2,c\r\n3,d"]
    found = open_table("a.csv", blocks)
    assert (found.header, found.header_line) == (("time", "note"), 1)
    assert list(found.rows) == [(4, ["1", "a\nb"]), (5, ["2", "c"]), (6, ["3", "d"])]


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_delimiters(sign):
    """The sign that gives the header most cells separates; others may stand in quotes."""
    found = table(f'time{sign}"a, b;c|d\te"{sign}x\n1{sign}2{sign}3\n')
    assert (found.delimiter, found.header) == (sign, ("time", "a, b;c|d\te", "x"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "a.csv: is empty: expected a header"),
        ("\n \n", "a.csv: is empty: expected a header"),
        ("time,x\n", "a.csv line 1: no row below the header time, x"),
        ("2026-01-01,5\n2026-01-02,6\n", "a.csv line 1: expected a header .*, found 2026-01-01, 5"),
        ("time,x\r1,5\r", "a.csv line 1: expected a header .*, found 'time,x"),
        ("\n1,5\n2,6\n", "a.csv line 2: expected a header .*, found 1, 5"),
        ('time,x\n1,"a\n' + "1,2\n" * 40_000, "a.csv line [0-9]+: is no CSV: .*does a quoted cell not end"),
    ],
)
def test_what_is_no_table_is_refused(text, told):
    """Each error names the file, the line, and what was expected."""
    with pytest.raises(ConfigurationError, match=told):
        list(table(text).rows)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_other_encodings_are_named(encoding):
    """A file in UTF-16 is told by what it looks like."""
    with pytest.raises(ConfigurationError, match=r"a\.csv line 1: is no text in UTF-8"):
        open_table("a.csv", ["time,x\n1,2\n".encode(encoding)])


@pytest.mark.parametrize(
    ("header", "names", "place"),
    [
        (["Alert Name", "Host"], KIND_NAMES, 0),
        (["x", "alert_name"], KIND_NAMES, 1),
        (["type", "alertname"], KIND_NAMES, 1),
        (["severity", "x"], KIND_NAMES, None),
        (["deviceId (hex)", "x"], PLACE_NAMES, 0),
    ],
)
def test_columns_are_known_by_their_names(header, names, place):
    """Capitals, signs and units in brackets do not matter; the likelier name goes first."""
    assert column(header, names) == place


def test_missing_column_is_named():
    """The error says what was looked for and what there is."""
    with pytest.raises(
        ConfigurationError, match=r"a\.csv line 1: no column with the place.*host.*found time, x"
    ):
        named_column(table("time,x\n1,2\n"), PLACE_NAMES, what="the place of the alarm")


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("ts,x\n1764201600,2\n", (0,)),
        ("x,time,start\n2,1764201600,1764201500\n", (2,)),
        ("x,when\n2,2026-01-01\n", (1,)),
        ("date,time,x\n2026-01-01,10:00,2\n", (0, 1)),
        ("date,time,x\n2026-01-01,2026-01-01 10:00,2\n", (1,)),
        ("start,time\n,5\n", (1,)),
        ("time,x\nsoon,2\n", (0,)),
    ],
)
def test_columns_of_times(text, places):
    """By name and content: the beginning first, date and time of day together, else what holds dates."""
    assert time_columns(table(text), now=NOW) == places


def test_table_without_times_is_refused():
    """The error names what was expected and what the header has."""
    told = r"a\.csv line 1: no column of times: expected one named timestamp.*found host, x"
    with pytest.raises(ConfigurationError, match=told):
        time_columns(table("host,x\na,2\n"), now=NOW)


SECONDS = datetime(2026, 1, 25, 13, 5, 7, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-25T13:05:07Z", "2026-01-25 13:05:07", "2026-01-25T14:05:07+01:00", " 2026-01-25 13:05:07 ",
        "1/25/2026 13:05:07", "2026/01/25 13:05:07", "25 Jan 2026 13:05:07", f"{SECONDS:.0f}",
        f"{SECONDS * 1e3:.0f}", f"{SECONDS * 1e6:.0f}", f"{SECONDS * 1e9:.0f}",
    ],
)  # fmt: skip
def test_times(text):
    """Forms of dates, and numbers in four units, are the same time; without a zone it is UTC."""
    assert read_time(text, now=NOW) == pytest.approx(SECONDS)


def test_more_times():
    """Parts of a second are kept; small numbers are seconds; what is no time is None."""
    assert read_time("2026-01-25 13:05:07.250", now=NOW) == SECONDS + 0.25
    assert read_time("2026-01-25 13:05:07,250", now=NOW) == SECONDS + 0.25
    assert read_time("30685", now=NOW) == 30_685
    assert read_time("20260125", now=NOW) == read_time("2026-01-25", now=NOW)
    assert [
        read_time(text, now=NOW) for text in ("", "soon", "nan", "inf", "1e300", "2026-13-45", "10:00")
    ] == [None] * 7


def test_numbers():
    """Numbers, words for a missing value (NaN), and what is neither (None); a comma where it is the point."""
    assert [read_number(text) for text in ("5", " -1.5e3 ", "0")] == [5.0, -1_500.0, 0.0]
    assert all(math.isnan(read_number(text)) for text in ("", " ", "NaN", "null", "N/A", "-", "None", "inf"))
    assert [read_number(text) for text in ("5 ms", "12,5", "x", "45%", "1e100")] == [None] * 5
    assert read_number("12,5", has_comma=True) == 12.5
    assert read_number("1.234,5", has_comma=True) is None


@given(st.text())
def test_any_cell_is_read(text):
    """No text breaks the reading of a time or a number."""
    time, number = read_time(text, now=NOW), read_number(text, has_comma=True)
    assert time is None or math.isfinite(time)
    assert number is None or math.isnan(number) or abs(number) < 1e100


@given(st.binary(max_size=300))
def test_any_bytes_are_a_table_or_an_error(data):
    """Whatever a file holds, its rows come or an error that names it."""
    try:
        told = [cells for _, cells in open_table("a.csv", [data]).rows]
    except ConfigurationError as error:
        told = [problem for problem in error.problems if problem.startswith("a.csv")]
    assert told


@given(st.lists(st.text(), max_size=2))
def test_any_lines_hold_a_table_or_not(lines):
    """Whatever a log begins with, it is told from a table."""
    assert table_kind(lines) in {None, *TableKind}


@pytest.mark.parametrize("line", ["2026-01-01 10:00:00 a\rb", "x" * 200_000, '"' * 999])
def test_lines_that_are_no_csv_are_no_table(line):
    """A carriage return within a line, and a line longer than a cell may be, are of a log."""
    assert table_kind([line, line]) is None


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        (["timestamp,value", "2026-01-01 10:00:00,5"], TableKind.METRIC),
        (["time;a;b", "1764201600;5,5;"], TableKind.METRIC),
        (["Starts At,Alert Name,Instance", "2026-01-01T10:00:00Z,Down,a"], TableKind.ALARMS),
        (["time,alert,host", "2026-01-01,5,7"], TableKind.ALARMS),
        (["timestamp,level,message", "2026-01-01,INFO,up"], None),
        (["timestamp,type,host", "2026-01-01,info,a"], None),
        (["timestamp,value", "2026-01-01,"], None),
        (["timestamp,value", "soon,5"], None),
        (["a,b", "2026-01-01,5"], None),
        (["timestamp,value"], None),
        (["2026-01-01 ERROR a", "2026-01-01 ERROR b"], None),
        ([], None),
    ],
)
def test_sure_tables_are_known(lines, kind):
    """A header and a first row that leave no doubt; a log in CSV stays a log."""
    assert table_kind(lines) == kind


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59.999999", "9999-12-31T23:59:59-01:00"])
def test_times_that_reach_the_year_10000_are_none(text):
    """No date can be written for them; the second before is one."""
    assert read_time(text, now=NOW) is None
    assert read_time("9999-12-31T23:59:59Z", now=NOW) == 253_402_300_799
