import pytest
from hypothesis import given
from hypothesis import strategies as st

from error_manager.analysis.templates import TemplateMiner, mask_values, merge_token, similarity

VALUES = [
    ("took 15 ms", "took <*> ms"),
    ("from 10.0.0.1:22 to 10.0.0.2:80", "from <*>:<*> to <*>:<*>"),
    ("block blk_-9060964400 gone", "block <*> gone"),
    ("open /var/log/a.log failed", "open <*> failed"),
    ("input hdfs://10.0.0.1:9000/x", "input hdfs://<*>"),
    ("Failed password for root from 10.0.0.1 port 22 ssh2", "Failed password for <*> from <*> port <*> ssh2"),
    ("uid=0 tty=ssh ruser= rhost=10.0.0.1  user=root", "uid=<*> tty=ssh ruser= rhost=<*> user=<*>"),
    ("Check pass; user unknown", "Check pass; user unknown"),
    ("sizes 1 2 3 4 5 6 7 8", "sizes <*>"),
    ("read 5.2 KB of 877.0 B", "read <*> of <*>"),
    ("at 0x7f3a in 550e8400-e29b-41d4-a716-446655440000", "at <*> in <*>"),
    ("jk2_init() via eth1", "jk2_init() via eth1"),
]


@pytest.mark.parametrize(("text", "expected"), VALUES)
def test_masks_values_and_keeps_words(text, expected):
    """Values become wildcards; punctuation, schemes and names of interfaces stay."""
    assert mask_values(text) == expected


def test_same_form_same_template():
    """Messages that differ in values only have one template."""
    miner = TemplateMiner()
    ids = [miner.add(f"job {number} done in {number} ms").id for number in range(5)]
    assert ids == [1] * 5
    assert (miner.templates[0].text, miner.templates[0].count) == ("job <*> done in <*> ms", 5)


def test_plain_words_are_never_merged():
    """Two messages that differ in a plain word are two templates."""
    miner = TemplateMiner()
    assert miner.add("node one is up").id != miner.add("node one is down").id


def test_similar_messages_become_one_more_general_template():
    """A differing token that is no plain word becomes a wildcard, and ids stay."""
    miner = TemplateMiner()
    first = miner.add("cannot load module mod_ssl.so from disk")
    second = miner.add("cannot load module mod_php.so from disk")
    assert (first.id, second.id, second.text) == (1, 1, "cannot load module <*> from disk")


def test_merged_tokens_keep_punctuation_and_names():
    """A wildcard keeps what both tokens have around it."""
    assert merge_token("(a.b)", "(c.d)") == "(<*>)"
    assert merge_token("k=a-b,", "k=c-d,") == "k=<*>,"


def test_similarity_is_zero_when_too_much_differs():
    """At most a quarter of the tokens may differ."""
    assert similarity(["a.1", "b.1", "c", "d"], ["a.2", "b.2", "c", "d"]) == 0.0
    assert similarity(["a.1", "b", "c", "d"], ["a.2", "b", "c", "d"]) == 0.75


@given(st.lists(st.text(max_size=40), max_size=30))
def test_every_message_is_counted_once(messages):
    """The counts of the templates add up to the messages, whatever these are."""
    miner = TemplateMiner()
    for message in messages:
        miner.add(message)
    assert sum(template.count for template in miner.templates) == len(messages)
