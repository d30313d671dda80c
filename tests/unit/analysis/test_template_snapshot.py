import json
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from error_manager.analysis import template_snapshot
from error_manager.analysis.template_snapshot import TemplateSnapshot
from error_manager.analysis.templates import TemplateMiner
from error_manager.core.errors import TemplateSnapshotError

NAMES = ["kim", "lee", "max", "ann", "bob", "sue", "tom"]
GONE = object()


@pytest.fixture
def snapshot():
    """Return a snapshot with a slot, an open place and aliases."""
    miner = TemplateMiner()
    for number, name in enumerate(NAMES):
        miner.add(f"the job of {name} was stopped")
        miner.add(f"took {number} ms")
    return miner.publish()


def test_bytes_are_json_and_come_back(snapshot):
    """The format is our own, in JSON; what was written is read."""
    data = snapshot.to_bytes()
    assert json.loads(data)["format"] == "error-manager-templates"
    again = TemplateSnapshot.from_bytes(data)
    assert (again.to_bytes(), again.version, again.aliases) == (data, snapshot.version, snapshot.aliases)


def test_matches_what_a_template_covers(snapshot):
    """Known forms have an id, others none; merged ids answer with the one that was kept."""
    assert snapshot.match("the job of ida was stopped") == 1
    assert snapshot.match("took 17 ms") == 2
    assert snapshot.match("took long") is None
    assert snapshot.match("") is None
    assert {snapshot.resolve(old) for old, _ in snapshot.aliases} == {1}


CHANGES = {
    "no format": (("format",), "x"),
    "another format version": (("format_version",), 2),
    "version": (("version",), -1),
    "version is true": (("version",), True),
    "next id": (("next_id",), 1.5),
    "messages": (("messages",), None),
    "templates": (("templates",), {}),
    "template": (("templates", 0), [1]),
    "id 0": (("templates", 0, 0), 0),
    "id too high": (("templates", 1, 0), 10**6),
    "id twice": (("templates", 1, 0), 1),
    "text": (("templates", 0, 1), 7),
    "text too long": (("templates", 0, 1), "x" * 1_000),
    "text too many words": (("templates", 0, 1), "x " * 1_000),
    "text twice": (("templates", 1, 1), "the job of <*> was stopped"),
    "open place outside": (("templates", 0, 2), [99]),
    "open place without wildcard": (("templates", 0, 2), [0]),
    "count": (("templates", 0, 3), "1"),
    "last in the future": (("templates", 0, 4), 10**9),
    "slots": (("templates", 0, 5), 1),
    "slot outside": (("templates", 0, 5, 0, 0), 99),
    "slot without wildcard": (("templates", 0, 5, 0, 0), 0),
    "kind": (("templates", 0, 5, 0, 5), [["x", 1]]),
    "kind is a list": (("templates", 0, 5, 0, 5), [[[], 1]]),
    "value": (("templates", 0, 5, 0, 6), [[1, 1]]),
    "value too long": (("templates", 0, 5, 0, 6), [["x" * 100, 1]]),
    "values too many": (("templates", 0, 5, 0, 6), [[str(number), 1] for number in range(99)]),
    "aliases": (("aliases",), 1),
    "alias to itself": (("aliases",), [[3, 3]]),
    "alias of a template": (("aliases",), [[2, 1]]),
    "alias twice": (("aliases",), [[3, 1], [3, 1]]),
}


@pytest.mark.parametrize(("path", "value"), CHANGES.values(), ids=CHANGES)
def test_wrong_values_are_named(snapshot, path, value):
    """Whatever is wrong in the bytes is a clear error, never another one."""
    changed = json.loads(snapshot.to_bytes())
    inside = changed
    for step in path[:-1]:
        inside = inside[step]
    inside[path[-1]] = value
    with pytest.raises(TemplateSnapshotError, match=r"\w"):
        TemplateSnapshot.from_bytes(json.dumps(changed).encode())


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"\xff", b"[" * 100_000, b"1" * 10_000, b"null", b'{"format":1}']
)
def test_bytes_that_are_no_snapshot(data):
    """Other bytes are refused with the same error."""
    with pytest.raises(TemplateSnapshotError):
        TemplateSnapshot.from_bytes(data)


def test_too_many_bytes(monkeypatch):
    """The size is looked at before the bytes are read."""
    monkeypatch.setattr(template_snapshot, "_MAX_BYTES", 10)
    with pytest.raises(TemplateSnapshotError, match="more than 10 bytes"):
        TemplateSnapshot.from_bytes(b" " * 11)


@given(st.data())
def test_changed_bytes_are_refused_or_read(data):
    """A snapshot with any part replaced is read or refused with the one error."""
    miner = TemplateMiner()
    for name in NAMES:
        miner.add(f"the job of {name} was stopped in 5 ms")
    value = json.loads(miner.publish().to_bytes())
    inside, key = {"": value}, ""
    while isinstance(inside[key], (dict, list)) and inside[key] and data.draw(st.booleans()):
        inside = inside[key]
        key = data.draw(st.sampled_from(sorted(inside) if isinstance(inside, dict) else range(len(inside))))
    inside[key] = data.draw(
        st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), st.lists, max_leaves=5)
    )
    try:
        snapshot = TemplateSnapshot.from_bytes(json.dumps(value).encode())
    except TemplateSnapshotError:
        return
    TemplateMiner.restore(snapshot).add("the job of ida was stopped in 5 ms")


SHAPES = ("[5]x", "[6]y", "[7]:a", "kim", "k=5,x", "k=6,y", "k=v", "(z)", "5/a", "a(5)b", "7")


@pytest.mark.parametrize("words", list(product(SHAPES, repeat=3)), ids="|".join)
def test_what_is_published_can_be_read(words):
    """A slot that takes in a word of another shape may lose a wildcard, and with it the values of that."""
    miner = TemplateMiner()
    for word in words:
        miner.add(f"job failed for shard {word} today")
    published = miner.publish().to_bytes()
    assert TemplateSnapshot.from_bytes(published).to_bytes() == published
