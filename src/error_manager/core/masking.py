"""Replaces personal data and secrets in one text by typed masks such as ``[email]`` (seed box: PII).

The mask of a mask is the mask itself, so text may pass here any number of times. Grouping relies on that: it masks
the few texts it looks at, and so finds the same group before and after masking.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from error_manager.core.detection import IP, Match, quoted_key_value
from error_manager.core.detectors import DETECTORS, Detector
from error_manager.core.limits import MAX_TEXT_CHARS, cut_text

_SLACK_CHARS: Final = 4_096
"""Longer texts are masked this far beyond the cut, so that nothing sensitive is cut in two and missed."""
_KNOWN_TEXTS: Final = 16_384
_KNOWN_CHARS: Final = 400
"""Texts up to this length that need no mask are remembered: names, files and source lines come again and again."""
_DIGITS: Final = re.compile(r"[0-9][0-9 .()+:-]{0,3}[0-9a-fA-F]", re.ASCII)
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
        """Compile every detector with the engine: ``compile_standard``, or RE2's ``compile`` in the server."""
        self._detectors = tuple((detector, compile_pattern(detector.pattern)) for detector in DETECTORS)
        self._clean: set[str] = set()
        self._clean_code: set[str] = set()

    def mask(self, text: str, findings: list[Finding] | None = None, *, is_code: bool = False) -> str:
        """Return the text with masks, at most ``MAX_TEXT_CHARS`` long.

        Args:
            text: any text; what lies behind the cap is cut off and marked as cut.
            findings: receives what was masked.
            is_code: a line of source code, where ``password = read()`` is no secret but a literal is.
        """
        clean = self._clean_code if is_code else self._clean
        if len(text) < 4 or text in clean:
            return text
        if len(text) > MAX_TEXT_CHARS:
            whole = self._masked(text[: MAX_TEXT_CHARS + _SLACK_CHARS], findings, is_code=is_code)
            return self.mask(cut_text(whole, MAX_TEXT_CHARS), findings, is_code=is_code)
        masked = self._masked(text, findings, is_code=is_code)
        if masked is text and len(text) <= _KNOWN_CHARS:
            if len(clean) >= _KNOWN_TEXTS:
                clean.clear()
            clean.add(text)
        return masked

    def _masked(self, text: str, findings: list[Finding] | None, *, is_code: bool) -> str:
        for _ in range(_PASSES):
            before = text
            text = self._masked_once(text, findings, is_code=is_code)
            if text == before:
                return before
        return text

    def _masked_once(self, text: str, findings: list[Finding] | None, *, is_code: bool) -> str:
        lowered = text.lower()
        has_sign = ":" in text or "=" in text or "%3" in text or "</" in text
        has_digits = _DIGITS.search(text) is not None
        for detector, pattern in self._detectors:
            if detector.needs_digits and not has_digits:
                continue
            if detector.needles and not _has_needle(detector, lowered if detector.is_lowered else text):
                continue
            if detector.name == "key_value" and not has_sign:
                continue
            replaced = _replaced(text, detector, pattern, findings, is_code=is_code)
            if replaced is not text:
                text = replaced
                lowered = text.lower()
        return text


def _has_needle(detector: Detector, text: str) -> bool:
    return any(needle in text for needle in detector.needles)


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
