"""Wrapping: no traceback is lost, whatever the exceptions look like."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from error_manager.core.frozen import Budget, describe, freeze
from error_manager.core.snapshot import take_snapshot
from error_manager.core.types import ExceptionInfo
from error_manager.core.wrapper import cut_locals, wrap


def read_lines(path: str, _module: str, _loader: object) -> list[str]:
    """Return the lines of a file."""
    return Path(path).read_text().splitlines(keepends=True)


def raised(exc: BaseException) -> BaseException:
    """Return an exception after it was raised."""
    try:
        raise exc
    except BaseException as caught:  # noqa: BLE001  # groups of any exceptions are tested
        return caught


def test_frames_carry_place_source_and_locals():
    """The innermost frame names function, module, file, line, column, source and quoted locals."""

    def pay(order: int, name: str) -> None:
        raise ValueError("no money")

    try:
        pay(7, "Ada")
    except ValueError as exc:
        (info,) = wrap(exc, read_lines=read_lines, mechanism="hook", is_handled=False)
    frame = info.frames[-1]
    assert (info.type, info.value, info.module, info.mechanism, info.is_handled) == (
        "ValueError",
        "no money",
        "",
        "hook",
        False,
    )
    assert frame.function.endswith("pay")
    assert frame.filename.endswith("test_wrapper.py")
    assert frame.context_line.strip() == 'raise ValueError("no money")'
    assert frame.colno == 9
    assert len(frame.pre_context) == len(frame.post_context) == 5
    assert frame.variables == {"order": "7", "name": "'Ada'"}
    assert len(info.frames) == 2


def test_cause_and_context_come_oldest_first():
    """A cause stands before what it caused and says how it is tied to it; a chain has no ids."""
    try:
        try:
            raise KeyError("a")
        except KeyError as exc:
            raise ValueError("b") from exc
    except ValueError as exc:
        first, second = wrap(exc)
    assert (first.type, first.value, first.source, first.mechanism) == (
        "KeyError",
        "'a'",
        "__cause__",
        "chained",
    )
    assert (second.type, second.source, second.exception_id, second.parent_id) == (
        "ValueError",
        "",
        None,
        None,
    )
    assert first.frames
    assert second.frames


def test_context_is_kept_unless_suppressed():
    """``raise`` inside ``except`` keeps the context; ``from None`` leaves it out."""

    def fail(*, is_suppressed: bool) -> BaseException:
        try:
            try:
                raise KeyError("a")
            except KeyError:
                if is_suppressed:
                    raise ValueError("b") from None
                raise ValueError("b")  # noqa: B904  # the context is what is tested
        except ValueError as exc:
            return exc

    assert [info.source for info in wrap(fail(is_suppressed=False))] == ["__context__", ""]
    assert [info.type for info in wrap(fail(is_suppressed=True))] == ["ValueError"]


def test_groups_are_trees_with_the_raised_one_last():
    """Members of groups carry ids, their parent's id and their place (Sentry's convention)."""
    inner = ExceptionGroup("inner", [KeyError("k")])
    exc = raised(ExceptionGroup("outer", [raised(ValueError("v")), inner]))
    infos = wrap(exc)
    assert [(info.type, info.exception_id, info.parent_id, info.source, info.is_group) for info in infos] == [
        ("KeyError", 3, 2, "exceptions[0]", False),
        ("ExceptionGroup", 2, 0, "exceptions[1]", True),
        ("ValueError", 1, 0, "exceptions[0]", False),
        ("ExceptionGroup", 0, None, "", True),
    ]


def test_notes_follow_the_value():
    """PEP 678 notes stand below the value, one a line; notes of a wrong type do no harm."""
    exc = ValueError("v")
    exc.add_note("first")
    exc.add_note("second")
    assert wrap(exc)[0].value == "v\nfirst\nsecond"
    exc.__notes__ = 5  # type: ignore[assignment]  # what an application may do
    assert wrap(exc)[0].value == "v"


def test_cycles_are_cut():
    """An exception that is its own distant cause is kept once."""
    first, second = ValueError("a"), KeyError("b")
    first.__cause__ = second
    second.__cause__ = first
    assert [info.type for info in wrap(first)] == ["KeyError", "ValueError"]


def test_deep_recursion_is_cut_in_the_middle():
    """Of 900 frames the outermost and the innermost 125 are kept."""

    def descend(depth: int) -> None:
        if depth == 0:
            raise RecursionError("deep")
        descend(depth - 1)

    try:
        descend(900)
    except RecursionError as exc:
        (info,) = wrap(exc)
    assert len(info.frames) == 250
    depths = [frame.variables.get("depth") for frame in info.frames]
    assert depths[-1] == "0"
    assert info.frames[0].function.endswith("test_deep_recursion_is_cut_in_the_middle")
    assert info.frames[1].function == info.frames[-1].function


def test_broken_exceptions_keep_their_frames():
    """An exception whose ``__str__`` fails is reported by type and arguments, with its traceback."""

    class BrokenError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    (info,) = wrap(raised(BrokenError("arg", 5)))
    assert info.value.startswith("<unprintable ")
    assert "arg" in info.value
    assert info.frames


def test_broken_attributes_keep_the_exception():
    """An exception that lies about its cause is kept without one."""

    class LyingError(Exception):
        @property
        def __cause__(self) -> BaseException:  # type: ignore[override]  # what an application may do
            raise RuntimeError("no cause")

    assert [info.value for info in wrap(raised(LyingError("v")))] == ["v"]


def test_syntax_errors_show_their_own_place():
    """File, line, column and text of a SyntaxError are its innermost frame."""
    try:
        compile("x = 1\ny = = 2\n", "/srv/shop/settings.py", "exec")
    except SyntaxError as exc:
        (info,) = wrap(exc)
    frame = info.frames[-1]
    assert (frame.abs_path, frame.filename, frame.lineno, frame.context_line) == (
        "/srv/shop/settings.py",
        "settings.py",
        2,
        "y = = 2",
    )
    assert frame.in_app


def test_packages_show_in_the_file_name():
    """The file name is the path below the folder of the outermost package, as Sentry's clients send it."""
    (info,) = wrap(raised_in_json())
    assert info.frames[-1].filename == "json/decoder.py"
    assert not info.frames[-1].in_app


def raised_in_json() -> BaseException:
    """Return an exception out of a library."""
    import json  # noqa: PLC0415  # only this test needs it

    try:
        json.loads("{")
    except ValueError as exc:
        return exc
    raise AssertionError


def test_no_more_than_fifty_exceptions_are_kept():
    """A long chain keeps the raised exception and the 49 nearest, and says that it was cut."""
    exc: BaseException = ValueError("0")
    for number in range(1, 80):
        outer = ValueError(str(number))
        outer.__cause__ = exc
        exc = outer
    snapshot = take_snapshot(exc)
    assert (len(snapshot.exceptions), snapshot.is_cut) == (50, True)
    assert wrap(exc)[-1].value == "79"


def test_many_long_tracebacks_stay_within_bounds():
    """Fifty exceptions of 300 frames keep at most 1,500 frames together, each at least its innermost ten."""

    def descend(depth: int) -> None:
        if depth == 0:
            raise ValueError("deep")
        descend(depth - 1)

    members = []
    for _ in range(49):
        with pytest.raises(ValueError, match="deep") as caught:
            descend(300)
        members.append(caught.value)
    infos = wrap(ExceptionGroup("all", members))
    assert sum(len(info.frames) for info in infos) <= 1_500
    assert min(len(info.frames) for info in infos[:-1]) >= 10


class Slow:
    """What must never be asked for its repr."""

    def __init__(self) -> None:
        self.name = "slow"
        self.parts = [1, 2]

    def __repr__(self) -> str:
        raise AssertionError("repr was called")


def test_no_code_of_the_application_runs():
    """Objects show type and attributes without their ``__repr__``; subclasses of dict are read as dicts."""

    class Loud(dict[str, int]):
        def items(self):
            raise AssertionError("items was called")

    assert describe(freeze(Slow(), Budget(50))) == {
        "": f"<{Slow.__module__}.Slow>",
        "name": "'slow'",
        "parts": ["1", "2"],
    }
    assert describe(freeze([Slow()], Budget(50))) == [f"<{Slow.__module__}.Slow>"]
    assert describe(freeze(Loud(a=1), Budget(50))) == {"a": "1"}


def test_subclasses_of_builtins_show_their_value():
    """Texts, numbers and bytes of derived types are read by the built-in type below; dates by their repr."""
    kinds = {kind: type("Own", (kind,), {}) for kind in (str, int, float, bytes, bytearray, tuple)}
    values = [kinds[str]("a"), kinds[int](5), kinds[float](0.5), kinds[bytes](b"b"), kinds[bytearray](b"c")]
    assert describe(freeze(values, Budget(50))) == ["'a'", "5", "0.5", "b'b'", "b'c'"]
    assert describe(freeze((kinds[tuple]((1,)), date(2026, 11, 23), date), Budget(50))) == [
        ["1"],
        "datetime.date(2026, 11, 23)",
        "<type date>",
    ]


def test_large_values_are_cut_before_they_are_written_out():
    """Big texts, containers and integers cost no more than their bounds."""
    values = {
        "text": "x" * 10_000_000,
        "list": list(range(1_000_000)),
        "dict": {number: number for number in range(100_000)},
        "int": 1 << 4_000_000,
        "deep": [[[[[[1]]]]]],
    }
    shown = describe(freeze(values, Budget(600)))
    assert isinstance(shown, dict)
    assert len(str(shown["text"])) == 1_024
    assert shown["list"] == [*map(str, range(10)), "<999990 more>"]
    assert shown["dict"]["…"] == "<99990 more>"
    assert shown["int"] == "<int of 4000001 bits>"
    assert shown["deep"] == [["<list of 1>"]]


def test_locals_of_all_frames_share_one_budget():
    """The values copied per error are bounded, and the innermost frames are served first."""

    def descend(depth: int) -> None:
        table = {str(number): [number] * 5 for number in range(10)}
        if depth == 0:
            raise ValueError(len(table))
        descend(depth - 1)

    with pytest.raises(ValueError, match="10") as caught:
        descend(60)
    (info,) = wrap(caught.value)
    assert info.frames[-1].variables
    assert not info.frames[0].variables
    assert len(info.frames) == 62


def test_locals_can_be_left_out():
    """Without locals no frame has any."""
    (info,) = wrap(raised(ValueError("v")), with_locals=False)
    assert [dict(frame.variables) for frame in info.frames] == [{}]


def test_locals_are_those_of_the_moment():
    """A snapshot does not change when the application goes on with its objects."""
    order = {"items": [1]}
    try:
        raise ValueError(order)
    except ValueError as exc:
        snapshot = take_snapshot(exc)
    order["items"].append(2)
    assert describe(snapshot.exceptions[0].frames[-1].variables["order"]) == {"items": ["1"]}


def test_locals_are_cut_after_masking():
    """``cut_locals`` shortens every text inside the locals to what is shown."""
    text = "y" * 300
    holder = [text]
    infos = cut_locals(wrap(raised(ValueError(len(holder)))), max_chars=100)
    assert all(len(str(value)) <= 100 for frame in infos[0].frames for value in frame.variables.values())


@st.composite
def trees(draw: st.DrawFn) -> BaseException:
    """Return an exception of a random tree of causes, contexts, groups, with cycles."""
    nodes: list[BaseException] = [raised(ValueError("leaf"))]
    for number in range(draw(st.integers(0, 12))):
        if draw(st.booleans()):
            members = draw(st.lists(st.sampled_from(nodes), min_size=1, max_size=4))
            nodes.append(raised(BaseExceptionGroup(f"group {number}", members)))
        else:
            nodes.append(raised(KeyError(number)))
    for node in nodes:
        if draw(st.booleans()):
            node.__cause__ = draw(st.sampled_from(nodes))
        if draw(st.booleans()):
            node.__context__ = draw(st.sampled_from(nodes))
        node.__suppress_context__ = draw(st.booleans())
    return draw(st.sampled_from(nodes))


@given(trees())
def test_any_tree_is_wrapped_whole(exc: BaseException):
    """Each exception appears once, with its frames, before its parent; the raised one is last."""
    infos = wrap(exc)
    assert infos[-1].type == type(exc).__name__
    assert len(infos) <= 13
    assert all(info.frames for info in infos)
    if any(info.is_group for info in infos):
        ids = [info.exception_id for info in infos]
        assert ids == list(range(len(infos)))[::-1]
        assert all(_is_child_below_parent(info) for info in infos[:-1])


def _is_child_below_parent(info: ExceptionInfo) -> bool:
    assert info.exception_id is not None
    assert info.parent_id is not None
    return info.parent_id < info.exception_id


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner),
        max_leaves=50,
    )
)
def test_any_value_is_described_within_bounds(value: object):
    """Freezing and describing fails for no value and keeps to the bounds of containers."""

    def check(shown: object) -> None:
        if isinstance(shown, dict):
            assert len(shown) <= 11
            for member in shown.values():
                check(member)
        elif isinstance(shown, list):
            assert len(shown) <= 11
            for member in shown:
                check(member)
        else:
            assert isinstance(shown, str)
            assert len(shown) <= 1_024

    check(describe(freeze(value, Budget(600))))
