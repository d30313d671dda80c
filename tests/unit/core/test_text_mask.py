import pytest

from error_manager.core.text_mask import mask_line, mask_message

LINES = [
    ("total = Order.sum(cart_lines, tax=rate)", "_ = Order.sum(_, _=_)"),
    ("return self.lines[0]", "return self.lines[0]"),
    ('raise ValueError(f"no rate for {day} in {zone}")', 'raise ValueError(f"no rate for {} in {}")'),
    ("label = `order ${id}`", "_ = `order ${}`"),
    ('label = "order {id}"', '_ = "order {id}"'),
]


@pytest.mark.parametrize(("line", "expected"), LINES)
def test_a_line_of_code_loses_its_local_names(line, expected):
    """Functions, attributes, constants and texts stay; what is put into a text goes."""
    assert mask_line(line) == expected


def test_quoted_names_go_unless_they_say_what_is_missing():
    """A quoted text is a value, except where the caller keeps it."""
    assert mask_message("cannot read 'total' of 7") == "cannot read <*> of <*>"
    assert mask_message("cannot read 'total' of 7", keeps_quoted=True) == "cannot read 'total' of <*>"


def test_neighboring_values_are_one():
    """How an address or a time is written changes nothing."""
    assert mask_message("to 10.0.0.1:80 at 10:00:01") == mask_message("to [ip] at 1") == "to <*> at <*>"
