"""What every ``AnalysisSource`` promises; run over each adapter by a subclass that makes the source.

The source holds the errors of ``errors()``: project 1 has 120 errors of four groups, project 2 has 3 of one.
Patterns are known by the names of ``NAMES``: the contract speaks of them by their culprit.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from tests.contract.rule_store_contract import stored

from error_manager.core.types import ErrorEvent, EventId, ExceptionInfo, Frame, ProjectId, Severity
from error_manager.storage.analysis_source import CountRows, Reach

ONE, TWO = ProjectId(1), ProjectId(2)
START = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=5)
END = START + timedelta(hours=4)
SPANS = (
    (START - timedelta(days=3), START - timedelta(days=2)),
    (START, START + timedelta(hours=1)),
    (START + timedelta(hours=2), END),
)


def event(number: int) -> ErrorEvent:
    """Return the ``number``-th error: each two minutes one, of four functions in turn."""
    place = ("pay", "load", "save", "mail")[number % 4]
    frames = (Frame(function=place, module=f"shop.{place}", filename=f"shop/{place}.py", lineno=3),)
    return ErrorEvent(
        event_id=EventId(f"{number:032x}"),
        timestamp=START + timedelta(minutes=2 * number, seconds=number % 50, milliseconds=250),
        message=f"KeyError: {place}",
        exceptions=(ExceptionInfo(type="KeyError", value=place, frames=frames),),
        environment="production" if number % 3 else "staging",
        release="1.0" if number < 60 else "1.1",
        severity=Severity.FATAL if number % 4 == 0 else Severity.ERROR,
        occurrences=3 if number == 7 else 1,
        server_name=f"web-{number % 8}",
        tags=(("zone", "a" if place in {"pay", "load"} or number % 8 == 2 else "b"),),
    )


def errors() -> list:
    """Return what is stored."""
    mine = [stored(number, event(number)) for number in range(120)]
    other = [stored(n, event(n), project=TWO) for n in (200, 204, 208)]
    moved = [
        replace(one, event=replace(one.event, timestamp=START + timedelta(minutes=n)))
        for n, one in enumerate(other)
    ]
    return [*mine, *moved]


async def named(source, project=ONE) -> dict[int, str]:
    """Return the name of each pattern by its id."""
    facts = await source.patterns(project, since=START - timedelta(days=9))
    return {fact.id: fact.message.rpartition(" ")[2] for fact in facts}


def rows(found: CountRows, names) -> Counter:
    """Return counts by name and minutes since START."""
    start = int(START.timestamp())
    return Counter(
        {
            (names[key], (time - start) // 60): count
            for key, time, count in zip(
                found.keys.tolist(), found.times_s.tolist(), found.counts.tolist(), strict=True
            )
        }
    )


def expected(step: int, key) -> Counter:
    """Return the counts of project 1 by key and minutes since START, in buckets of so many minutes."""
    counts: Counter = Counter()
    for number in range(120):
        one = event(number)
        minutes = int((one.timestamp - START).total_seconds()) // 60
        counts[key(one), minutes // step * step] += one.occurrences
    return counts


def name(one: ErrorEvent) -> str:
    """Return the name of an error's pattern."""
    return one.message.rpartition(" ")[2]


class AnalysisSourceContract:
    """Subclasses give the fixtures ``source`` and ``weigh``, which sets weights."""

    async def test_projects_have_an_organization(self, source) -> None:
        """All of them, in order."""
        assert [(p.id, p.organization_id) for p in await source.projects()] == [(ONE, 1), (TWO, 1)]

    async def test_patterns_are_those_with_errors_since(self, source) -> None:
        """What is known of each, and none that has been quiet for longer."""
        facts = await source.patterns(ONE, since=START)
        assert sorted(name(event(n)) for n in range(4)) == sorted((await named(source)).values())
        assert [fact.id for fact in facts] == sorted(fact.id for fact in facts)
        pay = next(fact for fact in facts if fact.message.endswith("pay"))
        assert (pay.severity, pay.module, pay.first_release) == (Severity.FATAL, "shop.pay", "1.0")
        assert (pay.first_seen, pay.last_seen) == (event(0).timestamp, event(116).timestamp)
        late = await source.patterns(ONE, since=event(118).timestamp)
        assert {fact.message for fact in late} == {"KeyError: save", "KeyError: mail"}

    async def test_patterns_have_the_weight_of_both(self, source, weigh) -> None:
        """That of the pattern times that of its project, cut; 1 unless somebody said so."""
        ids = {place: number for number, place in (await named(source)).items()}
        await weigh(ONE, project=2.0, patterns={ids["pay"]: 0.75, ids["load"]: 4.0})
        weights = {fact.id: fact.weight for fact in await source.patterns(ONE, since=START)}
        expected_weights = {"pay": 1.5, "load": 4.0, "save": 2.0, "mail": 2.0}
        assert weights == {ids[place]: weight for place, weight in expected_weights.items()}
        (other,) = await source.patterns(TWO, since=START - timedelta(days=9))
        assert other.weight == 1.0

    async def test_minutes_and_hours_sum_occurrences(self, source) -> None:
        """Per pattern and bucket; errors of other projects are not in it."""
        names = await named(source)
        minutes = await source.minutes(ONE, since=START, until=END)
        hours = await source.hours(ONE, since=START, until=END)
        assert rows(minutes, names) == expected(1, name)
        assert rows(hours, names) == expected(60, name)
        assert sum((await source.minutes(TWO, since=START, until=END)).counts) == 3

    async def test_a_window_holds_its_start_and_not_its_end(self, source) -> None:
        """[since, until)."""
        since, until = START + timedelta(minutes=2), START + timedelta(minutes=6)
        found = rows(await source.minutes(ONE, since=since, until=until), await named(source))
        assert sorted(found) == [("load", 2), ("save", 4)]

    async def test_an_empty_window_has_no_rows(self, source) -> None:
        """Arrays of length 0, not None."""
        far = START + timedelta(days=1)
        for found in (
            await source.minutes(ONE, since=far, until=far),
            await source.severity_minutes(ONE, since=far, until=far),
        ):
            assert found.keys.shape == found.times_s.shape == found.counts.shape == (0,)
        assert (await source.events(ONE, since=far, until=far, newest=5)).times_s.shape == (0,)

    async def test_severities_are_ranks(self, source) -> None:
        """Counted by the severity of the error, not of its pattern."""
        found = await source.severity_minutes(ONE, since=START, until=END)
        ranks = {severity.rank: severity.value for severity in Severity}
        assert rows(found, ranks) == expected(1, lambda one: one.severity.value)

    async def test_events_are_the_newest_of_each_pattern(self, source) -> None:
        """Their exact times; of what is not all, since when it is."""
        names = await named(source)
        found = await source.events(ONE, since=START, until=END, newest=1000)
        times: dict[str, list[float]] = {}
        for key, time in zip(found.keys.tolist(), found.times_s.tolist(), strict=True):
            times.setdefault(names[key], []).append(time)
        want = {
            place: [event(n).timestamp.timestamp() for n in range(k, 120, 4)]
            for k, place in enumerate(("pay", "load", "save", "mail"))
        }
        for place, when in want.items():
            np.testing.assert_allclose(sorted(times[place]), when, atol=1e-5)
        assert found.cut_s == {}
        few = await source.events(ONE, since=START, until=END, newest=2)
        newest = sorted(event(n).timestamp.timestamp() for n in range(112, 120))
        np.testing.assert_allclose(sorted(few.times_s.tolist()), newest, atol=1e-5)
        since = {names[key]: time for key, time in few.cut_s.items()}
        assert since == {
            name(event(n)): pytest.approx(event(n).timestamp.timestamp(), abs=1e-5) for n in range(112, 116)
        }

    async def test_an_hour_that_goes_on_after_the_window_cuts_nothing(self, source) -> None:
        """Of 8 errors each hour 2 are in the window's last 15 minutes: 4 more come from the hour before."""
        end = START + timedelta(hours=2, minutes=15)
        found = await source.events(ONE, since=START, until=end, newest=6)
        assert np.unique(found.keys, return_counts=True)[1].tolist() == [6, 6, 6, 6]

    async def test_spans_are_those_that_end_since(self, source) -> None:
        """In order of time; the first of all is told apart."""
        assert await source.spans(since=START) == SPANS[1:]
        assert await source.first_span() == SPANS[0][0]

    async def test_nothing_was_regrouped(self, source) -> None:
        """New groups are no change of the past."""
        assert await source.regrouped(ONE, since=START - timedelta(days=1)) == frozenset()

    async def test_reach_counts_persons_and_hosts(self, source) -> None:
        """Different ones, not errors."""
        names = await named(source)
        found = {names[key]: reach for key, reach in (await source.reach(ONE, since=START)).items()}
        assert found == {place: Reach(users=5, hosts=2) for place in ("pay", "load", "save", "mail")}
        assert await source.users(ONE, since=START) == 5

    async def test_tags_say_what_is_most_frequent_here_and_elsewhere(self, source) -> None:
        """Counted by hand: of 30 errors of "save" 15 have zone a (and come first), of all 122 errors 75."""
        names = await named(source)
        ids = {place: number for number, place in names.items()}
        found = await source.tags(ONE, [ids["save"], ids["pay"]], since=START)
        zones = {names[key]: next(s for s in shares if s.key == "zone") for key, shares in found.items()}
        assert sorted(zones) == ["pay", "save"]
        save, pay = zones["save"], zones["pay"]
        assert (save.value, save.count, save.total) == ("a", 15, 30)
        assert (pay.value, pay.count, pay.total) == ("a", 30, 30)
        assert {(share.project_count, share.project_total) for share in (save, pay)} == {(75, 122)}

    async def test_releases_tell_their_first_error(self, source) -> None:
        """Per environment; in order of time."""
        found = await source.releases(ONE, since=START - timedelta(days=1))
        assert [(r.version, r.environment, r.at) for r in found] == [
            ("1.0", "staging", event(0).timestamp),
            ("1.0", "production", event(1).timestamp),
            ("1.1", "staging", event(60).timestamp),
            ("1.1", "production", event(61).timestamp),
        ]
        later = await source.releases(ONE, since=event(60).timestamp)
        assert {release.version for release in later} == {"1.1"}

    async def test_a_release_whose_first_error_was_earlier_is_told(self, source) -> None:
        """It came late, or nobody noted it: with its first error of all, not that since then."""
        found = await source.releases(ONE, since=START + timedelta(hours=1, minutes=30))
        assert [(r.version, r.environment, r.at) for r in found[:2]] == [
            ("1.0", "staging", event(0).timestamp),
            ("1.0", "production", event(1).timestamp),
        ]
        assert {r.version for r in found[2:]} == {"1.1"}
