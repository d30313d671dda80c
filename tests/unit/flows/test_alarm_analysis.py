"""Tables of alarms from their text to the graph of kinds."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from error_manager.analysis.unread import Unread
from error_manager.core.errors import ConfigurationError
from error_manager.decoding.table import open_table
from error_manager.flows import alarm_analysis
from error_manager.flows.alarm_analysis import AlarmAnalysis

NOW = datetime(2026, 11, 27, tzinfo=UTC)
START_S = 1_795_000_000


def analyzed(*texts: str):
    """Return what is found in tables."""
    analysis = AlarmAnalysis(now=NOW)
    for number, text in enumerate(texts):
        for _ in analysis.read(open_table(f"{number}.csv", [text.encode()])):
            pass
    return analysis.finish()


def stream(seed: int):
    """Return (time, kind, place) of two days on ten hosts: LinkDown brings BgpLost, others nothing."""
    rng = np.random.default_rng(seed)
    alarms = []
    for host in range(10):
        for kind in ("LinkDown", "DiskFull", "Login"):
            for at_s in rng.uniform(START_S, START_S + 172_800, 25):
                alarms.append((at_s, kind, host))
                if kind == "LinkDown" and rng.random() < 0.8:
                    alarms.append((at_s + rng.uniform(3, 6), "BgpLost", host))
    return sorted(alarms)


def table(alarms, *, header="time,alert,host"):
    """Return alarms as CSV."""
    return "\n".join([header, *(f"{at_s:.0f},{kind},h{host}" for at_s, kind, host in alarms)])


@pytest.mark.parametrize("seed", range(3))
def test_planted_cause_is_found(seed):
    """The cause is reported in its direction alone; kinds that have nothing to do with each other are not."""
    found = analyzed(table(stream(seed)))
    told = [
        (found.kinds[edge.cause], found.kinds[edge.effect]) for edge in found.graph.edges if edge.is_reported
    ]
    assert told == [("LinkDown", "BgpLost")]
    assert (found.kinds, found.places) == (("BgpLost", "DiskFull", "LinkDown", "Login"), 10)
    assert found.graph.order_trust > 0.9
    assert found.graph.tick_s == 1


def test_tables_are_one_stream():
    """Alarms of several files, with other headers and in any order, give what one file gives."""
    alarms = stream(1)
    one = analyzed(table(alarms))
    two = analyzed(table(alarms[500:]), table(alarms[:500], header="Starts At,Alert Name,Instance"))
    pairs = [
        [(edge.cause, edge.effect, round(edge.score, 9)) for edge in each.graph.edges] for each in (one, two)
    ]
    assert pairs[0] == pairs[1]
    assert (two.source, two.columns) == ("0.csv, 1.csv", ("time", "alert", "host"))
    assert (two.start_s, two.end_s, two.counts) == (one.start_s, one.end_s, one.counts)


def test_incomplete_rows_are_counted():
    """Rows without time, kind or place are left out; the first one is kept."""
    found = analyzed("time,alert,host\n1,a,b\n,a,b\n3,,b\n4,a\n5,c,b\n")
    assert found.incomplete == Unread(count=3, line=3, text=",a,b")
    assert (found.kinds, found.counts, found.total) == (("a", "c"), (1, 1), 2)


def test_rare_kinds_are_left_out(monkeypatch):
    """Of more kinds than are compared the most frequent stay; how many alarms are not is told."""
    monkeypatch.setattr(alarm_analysis, "MOST_KINDS", 2)
    found = analyzed("time,alert,host\n1,a,x\n2,b,x\n3,b,x\n4,c,x\n5,c,x\n")
    assert (found.kinds, found.counts, found.left_out) == (("b", "c"), (2, 2), 1)
    assert len(found.graph.edges) == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("alert,host\na,b\n", r"0\.csv line 1: no column of times"),
        ("time,host\n1,b\n", r"0\.csv line 1: no column with the kind of alarm: .*found time, host"),
        ("time,alert\n1,a\n", r"0\.csv line 1: no column with the place of the alarm: .*found time, alert"),
        ("time,alert,host\nsoon,a,b\n", r"0\.csv line 2: expected a time, a kind and a place .*'soon,a,b'"),
    ],
)
def test_what_holds_no_alarms_is_refused(text, told):
    """Each error names the file, the line, what was expected and what was found."""
    with pytest.raises(ConfigurationError, match=told):
        analyzed(text)
