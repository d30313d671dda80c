import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from error_manager.analysis.template_snapshot import TemplateSnapshot
from error_manager.analysis.template_words import fits
from error_manager.analysis.templates import TemplateMiner
from error_manager.core.value_mask import ValueKind

WORDS = [
    "job",
    "failed",
    "user",
    "kim",
    "lee",
    "max",
    "ann",
    "bob",
    "sue",
    "tom",
    "eve",
    "joe",
    "a.b",
    "c.d",
    "e.f",
]
WORDS += ["1", "22", "x=1", "x=up", "eth0", "eth1", "[3]", "10.0.0.1", "/a/b", "for", "****", "-", "root"]
MESSAGES = st.lists(
    st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join) | st.text(max_size=30), max_size=80
)
NAMES = ["kim", "lee", "max", "ann", "bob", "sue", "tom", "eve", "joe", "ida"]


def mined(messages, **options):
    """Return a miner that has seen these messages."""
    miner = TemplateMiner(**options)
    for message in messages:
        miner.add(message)
    return miner


def test_same_form_same_template():
    """Messages that differ in values only have one template."""
    miner = TemplateMiner()
    ids = [miner.add(f"job {number} done in {number} ms").id for number in range(5)]
    assert ids == [1] * 5
    assert (miner.templates[0].text, miner.templates[0].count) == ("job <*> done in <*> ms", 5)


def test_few_plain_words_are_not_merged():
    """Two messages that differ in a plain word are two templates."""
    miner = TemplateMiner()
    assert miner.add("node one is up").id != miner.add("node one is down").id


def test_similar_messages_become_one_more_general_template():
    """A differing word that is no plain word becomes a slot, which takes any word from then on."""
    miner = TemplateMiner()
    first = miner.add("cannot load module mod_ssl.so from disk")
    second = miner.add("cannot load module mod_php.so from disk")
    third = miner.add("cannot load module core from disk")
    assert (first.id, second.id, third.id, third.text) == (1, 1, 1, "cannot load module <*> from disk")
    assert miner.templates[0].slots[3, 0].values == {"mod_ssl.so": 1, "mod_php.so": 1, "core": 1}


def test_a_slot_that_becomes_wider_keeps_its_values():
    """A slot gives up a sign that a later word lacks, not what it has seen."""
    miner = mined(["call k=a.b, now", "call k=c.d, now", "call k=e.f now"])
    assert [template.text for template in miner.templates] == ["call k=<*> now"]
    assert list(miner.templates[0].slots[1, 0].values) == ["a.b", "c.d", "e.f"]


def test_a_word_that_takes_many_forms_is_a_name():
    """Templates that differ in one word only are merged when they are many; their ids answer for ever."""
    miner = TemplateMiner()
    ids = [miner.add(f"the job of {name} was stopped").id for name in NAMES]
    template = miner.get(1)
    assert template.text == "the job of <*> was stopped"
    assert len(set(ids)) > 1
    assert {miner.resolve(id_) for id_ in ids} == {1}
    assert (template.count, len(miner.templates)) == (len(NAMES), 1)
    assert template.slots[3, 0].distinct == len(NAMES)


def test_two_names_in_one_message_become_two_slots():
    """Templates with one name each are merged when a message may have both."""
    rng = random.Random(7)
    miner = mined(
        f"the job of {rng.choice(NAMES)} was stopped by {rng.choice(NAMES)} today" for _ in range(300)
    )
    assert [template.text for template in miner.templates] == ["the job of <*> was stopped by <*> today"]


def test_two_names_that_never_come_again_become_two_slots():
    """Where each message has two new names no two templates differ in one word: a crowd of them tells."""
    miner = mined(f"the job of a{'b' * number} was stopped by c{'d' * number} today" for number in range(150))
    assert [template.text for template in miner.templates] == ["the job of <*> was stopped by <*> today"]
    assert len(miner.publish().aliases) == 63


def test_a_crowd_of_different_templates_stays():
    """Many templates that begin alike and have no form in common are left alone."""
    words = ["aa", "bb", "cc", "dd"]
    texts = [f"x {one} {two} {three}" for one in words for two in words for three in words]
    assert (
        len(mined(["x", *(f"{text} {number * 'y'}z" for number, text in enumerate(texts))]).templates) == 65
    )


def test_a_name_may_stand_between_signs_and_at_the_start():
    """``'kim'@<host>`` and ``billing.service:`` hold names."""
    miner = mined(
        [f"access refused for '{name}'@10.0.0.1 here" for name in NAMES]
        + [f"{name}.service: failed with result timeout" for name in NAMES]
    )
    assert [template.text for template in miner.templates] == [
        "access refused for '<*>'@<*> here",
        "<*>.service: failed with result timeout",
    ]


def test_slots_know_the_kinds_of_their_values():
    """The kind of each value, and what it took; of an address only the kind."""
    miner = mined(
        f"login from 10.0.0.{number} took {number % 3} ms, {number}:{number}" for number in range(12)
    )
    (template,) = miner.templates
    assert template.slots[2, 0].kind is ValueKind.IP
    assert template.slots[2, 0].values == {}
    assert (template.slots[4, 0].kind, template.slots[4, 0].distinct) == (ValueKind.NUMBER, 3)
    assert miner.templates[0].slots[6, 1].seen == 12


def test_values_are_sampled_of_frequent_templates():
    """After the first messages each sixteenth is read: a value's share stays right."""
    miner = mined(f"host db{1 if number % 10 else 2}.example.com away" for number in range(3_200))
    slot = miner.templates[0].slots[1, 0]
    assert slot.seen < 300
    assert dict(slot.shares)["db1.example.com"] == pytest.approx(0.9, abs=0.1)


def test_the_least_recently_used_templates_go_first():
    """Memory is bounded; what is used stays."""
    miner = TemplateMiner(max_templates=16)
    for number in range(200):
        miner.add("this one stays")
        miner.add(f"no{'o' * number} x")
    assert len(miner.templates) <= 16
    assert miner.get(1).text == "this one stays"
    assert miner.get(2) is None
    assert miner.publish().match("noo x") is None


def test_a_template_that_becomes_equal_to_another_is_merged_with_it():
    """``removing <*>`` stands once, whether the value was a number or a name."""
    miner = mined(["removing 5", *(f"removing {name}" for name in NAMES), "removing 6", "removing ida"])
    assert [(template.text, template.count) for template in miner.templates] == [("removing <*>", 13)]


def test_values_of_so_many_slots_are_kept():
    """Slots beyond the cap are wildcards like others, without values."""
    (template,) = mined([" ".join(f"k{number}=5" for number in range(50))]).templates
    assert (template.text.count("<*>"), len(template.slots)) == (50, 32)


@pytest.mark.parametrize(
    ("cap", "value"), [("_KNOWN_MESSAGES", 4), ("_MAX_KNOWN_WORDS", 9), ("_MAX_ALIASES", 3)]
)
def test_memories_are_emptied_when_full(monkeypatch, cap, value):
    """What only speeds up is bounded, and changes no answer; so are aliases."""
    monkeypatch.setattr(f"error_manager.analysis.templates.{cap}", value)
    miner = mined(f"the job of {name} was stopped" for name in NAMES * 3)
    assert [template.count for template in miner.templates] == [3 * len(NAMES)]
    assert len(miner.publish().aliases) == (3 if cap == "_MAX_ALIASES" else 4)


def test_very_long_messages_are_cut():
    """Ten thousand words, or a word of a million letters, make one small template."""
    miner = mined(["word " * 10_000, "x" * 1_000_000, "1," * 1_000_000, "<" * 1_000_000])
    assert max(len(template.text) for template in miner.templates) < 10_000
    assert max(len(template.slots) for template in miner.templates) <= 32


@given(MESSAGES)
def test_every_message_is_counted_once(messages):
    """The counts of the templates add up to the messages, whatever these are; no two have one text."""
    templates = mined(messages).templates
    assert sum(template.count for template in templates) == len(messages)
    assert len({template.text for template in templates}) == len(templates)
    assert [template.id for template in templates] == sorted(template.id for template in templates)


@given(MESSAGES)
def test_templates_only_become_more_general(messages):
    """The template that answers for a message takes every word of the template it had."""
    miner = TemplateMiner()
    seen = [(template.id, template.words) for template in map(miner.add, messages)]
    for id_, words in seen:
        now = miner.get(id_).words
        assert all(old == new or fits(new, old) for old, new in zip(words, now, strict=True))


@given(MESSAGES, st.integers(0, 80))
def test_restored_is_never_stopped(messages, place):
    """A miner restored from bytes and one that went on publish the same bytes at the end."""
    miner = mined(messages[:place], max_templates=8)
    restored = TemplateMiner.restore(TemplateSnapshot.from_bytes(miner.publish().to_bytes()), max_templates=8)
    for message in messages[place:]:
        assert restored.add(message).id == miner.add(message).id
    assert restored.publish().to_bytes() == miner.publish().to_bytes()


@given(MESSAGES, st.randoms(use_true_random=False))
def test_workers_answer_alike_in_any_order(messages, rng):
    """A snapshot knows each message that its miner has seen, and answers for it alone."""
    snapshot = mined(messages).publish()
    answers = {message: snapshot.match(message) for message in messages}
    assert None not in answers.values()
    shuffled = list(answers)
    rng.shuffle(shuffled)
    other = TemplateSnapshot.from_bytes(snapshot.to_bytes())
    assert {message: other.match(message) for message in shuffled} == answers


@given(MESSAGES)
def test_publishing_changes_nothing(messages):
    """The version grows only when answers may change, and publishing is no change."""
    miner = mined(messages)
    first = miner.publish()
    assert miner.publish().to_bytes() == first.to_bytes()
    for message in messages:
        miner.add(message)
    assert miner.publish().version == first.version
