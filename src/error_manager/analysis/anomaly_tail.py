"""How improbable a count is, and from where on that is told (seed box: Anomaly Detector). Pure.

Counts of a window are negative binomial: what they scatter about their mean, and how well that mean is known,
are one variance. The signed root of the deviance turns a count into standard deviations that mean the same
for one event an hour and for five hundred a minute.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtri

Floats = NDArray[np.float64]

FALSE_PER_WEEK: Final = 3.0
"""False alerts in a week that all series together may cause by chance, as the threshold is meant."""
LOOKS_PER_WEEK: Final = 10_080.0 * 3.0
"""Independent looks at a series in a week: each minute, and the windows that end in it count for three."""
LEAST_SERIES: Final = 60
"""With fewer series the threshold does not fall further: a quiet installation gets no cheaper alerts."""
_SCORE_NATS: Final = 60.0
"""Tail probability, in -ln p, of score 100: a count that would be seen once in 1e26 minutes."""


def deviation(counts: Floats, means: Floats, sizes: Floats) -> Floats:
    """Return by how many standard deviations counts are off, negative when too few.

    Args:
        counts: events, >= 0, any shape.
        means: expected events, > 0, same shape.
        sizes: size of the negative binomial, 1 / (relative variance beyond Poisson), > 0, same shape.

    Returns:
        Signed root of the deviance, with the half count of a continuity correction towards the mean.

    Source:
        McCullagh and Nelder, Generalized Linear Models (1989), 2.4; the correction as in Barndorff-Nielsen's
        tail formula: P(N >= 10 | mean 1) is 5.18 standard deviations, 5.30 without it and 5.08 with it.
    """
    gap = counts - means
    near = np.where(np.abs(gap) > 0.5, counts - 0.5 * np.sign(gap), means)
    return signed_root(near, means, sizes)


def signed_root(counts: Floats, means: Floats, sizes: Floats) -> Floats:
    """Return the signed root of the negative binomial deviance, without correction."""
    some = np.maximum(counts, 1e-12)
    deviance = counts * np.log(some / means) - (counts + sizes) * np.log1p((counts - means) / (means + sizes))
    root: Floats = np.sign(counts - means) * np.sqrt(np.maximum(2.0 * deviance, 0.0))
    return root


def threshold(series: int) -> float:
    """Return the deviation that is told, so that all series together stay within ``FALSE_PER_WEEK``."""
    looks = LOOKS_PER_WEEK * max(series, LEAST_SERIES)
    return float(-ndtri(FALSE_PER_WEEK / looks))


def score(sigmas: float) -> float:
    """Return 0 to 100 for a deviation: -ln of its tail probability, 60 nats and more = 100.

    It says how improbable the count is, whatever the rate of the series: 5 sigmas are 25, 8 are 58.
    """
    nats = -float(log_ndtr(-abs(sigmas)))
    return round(min(100.0, 100.0 * nats / _SCORE_NATS), 1)


def band(means: Floats, sizes: Floats, sigmas: float) -> tuple[Floats, Floats]:
    """Return the counts within so many standard deviations of the means.

    Source: negative binomial quantiles by the Gamma approximation of Wilson and Hilferty, PNAS 17 (1931) 684.
    """
    variance = means + means * means / sizes
    shape = np.maximum(means, 1e-9) ** 2 / np.maximum(variance, 1e-12)
    ninth = 1.0 / (9.0 * shape)
    upper = means * np.maximum(1.0 - ninth + sigmas * np.sqrt(ninth), 0.0) ** 3
    lower = means * np.maximum(1.0 - ninth - sigmas * np.sqrt(ninth), 0.0) ** 3
    return lower, upper


def sigmas_of(coverage: float) -> float:
    """Return the half width, in standard deviations, of a band that covers this share."""
    return float(ndtri(0.5 + coverage / 2.0))
