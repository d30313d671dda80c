"""Lines between boxes: a curve, and around the boxes of its own row."""

from __future__ import annotations

from error_manager.analysis.graph_layout import NODE_HEIGHT, Pair, lay_out


def test_line_over_a_column_goes_around_the_box_between():
    """1 -> 2 -> 3 stand in one row; the line 1 -> 3 runs below the box of 2, within the drawing."""
    drawn = lay_out([Pair(1, 2, 0.9), Pair(2, 3, 0.8), Pair(1, 3, 0.7)])
    assert len({corner.y for corner in drawn.corners.values()}) == 1
    paths = {line.place: line.path for line in drawn.lines}
    below = drawn.corners[2].y + NODE_HEIGHT + 6
    assert (f" {below}H" in paths[2], drawn.height > below) == (True, True)
    assert [path.count("C") for path in (paths[0], paths[1], paths[2])] == [1, 1, 2]


def test_line_back_ends_at_the_right_side():
    """The weaker of two directions goes from right to left."""
    forward, back = lay_out([Pair(1, 2, 0.9), Pair(2, 1, 0.4)]).lines
    assert (forward.is_forward, back.is_forward) == (True, False)
    assert (back.x2, back.y2) == (190, forward.y1)
