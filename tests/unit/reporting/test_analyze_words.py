"""Times and values in words."""

from __future__ import annotations

import pytest

from error_manager.reporting.analyze_words import figure, moment_text, range_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (95.06, "95.06"), (-3.14159, "-3.142"), (1_234.6, "1,235"), (0.00012, "0.00012"),
        (0.00001234, "1.234e-05"), (2e15, "2.000e+15"), (1e14, "100,000,000,000,000"),
    ],
)  # fmt: skip
def test_figures(value, text):
    """Four telling digits, whole from a thousand on."""
    assert figure(value) == text


def test_times():
    """Times since 1970 as dates, small ones as seconds; a range says how long, one time stands alone."""
    assert moment_text(1_795_000_000) == "2026-11-18 11:06:40"
    assert moment_text(1_795_000_000.25) == "2026-11-18 11:06:40.250"
    assert moment_text(30_685) == "30,685 s"
    assert range_text(0, 90) == "0 s to 90 s (90 s)"
    assert range_text(1_795_000_000, 1_795_000_000) == "2026-11-18 11:06:40 UTC"
