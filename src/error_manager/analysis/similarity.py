"""What a pattern is known by, as a sparse vector, and why two patterns are alike (seed box: Cluster Engine).

A pattern's features are its types, the place that failed, the calls and lines around it, its message and
words, each with a weight: how much it says when two errors share it. The vector has the root of each weight,
so that the product of two vectors sums the weights of what they share. How rare a feature is says the index
(IDF), which finds the candidates; how alike two patterns are is a number of these two alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import sqrt
from typing import Final
from zlib import crc32

from error_manager.core.in_app import is_in_app
from error_manager.core.place import collapse, place_name, plain_function, plain_module
from error_manager.core.plumbing import anchor, is_plumbing
from error_manager.core.quick import evolve
from error_manager.core.stack import masked_frame, named_frames, stack_of, told_exceptions
from error_manager.core.text_mask import mask_line, mask_message, mask_sensitive
from error_manager.core.types import ErrorEvent, ExceptionInfo, Frame
from error_manager.core.value_mask import WILDCARD

VERSION: Final = 1
"""Grows whenever the same error would have other features: an index of another version is built anew."""
_DECAY: Final = 0.75
"""Weight of a frame for each step away from the place that failed."""
_PLUMBING_SHARE: Final = 0.3
"""Weight of frames that only carry others, of that of others."""
_FRAMES: Final = 40
"""Frames of the application that count, the innermost ones; 0.75 ** 40 is nothing."""
_LIBRARY_FRAMES: Final = 12
_CAUSES: Final = 8
_WORDS: Final = 48
_WORD_CHARS: Final = 40
_WORD: Final = re.compile(r"[^\W\d_][\w]*[^\W_]")
_ASKED: Final = re.compile(r"[^\W\d_](?:[\w.$:]*\w)?")
_NAME_CHARS: Final = 200
_NAME_PART: Final = re.compile(r"[A-Z]?[a-z]{2,}|[A-Z]{3,}(?![a-z])")
_PLATFORM_OF_ENDING: Final = {
    "py": "python",
    "js": "javascript",
    "mjs": "javascript",
    "cjs": "javascript",
    "ts": "javascript",
    "java": "java",
    "kt": "java",
    "scala": "java",
    "cs": "csharp",
    "go": "go",
    "php": "php",
    "rb": "ruby",
    "rs": "rust",
}
_UNKNOWN_PLATFORMS: Final = frozenset({"", "other"})


class FeatureKind(StrEnum):
    """What a feature says about a pattern."""

    FAULT = "fault"  # the raised type at its place
    PLACE = "place"  # function that failed, with its module
    FRAME = "frame"  # function of the application in the stack
    CALL = "call"  # who called whom
    LINE = "line"  # line of code that failed
    MODULE = "module"
    TYPE = "type"  # raised exception
    CAUSE = "cause"  # exception that led to it
    LIBRARY = "library"  # function of a library in the stack
    MESSAGE = "message"  # the whole message without its values
    LOGGER = "logger"
    WORD = "word"


WEIGHTS: Final[Mapping[FeatureKind, float]] = {
    FeatureKind.FAULT: 2.0,
    FeatureKind.PLACE: 1.5,
    FeatureKind.FRAME: 1.5,
    FeatureKind.CALL: 0.7,
    FeatureKind.LINE: 1.5,
    FeatureKind.MODULE: 0.3,
    FeatureKind.TYPE: 2.0,
    FeatureKind.CAUSE: 0.5,
    FeatureKind.LIBRARY: 0.2,
    FeatureKind.MESSAGE: 1.5,
    FeatureKind.LOGGER: 0.5,
    FeatureKind.WORD: 0.6,
}
"""What it is worth that two patterns share a feature of a kind. Halving or doubling one of them
changes the first hit of less than 0.2 % of 5,700 errors of four sets of traces (bench/RESULTS.md)."""
_NAME_WORD: Final = 0.2
"""Weight of a word that is part of the name of a type, function or module: what a person may type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One thing a pattern is known by; ``text`` is readable, ``weight`` positive."""

    kind: FeatureKind
    text: str
    weight: float

    @property
    def index(self) -> int:
        """Return the dimension of the feature: 32 bits of a hash, stable between runs."""
        return crc32(f"{self.kind}\x1f{self.text}".encode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class SparseVector:
    """Dimensions in rising order, and their values."""

    indices: tuple[int, ...]
    values: tuple[float, ...]


def features_of(event: ErrorEvent) -> tuple[Feature, ...]:
    """Return what an error is known by, masked or not; the same before and after masking.

    Args:
        event: one error of a pattern, or what a person pasted.
    """
    told = told_exceptions(event.exceptions)[-_CAUSES:]
    raised = told[-1] if told else None
    best: dict[tuple[FeatureKind, str], float] = {}
    for kind, text, weight in _found(event, told, raised):
        if text and weight > best.get((kind, text), 0.0):
            best[kind, text] = weight
    return tuple(Feature(kind=kind, text=text, weight=weight) for (kind, text), weight in best.items())


def asked_features(text: str) -> tuple[tuple[Feature, ...], ...]:
    """Return for each word that a person typed what it may mean: a word, a type, a function, a module.

    Args:
        text: words, names of the code, or a message; the first ``_WORDS`` words count.
    """
    words = _ASKED.findall(mask_message(text, keeps_quoted=True).replace(WILDCARD, " "))
    return tuple(_meanings(word) for word in dict.fromkeys(words[:_WORDS]) if len(word) <= _NAME_CHARS)


def asked_share(asked: Sequence[Sequence[Feature]], found: SparseVector) -> float:
    """Return the share (0..1) of the typed words that a pattern has in any of their meanings."""
    there = frozenset(found.indices)
    hits = sum(any(feature.index in there for feature in meanings) for meanings in asked)
    return hits / len(asked) if asked else 0.0


def sparse_vector(features: Iterable[Feature]) -> SparseVector:
    """Return the vector of features: the root of each weight, so that products are weights again."""
    return Comparison(features).vector


class Comparison:
    """What is known of one pattern, to be compared with the vectors of many."""

    def __init__(self, features: Iterable[Feature]) -> None:
        """Hash the features once."""
        self._features: dict[int, Feature] = {}
        for feature in features:
            index = feature.index
            if index not in self._features or feature.weight > self._features[index].weight:
                self._features[index] = feature
        self.vector = _vector(self._features)
        self._value_at = dict(zip(self.vector.indices, self.vector.values, strict=True)).get
        self._weight = _weight(self.vector)

    def similarity(self, other: SparseVector) -> float:
        """Return how alike two patterns are: twice what they share of all that is known of both.

        Returns:
            0 (nothing in common) to 1 (the same features); 0 when both have none. The same both ways.

        Source:
            Dice's coefficient for weights: Dice, Ecology 26 (1945) 297-302.
        """
        total = self._weight + _weight(other)
        return min(1.0, 2 * self._shared(other) / total) if total else 0.0

    def shared(self, other: SparseVector) -> tuple[Feature, ...]:
        """Return the features that the other has too, the heaviest first, without those that others imply.

        Who shares a fault shares its place and type, who shares a message shares its words.
        """
        found = [self._features[index] for index in other.indices if index in self._features]
        implied = {text for feature in found for text in _implied(feature)}
        kept = [feature for feature in found if (feature.kind, feature.text) not in implied]
        return tuple(sorted(kept, key=lambda feature: (-feature.weight, feature.kind, feature.text)))

    def _shared(self, other: SparseVector) -> float:
        value_at = self._value_at
        pairs = zip(other.indices, other.values, strict=True)
        return sum(mine * value for index, value in pairs if (mine := value_at(index)) is not None)


def fault_text(type_name: str, place: str) -> str:
    """Return the text of the feature ``FAULT``."""
    return f"{type_name} in {place}"


def _implied(feature: Feature) -> Iterator[tuple[FeatureKind, str]]:
    match feature.kind:
        case FeatureKind.FAULT:
            type_name, _, place = feature.text.partition(" in ")
            yield FeatureKind.TYPE, type_name
            yield FeatureKind.PLACE, place
            yield FeatureKind.FRAME, place
            yield FeatureKind.MODULE, place.rpartition(".")[0]
            yield from ((FeatureKind.WORD, word) for word in _name_words(type_name, place))
        case FeatureKind.PLACE:
            yield FeatureKind.FRAME, feature.text
            yield FeatureKind.MODULE, feature.text.rpartition(".")[0]
            yield from ((FeatureKind.WORD, word) for word in _name_words(feature.text))
        case FeatureKind.TYPE:
            yield from ((FeatureKind.WORD, word) for word in _name_words(feature.text))
        case FeatureKind.CALL:
            yield from ((FeatureKind.FRAME, name) for name in feature.text.split(" > "))
        case FeatureKind.MESSAGE:
            yield from ((FeatureKind.WORD, word) for word in _words(feature.text))
        case _:
            return


def _found(
    event: ErrorEvent, told: Sequence[ExceptionInfo], raised: ExceptionInfo | None
) -> Iterator[tuple[FeatureKind, str, float]]:
    type_name = mask_sensitive(raised.type) if raised is not None else ""
    yield FeatureKind.TYPE, type_name, WEIGHTS[FeatureKind.TYPE]
    for cause in told[:-1]:
        yield FeatureKind.CAUSE, mask_sensitive(cause.type), WEIGHTS[FeatureKind.CAUSE]
    yield from _of_stack(_frames(event, told), type_name)
    yield from _of_message(event, raised)
    yield from ((FeatureKind.WORD, word, _NAME_WORD) for word in _name_words(type_name))


def _frames(event: ErrorEvent, told: Sequence[ExceptionInfo]) -> tuple[Frame, ...]:
    frames = tuple(map(masked_frame, stack_of(tuple(told), event)))
    if event.platform in _UNKNOWN_PLATFORMS:
        return tuple(frame if not frame.in_app else _judged(frame) for frame in frames)
    return frames


def _judged(frame: Frame) -> Frame:
    """Return the frame of an unknown platform as a library's, where its file says so."""
    platform = _PLATFORM_OF_ENDING.get(frame.filename.rpartition(".")[2].lower(), "")
    names = {name: getattr(frame, name) for name in ("filename", "abs_path", "module", "package")}
    if not platform or is_in_app(platform=platform, **names):
        return frame
    return evolve(frame, {"in_app": False})


def _of_stack(frames: Sequence[Frame], type_name: str) -> Iterator[tuple[FeatureKind, str, float]]:
    own = named_frames(collapse(frame for frame in frames if frame.in_app))[-_FRAMES:]
    if own:
        yield from _of_application(own, type_name, is_leaf_own=frames[-1].in_app)
    library = FeatureKind.LIBRARY if own else FeatureKind.FRAME
    others = collapse(frame for frame in frames if not frame.in_app)[-_LIBRARY_FRAMES:]
    for distance, frame in enumerate(reversed(others)):
        yield library, place_name(frame), WEIGHTS[library] * _DECAY**distance


def _of_application(
    own: Sequence[Frame], type_name: str, *, is_leaf_own: bool
) -> Iterator[tuple[FeatureKind, str, float]]:
    at = anchor(own, type_name, is_leaf_own=is_leaf_own)
    names = [place_name(frame) for frame in own]
    failed, place = own[at], names[at]
    if type_name:
        yield FeatureKind.FAULT, fault_text(type_name, place), WEIGHTS[FeatureKind.FAULT]
    yield FeatureKind.PLACE, place, WEIGHTS[FeatureKind.PLACE]
    module = plain_module(failed.module, failed.filename or failed.abs_path)
    yield FeatureKind.MODULE, module, WEIGHTS[FeatureKind.MODULE]
    yield FeatureKind.LINE, mask_line(failed.context_line), WEIGHTS[FeatureKind.LINE]
    function = plain_function(failed.function, failed.module)
    yield from ((FeatureKind.WORD, word, _NAME_WORD) for word in _name_words(function, module))
    for number, frame in enumerate(own):
        share = _DECAY ** abs(at - number) * (_PLUMBING_SHARE if is_plumbing(frame) else 1.0)
        yield FeatureKind.FRAME, names[number], WEIGHTS[FeatureKind.FRAME] * share
        if number:
            call = f"{names[number - 1]} > {names[number]}"
            yield FeatureKind.CALL, call, WEIGHTS[FeatureKind.CALL] * share


def _of_message(event: ErrorEvent, raised: ExceptionInfo | None) -> Iterator[tuple[FeatureKind, str, float]]:
    told = event.template or (raised.value if raised is not None else "") or event.message
    message = mask_message(told, keeps_quoted=True)
    yield FeatureKind.MESSAGE, message, WEIGHTS[FeatureKind.MESSAGE]
    yield from ((FeatureKind.WORD, word, WEIGHTS[FeatureKind.WORD]) for word in _words(message))
    yield FeatureKind.LOGGER, mask_sensitive(event.logger), WEIGHTS[FeatureKind.LOGGER]


def _meanings(word: str) -> tuple[Feature, ...]:
    texts = {(FeatureKind.WORD, word.lower()): WEIGHTS[FeatureKind.WORD]}
    texts |= {(FeatureKind.WORD, part): _NAME_WORD for part in _name_words(word) if part != word.lower()}
    if word[0].isupper():
        texts[FeatureKind.TYPE, word] = WEIGHTS[FeatureKind.TYPE]
    if "." in word:
        for kind in (FeatureKind.FRAME, FeatureKind.MODULE, FeatureKind.LOGGER):
            texts[kind, word] = WEIGHTS[kind]
    return tuple(Feature(kind=kind, text=text, weight=weight) for (kind, text), weight in texts.items())


def _words(text: str) -> list[str]:
    plain = text.replace(WILDCARD, " ")
    found = (match.group(0) for match in _WORD.finditer(plain))
    return [word.lower() for word in found if len(word) <= _WORD_CHARS][:_WORDS]


def _name_words(*names: str) -> list[str]:
    return [part.lower() for name in names for part in _NAME_PART.findall(name)][:_WORDS]


def _vector(features: Mapping[int, Feature]) -> SparseVector:
    indices = tuple(sorted(features))
    return SparseVector(indices, tuple(sqrt(features[index].weight) for index in indices))


def _weight(vector: SparseVector) -> float:
    return sum(value * value for value in vector.values)
