import csv
import io
import json

import pytest

from error_manager.analysis.found import FoundPatterns
from error_manager.core.types import Severity
from error_manager.reporting.analyze import Analysis, to_csv, to_json
from error_manager.reporting.analyze_page import to_html
from error_manager.reporting.analyze_table import render_new, render_table


def analysis(text="order <*> failed", sample="order 7 failed"):
    """Return an analysis of two patterns over two hours."""
    found = FoundPatterns()
    found.add(
        "E1", text=text, count=2, samples=[sample], times=("10:00", "12:00"),
        minutes={29_000_000: 1, 29_000_120: 1}, severity=Severity.ERROR, where="shop.pay", why=("type: X",),
    )  # fmt: skip
    found.add("E2", text="all is well", count=1)
    return Analysis.of(found, source="a.log", unit="records", lines=5)


def test_table_is_cut_to_the_width():
    """No line is wider than the terminal; each pattern has its count, share, times and samples."""
    text = render_table(analysis("word " * 80), top=5, samples=1, width=120, is_styled=False)
    lines = text.split("\n")
    assert max(map(len, lines)) <= 120
    assert lines[0] == "3 records, 2 patterns, 5 lines; the 2 most frequent:"
    assert "        2  66.7% error" in lines[3]
    assert lines[4].endswith("| order 7 failed")


@pytest.mark.parametrize("sign", ["\x1b", "\u202e", "\x07"])
def test_what_a_terminal_would_obey_is_not_printed(sign):
    """Control characters and reversed writing in a log do not reach the terminal."""
    found = analysis(f"a{sign}b", f"c{sign}d")
    assert sign not in render_table(found, top=5, samples=1, width=120, is_styled=False)
    assert sign not in render_new(found.patterns[0], str)


def test_styles_are_for_terminals():
    """With styles the wildcards and severities are colored."""
    assert "\x1b[33m<*>" in render_table(analysis(), top=5, samples=0, width=120, is_styled=True)
    assert "\x1b" not in render_table(analysis(), top=5, samples=0, width=120, is_styled=False)


def test_nothing_found():
    """An empty input has a heading and no table; the page stands all the same."""
    empty = Analysis.of(FoundPatterns(), source="a.log", unit="records")
    assert render_table(empty, top=5, samples=0, width=80, is_styled=False) == "0 records, 0 patterns"
    assert "The input has no times." in to_html(empty)


def test_json_and_csv_say_the_same():
    """Both have every pattern with count, share, marks and times."""
    found = json.loads(to_json(analysis()))
    rows = list(csv.DictReader(io.StringIO(to_csv(analysis()))))
    assert [(row["id"], str(row["count"]), row["first"]) for row in found["patterns"]] == [
        (row["id"], row["count"], row["first"]) for row in rows
    ]
    assert (found["total"], sum(found["series"]), found["patterns"][0]["why"]) == (3, 2, ["type: X"])


def test_page_needs_nothing_and_escapes_everything():
    """No script, no request; text of the log is text; the chart has a bar for each slice with records."""
    page = to_html(analysis("<script>alert(1)</script> <*>", "<img src=x>"))
    assert "<script" not in page
    assert "<img" not in page
    assert "http" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; <mark>&lt;*&gt;</mark>" in page
    assert page.count("<rect") == 4
    assert "2025-02-19 21:20 to 2025-02-19 23:20 UTC" in page


def test_masking_covers_text_and_samples():
    """What is shown is masked; with a limit only the patterns that are shown."""
    masked = analysis().masked(str.upper)
    assert (masked.patterns[0].text, masked.patterns[0].samples) == ("ORDER <*> FAILED", ["ORDER 7 FAILED"])
    assert analysis().masked(str.upper, limit=1).patterns[1].text == "all is well"
