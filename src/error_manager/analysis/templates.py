"""Finds the templates of log messages as they arrive (seed box: Pattern Analyzer, message patterns).

Ordered typed masks first: one pass over the text replaces what is a value by its form. Most messages are
then equal to one seen before. The rest is compared within buckets of equal token count and first token: two
messages merge when they agree in most tokens and differ in none that is a plain word. A message keeps the
id it got.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

WILDCARD: Final = "<*>"
MIN_SIMILARITY: Final = 0.6
"""Share of equal tokens from which two messages may be one template."""
MAX_DIFFERENT: Final = 0.25
"""Share of tokens that may become wildcards by merging; at least one."""
_REMEMBERED: Final = 50_000
"""Masked texts whose template is known; the memory is emptied when it is full."""
_LONG_CHARS: Final = 4_000

_VALUE: Final = re.compile(
    r"(?P<url>\b[a-zA-Z][a-zA-Z0-9+.]{1,20}://)[^\s'\"<>)\],]+"
    r"|(?P<mail>[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8})"
    r"|(?P<path>(?<![\w<>.*)])(?:[A-Za-z]:)?(?:[\\/][\w.@~+%$#-]+)+[\\/]?|\b[A-Za-z]:\\[^\s'\",;\]]*)"
    r"|(?P<uuid>\{?\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b\}?)"
    r"|(?P<address>\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}\b|\b(?:[0-9a-fA-F]{2}[:-]){5,7}[0-9a-fA-F]{2}\b)"
    r"|(?P<hex>\b0[xX][0-9a-fA-F]+\b|\b(?=[a-fA-F]{0,40}[0-9])[0-9a-fA-F]{8,}\b)"
    r"|(?P<size>(?<![\w.])[0-9]+(?:\.[0-9]+)? ?[KMGTkmgt]?i?B\b)"
    r"|(?P<host>\b(?:[a-zA-Z0-9_-]{1,63}\.){1,6}(?:com|net|org|edu|gov|info|biz|local|internal|lan|[a-z]{2})\b(?![.(\w])"
    r"|\b[a-zA-Z]{2,20}(?:-[a-zA-Z0-9]{1,20}){1,4}-[0-9]+\b(?![-.\w])"
    r"|\b[0-9]+[a-zA-Z0-9]*(?:[-.][a-zA-Z0-9]+){2,10}\b)"
    r"|(?P<id>\b(?=[A-Za-z_.-]{0,40}[0-9])[A-Za-z0-9]+(?:[_-]+[A-Za-z0-9]+)*(?:_-?[0-9]+)+(?:_\w+)*\b"
    r"|\b[A-Za-z]{0,3}[0-9]+[A-Za-z]+[0-9]+[A-Za-z0-9]*\b)"
    r"|(?P<number>(?<![A-Za-z0-9])-?[0-9]+(?:\.[0-9]+)*(?:[eE][+-][0-9]+)?%?(?![A-Za-z0-9]))"
)
_NAMED: Final = re.compile(
    r"(?P<before>\b(?:(?:invalid|illegal|for|by|of) user |password for (?:invalid user )?"
    r"|(?:r?user|r?host|login|username|ctladdr|client)=)|(?<=[ ,])(?:to|from)=)"
    r"(?!(?:invalid|unknown|request|name)\b)(?P<name>[^\s,;=()<\[\]]+)(?=[\s,;()\]]|$)"
)
_HAS_NAMED: Final = re.compile(r"user|password for|host=|login=|ctladdr=|client=|to=|from=")
_DOUBLED: Final = re.compile(r"<\*>(?:~*<\*>)+")
_LIST: Final = re.compile(r"<\*>(?:,? <\*>){6,}")
"""A row of more than six values is a list: how many there are says nothing."""
_SPACES: Final = re.compile(r"\s+")
_WORD: Final = re.compile(r"[A-Za-z]+[.,:;!?]?")


@dataclass(slots=True)
class Template:
    """One template: its id (from 1), its tokens and how many messages have it."""

    id: int
    tokens: list[str]
    count: int = 0

    @property
    def text(self) -> str:
        """Return the template with ``<*>`` for each variable part."""
        return " ".join(self.tokens)


class TemplateMiner:
    """Gives each message a template; templates only become more general."""

    def __init__(self) -> None:
        """Start without templates."""
        self.templates: list[Template] = []
        self._known: dict[str, Template] = {}
        self._buckets: dict[tuple[int, str], list[Template]] = {}

    def add(self, message: str) -> Template:
        """Return the template of a message, a new one when no known one fits."""
        masked = mask_values(message)
        template = self._known.get(masked)
        if template is None:
            template = self._place(masked.split(" "))
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[masked] = template
        template.count += 1
        return template

    def _place(self, tokens: list[str]) -> Template:
        first = tokens[0] if _WORD.fullmatch(tokens[0]) else WILDCARD
        bucket = self._buckets.setdefault((len(tokens), first), [])
        best, best_score = None, 0.0
        for template in bucket:
            score = similarity(template.tokens, tokens)
            if score > best_score:
                best, best_score = template, score
        if best is not None and best_score >= MIN_SIMILARITY:
            best.tokens = [
                old if old == new else merge_token(old, new)
                for old, new in zip(best.tokens, tokens, strict=True)
            ]
            return best
        template = Template(id=len(self.templates) + 1, tokens=tokens)
        self.templates.append(template)
        bucket.append(template)
        return template


def mask_values(message: str) -> str:
    """Return the message with single spaces and ``<*>`` for values; punctuation and schemes of URLs stay."""
    text = _SPACES.sub(" ", message[:_LONG_CHARS]).strip()
    text = _VALUE.sub(_wildcard, text)
    if _HAS_NAMED.search(text):
        text = _NAMED.sub(r"\g<before><*>", text)
    return _LIST.sub(WILDCARD, _DOUBLED.sub(WILDCARD, text))


def _wildcard(match: re.Match[str]) -> str:
    return f"{match.group('url')}{WILDCARD}" if match.lastgroup == "url" else WILDCARD


def similarity(template: list[str], tokens: list[str]) -> float:
    """Return the share of equal tokens (0..1), 0 when a plain word differs or too many tokens do."""
    different = 0
    allowed = max(1, int(len(tokens) * MAX_DIFFERENT))
    for old, new in zip(template, tokens, strict=True):
        if old == new:
            continue
        different += 1
        if different > allowed or _is_plain(old, new) or _is_plain(new, old):
            return 0.0
    return 1.0 - different / len(tokens)


def _is_plain(token: str, other: str) -> bool:
    return WILDCARD not in other and _WORD.fullmatch(token) is not None


def merge_token(old: str, new: str) -> str:
    """Return what two tokens share at their ends with a wildcard between; punctuation is kept."""
    shorter = min(len(old), len(new))
    start = 0
    while start < shorter and old[start] == new[start] and not old[start].isalnum():
        start += 1
    end = 0
    while end < shorter - start and old[-1 - end] == new[-1 - end] and not old[-1 - end].isalnum():
        end += 1
    tail = old[len(old) - end :] if end else ""
    name, sign, _ = old.partition("=")
    if sign and new.startswith(f"{name}="):
        return _DOUBLED.sub(WILDCARD, f"{name}={WILDCARD}{tail}")
    return _DOUBLED.sub(WILDCARD, f"{old[:start]}{WILDCARD}{tail}")
