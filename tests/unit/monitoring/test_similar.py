"""Reasons in words."""

from __future__ import annotations

from error_manager.analysis.similarity import Feature, FeatureKind
from error_manager.monitoring.similar import _LABELS, reasons


def test_reasons_are_told_by_kind():
    """The kind that weighs most comes first; of each five things are named at most."""
    words = [Feature(kind=FeatureKind.WORD, text=f"w{number}", weight=0.6) for number in range(7)]
    shared = [Feature(kind=FeatureKind.TYPE, text="KeyError", weight=2.0), *words]
    assert [reason.sentence for reason in reasons(shared)] == [
        "shared words: w0, w1, w2, w3, w4",
        "same type: KeyError",
    ]


def test_every_kind_has_words():
    """No kind of feature lacks its words."""
    assert set(_LABELS) == set(FeatureKind)
