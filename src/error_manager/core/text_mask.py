"""Typed wildcards for what varies in a message: numbers, ids, times, addresses (seed box: Fingerprint).

A fixed list in a fixed order; nothing is learned, so each process gives the same text the same form. Masks
of personal data and the raw values they stand for become the same wildcard.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final

from error_manager.core.masking import TextMasker

WILDCARD: Final = "<*>"
_MAX_CHARS: Final = 600
"""A longer text is cut after masking: what tells two errors apart stands at the start."""
_READ_CHARS: Final = 2 * _MAX_CHARS
_SPACES: Final = re.compile(r"\s+")
_ORDERED: Final = (
    r"\[(?:secret|email|ip|card|iban|phone|ssn|device|user|url-credentials)\]",
    # Times: ISO 8601, common log format, clock times.
    (
        r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?"
        r"(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
    ),
    r"\b[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?\b",
    # Ids.
    r"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b",
    r"\b0[xX][0-9a-fA-F]+\b",
    r"\b[0-9a-fA-F]{2}(?:[:-][0-9a-fA-F]{2}){5}\b",
    # Addresses.
    r"\b[a-zA-Z][a-zA-Z0-9+.-]{0,20}://[^\s'\"<>)\]]+",
    r"(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F.]{0,15}(?=[\s\])/,]|$)",
    r"\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?::[0-9]+)?\b",
    r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}(?::[0-9]+)?",
    r"\b(?:[a-zA-Z0-9-]{1,63}\.){1,8}[a-zA-Z]{2,20}:[0-9]+\b",
    # Paths of files.
    r"(?<![\w<.])(?:[A-Za-z]:)?(?:[\\/][\w.@~+%<>*-]+){2,}[\\/]?",
    # Hexadecimal words with a digit in them, then any number.
    r"\b(?=[a-fA-F]{0,64}[0-9])(?=[0-9]{0,64}[a-fA-F])[0-9a-fA-F]{6,}\b",
    r"(?<![A-Za-z])[+-]?[0-9]+(?:[.,][0-9]+)*(?:[eE][+-]?[0-9]+)?%?",
)
_ANY: Final = re.compile("|".join(f"(?:{pattern})" for pattern in _ORDERED))
_QUOTED: Final = re.compile(r"'[^'\n]{0,200}'|\"[^\"\n]{0,200}\"|`[^`\n]{0,200}`")
_RUNS: Final = re.compile(r"<\*>(?:[.:/,_@#=-]?<\*>)+")
_TOKEN: Final = re.compile(
    r"[rbu]?[fF]?[r]?(?:'[^'\n]{0,300}'|\"[^\"\n]{0,300}\"|`[^`\n]{0,300}`)"  # texts
    r"|\.\s?\w+|\b\w+(?=\s?\()|\b[0-9][\w.]*"  # attributes, calls and numbers stay
    r"|\b(?P<name>[A-Za-z_]\w*)"
)
_INSERTED: Final = re.compile(r"\{[^{}]{0,200}\}")
_KEYWORDS: Final = frozenset(
    [
        "and",
        "as",
        "assert",
        "async",
        "await",
        "break",
        "case",
        "class",
        "continue",
        "def",
        "del",
        "elif",
        "else",
        "except",
        "finally",
        "for",
        "from",
        "global",
        "if",
        "import",
        "in",
        "is",
        "lambda",
        "nonlocal",
        "not",
        "or",
        "pass",
        "raise",
        "return",
        "try",
        "while",
        "with",
        "yield",
        "self",
        "cls",
        "this",
        "new",
        "throw",
        "var",
        "let",
        "const",
        "function",
        "typeof",
        "instanceof",
        "null",
        "nil",
        "true",
        "false",
        "undefined",
        "int",
        "float",
        "double",
        "long",
        "string",
        "bool",
        "void",
        "final",
        "static",
    ]
)
_masker: Final = TextMasker()
"""Its one memory, of texts that need no mask, cannot change an answer."""


def mask_sensitive(text: str, *, is_code: bool = False) -> str:
    """Return the text with personal data and secrets masked, as the server keeps it."""
    return _masker.mask(text, is_code=is_code)


def remember_masked(texts: Iterable[str]) -> None:
    """Remember that these texts are as the server keeps them: masking a stored error again is for nothing."""
    _masker.remember_clean(texts)


def are_clean(texts: Iterable[str]) -> bool:
    """Return whether ``mask_sensitive`` is known to change none of these texts; False = ask it."""
    return _masker.clean.issuperset(texts)


@lru_cache(maxsize=8_192)
def mask_message(text: str, *, keeps_quoted: bool = False) -> str:
    """Return the form that all messages of one kind share.

    Args:
        text: the message, masked or not.
        keeps_quoted: leave quoted names in place (``reading 'total'``); otherwise they become wildcards.
    """
    return _finish(mask_sensitive(text), _masked_quotes if not keeps_quoted else _same)


@lru_cache(maxsize=8_192)
def mask_line(text: str) -> str:
    """Return a line of source code with single spaces, without secrets, with each local name as ``_``.

    Names of functions, attributes, constants and texts stay: they say what the line does. A local that was
    renamed between two releases changes nothing.
    """
    line = _SPACES.sub(" ", mask_sensitive(text.strip()[:_READ_CHARS], is_code=True)).strip()[:_MAX_CHARS]
    return _TOKEN.sub(_renamed, line)


def _renamed(match: re.Match[str]) -> str:
    name = match.group("name")
    if name is None:
        return (
            _INSERTED.sub("{}", match.group(0)) if match.group(0)[:1] in {"f", "F", "`"} else match.group(0)
        )
    return name if name in _KEYWORDS or not name[0].islower() else "_"


def _same(text: str) -> str:
    return text


def _masked_quotes(text: str) -> str:
    return _QUOTED.sub(WILDCARD, text)


def _finish(text: str, quotes: Callable[[str], str]) -> str:
    flat = _SPACES.sub(" ", quotes(text[:_READ_CHARS])).strip()
    return _RUNS.sub(WILDCARD, _ANY.sub(WILDCARD, flat))[:_MAX_CHARS]
