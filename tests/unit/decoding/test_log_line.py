from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from error_manager.core.types import Severity
from error_manager.decoding.log_block import cut_at_record
from error_manager.decoding.log_clock import cut_at_minute, minute_of, seconds_past_minute
from error_manager.decoding.log_line import LogLine, split_line
from error_manager.decoding.log_trace import is_head, is_inside, is_piece, is_start
from error_manager.decoding.log_wrapper import unwrap

NOW = datetime(2026, 11, 24, tzinfo=UTC)
LINES = [
    (
        "2026-11-23 10:00:00,123 ERROR [main] acme.Pay: charge 12 failed",
        "acme.Pay",
        Severity.ERROR,
        "charge 12 failed",
    ),
    ("2026-11-23T10:00:00Z WARN slow", "", Severity.WARNING, "slow"),
    (
        "2026-11-23T10:00:00.1+02:00  WARN 12 --- [exec-1] c.a.OrderController : late",
        "c.a.OrderController",
        Severity.WARNING,
        "late",
    ),
    ("2026-11-23 10:00:00,123 - shop.pay - ERROR - no rate", "shop.pay", Severity.ERROR, "no rate"),
    ("Nov 23 10:00:02 web1 sshd[123]: Invalid user x", "sshd", None, "Invalid user x"),
    ("<34>Oct 11 22:14:15 host su: 'su root' failed", "su", Severity.CRITICAL, "'su root' failed"),
    ("<165>1 2003-08-24T05:14:15.000003-07:00 10.0.0.1 proc 87 - - hi", "proc", Severity.INFO, "hi"),
    ('<34>1 2003-10-11T22:14:15.003Z h su - ID47 [a@1 b="c]"] hi', "su", Severity.CRITICAL, "hi"),
    ("[Sun Dec 04 04:47:44 2005] [error] child died", "", Severity.ERROR, "child died"),
    (
        "[Fri Sep 09 10:42:29.902022 2011] [core:error] [pid 357:tid 432] [client 10.0.0.1] No file",
        "",
        Severity.ERROR,
        "No file",
    ),
    ("17/06/09 20:10:40 INFO executor.Backend: started", "executor.Backend", Severity.INFO, "started"),
    ("081109 203615 148 INFO dfs.DataNode: served", "dfs.DataNode", Severity.INFO, "served"),
    ("ERROR:root:disk full", "root", Severity.ERROR, "disk full"),
    ("[warn] low memory", "", Severity.WARNING, "low memory"),
    ("E1123 10:00:00.000000   12 server.go:34] no route", "server.go", Severity.ERROR, "no route"),
    ("11-23 10:00:00.123  1234  5678 E ActivityManager: ANR", "ActivityManager", Severity.ERROR, "ANR"),
    ("W/Tag( 1234): odd", "Tag", Severity.WARNING, "odd"),
    ("2026-11-23 10:00:00.123 UTC [12] app@shop ERROR:  duplicate key", "", Severity.ERROR, "duplicate key"),
    ("2026-11-23 10:00:00.123 UTC [12] LOG:  checkpoint", "", Severity.INFO, "checkpoint"),
    ("[2026-11-23T10:00:00.123+0000][info][gc] GC(3) Pause", "gc", Severity.INFO, "GC(3) Pause"),
    ("[0.123s][warning][gc,start] GC(3) Pause", "gc,start", Severity.WARNING, "GC(3) Pause"),
    (
        '10.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.0" 500 2326 "-" "curl"',
        "",
        Severity.ERROR,
        '"GET /a HTTP/1.0" 500',
    ),
    ("2026/11/23 10:00:00 [error] 31#31: *5 open() failed", "", Severity.ERROR, "*5 open() failed"),
    ("Error,11/23/2026 10:00:00 AM,App,1000,(100),down", "App", Severity.ERROR, "down"),
    ('{"level":"error","msg":"no rate","logger":"shop"}', "shop", Severity.ERROR, "no rate"),
    ('{"level":50,"time":1700000000123,"msg":"no rate"}', "", Severity.ERROR, "no rate"),
    ('{"level":"WARN","fields":{"message":"late"}}', "", Severity.WARNING, "late"),
    ('time="2026-11-23T10:00:00Z" level=error msg="no rate" component=x', "x", Severity.ERROR, "no rate"),
    ("nothing known here", "", None, "nothing known here"),
    ('{"broken', "", None, '{"broken'),
]
TIMES = [
    ("2026-11-23 10:07:00,123", datetime(2026, 11, 23, 10, 7, tzinfo=UTC)),
    ("2026-11-23T10:07:00.5+02:00", datetime(2026, 11, 23, 8, 7, tzinfo=UTC)),
    ("2026/11/23 10:07:59", datetime(2026, 11, 23, 10, 7, tzinfo=UTC)),
    ("10/Oct/2000:13:55:36 -0700", datetime(2000, 10, 10, 20, 55, tzinfo=UTC)),
    ("Sun Dec 04 04:47:44 2005", datetime(2005, 12, 4, 4, 47, tzinfo=UTC)),
    ("Nov 23 10:07:02", datetime(2026, 11, 23, 10, 7, tzinfo=UTC)),
    ("Dec  3 10:07:02", datetime(2025, 12, 3, 10, 7, tzinfo=UTC)),
    ("081109 203615", datetime(2008, 11, 9, 20, 36, tzinfo=UTC)),
    ("17/06/09 20:10:40", datetime(2017, 6, 9, 20, 10, tzinfo=UTC)),
    ("11/23/2026 01:07:00 PM", datetime(2026, 11, 23, 13, 7, tzinfo=UTC)),
    ("11-23 10:07:00.123", datetime(2026, 11, 23, 10, 7, tzinfo=UTC)),
    ("1123 10:07:00.123456", datetime(2026, 11, 23, 10, 7, tzinfo=UTC)),
    ("1700000000", datetime(2023, 11, 14, 22, 13, tzinfo=UTC)),
    ("1700000000123", datetime(2023, 11, 14, 22, 13, tzinfo=UTC)),
    ("1700000000.123", datetime(2023, 11, 14, 22, 13, tzinfo=UTC)),
    ("0.123s", None),
    ("2026-13-45 10:07:00", None),
    ("", None),
]


def minute(text):
    """Return the minute of a time as it stands in a line."""
    end, tail = cut_at_minute(text)
    return minute_of(text[:end], text[tail:], now=NOW)


@pytest.mark.parametrize(("line", "source", "severity", "message"), LINES)
def test_splits_the_usual_formats(line, source, severity, message):
    """Source, level and message are found in each usual format; an unknown line is all message."""
    parts = split_line(line)
    assert (parts.source, parts.severity, parts.message) == (source, severity, message)


@pytest.mark.parametrize("line", [line for line, *_ in LINES])
def test_time_is_kept_as_written(line):
    """The time is the text at its place in the line."""
    parts = split_line(line)
    assert parts.time_at < 0 or line[parts.time_at :].startswith(parts.time)


@pytest.mark.parametrize("line", [line for line, *_ in LINES])
def test_digits_are_matched_as_a_class(line):
    """Other digits in the same places leave message and time at the same places."""
    other = line.translate({48 + digit: str((digit + 1) % 10) for digit in range(10)})
    was, now = split_line(line), split_line(other)
    assert (was.format, was.time_at, was.digits, len(was.message)) == (
        now.format,
        now.time_at,
        now.digits,
        len(now.message),
    )


@pytest.mark.parametrize(("text", "time"), TIMES)
def test_times_are_read_to_the_minute(text, time):
    """Each form of a time gives its minute; a time without year is the last such day."""
    assert minute(text) == (None if time is None else int(time.timestamp()) // 60)


@pytest.mark.parametrize(
    ("line", "content", "stream"),
    [
        ('{"log":"down 5\\n","stream":"stderr","time":"2026-11-23T10:00:00.1Z"}', "down 5", "stderr"),
        ("2026-11-23T10:00:00.123456789Z stderr F   File x", "  File x", "stderr"),
        ("web-1  | hello", "hello", "web-1"),
        ("hello | there", "there", "hello"),
        ("hello there", "hello there", ""),
    ],
)
def test_what_runtimes_put_before_a_line_is_taken_off(line, content, stream):
    """Docker's json-file, the log format of kubernetes and compose's prefix; the program's text is left."""
    wrapped = unwrap(line)
    assert (wrapped.content, wrapped.stream) == (content, stream)


def test_traces_belong_to_the_line_above():
    """Indented lines, heads and ends of traces continue a record."""
    assert is_piece("\tat com.acme.Pay.run(Pay.java:1)")
    assert is_piece("Caused by: java.io.IOException: x")
    assert is_start("Traceback (most recent call last):")
    assert is_head("ValueError: bad")
    assert is_inside("main.main()", "goroutine 1 [running]:")
    assert is_inside("Timeout: late", "    call()")
    assert not is_inside("Started: all", "Caused by: x")
    assert not is_piece("charge failed")
    assert not is_head("all is well")


def test_blocks_are_cut_before_a_record():
    """The last line with a header begins the next block; without any header a line does."""
    block = b"2026-11-23 10:00:00 INFO a\n2026-11-23 10:00:01 ERROR b\n\tat x\n\tat y\n"
    assert block[cut_at_record(block) :] == b"2026-11-23 10:00:01 ERROR b\n\tat x\n\tat y\n"
    assert cut_at_record(b"one\ntwo\nthr") == len(b"one\ntwo\n")
    assert cut_at_record(b"no line end") == 0


@given(st.text())
def test_no_line_breaks_it(line):
    """Any text has parts, and its time a minute or none."""
    parts = split_line(unwrap(line).content)
    assert isinstance(parts, LogLine)
    assert minute(parts.time) is None or parts.time


@given(st.text())
def test_no_time_breaks_it(text):
    """Any text is a time or none."""
    found = minute(text)
    assert found is None or isinstance(found, int)


@given(st.binary())
def test_no_block_breaks_it(block):
    """Any block is cut behind a whole line."""
    place = cut_at_record(block)
    assert place == 0 or block[place - 1 : place] == b"\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23 10:00:07,250", 7.25),
        ("2026-11-23T10:00:07.000004Z", 7.000004),
        ("23/Nov/2026:10:00:59 +0000", 59.0),
        ("Nov 23 10:00:01", 1.0),
        ("081109 203518", 18.0),
        ("11/23/2026 10:00:03 PM", 3.0),
        ("1117838570", 50.0),
        ("1117838570.25", 50.25),
        ("1117838570250", 50.25),
        ("2026-11-23 10:00", 0.0),
    ],
)
def test_seconds_behind_the_minute(text, expected):
    """Seconds and their parts are read, whatever the form; what has none counts as the full minute."""
    end, _ = cut_at_minute(text)
    assert seconds_past_minute(text[:end], text[end:]) == expected
