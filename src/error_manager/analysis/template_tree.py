"""Which template a message has: a tree of words, with slots that take any word that fits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from error_manager.analysis.template_words import fits

_MAX_STEPS: Final = 2_000
"""Nodes looked at for one message: only made-up templates come near."""


class _Node:
    """One word of templates."""

    __slots__ = ("id", "slots", "words")

    def __init__(self) -> None:
        self.id = 0
        self.words: dict[str, _Node] = {}
        self.slots: list[tuple[str, _Node]] = []


class TemplateTree:
    """Finds the template that covers the words of a message.

    A word that is equal comes before a slot, the longer slot before the shorter one, from the first word on;
    so the answer does not depend on the order in which templates came.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._roots: dict[int, _Node] = {}

    def insert(self, words: Sequence[str], opened: frozenset[int], id: int) -> None:  # noqa: A002  # its name
        """Add a template, or give it another id."""
        node = self._roots.setdefault(len(words), _Node())
        for place, word in enumerate(words):
            node = _slot(node, word) if place in opened else node.words.setdefault(word, _Node())
        node.id = id

    def remove(self, words: Sequence[str], opened: frozenset[int]) -> None:
        """Take a template out that was inserted with these words and slots."""
        path: list[tuple[_Node, str, bool]] = []
        node = self._roots[len(words)]
        for place, word in enumerate(words):
            is_slot = place in opened
            path.append((node, word, is_slot))
            node = _slot(node, word) if is_slot else node.words[word]
        node.id = 0
        for parent, word, is_slot in reversed(path):
            if node.id or node.words or node.slots:
                return
            if is_slot:
                parent.slots = [slot for slot in parent.slots if slot[1] is not node]
            else:
                del parent.words[word]
            node = parent

    def find(self, words: Sequence[str]) -> int:
        """Return the id of the template that covers these words, 0 when there is none."""
        root = self._roots.get(len(words))
        if root is None:
            return 0
        count = len(words)
        waiting = [(root, 0)]
        steps = 0
        while waiting:
            node, place = waiting.pop()
            steps += 1
            if steps > _MAX_STEPS:
                return 0
            if place == count:
                return node.id
            word = words[place]
            for slot, child in reversed(node.slots):
                if fits(slot, word):
                    waiting.append((child, place + 1))
            equal = node.words.get(word)
            if equal is not None:
                waiting.append((equal, place + 1))
        return 0


def _slot(node: _Node, word: str) -> _Node:
    for slot, child in node.slots:
        if slot == word:
            return child
    child = _Node()
    node.slots.append((word, child))
    node.slots.sort(key=_by_length)
    return child


def _by_length(slot: tuple[str, _Node]) -> tuple[int, str]:
    return -len(slot[0]), slot[0]
