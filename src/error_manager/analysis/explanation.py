"""Tells direct links from those that others explain (seed box: Correlation Engine). Pure.

Each rule takes away the occasions that the other pattern could explain and asks which of two is more likely
for the rest: the same share of hits (direct), or chance (explained).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from error_manager.analysis.event_stream import EventStream, Flags, Integers
from error_manager.analysis.temporal import Link, Window, is_followed, is_preceded, usable

EXPLAINED: Final = -1.0
"""Log likelihood ratio (direct against explained) below which a link is dropped: explained is e times as
likely."""
OWN_EVIDENCE: Final = 1.0
"""Of two links between the same patterns, the weaker one needs a ratio above this; else it is an echo."""
CLEAR: Final = 2.0
"""The ratio from which the rest speaks clearly for a direct link."""
_LOWEST: Final = 0.6
_HIGHEST: Final = 2.0
_BROAD: Final = 0.4
"""... and from 0 on unless it is narrow. Leaving out too many occasions costs certainty, never truth."""
"""The window of the explaining link made wider, as it is only where that link stands out most ..."""
_TIE_S: Final = 0.05
TWIN_S: Final = 0.05
TWIN_SHARE: Final = 0.8
"""Patterns of which four in five events come within this of one another are two names of one: neither
explains the links of the other."""


class Kind(StrEnum):
    """What a relation is."""

    DIRECT = "direct"
    COMMON_CAUSE = "common_cause"
    INDIRECT = "indirect"
    ECHO = "echo"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a link is not direct, and by which pattern."""

    kind: Kind
    by: int


def explain(
    stream: EventStream,
    links: Mapping[tuple[int, int], Link],
    sources: tuple[Integers, ...],
    *,
    least_z: float,
) -> dict[tuple[int, int], Explanation]:
    """Return the links that others explain.

    Args:
        stream: the events.
        links: the links found, by cause and effect.
        sources: occasions of each pattern.
        least_z: links weaker than this explain nothing.
    """
    strong = {pair: link for pair, link in links.items() if link.z >= least_z}
    twins = frozenset(pair for pair in strong if _come_together(stream, *pair, sources))
    judge = _Judge(stream=stream, links=strong, sources=sources, twins=twins)
    causes: dict[int, list[int]] = defaultdict(list)
    effects: dict[int, list[int]] = defaultdict(list)
    for cause, effect in sorted(strong):
        causes[effect].append(cause)
        effects[cause].append(effect)
    explained: dict[tuple[int, int], Explanation] = {}
    for pair, link in links.items():
        found = judge.by_cause(link, causes[link.cause]) or judge.by_chain(link, effects[link.cause])
        if found is not None:
            explained[pair] = found
    return explained


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judge:
    stream: EventStream
    links: Mapping[tuple[int, int], Link]
    sources: tuple[Integers, ...]
    twins: frozenset[tuple[int, int]]

    def by_cause(self, link: Link, causes: Sequence[int]) -> Explanation | None:
        """Return which of the causes of the cause brings about both; the effect itself makes it an echo."""
        known = self._known(link)
        hit = _hits(self.stream, known, link)
        for other in causes:
            by = self.links[other, link.cause]
            low_s, high_s = _reach(by)
            is_free = ~is_preceded(self.stream, known, other, low_s=low_s, high_s=high_s)
            ratio = _ratio(hit, is_free, link)
            if other == link.effect:
                if ratio < (EXPLAINED if by.z < link.z else OWN_EVIDENCE):
                    return Explanation(kind=Kind.ECHO, by=other)
                continue
            both = self.links.get((other, link.effect))
            if both is None or self._are_twins(other, link):
                continue
            if ratio < EXPLAINED or (ratio < CLEAR and self._works_without(by, both)):
                return Explanation(kind=Kind.COMMON_CAUSE, by=other)
        return None

    def by_chain(self, link: Link, effects: Sequence[int]) -> Explanation | None:
        """Return which of the effects of the cause stands between."""
        known = self._known(link)
        hit = _hits(self.stream, known, link)
        for other in effects:
            if (other, link.effect) not in self.links or self._are_twins(other, link):
                continue
            is_free = ~_led_to(self.stream, known, self.links[link.cause, other])
            if _ratio(hit, is_free, link) < EXPLAINED:
                return Explanation(kind=Kind.INDIRECT, by=other)
        return None

    def _are_twins(self, other: int, link: Link) -> bool:
        """Return whether a pattern is the cause or the effect itself, or the same under another name."""
        ends = link.cause, link.effect
        return other in ends or any((other, end) in self.twins or (end, other) in self.twins for end in ends)

    def _known(self, link: Link) -> Integers:
        return usable(self.stream, self.sources[link.cause], link.effect, link.window)

    def _works_without(self, to_cause: Link, to_effect: Link) -> bool:
        """Return whether the other pattern has the effect also when the supposed cause does not come."""
        known = self._known(to_effect)
        is_free = ~_led_to(self.stream, known, to_cause)
        return _ratio(_hits(self.stream, known, to_effect), is_free, to_effect) > CLEAR


def _come_together(stream: EventStream, one: int, other: int, sources: tuple[Integers, ...]) -> bool:
    for pattern, by in ((one, other), (other, one)):
        at = stream.earliest[sources[pattern]]
        line = stream.early.of(by, is_same_host=False)
        near = np.searchsorted(line, at + TWIN_S, "right") > np.searchsorted(line, at - TWIN_S)
        if np.mean(near) < TWIN_SHARE:
            return False
    return True


def _reach(link: Link) -> tuple[float, float]:
    """Return the lags that a link may have: its window is only where it stands out most."""
    low_s, high_s = link.window.low_s, link.window.high_s
    return low_s * _LOWEST if low_s > high_s * _BROAD else 0.0, high_s * _HIGHEST + _TIE_S


def _led_to(stream: EventStream, places: Integers, link: Link) -> Flags:
    low_s, high_s = _reach(link)
    return is_followed(stream, places, link.effect, Window(is_same_host=False, low_s=low_s, high_s=high_s))


def _hits(stream: EventStream, places: Integers, link: Link) -> Flags:
    return is_followed(stream, places, link.effect, link.window)


def _ratio(hit: Flags, rest: Flags, link: Link) -> float:
    """Return the log likelihood ratio of "as many hits as ever" against "as by chance" among the rest."""
    hits, occasions = int((hit & rest).sum()), int(rest.sum())
    base = link.base_share
    share = base + (1.0 - base) * link.excess_share
    return float(hits * np.log(share / base) + (occasions - hits) * np.log((1.0 - share) / (1.0 - base)))
