"""Metrics in the terminal, on the page and as CSV."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest

from error_manager.analysis.envelope import Slice
from error_manager.analysis.metric_finding import MetricFindings, MetricSeries, Moment, News, Novelty
from error_manager.analysis.unread import Unread
from error_manager.reporting.analyze_metric import moments_to_csv, news_text, series_to_csv
from error_manager.reporting.analyze_metric_page import metrics_to_html
from error_manager.reporting.analyze_metric_table import render_metrics

ORDER = "values are scored in the order of the rows; one file per host, oldest row first, is expected"
START_S = 1_795_000_000.0
SPIKE = Moment(
    line=7,
    at_s=START_S + 300,
    value=95.06,
    score=0.93,
    novelty=Novelty(news=News.ABOVE, known=5, width=1, usual=(10.0, 14.5)),
)


def findings(*moments: Moment, name: str = "latency", notable: int | None = None) -> MetricFindings:
    """Return one column of ten values, a minute apart, from 10 to 19; the sixth is a spike."""
    series = MetricSeries(
        name=name,
        count=10,
        missing=2,
        unreadable=Unread(count=1, line=9, text="x"),
        low=10,
        high=95.06,
        mean=20,
        slices=tuple(Slice(START_S + 60 * at, 1, 10.0 + at, 10.0 + at, 10.0 + at) for at in range(10)),
        notable=len(moments) if notable is None else notable,
        moments=moments,
    )
    return MetricFindings(
        source="m.csv",
        rows=14,
        time_column="ts",
        start_s=START_S,
        end_s=START_S + 540,
        series=(series,),
        left_out=("host",),
        unread_times=Unread(count=1, line=3, text="soon"),
        uneven=Unread(count=2, line=4, text="1,2,3"),
        unordered=1,
    )


def render(found: MetricFindings, **options) -> list[str]:
    """Return the lines for a terminal."""
    return render_metrics([found], **({"top": 40, "width": 200, "is_styled": False} | options)).split("\n")


def test_terminal_has_all_there_is_to_tell():
    """Rows, span, what was not read, the shape with the moment marked below it, and the moment."""
    lines = render(findings(SPIKE))
    assert lines == [
        "m.csv: 14 rows, 2026-11-18 11:06:40 to 2026-11-18 11:15:40 UTC (9 min), times from ts",
        "  1 row left out, no time that can be read (first: line 3, 'soon')",
        "  2 rows left out, more cells than the header (first: line 4, '1,2,3')",
        f"  1 row is not later than the row before: {ORDER}",
        "  not scored, no numbers: host",
        "",
        "latency",
        "  10 values, 2 missing, 1 unreadable (first: line 9, 'x'); lowest 10, mean 20, highest 95.06",
        "  ▁▁▁▁▁█▁▂▂▂",
        "       ^",
        "  1 notable moment",
        "  when (UTC)           line  value  usual there  score  what is new",
        "  2026-11-18 11:11:40     7  95.06   10 to 14.5   0.93  above all 5 before",
    ]


def test_quiet_series_says_so():
    """Without moments there is no mark and no table; a short series says why."""
    lines = render(findings())
    assert lines[-2:] == ["  ▁▂▃▃▄▅▆▆▇█", "  nothing notable: the first 100 values have no score"]
    long = findings()
    long = replace(long, series=(replace(long.series[0], count=101),))
    assert render(long)[-1] == "  nothing notable"


def test_highest_are_shown():
    """With less room the highest scores are shown, oldest first, and how many there are."""
    later = replace(SPIKE, line=9, at_s=START_S + 400, score=0.6)
    lines = render(findings(SPIKE, later, notable=5), top=1)
    assert (lines[-3], lines[-1].startswith("  2026-11-18 11:11:40")) == (
        "  5 notable moments; the 1 highest",
        True,
    )


@pytest.mark.parametrize("sign", ["\x1b", "\u202e"])
def test_terminal_is_safe_and_narrow(sign):
    """What a terminal would obey is not printed; no line is wider than it."""
    lines = render(findings(SPIKE, name=f"a{sign}b"), width=60)
    assert not any(sign in line for line in lines)
    assert max(map(len, lines)) <= 60
    assert any("\x1b[1m" in line for line in render(findings(), is_styled=True))


@pytest.mark.parametrize(
    ("news", "width", "text"),
    [
        (News.ABOVE, 1, "above all 1,200 before"),
        (News.BELOW, 1, "below all 1,200 before"),
        (News.SEQUENCE, 1, "after such values as never in the 1,200 before"),
        (News.COURSE, 1, "a value unlike any of the 1,200 before"),
        (News.COURSE, 4, "4 values in a row unlike any of the 1,200 before"),
    ],
)
def test_what_is_new_in_words(news, width, text):
    """Each kind of news has its words."""
    novelty = Novelty(news=news, known=1_200, width=width, usual=(1, 2))
    assert news_text(replace(SPIKE, novelty=novelty)) == text


def test_page_has_a_plot_and_escapes():
    """A line and band per stretch with values, a dot per moment; text is text, nothing is loaded."""
    page = metrics_to_html([findings(SPIKE, name="<b>latency")])
    assert (page.count("<polyline"), page.count("<polygon"), page.count('class="dot"')) == (1, 1, 2)
    assert 'style="left:55.56%;top:6.00%"' in page
    assert "&lt;b&gt;latency" in page
    assert not any(word in page for word in ("<b>latency", "<script", "http"))
    assert "95.06</b>, usual there 10 to 14.5" in page


def test_several_files_are_told_apart():
    """Each file has a heading; the title says how many there are."""
    page = metrics_to_html([findings(), replace(findings(), source="n.csv")])
    assert ("<h1>Metrics in 2 files</h1>" in page, "<h2>m.csv</h2>" in page, "<h2>n.csv</h2>" in page) == (
        True,
        True,
        True,
    )
    assert "<h1>Metrics in m.csv</h1>" in metrics_to_html([findings()])


def test_gap_cuts_the_line():
    """Where values are missing for long, the line is not drawn through."""
    found = findings()
    series = found.series[0]
    later = (replace(each, start_s=each.start_s + 600) for each in series.slices[5:])
    cut = replace(series, slices=(*series.slices[:5], *later))
    page = metrics_to_html([replace(found, end_s=START_S + 1_140, series=(cut,))])
    assert page.count("<polyline") == 2


def test_one_value_is_drawn():
    """A column with one value, at one time, has a page and a shape."""
    found = findings()
    series = replace(found.series[0], slices=found.series[0].slices[:1], low=10, high=10, count=1)
    one = replace(found, end_s=START_S, series=(series,))
    assert "<polyline" in metrics_to_html([one])
    assert "  █" in render(one)


def test_csv_has_every_moment_and_column():
    """Moments with full values, columns with counts; cells that a spreadsheet would run are quoted."""
    found = [findings(SPIKE, name="=x")]
    (moment,) = csv.DictReader(io.StringIO(moments_to_csv(found)))
    assert moment == {
        "file": "m.csv", "column": "'=x", "line": "7", "time": "2026-11-18 11:11:40", "value": "95.06",
        "score": "0.93", "usual_low": "10.0", "usual_high": "14.5", "new": "above", "new_values": "1",
        "known_values": "5",
    }  # fmt: skip
    (column,) = csv.DictReader(io.StringIO(series_to_csv(found)))
    assert column == {
        "file": "m.csv", "column": "'=x", "values": "10", "missing": "2", "unreadable": "1", "lowest": "10",
        "mean": "20", "highest": "95.06", "notable": "1",
    }  # fmt: skip


def test_masking_covers_all_text_of_the_table():
    """Names of columns and the samples of what was not read are masked."""
    masked = findings(SPIKE).masked(str.upper)
    assert (masked.series[0].name, masked.series[0].unreadable.text, masked.unread_times.text) == (
        "LATENCY",
        "X",
        "SOON",
    )
    assert (masked.left_out, masked.time_column) == (("HOST",), "TS")
