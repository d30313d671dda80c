"""The published state of a template miner: immutable, versioned, serialisable (design D6).

One miner publishes, any number of workers match: with the same snapshot each gives the same answer, in any
order. A miner that is restored from a snapshot goes on as if it had never stopped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Self

from error_manager.analysis.template_slot import MAX_VALUE_CHARS, MAX_VALUES, Slot
from error_manager.analysis.template_tree import TemplateTree
from error_manager.core.errors import TemplateSnapshotError
from error_manager.core.limits import MAX_MESSAGE_CHARS
from error_manager.core.value_mask import MAX_WORD_CHARS, MAX_WORDS, WILDCARD, ValueKind, masked_words

_FORMAT: Final = "error-manager-templates"
_FORMAT_VERSION: Final = 1
_MAX_BYTES: Final = 256 * 1024 * 1024
_MAX_COUNT: Final = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateState:
    """One template as it was when the snapshot was made."""

    id: int
    words: tuple[str, ...]
    opened: frozenset[int]
    """Places that take any word which fits."""
    count: int
    last: int
    """The message, counted from 1, that had it last."""
    slots: tuple[tuple[int, int, Slot], ...]
    """Place, number of the wildcard within the word, and what it was filled with."""


@dataclass(frozen=True, kw_only=True)
class TemplateSnapshot:
    """The templates of a miner at one moment."""

    version: int
    """Grows with each change of what ``match`` answers; equal versions of one miner answer alike."""
    messages: int
    next_id: int
    templates: tuple[TemplateState, ...]
    aliases: tuple[tuple[int, int], ...] = field(default=())
    """Ids of templates that were merged, and the id that each was merged into, in the order of merging."""

    def match(self, message: str) -> int | None:
        """Return the id of the template that covers a message, or None when no known one does."""
        return self._tree.find(masked_words(message[:MAX_MESSAGE_CHARS])) or None

    def resolve(self, id: int) -> int:  # noqa: A002  # its name everywhere
        """Return the id that answers for an id: itself, or that of the template it was merged into."""
        return resolve_alias(self._answers, id)

    def to_bytes(self) -> bytes:
        """Return the snapshot as JSON, the same bytes for the same snapshot."""
        value = {
            "format": _FORMAT,
            "format_version": _FORMAT_VERSION,
            "version": self.version,
            "messages": self.messages,
            "next_id": self.next_id,
            "templates": [
                [
                    state.id,
                    " ".join(state.words),
                    sorted(state.opened),
                    state.count,
                    state.last,
                    [_slot_to_json(*slot) for slot in state.slots],
                ]
                for state in self.templates
            ],
            "aliases": self.aliases,
        }
        return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode("ascii")

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Return the snapshot that ``to_bytes`` wrote.

        Raises:
            TemplateSnapshotError: these bytes are no snapshot; says what is wrong.
        """
        if len(data) > _MAX_BYTES:
            raise TemplateSnapshotError(f"the snapshot has more than {_MAX_BYTES} bytes")
        try:
            value = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise TemplateSnapshotError(f"the snapshot is no JSON: {error}") from error
        if not isinstance(value, dict) or value.get("format") != _FORMAT:
            raise TemplateSnapshotError("the bytes are no snapshot of templates")
        if value.get("format_version") != _FORMAT_VERSION:
            raise TemplateSnapshotError(
                f"the snapshot has format version {value.get('format_version')!r}, known is {_FORMAT_VERSION}"
            )
        next_id = _count(value.get("next_id"), "next_id")
        messages = _count(value.get("messages"), "messages")
        states = tuple(
            _state(row, next_id=next_id, messages=messages)
            for row in _list(value.get("templates"), "templates")
        )
        aliases = tuple(_alias(row, next_id=next_id) for row in _list(value.get("aliases"), "aliases"))
        ids = [state.id for state in states]
        if ids != sorted(set(ids)) or len({state.words for state in states}) != len(ids):
            raise TemplateSnapshotError("templates: not in the order of their ids, or one stands there twice")
        if len(gone := {old for old, _ in aliases}) != len(aliases) or gone & set(ids):
            raise TemplateSnapshotError("aliases: an id was merged twice, or is a template still")
        return cls(
            version=_count(value.get("version"), "version"),
            messages=messages,
            next_id=next_id,
            templates=states,
            aliases=aliases,
        )

    @cached_property
    def _tree(self) -> TemplateTree:
        tree = TemplateTree()
        for state in self.templates:
            tree.insert(state.words, state.opened, state.id)
        return tree

    @cached_property
    def _answers(self) -> dict[int, int]:
        return dict(self.aliases)


def resolve_alias(aliases: Mapping[int, int], id: int) -> int:  # noqa: A002  # its name everywhere
    """Return the id that answers for an id, by what was merged into what."""
    while (other := aliases.get(id)) is not None:
        id = other  # noqa: A001  # as above
    return id


# --- the border to bytes --------------------------------------------------------------------------


def _slot_to_json(place: int, part: int, slot: Slot) -> list[object]:
    return [
        place,
        part,
        slot.seen,
        slot.dropped,
        slot.is_diverse,
        list(slot.kinds.items()),
        list(slot.values.items()),
    ]


def _state(row: object, *, next_id: int, messages: int) -> TemplateState:
    id_, text, opened, count, last, slots = _row(row, 6, "templates")
    words = tuple(text.split(" ")) if isinstance(text, str) and text else ()
    if (
        not isinstance(text, str)
        or len(words) > MAX_WORDS + 1
        or max(map(len, words), default=0) > MAX_WORD_CHARS
    ):
        raise TemplateSnapshotError("templates: a text is none, or too long")
    places = [
        _count(place, "templates: place", below=len(words)) for place in _list(opened, "templates: places")
    ]
    if any(WILDCARD not in words[place] for place in places):
        raise TemplateSnapshotError("templates: a slot has no wildcard")
    return TemplateState(
        id=_count(id_, "templates: id", least=1, below=next_id),
        words=words,
        opened=frozenset(places),
        count=_count(count, "templates: count"),
        last=_count(last, "templates: last", below=messages + 1),
        slots=tuple(_slot_from_json(slot, words) for slot in _list(slots, "templates: slots")),
    )


def _slot_from_json(row: object, words: tuple[str, ...]) -> tuple[int, int, Slot]:
    place, part, seen, dropped, is_diverse, kinds, values = _row(row, 7, "slots")
    place = _count(place, "slots: place", below=len(words))
    part = _count(part, "slots: part", below=words[place].count(WILDCARD))
    slot = Slot()
    slot.seen, slot.dropped = _count(seen, "slots: seen"), _count(dropped, "slots: dropped")
    slot.is_diverse = is_diverse is True
    known = set(ValueKind)
    for kind, count in (_row(pair, 2, "slots: kinds") for pair in _list(kinds, "slots: kinds")):
        if not isinstance(kind, str) or kind not in known:
            raise TemplateSnapshotError("slots: an unknown kind")
        slot.kinds[ValueKind(kind)] = _count(count, "slots: kinds")
    for value, count in (_row(pair, 2, "slots: values") for pair in _list(values, "slots: values")):
        if not isinstance(value, str) or len(value) > MAX_VALUE_CHARS or len(slot.values) >= MAX_VALUES:
            raise TemplateSnapshotError("slots: values that are no short texts, or too many")
        slot.values[value] = _count(count, "slots: values")
    return place, part, slot


def _alias(row: object, *, next_id: int) -> tuple[int, int]:
    old, new = _row(row, 2, "aliases")
    old = _count(old, "aliases: id", below=next_id)
    return old, _count(new, "aliases: id", least=1, below=old)  # the older id is kept, so there is no circle


def _row(value: object, length: int, name: str) -> list[object]:
    if not isinstance(value, list) or len(value) != length:
        raise TemplateSnapshotError(f"{name}: not a list of {length}")
    return value


def _list(value: object, name: str) -> list[object]:
    if not isinstance(value, list):
        raise TemplateSnapshotError(f"{name}: not a list")
    return value


def _count(value: object, name: str, *, least: int = 0, below: int = _MAX_COUNT + 1) -> int:
    if type(value) is not int or not least <= value < below:
        raise TemplateSnapshotError(f"{name}: not a whole number from {least} to {below - 1}")
    return value
