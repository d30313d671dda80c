"""Similar patterns and what to do about each (seed boxes: Cluster Engine, Recommendation Engine)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from error_manager.analysis.clustering import Family as Kin
from error_manager.analysis.diagnosis import Diagnoser, FamilyMatch, symptoms_of
from error_manager.analysis.family import Family
from error_manager.analysis.frequency import Frequency
from error_manager.analysis.recommender import Change as KnownChange
from error_manager.analysis.recommender import Evidence as Known
from error_manager.analysis.recommender import EvidenceLink, Solved, TagCount, Upstream, Votes, recommend
from error_manager.analysis.recommender import Recommendation as Advice
from error_manager.core.types import PatternId, ProjectId
from error_manager.flows.families import Kinship, find_families
from error_manager.flows.indexing import event_of
from error_manager.flows.month import Month
from error_manager.flows.rollouts import read_rollouts
from error_manager.flows.services import IndexServices
from error_manager.storage.analysis_source import PatternFact, TagShare
from error_manager.storage.findings import (
    AnalysisFilter,
    Change,
    CorrelationRow,
    CorrelationSet,
    Evidence,
    FeedbackCount,
    FindingStore,
    Fix,
    Neighbour,
    PatternAnalysis,
    Recommendation,
)
from error_manager.storage.vectors import MAX_POINTS, PatternKey, PatternSource

_MOST_PATTERNS: Final = 100_000
_WEEK: Final = timedelta(days=7)
_REASONS: Final = 6
_FACTORS: Final = 3


async def find_kin(
    index: IndexServices, findings: FindingStore, month: Month
) -> tuple[tuple[PatternAnalysis, ...], int]:
    """Return the similar patterns and the family of each pattern.

    Raises:
        IndexUnavailableError: the index is away.
        StorageError: the database is away.
    """
    project_id = month.project.id
    keys = [PatternKey(project_id=project_id, pattern_id=fact.id) for fact in month.facts]
    known = await findings.analyses(
        AnalysisFilter(project_ids=(project_id,)), limit=_MOST_PATTERNS, cursor=None
    )
    found = await find_families(index, keys, previous=_families(known.items))
    homes = {member: family for family in found.families for member in family.members}
    return tuple(_kin(month, found, key, homes) for key in keys), len(keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What recommendations go by, beside the patterns themselves."""

    frequencies: Sequence[Frequency]
    tags: Mapping[PatternId, tuple[TagShare, ...]]
    relations: CorrelationSet | None
    analyses: Mapping[PatternId, PatternAnalysis]


async def find_advice(
    month: Month,
    facts: Facts,
    *,
    samples: PatternSource,
    findings: FindingStore,
    diagnoser: Diagnoser,
) -> tuple[tuple[PatternAnalysis, ...], int]:
    """Return what to do about each pattern.

    Raises:
        StorageError: the database is away.
    """
    project_id = month.project.id
    changes = await read_rollouts(findings, (project_id,), since=month.until - _WEEK * 4, until=month.until)
    near = {one.pattern_id for analysis in facts.analyses.values() for one in analysis.neighbours or ()}
    told = _Told(
        month=month,
        facts=facts,
        families=diagnoser.families,
        matches=await _diagnosed(samples, diagnoser, month),
        changes=changes,
        tags=facts.tags,
        fixes=await findings.fixes(sorted(near)),
        votes=await findings.feedback(project_ids=(project_id,)),
    )
    rows = await asyncio.to_thread(told.advise)
    return rows, len(rows)


async def _diagnosed(
    samples: PatternSource, diagnoser: Diagnoser, month: Month
) -> dict[PatternId, tuple[FamilyMatch, ...]]:
    codes = {fact.id: fact.error_code for fact in month.facts}
    keys = [PatternKey(project_id=month.project.id, pattern_id=number) for number in codes]
    found = {}
    for start in range(0, len(keys), MAX_POINTS):
        for sample in await samples.samples(keys[start : start + MAX_POINTS]):
            number = sample.key.pattern_id
            symptoms = symptoms_of(event_of(sample), code=codes[number])
            found[number] = await asyncio.to_thread(diagnoser.diagnose, symptoms)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """Everything that was read, from which each pattern is advised."""

    month: Month
    facts: Facts
    families: Mapping[str, Family]
    matches: Mapping[PatternId, tuple[FamilyMatch, ...]]
    changes: Sequence[Change]
    tags: Mapping[PatternId, tuple[TagShare, ...]]
    fixes: Mapping[PatternId, Fix]
    votes: Mapping[str, FeedbackCount]

    def advise(self) -> tuple[PatternAnalysis, ...]:
        """Return the recommendations of each pattern."""
        titles = {fact.id: fact.title for fact in self.month.facts}
        before: dict[PatternId, list[CorrelationRow]] = {}
        for row in self.facts.relations.rows if self.facts.relations else ():
            if row.second.pattern_id is not None and row.first.pattern_id in titles:
                before.setdefault(row.second.pattern_id, []).append(row)
        changes = tuple(map(_change, self.changes))
        votes = tuple(
            Votes(recommendation_id=key, family="", up=count.helped, down=count.not_helped)
            for key, count in self.votes.items()
        )
        return tuple(
            self._advised(fact, found, titles, before=before.get(fact.id, ()), changes=changes, votes=votes)
            for fact, found in zip(self.month.facts, self.facts.frequencies, strict=True)
        )

    def _advised(
        self,
        fact: PatternFact,
        found: Frequency,
        titles: Mapping[PatternId, str],
        *,
        before: Sequence[CorrelationRow],
        changes: tuple[KnownChange, ...],
        votes: tuple[Votes, ...],
    ) -> PatternAnalysis:
        analysis = self.facts.analyses.get(fact.id)
        known = Known(
            now=self.month.until.timestamp(),
            first_seen=fact.first_seen.timestamp(),
            last_seen=fact.last_seen.timestamp(),
            families=self.matches.get(fact.id, ()),
            rises=tuple(one.at.timestamp() for one in found.changes if one.after > one.before),
            changes=changes,
            changes_since=(self.month.until - _WEEK * 4).timestamp(),
            first_release=fact.first_release,
            upstream=tuple(_upstream(row, titles) for row in before),
            tags=tuple(map(_tag, self.tags.get(fact.id, ()))),
            solved=self._solved(analysis, titles),
            state=(analysis.state if analysis else None) or "ongoing",
            growth=_growth(found),
            risk=(analysis.risk if analysis else None) or 0.0,
            risk_factors=tuple(
                one.name for one in ((analysis.risk_factors if analysis else None) or ())[:_FACTORS]
            ),
            votes=votes,
        )
        advice = recommend(known, self.families.values())
        return PatternAnalysis(
            project_id=self.month.project.id,
            pattern_id=fact.id,
            updated_at=self.month.until,
            recommendations=tuple(self._kept(one) for one in advice),
        )

    def _solved(
        self, analysis: PatternAnalysis | None, titles: Mapping[PatternId, str]
    ) -> tuple[Solved, ...]:
        neighbours = (analysis.neighbours if analysis else None) or ()
        return tuple(
            Solved(
                pattern_id=one.pattern_id,
                title=titles.get(one.pattern_id, f"pattern {one.pattern_id}"),
                similarity=one.score,
                note=self.fixes[one.pattern_id].note,
                release=self.fixes[one.pattern_id].release,
            )
            for one in neighbours
            if one.pattern_id in self.fixes
        )

    def _kept(self, advice: Advice) -> Recommendation:
        family, project_id = self.families.get(advice.family), self.month.project.id
        return Recommendation(
            key=advice.id,
            family=advice.family,
            action=advice.action,
            reason=advice.reason,
            confidence=advice.confidence,
            causes=family.causes if family else (),
            evidence=tuple(Evidence(text=one.text, link=_link(project_id, one)) for one in advice.evidence),
        )


def _families(analyses: Sequence[PatternAnalysis]) -> tuple[Kin, ...]:
    """Return the families as they were kept."""
    members: dict[str, list[PatternAnalysis]] = {}
    for one in analyses:
        if one.family:
            members.setdefault(one.family, []).append(one)
    return tuple(
        Kin(
            id=(found[0].project_id, int(number)),
            name=found[0].family_name or "",
            members=tuple(sorted((one.project_id, one.pattern_id) for one in found)),
        )
        for number, found in members.items()
    )


def _kin(
    month: Month, found: Kinship, key: PatternKey, homes: Mapping[tuple[int, int], Kin]
) -> PatternAnalysis:
    family = homes.get((key.project_id, key.pattern_id))
    return PatternAnalysis(
        project_id=month.project.id,
        pattern_id=key.pattern_id,
        updated_at=month.until,
        neighbours=tuple(
            Neighbour(
                project_id=one.key.project_id,
                pattern_id=one.key.pattern_id,
                score=round(one.similarity, 4),
                reasons=tuple(feature.text for feature in one.shared[:_REASONS]),
            )
            for one in found.neighbours.get(key, ())
        ),
        family="" if family is None else str(family.id[1]),
        family_name="" if family is None else family.name,
    )


def _change(change: Change) -> KnownChange:
    return KnownChange(
        id=str(change.id),
        kind=change.kind.value,
        at=change.at.timestamp(),
        version=change.version,
        environment=change.environment,
        source=change.source,
    )


def _upstream(row: CorrelationRow, titles: Mapping[PatternId, str]) -> Upstream:
    number = row.first.pattern_id or PatternId(0)
    return Upstream(
        pattern_id=number,
        title=titles[number],
        score=row.score,
        lag_s=row.gap_ms / 1_000,
        support=row.support,
        base=row.trials,
    )


def _tag(share: TagShare) -> TagCount:
    return TagCount(
        key=share.key,
        value=share.value,
        count=share.count,
        of=share.total,
        project_count=share.project_count,
        project_of=share.project_total,
    )


def _growth(found: Frequency) -> float:
    now, usual = found.rates.last_hour, found.rates.expected
    return now / usual if usual > 0 and now == now else 1.0  # noqa: PLR0124  # NaN: nothing was collected


def _link(project_id: ProjectId, one: EvidenceLink) -> str:
    return f"/patterns/{project_id}/{one.id}" if one.kind == "pattern" else ""
