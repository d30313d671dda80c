"""Finds the templates of log messages as they arrive (seed box: Pattern Analyzer, message patterns).

Typed masks first (``core/value_mask``): most messages are then equal to one seen before. The rest is compared
with templates of equal length and equal first word: two messages are one template when they agree in most
words and differ in none that tells them apart; a word that differs becomes an open slot, which takes any word
that fits. A plain word becomes a slot when so many templates differ in nothing else that it must be a name;
these are then merged: one id is kept, and the others answer with it for ever.

Everything is bounded: words and characters of a message, templates (the least recently used go first),
aliases, values kept of a slot, and the templates that a new one is compared with.

The miner keeps what it is given: the server gives it masked text. Values that look sensitive (addresses,
e-mail, masks) are never kept, only counted by kind.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final, Self, TypeVar

from error_manager.analysis.template_slot import Slot
from error_manager.analysis.template_snapshot import TemplateSnapshot, TemplateState, resolve_alias
from error_manager.analysis.template_tree import TemplateTree
from error_manager.analysis.template_words import (
    MIN_SIMILARITY,
    fits,
    is_plain,
    is_telling,
    merge_words,
    names_in,
    overlap,
    similarity,
)
from error_manager.core.limits import MAX_MESSAGE_CHARS
from error_manager.core.value_mask import WILDCARD, masked_pairs, masked_words

MAX_TEMPLATES: Final = 5_000
NAMES: Final = {1: 9, 2: 7, 3: 6}
"""So many templates that differ in one word are one template with a name, by how many plain words agree."""
_NAMES_ELSE: Final = 5
_MAX_NAMED_WORDS: Final = 24
_CROWD: Final = 64
"""Each time so many templates begin alike, those that differ in two names are looked for: half as many."""
_MAX_PAIRED_WORDS: Final = 16
_PAIRED_TELLING: Final = 3
"""Names are looked for in templates up to this length."""
_MAX_ALIASES: Final = 100_000
_MAX_COMPARED: Final = 128
"""A message is compared with so many templates at most, the newest ones."""
_MAX_KNOWN_WORDS: Final = 500_000
"""Words of remembered messages; the memory is emptied when it is full."""
_KNOWN_MESSAGES: Final = 20_000
_KNOWN_CHARS: Final = 400
"""Messages up to this length are remembered as they are: many come again unchanged."""
_EVICTED: Final = 8
"""An eighth of the templates goes at once, so that each message pays little."""
_MAX_SLOTS: Final = 32
"""Slots of a template whose values are kept."""
_SAMPLED_WHOLE: Final = 16
_SAMPLED_EVERY: Final = 16
"""Values are read of the first 16 messages of a template and of each 16th later one."""

_Key = TypeVar("_Key")


@dataclass(slots=True)
class Template:
    """One template: its id (from 1), its words, and how many messages have it."""

    id: int
    words: tuple[str, ...]
    opened: frozenset[int] = frozenset()
    """Places that take any word which fits; at the others words are equal."""
    count: int = 0
    last: int = 0
    """The message, counted from 1, that had it last."""
    slots: dict[tuple[int, int], Slot] = field(default_factory=dict)
    """What was filled in, by place of the word and number of the wildcard within it."""

    @property
    def text(self) -> str:
        """Return the template with ``<*>`` for each variable part."""
        return " ".join(self.words)


class TemplateMiner:
    """Gives each message a template; templates only become more general."""

    def __init__(self, *, max_templates: int = MAX_TEMPLATES) -> None:
        """Start without templates.

        Args:
            max_templates: templates kept, >= 8; beyond it the least recently used are forgotten.
        """
        self._max_templates = max_templates
        self._templates: dict[int, Template] = {}
        self._aliases: dict[int, int] = {}
        self._next_id = 1
        self._messages = 0
        self._version = 0
        # What follows is made from the above, and only speeds up.
        self._tree = TemplateTree()
        self._ids: dict[tuple[str, ...], int] = {}
        self._buckets: dict[tuple[int, str], list[int]] = {}
        self._siblings: dict[int, list[int]] = {}
        self._known: dict[tuple[str, ...], Template] = {}
        self._known_words = 0
        self._known_messages: dict[str, Template] = {}

    @classmethod
    def restore(cls, snapshot: TemplateSnapshot, *, max_templates: int = MAX_TEMPLATES) -> Self:
        """Return a miner that goes on where the one stopped that published this snapshot."""
        miner = cls(max_templates=max_templates)
        miner._next_id = snapshot.next_id
        miner._messages = snapshot.messages
        miner._version = snapshot.version
        miner._aliases = dict(snapshot.aliases)
        for state in snapshot.templates:
            slots = {(place, part): slot.copy() for place, part, slot in state.slots}
            template = Template(state.id, state.words, state.opened, state.count, state.last, slots)
            miner._templates[template.id] = template
            miner._link(template)
        return miner

    def publish(self) -> TemplateSnapshot:
        """Return the state as it is now; the miner does not change."""
        states = (
            TemplateState(
                id=template.id,
                words=template.words,
                opened=template.opened,
                count=template.count,
                last=template.last,
                slots=tuple((*key, slot.copy()) for key, slot in sorted(template.slots.items(), key=_by_key)),
            )
            for template in self._templates.values()
        )
        return TemplateSnapshot(
            version=self._version,
            messages=self._messages,
            next_id=self._next_id,
            templates=tuple(states),
            aliases=tuple(self._aliases.items()),
        )

    @property
    def templates(self) -> list[Template]:
        """Return the templates, in the order of their ids."""
        return list(self._templates.values())

    def get(self, id: int) -> Template | None:  # noqa: A002  # its name everywhere
        """Return the template that answers for an id, None when it was forgotten."""
        return self._templates.get(self.resolve(id))

    def resolve(self, id: int) -> int:  # noqa: A002  # as above
        """Return the id that answers for an id: itself, or that of the template it was merged into."""
        return resolve_alias(self._aliases, id)

    def add(self, message: str) -> Template:
        """Return the template of a message, a new one when no known one fits."""
        message = message[:MAX_MESSAGE_CHARS]
        template = self._known_messages.get(message)
        if template is None:
            template = self._recognize(message)
        self._messages += 1
        template.last = self._messages
        template.count += 1
        if template.count <= _SAMPLED_WHOLE or not template.count % _SAMPLED_EVERY:
            read_values(template, message)
        return template

    # --- learning ---------------------------------------------------------------------------------

    def _recognize(self, message: str) -> Template:
        words = tuple(masked_words(message))
        template = self._known.get(words)
        if template is None:
            template = self._learn(words)
        if len(message) <= _KNOWN_CHARS:
            if len(self._known_messages) >= _KNOWN_MESSAGES:
                self._known_messages.clear()
            self._known_messages[message] = template
        return template

    def _learn(self, words: tuple[str, ...]) -> Template:
        id_ = self._tree.find(words)
        template = self._templates[id_] if id_ else self._place(words)
        if self._known_words > _MAX_KNOWN_WORDS:
            self._forget_known()
        self._known[words] = template
        self._known_words += len(words)
        return template

    def _place(self, words: tuple[str, ...]) -> Template:
        """Return the template of a message that none covers: one made more general, or a new one."""
        self._version += 1
        best, best_score = None, 0.0
        for id_ in self._buckets.get(_bucket_key(words), [])[-_MAX_COMPARED:]:
            template = self._templates[id_]
            score = similarity(template.words, template.opened, words)
            if score > best_score:
                best, best_score = template, score
        if best is not None and best_score >= MIN_SIMILARITY:
            return self._generalize(best, words)
        template = Template(self._next_id, words, last=self._messages + 1)
        self._next_id += 1
        self._templates[template.id] = template
        self._link(template)
        if len(self._templates) > self._max_templates:
            self._evict()
        return self._with_names(template)

    def _generalize(self, template: Template, words: tuple[str, ...]) -> Template:
        """Open the places of a template in which it differs from these words."""
        self._unlink(template)
        for place, new in enumerate(words):
            old = template.words[place]
            if old != new and not (place in template.opened and fits(old, new)):
                _open(template, place, merge_words(old, new))
        return self._relink(template)

    def _with_names(self, template: Template) -> Template:
        """Return a template, or what it is part of when a word of it turns out to be a name."""
        for key, place, slot, needed in _name_keys(template.words):
            ids = self._siblings[key]
            if len(ids) >= needed:
                return self._merge_named(sorted(ids), {place: slot})
        near = self._buckets[_bucket_key(template.words)]
        if len(near) % _CROWD == 0 and len(template.words) <= _MAX_PAIRED_WORDS:
            places, ids = _most_alike([self._templates[id_] for id_ in near[-_MAX_COMPARED:]])
            if len(ids) >= _CROWD // 2:
                self._merge_named(ids, dict.fromkeys(places, WILDCARD))
        return self._templates[self.resolve(template.id)]

    def _merge_named(self, ids: list[int], slots: dict[int, str]) -> Template:
        """Merge templates that differ in one word or two, and those that the result covers."""
        kept, *others = (self._templates[id_] for id_ in ids)
        self._unlink(kept)
        for place, slot in slots.items():
            _open(kept, place, slot)
        for other in others:
            self._absorb(kept, other)
        return self._relink(kept)

    def _relink(self, template: Template) -> Template:
        """Put a changed template in its place, together with those that the same message may have."""
        if (twin := self._ids.get(template.words)) is not None:
            self._absorb(template, self._templates[twin])
        while others := self._overlapping(template):
            for other in others:
                self._absorb(template, other)
        self._forget_known()
        self._link(template)
        return self._with_names(template)

    def _overlapping(self, template: Template) -> list[Template]:
        near = map(
            self._templates.__getitem__, self._buckets.get(_bucket_key(template.words), ())[-_MAX_COMPARED:]
        )
        return [
            other for other in near if overlap(template.words, template.opened, other.words, other.opened)
        ]

    def _absorb(self, template: Template, other: Template) -> None:
        """Make one of a template (out of its place) and another one; the older id is kept."""
        self._unlink(other)
        _fold(template, other)
        old, new = sorted((template.id, other.id))
        self._templates[old] = template
        del self._templates[new]
        template.id = old
        self._aliases[new] = old
        if len(self._aliases) > _MAX_ALIASES:
            del self._aliases[next(iter(self._aliases))]

    def _evict(self) -> None:
        """Forget the least recently used templates."""
        by_use = sorted(self._templates.values(), key=_by_use)
        for template in by_use[: max(1, len(by_use) // _EVICTED)]:
            self._unlink(template)
            del self._templates[template.id]
        self._forget_known()

    # --- what speeds up ---------------------------------------------------------------------------

    def _link(self, template: Template) -> None:
        self._tree.insert(template.words, template.opened, template.id)
        self._ids[template.words] = template.id
        insort(self._buckets.setdefault(_bucket_key(template.words), []), template.id)
        for key, _, _, _ in _name_keys(template.words):
            self._siblings.setdefault(key, []).append(template.id)

    def _unlink(self, template: Template) -> None:
        self._tree.remove(template.words, template.opened)
        del self._ids[template.words]
        _discard(self._buckets, _bucket_key(template.words), template.id)
        for key, _, _, _ in _name_keys(template.words):
            _discard(self._siblings, key, template.id)

    def _forget_known(self) -> None:
        self._known.clear()
        self._known_words = 0
        self._known_messages.clear()


def _by_use(template: Template) -> int:
    return template.last


def _by_key(item: tuple[tuple[int, int], Slot]) -> tuple[int, int]:
    return item[0]


def _discard(lists: dict[_Key, list[int]], key: _Key, id_: int) -> None:
    ids = lists[key]
    ids.remove(id_)
    if not ids:
        del lists[key]


def _bucket_key(words: Sequence[str]) -> tuple[int, str]:
    return len(words), words[0] if words and is_plain(words[0]) else ""


def _name_keys(words: Sequence[str]) -> Iterator[tuple[int, int, str, int]]:
    """Yield, for each name there may be, its key, place, slot, and how many templates make it one.

    Templates that differ in nothing but this name have the same key.
    """
    if len(words) > _MAX_NAMED_WORDS:
        return
    told = [is_telling(word) for word in words]
    agreeing = sum(told)
    if not agreeing:
        return
    # Of one text each: hashes of pairs are nearly sums of their parts, `a b` and `b a` came out alike.
    hashes = [hash(f"{place} {word}") for place, word in enumerate(words)]
    whole = sum(hashes)
    for place, before, after in names_in(words):
        others = agreeing - told[place]
        if others:
            slot = f"{before}{WILDCARD}{after}"
            key = hash((len(words), place, slot, whole - hashes[place]))
            yield key, place, slot, NAMES.get(others, _NAMES_ELSE)


def _most_alike(templates: list[Template]) -> tuple[tuple[int, ...], list[int]]:
    """Return the places and the ids of the largest group of templates that differ in two words only."""
    groups: dict[tuple[tuple[int, ...], tuple[str, ...]], list[int]] = {}
    for template in templates:
        words = template.words
        names = [place for place, word in enumerate(words) if word.isalpha()]
        for pair in combinations(names, 2):
            rest = tuple(WILDCARD if place in pair else word for place, word in enumerate(words))
            groups.setdefault((pair, rest), []).append(template.id)
    agreeing = {key: ids for key, ids in groups.items() if sum(map(is_telling, key[1])) >= _PAIRED_TELLING}
    if not agreeing:
        return (), []
    largest = max(agreeing, key=lambda key: (len(agreeing[key]), key))
    return largest[0], agreeing[largest]


# --- slots ----------------------------------------------------------------------------------------


def _open(template: Template, place: int, slot: str) -> None:
    """Let a place take any word that fits; a word that stood there is its first value."""
    old = template.words[place]
    template.words = (*template.words[:place], slot, *template.words[place + 1 :])
    if place in template.opened:
        parts = slot.count(WILDCARD)
        for key in [key for key in template.slots if key[0] == place and key[1] >= parts]:
            del template.slots[key]
        return
    template.opened |= {place}
    for key in [key for key in template.slots if key[0] == place]:
        del template.slots[key]
    template.slots[place, 0] = Slot()
    _seed(template, place, old, template.count)


def _seed(template: Template, place: int, word: str, count: int) -> None:
    read = min(count, _SAMPLED_WHOLE) + max(0, count // _SAMPLED_EVERY - _SAMPLED_WHOLE // _SAMPLED_EVERY)
    if read and WILDCARD not in word:
        template.slots[place, 0].add(_values(template.words[place], word)[0], read)


def _fold(template: Template, other: Template) -> None:
    """Make a template cover another one, and add what that has seen."""
    for place, new in enumerate(other.words):
        old = template.words[place]
        if place in template.opened and fits(old, new):
            continue
        if old != new or place in other.opened:
            _open(template, place, new if fits(new, old) else merge_words(old, new))
    template.count += other.count
    template.last = max(template.last, other.last)
    for place in template.opened:
        if place not in other.opened:
            _seed(template, place, other.words[place], other.count)
    for key, slot in other.slots.items():
        if key[0] not in template.opened or key[0] in other.opened:
            template.slots.setdefault(key, Slot()).merge(slot)


def read_values(template: Template, message: str) -> None:
    """Read the values of a message that has the template into its slots."""
    texts = message.split()
    if len(texts) != len(template.words):  # values of several words
        texts = [raw for _, raw in masked_pairs(message)]
    for place, (word, raw) in enumerate(zip(template.words, texts, strict=True)):
        if WILDCARD in word:
            for part, value in enumerate(_values(word, raw)):
                slot = template.slots.get((place, part))
                if slot is None:
                    if len(template.slots) >= _MAX_SLOTS:
                        return
                    slot = template.slots[place, part] = Slot()
                slot.add(value)


def _values(word: str, raw: str) -> list[str]:
    """Return what stands in a text for each wildcard of the word that it became."""
    first, *middle, last = word.split(WILDCARD)
    values, start, end = [], len(first), len(raw) - len(last)
    for fixed in middle:
        place = raw.find(fixed, start, end)
        values.append(raw[start:place])
        start = place + len(fixed)
    return [*values, raw[start:end]]
