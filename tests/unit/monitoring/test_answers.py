"""The five answers of a pattern's page."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from error_manager.analysis.usual import Expected
from error_manager.core.types import PatternId, PatternStatus, ProjectId, Severity
from error_manager.monitoring.answers import (
    DAY_S,
    HOUR_S,
    Answers,
    advice,
    ahead,
    alike,
    chart,
    factor_bars,
    factor_words,
    gap_words,
    relations,
    risk_word,
    usual_words,
)
from error_manager.monitoring.progress import Progress
from error_manager.storage.base import Bucket, HistoryPoint, PatternRow, Window
from error_manager.storage.findings import (
    Anomaly,
    Change,
    ChangeKind,
    CorrelationEnd,
    CorrelationRow,
    Evidence,
    Fix,
    ForecastRow,
    ForecastSum,
    Neighbour,
    PatternAnalysis,
    Recommendation,
    RiskFactor,
    Scale,
    Scope,
    ScopeKind,
)

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
ONE = ProjectId(1)
ME = PatternId(1)
SCOPE = Scope(project_id=ONE, kind=ScopeKind.PATTERN, key="1")


def pattern(number: int) -> PatternRow:
    """Return an unresolved pattern."""
    return PatternRow(
        id=PatternId(number),
        project_id=ONE,
        pattern_hash="",
        title=f"P{number}",
        message="",
        culprit="",
        module="",
        error_code="",
        severity=Severity.ERROR,
        status=PatternStatus.UNRESOLVED,
        count=1,
        users=0,
        first_seen=NOW,
        last_seen=NOW,
    )


PATTERNS = {PatternId(n): pattern(n) for n in (1, 2, 3)}


def correlation(
    first: int | None, second: int, score: float, *, change_id: int | None = None
) -> CorrelationRow:
    """Return 41 of 50 times, 4 s later."""
    return CorrelationRow(
        organization_id=1,
        first=CorrelationEnd(project_id=ONE, pattern_id=None if first is None else PatternId(first)),
        second=CorrelationEnd(project_id=ONE, pattern_id=PatternId(second)),
        kind="direct",
        score=score,
        window_s=60,
        gap_ms=4000,
        gap_low_ms=3000,
        gap_high_ms=5000,
        support=41,
        trials=50,
        base=0.1,
        lift=8.0,
        q_value=0.01,
        created_at=NOW,
        change_id=change_id,
    )


def analysis(**parts) -> PatternAnalysis:
    """Return what is known of the pattern."""
    return PatternAnalysis(project_id=ONE, pattern_id=ME, updated_at=NOW, **parts)


def anomaly(hours: int, *, ended: int | None, score: float = 80.0) -> Anomaly:
    """Return a burst that began so many hours ago."""
    return Anomaly(
        scope=SCOPE,
        scale=Scale.MINUTE,
        kind="burst",
        started_at=NOW - timedelta(hours=hours),
        ended_at=None if ended is None else NOW - timedelta(hours=ended),
        detected_at=NOW,
        updated_at=NOW,
        observed=90.0,
        expected=20.0,
        lower=10.0,
        upper=30.0,
        score=score,
    )


def forecast(step_s: int, *points: float) -> ForecastRow:
    """Return a forecast with bands of half and double."""
    return ForecastRow(
        scope=SCOPE,
        step_s=step_s,
        start_at=NOW,
        made_at=NOW,
        point=points,
        lower80=tuple(p / 2 for p in points),
        upper80=tuple(p * 2 for p in points),
        lower95=tuple(p / 4 for p in points),
        upper95=tuple(p * 4 for p in points),
    )


def test_what_comes_before_and_after():
    """By direction, the surest first; a change is a cause of its own kind, what is unknown is left out."""
    change = Change(project_id=ONE, at=NOW, kind=ChangeKind.DEPLOY, version="2.8", id=7)
    rows = [
        correlation(2, 1, 0.4),
        correlation(3, 1, 0.9),
        correlation(1, 2, 0.5),
        correlation(None, 1, 0.8, change_id=7),
        correlation(None, 1, 0.8, change_id=8),
        correlation(1, 99, 0.9),
    ]
    before, after, causes = relations(ME, rows, PATTERNS, {7: change})
    assert [one.pattern.id for one in before] == [3, 2]
    assert [(one.pattern.id, one.support, one.trials) for one in after] == [(2, 41, 50)]
    assert [one.change.version for one in causes] == ["2.8"]


def test_what_is_alike_says_how_it_was_resolved():
    """The most alike first, each once; what is gone, faint, or part of this pattern by now is left out."""
    fix = Fix(pattern_id=PatternId(3), at=NOW, note="raised the pool", release="2.9")
    found = alike(
        ME,
        [
            Neighbour(project_id=ONE, pattern_id=PatternId(n), score=score, reasons=("frame x",))
            for n, score in ((2, 0.3), (3, 0.8), (99, 0.9), (7, 0.6), (8, 0.7), (9, 0.19))
        ],
        {**PATTERNS, PatternId(7): pattern(3), PatternId(8): pattern(1), PatternId(9): pattern(9)},
        {PatternId(3): fix},
    )
    assert [(one.pattern.id, one.fix) for one in found] == [(3, fix), (2, None)]


@pytest.mark.parametrize(
    ("state", "rates", "words"),
    [
        ("rising", {"ratio": 3.4}, "Rising: 3.4x its usual rate"),
        ("fading", {"ratio": 0.2}, "Fading: 0.2x its usual rate"),
        ("regressed", {}, "Came back"),
        ("new", {}, "New"),
        ("silent", {}, "Silent"),
        ("ongoing", {"ratio": 1.0}, ""),
        (None, {}, ""),
    ],
)
def test_the_state_in_words(state, rates, words):
    """Nothing is said of what goes on as usual."""
    assert Answers(analysis=analysis(state=state, rates=rates)).state_words == words


def test_what_has_nothing_to_say_says_so_in_one_line():
    """Before the first analysis, and of each answer that is empty; nothing when all speak."""
    assert Answers().quiet_words.startswith("Not analysed yet")
    unseen = Progress(project_id=ProjectId(1), minutes_at=None, to_go=timedelta(), hours_at=None)
    assert Answers(analysis=analysis(), progress=unseen).quiet_words == ""
    late = replace(unseen, hours_at=NOW - timedelta(hours=5))
    assert Answers(analysis=analysis(), progress=late).quiet_words
    assert Answers(analysis=analysis()).quiet_words == (
        "Nothing comes with it more often than chance explains; no other pattern is like it; "
        "it is of no known kind of fault, so there is no advice."
    )


def test_the_anomaly_that_goes_on():
    """The one with the highest score of those that have no end."""
    found = Answers(
        anomalies=(anomaly(3, ended=1, score=99), anomaly(2, ended=None), anomaly(1, ended=None, score=90))
    )
    assert found.open_anomaly == anomaly(1, ended=None, score=90)
    assert Answers().open_anomaly is None
    assert found.unusual_words == "90 per minute, 20 expected"
    assert Answers().unusual_words == ""


def test_the_outlook_is_of_totals():
    """A day and a week as they were forecast: the sum of hours would have a wrong band."""
    sums = tuple(
        ForecastSum(
            span_s=span_s, point=point, lower80=point / 2, upper80=point * 2, lower95=0.0, upper95=point * 4
        )
        for span_s, point in ((DAY_S, 40.0), (7 * DAY_S, 280.0))
    )
    found = Answers(forecasts=(replace(forecast(HOUR_S, 1.0, 2.0), sums=sums),))
    assert [(one.length.days, one.point, one.lower, one.upper) for one in found.outlooks] == [
        (1, 40.0, 20.0, 80.0),
        (7, 280.0, 140.0, 560.0),
    ]


def test_the_chart_holds_history_forecast_marks_and_anomalies():
    """The forecast of the shown step alone, changes and anomalies within the shown time."""
    history = tuple(HistoryPoint(start=NOW + timedelta(hours=at), count=at + 4) for at in range(-3, 0))
    change = Change(project_id=ONE, at=NOW - timedelta(hours=2), kind=ChangeKind.RELEASE, version="2.8")
    answers = Answers(
        anomalies=(anomaly(2, ended=None), anomaly(90, ended=80)),
        changes=(change, replace(change, at=NOW - timedelta(days=9))),
        forecasts=(forecast(HOUR_S, 4.0), forecast(DAY_S, 40.0)),
    )
    drawn = json.loads(chart(history, answers, bucket_s=HOUR_S))
    assert drawn["counts"] == [1, 2, 3]
    assert drawn["ahead"] == [[NOW.timestamp(), 4.0, 2.0, 8.0]]
    assert drawn["marks"] == [[int(change.at.timestamp()), "release 2.8"]]
    assert drawn["spans"] == [
        [int(NOW.timestamp()) - 7200, None, "burst: 90 per minute, 20 expected"],
    ]


def band(low: int, high: int) -> Expected:
    """Return a band of 80 % around its middle."""
    return Expected(point=(low + high) / 2, lower80=low, upper80=high, lower95=0, upper95=2 * high)


def test_the_chart_holds_what_is_usual_and_the_days_ahead():
    """A bucket without a band is null; the day that goes on is history, the forecast begins after it."""
    history = tuple(HistoryPoint(start=NOW + timedelta(days=at), count=4) for at in range(-2, 1))
    days = replace(forecast(DAY_S, 40.0, 20.0, 30.0), start_at=NOW)
    answers = Answers(usual=(None, band(1, 3), band(2, 6)), forecasts=(forecast(HOUR_S, 4.0), days))
    drawn = json.loads(chart(history, answers, bucket_s=DAY_S))
    assert drawn["usual"] == [None, [1, 3], [2, 6]]
    tomorrow = NOW.timestamp() + DAY_S
    assert drawn["ahead"] == [[tomorrow, 20.0, 10.0, 40.0], [tomorrow + DAY_S, 30.0, 15.0, 60.0]]
    assert ahead(history, Answers(), bucket_s=DAY_S) == ()
    assert json.loads(chart(history, Answers(), bucket_s=DAY_S))["usual"] == []


def test_the_band_is_told_in_words():
    """Over the buckets that have one and are over, with how many counts are outside; nothing without one."""
    history = tuple(
        HistoryPoint(start=NOW + timedelta(hours=at), count=count)
        for at, count in enumerate((900, 0, 5, 7, 0), start=-4)
    )
    window = Window(bucket=Bucket.HOUR, since=history[0].start, until=NOW + timedelta(hours=1))
    now = NOW + timedelta(minutes=1)
    bands = (None, band(1, 3), band(4, 1_234), band(2, 6), band(0, 0))
    assert usual_words(history, Answers(usual=bands), window=window, now=now) == (
        "Usual range (80 %): 1 to 1,234 errors per hour; above it in 1 of 3 hours, below in 1."
    )
    alone = Answers(usual=(band(0, 0),))
    assert usual_words(history[1:2], alone, window=replace(window, bucket=Bucket.DAY), now=NOW) == ""
    assert usual_words(history[1:2], alone, window=window, now=NOW) == (
        "Usual range (80 %): 0 errors per hour; above it in 0 of 1 hour, below in 0."
    )
    assert usual_words(history, Answers(), window=window, now=now) == ""
    assert usual_words(history, Answers(usual=(None,) * 5), window=window, now=now) == ""


def test_factors_are_drawn_by_weight():
    """Those that round to nothing are left out; the largest has the whole bar."""
    factors = [
        RiskFactor(name=name, points=points, reason="")
        for name, points in (("a", -5.0), ("b", 20.0), ("c", 0.4))
    ]
    assert [(one.name, share) for one, share in factor_bars(factors)] == [("b", 1.0), ("a", 0.25)]


def test_the_points_of_a_factor_are_said_once():
    """They stand beside the reason; a reason without them stays as it is."""
    assert factor_words(RiskFactor(name="a", points=14.2, reason="+14 error severity")) == "error severity"
    assert factor_words(RiskFactor(name="a", points=-1.6, reason="-2 fades")) == "fades"
    assert factor_words(RiskFactor(name="a", points=3.0, reason="hits users")) == "hits users"


def test_recommendations_of_one_reason_are_told_together():
    """The reason, what it goes by and its causes once; what the reason says is no evidence beside it."""
    told, linked = Evidence(text="The pool is empty"), Evidence(text="41 errors", link="/patterns/1/1")

    def one(key, reason):
        return Recommendation(key=key, family="pool", action=key, reason=reason, confidence=0.5,
                              causes=("a leak",), evidence=(told, linked))  # fmt: skip

    found = advice(
        [
            one("a", "The pool is empty: it says so"),
            one("b", "Other"),
            one("c", "The pool is empty: it says so"),
        ]
    )
    assert [(part.reason, [step.key for step in part.steps]) for part in found] == [
        ("The pool is empty: it says so", ["a", "c"]),
        ("Other", ["b"]),
    ]
    assert [part.evidence for part in found] == [(linked,), (told, linked)]
    assert found[0].causes == ("a leak",)


@pytest.mark.parametrize(
    ("risk", "word"),
    [(0.0, "low"), (24.9, "low"), (25.0, "moderate"), (32.9, "moderate"), (33.0, "high"), (49.9, "high"),
     (50.0, "critical"), (100.0, "critical")],
)  # fmt: skip
def test_the_word_of_a_risk(risk, word):
    """Four steps."""
    assert risk_word(risk) == word


def test_the_gap_in_words():
    """Below a second there is nothing to wait for."""
    assert gap_words(timedelta(milliseconds=300)) == "at once"
    assert gap_words(timedelta(seconds=4)) == "4 s later"
    assert gap_words(timedelta(seconds=4), "earlier") == "4 s earlier"
