import pytest
from hypothesis import given
from hypothesis import strategies as st

from error_manager.analysis.template_words import (
    fits,
    is_plain,
    is_telling,
    merge_words,
    names_in,
    overlap,
    similarity,
)

NONE = frozenset()
MERGED = [
    ("(a.b)", "(c.d)", "(<*>)"),
    ("k=a-b,", "k=c-d,", "k=<*>,"),
    ("chdir(<*>)", "chdir(a/b)", "chdir(<*>)"),
    ("a.b[<*>]", "c.d[<*>]", "<*>[<*>]"),
    ("node-D2", "node-D7", "node-<*>"),
    ("a<*>", "b<*>", "<*>"),
    ("x", "yz", "<*>"),
]
KEPT_APART = {
    "plain words": ("up", "down"),
    "plain words with signs": ("X+", "Y-"),
    "no value": ("<*>", "****"),
    "devices": ("eth0", "lo0"),
    "names of settings": ("depth....<*>", "size....<*>"),
    "a plain word and a name": ("syslog-ng", "rpc.statd"),
}
ONE_SLOT = {
    "file names": ("mod_ssl.so", "mod_php.so"),
    "devices of one name": ("eth0", "eth1"),
    "a missing value": ("<*>", "-"),
    "a word for a value": ("<*>,", "LOCAL(<*>),"),
    "values of one key": ("state=a/b", "state=<*>"),
    "identifiers with a number": ("a.b[<*>]", "c.d[<*>]"),
}
WORDS = st.lists(
    st.sampled_from(["a", "b1", "<*>", "x=<*>,", "(", ".", "c.d", "é", "[<*>]"]), min_size=1, max_size=4
)
WORD = WORDS.map("".join)


@pytest.mark.parametrize(("old", "new", "expected"), MERGED)
def test_a_slot_keeps_what_both_words_have(old, new, expected):
    """Punctuation, brackets and keys stay around the wildcard."""
    assert merge_words(old, new) == expected


@pytest.mark.parametrize(("old", "new"), KEPT_APART.values(), ids=KEPT_APART)
def test_words_that_tell_messages_apart(old, new):
    """Messages that differ in such words are never similar, in either order."""
    for one, other in ((old, new), (new, old)):
        assert similarity(["the", "one", "is", one], NONE, ["the", "one", "is", other]) == 0.0


@pytest.mark.parametrize(("old", "new"), ONE_SLOT.values(), ids=ONE_SLOT)
def test_words_that_may_be_one_slot(old, new):
    """Messages that differ in one such word of four agree in three quarters."""
    for one, other in ((old, new), (new, old)):
        assert similarity(["the", "one", "is", one], NONE, ["the", "one", "is", other]) == 0.75


def test_similarity_is_zero_when_too_much_differs():
    """At most a quarter of the words may differ; what an open place takes does not count."""
    assert similarity(["a", "b.1", "c.1", "d"], NONE, ["a", "b.2", "c.2", "d"]) == 0.0
    assert similarity(["a", "<*>", "c.1", "d"], frozenset({1}), ["a", "b.2", "c.2", "d"]) == 0.75


def test_messages_that_begin_with_different_names_are_different():
    """What a message begins with is a value only when it holds a number."""
    assert similarity(["a.b", "set", "to", "<*>"], NONE, ["c.d", "set", "to", "<*>"]) == 0.0
    assert similarity(["a.1", "set", "to", "<*>"], NONE, ["c.2", "set", "to", "<*>"]) == 0.75


@pytest.mark.parametrize(("slot", "word"), [("<*>", "x"), ("k=<*>,", "k=v,"), ("<*>/<*>:<*>", "<*>/a/b:<*>")])
def test_a_slot_takes_what_has_its_fixed_parts(slot, word):
    """The fixed parts of a slot stand in the word, in their order."""
    assert fits(slot, word)


@pytest.mark.parametrize(
    ("slot", "word"), [("k=<*>,", "k=v"), ("k=<*>", "l=v"), ("a<*>a", "a"), ("<*>/<*>:", "a:")]
)
def test_a_slot_refuses_what_lacks_a_fixed_part(slot, word):
    """A word without a fixed part of the slot is another word."""
    assert not fits(slot, word)


@given(WORD, WORD)
def test_the_slot_of_two_words_takes_both(old, new):
    """Merging only makes more general."""
    slot = merge_words(old, new)
    assert fits(slot, old)
    assert fits(slot, new)


def test_templates_overlap_where_one_takes_the_word_of_the_other():
    """Each difference must be an open place of one of the two."""
    ours, theirs = ("of", "<*>", "by", "kim"), ("of", "db", "by", "<*>")
    assert overlap(ours, frozenset({1}), theirs, frozenset({3}))
    assert not overlap(ours, frozenset({1}), theirs, NONE)


def test_names_are_words_of_letters_alone_or_between_signs():
    """A word of letters, and each run of letters between signs, may be a name."""
    found = list(names_in(("user", "'kim'@<*>", "eth0", "a_b", "x", "k=v.ww:zz/uu/vv")))
    assert found == [
        (0, "", ""),
        (1, "'", "'@<*>"),
        (4, "", ""),
        (5, "k=v.", ":zz/uu/vv"),
        (5, "k=v.ww:", "/uu/vv"),
        (5, "k=v.ww:zz/", "/vv"),
    ]


def test_plain_and_telling_words():
    """Signs alone are plain, but tell nothing."""
    assert [is_plain(word) for word in ("not-found,", "****", "a1", "<*>", "a.b")] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert [is_telling(word) for word in ("found,", "****", "a")] == [True, False, False]
