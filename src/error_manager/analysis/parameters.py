"""What the variable parts of a pattern's messages were filled with (seed box: Pattern Analyzer)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from error_manager.analysis.template_tree import TemplateTree
from error_manager.analysis.templates import Template, read_values
from error_manager.core.limits import MAX_MESSAGE_CHARS
from error_manager.core.value_mask import SENSITIVE_KINDS, WILDCARD, ValueKind, masked_words


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterValue:
    """One value of a variable part, and its share (0..1) of the messages read."""

    value: str
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One variable part of a message.

    ``before`` and ``after`` are the fixed words around it, ``distinct`` how many values were read (None when
    there were too many to keep, or they are nobody's business), ``read`` the number of messages read, and
    ``values`` the most frequent ones, most frequent first.
    """

    kind: ValueKind
    before: str
    after: str
    distinct: int | None
    read: int
    values: tuple[ParameterValue, ...]

    @property
    def is_private(self) -> bool:
        """Return whether nobody may see the values."""
        return self.kind in SENSITIVE_KINDS


def parameters(text: str, messages: Iterable[str]) -> tuple[Parameter, ...]:
    """Return the variable parts of a template, with what these messages filled in.

    Args:
        text: the template, ``<*>`` for each variable part.
        messages: masked messages; those that do not have the template are left out.
    """
    words = tuple(text.split(" "))
    places = [place for place, word in enumerate(words) if WILDCARD in word]
    template = Template(0, words, opened=frozenset(places))
    tree = TemplateTree()
    tree.insert(words, template.opened, 1)
    for message in messages:
        if tree.find(masked_words(message[:MAX_MESSAGE_CHARS])):
            read_values(template, message[:MAX_MESSAGE_CHARS])
    return tuple(
        Parameter(
            kind=slot.kind,
            before=_fixed(words[place - 1 : place]),
            after=_fixed(words[place + 1 : place + 2]),
            distinct=slot.distinct,
            read=slot.seen,
            values=tuple(ParameterValue(value=value, share=share) for value, share in slot.shares),
        )
        for (place, _), slot in sorted(template.slots.items(), key=lambda item: item[0])
    )


def _fixed(words: tuple[str, ...]) -> str:
    """Return a neighboring word when it is no variable part itself."""
    return words[0] if words and WILDCARD not in words[0] else ""
