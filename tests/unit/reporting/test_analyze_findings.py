import csv
import io
import json
from dataclasses import replace

from error_manager.analysis.found import FoundPatterns
from error_manager.analysis.log_finding import Advice, Follows, LogFindings, Stretch, StretchKind
from error_manager.reporting.analyze import Analysis, findings_to_csv, to_json
from error_manager.reporting.analyze_findings_page import findings_html
from error_manager.reporting.analyze_findings_table import render_findings
from error_manager.reporting.analyze_page import to_html

START_S = 1_795_428_000.0  # 2026-11-23 10:00 UTC


def follows(**changes):
    """Return a relation of the two patterns."""
    known = Follows(
        cause="E1", effect="E2", score=0.78, lag_s=4.04, lag_spread_s=(3.6, 4.2), support=22, occasions=24,
        base_share=0.001,
    )  # fmt: skip
    return replace(known, **changes)


def stretch(**changes):
    """Return a burst of the second pattern."""
    known = Stretch(
        pattern="E2", kind=StretchKind.BURST, start_s=START_S, end_s=START_S + 900, per_hour=1200.0,
        usual_per_hour=7.4, gain=90.0, is_open=False,
    )  # fmt: skip
    return replace(known, **changes)


def advice(**changes):
    """Return what to do about the first pattern."""
    known = Advice(
        pattern="E1", risk=22.4, risk_reasons=("+20 error severity",), family="No free connection",
        why='the message says "<pool>"', action="Count connections.", reason="No free connection.",
        confidence=0.6, is_check=True, checks=("Look for leaks.",),
    )  # fmt: skip
    return replace(known, **changes)


def analysis(findings, text="pool of <*> exhausted"):
    """Return an analysis of two patterns with findings."""
    found = FoundPatterns()
    found.add("E1", text=text, count=24)
    found.add("E2", text="order <*> <b>failed</b>", count=22)
    return replace(Analysis.of(found, source="a.log", unit="records"), findings=findings)


SILENT = stretch(kind=StretchKind.SILENCE, per_hour=0.0, end_s=START_S + 200_000, is_open=True)
UPSTREAM = advice(pattern="E2", family="", why="", is_check=False, checks=(), action="Mend E1 first.")
EVERYTHING = LogFindings(follows=(follows(),), stretches=(stretch(), SILENT), advice=(advice(), UPSTREAM))


def test_the_terminal_shows_each_finding_in_words():
    """Pairs have lag and count, stretches their time and rates, advice its family and checks."""
    text = render_findings(analysis(EVERYTHING), width=100, is_styled=False)
    assert text.split("\n") == [
        "What follows what",
        "  pool of <*> exhausted",
        "    -> order <*> <b>failed</b>",
        "       4.0 s later (3.6 s to 4.2 s), 22 of 24 times, score 0.78",
        "",
        "Unusual stretches (UTC)",
        "  burst   order <*> <b>failed</b>",
        "          2026-11-23 10:00 to 10:15 (15 min): 1,200 an hour, usually 7.4",
        "  silence order <*> <b>failed</b>",
        "          2026-11-23 10:00 to the end (2 days): none, usually 7.4 an hour",
        "",
        "What to do",
        "  pool of <*> exhausted",
        '    is   No free connection: the message says "<pool>"',
        "    do   Count connections.",
        "         Look for leaks.",
        "  order <*> <b>failed</b>",
        "    do   Mend E1 first.",
        "    why  No free connection.",
    ]


def test_long_lists_and_texts_are_cut():
    """Ten of each kind are shown, texts fit the terminal, and no control character gets there."""
    found = analysis(LogFindings(follows=(follows(),) * 12), text="x\x1b" * 90)
    lines = render_findings(found, width=80, is_styled=False).split("\n")
    assert (lines[-1], max(map(len, lines))) == ("  ... and 2 more: --report has them", 80)
    assert "\x1b" not in "".join(lines)


def test_nothing_found_says_nothing_but_the_note():
    """Without findings there is no heading; why something was not looked for is told."""
    assert render_findings(analysis(None), width=80, is_styled=False) == ""
    assert render_findings(analysis(LogFindings()), width=80, is_styled=False) == ""
    assert render_findings(analysis(LogFindings(note="no numpy")), width=80, is_styled=False) == "no numpy"
    assert findings_html(None, {}) == ""
    assert findings_html(LogFindings(note="a < b"), {}) == "<p>a &lt; b</p>"


def test_json_has_every_finding():
    """Patterns are named by id, times are ISO 8601; without findings the key is absent."""
    found = json.loads(to_json(analysis(EVERYTHING)))["findings"]
    assert found["follows"][0] == {
        "cause": "E1", "effect": "E2", "score": 0.78, "lag_s": 4.04, "lag_spread_s": [3.6, 4.2],
        "support": 22, "occasions": 24, "base_share": 0.001,
    }  # fmt: skip
    assert found["stretches"][0] == {
        "pattern": "E2", "kind": "burst", "start": "2026-11-23T10:00:00+00:00",
        "end": "2026-11-23T10:15:00+00:00", "per_hour": 1200.0, "usual_per_hour": 7.4, "is_open": False,
    }  # fmt: skip
    assert (found["advice"][0]["action"], found["advice"][0]["checks"]) == (
        "Count connections.",
        ["Look for leaks."],
    )
    assert "findings" not in json.loads(to_json(analysis(None)))


def test_csv_has_one_row_per_finding():
    """Kinds share the columns; cells that a spreadsheet would run are quoted."""
    rows = list(csv.DictReader(io.StringIO(findings_to_csv(analysis(EVERYTHING, text="=1+1")))))
    assert [row["kind"] for row in rows] == ["follows", "burst", "silence", "advice", "advice"]
    assert (rows[0]["pattern"], rows[0]["other"], rows[0]["other_text"]) == ("E2", "E1", "'=1+1")
    assert (rows[3]["risk"], rows[3]["checks"]) == ("22.4", "Look for leaks.")


def test_the_page_escapes_what_it_shows():
    """Texts of a log and of advice are no HTML; each kind has its section."""
    page = to_html(analysis(EVERYTHING))
    assert "<b>failed</b>" not in page
    assert all(title in page for title in ("What to do", "What follows what", "Unusual stretches"))
    assert "the message says &quot;&lt;pool&gt;&quot;" in page
    many = to_html(analysis(LogFindings(follows=(follows(),) * 25)))
    assert "5 more are in patterns.json and findings.csv." in many
