import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from error_manager.core.detectors import DETECTORS, Need
from error_manager.core.masking import signs_of

DIGITS = re.compile(r"[0-9][0-9 .()+:-]{0,3}[0-9a-fA-F]", re.ASCII)
AROUND = st.text("ab 1@:=/.-_\"'", max_size=4)


def has_need(detector, text):
    """Return whether a text has what the detector needs; two needs ask for more than their patterns do."""
    if detector.need in {Need.COLONS, Need.PAIRS} and not DIGITS.search(text):
        return True
    if detector.name == "key_value" and not re.search("[:=]|%3|</", text):
        return True
    return detector.need == Need.NOTHING or bool(detector.need & signs_of(text))


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda detector: detector.name)
def test_whatever_a_detector_matches_has_what_it_needs(detector):
    """No match is lost by looking for signs first, whatever stands around it."""

    @settings(max_examples=60, deadline=None)
    @given(AROUND, st.from_regex(re.compile(detector.pattern, re.ASCII), fullmatch=True), AROUND)
    def look(before, match, after):
        text = f"{before}{match}{after}"
        if re.search(detector.pattern, text, re.ASCII):
            assert has_need(detector, text)

    look()


def test_a_plain_text_has_no_signs():
    """The usual short text needs no detector but one."""
    assert signs_of("4711") == signs_of("'Customer'") == 0
