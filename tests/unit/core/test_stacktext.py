from datetime import UTC, datetime

from error_manager.core.stacktext import render_stack, with_stack
from error_manager.core.types import ErrorEvent, EventId, ExceptionInfo, Frame

FRAME = Frame(module="com.Pay", function="run", filename="Pay.java", lineno=7, context_line="  go();")


def error(**fields: object) -> ErrorEvent:
    """Return an error with these fields."""
    return ErrorEvent(
        **{
            "event_id": EventId("0" * 32),
            "timestamp": datetime(2026, 1, 1, tzinfo=UTC),
            "message": "m",
            **fields,
        }
    )


CHAIN = (
    ExceptionInfo(type="KeyError", value="'a'", frames=(FRAME,)),
    ExceptionInfo(type="LoadError", module="repo", frames=(FRAME,)),
)


def test_python_form():
    """Python's own form: causes first, source lines, the type with its module."""
    assert render_stack(error(platform="python", exceptions=CHAIN)) == (
        "Traceback (most recent call last):\n"
        "  File \"Pay.java\", line 7, in run\n    go();\nKeyError: 'a'\n"
        "The above exception was the direct cause of the following exception:\n"
        'Traceback (most recent call last):\n  File "Pay.java", line 7, in run\n    go();\nrepo.LoadError'
    )


def test_java_form():
    """Java's own form: the raised exception first, then its causes."""
    assert render_stack(error(platform="java", exceptions=CHAIN)) == (
        "repo.LoadError\n\tat com.Pay.run(Pay.java:7)\nCaused by: KeyError: 'a'\n\tat com.Pay.run(Pay.java:7)"
    )


def test_other_form():
    """Other platforms read like JavaScript."""
    frame = Frame(function="go", filename="app.js", lineno=1, colno=5)
    chain = (ExceptionInfo(type="Error", value="x", frames=(frame,)),)
    assert render_stack(error(platform="node", exceptions=chain)) == "Error: x\n    at go(app.js:1:5)"


def test_without_frames_there_is_no_stack():
    """An error without frames has no stack text; a message's own stack is written."""
    assert render_stack(error(exceptions=(ExceptionInfo(type="E"),))) == ""
    assert render_stack(error(frames=(FRAME,))) == '  File "Pay.java", line 7, in run\n    go();'


def test_with_stack_writes_a_bounded_text_and_keeps_a_given_one():
    """At most 16 KiB with the middle cut; what the client sent stays."""
    frames = tuple(Frame(function=f"f{number}", filename="a.py", lineno=number) for number in range(1000))
    chain = (ExceptionInfo(type="ValueError", value="bad", frames=frames),)
    text = with_stack(error(platform="python", exceptions=chain)).stack_trace
    assert len(text) <= 16_384
    assert text.startswith("Traceback (most recent call last):\n")
    assert text.endswith("in f999\nValueError: bad")
    assert with_stack(error(stack_trace="mine", exceptions=chain)).stack_trace == "mine"
