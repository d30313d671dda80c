import numpy as np
import pytest

from error_manager.analysis.significance import q_values


def test_published_example():
    """Benjamini and Hochberg (1995), section 3.2: of 15 tests, four are rejected at .05, the fifth is not."""
    p_values = [
        0.0001,
        0.0004,
        0.0019,
        0.0095,
        0.0201,
        0.0278,
        0.0298,
        0.0344,
        0.0459,
        0.3240,
        0.4262,
        0.5719,
        0.6528,
        0.7590,
        1,
    ]
    q = q_values(np.array(p_values[::-1]), tests=15)[::-1]
    assert (q <= 0.05).tolist() == [True] * 4 + [False] * 11
    assert q[3] == pytest.approx(0.0095 * 15 / 4)


def test_tests_that_found_nothing_count():
    """One finding of p = .001 among 100 tests is .1; none is none."""
    assert q_values(np.array([0.001]), tests=100) == pytest.approx([0.1])
    assert q_values(np.empty(0), tests=100).tolist() == []
