"""Why two patterns are alike, in words (seed box: Dashboard)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from error_manager.analysis.similarity import Feature, FeatureKind

_TEXTS: Final = 5
"""Things of one kind that are named; there may be more."""
_LABELS: Final = {
    FeatureKind.FAULT: "same failure",
    FeatureKind.PLACE: "same place",
    FeatureKind.FRAME: "shared functions",
    FeatureKind.CALL: "shared calls",
    FeatureKind.LINE: "same line of code",
    FeatureKind.MODULE: "same module",
    FeatureKind.TYPE: "same type",
    FeatureKind.CAUSE: "same cause",
    FeatureKind.LIBRARY: "shared library calls",
    FeatureKind.MESSAGE: "same message",
    FeatureKind.LOGGER: "same logger",
    FeatureKind.WORD: "shared words",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One thing two patterns have in common: ``shared words``: timeout, pool."""

    label: str
    texts: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """Return both in one text."""
        return f"{self.label}: {', '.join(self.texts)}"


def reasons(shared: Iterable[Feature]) -> tuple[Reason, ...]:
    """Return what is shared by kind, the kind that weighs most first, five things of each at most.

    Args:
        shared: what both patterns have, the heaviest first (``analysis.similarity.shared_features``).
    """
    by_kind: dict[FeatureKind, list[Feature]] = {}
    for feature in shared:
        by_kind.setdefault(feature.kind, []).append(feature)
    heaviest = sorted(by_kind.values(), key=lambda features: -sum(feature.weight for feature in features))
    return tuple(
        Reason(label=_LABELS[features[0].kind], texts=tuple(feature.text for feature in features[:_TEXTS]))
        for features in heaviest
    )
