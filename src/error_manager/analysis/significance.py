"""Keeps the share of chance among what is told small (seed box: Correlation Engine). Pure."""

from __future__ import annotations

import numpy as np

from error_manager.analysis.event_stream import Floats


def q_values(p_values: Floats, *, tests: int) -> Floats:
    """Return for each finding the share of chance to expect among all that are at least as sure.

    Args:
        p_values: of the findings, any order, shape (n,).
        tests: how many were looked at in all, >= n; those not among the findings count as not found.

    Returns:
        q-values, 0..1, shape (n,).

    Source:
        Benjamini and Hochberg, JRSS B 57 (1995) 289-300.
    """
    order = np.argsort(p_values, kind="stable")
    share = p_values[order] * tests / np.arange(1, len(order) + 1)
    lowest = np.minimum.accumulate(share[::-1])[::-1]
    values = np.empty(len(order))
    values[order] = np.minimum(1.0, lowest)
    return values
