import re
from dataclasses import replace

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from error_manager.analysis.family import Family, needles, parse_families
from error_manager.core.errors import ConfigurationError
from error_manager.runtime.wiring.knowledge import load_families
from error_manager.runtime.wiring.linear import compile_linear

GOOD = """
[[family]]
id = "disk.full"
title = "The disk is full"
causes = ["Logs"]
checks = ["df -h"]
platforms = ["python"]
messages = ['no space left']
"""
SHIPPED = load_families()
PATTERNS = sorted(
    {
        pattern
        for family in SHIPPED
        for pattern in (*family.messages, *family.message_hints, *family.frames, *family.unless)
    }
)


def problems(text):
    """Return what is said of a file."""
    with pytest.raises(ConfigurationError) as raised:
        parse_families({"a.toml": text})
    return raised.value.problems


def test_a_file_becomes_families():
    """A well-formed file gives its families, with defaults for what it leaves out."""
    assert parse_families({"a.toml": GOOD}) == (
        Family(
            id="disk.full",
            title="The disk is full",
            causes=("Logs",),
            checks=("df -h",),
            platforms=("python",),
            messages=("no space left",),
        ),
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('id = "disk.full"', 'id = "Disk"', "id must be of the form"),
        ('title = "The disk is full"', "title = 3", "title must be a text"),
        ('causes = ["Logs"]', "", "causes is missing"),
        ('causes = ["Logs"]', "causes = []", "causes is empty"),
        ('checks = ["df -h"]', 'checks = "df -h"', "checks must be a list of texts"),
        ("messages = ['no space left']", "", "one of types, messages and codes is needed"),
        ("messages = ['no space left']", "messages = ['(a']", "missing )"),
        ("messages = ['no space left']", "messages = ['full(?! moon)']", "beyond the common subset"),
        ("messages = ['no space left']", "messages = ['(full)\\1']", "beyond the common subset"),
        ("messages = ['no space left']", "messages = ['(full)?']", "matches the empty text"),
        ("messages = ['no space left']", "messages = ['[a-z]+ [0-9]']", "has no word"),
        ("messages = ['no space left']", "messages = ['full', 'full']", "'full' stands twice"),
        ("messages = ['no space left']", "types = ['a b']", "'a b' is no name of a type"),
        (
            "messages = ['no space left']",
            "codes = ['1']\nweight = 2",
            "weight must be a number from 0.5 to 1",
        ),
        (
            "messages = ['no space left']",
            "codes = ['1']\nover = ['no.such']",
            "'no.such', which is no family",
        ),
        ("messages = ['no space left']", "codes = ['1']\ncolour = 'red'", "colour is unknown"),
        (GOOD, "", "no [[family]]"),
        (GOOD, "[family", "a.toml: "),
        (GOOD, "family = [1]", "family 1 is no table"),
        (GOOD, f"{GOOD}\n[other]\n", "unknown table 'other'"),
        (GOOD, GOOD + GOOD, "the id stands twice"),
    ],
)
def test_a_wrong_field_is_named(old, new, said):
    """Each kind of wrong field is refused with a message that names it."""
    text = GOOD.replace(old, new)
    assert text != GOOD
    assert any(said in problem for problem in problems(text))


def test_all_wrong_fields_of_all_files_are_named_at_once():
    """Loading reads on after a wrong field."""
    first = GOOD.replace('title = "The disk is full"', "title = 3").replace('causes = ["Logs"]', "causes = 4")
    second = GOOD.replace("disk.full", "disk.other").replace('checks = ["df -h"]', "checks = []")
    with pytest.raises(ConfigurationError) as raised:
        parse_families({"a.toml": first, "b.toml": second})
    assert raised.value.problems == (
        "a.toml: family 1 (disk.full): title must be a text",
        "a.toml: family 1 (disk.full): causes must be a list of texts",
        "b.toml: family 1 (disk.other): checks is empty",
    )


def test_families_may_not_be_over_each_other():
    """Of two families at most one explains the other."""
    text = f'{GOOD}over = ["disk.b"]\n' + GOOD.replace("disk.full", "disk.b") + 'over = ["disk.full"]\n'
    assert "disk.full: it and disk.b are over each other" in problems(text)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("no space left", ("no space left",)),
        (r"\bE(MFILE|NFILE)\b", ("mfile", "nfile")),
        ("too many (open )?files", ("too many ",)),
        ("colou?r of it", ("r of it",)),
        ("disks? full", (" full",)),
        (r"index \d+ out of", (" out of",)),
        ("Boom|bang", ("boom", "bang")),
        (r"a\.b[cd]e", ("a.b",)),
        ("[0-9]+", ()),
        ("x|[0-9]", ()),
        (r"\x41bc", ("bc",)),
        ("ab+c{2}d", ("ab",)),
        ("(?:one|two) three", (" three",)),
    ],
)
def test_needles_are_words_that_a_match_must_hold(pattern, words):
    """The words to look for first are the most telling ones that cannot be absent."""
    assert needles(pattern) == words


@given(st.data())
def test_every_text_that_a_shipped_pattern_matches_holds_a_needle(data):
    """No match is lost by looking for needles first."""
    pattern = data.draw(st.sampled_from(PATTERNS))
    text = data.draw(st.from_regex(re.compile(pattern, re.ASCII)))
    assert any(needle in text.lower() for needle in needles(pattern))


def test_shipped_patterns_are_linear():
    """RE2 takes each shipped expression, and no expression becomes a large program."""
    assert [compile_linear(f"(?im){pattern}").groups >= 0 for pattern in PATTERNS] == [True] * len(PATTERNS)


@given(st.data())
def test_shipped_patterns_mean_the_same_to_both_engines(data):
    """The expressions keep to what ``re`` and RE2 understand alike."""
    pattern = f"(?im){data.draw(st.sampled_from(PATTERNS))}"
    text = data.draw(st.from_regex(re.compile(pattern, re.ASCII))).encode("utf-8", "replace").decode()
    ours, theirs = re2.search(pattern, text), re.search(pattern, text, re.ASCII)
    assert (ours is None) == (theirs is None)


def test_shipped_families_say_what_to_do():
    """Each family has causes, at least two checks, and a title without a full stop."""
    assert [family.id for family in SHIPPED if len(family.checks) < 2 or family.title.endswith(".")] == []
    assert len({replace(family).id for family in SHIPPED}) == len(SHIPPED)
