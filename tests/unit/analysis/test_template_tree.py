from hypothesis import given
from hypothesis import strategies as st

from error_manager.analysis.template_tree import TemplateTree

NONE = frozenset()
WORDS = st.sampled_from(["a", "b", "a.", "<*>", "x=<*>"])
TEMPLATES = st.lists(
    st.lists(st.tuples(WORDS, st.booleans()), max_size=4).map(
        lambda pairs: (
            tuple(word for word, _ in pairs),
            frozenset(place for place, (word, is_open) in enumerate(pairs) if is_open and "<*>" in word),
        )
    ),
    max_size=12,
    unique_by=lambda template: template[0],
)


def filled(templates, places=None):
    """Return a tree of these templates, with their places (from 1) as ids."""
    tree = TemplateTree()
    for place in places or range(len(templates)):
        tree.insert(*templates[place], place + 1)
    return tree


def test_an_equal_word_comes_before_a_slot_and_the_longer_slot_first():
    """The most special template answers."""
    tree = filled([(("a", "<*>"), frozenset({1})), (("a", "x=<*>"), frozenset({1})), (("a", "b"), NONE)])
    assert [tree.find(("a", word)) for word in ("b", "x=1", "c", "")] == [3, 2, 1, 1]


def test_goes_back_when_the_equal_word_leads_nowhere():
    """A slot is tried after an equal word whose rest does not fit."""
    tree = filled([(("a", "b"), NONE), (("<*>", "c"), frozenset({0}))])
    assert (tree.find(("a", "c")), tree.find(("a", "d")), tree.find(("a",))) == (2, 0, 0)


def test_made_up_templates_do_not_take_long():
    """The search ends after a bounded number of steps, without an answer."""
    tree = TemplateTree()
    for number in range(2**12):
        words = tuple("<*>" if number >> bit & 1 else "a" for bit in range(12))
        opened = frozenset(bit for bit in range(12) if number >> bit & 1)
        tree.insert((*words, f"end{number}"), (opened), number + 1)
    assert tree.find(("a",) * 12 + ("other",)) == 0


@given(TEMPLATES, st.lists(WORDS, max_size=4), st.randoms(use_true_random=False))
def test_answers_do_not_depend_on_the_order_of_insertion(templates, words, rng):
    """Trees of the same templates answer alike, also after others were inserted and removed."""
    places = list(range(len(templates)))
    rng.shuffle(places)
    tree = filled(templates, places)
    assert tree.find(words) == filled(templates).find(words)
    for place in places[::2]:
        tree.remove(*templates[place])
    rest = [place for place in range(len(templates)) if place not in places[::2]]
    assert tree.find(words) == (filled(templates, rest).find(words) if rest else 0)


@given(TEMPLATES)
def test_every_template_covers_its_own_words(templates):
    """What was inserted without slots is found by its words."""
    tree = filled([(words, NONE) for words, _ in templates])
    assert [tree.find(words) for words, _ in templates] == list(range(1, len(templates) + 1))
