"""A table of metrics from its text to its moments; what cannot be read is counted and told."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from error_manager.analysis.unread import Unread
from error_manager.core.errors import ConfigurationError
from error_manager.decoding.table import open_table
from error_manager.flows import metric_analysis
from error_manager.flows.metric_analysis import MetricAnalysis

NOW = datetime(2026, 11, 27, tzinfo=UTC)
START_S = 1_795_000_000


def analyzed(text: str):
    """Return what is found in a table."""
    table = open_table("m.csv", [text.encode()])
    analysis = MetricAnalysis(table, now=NOW)
    for line, cells in table.rows:
        analysis.add(line, cells)
    return analysis.finish()


def rows(values, *, step_s=60):
    """Return a table with one column of values."""
    lines = [f"{START_S + step_s * at},{value}" for at, value in enumerate(values)]
    return "\n".join(["time,x", *lines])


def noise(size, *, seed=3):
    """Return values that scatter evenly."""
    return np.random.default_rng(seed).uniform(10, 12, size).round(3)


def test_planted_moment_is_found():
    """A spike is told with its line, time, value and range; before it nothing is."""
    values = noise(400)
    values[350] = 30
    found = analyzed(rows(values))
    (series,) = found.series
    (moment,) = series.moments
    assert (moment.line, moment.at_s, moment.value, series.notable) == (352, START_S + 60 * 350, 30, 1)
    assert 10 <= moment.novelty.usual[0] < moment.novelty.usual[1] <= 12
    assert (series.count, series.high, series.low) == (400, 30, values.min())
    assert series.mean == pytest.approx(values.mean())
    assert (found.start_s, found.end_s, found.rows) == (START_S, START_S + 60 * 399, 400)


def test_quiet_series_tells_nothing():
    """A constant, and an even scatter, have no moment."""
    assert [series.notable for series in analyzed(rows([5] * 300)).series] == [0]
    assert [series.notable for series in analyzed(rows(noise(400, seed=7))).series] == [0]


def test_each_column_is_its_own():
    """Columns of numbers are scored each by itself; one of text is left out and named."""
    values = noise(300)
    lines = [f"{START_S + at};{str(value).replace('.', ',')};web;{at % 2}" for at, value in enumerate(values)]
    found = analyzed("\n".join(["time;x;host;y", *lines]))
    assert [series.name for series in found.series] == ["x", "y"]
    assert found.left_out == ("host",)
    assert found.series[0].mean == pytest.approx(values.mean())


def test_what_cannot_be_read_is_counted():
    """Missing values, words, rows without a time and with too many cells: counted, the first one kept."""
    found = analyzed("time,x\n1,5\n2,\n3,late\n4\nsoon,5\n5,6,7\n6,oops\n7,8,\n7,8\n")
    (series,) = found.series
    assert (found.rows, series.count, series.missing) == (9, 3, 2)
    assert series.unreadable == Unread(count=2, line=4, text="late")
    assert found.unread_times == Unread(count=1, line=6, text="soon")
    assert found.uneven == Unread(count=1, line=7, text="5,6,7")
    assert found.unordered == 1


def test_scores_are_those_of_the_rows():
    """Each number of a row comes back with its column and score."""
    table = open_table("m.csv", [b"time,x,host,y\n1,5,a,\n2,6,b,7\n"])
    analysis = MetricAnalysis(table, now=NOW)
    scored = [analysis.add(line, cells) for line, cells in table.rows]
    assert scored == [[("x", 5.0, 0.0)], [("x", 6.0, 0.0), ("y", 7.0, 0.0)]]


def test_highest_moments_are_kept(monkeypatch):
    """Of more moments than are kept those with the highest scores stay, oldest first; all are counted."""
    monkeypatch.setattr(metric_analysis, "MOST_MOMENTS", 2)
    values = noise(700)
    for at, value in ((300, 13), (400, 30), (500, 31), (600, 90)):
        values[at] = value
    (series,) = analyzed(rows(values)).series
    assert series.notable > 2
    assert [moment.value for moment in series.moments] == [30, 90]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("time,x\nsoon,5\n,6\n", r"m\.csv line 2: expected a time such as .*found 'soon'"),
        ("time,x\n1,5,5\n2,5,5\n", r"m\.csv line 2: expected 2 cells as in the header, found more: '1,5,5'"),
        ("time,x\n1,5 ms\n2,6 ms\n", r"m\.csv line 2: expected a number .*found '5 ms' in 'x'"),
        (
            "time\n1\n2\n",
            r"m\.csv line 1: expected a number in a column beside the times \(time\); found none",
        ),
        ("time,x\n3,5\n2,5\n1,5\n", r"m\.csv line 4: expected the oldest row first; 2 rows are older"),
        (rows([5] * 200, step_s=-60), r"m\.csv line 53: expected the oldest row first; 51 rows are older"),
        ("host,x\na,5\n", r"m\.csv line 1: no column of times"),
        (f"time{',x' * 201}\n1{',5' * 201}\n", r"m\.csv line 1: 201 columns beside the times; at most 200"),
    ],
)
def test_what_is_no_metric_is_refused(text, told):
    """Each error names the file, the line, what was expected and what was found."""
    with pytest.raises(ConfigurationError, match=told):
        analyzed(text)


CELLS = st.sampled_from(
    [
        "1",
        "-3.5",
        "9e99",
        "-9e99",
        "1e308",
        "1e-320",
        "inf",
        "nan",
        "",
        "x",
        "2026-01-01",
        "9999-12-31",
        "\x1b",
        "99999999999",
    ]
)


@settings(deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=30), st.booleans())
def test_any_cells_are_counted_or_refused(cells, has_times):
    """Each row ends in one count, each cell of a row with a time in one count of its column."""
    table = "\n".join(
        [
            "time,x,y",
            *(",".join([str(at) if has_times else row[0], *row[1:]]) for at, row in enumerate(cells)),
        ]
    )
    try:
        found = analyzed(table)
    except ConfigurationError as error:
        assert not has_times or "expected a number" in error.problems[0]  # noqa: PT017 - either may come
        return
    taken = found.rows - found.unread_times.count
    assert (found.rows, taken > 0) == (len(cells), True)
    for series in found.series:
        assert series.count + series.missing + series.unreadable.count == taken
        assert series.low <= series.high
        assert sum(each.count for each in series.slices) == series.count
