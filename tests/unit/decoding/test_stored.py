"""What dry runs read of a stored error decides its group as the whole error does."""

from __future__ import annotations

from dataclasses import replace

import msgspec
from hypothesis import given, settings
from tests.event_strategies import errors

from error_manager.core.encoding import event_to_json
from error_manager.core.fingerprint import fingerprint
from error_manager.core.rules import GroupingRule, IgnoreFrames, Matcher, RuleSet, SetParts
from error_manager.decoding.stored import decode_grouped
from error_manager.runtime.wiring.linear import compile_linear

FIELDS = ("type", "message", "logger", "release", "environment", "severity", "tag.a", "in_app.frame", "path")
RULES = RuleSet(
    [
        GroupingRule(id=1, action=IgnoreFrames(glob="*a*")),
        *(
            GroupingRule(
                id=place,
                action=SetParts(parts=("{{ default }}", "{{ message }}", "{{ module }}", field)),
                matchers=(Matcher(field=field, pattern="[a-m]"),),
            )
            for place, field in enumerate(FIELDS, start=2)
        ),
    ],
    compile_linear,
)


@settings(max_examples=200, deadline=None)
@given(errors)
def test_what_is_read_decides_the_group(event):
    """With and without rules; the head alone has all but the frames."""
    body = msgspec.json.encode(event_to_json(event))
    read = decode_grouped(body)
    assert read is not None
    assert fingerprint(read) == fingerprint(event)
    assert fingerprint(read, RULES) == fingerprint(event, RULES)
    bare = tuple(replace(exception, frames=()) for exception in read.exceptions)
    assert decode_grouped(body, is_head=True) == replace(read, frames=(), exceptions=bare)


def test_what_is_not_of_our_form_is_left_to_others():
    """No JSON, another form: None."""
    assert (decode_grouped(b"{"), decode_grouped(b'{"message": 5}')) == (None, None)
