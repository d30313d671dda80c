"""What every ``FindingStore`` promises; run over each adapter by a subclass that makes the store.

The store knows the patterns of ``PATTERNS``; the fixture ``resolve`` resolves one with a note and a release,
``weigh`` sets the business weights of a project and of its patterns.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from error_manager.core.errors import NotFoundError, StaleCursorError, ValidationError
from error_manager.core.types import PatternId, ProjectId
from error_manager.storage.findings import (
    AnalysisFilter,
    AnalysisRun,
    AnalysisState,
    Anomaly,
    AnomalyFilter,
    Change,
    ChangeKind,
    CorrelationEnd,
    CorrelationFilter,
    CorrelationRow,
    CorrelationSet,
    Evidence,
    Feedback,
    FeedbackCount,
    Findings,
    ForecastRow,
    ForecastSet,
    ForecastSum,
    Neighbour,
    PatternAnalysis,
    Recommendation,
    RiskFactor,
    Scale,
    Scope,
    ScopeKind,
    StateStep,
)

ONE, TWO = ProjectId(1), ProjectId(2)
PATTERNS = {PatternId(n): ONE for n in (1, 2, 3)} | {PatternId(4): TWO}
NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def anomaly(number: int, *, project: ProjectId = ONE, key: str = "1", is_open: bool = False) -> Anomaly:
    """Return an anomaly that started ``number`` minutes after NOW and went on for ten."""
    start = NOW + number * MINUTE
    return Anomaly(
        scope=Scope(project_id=project, kind=ScopeKind.PATTERN, key=key),
        scale=Scale.MINUTE,
        kind="burst",
        started_at=start,
        ended_at=None if is_open else start + 10 * MINUTE,
        detected_at=start + MINUTE,
        updated_at=start + MINUTE,
        observed=90.5,
        expected=3.25,
        lower=0.0,
        upper=8.0,
        score=60.0 + number,
        evidence={"minutes": [1, 2], "why": "x"},
    )


def correlation(first: int, second: int, score: float) -> CorrelationRow:
    """Return a correlation of two patterns."""
    ends = [
        CorrelationEnd(
            project_id=PATTERNS[PatternId(n)], pattern_id=PatternId(n), error_code=f"E{n}", module=f"m{n}"
        )
        for n in (first, second)
    ]
    return CorrelationRow(
        organization_id=1,
        first=ends[0],
        second=ends[1],
        kind="causes",
        score=score,
        window_s=30,
        gap_ms=1_500,
        gap_low_ms=1_000,
        gap_high_ms=2_250,
        support=41,
        trials=50,
        base=0.02,
        lift=41.0,
        q_value=0.001,
        created_at=NOW,
    )


def forecast(step_s: int, *, key: str = "1") -> ForecastRow:
    """Return a forecast of three buckets of a pattern of project 1."""
    return ForecastRow(
        scope=Scope(project_id=ONE, kind=ScopeKind.PATTERN, key=key),
        step_s=step_s,
        start_at=NOW,
        made_at=NOW,
        point=(1.0, 2.0, 0.5),
        lower80=(0.5, 1.0, 0.0),
        upper80=(2.0, 3.0, 1.0),
        lower95=(0.25, 0.5, 0.0),
        upper95=(4.0, 5.0, 2.0),
        sums=(ForecastSum(span_s=86_400, point=3.5, lower80=2.0, upper80=5.0, lower95=1.0, upper95=7.0),),
    )


def state(through: datetime, content: bytes = b"\0state") -> AnalysisState:
    """Return a state of the minutes of project 1."""
    return AnalysisState(project_id=ONE, kind="minute", version=1, through_at=through, content=content)


def known(number: int, **parts: object) -> PatternAnalysis:
    """Return what a step tells of a pattern."""
    pattern = PatternId(number)
    return PatternAnalysis(project_id=PATTERNS.get(pattern, ONE), pattern_id=pattern, updated_at=NOW, **parts)


async def everything(pages) -> list:
    """Return all items of a list, read page by page; ``pages(cursor)`` returns one."""
    page = await pages(None)
    found = list(page.items)
    while page.next:
        page = await pages(page.next)
        found += page.items
    return found


class FindingStoreContract:
    """Subclasses give the fixtures ``store``, ``resolve`` and ``weigh``."""

    async def test_risks_follow_the_weights(self, store, weigh) -> None:
        """Of one pattern or of a project, from the factors that are stored; nothing else changes."""
        parts = (
            RiskFactor(name="severity", points=60.0, reason="+60"),
            RiskFactor(name="business", points=0.0, reason="+0 business weight 1"),
        )
        told = [known(n, risk=60.0, risk_factors=parts, state="rising") for n in (1, 2, 4)]
        await store.keep(Findings(patterns=(*told, known(3, state="new"))))

        async def risks() -> list[float | None]:
            found = await store.analysis([PatternId(n) for n in (1, 2, 3, 4)])
            assert [one.state for one in found.values()] == ["rising", "rising", "new", "rising"]
            assert {one.updated_at for one in found.values()} == {NOW}
            return [found[PatternId(n)].risk for n in (1, 2, 3, 4)]

        await weigh(ONE, project=2.0, patterns={PatternId(2): 0.5})
        assert await risks() == [60.0, 60.0, None, 60.0]
        await store.reweigh(ONE, PatternId(1))
        assert await risks() == [72.0, 60.0, None, 60.0]
        await weigh(ONE, project=4.0, patterns={PatternId(2): 0.25})
        await store.reweigh(ONE)
        assert await risks() == [84.0, 60.0, None, 60.0]
        (first,) = (await store.analysis([PatternId(1)])).values()
        assert first.risk_factors == (
            parts[0],
            RiskFactor(name="business", points=24.0, reason="+24 business weight 4"),
        )
        ranked = await store.analyses(AnalysisFilter(min_risk=70), limit=9, cursor=None)
        assert [one.pattern_id for one in ranked.items] == [1]
        await store.reweigh(TWO)
        assert (await risks())[3] == 60.0

    async def test_only_the_riskiest_follow_the_weights_when_so_many_are_asked_for(
        self, store, weigh
    ) -> None:
        """By the risk that is stored; those of other projects do not count."""
        told = [
            known(n, risk=risk, risk_factors=(RiskFactor(name="severity", points=risk, reason="severity"),))
            for n, risk in ((1, 30.0), (2, 50.0))
        ]
        await store.keep(Findings(patterns=(*told, known(3, state="new"), known(4, risk=80.0))))
        await weigh(ONE, project=2.0, patterns={})

        async def risks() -> list[float | None]:
            found = await store.analysis([PatternId(n) for n in (1, 2, 3)])
            return [found[PatternId(n)].risk for n in (1, 2, 3)]

        await store.reweigh(ONE, most=1)
        assert await risks() == [30.0, 60.0, None]
        await store.reweigh(ONE, most=9)
        assert await risks() == [36.0, 60.0, None]

    async def test_a_state_moves_on_only_from_where_it_was_read(self, store) -> None:
        """Who comes second, from the same start, keeps nothing at all."""
        assert await store.state(ONE, "minute") is None
        await store.keep(Findings(states=(StateStep(state=state(NOW), before=None),)))
        assert await store.state(ONE, "minute") == state(NOW)
        later = state(NOW + MINUTE, b"later")
        step = Findings(states=(StateStep(state=later, before=NOW),), anomalies=(anomaly(1),))
        await store.keep(step)
        for stale in (step, Findings(states=(StateStep(state=later, before=None),), anomalies=(anomaly(2),))):
            with pytest.raises(StaleCursorError):
                await store.keep(stale)
        assert await store.state(ONE, "minute") == later
        found = await store.anomalies(AnomalyFilter(), limit=10, cursor=None)
        assert [one.started_at for one in found.items] == [NOW + MINUTE]

    async def test_how_far_steps_have_come(self, store) -> None:
        """The asked kinds of all projects; what never ran is not among them."""
        other = replace(state(NOW + MINUTE), project_id=TWO)
        kept = (state(NOW), other, replace(state(NOW), kind="other"))
        await store.keep(Findings(states=tuple(StateStep(state=one, before=None) for one in kept)))
        found = await store.reached(["minute", "never"])
        assert found == {(ONE, "minute"): NOW, (TWO, "minute"): NOW + MINUTE}

    async def test_a_state_that_was_forgotten_starts_anew(self, store) -> None:
        """A step that read the state before that keeps nothing; one that begins again does."""
        await store.keep(Findings(states=(StateStep(state=state(NOW), before=None),)))
        await store.forget_state(ONE, "minute")
        assert await store.state(ONE, "minute") is None
        with pytest.raises(StaleCursorError):
            await store.keep(Findings(states=(StateStep(state=state(NOW + MINUTE), before=NOW),)))
        await store.keep(Findings(states=(StateStep(state=state(NOW + MINUTE), before=None),)))
        assert await store.state(ONE, "minute") == state(NOW + MINUTE)

    async def test_a_project_starts_anew_without_its_anomalies(self, store) -> None:
        """Other projects go on."""
        other = replace(state(NOW), project_id=TWO)
        steps = tuple(StateStep(state=one, before=None) for one in (state(NOW), other))
        both = anomaly(0), anomaly(1, project=TWO)
        await store.keep(Findings(states=steps, anomalies=both))
        await store.start_anew(ONE)
        assert (await store.state(ONE, "minute"), await store.state(TWO, "minute")) == (None, other)
        found = await store.anomalies(AnomalyFilter(), limit=5, cursor=None)
        assert [one.scope.project_id for one in found.items] == [TWO]

    async def test_an_anomaly_that_goes_on_stays_one(self, store) -> None:
        """Kept again it has the new end and numbers, and the first detection and id."""
        await store.keep(Findings(anomalies=(anomaly(0, is_open=True),)))
        first = (await store.anomalies(AnomalyFilter(is_open=True), limit=10, cursor=None)).items[0]
        assert replace(first, id=0) == anomaly(0, is_open=True)
        both = anomaly(3, is_open=True), replace(anomaly(3), detected_at=NOW + 9 * MINUTE)
        await store.keep(Findings(anomalies=both))
        (once,) = (await store.anomalies(AnomalyFilter(), limit=1, cursor=None)).items
        assert replace(once, id=0) == anomaly(3)
        grown = replace(anomaly(0), kind="step", observed=200.0, score=99.5, detected_at=NOW + 5 * MINUTE)
        await store.keep(Findings(anomalies=(grown,)))
        assert await store.anomaly(first.id) == replace(grown, id=first.id, detected_at=first.detected_at)
        assert (await store.anomalies(AnomalyFilter(is_open=True), limit=10, cursor=None)).items == ()

    async def test_anomalies_come_newest_first_page_by_page(self, store) -> None:
        """Each once, and only those that are asked for."""
        many = [anomaly(n, project=(ONE, TWO)[n % 2], key=str(n % 3), is_open=n > 5) for n in range(8)]
        await store.keep(Findings(anomalies=tuple(many)))

        async def asked(**where) -> list[int]:
            wanted = AnomalyFilter(**where)
            found = await everything(lambda cursor: store.anomalies(wanted, limit=3, cursor=cursor))
            return [round(one.score) - 60 for one in found]

        assert await asked() == [7, 6, 5, 4, 3, 2, 1, 0]
        assert await asked(project_ids=(TWO,)) == [7, 5, 3, 1]
        assert await asked(scope_key="0") == [6, 3, 0]
        assert await asked(scope_kind=ScopeKind.MODULE) == []
        assert await asked(scale=Scale.HOUR) == []
        assert await asked(is_open=False, min_score=63) == [5, 4, 3]
        assert await asked(kind=anomaly(0).kind) == await asked()
        assert await asked(kind="other") == []
        assert await asked(since=NOW + 12 * MINUTE, until=NOW + 7 * MINUTE) == [6, 5, 4, 3]
        with pytest.raises(ValidationError):
            await store.anomalies(AnomalyFilter(), limit=3, cursor="x")

    async def test_an_anomaly_is_found_by_its_id_in_its_project(self, store) -> None:
        """Those who may not see the project find nothing."""
        await store.keep(Findings(anomalies=(anomaly(0),)))
        number = (await store.anomalies(AnomalyFilter(), limit=1, cursor=None)).items[0].id
        assert (await store.anomaly(number, project_ids=(ONE,))).id == number
        for wrong, projects in ((number, (TWO,)), (number + 1, ())):
            with pytest.raises(NotFoundError):
                await store.anomaly(wrong, project_ids=projects)

    async def test_forecasts_take_the_place_of_the_former_ones(self, store) -> None:
        """Those of patterns that are not forecast any more are gone."""
        both = ForecastSet(project_id=ONE, rows=(forecast(86_400), forecast(3_600), forecast(3_600, key="2")))
        await store.keep(Findings(forecasts=both))
        assert await store.forecasts(forecast(3_600).scope) == (forecast(3_600), forecast(86_400))
        later = replace(forecast(3_600), point=(9.0, 9.0, 9.0))
        await store.keep(Findings(forecasts=ForecastSet(project_id=ONE, rows=(later,))))
        assert await store.forecasts(later.scope) == (later,)
        assert await store.forecasts(forecast(3_600, key="2").scope) == ()

    async def test_each_step_tells_its_parts_of_a_pattern(self, store) -> None:
        """What a step does not tell stays; patterns that are gone are left out."""
        advice = Recommendation(
            key="dns",
            family="DNS",
            action="Check the resolver",
            reason="The host is not found",
            confidence=0.9,
            checks=("dig",),
            evidence=(Evidence(text="94 % on db1", link="/patterns/1"),),
        )
        factor = RiskFactor(name="growth", points=12.5, reason="3 times of last week")
        near = Neighbour(project_id=ONE, pattern_id=PatternId(2), score=0.75, reasons=("shared frame f",))
        first = known(1, state="rising", state_since=NOW, rates={"day": 2.5}, trend={"slope": 0.1}, season={})
        second = known(1, risk=78.25, risk_factors=(factor,), recommendations=(advice,))
        third = known(1, neighbours=(near,), family="f1", family_name="DNS lookups")
        await store.keep(Findings(patterns=(first, second)))
        await store.keep(Findings(patterns=(third, known(99, state="new"))))
        found = await store.analysis((PatternId(1), PatternId(2), PatternId(99)))
        whole = replace(
            first,
            risk=78.25,
            risk_factors=(factor,),
            recommendations=(advice,),
            neighbours=(near,),
            family="f1",
            family_name="DNS lookups",
        )
        assert found == {PatternId(1): whole}

    async def test_analysed_patterns_come_by_risk(self, store) -> None:
        """The riskiest first, those without a risk at the end, page by page."""
        rows = (
            known(1, risk=10.0, state="new", state_since=NOW),
            known(2, risk=90.0, state="rising", state_since=NOW + MINUTE, family="f1"),
            known(3, state="new", state_since=NOW + MINUTE),
            known(4, risk=10.0, state="silent", state_since=NOW),
        )
        await store.keep(Findings(patterns=rows))

        async def asked(**where) -> list[int]:
            wanted = AnalysisFilter(**where)
            found = await everything(lambda cursor: store.analyses(wanted, limit=1, cursor=cursor))
            return [one.pattern_id for one in found]

        assert await asked() == [2, 4, 1, 3]
        assert await asked(project_ids=(ONE,), states=("new", "rising")) == [2, 1, 3]
        assert await asked(state_since=NOW + MINUTE) == [2, 3]
        assert await asked(family="f1") == [2]
        assert await asked(min_risk=5.0) == [2, 4, 1]

    async def test_correlations_take_the_place_of_the_former_ones(self, store) -> None:
        """Of a pattern both directions come; the list goes by score."""
        await store.keep(
            Findings(correlations=CorrelationSet(organization_id=1, rows=(correlation(3, 1, 0.5),)))
        )
        change = replace(correlation(1, 3, 0.7), change_id=7)
        change = replace(change, first=replace(change.first, pattern_id=None))
        rows = (correlation(1, 2, 0.9), correlation(2, 1, 0.9), correlation(3, 4, 0.9123), change)
        await store.keep(Findings(correlations=CorrelationSet(organization_id=1, rows=rows)))

        async def asked(**where) -> list[CorrelationRow]:
            wanted = CorrelationFilter(**where)
            found = await everything(lambda cursor: store.correlations(wanted, limit=1, cursor=cursor))
            return [replace(one, id=0) for one in found]

        assert await asked() == [rows[2], rows[0], rows[1], change]
        assert await asked(pattern_id=PatternId(1)) == [rows[0], rows[1]]
        assert await asked(pattern_id=PatternId(3), min_score=0.8) == [rows[2]]
        assert await asked(project_ids=(TWO,)) == [rows[2]]

    async def test_a_release_is_known_once(self, store) -> None:
        """Deploys of one version may come again (someone rolled back and on), a release comes once."""
        release = Change(project_id=ONE, at=NOW, kind=ChangeKind.RELEASE, version="1.1", environment="prod")
        deploy = replace(release, kind=ChangeKind.DEPLOY, at=NOW + MINUTE, source="api", note="by hand")
        first = await store.add_change(release)
        assert first == replace(release, id=first.id)
        assert first.id > 0
        again = replace(release, at=NOW + 9 * MINUTE)
        assert await store.add_change(again) == first
        await store.keep(Findings(changes=(again,)))
        for _ in range(2):
            await store.add_change(deploy)
        everywhere = await everything(lambda cursor: store.changes(limit=1, cursor=cursor))
        assert [replace(one, id=0) for one in everywhere] == [deploy, deploy, release]
        some = await store.changes(kinds=(ChangeKind.RELEASE,), since=NOW, until=NOW + MINUTE, limit=5)
        assert some.items == (first,)
        assert (await store.changes(project_ids=(TWO,), limit=5)).items == ()

    async def test_runs_are_kept_for_eight_days(self, store) -> None:
        """The newest first, and the newest of each step; a failure says why."""
        runs = [
            AnalysisRun(step="minutes", started_at=NOW - timedelta(days=9), took_s=1.0, cpu_s=0.5, items=5),
            AnalysisRun(step="minutes", started_at=NOW, took_s=1.5, cpu_s=0.75, items=7),
            AnalysisRun(step="hours", started_at=NOW + MINUTE, took_s=2.0, cpu_s=1.5, items=9),
            AnalysisRun(
                step="hours",
                started_at=NOW + 2 * MINUTE,
                took_s=0.0,
                cpu_s=0.0,
                items=0,
                is_done=False,
                detail="away",
            ),
        ]
        for run in runs:
            await store.keep(Findings(run=run))
        assert await store.runs(limit=10) == (runs[3], runs[2], runs[1])
        assert await store.latest_runs() == (runs[3], runs[1])

    async def test_the_last_word_of_a_person_counts(self, store) -> None:
        """One vote per person, pattern and recommendation; counted over all patterns."""
        vote = Feedback(
            project_id=ONE,
            pattern_id=PatternId(1),
            recommendation="dns",
            has_helped=True,
            person_id=None,
            at=NOW,
        )
        other = replace(vote, pattern_id=PatternId(4), project_id=TWO)
        for one in (
            vote,
            replace(vote, has_helped=False),
            vote,
            replace(vote, pattern_id=PatternId(2)),
            other,
        ):
            await store.add_feedback(one)
        await store.add_feedback(replace(vote, recommendation="tls", has_helped=False))
        assert await store.feedback() == {"dns": FeedbackCount(helped=3), "tls": FeedbackCount(not_helped=1)}
        assert await store.feedback(project_ids=(TWO,)) == {"dns": FeedbackCount(helped=1)}
        with pytest.raises(NotFoundError):
            await store.add_feedback(replace(vote, project_id=TWO))

    async def test_fixes_are_those_of_resolved_patterns(self, store, resolve) -> None:
        """The note and the release of whoever resolved it."""
        assert await store.fixes((PatternId(1),)) == {}
        await resolve(PatternId(1), note="pool doubled", release="1.2", now=NOW)
        found = await store.fixes((PatternId(1), PatternId(2)))
        assert {number: (fix.note, fix.release, fix.at) for number, fix in found.items()} == {
            PatternId(1): ("pool doubled", "1.2", NOW)
        }
