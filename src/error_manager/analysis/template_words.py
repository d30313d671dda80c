"""When two words of messages may be one slot of a template, and what slot they make."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from error_manager.core.value_mask import JOINED, WILDCARD

MIN_SIMILARITY: Final = 0.6
"""Share of equal words from which two messages may be one template."""
MAX_DIFFERENT: Final = 0.25
"""Share of words that may become slots by merging; at least one."""
_AROUND: Final = ",.;:()[]{}'\""
_PLAIN: Final = re.compile(r"[^\w<]*[^\W\d_]+(?:[-/'+][^\W\d_]+)*[^\w>]*|[^\w<>]+")
_VARIES: Final = re.compile(r"[0-9]|<\*>")
_LETTERS: Final = re.compile(r"[^\W\d_]+")
_TWO_LETTERS: Final = re.compile(r"[^\W\d_]{2}")
_IDENTIFIER: Final = re.compile(r"[^\W\d_][._\\@$/]+[^\W\d_]")
_DEVICE: Final = re.compile(r"\W*([^\W\d_]{1,4})[0-9]\W*")
"""``eth0``: a short name with one digit; devices of other names are told apart."""
_NAME: Final = re.compile(r"(?<!\w)[^\W\d_]{2,}(?!\w)")
_NAME_RUNS: Final = 3


def is_plain(word: str) -> bool:
    """Return whether a word is no more than letters (``not-found,``) or signs (``****``)."""
    return _PLAIN.fullmatch(word) is not None


def fits(slot: str, word: str) -> bool:
    """Return whether a slot such as ``user=<*>,`` takes a word."""
    first, *middle, last = slot.split(WILDCARD)
    if len(word) < len(first) + len(last) or not word.startswith(first) or not word.endswith(last):
        return False
    start, end = len(first), len(word) - len(last)
    for fixed in middle:
        start = word.find(fixed, start, end)
        if start < 0:
            return False
        start += len(fixed)
    return True


def similarity(words: Sequence[str], opened: frozenset[int], other: Sequence[str]) -> float:
    """Return the share of equal words (0..1) of a template and a message of the same length.

    Args:
        words: the words of the template.
        opened: places of the template that take any word that fits; these count as equal.
        other: the masked words of the message.

    Returns:
        0 when too many words differ, or one differs that tells two messages apart.
    """
    different = 0
    allowed = max(1, int(len(words) * MAX_DIFFERENT))
    for place, old in enumerate(words):
        new = other[place]
        if old == new or (place in opened and fits(old, new)):
            continue
        different += 1
        if different > allowed or not _may_merge(old, new):
            return 0.0
        if place == 0 and not (_VARIES.search(old) or _VARIES.search(new)):
            return 0.0  # what a message begins with is seldom a value
    return 1.0 - different / len(words)


def overlap(
    words: Sequence[str], opened: frozenset[int], others: Sequence[str], others_opened: frozenset[int]
) -> bool:
    """Return whether two templates of one length differ only where one takes the word of the other."""
    for place, word in enumerate(words):
        other = others[place]
        if word == other or (place in opened and fits(word, other)):
            continue
        if not (place in others_opened and fits(other, word)):
            return False
    return True


def _may_merge(old: str, new: str) -> bool:
    if old.isalpha() and new.isalpha():
        return False
    for one, other in ((old, new), (new, old)):
        if one.strip(_AROUND) == WILDCARD:
            core = other.strip(_AROUND)
            return core == "-" or any(map(str.isalnum, core))
    one_device, other_device = _DEVICE.fullmatch(old), _DEVICE.fullmatch(new)
    if one_device and other_device:
        return one_device[1] == other_device[1]
    if WILDCARD in old and WILDCARD in new:
        stem, other_stem = old.replace(WILDCARD, " "), new.replace(WILDCARD, " ")
        if _IDENTIFIER.search(stem) and _IDENTIFIER.search(other_stem):
            return True
        key = old.partition("=")[0]
        return _LETTERS.findall(stem) == _LETTERS.findall(other_stem) or (
            "=" in old and key == new.partition("=")[0]
        )
    return not (is_plain(old) or is_plain(new))


def merge_words(old: str, new: str) -> str:
    """Return the slot of two words: what both have at their ends, up to a sign, and a wildcard between."""
    shorter = min(len(old), len(new))
    start = 0
    while start < shorter and old[start] == new[start]:
        start += 1
    while start and (old[start - 1].isalnum() or old[start - 1] in "<*>_."):
        start -= 1
    end = 0
    while end < shorter - start and old[-1 - end] == new[-1 - end] and not old[-1 - end].isalnum():
        end += 1
    tail = old[len(old) - end :]
    tail = tail.removeprefix("*>") if tail.startswith("*>") else tail.removeprefix(">")
    return JOINED.sub(WILDCARD, f"{old[:start]}{WILDCARD}{tail}")


def is_telling(word: str) -> bool:
    """Return whether a word says what a message is about: a plain one with two letters or more."""
    return is_plain(word) and _TWO_LETTERS.search(word) is not None


def names_in(words: Sequence[str]) -> Iterator[tuple[int, str, str]]:
    """Yield the place of each word that may hold a name, and what stands before and after the name."""
    for place, word in enumerate(words):
        if word.isalpha():
            yield place, "", ""
            continue
        for count, found in enumerate(_NAME.finditer(word)):
            if count == _NAME_RUNS:
                break
            yield place, word[: found.start()], word[found.end() :]
