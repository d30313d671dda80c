"""A relation sends somebody to its cause only when it is sure."""

from __future__ import annotations

import pytest

from error_manager.analysis.diagnosis import Diagnoser
from error_manager.analysis.event_times import EventTimes
from error_manager.analysis.found import FoundPattern
from error_manager.analysis.log_finding import Follows
from error_manager.core.types import Severity
from error_manager.flows.log_advice import LogFacts, advise
from error_manager.runtime.wiring.knowledge import load_families
from error_manager.runtime.wiring.linear import compile_linear

CAUSE, EFFECT = (
    FoundPattern(id=name, text=f"{name} is odd", severity=Severity.ERROR, count=20) for name in ("A", "B")
)


@pytest.mark.parametrize(
    ("score", "support", "occasions", "base", "is_told"),
    [
        (0.65, 9, 10, 0.001, True),
        (0.55, 6, 24, 0.125, True),
        (0.54, 9, 10, 0.001, False),
        (0.65, 5, 8, 0.001, False),
        (0.65, 491, 514, 0.85, False),
    ],
    ids=["sure", "just enough", "score", "seldom", "nearly as often by chance"],
)
def test_advice_from_a_relation(score, support, occasions, base, is_told):
    """Six times, a score of .55 and twice what chance brings; a follower then is told to mend its cause."""
    relation = Follows(
        cause="A",
        effect="B",
        score=score,
        lag_s=4.0,
        lag_spread_s=(3.6, 4.2),
        support=support,
        occasions=occasions,
        base_share=base,
    )
    facts = LogFacts(
        patterns={one.id: one for one in (CAUSE, EFFECT)},
        times=EventTimes(),
        follows=(relation,),
        stretches=(),
    )
    found = advise(EFFECT, facts, Diagnoser(load_families(), compile_linear))
    assert found.action == ('Mend "A is odd" first.' if is_told else "")
