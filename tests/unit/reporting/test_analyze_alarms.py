"""Alarms in the terminal, on the page and as CSV."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

from error_manager.analysis.alarm_finding import AlarmFindings
from error_manager.analysis.causality import CausalGraph, Edge
from error_manager.analysis.unread import Unread
from error_manager.reporting.analyze_alarms import pairs_to_csv
from error_manager.reporting.analyze_alarms_page import alarms_to_html
from error_manager.reporting.analyze_alarms_table import render_alarms

START_S = 1_795_000_000.0
DAYS = "2026-11-18 11:06:40 to 2026-11-23 11:06:40 UTC"


def edge(cause: int, effect: int, score: float, *, is_reported: bool) -> Edge:
    """Return a pair."""
    return Edge(
        cause=cause,
        effect=effect,
        score=score,
        lift=131.4 if is_reported else 1.25,
        direct_share=0.27,
        lead_share=0.93,
        direction=1.5,
        excess=30.0,
        is_reported=is_reported,
    )


def findings(*edges: Edge, kinds: tuple[str, ...] = ("down", "lost")) -> AlarmFindings:
    """Return pairs of two kinds of alarms."""
    return AlarmFindings(
        source="a.csv",
        columns=("time", "alert", "host"),
        kinds=kinds,
        counts=(20,) * len(kinds),
        places=3,
        start_s=START_S,
        end_s=START_S + 86_400 * 5,
        graph=CausalGraph(edges=edges, order_trust=0.94, tick_s=1.0, precedence=(), company=()),
        left_out=0,
        incomplete=Unread(),
    )


PAIRS = (edge(0, 1, 0.693, is_reported=True), edge(1, 0, 0.2, is_reported=False))


def render(found: AlarmFindings, **options) -> list[str]:
    """Return the lines for a terminal."""
    return render_alarms(found, **({"top": 40, "width": 200, "is_styled": False} | options)).split("\n")


def test_terminal_has_all_there_is_to_tell():
    """What was read, how far the order was trusted, each pair with its numbers; reported ones are marked."""
    assert render(findings(*PAIRS)) == [
        f"a.csv: 40 alarms of 2 kinds (alert) in 3 places (host), {DAYS} (5 days), times from time",
        "Clock tick: 1 s. The order in time decided 94% of the direction, and which kind is seen alone 6%.",
        "1 of 2 pairs are reported (*):",
        "",
        "  score   together  cause first  direct  cause -> effect",
        "*  0.69      x 131          93%     27%  down -> lost",
        "   0.20      x 1.2          93%     27%  lost -> down",
    ]


def test_less_room():
    """With fewer pairs asked for, the best are shown, and it says so; no line is wider than the terminal."""
    lines = render(findings(*PAIRS), top=1, width=60)
    assert lines[2] == "1 of 2 pairs are reported (*); the 1 best:"
    assert (len(lines), max(map(len, lines))) == (6, 60)
    assert render(findings(*PAIRS), is_styled=True)[5].startswith("\x1b[1m*")


def test_what_was_left_out_is_told():
    """Rows that were not read, kinds not compared, and that one kind has no cause."""
    found = replace(findings(kinds=("down\x1b",)), left_out=7, incomplete=Unread(count=2, line=3, text="x"))
    assert render(found)[1:] == [
        "2 rows left out, without a time, kind or place (first: line 3, 'x')",
        "7 alarms of rarer kinds not compared: only the 1 most frequent kinds are",
        "one kind alone: there is nothing to compare it with",
    ]


def test_page_has_graph_and_table_and_escapes():
    """The reported pair is drawn and listed, the other one folded away; text is text, nothing is loaded."""
    page = alarms_to_html(findings(*PAIRS, kinds=("<b>down", "a name that is longer than its box")))
    assert (page.count('class="edge"'), page.count("<rect"), page.count("<tr>")) == (1, 2, 4)
    assert "a name that is longer tha…</text>" in page
    assert ("&times;131</text>" in page, "1 pair that did not stand out" in page) == (True, True)
    assert not any(word in page for word in ("<b>down", "<script", "http"))
    assert "94%" in page


def test_numbers_stand_where_one_line_ends():
    """Where two lines end in one box their numbers would lie on each other: they are left to the table."""
    pairs = [edge(0, 2, 0.9, is_reported=True), edge(1, 2, 0.8, is_reported=True)]
    page = alarms_to_html(findings(*pairs, kinds=("a", "b", "c")))
    assert (page.count('class="edge"'), page.count("&times;131</text>")) == (2, 0)


def test_page_without_pairs():
    """Without a reported pair the page says so; with one kind there is no table."""
    assert "No pair is reported." in alarms_to_html(findings(PAIRS[1]))
    assert "<table" not in alarms_to_html(findings(kinds=("a",)))


def test_csv_has_every_pair():
    """All numbers of all pairs; cells that a spreadsheet would run are quoted."""
    found = list(csv.DictReader(io.StringIO(pairs_to_csv(findings(*PAIRS, kinds=("=down", "lost"))))))
    assert found[0] == {
        "cause": "'=down", "effect": "lost", "reported": "1", "score": "0.693", "lift": "131.4",
        "cause_first_share": "0.93", "direct_share": "0.27", "direction": "1.5", "excess": "30.0",
        "causes": "20", "effects": "20",
    }  # fmt: skip
    assert [row["reported"] for row in found] == ["1", "0"]


def test_masking_covers_all_text_of_the_table():
    """Kinds, names of columns and the sample are masked."""
    masked = replace(findings(*PAIRS), incomplete=Unread(count=1, line=1, text="x")).masked(str.upper)
    assert (masked.kinds, masked.columns, masked.incomplete.text) == (
        ("DOWN", "LOST"),
        ("TIME", "ALERT", "HOST"),
        "X",
    )
