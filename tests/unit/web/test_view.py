"""Formatting of times, numbers, sparklines and texts."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from error_manager.core.detection import MASKS
from error_manager.core.types import Severity
from error_manager.integrations.web.view import (
    MASK_WORDS,
    absolute_time,
    compact,
    exact,
    importance_choices,
    importance_word,
    iso_time,
    offset_text,
    package_of,
    relative_time,
    segments,
    severity_shape,
    share,
    short_release,
    size_text,
    span_text,
    sparkline,
    tag_url,
    title_segments,
    value_text,
    visible,
)

NOW = datetime(2026, 11, 23, 21, 40, tzinfo=UTC)
UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1k"),
        (1234, "1.2k"),
        (9999, "9.9k"),
        (10_000, "10k"),
        (999_999, "999k"),
        (1_000_000, "1M"),
        (5_670_000, "5.6M"),
        (2_000_000_000, "2G"),
        (-1500, "-1.5k"),
    ],
)
def test_compact_numbers_keep_two_figures_and_never_round_up_a_unit(number, text):
    """A count is short, and 999,999 does not turn into 1000k."""
    assert compact(number) == text


def test_exact_numbers_have_thin_spaces_that_do_not_break():
    """Thousands are separated by narrow no-break spaces."""
    assert exact(1_234_567) == "1\u202f234\u202f567"


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 0, "0 %"),
        (0, 9, "0 %"),
        (1, 3, "33 %"),
        (1, 1000, "< 1 %"),
        (999, 1000, "> 99 %"),
        (5, 5, "100 %"),
    ],
)
def test_shares_never_round_something_to_nothing(part, whole, text):
    """Something is not 0 %, and not everything is not 100 %."""
    assert share(part, whole) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (4, "just now"),
        (-4, "just now"),
        (59, "59 s ago"),
        (60, "1 min ago"),
        (3599, "59 min ago"),
        (7200, "2 h ago"),
        (86_400, "1 day ago"),
        (44 * 86_400, "44 days ago"),
        (90 * 86_400, "2 months ago"),
        (800 * 86_400, "2 years ago"),
        (-3600, "in 1 h"),
    ],
)
def test_relative_times_use_the_largest_fitting_unit(seconds, text):
    """Times read as a person would say them."""
    assert relative_time(NOW - timedelta(seconds=seconds), NOW) == text


def test_times_for_hover_and_for_machines_are_utc():
    """Another zone's time is shown in UTC, to the second and to the millisecond."""
    elsewhere = NOW.astimezone(tz=None)
    assert absolute_time(elsewhere) == "2026-11-23 21:40:00 UTC"
    assert iso_time(elsewhere) == "2026-11-23T21:40:00.000Z"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (-0.25, "-250 ms"), (-1.5, "-1.5 s"), (-180, "-3 min"), (2, "+2.0 s")],
)
def test_offsets_say_how_long_before_the_error_a_step_was(seconds, text):
    """A step lies a signed span away from the error."""
    assert offset_text(NOW + timedelta(seconds=seconds), NOW) == text


def test_spans_of_a_year_are_years():
    """Singular and plural are right at the end of the table, too."""
    assert (span_text(366 * 86_400), span_text(1)) == ("1 year", "1 s")


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (512, "512 B"), (1536, "1.5 KiB"), (64 * 2**20, "64 MiB"), (3 * 2**40, "3.0 TiB")],
)
def test_sizes_are_binary_units(size, text):
    """Bytes are shown in KiB, MiB and so on; number and unit never part at the end of a line."""
    assert size_text(size) == text.replace(" ", "\u00a0")


@pytest.mark.parametrize(
    ("release", "text"),
    [
        ("0123456789abcdef0123456789abcdef01234567", "0123456789ab"),
        ("shop@0123456789abcdef0123456789abcdef01234567-dirty", "shop@0123456789ab-dirty"),
        ("ab" * 32, "abababababab"),
        ("shop@2.4.0", "shop@2.4.0"),
        ("0123456789abcdef0123456789abcdef0123456", "0123456789abcdef0123456789abcdef0123456"),  # 39 digits
        ("x" + "a" * 40, "x" + "a" * 40),
    ],
)
def test_a_release_that_is_a_hash_is_cut(release, text):
    """Twelve digits tell commits apart; anything else stays as it was sent."""
    assert short_release(release) == text


def test_a_sparkline_draws_one_bar_per_bucket_that_has_errors():
    """Empty buckets are gaps; the largest fills the height; small ones stay visible."""
    path = sparkline((0, 1, 1000), width=30, height=20)
    assert path == "M10.0 20v-1.5h9.0v1.5zM20.0 20v-20.0h9.0v20.0z"


@pytest.mark.parametrize("counts", [(), (0, 0)])
def test_a_sparkline_of_nothing_is_empty(counts):
    """No errors, no drawing."""
    assert sparkline(counts) == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("win\r\ndows", "win\ndows"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("a\x00b", "a\u2400b"),
        ("\x7f", "\u2421"),
        ("user\u202egnp.exe", "user⟨U+202E⟩gnp.exe"),
        ("zero\u200bwidth", "zero⟨U+200B⟩width"),
        ("lone \ud800", "lone ⟨U+D800⟩"),
        ("emoji 👩\u200d💻 and Grüße", "emoji 👩\u200d💻 and Grüße"),
    ],
)
def test_text_that_could_trick_the_eye_is_made_visible(text, shown):
    """Colors vanish, control characters and direction overrides show, real language stays."""
    assert visible(text) == shown


@given(st.text(alphabet=st.characters(exclude_categories=[])))
def test_nothing_invisible_is_left_and_showing_twice_changes_nothing(text):
    """The result has no control characters or surrogates, can be encoded, and is stable."""
    shown = visible(text)
    assert not UNSEEN.search(shown)
    assert visible(shown) == shown
    assert shown.encode().decode() == shown


def test_masks_become_chips_and_other_brackets_stay_text():
    """Only the known classes are chips; ``[0]`` and ``[error]`` are text."""
    pieces = segments("mail to [email] at rows[0] [error]")
    assert [(piece.text, piece.mask) for piece in pieces] == [
        ("mail to ", ""),
        ("email", "email"),
        (" at rows[0] [error]", ""),
    ]
    assert pieces[1].explanation == "Masked before it was kept: e-mail address"


def test_parts_that_vary_are_marked_in_titles():
    """The wildcard of a template is a chip of its own, beside masks."""
    pieces = title_segments("Cart of <*> for [email]<*>")
    assert [(piece.text, piece.mask, piece.is_variable) for piece in pieces] == [
        ("Cart of ", "", False),
        ("*", "", True),
        (" for ", "", False),
        ("email", "email", False),
        ("*", "", True),
    ]


def test_every_mask_of_the_masker_has_words():
    """A new class of masked values cannot reach a page without its explanation."""
    assert {f"[{name}]" for name in MASK_WORDS} == set(MASKS)


@given(st.lists(st.sampled_from([*MASKS, "[x]", "a", "[", "]", " "])))
def test_splitting_into_chips_loses_nothing(parts):
    """Chips and texts together are the text again."""
    text = "".join(parts)
    rebuilt = "".join(f"[{piece.text}]" if piece.mask else piece.text for piece in segments(text))
    assert rebuilt == text


def test_values_are_shown_as_json_and_long_ones_are_cut():
    """Strings stay as they are, the rest is JSON, and one local cannot fill a page."""
    assert value_text({"a": [1, None]}) == '{"a": [1, null]}'
    assert value_text("text") == "text"
    assert len(value_text("x" * 5000)) == 2001
    assert len(value_text(["x" * 5000])) == 2001


def test_each_severity_has_its_own_shape():
    """Severity never rests on color alone."""
    assert len({severity_shape(severity) for severity in Severity}) == len(Severity)


@pytest.mark.parametrize(
    ("module", "filename", "package", "name"),
    [
        ("django.core.handlers", "x.py", "", "django"),
        ("", "/usr/lib/python3/site-packages/requests/api.py", "", "requests"),
        ("", "/app/node_modules/express/lib/router.js", "", "express"),
        ("", "java/util/Map.java", "", "java"),
        ("", "", "libc.so", "libc.so"),
        ("", "", "", "unknown"),
    ],
)
def test_the_library_of_a_frame_is_its_package(module, filename, package, name):
    """A folded run names the library, not the file."""
    assert package_of(module, filename, package) == name


@pytest.mark.parametrize(
    ("key", "value", "url"),
    [
        ("browser", "Firefox 141", "/patterns?q=tag.browser%3A%22Firefox+141%22&status=all"),
        ("a b", "x", ""),
        ("browser", 'with "quotes"', ""),
        ("browser", "", ""),
    ],
)
def test_a_tag_leads_to_its_patterns_when_the_search_can_say_it(key, value, url):
    """Clicking a tag filters; what the search language cannot say is no link."""
    assert tag_url(key, value) == url


def test_what_may_be_chosen_as_importance_has_words():
    """Four words; a weight that only the API can set stands among them as a number, and is the one now."""
    offered = [("0.5", "low (x0.5)"), ("1", "normal"), ("2", "high (x2)"), ("4", "highest (x4)")]
    assert [choice[:2] for choice in importance_choices(2.0)] == offered
    assert [choice[0] for choice in importance_choices(2.0) if choice[2]] == ["2"]
    assert importance_choices(0.3)[0] == ("0.3", "x0.3", True)
    assert [choice[:2] for choice in importance_choices(0.3)[1:]] == offered
    assert (importance_word(1.0), importance_word(3.0)) == ("normal", "x3")
