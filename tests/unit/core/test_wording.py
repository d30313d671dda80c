"""Words that follow a number."""

import pytest

from error_manager.core.wording import plural


@pytest.mark.parametrize(
    ("count", "word"), [(0, "errors"), (1, "error"), (2, "errors"), (1_000_001, "errors")]
)
def test_only_one_is_singular(count, word):
    """English counts none as many."""
    assert plural(count, "error") == word
