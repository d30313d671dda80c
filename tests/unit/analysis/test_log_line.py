import pytest
from hypothesis import given
from hypothesis import strategies as st

from error_manager.analysis.log_line import LogLine, is_continuation, split_line
from error_manager.core.types import Severity

LINES = [
    (
        "2026-11-23 10:00:00,123 ERROR [main] acme.Pay: charge 12 failed",
        "acme.Pay",
        Severity.ERROR,
        "charge 12 failed",
    ),
    ("2026-11-23T10:00:00Z WARN slow", "", Severity.WARNING, "slow"),
    ("Nov 23 10:00:02 web1 sshd[123]: Invalid user x", "sshd", None, "Invalid user x"),
    ("[Sun Dec 04 04:47:44 2005] [error] child died", "", Severity.ERROR, "child died"),
    ("17/06/09 20:10:40 INFO executor.Backend: started", "executor.Backend", Severity.INFO, "started"),
    ("081109 203615 148 INFO dfs.DataNode: served", "dfs.DataNode", Severity.INFO, "served"),
    ("ERROR:root:disk full", "root", Severity.ERROR, "disk full"),
    ("[warn] low memory", "", Severity.WARNING, "low memory"),
    ("E1123 10:00:00.000000   12 server.go:34] no route", "server.go", Severity.ERROR, "no route"),
    ('{"level":"error","msg":"no rate","logger":"shop"}', "shop", Severity.ERROR, "no rate"),
    ("nothing known here", "", None, "nothing known here"),
    ('{"broken', "", None, '{"broken'),
]


@pytest.mark.parametrize(("line", "source", "severity", "message"), LINES)
def test_splits_the_usual_formats(line, source, severity, message):
    """Source, level and message are found in each usual format; an unknown line is all message."""
    parts = split_line(line)
    assert (parts.source, parts.severity, parts.message) == (source, severity, message)


def test_time_is_kept_as_written():
    """The time is the text of the line, not interpreted."""
    assert split_line("2026-11-23 10:00:00,123 ERROR x: y").time == "2026-11-23 10:00:00,123"


def test_traces_belong_to_the_line_above():
    """Indented lines and heads of traces continue a record; the type of an exception only behind a time."""
    assert is_continuation("\tat com.acme.Pay.run(Pay.java:1)", has_times=False)
    assert is_continuation("Traceback (most recent call last):", has_times=False)
    assert is_continuation("ValueError: bad", has_times=True)
    assert not is_continuation("ValueError: bad", has_times=False)


@given(st.text())
def test_no_line_breaks_it(line):
    """Any text has parts."""
    assert isinstance(split_line(line), LogLine)
