"""Recommends what to do about a pattern, from evidence alone (seed box: Recommendation Engine).

Each source of evidence proposes: a release or change just before, a pattern that comes first, a tag value
that stands out, what fixed the most similar pattern, the state of the rate, and the family's checks. A
confidence (0 to 1) ranks the proposals; votes of the project move it (``voted``).
docs/guides/recommendations.md tells the formulas.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from error_manager.analysis.diagnosis import FamilyMatch
from error_manager.analysis.family import Family

MAX_RECOMMENDATIONS: Final = 8
CHANGE_WINDOW_S: Final = 6 * 3_600.0
"""A change counts as suspect for this long before a first error or rise."""
CHANGE_CONFIDENCE: Final = 0.95
NEW_RELEASE_SHARE: Final = 0.5
"""What is left to doubt is halved when the pattern was first seen in the very release that came."""
UPSTREAM_CONFIDENCE: Final = 0.95
SOLVED_CONFIDENCE: Final = 0.9
MIN_SIMILARITY: Final = 0.3
CHECK_DECAY: Final = 0.85
"""Each later check of a family has this share of the confidence of the one before."""
MAX_CHECKS: Final = 3
MIN_TAG_COUNT: Final = 20
MIN_TAG_LIFT: Final = 1.5
TAG_ERROR_RATE: Final = 0.01
"""Chance that a tag of a pattern is named though nothing is special about it, were errors independent."""
INDEPENDENT_ERRORS: Final = 200
"""Errors come in bursts: a pattern's evidence counts as this many independent errors at most."""
MAX_TAGS: Final = 2
_OWN_TAGS: Final = frozenset({"handled", "level", "mechanism", "logger", "transaction"})
"""Tags that say what kind of error it is, not where or whom it hit."""
HIGH_RISK: Final = 75.0
PRIOR_VOTES: Final = 8.0
"""A confidence weighs as much as so many votes."""
FAMILY_VOTE: Final = 0.25
"""A vote on another recommendation of the same kind and family counts as this part of a vote."""
MIN_CONFIDENCE: Final = 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A release, deploy or change of configuration; ``at`` in seconds since 1970."""

    id: str
    kind: str
    at: float
    version: str = ""
    environment: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """A pattern that comes first: ``score`` 0 to 1, typical ``lag_s``, seen ``support`` of ``base`` times."""

    pattern_id: int
    title: str
    score: float
    lag_s: float
    support: int
    base: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TagCount:
    """How many errors have a tag value: in the pattern, and in the whole project over the same time."""

    key: str
    value: str
    count: int
    of: int
    project_count: int
    project_of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """A similar pattern that was resolved: how similar (0 to 1), what was noted, and in which release."""

    pattern_id: int
    title: str
    similarity: float
    note: str = ""
    release: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Votes:
    """Votes of the project on one recommendation."""

    recommendation_id: str
    family: str
    up: int
    down: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of a pattern, in plain values; times in seconds since 1970.

    ``rises`` are the starts of lasting or sharp rises, ``changes`` all changes from ``changes_since`` to
    ``now``, ``first_release`` the release of the first error. ``state`` is one of new, ongoing, rising,
    regressed, fading, silent; ``growth`` the rate now by the usual rate; ``risk`` 0 to 100 with the names of
    its strongest factors. ``resolved_release`` is where the pattern itself was resolved before.
    """

    now: float
    first_seen: float
    last_seen: float
    families: tuple[FamilyMatch, ...] = ()
    rises: tuple[float, ...] = ()
    changes: tuple[Change, ...] = ()
    changes_since: float = 0.0
    first_release: str = ""
    upstream: tuple[Upstream, ...] = ()
    tags: tuple[TagCount, ...] = ()
    solved: tuple[Solved, ...] = ()
    state: str = "ongoing"
    growth: float = 1.0
    risk: float = 0.0
    risk_factors: tuple[str, ...] = ()
    resolved_release: str = ""
    votes: tuple[Votes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceLink:
    """What a recommendation rests on: ``kind`` is change, pattern, tag, family or state."""

    kind: str
    id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """One thing to do. ``id`` is the same for the same advice, so that votes stay with it."""

    id: str
    action: str
    reason: str
    evidence: tuple[EvidenceLink, ...]
    confidence: float
    family: str = ""


def recommend(evidence: Evidence, families: Iterable[Family]) -> tuple[Recommendation, ...]:
    """Return what to do, the surest first.

    Args:
        evidence: what is known of the pattern.
        families: the knowledge, of which the checks of the pattern's families are taken.
    """
    proposals = [
        *_suspect_changes(evidence),
        *_upstream(evidence),
        *_solved(evidence),
        *_standing_out(evidence),
        *_state(evidence),
        *_checks(evidence, {family.id: family for family in families}),
    ]
    return ranked(proposals, evidence.votes)


def ranked(proposals: Iterable[Recommendation], votes: Sequence[Votes]) -> tuple[Recommendation, ...]:
    """Return the best proposals by confidence after votes, each id once; ties by id."""
    best: dict[str, Recommendation] = {}
    for proposal in proposals:
        kept = best.get(proposal.id)
        if kept is None or proposal.confidence > kept.confidence:
            best[proposal.id] = proposal
    scored = [(voted(item, votes), item) for item in best.values()]
    scored = [entry for entry in scored if entry[0] >= MIN_CONFIDENCE]
    scored.sort(key=lambda entry: (-entry[0], entry[1].id))
    return tuple(
        Recommendation(
            id=item.id,
            action=item.action,
            reason=item.reason,
            evidence=item.evidence,
            confidence=round(confidence, 4),
            family=item.family,
        )
        for confidence, item in scored[:MAX_RECOMMENDATIONS]
    )


def voted(item: Recommendation, votes: Iterable[Votes]) -> float:
    """Return the confidence after the votes of the project: the mean of a Beta distribution.

    The confidence c is the prior Beta(k c, k (1 - c)) with k = ``PRIOR_VOTES``; votes on this recommendation
    count whole, votes on others of its kind and family as ``FAMILY_VOTE``: (k c + up) / (k + up + down).

    Source:
        Conjugate prior of the binomial: Gelman et al., Bayesian Data Analysis, 3rd ed. (2013), section 2.4.
    """
    up = down = 0.0
    for vote in votes:
        weight = 0.0
        if vote.recommendation_id == item.id:
            weight = 1.0
        elif vote.family == item.family and _kind(vote.recommendation_id) == _kind(item.id):
            weight = FAMILY_VOTE
        up += weight * max(0, vote.up)
        down += weight * max(0, vote.down)
    return (PRIOR_VOTES * item.confidence + up) / (PRIOR_VOTES + up + down)


def _kind(recommendation_id: str) -> str:
    return recommendation_id.partition(":")[0]


# ---------------------------------------------------------------------------------------------- sources


def _suspect_changes(evidence: Evidence) -> Iterator[Recommendation]:
    """Propose the last change before the first error and before each rise.

    The nearer the change and the rarer changes are, the less it is chance: with changes at the rate r, one
    within d seconds before a given moment comes by chance with 1 - exp(-r d) (Poisson).
    """
    span_s = max(evidence.now - evidence.changes_since, CHANGE_WINDOW_S)
    rate_per_s = len(evidence.changes) / span_s
    starts = [("it was first seen", evidence.first_seen), *(("it rises", start) for start in evidence.rises)]
    for what, start in starts:
        before = [item for item in evidence.changes if 0 <= start - item.at <= CHANGE_WINDOW_S]
        if not before or start < evidence.changes_since:
            continue
        change = max(before, key=lambda item: (item.at, item.id))
        doubt = 1 - math.exp(-rate_per_s * (start - change.at))
        is_first = bool(change.version) and change.version == evidence.first_release and start == starts[0][1]
        confidence = CHANGE_CONFIDENCE * (1 - doubt * (NEW_RELEASE_SHARE if is_first else 1.0))
        name = " ".join(filter(None, (change.kind, change.version)))
        place = f" in {change.environment}" if change.environment else ""
        in_it = "; the first error is of this release" if is_first else ""
        yield Recommendation(
            id=f"change:{change.id}",
            action=f"Look at what {name} changed{place}; roll it back if the errors must stop now.",
            reason=f"{_span(start - change.at)} after {name}{place} {what}{in_it}.",
            evidence=(EvidenceLink(kind="change", id=change.id, text=f"{name}, {_time(change.at)}"),),
            confidence=confidence,
        )


def _upstream(evidence: Evidence) -> Iterator[Recommendation]:
    for item in evidence.upstream:
        times = f"{item.support} of {item.base} times"
        yield Recommendation(
            id=f"upstream:{item.pattern_id}",
            action=f'Mend "{item.title}" first.',
            reason=f"It comes {_span(item.lag_s)} before this one, {times}.",
            evidence=(EvidenceLink(kind="pattern", id=str(item.pattern_id), text=f"{item.title}: {times}"),),
            confidence=UPSTREAM_CONFIDENCE * min(1.0, max(0.0, item.score)),
        )


def _solved(evidence: Evidence) -> Iterator[Recommendation]:
    if evidence.state == "regressed" and evidence.resolved_release:
        yield Recommendation(
            id=f"regressed:{evidence.resolved_release}",
            action=f"Check that the fix of release {evidence.resolved_release} is still in place.",
            reason="The pattern was resolved there and is back.",
            evidence=(EvidenceLink(kind="state", id="regressed", text="resolved, and seen again"),),
            confidence=SOLVED_CONFIDENCE,
        )
    told = [
        item for item in evidence.solved if item.similarity >= MIN_SIMILARITY and (item.note or item.release)
    ]
    for item in sorted(told, key=lambda item: (-item.similarity, item.pattern_id))[:1]:
        how = f'noted "{item.note}"' if item.note else ""
        where = f"resolved in release {item.release}" if item.release else ""
        yield Recommendation(
            id=f"solved:{item.pattern_id}",
            action=f'Try what solved "{item.title}".',
            reason=f"It is {item.similarity:.0%} alike; {' and '.join(filter(None, (where, how)))}.",
            evidence=(EvidenceLink(kind="pattern", id=str(item.pattern_id), text=item.title),),
            confidence=SOLVED_CONFIDENCE * min(1.0, item.similarity),
        )


def _standing_out(evidence: Evidence) -> Iterator[Recommendation]:
    """Propose the tag values that the pattern has far more often than the rest of the project.

    A G-test of the 2x2 table on counts reduced to ``INDEPENDENT_ERRORS``, with Bonferroni's correction for
    the number of values that were compared, and a lift of at least ``MIN_TAG_LIFT``.

    Source:
        G-test: Sokal and Rohlf, Biometry, 4th ed. (2012), section 17.3; 1 degree of freedom.
    """
    found = []
    for tag in evidence.tags:
        if tag.key in _OWN_TAGS:
            continue
        rest_of = tag.project_of - tag.of
        if tag.of < MIN_TAG_COUNT or rest_of <= 0:
            continue
        share = tag.count / tag.of
        rest = max(0, tag.project_count - tag.count) / rest_of
        if share < 0.5 or share < MIN_TAG_LIFT * rest:
            continue
        p_value = g_test(share, min(tag.of, INDEPENDENT_ERRORS), rest, min(rest_of, INDEPENDENT_ERRORS * 10))
        if p_value * len(evidence.tags) <= TAG_ERROR_RATE:
            found.append((share - rest, share, rest, tag))
    found.sort(key=lambda item: (-item[0], item[3].key, item[3].value))
    for difference, share, rest, tag in found[:MAX_TAGS]:
        name = f"{tag.key} = {tag.value}"
        yield Recommendation(
            id=f"tag:{tag.key}={tag.value}"[:200],
            action=f"Look at what is special about errors with {name}.",
            reason=f"{share:.0%} of these errors have {name}, {rest:.0%} of the others.",
            evidence=(
                EvidenceLink(kind="tag", id=f"{tag.key}={tag.value}", text=f"{tag.count} of {tag.of} errors"),
            ),
            confidence=0.3 + 0.6 * difference,
        )


def g_test(share: float, n: float, rest: float, m: float) -> float:
    """Return the p-value of "both shares are one", for a share of ``n`` and a share of ``m`` errors."""
    table = ((share * n, rest * m), ((1 - share) * n, (1 - rest) * m))
    total = n + m
    g = 0.0
    for row in table:
        for observed, size in zip(row, (n, m), strict=True):
            expected = sum(row) * size / total
            if observed > 0:
                g += 2 * observed * math.log(observed / expected)
    return math.erfc(math.sqrt(max(0.0, g) / 2))


def _state(evidence: Evidence) -> Iterator[Recommendation]:
    link = EvidenceLink(kind="state", id=evidence.state, text=evidence.state)
    if evidence.risk >= HIGH_RISK:
        factors = ", ".join(evidence.risk_factors[:3])
        because = f": {factors}" if factors else ""
        yield Recommendation(
            id="state:risk",
            action="Give it an owner now.",
            reason=f"Its risk is {evidence.risk:.0f} of 100{because}.",
            evidence=(EvidenceLink(kind="state", id="risk", text=f"risk {evidence.risk:.0f}"),),
            confidence=min(0.6, evidence.risk / 150),
        )
    if evidence.state == "rising":
        since = f" since {_time(max(evidence.rises))}" if evidence.rises else ""
        yield Recommendation(
            id="state:rising",
            action="Find what changed when it began to rise.",
            reason=f"Rising: {evidence.growth:.1f}x its usual rate{since}.",
            evidence=(link,),
            confidence=0.4,
        )
    if evidence.state == "silent":
        yield Recommendation(
            id="state:silent",
            action="Resolve it if its cause is mended; otherwise check that it is still reported.",
            reason=f"Not seen since {_time(evidence.last_seen)}.",
            evidence=(link,),
            confidence=0.5,
        )


def _checks(evidence: Evidence, families: dict[str, Family]) -> Iterator[Recommendation]:
    for match in evidence.families[:1]:
        family = families.get(match.family)
        if family is None:  # told by knowledge that has changed since
            continue
        for place, check in enumerate(family.checks[:MAX_CHECKS]):
            digest = sha256(check.encode()).hexdigest()[:8]
            yield Recommendation(
                id=f"check:{family.id}:{digest}",
                action=check if check.endswith((".", "?")) else f"{check}.",
                reason=f"{family.title}: {match.why[0]}." if match.why else f"{family.title}.",
                evidence=(EvidenceLink(kind="family", id=family.id, text=family.title),),
                confidence=match.score * 0.7 * CHECK_DECAY**place,
                family=family.id,
            )


# ---------------------------------------------------------------------------------------------- words


def _time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def _span(seconds: float) -> str:
    """Return a span in one unit: 40 s, 12 min, 3 h."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 6_000:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3_600:.0f} h"
