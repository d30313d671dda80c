"""Bodies of ``POST /api/v1/errors``."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from error_manager.core.errors import MalformedPayloadError, PayloadTooLargeError
from error_manager.decoding.batch import MAX_BATCH_ITEMS, split_batch

OBJECTS = st.lists(
    st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=9), max_size=3),
    min_size=1,
    max_size=6,
)


@given(OBJECTS)
def test_a_list_and_lines_hold_the_same_items(objects: list[dict[str, object]]) -> None:
    """The three forms of the same objects give the same values."""
    as_list = split_batch(json.dumps(objects).encode(), is_lines=False)
    as_lines = split_batch("\n".join(map(json.dumps, objects)).encode(), is_lines=True)
    found_out = split_batch("\n".join(map(json.dumps, objects)).encode(), is_lines=False)
    assert [item.value for item in as_list] == [item.value for item in as_lines]
    assert as_lines == found_out


def test_the_bytes_of_an_item_are_those_sent() -> None:
    """Items of a list keep their text, spaces and order of keys included."""
    items = split_batch(b'[ {"b": 1,  "a":2}, {"c":3}]', is_lines=False)
    assert [item.raw for item in items] == [b'{"b": 1,  "a":2}', b'{"c":3}']


def test_one_object_may_span_lines() -> None:
    """A pretty-printed object is one item."""
    assert split_batch(b'{\n "a": 1\n}\n', is_lines=False)[0].value == {"a": 1}


def test_a_bad_line_is_reported_and_the_others_stay() -> None:
    """One line that is no JSON has a problem; its neighbors are read."""
    items = split_batch(b'{"a":1}\n{bad\n\n{"a":2}', is_lines=True)
    assert [bool(item.problem) for item in items] == [False, True, False]


def test_a_list_with_odd_numbers_is_read_patiently() -> None:
    """NaN is no JSON, but a list holding it is still a list."""
    assert len(split_batch(b'[{"a": NaN}, {"b": 1}]', is_lines=False)) == 2


@pytest.mark.parametrize("body", [b"", b" \n ", b"{", b"[1,", b"hello"])
def test_what_is_none_of_these_is_malformed(body: bytes) -> None:
    """Empty and broken bodies are refused whole."""
    with pytest.raises(MalformedPayloadError):
        split_batch(body, is_lines=False)


@pytest.mark.parametrize("body", [b"[" + b"1," * MAX_BATCH_ITEMS + b"1]", b"1\n" * (MAX_BATCH_ITEMS + 1)])
def test_too_many_items_are_refused(body: bytes) -> None:
    """One more than the cap is too many, in either form."""
    with pytest.raises(PayloadTooLargeError):
        split_batch(body, is_lines=body.startswith(b"1"))
