"""Says to which family an error belongs, and why (seed box: Recommendation Engine).

Marks of a family are looked for in the types of the chain, in the texts of all its exceptions, in the
innermost frames and in the error code. Each kind of mark has a strength; those found are joined like
independent witnesses. Families below ``THRESHOLD`` are not told: no answer is better than a wrong one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from error_manager.analysis.family import Family, needles
from error_manager.analysis.named_code import named_codes
from error_manager.core.rules import CompileLinear, LinearPattern, encodable
from error_manager.core.types import ErrorEvent

THRESHOLD: Final = 0.6
"""A family is told from this score on: one telling mark, or two hints of different kinds."""
TYPE_SCORE: Final = 0.9
TYPE_PATH_SCORE: Final = 0.93
"""A type named with its package is more telling than by its last name."""
ENDING_SCORE: Final = 0.7
"""A type of which only the end of the name is known: ``StockTimeoutError``."""
NAMED_TYPE_SCORE: Final = 0.85
"""A type that only the text names (``Caused by NewConnectionError(...)``)."""
MESSAGE_SCORE: Final = 0.88
LONG_MESSAGE_SCORE: Final = 0.92
LONG_CHARS: Final = 40
"""A matched text of this length has the higher score; between, it grows with the length."""
LOOSE_DEDUCTION: Final = 0.05
"""So much less for a wording with gaps: what is said word for word is more telling."""
SHORT_CHARS: Final = 20
"""A shorter match in a plain sentence that runs on is a hint only: "bad gateway to the garden"."""
_GAP: Final = re.compile(r"(?:^|[^\\])\.[{+*]|\[\^ \][+*]|\\S[+*]")
"""An expression with a gap between its words; in a plain sentence it is a hint only."""
_TECHNICAL: Final = re.compile(r"[:=(){}<>\[\]\"'`/\\_]|[a-z][A-Z]|[A-Z]{5}|\w\.\w", re.ASCII)
"""A message without an exception and without any of these is a plain sentence."""
_LINKING: Final = frozenset(
    {
        "",
        "after",
        "at",
        "because",
        "by",
        "calling",
        "during",
        "error",
        "errors",
        "exception",
        "for",
        "from",
        "in",
    }
    | {
        "on",
        "parsing",
        "reading",
        "trying",
        "when",
        "while",
        "with",
        "writing",
        "connecting",
        "opening",
        "using",
    }
)
CODE_SCORE: Final = 0.8
NAMED_CODE_SCORE: Final = 0.75
"""A code that the text names; the words beside it tell more."""
HINT_SCORE: Final = 0.45
FRAME_SCORE: Final = 0.65
OUTRANKED: Final = 0.9
"""A family that another one explains, by more than hints, scores at most this share of it."""
MAX_MATCHES: Final = 5
LOOK_CHARS: Final = 4_096
"""Of each text so much is read, and ..."""
_LOOK_CHARS_ALL: Final = 8_192
"""... so much of all texts of an error together."""
_GRAM: Final = 3
_NAME_CHARS: Final = 80
"""Of the name of a type so much of its end is looked at."""
_FRAMES: Final = 5
"""Innermost frames that are looked at."""
_WORD: Final = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_HUMPS: Final = re.compile(r"[A-Z]+[a-z]\w*[A-Z]", re.ASCII)
_HEAD: Final = re.compile(
    r"\W{0,4}(?:(?:Uncaught|Unhandled|panic:|Caused by:|exception:?) ?){0,2}"
    r"([\w$.:\\*]{2,200}?)(?: \([^()\n]{0,200}\))?: ",
    re.ASCII,
)
_SUFFIX: Final = re.compile("(?:Error|Exception|Fault|Failure|Err)+$")
_SEPARATORS: Final = re.compile(r"::|[\\$/]")


_CODE_TAGS: Final = frozenset({"sqlstate", "errno", "error_code", "error.code"})
"""Not the status of the request: that every failing request has 500 says nothing of the cause."""
_TEXT_MARKS: Final = {"message": "messages", "message hint": "message_hints", "unless": "unless"}
_HINTS: Final = frozenset({"type hint", "message hint"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptoms:
    """What is known of a pattern's errors, as far as families are told by it.

    ``chain`` holds type and text of each exception, oldest cause first, the raised one last. ``frames`` are
    texts ``path:module.function``, oldest call first. ``code`` is the error code of the pattern; codes in
    ``tags`` count too.
    """

    chain: tuple[tuple[str, str], ...] = ()
    message: str = ""
    frames: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyMatch:
    """A family an error belongs to; ``score`` 0 to 1, ``why`` says what was seen, the most telling first."""

    family: str
    score: float
    why: tuple[str, ...]


def symptoms_of(event: ErrorEvent, *, code: str = "") -> Symptoms:
    """Return the symptoms of a (masked) error; ``code`` is its catalogued error code."""
    raised = event.raised
    frames = raised.frames if raised is not None and raised.frames else event.frames
    return Symptoms(
        chain=tuple((_qualified(item.module, item.type), item.value) for item in event.exceptions),
        message=event.message,
        frames=tuple(f"{f.filename or f.abs_path}:{f.module}.{f.function}" for f in frames[-_FRAMES:]),
        tags=event.tags,
        code=code or event.error_code,
    )


def _qualified(module: str, name: str) -> str:
    return name if not module or name.startswith(module) else f"{module}.{name}"


@dataclass(frozen=True, slots=True)
class _Mark:
    """An expression of a family."""

    family: int
    kind: str
    pattern: LinearPattern
    is_loose: bool


class Diagnoser:
    """Tells the families of errors; holds the compiled knowledge, so keep one for long. Safe for threads."""

    def __init__(self, families: Sequence[Family], compile_pattern: CompileLinear) -> None:
        """Compile the families.

        Args:
            families: what ``parse_families`` returned.
            compile_pattern: compiles in linear time (RE2 in the server).

        Raises:
            ValueError: a pattern cannot be compiled.
        """
        self.families = {family.id: family for family in families}
        self._ids = tuple(self.families)
        self._marks = _MarkIndex(families, compile_pattern, _TEXT_MARKS)
        self._frame_marks = _MarkIndex(families, compile_pattern, {"frame": "frames"})
        self._types = _TypeIndex(families)
        self._codes: dict[str, list[int]] = {}
        for number, family in enumerate(families):
            for code in family.codes:
                self._codes.setdefault(code.upper(), []).append(number)

    def diagnose(self, symptoms: Symptoms) -> tuple[FamilyMatch, ...]:
        """Return the families of an error, best first; none when nothing is certain enough."""
        chain, texts = _read(symptoms)
        text = encodable("\n".join(texts)[:_LOOK_CHARS_ALL])
        sheet = _Sheet(is_sentence=not chain and not _TECHNICAL.search(text))
        self._types.look(chain, text, sheet)
        for code in dict.fromkeys((symptoms.code, *(v for k, v in symptoms.tags if k.lower() in _CODE_TAGS))):
            for number in self._codes.get(code.upper(), ()):
                sheet.add(number, "code", CODE_SCORE, f"the error code is {code}")
        for code in named_codes(text, chain):
            for number in self._codes.get(code.upper(), ()):
                sheet.add(number, "code", NAMED_CODE_SCORE, f"the text names {code}")
        self._marks.look(text, sheet)
        self._frame_marks.look(encodable("\n".join(symptoms.frames[-_FRAMES:])[:LOOK_CHARS]), sheet)
        scores = {n: s for n in sheet.found if (s := sheet.score(n, self._family(n).weight)) >= THRESHOLD}
        ranked = sorted(
            self._outranked(scores, sheet).items(), key=lambda item: (-item[1], self._ids[item[0]])
        )
        return tuple(
            FamilyMatch(family=self._ids[number], score=round(score, 4), why=sheet.why(number))
            for number, score in ranked[:MAX_MATCHES]
            if score >= THRESHOLD
        )

    def _family(self, number: int) -> Family:
        return self.families[self._ids[number]]

    def _outranked(self, scores: dict[int, float], sheet: _Sheet) -> dict[int, float]:
        lowered = dict(scores)
        for number, score in scores.items():
            if not sheet.is_telling(number):
                continue
            for other in map(self._number, self._family(number).over):
                if other in lowered:
                    lowered[other] = min(lowered[other], score * OUTRANKED)
        return lowered

    def _number(self, family_id: str) -> int:
        return self._ids.index(family_id)


class _MarkIndex:
    """Tries only those expressions of which a needle is in the text, a search each, in C.

    Needles are kept by three of their characters, so that only those are searched of which these are there.
    """

    __slots__ = ("_by_gram", "_by_needle")

    def __init__(
        self, families: Sequence[Family], compile_pattern: CompileLinear, kinds: Mapping[str, str]
    ) -> None:
        self._by_needle: dict[str, list[_Mark]] = {}
        for number, family in enumerate(families):
            for kind, field in kinds.items():
                for pattern in getattr(family, field):
                    compiled = compile_pattern(f"(?im)(?:{pattern})( [a-z]+)?")
                    mark = _Mark(number, kind, compiled, _GAP.search(pattern) is not None)
                    for needle in needles(pattern):
                        self._by_needle.setdefault(needle, []).append(mark)
        counts = Counter(gram for needle in self._by_needle for gram in _grams(needle))
        self._by_gram: dict[str, list[str]] = {}
        for needle in self._by_needle:
            rarest = min(_grams(needle), key=lambda gram: counts[gram])
            self._by_gram.setdefault(rarest, []).append(needle)

    def look(self, text: str, sheet: _Sheet) -> None:
        """Note what the expressions find in a text."""
        lowered = text.lower()
        tried: set[int] = set()
        there = self._by_gram.keys() & (_grams(lowered) | set(map("".join, pairwise(lowered))))
        for needle in [
            needle for gram in sorted(there) for needle in self._by_gram[gram] if needle in lowered
        ]:
            for mark in self._by_needle[needle]:
                if id(mark) in tried:
                    continue
                tried.add(id(mark))
                match = mark.pattern.search(text)
                if match is not None:
                    following = match.groups()[-1] or ""
                    seen = (match.group(0) or "").removesuffix(following)
                    sheet.matched(mark, seen, following.strip().lower())


def _grams(text: str) -> set[str]:
    """Return each three characters of a text that stand together; the text itself when it is shorter."""
    return {text[at : at + _GRAM] for at in range(max(1, len(text) - _GRAM + 1))}


def _read(symptoms: Symptoms) -> tuple[list[str], list[str]]:
    """Return the types (the raised one first) and the texts, each once; heads of texts are types too."""
    types: list[str] = []
    texts: list[str] = []
    for kind, value in reversed(symptoms.chain):
        types.append(kind)
        texts += _unfolded(value[:LOOK_CHARS], types)
    texts += _unfolded(symptoms.message[:LOOK_CHARS], types)
    return list(dict.fromkeys(filter(None, types))), list(dict.fromkeys(filter(None, texts)))


def _unfolded(text: str, types: list[str]) -> list[str]:
    """Return a text, and what follows heads such as ``KeyError: `` in it; the heads go to the types."""
    texts = [text]
    for _ in range(3):
        head = _HEAD.match(texts[-1])
        if head is None:
            break
        if _HUMPS.match(_last(_dotted(head[1]))):
            types.append(head[1])
        texts.append(texts[-1][head.end() :])
    return texts


class _Sheet:
    """What speaks for each family: by kind of mark the strongest, with the words that say so."""

    __slots__ = ("_is_sentence", "_refused", "found")

    def __init__(self, *, is_sentence: bool) -> None:
        self._is_sentence = is_sentence
        self.found: dict[int, dict[str, tuple[float, str]]] = {}
        self._refused: set[int] = set()

    def add(self, family: int, kind: str, score: float, why: str) -> None:
        """Keep the strongest mark of a kind; of equal ones that of the first words, whichever came first."""
        marks = self.found.setdefault(family, {})
        if kind not in marks or (-score, why) < (-marks[kind][0], marks[kind][1]):
            marks[kind] = (score, why)

    def matched(self, mark: _Mark, seen: str, following: str) -> None:
        """Take what an expression matched, and the word behind it."""
        family, kind = mark.family, mark.kind
        if kind == "unless":
            self._refused.add(family)
            return
        shown = " ".join(seen.split())[:80]
        match kind:
            case "message":
                length = min(1.0, len(seen) / LONG_CHARS)
                is_short = len(seen) < SHORT_CHARS and following not in _LINKING
                if self._is_sentence and (is_short or mark.is_loose):
                    self.add(family, "message hint", HINT_SCORE, f'the message has "{shown}"')
                    return
                score = MESSAGE_SCORE + (LONG_MESSAGE_SCORE - MESSAGE_SCORE) * length
                score -= LOOSE_DEDUCTION if mark.is_loose else 0.0
                self.add(family, kind, score, f'the message says "{shown}"')
            case "frame":
                self.add(family, kind, FRAME_SCORE, f"the stack goes through {shown}")
            case _:
                self.add(family, kind, HINT_SCORE, f'the message has "{shown}"')

    def score(self, family: int, weight: float) -> float:
        """Return the joined score: one minus the product of doubts, times the weight."""
        if family in self._refused:
            return 0.0
        doubt = 1.0
        for score, _ in self.found[family].values():
            doubt *= 1 - score
        return (1 - doubt) * weight

    def is_telling(self, family: int) -> bool:
        """Return whether more than hints speak for a family."""
        return not self.found[family].keys() <= _HINTS

    def why(self, family: int) -> tuple[str, ...]:
        marks = sorted(self.found[family].values(), key=lambda mark: (-mark[0], mark[1]))
        return tuple(why for _, why in marks)


class _TypeIndex:
    """Finds families by the names of types: by the last name, then by as much of the path as is given."""

    __slots__ = ("_by_ending", "_by_name")

    def __init__(self, families: Iterable[Family]) -> None:
        self._by_name: dict[str, list[tuple[str, int, bool]]] = {}
        self._by_ending: dict[str, list[int]] = {}
        for number, family in enumerate(families):
            for ending in family.endings:
                self._by_ending.setdefault(ending, []).append(number)
            for names, is_hint in ((family.types, False), (family.type_hints, True)):
                for name in names:
                    path = _dotted(name)
                    self._by_name.setdefault(_last(path), []).append((path, number, is_hint))

    def look(self, types: Sequence[str], text: str, sheet: _Sheet) -> None:
        """Note the families of the types, and of types that the text names."""
        names = [_dotted(name) for name in types]
        for name in names:
            is_known = False
            for path, number, is_hint in self._by_name.get(_last(name), ()):
                if name == path or name.endswith(f".{path}"):
                    score = TYPE_PATH_SCORE if "." in path else TYPE_SCORE
                    _note(number, _last(name), score, sheet, is_hint=is_hint)
                    is_known = True
            if not is_known:
                self._look_at_end(_last(name), sheet)
        known = set(map(_last, names))
        within = _dotted(text)
        for word in dict.fromkeys(_WORD.findall(text)):
            if word in self._by_name and word not in known and _HUMPS.match(word):
                for path, number, is_hint in self._by_name[word]:
                    if path in within:
                        _note(number, word, NAMED_TYPE_SCORE, sheet, is_hint=is_hint)

    def _look_at_end(self, name: str, sheet: _Sheet) -> None:
        """Note the families of the longest ending known, without ``Error`` or ``Exception``."""
        bare = _SUFFIX.sub("", name[-_NAME_CHARS:])
        for hump in re.finditer("[A-Z]", bare):
            families = self._by_ending.get(bare[hump.start() :], ())
            for number in families:
                sheet.add(number, "type ending", ENDING_SCORE, f"the type is {name}")
            if families:
                return


def _note(family: int, name: str, score: float, sheet: _Sheet, *, is_hint: bool) -> None:
    if is_hint:
        sheet.add(family, "type hint", HINT_SCORE, f"the type is {name}")
    else:
        sheet.add(family, "type", score, f"the type is {name}")


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _dotted(name: str) -> str:
    return _SEPARATORS.sub(".", name.lstrip("*"))
