"""Stacks as text: each language's own forms, live output of the runtimes that are here, and garbage."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from error_manager.core.fingerprint import fingerprint
from error_manager.core.limits import MAX_EXCEPTIONS, MAX_FRAMES, MAX_NAME_CHARS, MAX_TEXT_CHARS
from error_manager.core.types import ErrorEvent, EventId, Frame
from error_manager.decoding.stacktext.reader import has_trace, parse_trace
from error_manager.decoding.stacktext.trace import Trace

STACKS = Path(__file__).parent / "stacks"
EXPECTED = json.loads((STACKS / "expected.json").read_text(encoding="utf-8"))
TEXTS = {path.stem: path.read_text(encoding="utf-8") for path in sorted(STACKS.glob("*.txt"))}
NOW = datetime(2026, 11, 23, tzinfo=UTC)


def parsed(text: str) -> Trace:
    """Return the trace in a text that has one."""
    trace = parse_trace(text)
    assert trace is not None
    return trace


def told(frame: Frame) -> str:
    """Return a frame as the expected file words it; + is code of the application."""
    name = ".".join(part for part in (frame.module, frame.function) if part)
    return f"{'+' if frame.in_app else '-'} {name} @ {frame.filename}:{frame.lineno}"


def summary(trace: Trace) -> dict[str, object]:
    """Return what the expected file says of a trace."""
    return {
        "platform": trace.platform,
        "exceptions": [
            {
                "type": each.type,
                "module": each.module,
                "value": each.value.split("\n"),
                "tree": [each.exception_id, each.parent_id, each.is_group],
                "count": len(each.frames),
                "last": [told(frame) for frame in each.frames[-3:]],
            }
            for each in trace.exceptions
        ],
        "frames": [told(frame) for frame in trace.frames],
    }


def groups(text: str) -> str:
    """Return the group of an error whose stack is this text."""
    trace = parsed(text)
    event = ErrorEvent(
        event_id=EventId("0" * 32),
        timestamp=NOW,
        message="m",
        platform=trace.platform,
        exceptions=trace.exceptions,
        frames=trace.frames,
    )
    return fingerprint(event).hash


@pytest.mark.parametrize("name", TEXTS)
def test_reads_what_runtimes_print(name: str) -> None:
    """Types, messages, trees and frames of real output and of the forms in each language's documentation."""
    assert summary(parsed(TEXTS[name])) == EXPECTED[name]


def test_every_expectation_has_its_text() -> None:
    """No expected trace is left without its text."""
    assert sorted(EXPECTED) == sorted(TEXTS)


@pytest.mark.parametrize("name", TEXTS)
def test_windows_line_ends_change_nothing(name: str) -> None:
    """Text with CR LF gives the same trace."""
    assert parse_trace(TEXTS[name].replace("\n", "\r\n")) == parse_trace(TEXTS[name])


def test_source_lines_are_kept() -> None:
    """Python prints the line of each frame; carets below it are no source."""
    frames = parsed(TEXTS["py_chained"]).exceptions[-1].frames
    assert [frame.context_line for frame in frames][1:] == [
        'load({"id": 1})',
        'return json.loads(row["body"])["id"]',
    ]


def test_repeated_frames_are_counted() -> None:
    """Frames that Python printed as repeated are there, within the cap of one stack."""
    assert len(parsed(TEXTS["py_deep"]).exceptions[0].frames) == MAX_FRAMES


def test_frames_shared_with_the_cause_are_restored() -> None:
    """The ``... n more`` of a cause are the outermost frames of what it caused."""
    cause, _, middle, outer = parsed(TEXTS["java_chain"]).exceptions
    assert [frame.function for frame in cause.frames] == ["main", "outer", "middle", "inner"]
    assert cause.frames[:2] == outer.frames
    assert middle.frames[:2] == outer.frames


def test_lines_matching_the_cause_are_restored() -> None:
    """Frames that Node.js left out because the cause has them are those of the cause."""
    cause, raised = parsed(TEXTS["js_cause"]).exceptions
    assert [frame.function for frame in raised.frames[:-1]] == [frame.function for frame in cause.frames[:-2]]


def test_deep_recursion_of_java() -> None:
    """A thousand equal frames lose their middle and keep the head."""
    text = "java.lang.StackOverflowError\n" + "\tat com.acme.Tree.walk(Tree.java:9)\n" * 1_024
    (error,) = parsed(text).exceptions
    assert (error.type, len(error.frames)) == ("StackOverflowError", MAX_FRAMES)


def test_text_around_a_trace_changes_no_group() -> None:
    """A log line before the trace and a blank end do not matter."""
    text = TEXTS["java_reflect"]
    assert groups(f"charge failed for order 17\n\n{text}\n\n") == groups(text)


def test_other_lines_of_the_same_fault_are_one_group() -> None:
    """Line numbers and values in messages move; the group stays."""
    text = TEXTS["java_lambda"]
    assert groups(text.replace(":12)", ":14)").replace('"x"', '"y"')) == groups(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "look at this",
        "at noon we met\n    at the station",
        "panic: button was pressed",
        "mail me@home:5",
        "#0 is the first",
        "Caused by: bad weather",
        "Traceback",
    ],
)
def test_plain_text_is_no_trace(text: str) -> None:
    """Words that also stand in traces make none, or at most one without frames."""
    trace = parse_trace(text)
    assert trace is None or (not trace.frames and not any(each.frames for each in trace.exceptions))


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    """Any text has a trace or none."""
    trace = parse_trace(text)
    assert trace is None or has_trace(text)


@given(st.sampled_from(sorted(TEXTS)), st.randoms(use_true_random=False), st.text(max_size=20))
def test_no_mutation_breaks_it(name: str, rng: random.Random, noise: str) -> None:
    """Lines of real traces lost, doubled, moved, cut and mixed end in a trace within the caps, or in none."""
    lines = TEXTS[name].split("\n") + TEXTS[rng.choice(sorted(TEXTS))].split("\n")
    for _ in range(rng.randrange(1, 12)):
        place = rng.randrange(len(lines))
        match rng.randrange(5):
            case 0:
                del lines[place]
            case 1:
                lines.insert(place, rng.choice(lines))
            case 2:
                lines[place] = lines[place][: rng.randrange(len(lines[place]) + 1)] + noise
            case 3:
                lines[place] = noise + lines[place]
            case _:
                lines[place] = lines[place].swapcase()
        lines = lines or [""]
    trace = parse_trace("\n".join(lines))
    if trace is None:
        return
    assert len(trace.exceptions) <= MAX_EXCEPTIONS
    for each in trace.exceptions:
        assert len(each.type) <= MAX_NAME_CHARS * 5
        assert len(each.value) <= MAX_TEXT_CHARS
        assert len(each.frames) <= MAX_FRAMES
    ids = [each.exception_id for each in trace.exceptions if each.exception_id is not None]
    assert len(ids) == len(set(ids))
    assert {each.parent_id for each in trace.exceptions if each.parent_id is not None} <= set(ids)


HOSTILE = {
    "spaces": "Traceback (most recent call last):\n" + " " * 200_000,
    "brackets": "    at " + "(" * 100_000 + "\n" + "    at f (" * 20_000,
    "dots": "    at a.b(C.java:1)\n" + "a." * 100_000 + "\n\tat a.b(C.java:1)\n",
    "colons": "x:1:in `y'" + ":" * 200_000,
    "errors": "Error: " * 30_000 + "\n    at f (a.js:1:2)\n",
    "causes": "Caused by: a.B: c\n" * 12_000 + "\tat a.b(C.java:1)\n",
    "groups": "  + Exception Group Traceback (most recent call last):\n"
    + "  +-+---------------- 1 ----------------\n" * 6_000,
    "nested": "".join(" " * depth + "| +-+---- 1 ----\n" for depth in range(700))
    + "Exception Group Traceback",
    "arrows": "System.A: b\n ---> System.C: d" * 8_000 + "\n   at A.B()\n",
    "panics": "panic: a\n" * 20_000 + "goroutine 1 [running]:\n",
    "numbers": "#0 " * 60_000 + "\n" + "#0 0x1 in a at b\n" * 10_000,
    "sanitizer": "ERROR: AddressSanitizer: " * 8_000 + "\n    #0 0x1 in f (a+0x1)\n",
    "rust": "thread 'main' panicked at '" * 8_000 + "\n" + "   0: a::<b::<\n" * 10_000,
    "php": "Uncaught Next Uncaught : in a:1\nStack trace:\n#0 {main}\n" * 4_000,
    "at signs": "@http" * 40_000 + ":1:2\n" + "a@http:1:2\n" * 10_000,
    "empty lines": "a\n at x" + "\n" * 250_000,
    "quotes": "a:1:in `" * 20_000 + "\n" + "\tfrom a:1:in `b'\n" * 10_000,
}


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_takes_linear_time(name: str) -> None:
    """A quarter of a megabyte made to be gone over again and again ends: quadratic time takes minutes."""
    trace = parse_trace(HOSTILE[name])
    assert trace is None or len(trace.exceptions) <= MAX_EXCEPTIONS


PYTHON = """\
def total(n):
    return 1 / n
try:
    total(0)
except ZeroDivisionError as e:
    raise LookupError('no order') from e
"""
NODE = """\
function total(c) { return c.items.length; }
function pay() {
  try { total({}); } catch (e) { throw new Error('cannot pay', {cause: e}); }
}
pay();
"""
JAVA = """\
public class Shop {
  static int total(int[] c) { return c[3]; }
  static void pay() {
    try { total(new int[1]); }
    catch (RuntimeException e) { throw new IllegalStateException("cannot pay", e); }
  }
  public static void main(String[] a) { pay(); }
}
"""
RUBY = """\
def total(c) = c.fetch(:x)
def pay
  total({})
rescue KeyError
  raise ArgumentError, 'cannot pay'
end
pay
"""
PHP = """\
<?php
function total($c) { return intdiv($c, 0); }
function pay() {
  try { total(1); } catch (Error $e) { throw new LogicException('cannot pay', 1, $e); }
}
pay();
"""
QUIET_PHP = ["php", "-d", "display_errors=stderr", "-d", "log_errors=0", "-d", "html_errors=0"]
PROGRAMS = {
    "shop.py": ([sys.executable], PYTHON, [("ZeroDivisionError", "total"), ("LookupError", "<module>")]),
    "shop.js": (["node"], NODE, [("TypeError", "total"), ("Error", "pay")]),
    "Shop.java": (
        ["java"],
        JAVA,
        [("ArrayIndexOutOfBoundsException", "total"), ("IllegalStateException", "pay")],
    ),
    "shop.rb": (["ruby"], RUBY, [("KeyError", "fetch"), ("ArgumentError", "rescue in pay")]),
    "shop.php": (QUIET_PHP, PHP, [("DivisionByZeroError", "intdiv"), ("LogicException", "pay")]),
}


PACKAGES = {"node": "nodejs", "java": "default-jdk-headless", "ruby": "ruby", "php": "php-cli"}


@pytest.mark.parametrize("name", PROGRAMS)
def test_reads_the_live_output_of_a_runtime(name: str, tmp_path: Path, require) -> None:
    """A program that fails with a cause prints a trace that is read: both types, both places, the lines."""
    command, source, expected = PROGRAMS[name]
    if command[0] != sys.executable:
        require(command[0], f"apt-get install {PACKAGES[command[0]]}")
    path = tmp_path / name
    path.write_text(source, encoding="utf-8")
    done = subprocess.run([*command, str(path)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0
    trace = parsed(done.stderr)
    found = [(each.type, each.frames[-1].function) for each in trace.exceptions]
    assert [(kind, name.rpartition("#")[2]) for kind, name in found] == expected
    assert all(each.frames[-1].lineno > 0 for each in trace.exceptions)


def test_both_quote_styles_of_ruby_name_the_same_place() -> None:
    """Before 3.4 the class is missing; file, line and method are the same."""
    old = parsed("a.rb:4:in `total': key not found (KeyError)\n\tfrom a.rb:9:in `<main>'\n")
    new = parsed("a.rb:4:in 'Cart#total': key not found (KeyError)\n\tfrom a.rb:9:in '<main>'\n")
    assert new.exceptions[0].frames[-1].module == "Cart"
    frames = tuple(replace(frame, module="") for frame in new.exceptions[0].frames)
    assert replace(new.exceptions[0], frames=frames) == old.exceptions[0]
