"""JSON of strangers."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.event_strategies import values

from error_manager.core.errors import MalformedPayloadError
from error_manager.core.limits import (
    MAX_DEPTH,
    MAX_INTEGER,
    MAX_LABEL_CHARS,
    MAX_MEMBERS,
    MAX_TEXT_CHARS,
    MAX_VALUE_DEPTH,
    TOO_DEEP,
    cut_middle,
)
from error_manager.decoding.json_text import bound, clean, cut_depth, decode_json


def depth(value: object) -> int:
    """Return how many containers stand inside each other along the first members, without recursion."""
    count = 0
    while isinstance(value, dict | list):
        count += 1
        members = list(value.values()) if isinstance(value, dict) else value
        value = members[0] if members else None
    return count


@given(values)
def test_proper_json_is_read_as_it_is(value: object) -> None:
    """What the standard library writes comes back the same, escaped or not."""
    assert decode_json(json.dumps(value).encode()) == value
    assert decode_json(json.dumps(value, ensure_ascii=False).encode()) == value


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'"a\\u0000b"', "a\ufffdb"),
        (b'"a\x00b"', "a\ufffdb"),
        (b'{"a\\u0000": ["\\u0000"]}', {"a\ufffd": ["\ufffd"]}),
        (b'"\\ud83d"', "\ufffd"),
        (b'"x\\ud83d y \\ude00"', "x\ufffd y \ufffd"),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b'"\\\\u0000"', "\\u0000"),
        (b'"\xff"', "\ufffd"),
        (b"[NaN, Infinity, -Infinity]", ["NaN", "Infinity", "-Infinity"]),
        (b"[1e400, -1e400]", ["1e400", "-1e400"]),
        (b"[1" + b"0" * 5000 + b"]", ["1" + "0" * 98 + "…"]),
        (b"-0.0", 0.0),
        (b'"a\nb"', "a\nb"),
        (b"\xef\xbb\xbf[1]", [1]),
        ('["é"]'.encode("utf-16"), ["é"]),
        ('["é"]'.encode("utf-32-le"), ["é"]),
        (b'{"a": 1, "a": 2}', {"a": 2}),
    ],
)
def test_improper_json_is_read_all_the_same(body: bytes, expected: object) -> None:
    """What cannot be stored is replaced; what only some parsers take is read."""
    assert decode_json(body) == expected


@pytest.mark.parametrize(
    "body", [b"", b" ", b"{", b'{"a":}', b"[1,]", b"hello", b"{} x", b"\x00", b"[" * 5000]
)
def test_what_is_not_json_is_malformed(body: bytes) -> None:
    """Anything else is refused."""
    with pytest.raises(MalformedPayloadError):
        decode_json(body)


@pytest.mark.parametrize("number", ["1", "NaN"], ids=["fast parser", "patient parser"])
@pytest.mark.parametrize("levels", [1000, 5000, 200_000])
def test_any_depth_is_cut(levels: int, number: str) -> None:
    """Neither parser is led into a recursion error; the branch becomes a text, its neighbors stay."""
    deep = "[" * levels + number + "]" * levels
    value = decode_json(f'{{"a": 1, "deep": {deep}, "z": [2, {number}]}}'.encode())
    assert isinstance(value, dict)
    assert (value["a"], value["z"][0]) == (1, 2)
    assert depth(bound(value["deep"])[0]) <= MAX_DEPTH


@pytest.mark.timeout(20)  # what is not linear takes minutes; how fast it is, bench/ measures
def test_1_mb_of_brackets_is_cut() -> None:
    """The worst 1 MB for the depth guard, and 1 MB without a bracket, are decoded whole."""
    body = b"[1," + b"[" * 2000 + b"]" * 2000 + b",[[1],[2]]" * 100_000 + b"]"
    value = decode_json(body)
    assert isinstance(value, list)
    assert (len(value), value[-1]) == (100_002, [[1], [2]])
    assert decode_json(b"[" + b"1" * 1_000_000 + b", NaN]")[1] == "NaN"  # type: ignore[index]  # a list


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"a":[1,[[2]]],"b":"]]["}', b'{"a":[1,"@"],"b":"]]["}'),
        (b'[[[["\\"[["]]],[],5]', b'[["@"],[],5]'),
        (b"[[[[", b'[["@"'),
        (b"no brackets", b"no brackets"),
        (b"]]]", b"]]]"),
        (b'"unclosed [[[', b'"unclosed [[['),
    ],
)
def test_cut_depth_replaces_branches(body: bytes, expected: bytes) -> None:
    """Brackets inside strings do not count; unbalanced text is left to the parser."""
    assert cut_depth(body, 2) == expected.replace(b"@", TOO_DEEP.encode())


@given(values)
def test_clean_and_bound_leave_proper_values_alone(value: object) -> None:
    """What is within the caps is not changed."""
    assert clean(value) == value
    assert bound(value) == (value, 0)


def test_clean_replaces_what_json_has_no_word_for() -> None:
    """NaN, infinity, tuples and objects of other kinds become texts and lists."""
    assert clean({"a": float("nan"), "b": (1, float("-inf"))}) == {"a": "nan", "b": [1, "-inf"]}
    assert clean(b"x") == "b'x'"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("x" * (MAX_TEXT_CHARS + 1), "x" * (MAX_TEXT_CHARS - 1) + "…"),
        (["x" * (MAX_TEXT_CHARS + 1)], ["x" * (MAX_TEXT_CHARS - 1) + "…"]),
        ({"k" * 300: 1}, {"k" * (MAX_LABEL_CHARS - 1) + "…": 1}),
        (MAX_INTEGER + 1, str(MAX_INTEGER + 1)),
        ({"a": [{"b": -(10**40)}]}, {"a": [{"b": str(-(10**40))}]}),
        (list(range(MAX_MEMBERS + 5)), [*range(500), *range(505, 1005)]),
        ({str(n): n for n in range(MAX_MEMBERS + 5)}, {str(n): n for n in range(MAX_MEMBERS)}),
        (True, True),
        (1.5, 1.5),
    ],
)
def test_bound_cuts_to_the_caps(value: object, expected: object) -> None:
    """Texts, keys, members and integers over the caps are cut, and counted."""
    is_cut = value != expected
    assert bound(value) == (expected, int(is_cut))


@pytest.mark.parametrize("levels", [MAX_VALUE_DEPTH, MAX_VALUE_DEPTH + 1, 900])
def test_bound_cuts_depth(levels: int) -> None:
    """Branches below the cap become a text."""
    value: object = "leaf"
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    bounded, cuts = bound(value)
    assert depth(bounded) == min(levels, MAX_VALUE_DEPTH)
    assert cuts == (levels > MAX_VALUE_DEPTH)


@given(st.lists(st.integers(), max_size=30), st.integers(1, 20))
def test_cut_middle_keeps_both_ends(members: list[int], limit: int) -> None:
    """At most ``limit`` members stay: the first and the last ones, in order."""
    kept = list(cut_middle(members, limit))
    assert len(kept) == min(limit, len(members))
    head = limit // 2
    assert kept == members if len(members) <= limit else kept == members[:head] + members[head - limit :]
