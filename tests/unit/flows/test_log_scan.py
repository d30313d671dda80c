import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from error_manager.analysis.found import MAX_PATTERNS
from error_manager.analysis.templates import TemplateMiner
from error_manager.core.types import Severity
from error_manager.flows import analyzing
from error_manager.flows.analyzing import LogAnalysis
from error_manager.flows.following import LogFollower
from error_manager.flows.log_scan import ORDER_S, LogScanner
from error_manager.flows.log_workers import scan_here

NOW = datetime(2026, 11, 24, tzinfo=UTC)
TRACE = """\
Traceback (most recent call last):
  File "/srv/shop/pay.py", line 3, in charge
    total(order)
KeyError: 'total'"""
JAVA = """\
java.lang.IllegalStateException: cannot pay
\tat com.acme.shop.Cart.total(Cart.java:31)
Caused by: java.io.IOException: away
\tat com.acme.shop.Rates.load(Rates.java:9)
\t... 1 more"""


def analysis(*texts, samples=1):
    """Return what is found in texts, each a block of its own."""
    found = LogAnalysis(samples=samples, keeps_rows=True)
    blocks = (text.encode() for text in texts)
    for scanner, findings in scan_here(
        blocks, lambda: LogScanner(now=NOW, samples=samples, keeps_numbers=True, keeps_times=True)
    ):
        found.add(scanner, findings)
    return found


def counts(*texts):
    """Return the count of each pattern by its text."""
    return {pattern.text: pattern.count for pattern in analysis(*texts).patterns.ranked()}


def rows(*texts):
    """Return the pattern of each line."""
    return [key for _, key, _ in analysis(*texts).rows()]


def test_a_trace_is_one_error():
    """The header line and the lines of its trace are one record, grouped by the fingerprint, not by words."""
    text = f"2026-11-23 10:00:00 ERROR [main] shop: order 7 failed\n{TRACE}\n2026-11-23 10:00:01 INFO ok\n"
    found = analysis(text)
    assert [(each.count, each.text, each.where) for each in found.patterns.ranked()] == [
        (1, "KeyError: <*>", "charge in /srv/shop/pay.py:3"),
        (1, "ok", ""),
    ]
    assert len({key for _, key, _ in found.rows()}) == 2


def test_the_same_fault_behind_other_messages_is_one_pattern():
    """Another order number and another line number change no group."""
    one = f"2026-11-23 10:00:00 ERROR a: order 7\n{JAVA}\n"
    two = f"2026-11-23 10:00:00 ERROR a: order 8888\n{JAVA.replace(':31', ':33')}\n"
    assert counts(one + two) == {"IllegalStateException: cannot pay": 2}


def test_info_above_a_trace_stays_a_record():
    """A line that is no error is not swallowed by a trace that happens to follow it."""
    assert counts(f"2026-11-23 10:00:00 INFO started\n{TRACE}\n") == {"started": 1, "KeyError: <*>": 1}


def test_headers_on_each_line_of_a_trace_are_taken_off():
    """journald, kubernetes, docker and compose put a header before each line; the trace is one error."""
    for line in (
        "Nov 23 10:00:02 web1 app[12]: {}",
        "2026-11-23T10:00:00.123456789Z stderr F {}",
        "web-1  | {}",
    ):
        text = "\n".join(line.format(each) for each in TRACE.split("\n"))
        assert counts(text + "\n") == {"KeyError: <*>": 1}
    docker = [
        json.dumps({"log": f"{line}\n", "stream": "stderr", "time": "2026-11-23T10:00:00Z"})
        for line in TRACE.split("\n")
    ]
    packed = "\n".join(line.replace('": ', '":').replace(', "', ',"') for line in docker)
    assert counts(packed + "\n") == {"KeyError: <*>": 1}


def test_interleaved_programs_keep_their_traces():
    """Lines of two containers come in turns; each trace is whole."""
    mixed = [f"{name}  | {line}" for line in TRACE.split("\n") for name in ("web-1", "api-1")]
    assert counts("\n".join(mixed) + "\n") == {"KeyError: <*>": 2}


def test_a_stack_inside_json_is_read():
    """A structured line with a stack is grouped by it."""
    line = json.dumps({"level": "error", "msg": "failed", "stack_trace": JAVA})
    assert counts(line + "\n") == {"IllegalStateException: cannot pay": 1}


def test_text_without_headers():
    """Plain lines are records; a panic of Go and a chain of Python are one error each."""
    go = "panic: runtime error: index out of range [3] with length 1\n\n"
    go += "goroutine 1 [running]:\nmain.main()\n\t/srv/main.go:24 +0x1a5\nexit status 2\n"
    link = "During handling of the above exception, another exception occurred:"
    chain = f"{TRACE}\n\n{link}\n\n{TRACE.replace('KeyError', 'ValueError')}\n"
    assert counts("hello 1\nhello 2\n" + go + chain) == {
        "hello <*>": 2,
        "runtime.Error: index out of range [<*>] with length <*>": 1,
        "ValueError: <*>": 1,
    }


def test_indented_text_is_no_trace():
    """Indented lines without frames belong to the record above, or are records when nothing is above."""
    assert counts("  alone\n") == {"alone": 1}
    assert counts("2026-11-23 10:00:00 ERROR query failed\n  select 1\n") == {"query failed": 1}
    assert rows("2026-11-23 10:00:00 ERROR query failed\n  select 1\n") == ["E1", "E1"]


def test_failed_requests_are_patterns_of_their_own():
    """Status classes of an access log are kept apart and give the severity."""
    line = '10.0.0.1 - - [23/Nov/2026:10:00:00 +0000] "GET /a/{} HTTP/1.1" {} 12 "-" "curl"\n'
    text = "".join(line.format(n, status) for n, status in enumerate([200, 201, 500, 404, 200]))
    found = {each.text: (each.count, each.severity) for each in analysis(text).patterns.ranked()}
    assert found == {
        '"GET <*>" success': (3, Severity.INFO),
        '"GET <*>" server error': (1, Severity.ERROR),
        '"GET <*>" client error': (1, Severity.WARNING),
    }


def test_numbers_of_levels_are_told_from_other_numbers():
    """Pino's level decides the severity line by line, whatever other numbers begin with the same digits."""
    line = '{{"time":30{0}001,"pid":50,"level":{1},"msg":"order {0}"}}\n'
    text = "".join(line.format(n, level) for n, level in ((1, 30), (2, 50), (3, 30)))
    found = analysis(text)
    assert [(each.count, each.severity) for each in found.patterns.ranked()] == [(3, Severity.ERROR)]
    assert [each.severity for each in analysis(line.format(1, 30)).patterns.ranked()] == [Severity.INFO]


def test_looking_up_by_form_changes_no_template():
    """Digits that are part of a name are kept apart as the miner alone would; free numbers are not."""
    messages = [
        f"IRQ{n % 3} used by node {n} in {n * 7}ms for storage{n % 5}x id 4b63e0efb62ac{n:03}"
        for n in range(60)
    ]
    messages += [f"took {n} of {n * 1234} at 10.0.0.{n}" for n in range(40)]
    miner = TemplateMiner()
    templates = [miner.add(message) for message in messages]
    found = [text for _, _, text in analysis("".join(f"{message}\n" for message in messages)).rows()]
    assert found == [template.text for template in templates]


def test_times_are_first_and_last_of_all_blocks():
    """Times are kept as written, by time and not by place in the input."""
    early, late = "2026-11-23 09:00:00 INFO a 1\n", "2026-11-23 11:00:00 INFO a 2\n"
    (pattern,) = analysis(late, early).patterns.ranked()
    assert (pattern.first, pattern.last, pattern.count) == ("2026-11-23 09:00:00", "2026-11-23 11:00:00", 2)
    assert (sum(pattern.series), pattern.series[0], pattern.series[-1]) == (2, 1, 1)


def test_samples_are_distinct_lines():
    """As many samples as asked for, none twice."""
    text = "INFO: a 1\nINFO: a 1\nINFO: a 2\nINFO: a 3\n"
    (pattern,) = analysis(text, samples=3).patterns.ranked()
    assert pattern.samples == ["INFO: a 1", "INFO: a 2"] or len(set(pattern.samples)) == len(pattern.samples)


def test_blocks_change_nothing():
    """The same lines in one block or in many give the same patterns and rows."""
    lines = [
        f"2026-11-23 10:00:{n % 60:02} INFO [t] shop: order {n} of {n * 37} is {'ab'[n % 2]}\n"
        for n in range(300)
    ]
    whole, parts = analysis("".join(lines)), analysis(*lines)
    assert list(whole.rows()) == list(parts.rows())
    assert [(p.id, p.count, p.first, p.last) for p in whole.patterns.ranked()] == [
        (p.id, p.count, p.first, p.last) for p in parts.patterns.ranked()
    ]


def test_what_is_forgotten_is_learned_again(monkeypatch):
    """With no room for forms and messages the same is found."""
    lines = [f"2026-11-23 10:00:00 INFO order {n} of user{n}x is late\n" for n in range(50)]
    expected = counts(*lines)
    monkeypatch.setattr("error_manager.flows.log_form._MAX_MESSAGE_CHARS", 0)
    assert counts(*lines) == expected


def test_patterns_beyond_the_cap_are_counted(monkeypatch):
    """Memory is bounded: further patterns are counted together, and nothing is lost."""
    monkeypatch.setattr("error_manager.analysis.found.MAX_PATTERNS", 3)
    words = ["alpha", "beta", "gamma", "delta", "epsilon"]
    found = analysis(*(f"{word} is here\n" for word in words))
    assert found.patterns.total == len(words)
    assert found.patterns.overflowed == 2
    assert analyzing.text_of(None) == f"(more than {MAX_PATTERNS:,} patterns: the rest)"


def test_following_holds_back_the_newest_record():
    """A trace that is still being written is counted when it is whole; each new pattern is told once."""
    head, rest = (
        "2026-11-23 10:00:00 ERROR failed\nTraceback (most recent call last):\n",
        '  File "/a/b.py", line 3, in c\nKeyError: 1\n',
    )

    class Growing:
        def __init__(self):
            self.pieces = [head.encode(), b"", rest.encode(), b"", b"2026-11-23 10:00:01 INFO ok\n"]

        def read(self):
            return self.pieces.pop(0) if self.pieces else b""

    follower, file = LogFollower(now=NOW, samples=1), Growing()
    fresh = [pattern.text for _ in range(10) for pattern in follower.read([file])]
    follower.finish()
    found = {each.text: each.count for each in follower.analysis.patterns.ranked()}
    assert found == {"KeyError: <*>": 1, "ok": 1}
    assert fresh == ["KeyError: <*>", "ok"]


@given(st.binary())
def test_no_block_breaks_it(block):
    """Any bytes are scanned; each line that is not blank has a pattern, and every record is counted."""
    found = LogAnalysis(samples=1, keeps_rows=True)
    for scanner, findings in scan_here(
        [block], lambda: LogScanner(now=NOW, samples=1, keeps_numbers=True, keeps_times=True)
    ):
        found.add(scanner, findings)
    assert found.patterns.total <= found.lines
    assert len(list(found.rows())) <= found.lines
    assert sum(pattern.count for pattern in found.patterns.ranked()) == found.patterns.total


@given(
    st.lists(
        st.sampled_from(
            [*TRACE.split("\n"), *JAVA.split("\n"), "", "x", "2026-11-23 10:00:00 ERROR y", "web-1  | z"]
        )
    )
)
def test_every_line_has_a_pattern(lines):
    """However lines of traces, records and blanks are mixed, each that is not blank has a pattern."""
    found = analysis("".join(f"{line}\n" for line in lines))
    numbers = {line for line, _, _ in found.rows()}
    assert {place for place, line in enumerate(lines, start=1) if line} <= numbers


NAMES = (
    "alice",
    "bob",
    "carol",
    "dave",
    "erin",
    "frank",
    "grace",
    "heidi",
    "ivan",
    "judy",
    "mallory",
    "oscar",
)


def test_templates_that_are_merged_later_end_as_one_pattern():
    """Names are known to be names only after several: what was counted before joins what came after."""
    lines = [f"2026-11-23 10:00:{place:02} ERROR shop: cannot find customer {name} in region north"
             for place, name in enumerate(NAMES)]  # fmt: skip
    found = analysis(*(f"{line}\n" for line in lines))
    assert found.patterns.size > 1
    found.settle()
    (pattern,) = found.patterns.ranked()
    assert (pattern.text, pattern.count) == ("cannot find customer <*> in region north", len(NAMES))
    assert (pattern.first[-8:], pattern.last[-8:]) == ("10:00:00", "10:00:11")
    assert sum(pattern.series) == len(NAMES)
    assert {key for _, key, _ in found.rows()} == {pattern.id}
    found.settle()
    assert found.patterns.total == pattern.count


def test_times_are_kept_to_the_part_of_a_second():
    """Each record gives its time; a trace takes that above it; a whole second, the place of its line."""
    text = (
        "2026-11-23 10:00:00,250 ERROR [main] shop: order 7 failed\n"
        f"{TRACE}\n"
        "2026-11-23 10:00:01,500 ERROR [main] shop: order 8 failed\n"
        "2026-11-23 10:01:02 ERROR [main] shop: order 9 failed\n"
    )
    found = analysis(text)
    found.settle()
    start = datetime(2026, 11, 23, 10, tzinfo=UTC).timestamp()
    assert {each.text: list(found.times.of(each.id)) for each in found.patterns.ranked()} == {
        "order <*> failed": [start + 1.5, start + 62 + 6 * ORDER_S],
        "KeyError: <*>": [start + 0.25],
    }


def test_times_nobody_asked_for_are_not_kept():
    """Without them a block's findings are as small as before."""
    scanner = LogScanner(now=NOW, samples=1, keeps_numbers=False, keeps_times=False)
    found = scanner.scan(b"2026-11-23 10:00:01,500 ERROR [main] shop: order 8 failed\n")
    assert [len(each.times) for each in found.counted.values()] == [0]
