"""Reads what a person types into the search box (seed box: Search Indexer).

``timeout "read failed" -redis env:prod -is:resolved`` becomes words, phrases, words that may not occur, and
fields. Nothing a person types can be an error of the database: what is not understood is a word to look for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

MAX_SEARCH_CHARS: Final = 500
"""Longer searches are cut: they are pasted stack traces, whose first lines say enough."""

FIELDS: Final = {
    "type": "type",
    "title": "type",
    "message": "message",
    "module": "module",
    "code": "code",
    "error_code": "code",
    "severity": "severity",
    "level": "severity",
    "environment": "environment",
    "env": "environment",
    "release": "release",
    "version": "release",
    "platform": "platform",
    "is": "is",
}
"""What a person may write before the colon, and the field it means; every other name is a tag."""

_TOKEN: Final = re.compile(
    r'(?P<negated>-?)(?:(?P<field>[A-Za-z][A-Za-z0-9_.\-]{0,63}):(?!//)(?:"(?P<quoted>[^"]*)"|(?P<value>[^\s"]+))'
    r'|"(?P<phrase>[^"]*)"|(?P<word>\S+))'
)
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A search, taken apart: ``text`` has words, "phrases", -negatives; ``fields`` (name, value, negated)."""

    text: str = ""
    fields: tuple[tuple[str, str, bool], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The text part of a search: what must occur and what may not, each a word or a phrase."""

    wanted: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()


def parse_search(typed: str) -> Search:
    """Return the words and the fields of a search.

    Args:
        typed: what the person typed; only the first ``MAX_SEARCH_CHARS`` characters count.

    Returns:
        Words in their order; known fields under their main name (``env`` is ``environment``), others as
        ``tag.NAME``.
    """
    words: list[str] = []
    fields: list[tuple[str, str, bool]] = []
    for match in _TOKEN.finditer(clean(typed)):
        is_negated = bool(match["negated"])
        if match["field"]:
            fields.append((_name(match["field"]), match["quoted"] or match["value"] or "", is_negated))
        else:
            words.append(match[0])
    return Search(text=" ".join(words), fields=tuple(fields))


def split_terms(text: str) -> Terms:
    """Return the wanted and unwanted words and phrases of ``Search.text``."""
    wanted: list[str] = []
    unwanted: list[str] = []
    for match in _TOKEN.finditer(clean(text)):
        plain = match["phrase"] if match["phrase"] is not None else match[0][len(match["negated"]) :]
        term = plain.replace('"', " ").strip()
        if term:
            (unwanted if match["negated"] else wanted).append(term)
    return Terms(wanted=tuple(wanted), unwanted=tuple(unwanted))


def web_query(terms: tuple[str, ...], *, any_of: bool = False) -> str:
    """Return the terms in the language of PostgreSQL's ``websearch_to_tsquery``, each as a phrase."""
    return (" or " if any_of else " ").join(f'"{term}"' for term in terms)


def clean(typed: str) -> str:
    """Return the text with control characters and lone surrogates as spaces, cut to ``MAX_SEARCH_CHARS``."""
    return _UNPRINTABLE.sub(" ", typed[:MAX_SEARCH_CHARS])


def _name(typed: str) -> str:
    lowered = typed.lower()
    if lowered.startswith("tag."):
        return f"tag.{typed[4:]}"
    return FIELDS.get(lowered, f"tag.{typed}")
