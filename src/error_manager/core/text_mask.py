"""The form that messages of one kind share, and lines of code without local names (seed box: Fingerprint).

Values become wildcards by the typed masks of ``core/value_mask``; nothing is learned, so each process gives
the same text the same form. Masks of personal data and the raw values they stand for become one wildcard.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final

from error_manager.core.masking import TextMasker
from error_manager.core.value_mask import WILDCARD, mask_values

_MAX_CHARS: Final = 600
"""A longer text is cut after masking: what tells two errors apart stands at the start."""
_READ_CHARS: Final = 2 * _MAX_CHARS
_SPACES: Final = re.compile(r"\s+")
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
    return _RUNS.sub(WILDCARD, mask_values(quotes(text[:_READ_CHARS])))[:_MAX_CHARS]
