import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import power_divergence

from error_manager.analysis.diagnosis import FamilyMatch
from error_manager.analysis.family import Family
from error_manager.analysis.recommender import (
    Change,
    Evidence,
    EvidenceLink,
    Recommendation,
    Solved,
    TagCount,
    Upstream,
    Votes,
    g_test,
    ranked,
    recommend,
    voted,
)

DAY = 86_400.0
NOW = 1_770_000_000.0
DNS = Family(
    id="network.dns",
    title="A host name does not resolve",
    causes=("c",),
    checks=("Resolve the name", "Compare the settings", "Look at the name servers?", "a fourth"),
    platforms=("python",),
)
QUIET = Evidence(now=NOW, first_seen=NOW - 20 * DAY, last_seen=NOW, changes_since=NOW - 30 * DAY)


def told(**fields):
    """Return the recommendations for the quiet evidence with these fields."""
    return recommend(replace(QUIET, **fields), [DNS])


def test_nothing_known_gives_nothing():
    """Without evidence there is no advice."""
    assert told() == ()


def test_checks_of_the_family_come_in_their_order():
    """The first three checks of the best family, with falling confidence and the reason it was told for."""
    match = FamilyMatch(family="network.dns", score=0.9, why=('the message says "ENOTFOUND"',))
    advice = told(families=(match, FamilyMatch(family="gone.family", score=0.8, why=())))
    assert [item.action for item in advice] == [
        "Resolve the name.",
        "Compare the settings.",
        "Look at the name servers?",
    ]
    assert [item.confidence for item in advice] == [0.63, 0.5355, 0.4552]
    assert advice[0].reason == 'A host name does not resolve: the message says "ENOTFOUND".'
    assert advice[0].evidence == (
        EvidenceLink(kind="family", id="network.dns", text="A host name does not resolve"),
    )
    assert advice[0].id.startswith("check:network.dns:")
    assert advice[0].family == "network.dns"


def test_a_family_that_is_no_longer_known_gives_no_checks():
    """Stored matches may name a family of an older release."""
    assert told(families=(FamilyMatch(family="gone.family", score=0.9, why=()),)) == ()


def test_the_release_just_before_a_rise_is_suspect():
    """One change in 30 days, 20 minutes before: by hand 0.95 exp(-1200 / (30 * 86400)) = 0.9496."""
    change = Change(id="7", kind="release", at=NOW - 3_600, version="2.8.0", environment="production")
    (advice,) = told(changes=(change,), rises=(NOW - 2_400,))
    assert (
        advice.action
        == "Look at what release 2.8.0 changed in production; roll it back if the errors must stop now."
    )
    assert advice.reason == "20 min after release 2.8.0 in production it rises."
    assert advice.confidence == round(0.95 * math.exp(-1_200 / (30 * DAY)), 4)
    assert advice.evidence[0].kind == "change"


def test_frequent_changes_are_less_suspect_and_late_ones_not_at_all():
    """Confidence falls with the rate of changes and with the delay; after six hours none is left."""
    start = NOW - 3_600.0

    def confidence(delay_s, others=0):
        changes = [Change(id="x", kind="deploy", at=start - delay_s)]
        changes += [Change(id=f"o{n}", kind="deploy", at=NOW - (n + 2.5) * DAY) for n in range(others)]
        advice = told(changes=tuple(changes), rises=(start,))
        return advice[0].confidence if advice else 0.0

    assert confidence(600) > confidence(7_200) > confidence(7_200, others=20)
    assert confidence(6 * 3_600 + 1) == 0.0


def test_a_change_after_the_rise_is_not_suspect():
    """What came later cannot be the cause."""
    assert told(changes=(Change(id="x", kind="deploy", at=NOW - 10),), rises=(NOW - 3_600,)) == ()


def test_the_release_of_the_first_error_is_more_suspect():
    """Doubt is halved when the first error is of the very release that came before it."""
    changes = tuple(
        Change(id=str(n), kind="release", at=NOW - 7_200 - n * 10_000, version=f"1.{n}") for n in range(60)
    )
    plain = told(changes=changes, first_seen=NOW - 3_600)[0]
    same = told(changes=changes, first_seen=NOW - 3_600, first_release="1.0")[0]
    assert same.confidence == pytest.approx((plain.confidence + 0.95) / 2, abs=1e-4)
    assert same.reason.endswith("it was first seen; the first error is of this release.")


def test_a_pattern_that_comes_first_is_to_be_mended_first():
    """The relation's score, lag and support are told."""
    (advice,) = told(
        upstream=(Upstream(pattern_id=5, title="PoolTimeout", score=0.9, lag_s=42.4, support=41, base=50),)
    )
    assert advice.action == 'Mend "PoolTimeout" first.'
    assert advice.reason == "It comes 42 s before this one, 41 of 50 times."
    assert advice.confidence == 0.855


def test_what_fixed_the_most_similar_pattern_is_told():
    """Only the most similar one, only with a note or a release."""
    (advice,) = told(
        solved=(
            Solved(pattern_id=1, title="A", similarity=0.5, note="raised the limit"),
            Solved(pattern_id=2, title="B", similarity=0.8, note="closed the pool", release="1.4"),
            Solved(pattern_id=3, title="C", similarity=0.9),
        )
    )
    assert advice.action == 'Try what solved "B".'
    assert advice.reason == 'It is 80% alike; resolved in release 1.4 and noted "closed the pool".'
    assert told(solved=(Solved(pattern_id=1, title="A", similarity=0.2, note="n"),)) == ()


def test_a_pattern_that_is_back_points_at_its_fix():
    """A regressed pattern names the release in which it was resolved."""
    (advice,) = told(state="regressed", resolved_release="1.4")
    assert advice.action == "Check that the fix of release 1.4 is still in place."


def test_a_tag_value_that_stands_out_is_told():
    """94 % on one host against 20 % elsewhere."""
    tag = TagCount(key="host", value="db1", count=94, of=100, project_count=1_074, project_of=5_000)
    (advice,) = told(tags=(tag,))
    assert advice.action == "Look at what is special about errors with host = db1."
    assert advice.reason == "94% of these errors have host = db1, 20% of the others."
    assert advice.confidence == 0.744


@pytest.mark.parametrize(
    "tag",
    [
        TagCount(key="host", value="db1", count=50, of=100, project_count=2_500, project_of=5_000),
        TagCount(key="host", value="db1", count=10, of=10, project_count=100, project_of=5_000),
        TagCount(key="host", value="db1", count=12, of=20, project_count=2_000, project_of=5_020),
        TagCount(key="host", value="db1", count=40, of=100, project_count=41, project_of=5_000),
        TagCount(key="host", value="db1", count=100, of=100, project_count=100, project_of=100),
    ],
    ids=["same share", "few errors", "by chance", "under half", "no others"],
)
def test_a_tag_value_that_may_be_chance_is_not_told(tag):
    """Equal shares, few errors, weak differences and patterns without others to compare with say nothing."""
    assert told(tags=(tag,)) == ()


@pytest.mark.parametrize(
    ("share", "n", "rest", "m"), [(0.94, 100, 0.2, 900), (0.5, 40, 0.4, 500), (1.0, 25, 0.1, 60)]
)
def test_g_test_agrees_with_scipy(share, n, rest, m):
    """The p-value equals scipy's log-likelihood ratio test of the same table."""
    table = [share * n, rest * m, (1 - share) * n, (1 - rest) * m]
    rows = [table[0] + table[1], table[2] + table[3]]
    expected = [rows[0] * n / (n + m), rows[0] * m / (n + m), rows[1] * n / (n + m), rows[1] * m / (n + m)]
    reference = power_divergence(table, expected, ddof=2, lambda_="log-likelihood")
    assert g_test(share, n, rest, m) == pytest.approx(reference.pvalue, rel=1e-9)


def test_states_are_told_in_plain_words():
    """Rising, silent and high risk each have a sentence."""
    rising = told(state="rising", growth=3.42, rises=(NOW - 600,))
    assert rising[0].reason == "Rising: 3.4x its usual rate since 2026-02-02 02:30 UTC."
    assert told(state="silent")[0].reason == "Not seen since 2026-02-02 02:40 UTC."
    assert (
        told(risk=78, risk_factors=("unhandled", "growth"))[0].reason
        == "Its risk is 78 of 100: unhandled, growth."
    )
    assert told(risk=74.9) == ()


def advice(number, confidence=0.5, family="a.b"):
    """Return a recommendation of its own."""
    return Recommendation(
        id=f"check:{number}", action="a", reason="r", evidence=(), confidence=confidence, family=family
    )


def test_votes_move_the_confidence_by_a_beta_prior():
    """(8 c + up) / (8 + up + down): (4 + 4) / 12, and (4 + 1) / 9 by votes on others of the family."""
    item = advice("x")
    assert voted(item, [Votes(recommendation_id="check:x", family="a.b", up=4, down=0)]) == pytest.approx(
        2 / 3
    )
    assert voted(item, [Votes(recommendation_id="check:y", family="a.b", up=4, down=0)]) == pytest.approx(
        5 / 9
    )
    assert voted(item, [Votes(recommendation_id="tag:y", family="a.b", up=4, down=0)]) == 0.5
    assert voted(item, [Votes(recommendation_id="check:y", family="c.d", up=4, down=0)]) == 0.5


def test_votes_change_the_order_and_can_remove():
    """Enough votes down put a recommendation behind others, and in the end away."""
    down = Votes(recommendation_id="check:x", family="a.b", up=0, down=8)
    items = [advice("x", 0.6, "x"), advice("y", 0.5, "y")]
    assert [item.id for item in ranked(items, [])] == ["check:x", "check:y"]
    assert [item.id for item in ranked(items, [replace(down, family="x")])] == ["check:y", "check:x"]
    assert [item.id for item in ranked(items, [replace(down, family="x", down=80)])] == ["check:y"]


def test_each_recommendation_stands_once():
    """Two reasons for the same advice keep the surer one."""
    assert [item.confidence for item in ranked([advice("x", 0.3), advice("x", 0.7)], [])] == [0.7]


CONFIDENCES = st.floats(0, 1)
COUNTS = st.integers(0, 10_000)


@given(CONFIDENCES, COUNTS, COUNTS)
def test_confidence_stays_in_range_and_follows_votes(confidence, up, down):
    """Votes up never lower, votes down never raise, and the range is kept."""
    item = advice("x", confidence)
    votes = Votes(recommendation_id="check:x", family="a.b", up=up, down=down)
    middle = voted(item, [votes])
    assert 0 <= middle <= 1
    assert voted(item, [replace(votes, up=up + 1)]) >= middle >= voted(item, [replace(votes, down=down + 1)])


@given(st.permutations([advice(n, (n % 4) / 4 + 0.2) for n in range(12)]))
def test_the_order_of_proposals_does_not_matter(items):
    """The same advice comes in the same order, however it was gathered."""
    assert ranked(items, []) == ranked([advice(n, (n % 4) / 4 + 0.2) for n in range(12)], [])


@given(st.randoms(use_true_random=False))
def test_the_order_of_evidence_does_not_matter(rng):
    """Shuffled changes, tags, upstream and solved patterns give the same advice."""
    full = replace(
        QUIET,
        rises=(NOW - 2_400, NOW - 90_000),
        changes=tuple(Change(id=str(n), kind="deploy", at=NOW - 3_000 - n * 30_000) for n in range(5)),
        upstream=tuple(
            Upstream(pattern_id=n, title=f"p{n}", score=0.5, lag_s=5, support=5, base=9) for n in range(3)
        ),
        tags=tuple(
            TagCount(key="host", value=f"h{n}", count=90, of=100, project_count=200, project_of=4_000)
            for n in range(3)
        ),
        solved=tuple(Solved(pattern_id=n, title=f"s{n}", similarity=0.7, note="n") for n in range(3)),
    )
    shuffled = {
        name: tuple(rng.sample(getattr(full, name), len(getattr(full, name))))
        for name in ("rises", "changes", "upstream", "tags", "solved")
    }
    assert recommend(replace(full, **shuffled), [DNS]) == recommend(full, [DNS])
