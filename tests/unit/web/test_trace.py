"""The tree of exceptions and the folding of frames."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from error_manager.core.types import ExceptionInfo, Frame
from error_manager.integrations.web.trace import exceptions_of, runs_of, steps_of


def plain(*types):
    """Return a chain without ids, oldest cause first."""
    return tuple(ExceptionInfo(type=name) for name in types)


def drawn(event):
    """Return number, depth, relation and type of each drawn exception."""
    return [(v.number, v.depth, v.relation, v.exception.type) for v in exceptions_of(event)]


def test_a_chain_is_drawn_from_the_raised_exception_to_its_oldest_cause(made_up):
    """The order of the protocol is turned round, each cause one step deeper."""
    event = replace(made_up["event"](), exceptions=plain("Oldest", "Middle", "Raised"))
    assert drawn(event) == [
        (1, 0, "", "Raised"),
        (2, 1, "caused by", "Middle"),
        (3, 2, "caused by", "Oldest"),
    ]


def test_a_context_is_no_cause(made_up):
    """``__context__`` reads "while handling"."""
    chain = (ExceptionInfo(type="First", source="__context__"), ExceptionInfo(type="Second"))
    assert drawn(replace(made_up["event"](), exceptions=chain))[1][2] == "while handling"


def test_a_group_is_a_tree_with_its_parts_in_order(made_up):
    """Parts are numbered, a cause of a part hangs below it, and a cause of the group is no part."""
    group = (
        ExceptionInfo(type="CauseOfGroup", exception_id=4, parent_id=0, source="__cause__"),
        ExceptionInfo(type="CauseOfA", exception_id=2, parent_id=1, source="__cause__"),
        ExceptionInfo(type="B", exception_id=3, parent_id=0, source="exceptions[1]"),
        ExceptionInfo(type="A", exception_id=1, parent_id=0, source="exceptions[0]"),
        ExceptionInfo(type="Group", exception_id=0, is_group=True),
    )
    assert drawn(replace(made_up["event"](), exceptions=group)) == [
        (1, 0, "", "Group"),
        (2, 1, "part 1 of 2", "A"),
        (3, 2, "caused by", "CauseOfA"),
        (4, 1, "part 2 of 2", "B"),
        (5, 1, "caused by", "CauseOfGroup"),
    ]


@given(st.lists(st.tuples(st.none() | st.integers(0, 5), st.none() | st.integers(0, 5)), max_size=12))
def test_any_ids_draw_each_exception_once(made_up_event, ids):
    """Cycles, doubles and missing parents lose no exception and end."""
    exceptions = tuple(
        ExceptionInfo(type=str(i), exception_id=own, parent_id=parent) for i, (own, parent) in enumerate(ids)
    )
    event = replace(made_up_event, exceptions=exceptions, frames=())
    assert sorted(view.exception.type for view in exceptions_of(event)) == sorted(e.type for e in exceptions)


def test_a_message_with_a_stack_is_drawn_as_one_stack(made_up):
    """A bare message keeps its frames."""
    event = replace(made_up["event"](), exceptions=(), frames=(Frame(function="f"),))
    assert [view.runs[0].frames[0].frame.function for view in exceptions_of(event)] == ["f"]


def test_library_frames_are_folded_between_in_app_frames(made_up):
    """Newest call first; four Django frames become one line that names the library."""
    runs = runs_of(made_up["frames"](made_up["same"]), open_frames=6)
    assert [(run.is_in_app, len(run.frames), run.label) for run in runs] == [
        (True, 2, ""),
        (False, 4, "4 frames in library django"),
        (True, 1, ""),
    ]
    assert [view.number for run in runs for view in run.frames] == [7, 6, 5, 4, 3, 2, 1]


def test_several_libraries_are_named_up_to_three():
    """A run over five libraries names three and counts the rest."""
    frames = [Frame(module=f"lib{i}.x", in_app=False) for i in range(5)]
    runs = runs_of([*frames, Frame(function="mine")], open_frames=1)
    assert runs[-1].label == "5 frames in lib4, lib3, lib2 and 2 more"


def test_without_in_app_frames_the_newest_call_is_shown():
    """A stack in libraries alone is not folded away whole."""
    frames = [Frame(module="a.b", in_app=False), Frame(module="c.d", in_app=False, context_line="raise")]
    runs = runs_of(frames, open_frames=1)
    assert [(run.is_in_app, run.frames[0].is_open) for run in runs] == [(True, True), (False, False)]


def test_only_some_frames_start_open():
    """The first in-app frames with something to show are open, the rest closed."""
    frames = [Frame(function=str(i), context_line="x") for i in range(5)] + [Frame(function="bare")]
    opened = [view.is_open for view in runs_of(frames, open_frames=2)[0].frames]
    assert opened == [False, True, True, False, False, False]


def test_line_numbers_stand_beside_their_lines():
    """Numbers of context lines follow from the failing line; without it there are none."""
    frame = Frame(lineno=10, pre_context=("a", "b"), context_line="c", post_context=("d",), filename="f.py")
    view = runs_of([frame], open_frames=1)[0].frames[0]
    assert (view.numbers("pre"), view.numbers("line"), view.numbers("post")) == ("8\n9", "10", "11")
    assert view.place == "f.py:10"
    unknown = runs_of([Frame(pre_context=("a",), context_line="c")], open_frames=1)[0].frames[0]
    assert (unknown.numbers("pre"), unknown.place) == ("", "unknown place")


def test_steps_say_how_long_before_the_error_they_were(made_up):
    """Breadcrumbs carry their distance; without a time there is none."""
    event = made_up["event"]()
    steps = replace(event, breadcrumbs=(*event.breadcrumbs, replace(event.breadcrumbs[0], timestamp=None)))
    assert [view.offset for view in steps_of(steps)] == ["-12.0 s", "-1.0 s", ""]
