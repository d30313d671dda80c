"""What goes with what, as a drawing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from error_manager.analysis.graph_layout import MOST_EDGES, MOST_NODES, NODE_WIDTH
from error_manager.core.types import PatternId, ProjectId, Severity
from error_manager.monitoring.finding import CorrelationFinding, PatternFacts
from error_manager.monitoring.graph import graph

NOW = datetime(2026, 5, 4, tzinfo=UTC)


def relation(first: int, second: int, score: float = 0.5) -> CorrelationFinding:
    """Return a relation of two patterns."""
    return CorrelationFinding(
        first=PatternId(first),
        second=PatternId(second),
        score=score,
        gap=timedelta(seconds=4),
        support=4,
        trials=5,
        found_at=NOW,
    )


def facts(*numbers: int) -> dict[PatternId, PatternFacts]:
    """Return patterns by their numbers."""
    return {
        PatternId(n): PatternFacts(
            project_id=ProjectId(1), id=PatternId(n), title=f"P{n}", severity=Severity.ERROR
        )
        for n in numbers
    }


def test_causes_stand_left_of_what_follows():
    """A chain goes from left to right, one column a step, with an edge from side to side."""
    drawn = graph([relation(2, 3), relation(1, 2)], facts(1, 2, 3))
    at = {node.pattern_id: node for node in drawn.nodes}
    assert at[PatternId(1)].x < at[PatternId(2)].x < at[PatternId(3)].x
    edge = next(edge for edge in drawn.edges if edge.first == PatternId(1))
    assert drawn.node(edge.first) == at[PatternId(1)]
    assert (edge.line.x1, edge.line.x2) == (at[PatternId(1)].x + NODE_WIDTH, at[PatternId(2)].x)


def test_of_a_pair_in_both_directions_the_surer_decides():
    """The weaker edge goes back."""
    drawn = graph([relation(1, 2, 0.4), relation(2, 1, 0.8)], facts(1, 2))
    at = {node.pattern_id: node.x for node in drawn.nodes}
    assert at[PatternId(2)] < at[PatternId(1)]
    assert len(drawn.edges) == 2


def test_nothing_and_unknown_patterns():
    """No relation, no drawing; a pattern that is gone is not drawn."""
    assert graph([], {}).edges == ()
    assert graph([relation(1, 2)], facts(1)).nodes == ()


@given(
    st.lists(
        st.tuples(st.integers(1, 30), st.integers(1, 30), st.floats(0, 1)).filter(
            lambda one: one[0] != one[1]
        ),
        max_size=80,
    )
)
def test_every_graph_is_drawn_within_its_bounds(pairs):
    """Also circles: bounded in number, nothing outside, no two nodes in one place."""
    drawn = graph([relation(*pair) for pair in pairs], facts(*range(1, 31)))
    assert len(drawn.nodes) <= MOST_NODES
    assert len(drawn.edges) <= MOST_EDGES
    assert len({(node.x, node.y) for node in drawn.nodes}) == len(drawn.nodes)
    assert all(0 <= node.x <= drawn.width - NODE_WIDTH for node in drawn.nodes)
    assert all(0 < node.y < drawn.height for node in drawn.nodes)
