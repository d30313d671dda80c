"""Findings become few ranked sentences: one per incident, one per pattern, the same in any order."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from error_manager.core.types import PatternId, ProjectId, Severity
from error_manager.core.wording import span
from error_manager.monitoring.finding import (
    AnomalyFinding,
    ChangeFinding,
    CorrelationFinding,
    PatternFacts,
    StateFinding,
    WindowFindings,
)
from error_manager.monitoring.incident import group, relations
from error_manager.monitoring.insights import InsightKind, insights
from error_manager.monitoring.sentence import Target, TargetKind, listed, plain, rates, words

SHOP = ProjectId(1)
NOON = datetime(2026, 3, 8, 12, 0, tzinfo=UTC)
AT = datetime(2026, 3, 8, 11, 18, tzinfo=UTC)
POOL, PAY, WEB, MAIL, TAX, COUPON = (PatternId(number) for number in range(1, 7))
TITLES = {POOL: "API pool exhausted", PAY: "payments", WEB: "web", MAIL: "mail", TAX: "tax", COUPON: "coupon"}


def pattern(key, **values):
    """Return the facts of a pattern."""
    return PatternFacts(project_id=SHOP, id=key, title=TITLES[key], severity=Severity.ERROR, **values)


def anomaly(key, *, at=AT, kind="burst", score=90.0):
    """Return an anomaly of a pattern."""
    scope = Target(project_id=SHOP, kind=TargetKind.PATTERN, key=str(key))
    return AnomalyFinding(scope=scope, kind=kind, started_at=at, observed=41.0, expected=0.4, score=score,
                          pattern_id=key)  # fmt: skip


def relation(first, second, *, seconds, score):
    """Return a relation of two patterns."""
    gap = timedelta(seconds=seconds)
    return CorrelationFinding(
        first=first, second=second, score=score, gap=gap, support=41, trials=50, found_at=AT
    )


def state(key, word, *, since=AT, ratio=1.0):
    """Return a change of state."""
    return StateFinding(pattern_id=key, state=word, since=since, ratio=ratio)


ALL = tuple(pattern(key) for key in TITLES)
CASCADE = WindowFindings(
    patterns=ALL,
    anomalies=(anomaly(WEB), anomaly(PAY), anomaly(POOL)),
    correlations=(relation(POOL, PAY, seconds=4, score=0.8213), relation(PAY, WEB, seconds=5, score=0.7)),
    states=(state(PAY, "new"), state(WEB, "rising", ratio=9.0)),
)


def told(findings, **values):
    """Return the sentences as texts."""
    return [plain(insight.sentence) for insight in insights(findings, NOON, **values)]


def test_a_cascade_is_one_sentence():
    """The first, what it took with it, lags and scores; no second sentence for its patterns or relations."""
    (insight,) = insights(CASCADE, NOON)
    assert (
        plain(insight.sentence)
        == "API pool exhausted at 11:18 took payments (+4 s, 0.82) and web (+9 s) with it"
    )
    assert insight.kind is InsightKind.INCIDENT
    assert insight.patterns == (POOL, PAY, WEB)
    links = [part.target.key for part in insight.sentence if part.target]
    assert links == [str(POOL), str(PAY), str(WEB)]
    assert [part.at for part in insight.sentence if part.at] == [AT]
    assert [one.value for one in insight.evidence] == ["+4 s, score 0.8213", "+9 s"]


def test_unrelated_anomalies_at_one_time_are_no_incident():
    """Two patterns that begin together without a relation are told apart; so are related ones hours apart."""
    findings = WindowFindings(patterns=ALL, anomalies=(anomaly(POOL), anomaly(MAIL)))
    assert told(findings) == [
        "API pool exhausted: 41 per minute at 11:18, 0.4 expected",
        "mail: 41 per minute at 11:18, 0.4 expected",
    ]
    apart = replace(CASCADE, anomalies=(anomaly(POOL), anomaly(PAY, at=AT - timedelta(hours=1))), states=())
    assert not [one for one in insights(apart, NOON) if one.kind is InsightKind.INCIDENT]


def test_what_began_with_an_incident_is_told_with_it():
    """A pattern of the same incident that is related to none, without a claim that it was taken."""
    anomalies = (
        replace(anomaly(POOL), incident="1@11:18", offset=timedelta()),
        replace(anomaly(PAY), incident="1@11:18", offset=timedelta(seconds=4)),
        replace(
            anomaly(MAIL, at=AT + timedelta(minutes=1)), incident="1@11:18", offset=timedelta(seconds=61)
        ),
        replace(anomaly(TAX), incident="5@11:18"),
    )
    findings = replace(CASCADE, anomalies=anomalies, states=())
    assert told(findings)[0] == (
        "API pool exhausted at 11:18 took payments (+4 s, 0.82) with it; with them began mail (+61 s)"
    )
    assert "tax: 41 per minute at 11:18, 0.4 expected" in told(findings)
    assert not any(one.startswith("mail") for one in told(findings))
    unknown = tuple(replace(one, offset=None) for one in anomalies)
    assert told(replace(findings, anomalies=unknown))[0].endswith("began mail (+60 s)")


@pytest.mark.parametrize(
    ("findings", "sentence"),
    [
        ({"states": (state(PAY, "rising", ratio=3.4),)}, "Rising: payments, 3.4x its usual rate since 11:18"),
        ({"states": (state(PAY, "fading", ratio=0.2),)}, "Fading: payments, 0.2x its usual rate since 11:18"),
        ({"states": (state(PAY, "new"),)}, "New: payments since 11:18"),
        ({"states": (state(PAY, "silent"),)}, "Silent: payments, no error since 11:18"),
        ({"states": (state(PAY, "regressed"),)}, "Came back: payments at 11:18"),
        ({"anomalies": (anomaly(PAY, kind="step"),)}, "payments: 41 per minute since 11:18, 0.4 before"),
        (
            {"anomalies": (anomaly(PAY, kind="silence"),)},
            "payments: no error since 11:18, 0.4 per minute expected",
        ),
        (
            {"anomalies": (replace(anomaly(PAY, kind="silence"), observed=0.0, ended_at=NOON),)},
            "payments: no error from 11:18 to 12:00, 24 per hour expected",
        ),
        (
            {"anomalies": (replace(anomaly(PAY, kind="step"), ended_at=NOON),)},
            "payments: 41 per minute from 11:18 to 12:00, 0.4 before",
        ),
        (
            {"correlations": (relation(POOL, PAY, seconds=4, score=0.8),)},
            "payments comes 4 s after API pool exhausted, 41 of 50 times",
        ),
    ],
)  # fmt: skip
def test_sentences(findings, sentence):
    """Each kind of finding by itself, in words."""
    assert told(WindowFindings(patterns=ALL, **findings)) == [sentence]


@pytest.mark.parametrize(
    "findings",
    [
        {"states": (state(PAY, "ongoing"),)},
        {"correlations": (relation(POOL, PAY, seconds=4, score=0.49),)},
    ],
)  # fmt: skip
def test_what_is_not_worth_a_sentence(findings):
    """Ordinary states and weak relations."""
    assert told(WindowFindings(patterns=ALL, **findings)) == []


def test_a_release_that_brought_two_patterns_is_one_sentence():
    """Named once, with what each pattern did; a single pattern names it at the end of its own sentence."""
    release = {"project_id": SHOP, "kind": "release", "version": "api@2.8.0", "at": AT, "score": 0.9}
    findings = WindowFindings(
        patterns=ALL,
        states=(state(TAX, "new"), state(COUPON, "regressed")),
        changes=(ChangeFinding(pattern_id=TAX, **release), ChangeFinding(pattern_id=COUPON, **release)),
    )
    assert told(findings) == ["Release api@2.8.0 at 11:18 brought tax (new) and coupon (came back)"]
    days_later = replace(findings, states=findings.states[1:], anomalies=(anomaly(TAX, kind="birth"),))
    assert told(days_later) == ["Release api@2.8.0 at 11:18 brought coupon (came back) and tax (new)"]
    alone = replace(findings, states=findings.states[:1])
    (insight,) = insights(alone, NOON)
    assert plain(insight.sentence) == "New: tax since 11:18, after release api@2.8.0"
    assert insight.sentence[-1].target == Target(project_id=SHOP, kind=TargetKind.RELEASE, key="api@2.8.0")


def test_one_pattern_is_told_once():
    """Its state says what the anomaly of the same hours says; a silence a day later is another matter."""
    later = AT + timedelta(days=1)
    findings = WindowFindings(
        patterns=ALL,
        anomalies=(anomaly(PAY), anomaly(PAY, kind="step")),
        states=(state(PAY, "rising", ratio=3.4), state(PAY, "silent", since=later)),
    )
    assert sorted(told(findings)) == [
        "Rising: payments, 3.4x its usual rate since 11:18",
        "Silent: payments, no error since 11:18",
    ]


def wide(kind, key, *, at=AT, observed=41.0, expected=0.4, **values):
    """Return an anomaly of a module, a severity or the project."""
    scope = Target(project_id=SHOP, kind=kind, key=key)
    return AnomalyFinding(scope=scope, kind="burst", started_at=at, observed=observed, expected=expected,
                          score=60.0, title=f"{kind.value} {key}".strip(), **values)  # fmt: skip


MODULE = wide(TargetKind.MODULE, "shop.db")
PROJECT = wide(TargetKind.PROJECT, "", at=AT + timedelta(minutes=1))


def test_the_series_of_a_module_is_told_when_no_pattern_explains_it():
    """What its own pattern did is told of the pattern, with the series as evidence."""
    assert told(WindowFindings(patterns=ALL, anomalies=(MODULE,))) == [
        "module shop.db: 41 per minute at 11:18, 0.4 expected"
    ]
    mine = (pattern(PAY, module="shop.db"),)
    (insight,) = insights(WindowFindings(patterns=mine, anomalies=(MODULE, anomaly(PAY))), NOON)
    assert plain(insight.sentence) == "payments: 41 per minute at 11:18, 0.4 expected"
    assert [(one.name, one.value) for one in insight.beside] == [
        ("score", 90.0), ("module shop.db", "41 per minute, 0.4 expected"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("mine", "cause"),
    [
        (pattern(PAY, module="shop.web"), anomaly(PAY)),
        (pattern(PAY, module="shop.db"), replace(anomaly(PAY), observed=20.0)),
        (pattern(PAY, module="shop.db"), anomaly(PAY, at=AT + timedelta(minutes=40))),
        (pattern(PAY, module="shop.db"), anomaly(PAY, at=AT - timedelta(hours=7))),
        (pattern(PAY, module="shop.db"), replace(anomaly(PAY), observed=0.0, expected=41.0)),
        (replace(pattern(PAY, module="shop.db"), project_id=ProjectId(2)), anomaly(PAY)),
    ],
    ids=["another module", "less than half", "later", "hours before", "the other way", "another project"],
)  # fmt: skip
def test_a_wide_series_that_patterns_do_not_explain_is_told(mine, cause):
    """Of another series, with less than half of the excess, at another time, or in the other direction."""
    series = replace(MODULE, ended_at=AT + timedelta(minutes=30))
    findings = WindowFindings(patterns=(mine,), anomalies=(series, cause))
    assert "module shop.db: 41 per minute at 11:18, 0.4 expected" in told(findings)


def test_series_that_move_together_are_told_once():
    """Of a module and its project the module; the project too when its excess is more than twice as large."""
    assert told(WindowFindings(anomalies=(PROJECT, MODULE))) == [
        "module shop.db: 41 per minute at 11:18, 0.4 expected"
    ]
    assert len(told(WindowFindings(anomalies=(replace(PROJECT, observed=90.0), MODULE)))) == 2


def test_an_incident_has_wide_series_as_evidence_beside_what_it_took():
    """Half of the project's excess is that of two patterns; followers that the sentence names stay in it."""
    findings = replace(CASCADE, anomalies=(*CASCADE.anomalies, replace(PROJECT, observed=82.0)), states=())
    (insight,) = insights(findings, NOON)
    assert insight.kind is InsightKind.INCIDENT
    assert [(one.name, one.value) for one in insight.beside] == [("project", "82 per minute, 0.4 expected")]


def test_what_the_sentence_of_an_incident_names_is_not_said_again():
    """Of what followed and of what began with it three each are named; the rest stands below."""
    numbers = [PatternId(number) for number in range(10, 19)]
    lead, related = numbers[0], numbers[1:5]
    facts = [replace(pattern(PAY), id=number, title=f"title {number}") for number in numbers]
    findings = WindowFindings(
        patterns=tuple(facts),
        anomalies=tuple(
            replace(anomaly(number), incident="one", place=place, offset=timedelta(seconds=place))
            for place, number in enumerate(numbers, start=1)
        ),
        correlations=tuple(relation(lead, number, seconds=4, score=0.8) for number in related),
    )
    (insight,) = insights(findings, NOON)
    shown = plain(insight.sentence)
    named = {one.name for one in insight.evidence[: insight.named]}
    assert (insight.named, len(insight.beside)) == (6, 2)
    assert all(name in shown for name in named)
    assert not any(one.name in shown for one in insight.beside)


def test_a_state_explains_its_module():
    """A pattern that is told as rising needs no sentence about its module."""
    findings = WindowFindings(
        patterns=(pattern(PAY, module="shop.db"),),
        anomalies=(MODULE,),
        states=(state(PAY, "rising", ratio=3.4),),
    )
    assert told(findings) == ["Rising: payments, 3.4x its usual rate since 11:18"]


def test_a_rate_as_expected_is_no_sentence():
    """6.2 where 6.1 were expected says nothing, a quarter more or less does."""
    for observed, count in ((6.2, 0), (7.7, 1), (4.8, 1)):
        odd = replace(anomaly(PAY), observed=observed, expected=6.1)
        assert len(told(WindowFindings(patterns=ALL, anomalies=(odd,)))) == count


def test_the_end_of_a_burst_is_no_news():
    """Silent is told of what came for two days; what came for an hour and stopped is over."""
    for began, count in ((AT - timedelta(hours=1), 0), (AT - timedelta(days=2), 1)):
        facts = (pattern(PAY, first_seen=began),)
        assert len(told(WindowFindings(patterns=facts, states=(state(PAY, "silent"),)))) == count


def test_the_series_of_a_severity_has_that_severity():
    """No pattern says how bad it is; the series does."""
    series = wide(TargetKind.SEVERITY, "warning")
    (insight,) = insights(WindowFindings(patterns=ALL, anomalies=(series,)), NOON)
    assert insight.severity is Severity.WARNING


@pytest.mark.parametrize(
    ("values", "per", "shown"),
    [
        ((41.0, 0.4), "minute", (("41", "0.4"), "minute")),
        ((0.19, 0.004), "minute", (("11", "0.24"), "hour")),
        ((0.0014, 0.0057), "minute", (("2", "8.2"), "day")),
        ((0.0, 0.5), "hour", (("0", "12"), "day")),
        ((0.0, 0.0), "minute", (("0", "0"), "day")),
    ],
)
def test_small_rates_are_told_of_a_longer_time(values, per, shown):
    """0.0014 a minute is 2 a day (0.0014 x 1440 = 2.016, 0.0057 x 1440 = 8.208)."""
    assert rates(*values, per=per) == shown


def test_quiet_and_unknown_patterns_are_left_out():
    """Resolved or ignored patterns, and those the reader may not see, make no sentence."""
    quiet = tuple(replace(one, is_quiet=one.id == PAY) for one in ALL if one.id != WEB)
    assert told(WindowFindings(patterns=quiet, states=(state(PAY, "rising"), state(WEB, "new")))) == []


def test_order_is_by_kind_risk_severity_and_age():
    """Regressions come before what is new; a day or the range halves the rank, risk and severity raise it."""
    findings = WindowFindings(
        patterns=ALL, states=(state(PAY, "fading"), state(WEB, "new"), state(TAX, "regressed"))
    )
    assert [one.kind.value for one in insights(findings, AT)] == ["regressed", "new", "fading"]
    fresh = WindowFindings(patterns=ALL, states=(state(WEB, "new"),))
    (now,) = insights(fresh, AT)
    assert now.rank == pytest.approx(40 + 2 * 3)
    (later,) = insights(fresh, AT + timedelta(days=1))
    assert (later.id, later.rank) == (now.id, pytest.approx(now.rank / 2))
    for days in (7, 14):
        (at_end,) = insights(fresh, AT + timedelta(days=days), length=timedelta(days=days))
        assert at_end.rank == pytest.approx(now.rank / 2)
    fatal = replace(pattern(WEB, risk=50.0), severity=Severity.FATAL)
    (worse,) = insights(WindowFindings(patterns=(fatal,), states=(state(WEB, "new"),)), AT)
    assert worse.rank == pytest.approx(40 + 20 + 10)


keys = st.sampled_from(list(TITLES))
whens = st.integers(0, 4_000).map(lambda minutes: AT - timedelta(minutes=minutes))
windows = st.builds(
    WindowFindings,
    patterns=st.just(ALL),
    anomalies=st.lists(st.builds(lambda one, name: replace(one, incident=name),
                                 st.builds(anomaly, keys, at=whens, kind=st.sampled_from(["burst", "step"])),
                                 st.sampled_from(["", "a", "b"]))).map(tuple),
    states=st.lists(st.builds(state, keys, st.sampled_from(["new", "rising", "silent", "fading", "ongoing"]),
                              since=whens, ratio=st.sampled_from([0.3, 3.0]))).map(tuple),
    correlations=st.lists(st.builds(relation, keys, keys, seconds=st.integers(0, 300),
                                    score=st.floats(0, 1))).map(tuple),
)  # fmt: skip


@given(windows, st.integers(0, 5), st.randoms(use_true_random=False))
def test_bounded_without_doubles_and_the_same_in_any_order(findings, limit, shuffler: random.Random):
    """At most ``limit``, each id once, ranks falling; the order of the findings has no say."""
    found = insights(findings, NOON, limit=limit)
    assert len(found) <= limit
    assert len({one.id for one in found}) == len(found)
    assert [one.rank for one in found] == sorted((one.rank for one in found), reverse=True)
    shuffled = replace(
        findings,
        anomalies=tuple(shuffler.sample(findings.anomalies, len(findings.anomalies))),
        states=tuple(shuffler.sample(findings.states, len(findings.states))),
        correlations=tuple(shuffler.sample(findings.correlations, len(findings.correlations))),
    )
    assert insights(shuffled, NOON, limit=limit) == found


@given(windows)
def test_incidents_share_no_anomaly(findings):
    """Each anomaly is in one incident at most, and each incident has two patterns or more."""
    incidents = group(findings.anomalies, relations(findings.correlations))
    counted = [id(one) for incident in incidents for one in incident.anomalies]
    assert len(counted) == len(set(counted))
    for incident in incidents:
        assert len(set(incident.patterns)) == len(incident.patterns) >= 2
        assert {one.pattern_id for one in incident.anomalies} == set(incident.patterns)
        assert incident.at == min(one.started_at for one in incident.anomalies)


def test_lists_and_spans_in_words():
    """One, two, and more than are named; each unit of time."""
    items = [words(letter) for letter in "abcde"]
    assert [plain(listed(items[:count], most=3)) for count in (1, 2, 3, 5)] == [
        "a", "a and b", "a, b and c", "a, b, c and 2 more",
    ]  # fmt: skip
    spans = [timedelta(milliseconds=40), timedelta(seconds=90), timedelta(minutes=30), timedelta(hours=5)]
    assert [span(one) for one in (*spans, timedelta(days=3))] == ["40 ms", "90 s", "30 min", "5 h", "3 days"]
