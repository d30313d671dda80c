"""A report tells what changed against the range before, and its files carry nothing that runs."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest

from error_manager.core.types import OutcomeKind, PatternId, PatternStatus, ProjectId, Severity
from error_manager.reporting.export import to_csv, to_json
from error_manager.reporting.generator import InsightLine, generate
from error_manager.reporting.templates import to_html
from error_manager.storage.base import HistoryPoint, Ledger, PatternRow

SINCE = datetime(2026, 3, 1, tzinfo=UTC)
UNTIL = SINCE + timedelta(days=7)


def pattern(
    number: int, count: int, *, first_seen: datetime = SINCE - timedelta(days=30), **more
) -> PatternRow:
    """Return a pattern with ``count`` errors in the range."""
    return PatternRow(
        **{
            "id": PatternId(number),
            "project_id": ProjectId(1),
            "pattern_hash": f"{number:064x}",
            "title": "ValueError",
            "message": f"message {number}",
            "culprit": "place in orders.py:3",
            "module": "orders",
            "error_code": "ValueError",
            "severity": Severity.ERROR,
            "status": PatternStatus.UNRESOLVED,
            "count": count,
            "users": 3,
            "first_seen": first_seen,
            "last_seen": UNTIL,
            **more,
        }
    )


def report(*patterns: PatternRow, previous=None, **more):
    """Return the report of the patterns."""
    return generate(
        since=SINCE,
        until=UNTIL,
        generated_at=UNTIL,
        projects=["Shop"],
        patterns=patterns,
        previous_counts=previous or {},
        history=[HistoryPoint(start=SINCE + timedelta(days=day), count=day * 10) for day in range(7)],
        ledger=Ledger(received=5, waiting=0, outcomes={OutcomeKind.ACCEPTED: 5}),
        **more,
    )


def test_findings_stand_in_every_format():
    """Sentences and risks; the riskiest are unresolved, and what was not analysed has no risk."""
    made = report(
        pattern(1, 25),
        pattern(2, 75),
        pattern(3, 5, status=PatternStatus.RESOLVED),
        risks={PatternId(1): 78.4, PatternId(3): 99.0},
        insights=[InsightLine(text="Rising: <pool>, 3.4x its usual rate", at=SINCE, kind="rising")],
    )
    assert [line.pattern.id for line in made.riskiest] == [1]
    values = json.loads(to_json(made))
    assert values["insights"] == [
        {"kind": "rising", "at": "2026-03-01T00:00:00Z", "text": "Rising: <pool>, 3.4x its usual rate"}
    ]
    assert [row["risk"] for row in values["patterns"]] == [None, 78.4, 99.0]
    page = to_html(made).decode()
    assert "Rising: &lt;pool&gt;, 3.4x its usual rate" in page
    assert '<td class="number">78</td>' in page
    assert ",78.4," in to_csv(made).decode()


def test_totals_shares_and_order():
    """The most frequent pattern comes first, shares sum to one, the change is against the range before."""
    made = report(pattern(1, 25), pattern(2, 75), previous={PatternId(1): 50, PatternId(9): 30})
    assert [line.pattern.id for line in made.top] == [2, 1]
    assert (made.total, made.previous_total, made.change_share) == (100, 80, 0.25)
    assert sum(line.share for line in made.all_lines) == pytest.approx(1.0)


def test_new_regressed_and_rising_patterns_are_told_apart():
    """New: first seen in the range. Came back: reopened. Rising: known, at least doubled, at least twenty."""
    made = report(
        pattern(1, 5, first_seen=SINCE),
        pattern(2, 40, is_regression=True),
        pattern(3, 20),
        pattern(4, 19),
        pattern(5, 39),
        previous={PatternId(2): 40, PatternId(3): 10, PatternId(4): 1, PatternId(5): 20},
    )
    assert [line.pattern.id for line in made.new] == [1]
    assert [line.pattern.id for line in made.regressed] == [2]
    assert [line.pattern.id for line in made.rising] == [3]


def test_a_range_before_without_errors_has_no_change():
    """No division by nothing."""
    assert report(pattern(1, 5)).change_share is None


def test_json_and_csv_hold_every_pattern():
    """Both list the same patterns with the same counts."""
    made = report(*(pattern(number, number) for number in range(1, 40)))
    values = json.loads(to_json(made))
    rows = list(csv.DictReader(io.StringIO(to_csv(made).decode("utf-8-sig"))))
    assert values["total_errors"] == sum(range(1, 40))
    assert [int(row["count"]) for row in rows] == [line["count"] for line in values["patterns"]]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula(start):
    """What a spreadsheet would run begins with an apostrophe."""
    rows = list(
        csv.reader(io.StringIO(to_csv(report(pattern(1, 1, message=start + "1+1"))).decode("utf-8-sig")))
    )
    assert rows[1][rows[0].index("message")] == "'" + start + "1+1"


def test_html_escapes_what_errors_say():
    """Markup in an error stays text, and the page carries no script."""
    page = to_html(report(pattern(1, 1, title="<script>alert(1)</script>"))).decode()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_html_of_an_empty_range_is_a_sentence():
    """No empty tables and charts."""
    page = to_html(report()).decode()
    assert "No errors in this range." in page
    assert "<svg" not in page
