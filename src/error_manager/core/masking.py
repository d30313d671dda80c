"""Replaces personal data and secrets in one text by typed masks such as ``[email]`` (seed box: PII).

The mask of a mask is the mask itself, so text may pass here any number of times. Grouping relies on that:
it masks the few texts it looks at, and so finds the same group before and after masking.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

from error_manager.core.detection import IP, Match, quoted_key_value
from error_manager.core.detectors import DETECTORS, Detector, Need
from error_manager.core.limits import MAX_TEXT_CHARS, cut_text

_SLACK_CHARS: Final = 4_096
"""Longer texts are masked this far beyond the cut, so that nothing sensitive is cut in two and missed."""
_KNOWN_TEXTS: Final = 16_384
_KNOWN_CHARS: Final = 1_100
"""Texts up to this length that need no mask are remembered: names and lines of code come again."""
_DIGITS: Final = re.compile(r"[0-9][0-9 .()+:-]{0,3}[0-9a-fA-F]", re.ASCII)
_LONG_WORD: Final = re.compile(r"[A-Za-z0-9_+/=-]{13}", re.ASCII)
_LONG_WORD_CHARS: Final = 13
_NUMBER: Final = re.compile(r"[0-9](?:[ -]?[0-9]){11}|[A-Za-z]{2}[0-9]{2}(?: ?[A-Za-z0-9]){11}", re.ASCII)
_NUMBER_CHARS: Final = 12
SHORTEST_CHARS: Final = 6
"""``a@b.de``: nothing shorter is masked."""
_SHORT_CHARS: Final = 512
"""Texts up to this length go through the standard library: RE2's binding costs 5 us a call, and what is
quadratic is harmless at this length (0.3 ms at most)."""
_KNOWN_DIRTY: Final = 2_048
"""Texts that needed masks are remembered with what was found: the same locals stand in frame after frame."""
_SPACE, _AT, _SLASH, _ASSIGNMENT = (int(need) for need in (Need.SPACE, Need.AT, Need.SLASH, Need.ASSIGNMENT))
_DASHES, _DOTS, _COLONS, _PAIRS = (int(need) for need in (Need.DASHES, Need.DOTS, Need.COLONS, Need.PAIRS))
_CALL, _NUMBERED, _PREFIXED = (int(need) for need in (Need.CALL, Need.NUMBER, Need.PREFIXED))
_PASSES: Final = 4
"""Masking one thing may uncover another (a mask ends a word); rounds go on until nothing changes."""


class CompiledPattern(Protocol):
    """What ``re`` and RE2 patterns share."""

    def finditer(self, text: str, /) -> Iterator[Match]:
        """Return the matches from left to right."""


CompilePattern = Callable[[str], CompiledPattern]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was masked: the detector's name and mask, and the raw text."""

    name: str
    mask: str
    raw: str


def compile_standard(pattern: str) -> CompiledPattern:
    """Compile with the standard library, with the ASCII classes that RE2 has."""
    return re.compile(pattern, re.ASCII)


class TextMasker:
    """Masks texts with one engine and remembers clean short texts."""

    def __init__(self, compile_pattern: CompilePattern = compile_standard) -> None:
        """Compile every detector: with ``compile_standard``, or with RE2's ``compile`` in the server."""
        self._long = tuple(compile_pattern(detector.pattern) for detector in DETECTORS)
        self._short = tuple(compile_standard(detector.pattern) for detector in DETECTORS)
        self._dirty: dict[tuple[str, bool], tuple[str, tuple[Finding, ...]]] = {}
        self.clean: set[str] = set()
        """Short texts that are known to need no mask; callers may ask it for many texts at once."""
        self.clean_code: set[str] = set()
        """The same for lines of source code."""

    def mask(self, text: str, findings: list[Finding] | None = None, *, is_code: bool = False) -> str:
        """Return the text with masks, at most ``MAX_TEXT_CHARS`` long.

        Args:
            text: any text; what lies behind the cap is cut off and marked as cut.
            findings: receives what was masked.
            is_code: a line of source code, where ``password = read()`` is no secret but a literal is.
        """
        clean = self.clean_code if is_code else self.clean
        if text in clean:
            return text
        if len(text) > MAX_TEXT_CHARS:
            whole = self._masked(text[: MAX_TEXT_CHARS + _SLACK_CHARS], findings, is_code=is_code)
            return self.mask(cut_text(whole, MAX_TEXT_CHARS), findings, is_code=is_code)
        known = self._dirty.get((text, is_code))
        if known is None:
            found: list[Finding] = []
            masked = text if len(text) < SHORTEST_CHARS else self._masked(text, found, is_code=is_code)
            known = masked, tuple(found)
            if len(text) <= _KNOWN_CHARS:
                self._remember(text, known, is_code=is_code)
        if findings is not None:
            findings.extend(known[1])
        return known[0]

    def remember_clean(self, texts: Iterable[str]) -> None:
        """Remember of texts that were masked before that they need no mask: ``mask(mask(x)) == mask(x)``."""
        for text in texts:
            if len(text) <= _KNOWN_CHARS:
                self._remember(text, (text, ()), is_code=False)

    def _remember(self, text: str, known: tuple[str, tuple[Finding, ...]], *, is_code: bool) -> None:
        if known[0] is not text:
            if len(self._dirty) >= _KNOWN_DIRTY:
                self._dirty.clear()
            self._dirty[text, is_code] = known
            return
        clean = self.clean_code if is_code else self.clean
        if len(clean) >= _KNOWN_TEXTS:
            clean.clear()
        clean.add(text)

    def _masked(self, text: str, findings: list[Finding] | None, *, is_code: bool) -> str:
        for _ in range(_PASSES):
            before = text
            text = self._masked_once(text, findings, is_code=is_code)
            if text == before:
                return before
        return text

    def _masked_once(self, text: str, findings: list[Finding] | None, *, is_code: bool) -> str:
        signs, done = signs_of(text), -1
        is_short = len(text) <= _SHORT_CHARS
        while True:
            lowered = ""
            for place, detector in _worth_trying(signs):
                if place <= done:
                    continue
                if detector.is_lowered:
                    lowered = lowered or text.lower()
                if not _has_needle(detector.needles, lowered if detector.is_lowered else text):
                    continue
                pattern = self._short[place] if is_short else self._long[place]
                replaced = _replaced(text, detector, pattern, findings, is_code=is_code)
                if replaced is not text:
                    text, done = replaced, place
                    signs |= signs_of(text)
                    is_short = len(text) <= _SHORT_CHARS
                    break
            else:
                return text


def signs_of(text: str) -> int:  # noqa: C901  # a sign a line: 15 texts of each error come here
    """Return which ``Need`` a text has: no match of a detector is without the detector's own."""
    signs = 0
    if " " in text:
        signs |= _SPACE
    if "@" in text:
        signs |= _AT
    if "/" in text or "\\" in text:
        signs |= _SLASH
    colons, dots, dashes = text.count(":"), text.count("."), text.count("-")
    if colons or "=" in text or "%3" in text or "</" in text:
        signs |= _ASSIGNMENT
    if dashes > 1:
        signs |= _DASHES | _CALL
    if dots > 1:
        signs |= _CALL | _DOTS if dots > 2 else _CALL
    if "+" in text or ")" in text:
        signs |= _CALL
    if (colons > 1 or colons + dashes > 4) and _DIGITS.search(text) is not None:
        if colons > 1:
            signs |= _COLONS
        if colons + dashes > 4:
            signs |= _PAIRS
    size = len(text)
    if size >= _NUMBER_CHARS and _NUMBER.search(text) is not None:
        signs |= _NUMBERED
    if (
        size >= _LONG_WORD_CHARS
        and (colons or dots or dashes or "_" in text or "A" in text or "S" in text or "dapi" in text)
        and _LONG_WORD.search(text) is not None
    ):
        signs |= _PREFIXED
    return signs


@lru_cache(maxsize=4_096)  # of 2,048 combinations
def _worth_trying(signs: int) -> tuple[tuple[int, Detector], ...]:
    """Return the detectors, with their places, that can find something in a text with these signs."""
    return tuple(
        (place, detector)
        for place, detector in enumerate(DETECTORS)
        if detector.need == Need.NOTHING or detector.need & signs
    )


def _has_needle(needles: tuple[str, ...], text: str) -> bool:
    for needle in needles:  # a generator costs three times the search (61,000 calls per 350 errors)
        if needle in text:
            return True
    return not needles


def _replaced(
    text: str,
    detector: Detector,
    pattern: CompiledPattern,
    findings: list[Finding] | None,
    *,
    is_code: bool,
) -> str:
    check = quoted_key_value if is_code and detector.name == "key_value" else detector.check
    pieces: list[str] = []
    place = 0
    for match in pattern.finditer(text):
        span = check(text, match)
        if span is None or span[0] < place:
            continue
        raw = text[span[0] : span[1]]
        if raw == detector.mask:
            continue
        pieces += (text[place : span[0]], detector.mask)
        place = span[1]
        if findings is not None:
            findings.append(
                Finding(name="ip" if detector.mask == IP else detector.name, mask=detector.mask, raw=raw)
            )
    if not pieces:
        return text
    pieces.append(text[place:])
    return "".join(pieces)
