"""Typed masks: what in a text is a value, and of which kind (seed boxes: Fingerprint, Pattern Analyzer).

The one set of masks, of the fingerprint of bare messages and of the template miner. A text is read word by
word, and a word alone says what it becomes; so words that come again are looked up, and a word without digit
and special sign never meets a regular expression. What spans words (``5 MB``, ``user kim``, a date with the
name of the month) is put together afterwards, in the texts that hold a word which may start it.

Time is linear in the text: each word is read once by patterns that never go back over more than a bounded
stretch; of a text with very many words, and of a very long word, only the start counts.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from error_manager.core.detection import MASKS

WILDCARD: Final = "<*>"
_BRACKETED: Final = f"<{WILDCARD}>"
MAX_WORDS: Final = 256
"""A text with more words is known by its first ones; the rest becomes one mark."""
MAX_WORD_CHARS: Final = 256
"""A longer word is a value, unless its start says what it is (``https://<*>``)."""
CUT_WORD: Final = "…"
_REMEMBERED: Final = 16_384
"""Words kept in each of two generations; words of digits alone are not kept."""
_ROUNDS: Final = 4
_LIST_LENGTH: Final = 9
"""From so many values in a row on they are a list: how many there are says nothing."""


class ValueKind(StrEnum):
    """What a value is."""

    NUMBER = "number"
    HEX = "hex"
    UUID = "uuid"
    IP = "ip"
    MAC = "mac"
    PATH = "path"
    URL = "url"
    EMAIL = "email"
    HOST = "host"
    TIME = "time"
    SIZE = "size"
    DURATION = "duration"
    VERSION = "version"
    ID = "id"
    LIST = "list"
    PRIVATE = "private"
    TEXT = "text"


SENSITIVE_KINDS: Final = frozenset({ValueKind.IP, ValueKind.MAC, ValueKind.EMAIL, ValueKind.PRIVATE})
"""Kinds whose values nobody keeps, whether they were masked before or not."""

# --- patterns of whole values, each used to find and to tell the kind -----------------------------

_PRIVATE: Final = "|".join(re.escape(mask) for mask in MASKS)
_URL: Final = r"[A-Za-z][A-Za-z0-9+.-]{1,20}://"
_URL_REST: Final = rf"(?:[^\s'\"<>)\],\[]++|{_PRIVATE}|\[)++"
_EMAIL: Final = r"[\w.+-]{1,64}@(?![0-9a-f]{1,64}\b(?!\.))[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}"
"""``Name@1b2c3d`` is an object of Java."""
_PATH: Final = (
    r"(?:[A-Za-z]:)?(?:[\\/][\w.@~+%$#-]+)++[\\/]?"
    r"|[A-Za-z]:\\[^\s'\",;\]]*"
)
_HEX4: Final = "[0-9a-fA-F]{1,4}"
_IP6: Final = (
    rf"(?=[a-fA-F:]{{0,40}}[0-9])(?:(?:{_HEX4}:){{7}}{_HEX4}|(?:{_HEX4}:){{1,6}}(?::{_HEX4}){{1,6}}"
    rf"|::(?:{_HEX4}:){{0,6}}[0-9a-fA-F.]{{1,15}}|(?:{_HEX4}:){{1,7}}:)(?![\w:])"
)
_MAC: Final = (
    r"(?:[0-9a-fA-F]{2}[:-]){5,19}[0-9a-fA-F]{2}(?![\w:])"
    r"|[0-9a-fA-F]{4}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\.[0-9a-fA-F](?!\w)(?:\[[A-Z]\])?"  # on a bus
)
_UUID: Final = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_IP4: Final = r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}"
_HEX: Final = (
    r"0[xX][0-9a-fA-F]+|(?=[a-fA-F]*[0-9])[0-9a-fA-F]{8,}|(?=[a-f]*[0-9])(?=[0-9]*[a-f])[0-9a-f]{6,}"
)
_NUMBER: Final = r"-*[0-9]+(?:\.[0-9]+)*(?:[eE][+-]?[0-9]+)?"
_UNIT: Final = r"-?[0-9]+(?:\.[0-9]+)*(?!(?:st|nd|rd|th)\Z)[A-Za-zµ]{1,6}"
_DOTTED: Final = r"[vV]?[0-9]+[a-zA-Z0-9]*(?:[-.][a-zA-Z0-9_]+){2,}|[vV][0-9]+(?:\.[0-9]+)+"
_TOP: Final = "com|net|org|edu|gov|mil|info|biz|local|localdomain|internal|intranet|lan|corp|cloud|cluster"
_HOST: Final = (
    rf"(?:[a-zA-Z0-9_-]{{1,63}}\.){{1,6}}(?:{_TOP})"
    r"|(?=[^0-9-]*[0-9-]|[^.]*\.[^.]*\.)(?:[a-zA-Z0-9_-]{1,63}\.){1,6}[a-z]{2}"
    r"|[a-zA-Z]{2,20}(?:-[a-zA-Z0-9]{1,20}){1,4}-[0-9]+"
)
_CLOCK: Final = r"[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?"
_DATE: Final = r"[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}"
_ZONE_END: Final = r"(?:Z|[+-][0-9]{2}:?[0-9]{2})?"

_MORE: Final = re.compile(r"[0-9@/\\]")
_SIGNS: Final = frozenset("*~<>")
_AROUND: Final = "()[]{},;'\""
_HAS_DIGIT: Final = re.compile("[0-9]")
_SPECIAL: Final = re.compile(r"[0-9@/\\:=\[(.<]")
_CHUNK: Final = r"(?P<chunk>(?:(?<![^(\[,=])[*~<>](?=-?[0-9.]+(?![\w@.>-])))?[\w.-]+)"
_KEPT: Final = rf"<\*>|(?P<private>{_PRIVATE})"
_PATHS: Final = rf"(?P<path>(?<![\w<>.*)+])(?:{_PATH}))"
_IN_SIMPLE: Final = re.compile(f"{_KEPT}|{_CHUNK}")
_IN_PATHS: Final = re.compile(f"{_KEPT}|{_PATHS}|{_CHUNK}")
_IN_ANY: Final = re.compile(
    rf"{_KEPT}|(?P<url>(?<![\w+.-]){_URL}){_URL_REST}|(?P<email>(?<![\w.+-]){_EMAIL})"
    rf"|(?P<time>(?<![\w.-]){_DATE}[T_]{_CLOCK}{_ZONE_END}(?!\w))"
    rf"|{_PATHS}|(?P<address>(?<![\w:.])(?:{_IP6}|{_MAC}))|{_CHUNK}"
)
_WHOLE: Final = re.compile(
    rf"(?P<number>{_NUMBER})|(?P<uuid>{_UUID})|(?P<hex>{_HEX})|(?P<unit>{_UNIT})"
    rf"|(?P<dotted>{_DOTTED})|(?P<host>{_HOST})"
)
_WITH_NUMBER: Final = re.compile(r"_-?[0-9]+(?![A-Za-z0-9])")
_MIXED: Final = re.compile(r"[A-Za-z]{0,3}[0-9]+[A-Za-z]+[0-9]+[A-Za-z0-9]*")
_UUID_INSIDE: Final = re.compile(rf"(?<![0-9a-fA-F]){_UUID}(?![0-9a-zA-Z])")
_HASH: Final = re.compile(r"(?=[a-z]*[0-9]+[a-z])[a-z0-9]{4,}|(?=[0-9]*[a-z])(?=[a-z]*[0-9])[a-f0-9]{8,}")
_PLACE: Final = re.compile(r"[A-Za-z]{1,4}[0-9]+")
_PARTS: Final = re.compile(r"([.-]+)")
JOINED: Final = re.compile(r"<\*>(?:[.~]*<\*>)+")
_KEYED: Final = re.compile(
    r"(?P<before>(?:^|(?<=[,;(\[&]))(?:r?user|r?host|login|username|ctladdr|client|to|from)=)"
    r"(?P<name>[^,;=()<\[\]]+)(?=[,;()\]]|$)"
)
_ACCOUNTS: Final = frozenset(["root", "admin", "administrator", "guest", "nobody", "daemon", "postgres"])
_ACCOUNT_ALONE: Final = re.compile(r"\((?:root|admin|administrator|guest|nobody|daemon|postgres)\)")


def mask_word(word: str) -> str:
    """Return a word, that is a text without spaces, with each value in it replaced by ``<*>``."""
    if len(word) > MAX_WORD_CHARS:
        masked = _mask_once(word[:MAX_WORD_CHARS])
        return masked if masked.endswith(WILDCARD) and len(masked) <= MAX_WORD_CHARS else WILDCARD
    if word[:-1].isalpha() or not _SPECIAL.search(word):  # letters, with one sign at most
        return word
    number = word.strip(_AROUND)
    if number.isdigit() and number.isascii():
        return word.replace(number, WILDCARD)
    masked = _mask_once(word)
    for _ in range(_ROUNDS):  # a value that became a wildcard may uncover another
        if masked == word or not _MORE.search(masked):
            break
        word, masked = masked, _mask_once(masked)
    return masked if len(masked) <= MAX_WORD_CHARS else WILDCARD


def _mask_once(word: str) -> str:
    if "@" in word or word.count(":") > 1 or "://" in word:
        pattern = _IN_ANY
    else:
        pattern = _IN_PATHS if "/" in word or "\\" in word else _IN_SIMPLE
    word = pattern.sub(_replaced, word)
    if "=" in word:
        word = _KEYED.sub(rf"\g<before>{WILDCARD}", word)
    elif word[:1] == "(":
        word = _ACCOUNT_ALONE.sub(f"({WILDCARD})", word)
    if WILDCARD in word:
        if word.count(WILDCARD) > 1:
            word = JOINED.sub(WILDCARD, word)
        while _BRACKETED in word:
            word = JOINED.sub(WILDCARD, word.replace(_BRACKETED, WILDCARD))
    return word


def _replaced(match: re.Match[str]) -> str:
    kind = match.lastgroup
    if kind == "chunk":
        return _mask_chunk(match)
    if kind == "url":
        return f"{match['url']}{WILDCARD}"
    return WILDCARD


def _mask_chunk(match: re.Match[str]) -> str:
    chunk, text, end = match.group(), match.string, match.end()
    if chunk.isdigit() and chunk.isascii():
        return WILDCARD
    if not _HAS_DIGIT.search(chunk) and "." not in chunk:
        return chunk
    if end < len(text) and text[end] == "(" and chunk[0].isalpha():  # the name of a function
        return chunk
    core, before, after = chunk, "", ""
    if not (chunk[0].isalnum() and chunk[-1].isalnum()):
        core = chunk.lstrip("*~<>._").rstrip("._-")
        if not core:
            return chunk
        before, core, after = chunk.partition(core)
    masked = _mask_core(core, is_value=match.start() > 0 and text[match.start() - 1] == "=")
    if masked == WILDCARD and before in _SIGNS:
        before = ""
    return before + masked + after


def _mask_core(core: str, *, is_value: bool) -> str:
    if "-" in core and (found := _UUID_INSIDE.search(core)):
        before, after = core[: found.start()], core[found.end() :]
        return JOINED.sub(WILDCARD, _mask_core(before, is_value=False) + WILDCARD + _mask_part(after))
    if _WHOLE.fullmatch(core):
        return WILDCARD
    if not _HAS_DIGIT.search(core):
        return core
    if is_value or ("." not in core and (_WITH_NUMBER.search(core) or _is_name_of_parts(core))):
        return WILDCARD
    return JOINED.sub(WILDCARD, "".join(map(_mask_part, _PARTS.split(core))))


def _is_name_of_parts(core: str) -> bool:
    """Return whether parts say that the whole is a name, as in ``R25-M1-N2`` and ``mailer-6d9f7c-x2v5k``."""
    if "-" not in core:
        return False
    parts = core.split("-")
    return sum(map(bool, map(_PLACE.fullmatch, parts))) > 1 or any(map(_HASH.fullmatch, parts[1:]))


def _mask_part(part: str) -> str:
    if not _HAS_DIGIT.search(part):
        return part
    if _WHOLE.fullmatch(part) or _WITH_NUMBER.search(part) or _MIXED.fullmatch(part):
        return WILDCARD
    return part


# --- values of more than one word -----------------------------------------------------------------

_TAILS: Final = ("", ",", ".", ";", ":", ")", "),", ").", "];", "]", "],", "}", '"', '",')
_UNITS: Final = {
    unit + tail: tail
    for unit in ("B", "KB", "MB", "GB", "TB", "PB", "kB", "KiB", "MiB", "GiB", "TiB", "kb", "mb", "gb")
    for tail in _TAILS
}
"""Units of sizes, and what follows them; other units stay, as in ``took <*> ms``."""
_SHORT_TIMES: Final = {
    unit + tail: tail for unit in ("s", "sec", "secs", "second", "seconds", "ms", "min") for tail in _TAILS
}
"""Units of times; with a bound they are part of the value: ``<1 sec``."""
_BOUND: Final = re.compile(r"[(\[]?[<>~][0-9]")
_PROTOCOLS: Final = {f"HTTP/{WILDCARD}{tail}": tail for tail in _TAILS}
"""The target and the protocol of a request are one value."""
_MONTH_NAMES: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS: Final = frozenset(_MONTH_NAMES)
_DAYS: Final = frozenset(
    day + tail for day in ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun") for tail in ("", ",")
)
_DAY_OR_YEAR: Final = re.compile(r"<\*>(?P<tail>[])},.;:\"]*)")
_CLOCK_WORD: Final = re.compile(r"<\*>:<\*>(?::<\*>)?(?:[.,]<\*>)?(?P<tail>[])},.;:\"]*)")
_ZONE: Final = re.compile(r"[A-Z]{3,4}|[+]<\*>")
_USER: Final = frozenset({"user", "User"})
_BEFORE_USER: Final = frozenset(
    {"invalid", "illegal", "unknown", "for", "by", "of", "as", "Invalid", "Illegal", "Unknown"}
)
_AFTER_NAME: Final = frozenset({"from", "logged"})
_NO_NAMES: Final = frozenset(
    {"invalid", "unknown", "request", "name", "user", "is", "has", "not", "id", "the"}
)
_NAME: Final = re.compile(r"[^\s,;:=()<\[\]\"']+?(?P<tail>[],;:.)]*)")
_BEFORE_ACCOUNT: Final = frozenset({"for", "by", "of", "as", "from", "user"})
_ACCOUNT_WORDS: Final = frozenset(name + tail for name in _ACCOUNTS for tail in _TAILS)
_STARTS: Final = frozenset(
    {*_UNITS, *_SHORT_TIMES, *_PROTOCOLS, *_MONTHS, *_USER, "password", *_ACCOUNT_WORDS}
)
"""Masked words without which no value spans words."""
_LISTED: Final = frozenset({WILDCARD, f"{WILDCARD},", f"{WILDCARD};"})
_LONG_WORDS: Final = 24
"""In texts from this length on, rows of numbered names (``node1 node2 ...``) are looked for."""
_NUMBERED: Final = re.compile(r"([A-Za-z]{1,20})[0-9]{1,6}")


class _Memory(dict[str, str]):
    """Masked forms of the words seen lately; two generations, so that what is used stays."""

    def __init__(self) -> None:
        super().__init__()
        self._older: dict[str, str] = {}

    def __missing__(self, word: str) -> str:
        if word.isdigit() and word.isascii():
            return WILDCARD
        masked = self._older.get(word)
        if masked is None:
            masked = mask_word(word)
            if len(word) > MAX_WORD_CHARS:
                return masked
        if len(self) >= _REMEMBERED:
            self._older = self.copy()
            self.clear()
        self[word] = masked
        return masked


_memory: Final = _Memory()
"""Cannot change an answer: a word alone says what it becomes."""


def mask_values(text: str) -> str:
    """Return the text with single spaces and ``<*>`` for values; the mask of a mask is the mask itself."""
    return " ".join(masked_words(text))


def masked_words(text: str) -> list[str]:
    """Return the masked words of a text, at most ``MAX_WORDS`` and a mark that there were more."""
    memory = _memory
    raw = _split(text)
    words = [memory[word] for word in raw]
    return [word for word, _ in _joined(words, raw)] if _spans(words) else words


def masked_pairs(text: str) -> list[tuple[str, str]]:
    """Return the masked words as ``masked_words`` does, each with the text it stands for."""
    memory = _memory
    raw = _split(text)
    words = [memory[word] for word in raw]
    return _joined(words, raw) if _spans(words) else list(zip(words, raw, strict=True))


def _split(text: str) -> list[str]:
    words = text.split(None, MAX_WORDS)
    if len(words) > MAX_WORDS:
        words[-1] = CUT_WORD
    return words


def _spans(words: list[str]) -> bool:
    """Return whether there may be values of more than one word."""
    if not _STARTS.isdisjoint(words):
        return True
    count = len(words)
    return count >= _LIST_LENGTH and (
        count >= _LONG_WORDS or words.count(WILDCARD) + words.count(f"{WILDCARD},") >= _LIST_LENGTH
    )


def _joined(words: list[str], raw: list[str]) -> list[tuple[str, str]]:
    """Return the words with those of one value put together, each with the text it stands for."""
    joined: list[tuple[str, str]] = []
    place = 0
    while place < len(words):
        end, masked = _span(words, place, joined)
        before = ""
        if end < 0:  # the value started with the word before
            before, end = f"{joined.pop()[1]} ", -end
        joined.append((masked, before + " ".join(raw[place:end])))
        place = end
    return joined


def _span(words: list[str], place: int, joined: list[tuple[str, str]]) -> tuple[int, str]:
    """Return where the value that starts at a word ends, and its mask; negative: it takes the word before."""
    word = words[place]
    previous = joined[-1][0] if joined else ""
    if word in _STARTS:
        tail = _UNITS.get(word, _PROTOCOLS.get(word))
        if word in _SHORT_TIMES and joined and _BOUND.match(joined[-1][1]):
            tail = _SHORT_TIMES[word]
        if tail is not None and previous.endswith(WILDCARD):
            return -(place + 1), previous + tail
        if word in _MONTHS and (date := _date(words, place)) is not None:
            end, tail = date
            return (-end, WILDCARD + tail) if previous in _DAYS else (end, WILDCARD + tail)
    if previous and (named := _named(words, place, previous)) is not None:
        return place + 1, named
    end = _list_end(words, place)
    return (end, WILDCARD) if end > place else (place + 1, word)


def _date(words: list[str], place: int) -> tuple[int, str] | None:
    """Return the end of ``Jan 2[,] [15:04:05 [UTC]] [2006]`` and what follows it, or None."""
    end, tail = place + 1, ""
    for step, pattern in enumerate((_DAY_OR_YEAR, _CLOCK_WORD, _DAY_OR_YEAR)):
        if step > 1 and end + 1 < len(words) and _ZONE.fullmatch(words[end]):
            end += bool(pattern.fullmatch(words[end + 1]))
        found = pattern.fullmatch(words[end]) if end < len(words) else None
        if found is not None:
            end, tail = end + 1, found["tail"]
        elif step == 0:
            return None
        if tail.strip(","):
            break
    return end, tail


def _named(words: list[str], place: int, previous: str) -> str | None:
    """Return the mask of a word that names a user, by what stands around it, or None."""
    word = words[place]
    name = _NAME.fullmatch(word)
    if name is None or (core := word.removesuffix(name["tail"])) in _NO_NAMES:
        return None
    if core in _ACCOUNTS and previous in _BEFORE_ACCOUNT:
        return WILDCARD + name["tail"]
    if previous in _USER:
        is_name = place > 1 and words[place - 2] in _BEFORE_USER
        is_name = is_name or (place + 1 < len(words) and words[place + 1] in _AFTER_NAME)
    else:
        is_name = previous == "for" and place > 1 and words[place - 2] == "password"
    return WILDCARD + name["tail"] if is_name else None


def _list_end(words: list[str], place: int) -> int:
    """Return where a long row of values or of numbered names ends, or ``place`` when none starts here."""
    end, count = place, len(words)
    if words[place] in _LISTED:
        while end < count and words[end] in _LISTED:
            end += 1
    elif count >= _LONG_WORDS and (first := _NUMBERED.fullmatch(words[place])):
        while end < count and (name := _NUMBERED.fullmatch(words[end])) and name[1] == first[1]:
            end += 1
    return end if end - place >= _LIST_LENGTH else place


# --- kinds ----------------------------------------------------------------------------------------

_KINDS: Final = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        (ValueKind.PRIVATE, _PRIVATE),
        (ValueKind.EMAIL, f"<?{_EMAIL}>?"),
        (ValueKind.IP, f"(?:{_IP4}|{_IP6})"),
        (ValueKind.UUID, _UUID),
        (ValueKind.MAC, _MAC),
        (ValueKind.TIME, f"{_DATE}(?:[T_ ]{_CLOCK}{_ZONE_END})?|{_CLOCK}"),
        (ValueKind.SIZE, r"(?:[0-9]+(?:\.[0-9]+)?) ?[KMGTPkmgt]?i?[Bb](?:ytes)?"),
        (ValueKind.DURATION, r"[0-9]+(?:\.[0-9]+)?(?:ns|us|µs|ms|s|sec|secs|m|min|mins|h|d)"),
        (ValueKind.NUMBER, r"[*~<>]?-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"),
        (ValueKind.HEX, _HEX),
        (ValueKind.VERSION, r"[vV]?[0-9]+(?:\.[0-9]+){1,}[\w.+-]*"),
        (ValueKind.URL, rf"{_URL}.*"),
        (ValueKind.PATH, _PATH),
        (ValueKind.HOST, _HOST),
        (ValueKind.ID, r"(?=[^0-9]*[0-9])[\w.:#-]+"),
    )
)


def kind_of(value: str) -> ValueKind:
    """Return the kind of a value, by its form."""
    if value.isdigit():
        return ValueKind.NUMBER
    for kind, pattern in _KINDS:
        if pattern.fullmatch(value):
            return kind
    words = value.split(" ")
    if len(words) >= _LIST_LENGTH:
        return ValueKind.LIST
    return ValueKind.TIME if not _MONTHS.isdisjoint(words) else ValueKind.TEXT
