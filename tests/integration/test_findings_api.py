"""What the analysis found over the API, from a real database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from tests.contract.finding_store_contract import anomaly
from tests.integration.test_api import _client, admin, shop  # noqa: F401  # fixtures

from error_manager.analysis.usual import Usual
from error_manager.core.types import PatternId, ProjectId
from error_manager.flows import indexing, weights
from error_manager.integrations.web.app import create_app
from error_manager.storage.findings import (
    CorrelationEnd,
    CorrelationRow,
    CorrelationSet,
    Evidence,
    Findings,
    ForecastRow,
    ForecastSet,
    PatternAnalysis,
    Recommendation,
    RiskFactor,
    Scope,
    ScopeKind,
)
from error_manager.storage.qdrant.remote import RemoteVectors

NOW = datetime.now(UTC).replace(microsecond=0)
ONE = ProjectId(1)


@pytest.fixture
async def patterns(shop, admin):  # noqa: F811  # fixtures
    """Keep findings of the two most frequent patterns of a project; return their ids."""
    rows = (await admin.get("/api/v1/patterns", params={"project": 1, "sort": "count"})).json()["items"]
    first, second = (PatternId(row["id"]) for row in rows[:2])
    scope = Scope(project_id=ONE, kind=ScopeKind.PATTERN, key=str(first))
    await shop[0].findings.keep(
        Findings(
            anomalies=(anomaly(1, key=str(first)), anomaly(2, key=str(first), is_open=True)),
            patterns=(
                PatternAnalysis(
                    project_id=ONE,
                    pattern_id=first,
                    updated_at=NOW,
                    state="rising",
                    state_since=NOW,
                    risk=78.0,
                    risk_factors=(RiskFactor(name="severity", points=22.0, reason="fatal"),),
                    recommendations=(
                        Recommendation(
                            key="pool.exhausted",
                            family="pool.exhausted",
                            action="Raise the pool or find who holds connections.",
                            reason="Waits for a connection",
                            confidence=0.8,
                            evidence=(Evidence(text="94 % on host db1"),),
                        ),
                    ),
                ),
            ),
            forecasts=ForecastSet(
                project_id=ONE,
                rows=(
                    ForecastRow(
                        scope=scope, step_s=3600, start_at=NOW, made_at=NOW, point=(3.0,), lower80=(1.0,),
                        upper80=(5.0,), lower95=(0.0,), upper95=(7.0,),
                    ),
                ),
            ),
            correlations=CorrelationSet(
                organization_id=1,
                rows=(
                    CorrelationRow(
                        organization_id=1,
                        first=CorrelationEnd(project_id=ONE, pattern_id=first),
                        second=CorrelationEnd(project_id=ONE, pattern_id=second),
                        kind="direct", score=0.8213, window_s=60, gap_ms=4000, gap_low_ms=3500,
                        gap_high_ms=4600,
                        support=41, trials=50, base=0.02, lift=40.0, q_value=0.001, created_at=NOW,
                    ),
                ),
            ),
        )
    )  # fmt: skip
    return first, second


async def test_findings_of_a_pattern(admin, patterns) -> None:  # noqa: F811
    """Anomalies, forecast, correlation and analysis, each by the pattern it is about."""
    first, second = patterns
    params = {"series": "pattern", "key": str(first), "open": "true"}
    (found,) = (await admin.get("/api/v1/anomalies", params=params)).json()["items"]
    assert (found["kind"], found["observed"], found["scope"]["key"]) == ("burst", 90.5, str(first))
    assert (await admin.get(f"/api/v1/anomalies/{found['id']}")).json() == found
    assert (await admin.get("/api/v1/anomalies/999999")).json()["code"] == "not_found"
    (pair,) = (await admin.get("/api/v1/correlations", params={"pattern": second})).json()["items"]
    assert (pair["score"], pair["support"], pair["trials"], pair["gap_ms"]) == (0.8213, 41, 50, 4000)
    params = {"project": 1, "series": "pattern", "key": str(first)}
    (forecast,) = (await admin.get("/api/v1/forecasts", params=params)).json()["items"]
    assert (forecast["point"], forecast["upper95"]) == ([3.0], [7.0])
    analysis = (await admin.get(f"/api/v1/patterns/{first}/analysis")).json()
    assert (analysis["state"], analysis["risk"]) == ("rising", 78.0)
    assert analysis["risk_factors"] == [{"name": "severity", "points": 22.0, "reason": "fatal"}]
    (riskiest,) = (await admin.get("/api/v1/analyses", params={"min_risk": 70})).json()["items"]
    assert riskiest == analysis
    assert (await admin.get("/api/v1/analyses?pattern_state=rising")).json()["items"] == [analysis]
    wrong = await admin.get("/api/v1/analyses?pattern_state=risen")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_fields")
    unknown = (await admin.get(f"/api/v1/patterns/{second}/analysis")).json()
    assert (unknown["state"], unknown["recommendations"]) == (None, None)


async def test_history_says_what_is_usual(shop, admin, patterns) -> None:  # noqa: F811
    """With its bands, as long as it is known; of one release, and of a pattern without it, nothing is."""
    first, second = patterns
    start = NOW.replace(minute=0, second=0) - timedelta(hours=5)
    usual = Usual(
        level=10.0,
        days=(1.0,) * 7,
        workday=(1.0,) * 24,
        weekend=(1.0,) * 24,
        day_variance=0.1,
        hour_variance=0.2,
        since=start,
        until=NOW,
    )
    told = PatternAnalysis(
        project_id=ONE, pattern_id=first, updated_at=NOW, season={"usual": msgspec.to_builtins(usual)}
    )
    await shop[0].findings.keep(Findings(patterns=(told,)))
    params = {"since": (start - timedelta(hours=1)).isoformat()}
    found = (await admin.get(f"/api/v1/patterns/{first}/history", params=params)).json()["items"]
    assert [found[0]["expected"], found[1]["expected"]] == [
        None,
        {"point": 10.0, "lower80": 3, "upper80": 18, "lower95": 1, "upper95": 25},
    ]  # scipy: nbinom(1 / 0.3, 1 / 4)
    assert {item["expected"] is None for item in found[1:-1]} == {False}
    for number, more in ((first, {"release": "shop@1"}), (second, {})):
        answer = await admin.get(f"/api/v1/patterns/{number}/history", params=params | more)
        assert {item["expected"] for item in answer.json()["items"]} == {None}


async def test_feedback_is_kept(shop, admin, patterns) -> None:  # noqa: F811
    """Of a recommendation that the pattern has; others are refused with the keys that there are."""
    url = f"/api/v1/patterns/{patterns[0]}/recommendations"
    assert (await admin.post(f"{url}/pool.exhausted", json={"helped": True})).status_code == 200
    counts = await shop[0].findings.feedback(project_ids=(ONE,))
    assert counts["pool.exhausted"].helped == 1
    answer = await admin.post(f"{url}/disk.full", json={"helped": True})
    assert (answer.status_code, answer.json()["errors"][0]["message"]) == (
        422,
        "expected one of pool.exhausted",
    )


async def test_a_weight_changes_the_risk_at_once(shop, admin, patterns) -> None:  # noqa: F811
    """Of a pattern and of its project; the undo takes the risk back, too, and history says who."""
    number = patterns[0]

    async def risk():
        return (await admin.get(f"/api/v1/patterns/{number}/analysis")).json()["risk"]

    changed = await admin.put(f"/api/v1/patterns/{number}/weight", json={"weight": 2})
    assert (changed.status_code, changed.json()["id"], changed.json()["weight"]) == (200, number, 2.0)
    assert await risk() == pytest.approx(22.0 * 1.2)
    project = await admin.put("/api/v1/projects/1/weight", json={"weight": 2})
    assert (project.status_code, project.json()["id"], project.json()["weight"]) == (200, 1, 2.0)
    assert project.json() in (await admin.get("/api/v1/projects")).json()["items"]
    assert await risk() == pytest.approx(22.0 * 1.4)
    undone = await admin.post(f"/api/v1/patterns/{number}/undo")
    assert (undone.json()["weight"], await risk()) == (1.0, pytest.approx(22.0 * 1.2))
    assert (await admin.get(f"/api/v1/patterns/{number}")).json()["weight"] == 1.0
    history = (await admin.get(f"/api/v1/patterns/{number}/changes")).json()["items"][:2]
    assert [(one["action"], one["person"], one["weight"], one["undone"]) for one in history] == [
        ("undone", "Administrator", None, "weighted"),
        ("weighted", "Administrator", 2.0, ""),
    ]
    await admin.put("/api/v1/projects/1/weight", json={"weight": 1})
    assert await risk() == pytest.approx(22.0)


async def test_the_weight_of_a_large_project_changes_its_highest_risks_at_once(
    shop,  # noqa: F811
    admin,  # noqa: F811
    patterns,
    monkeypatch,
) -> None:
    """The others wait for the analysis, so that nobody waits for all of them."""
    monkeypatch.setattr(weights, "AT_ONCE", 1)
    parts = (RiskFactor(name="severity", points=20.0, reason="error"),)
    second = PatternAnalysis(
        project_id=ONE, pattern_id=patterns[1], updated_at=NOW, risk=20.0, risk_factors=parts
    )
    await shop[0].findings.keep(Findings(patterns=(second,)))
    await admin.put("/api/v1/projects/1/weight", json={"weight": 2})
    risks = [(await admin.get(f"/api/v1/patterns/{number}/analysis")).json()["risk"] for number in patterns]
    assert risks == pytest.approx([22.0 * 1.2, 20.0])
    await admin.put("/api/v1/projects/1/weight", json={"weight": 1})


@pytest.mark.parametrize("what", ["patterns", "projects"])
@pytest.mark.parametrize(
    "body",
    [
        '{"weight": 0.2}',
        '{"weight": 4.5}',
        "{}",
        '{"weight": null}',
        '{"weight": "high"}',
        '{"weight": true}',
    ],
)
async def test_a_wrong_weight_is_refused_by_name(admin, patterns, what, body) -> None:  # noqa: F811
    """It changes nothing."""
    number = patterns[0] if what == "patterns" else 1
    headers = {"content-type": "application/json"}
    answer = await admin.put(f"/api/v1/{what}/{number}/weight", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_fields")
    assert [error["path"] for error in answer.json()["errors"]] == ["weight"]
    assert (await admin.get(f"/api/v1/patterns/{patterns[0]}")).json()["weight"] == 1.0


@pytest.mark.parametrize(
    "url", ["/api/v1/patterns/99999", "/api/v1/projects/99999", f"/api/v1/projects/{2**40}"]
)
async def test_what_is_not_there_has_no_weight(admin, url) -> None:  # noqa: F811
    """Not found, whatever the weight."""
    assert (await admin.put(f"{url}/weight", json={"weight": 2})).status_code == 404


async def test_changes_are_told_and_listed(admin) -> None:  # noqa: F811
    """A deploy with its time; one that says nothing, or of no project, is refused."""
    at = (NOW - timedelta(hours=1)).isoformat()
    body = {"project": 1, "version": "shop@2.8.0", "environment": "production", "at": at}
    made = await admin.post("/api/v1/changes", json=body)
    assert (made.status_code, made.json()["kind"], made.json()["source"]) == (201, "deploy", "api")
    listed = (await admin.get("/api/v1/changes", params={"project": 1, "kind": "deploy"})).json()["items"]
    assert made.json() in listed
    for wrong, status in (
        ({"project": 1}, 422),
        ({"project": 1, "version": "x" * 999}, 422),
        ({"project": 999, "version": "1"}, 404),
    ):
        assert (await admin.post("/api/v1/changes", json=wrong)).status_code == status


async def test_how_it_was_resolved_is_kept(shop, admin, patterns) -> None:  # noqa: F811
    """A note and the release of the fix, for who meets a similar pattern."""
    url = f"/api/v1/patterns/{patterns[1]}"
    answer = await admin.post(f"{url}/resolve", json={"note": "raised the pool", "release": "shop@2.9.0"})
    assert answer.json()["status"] == "resolved"
    fix = (await shop[0].findings.fixes([patterns[1]]))[patterns[1]]
    assert (fix.note, fix.release) == ("raised the pool", "shop@2.9.0")
    assert (await admin.post(f"{url}/resolve", json={"note": "x" * 3000})).status_code == 422
    assert (await admin.post(f"{url}/undo")).status_code == 200


async def test_pages_tell_the_findings(admin, patterns) -> None:  # noqa: F811
    """The five answers before the stack trace, the form that says whether advice helped, and the insights."""
    first, second = patterns
    page = (await admin.get(f"/patterns/1/{first}")).text
    for words in (
        "Rising",
        "78",
        "fatal",
        "41 of 50 times",
        "4 s later",
        "Raise the pool",
        "94 % on host db1",
    ):
        assert words in page
    told = (await admin.get(f"/patterns/1/{second}")).text
    assert "Before it" in told
    form = {"key": "pool.exhausted", "helped": "yes"}
    url = f"/patterns/1/{first}/recommendations"
    answer = await admin.post(url, data=form, headers={"hx-request": "true", "origin": "http://h:1"})
    assert (answer.status_code, "Noted" in answer.text) == (200, True)
    insights = (await admin.get("/insights?range=7d")).text
    assert "Riskiest patterns" in insights
    assert f"/patterns/1/{first}" in insights
    assert "What goes with what" in insights


async def test_similar_patterns(shop, admin, patterns) -> None:  # noqa: F811
    """By a pattern and by a pasted text, with what they share; an index that is away is told."""
    services = shop[0]
    await indexing.catch_up(services.index)
    rows = (await admin.get("/api/v1/patterns", params={"project": 1, "sort": "count"})).json()["items"]
    text = rows[0]["message"]
    found = (await admin.post("/api/v1/similar", json={"text": text, "projects": [1]})).json()
    assert found["items"][0]["pattern"]["id"] == rows[0]["id"]
    assert found["items"][0]["reasons"]
    assert (await admin.post("/api/v1/similar", json={"text": ""})).status_code == 422
    others = (await admin.get(f"/api/v1/patterns/{rows[0]['id']}/similar")).json()
    assert rows[0]["id"] not in [item["pattern"]["id"] for item in others["items"]]
    page = await admin.post("/patterns/like", data={"text": text}, headers={"origin": "http://h:1"})
    assert f"/patterns/1/{rows[0]['id']}" in page.text
    assert "Find" in (await admin.get("/patterns/like")).text
    away = replace(services, index=replace(services.index, index=RemoteVectors(Path("/nowhere/index.sock"))))
    async with _client(create_app(away), authorization=f"Bearer {shop[1].admin_token}") as client:
        answer = (await client.post("/api/v1/similar", json={"text": text})).json()
        assert answer == {"items": [], "is_degraded": True}
        form = {"text": text}
        page = await client.post("/patterns/like", data=form, headers={"origin": "http://h:1"})
        assert "The index is away" in page.text
