"""Events of the Sentry protocol, in every form that clients were seen to send."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from tests.nasty_events import sentry_event

from error_manager.core.errors import MalformedPayloadError
from error_manager.core.limits import MAX_BREADCRUMBS, MAX_EXCEPTIONS, MAX_FRAMES, MAX_TAGS
from error_manager.core.types import (
    Breadcrumb,
    ErrorEvent,
    EventId,
    ExceptionInfo,
    FieldNote,
    Frame,
    ItemCategory,
    Request,
    Severity,
    User,
)
from error_manager.decoding.sentry import decode_sentry

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
ID = EventId("0" * 32)
FRAME = {"function": "f", "filename": "a.py", "lineno": 3, "in_app": True}
READ_FRAME = Frame(function="f", filename="a.py", lineno=3)


def decode(**members: object) -> ErrorEvent:
    """Return the error of an event with these members."""
    event = decode_sentry(json.dumps(members).encode(), received_at=NOW, event_id=ID)
    assert isinstance(event, ErrorEvent)
    return event


def reasons(event: ErrorEvent) -> dict[str, str]:
    """Return the notes by path."""
    return {note.path: note.reason for note in event.notes}


def test_a_full_event_is_read_whole() -> None:
    """Every field finds its place."""
    event = decode(**sentry_event())
    frame = Frame(
        function="charge",
        module="shop.pay",
        filename="shop/pay.py",
        abs_path="/srv/shop/pay.py",
        lineno=12,
        colno=3,
        context_line="charge(card)",
        pre_context=("a", "b"),
        post_context=("c",),
        variables={"card": "'4242'", "order": {"id": 5, "items": [1, 2]}},
        package="shop",
    )
    assert event == ErrorEvent(
        event_id=ID,
        timestamp=datetime(2026, 11, 23, 13, 56, 3, 123456, tzinfo=UTC),
        message="paying 5 failed",
        template="paying %s failed",
        platform="python",
        logger="shop",
        transaction="/pay",
        server_name="web-1",
        release="shop@1.2",
        dist="7",
        environment="production",
        exceptions=(
            ExceptionInfo(
                type="KeyError",
                value="'sku'",
                module="builtins",
                frames=(frame,),
                mechanism="chained",
                is_handled=True,
                exception_id=1,
                parent_id=0,
                source="__cause__",
            ),
            ExceptionInfo(
                type="PaymentError",
                value="no card",
                frames=(frame, frame),
                mechanism="logging",
                is_handled=False,
                exception_id=0,
                is_group=True,
                thread_id="7",
            ),
        ),
        breadcrumbs=(
            Breadcrumb(
                timestamp=datetime.fromtimestamp(1_795_000_000.5, UTC),
                category="query",
                message="SELECT 1",
                level="info",
                type="default",
                data={"rows": 1},
            ),
        ),
        tags=(("shop", "berlin"), ("vip", "true")),
        user=User(id="5", email="a@example.com", ip_address="{{auto}}", data={"vip": 1}),
        request=Request(
            url="http://localhost/pay",
            method="POST",
            query_string="a=1",
            headers={"Host": "localhost"},
            cookies={"a": "b"},
            data={"card": "x"},
            env={"REMOTE_ADDR": "127.0.0.1"},
        ),
        contexts={"trace": {"trace_id": "b" * 32, "span_id": "c" * 16}, "runtime": {"name": "CPython"}},
        extra={"sys.argv": ["pay"], "n": 1},
        modules={"flask": "3.0"},
        sdk="sentry.python/2.0",
        fingerprint=("{{ default }}", "5"),
        trace_id="b" * 32,
        span_id="c" * 16,
    )


def test_an_empty_event_is_an_error_without_a_message() -> None:
    """Time, level and message have defaults."""
    assert decode() == ErrorEvent(event_id=ID, timestamp=NOW, message="(no message)")


@pytest.mark.parametrize("kind", ["transaction", "feedback"])
def test_other_kinds_of_events_are_no_errors(kind: str) -> None:
    """An event item may hold a transaction or feedback."""
    body = json.dumps({"type": kind}).encode()
    assert decode_sentry(body, received_at=NOW, event_id=ID) is ItemCategory(kind)


@pytest.mark.parametrize("kind", ["error", "default", "csp", None, 5, {}])
def test_all_other_kinds_are_errors(kind: object) -> None:
    """Other types, also wrong ones, are errors."""
    assert decode(type=kind, message="a").message == "a"


@pytest.mark.parametrize("body", [b"", b"[]", b"5", b"null", b'"a"', b"{", b"hello"])
def test_what_is_no_object_is_malformed(body: bytes) -> None:
    """Only a body that is no JSON object is refused."""
    with pytest.raises(MalformedPayloadError):
        decode_sentry(body, received_at=NOW, event_id=ID)


@pytest.mark.parametrize(
    ("members", "message", "template"),
    [
        ({"message": "a"}, "a", ""),
        ({"message": {"message": "a %s", "params": ["b"]}}, "a b", "a %s"),
        ({"message": {"message": "a %s", "params": ["b"], "formatted": "a B"}}, "a B", "a %s"),
        ({"logentry": {"message": "a %(x)s", "params": {"x": 1}}}, "a 1", "a %(x)s"),
        ({"logentry": {"message": "a {}", "params": [[1]]}}, "a [1]", "a {}"),
        ({"logentry": {"message": "a"}}, "a", ""),
        ({"logentry": {"message": "a", "formatted": "a", "params": []}}, "a", ""),
        ({"logentry": "a"}, "a", ""),
        ({"logentry": {"formatted": "a"}}, "a", ""),
        ({"logentry": {"message": None}, "message": "b"}, "b", ""),
        ({"sentry.interfaces.Message": {"message": "a %s", "params": ["b"]}}, "a b", "a %s"),
        ({"message": 5}, "5", ""),
        ({"message": " "}, "(no message)", ""),
        ({"message": "", "exception": {"values": [{"type": "A", "value": "b"}]}}, "A: b", ""),
        ({"message": "own", "exception": {"values": [{"value": "b"}]}}, "own", ""),
        ({"culprit": "pay in shop"}, "pay in shop", ""),
    ],
)
def test_forms_of_the_message(members: dict[str, object], message: str, template: str) -> None:
    """Text or object, formatted here if the client did not; a template only if something was filled in."""
    event = decode(**members)
    assert (event.message, event.template) == (message, template)


ONE = {"type": "A", "value": "b"}


@pytest.mark.parametrize(
    "members",
    [
        {"exception": {"values": [ONE]}},
        {"exception": [ONE]},
        {"exception": ONE},
        {"exception": {"values": [None, ONE, 5]}},
        {"sentry.interfaces.Exception": {"values": [ONE]}},
    ],
    ids=["values", "list", "single", "null members", "legacy key"],
)
def test_forms_of_the_exception(members: dict[str, object]) -> None:
    """Object of values, bare list, single object, null members, legacy key."""
    assert decode(**members).exceptions == (ExceptionInfo(type="A", value="b"),)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"type": "A", "value": {"code": 1}}, ExceptionInfo(type="A", value='{"code":1}')),
        ({"type": "A", "value": None, "module": None, "mechanism": None}, ExceptionInfo(type="A")),
        ({"value": "only"}, ExceptionInfo(value="only")),
        (
            {
                "type": "Error",
                "value": "Object captured as exception with keys: code",
                "mechanism": {"synthetic": True},
            },
            ExceptionInfo(
                type="Error", value="Object captured as exception with keys: code", is_synthetic=True
            ),
        ),
        ({"type": "A", "stacktrace": None}, ExceptionInfo(type="A")),
        ({"type": "A", "stacktrace": {"frames": None}}, ExceptionInfo(type="A")),
        (
            {"type": "A", "stacktrace": {"frames": [None, FRAME]}},
            ExceptionInfo(type="A", frames=(READ_FRAME,)),
        ),
        ({"type": "A", "stacktrace": [FRAME]}, ExceptionInfo(type="A", frames=(READ_FRAME,))),
        ({"type": "A", "raw_stacktrace": {"frames": [FRAME]}}, ExceptionInfo(type="A", frames=(READ_FRAME,))),
    ],
)
def test_members_of_an_exception(value: dict[str, object], expected: ExceptionInfo) -> None:
    """Values of other kinds, absent and null parts, stacks in odd places."""
    event = decode(exception={"values": [value]})
    assert event.exceptions == (expected,)
    assert event.notes == ()


def test_the_raised_exception_is_the_last() -> None:
    """The order of the protocol is kept: oldest cause first."""
    event = decode(exception={"values": [{"type": "Cause", "value": "1"}, {"type": "Raised", "value": "2"}]})
    assert event.raised == ExceptionInfo(type="Raised", value="2")
    assert event.message == "Raised: 2"


def test_bad_exception_ids_are_dropped_with_a_note() -> None:
    """Ids that are no whole numbers and trees that go in circles lose the link, not the error."""
    odd = decode(exception=[{"type": "A", "mechanism": {"exception_id": "1", "parent_id": 10**40}}])
    assert odd.exceptions == (ExceptionInfo(type="A"),)
    assert reasons(odd).keys() == {"exceptions.0.exception_id", "exceptions.0.parent_id"}
    circle = decode(exception=[{"type": "A", "mechanism": {"exception_id": 0, "parent_id": 0}}])
    assert circle.exceptions == (ExceptionInfo(type="A", exception_id=0),)
    assert reasons(circle) == {"exceptions.0.parent_id": "dropped: leads to no root"}


def test_long_stacks_lose_their_middle() -> None:
    """999 frames of a recursion keep both ends, and a note says so."""
    frames = [{"function": f"f{number}"} for number in range(999)]
    event = decode(exception=[{"type": "RecursionError", "stacktrace": {"frames": frames}}])
    names = [frame.function for frame in event.exceptions[0].frames]
    half = MAX_FRAMES // 2
    assert names == [f"f{number}" for number in [*range(half), *range(999 - half, 999)]]
    assert event.notes == (FieldNote(path="exceptions.0.frames", reason="cut in the middle from 999 to 250"),)


@pytest.mark.parametrize(
    ("member", "expected", "is_noted"),
    [
        ({"lineno": "12"}, Frame(function="f", lineno=12), False),
        ({"lineno": 12.0, "colno": None}, Frame(function="f", lineno=12), False),
        ({"lineno": -1}, Frame(function="f"), True),
        ({"lineno": 2**31}, Frame(function="f"), True),
        ({"lineno": {}}, Frame(function="f"), True),
        ({"module": {"a": 1}}, Frame(function="f"), True),
        ({"module": 5}, Frame(function="f", module="5"), False),
        ({"vars": None}, Frame(function="f"), False),
        ({"vars": ["a"]}, Frame(function="f"), True),
        ({"pre_context": [None, "a"]}, Frame(function="f", pre_context=("", "a")), False),
        ({"pre_context": "a"}, Frame(function="f", pre_context=("a",)), False),
        ({"context_line": "x" * 20_000}, Frame(function="f", context_line="x" * 16_383 + "…"), True),
        ({"in_app": False}, Frame(function="f", in_app=False), False),
    ],
)
def test_members_of_a_frame(member: dict[str, object], expected: Frame, is_noted: bool) -> None:
    """Odd members are read where their meaning is plain, else dropped with a note."""
    event = decode(stacktrace={"frames": [{"function": "f", "in_app": True, **member}]})
    assert event.frames == (expected,)
    assert bool(event.notes) is is_noted


@pytest.mark.parametrize(
    ("platform", "frame", "expected"),
    [
        ("python", {"abs_path": "/venv/lib/python3.11/site-packages/flask/app.py"}, False),
        ("python", {"abs_path": "/srv/shop/pay.py"}, True),
        ("javascript", {"filename": "node:internal/timers", "in_app": None}, False),
        ("java", {"module": "java.lang.Thread"}, False),
    ],
)
def test_in_app_is_computed_when_absent(platform: str, frame: dict[str, object], expected: bool) -> None:
    """Where the client said nothing, path and module decide."""
    (read,) = decode(platform=platform, stacktrace={"frames": [{"function": "f", **frame}]}).frames
    assert read.in_app is expected


THREAD = {"id": 1, "stacktrace": {"frames": [FRAME]}}
OTHER = {"id": 2, "stacktrace": {"frames": [{"function": "other", "in_app": True}]}}


@pytest.mark.parametrize(
    "threads",
    [
        {"values": [THREAD]},
        [THREAD],
        [None, {"id": 0}, THREAD, OTHER],
        [OTHER, {**THREAD, "current": True}],
        [{**OTHER, "current": True}, {**THREAD, "crashed": True}],
    ],
    ids=["values", "list", "first with a stack", "current", "crashed"],
)
def test_the_stack_of_a_message_is_that_of_a_thread(threads: object) -> None:
    """Without a stack in the exceptions the thread that crashed, is current, or has a stack is shown."""
    assert decode(message="a", threads=threads).frames == (READ_FRAME,)
    assert decode(exception=[ONE], threads=threads).frames == (READ_FRAME,)


def test_threads_do_not_replace_the_stack_of_an_exception() -> None:
    """The stack of the exception is the stack."""
    event = decode(
        exception=[{**ONE, "stacktrace": {"frames": [FRAME]}}], threads=[OTHER], stacktrace=[FRAME]
    )
    assert event.frames == ()


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (
            {"a": 5, "b": True, "c": False, "d": 1.5},
            (("a", "5"), ("b", "true"), ("c", "false"), ("d", "1.5")),
        ),
        ([["a", "1"], ["b", 2]], (("a", "1"), ("b", "2"))),
        ([["a", "1"], ["a", "2"]], (("a", "2"),)),
        ({"a": None, "": "x"}, ()),
        (None, ()),
        ({"é": "ü"}, (("é", "ü"),)),
    ],
)
def test_forms_of_tags(tags: object, expected: tuple[tuple[str, str], ...]) -> None:
    """Object or pairs; scalars become text, null is dropped, the last of a key wins."""
    assert decode(tags=tags).tags == expected


def test_tags_are_capped() -> None:
    """100 tags, keys and values of 200 characters."""
    event = decode(tags={"k" * 300: "v" * 300, **{f"k{number}": "v" for number in range(200)}})
    assert len(event.tags) == MAX_TAGS
    assert event.tags[0] == ("k" * 199 + "…", "v" * 199 + "…")
    assert reasons(event)["tags"] == "cut from 201 to 100 members"


@pytest.mark.parametrize("tags", ["text", 5, [["a"], "b", ["a", "b", "c"]]])
def test_bad_tags_are_noted(tags: object) -> None:
    """Tags of other kinds are dropped, the error is kept."""
    event = decode(tags=tags)
    assert event.tags == ()
    assert "tags" in reasons(event)


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ({"id": 5, "name": "Ada"}, User(id="5", data={"name": "Ada"})),
        ({"id": None, "email": None}, None),
        ({}, None),
        (None, None),
        ("ada", None),
    ],
)
def test_forms_of_the_user(user: object, expected: User | None) -> None:
    """Numbers as ids, other members in data; nobody when nothing was said."""
    assert decode(user=user).user == expected


@pytest.mark.parametrize(
    ("request_member", "expected"),
    [
        ({"headers": [["A", "1"], ["B", 2]]}, Request(headers={"A": "1", "B": "2"})),
        ({"headers": {"A": ["1", 2], "B": None, "C": 3}}, Request(headers={"A": "1, 2", "C": "3"})),
        ({"cookies": "a=b; c=d=e;"}, Request(cookies={"a": "b", "c": "d=e"})),
        ({"cookies": [["a", "b"]]}, Request(cookies={"a": "b"})),
        ({"query_string": [["a", "1 2"], ["b", "&"]]}, Request(query_string="a=1+2&b=%26")),
        ({"query_string": {"a": 1}}, Request(query_string="a=1")),
        ({"data": "text"}, Request(data="text")),
        ({"data": [1, None]}, Request(data=[1, None])),
        ({"url": None, "headers": None, "cookies": None, "env": None}, Request()),
        ({}, None),
        ("text", None),
    ],
)
def test_forms_of_the_request(request_member: object, expected: Request | None) -> None:
    """Headers, cookies and query strings as objects, pairs and texts."""
    assert decode(request=request_member).request == expected


@pytest.mark.parametrize(
    ("breadcrumbs", "expected"),
    [
        ([{"message": "a"}], (Breadcrumb(message="a"),)),
        ({"values": [{"message": "a"}, None]}, (Breadcrumb(message="a"),)),
        (
            [{"message": "a", "level": None, "type": None, "data": "x"}],
            (Breadcrumb(message="a", data={"data": "x"}),),
        ),
        (
            [{"timestamp": 0, "message": {"a": 1}}],
            (Breadcrumb(timestamp=datetime(1970, 1, 1, tzinfo=UTC), message='{"a":1}'),),
        ),
        ([{"timestamp": "nonsense", "message": "a"}], (Breadcrumb(message="a"),)),
        (None, ()),
        ("text", ()),
    ],
)
def test_forms_of_breadcrumbs(breadcrumbs: object, expected: tuple[Breadcrumb, ...]) -> None:
    """Object of values or list; times of any form, data of any kind."""
    assert decode(breadcrumbs=breadcrumbs).breadcrumbs == expected


def test_the_newest_breadcrumbs_and_both_ends_of_a_chain_are_kept() -> None:
    """Counts over the caps are cut where it hurts least, with a note."""
    event = decode(
        breadcrumbs=[{"message": str(number)} for number in range(150)],
        exception=[{"type": "A", "value": str(number)} for number in range(80)],
    )
    assert [each.message for each in event.breadcrumbs] == [str(number) for number in range(50, 150)]
    assert len(event.breadcrumbs) == MAX_BREADCRUMBS
    assert len(event.exceptions) == MAX_EXCEPTIONS
    assert (event.exceptions[0].value, event.exceptions[-1].value) == ("0", "79")
    assert reasons(event).keys() == {"breadcrumbs", "exceptions"}


@pytest.mark.parametrize(
    ("timestamp", "expected", "original"),
    [
        (1795442163, datetime(2026, 11, 23, 13, 56, 3, tzinfo=UTC), ""),
        ("2026-11-23T13:56:03.93", datetime(2026, 11, 23, 13, 56, 3, 930000, tzinfo=UTC), ""),
        (None, NOW, ""),
        ("nonsense", NOW, "nonsense"),
        ("9999-12-31T23:59:59Z", NOW, "9999-12-31T23:59:59Z"),
        (-5, NOW, "-5"),
        (True, NOW, "true"),
        ({"a": 1}, NOW, '{"a":1}'),
    ],
)
def test_forms_of_the_time(timestamp: object, expected: datetime, original: str) -> None:
    """What cannot be used is replaced by the time of receipt; what was said is kept and noted."""
    event = decode(timestamp=timestamp)
    assert (event.timestamp, event.original_timestamp) == (expected, original)
    assert ("timestamp" in reasons(event)) is bool(original)


def test_the_level_may_be_a_number_or_nonsense() -> None:
    """raven-python sends 40; unknown names are errors."""
    assert decode(level=30).severity is Severity.WARNING
    assert decode(level="bogus-level").severity is Severity.ERROR


def test_unknown_members_and_null_contexts() -> None:
    """Unknown members go to extra, what extra says wins; contexts without content are dropped."""
    event = decode(extra={"a": 1}, a=2, novelty={"b": [1]}, contexts={"os": None, "app": {"x": 1}})
    assert event.extra == {"a": 1, "novelty": {"b": [1]}}
    assert event.contexts == {"app": {"x": 1}}
    assert decode(extra="text", novelty=1).extra == {"extra": "text", "novelty": 1}


def test_the_culprit_stands_in_for_the_transaction() -> None:
    """Old clients name the place of the error ``culprit``."""
    assert decode(culprit="pay").transaction == "pay"
    assert decode(culprit="pay", transaction="/pay").transaction == "/pay"


@pytest.mark.parametrize(
    "body", [b'{"message": "a\\u0000b"}', b'{"message": "a\\ud83db"}', b'{"message": "a\xffb"}']
)
def test_unstorable_characters_are_replaced(body: bytes) -> None:
    """NUL, lone surrogates and invalid UTF-8 become U+FFFD."""
    event = decode_sentry(body, received_at=NOW, event_id=ID)
    assert isinstance(event, ErrorEvent)
    assert event.message == "a\ufffdb"


def test_numbers_that_do_not_fit_become_text() -> None:
    """Integers beyond 64 bits and NaN are kept as they were written."""
    body = b'{"extra": {"big": 1' + b"0" * 40 + b', "nan": NaN, "ok": 9223372036854775807}}'
    event = decode_sentry(body, received_at=NOW, event_id=ID)
    assert isinstance(event, ErrorEvent)
    assert event.extra == {"big": "1" + "0" * 40, "nan": "NaN", "ok": 2**63 - 1}
