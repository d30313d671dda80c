import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from error_manager.core.fingerprint import fingerprint, is_bare, template_fingerprint, template_parts
from error_manager.core.types import ErrorEvent, EventId, ExceptionInfo, Frame
from error_manager.security.pii import Masker

AT = datetime(2026, 1, 1, tzinfo=UTC)


def error(**fields: object) -> ErrorEvent:
    """Return an error with these fields."""
    return ErrorEvent(**{"event_id": EventId("0" * 32), "timestamp": AT, "message": "", **fields})


def frame(place: str, line: str = "", **fields: object) -> Frame:
    """Return a frame of ``module.function``."""
    module, _, function = place.rpartition(".")
    return Frame(module=module, function=function, filename=f"{module}.py", context_line=line, **fields)


def raised(*frames: Frame, type: str = "ValueError", value: str = "bad", **fields: object) -> ErrorEvent:  # noqa: A002
    """Return an error with one exception of these frames."""
    return error(exceptions=(ExceptionInfo(type=type, value=value, frames=frames),), **fields)


SAME = {
    "value": (
        raised(frame("shop.pay"), value="no rate for 2026-11-23"),
        raised(frame("shop.pay"), value="no rate for 2025-01-02"),
    ),
    "line number": (raised(frame("shop.pay", lineno=3)), raised(frame("shop.pay", lineno=30))),
    "caller": (raised(frame("web.page"), frame("shop.pay")), raised(frame("cli.main"), frame("shop.pay"))),
    "recursion": (
        raised(frame("tree.visit"), frame("tree.visit"), frame("tree.leaf")),
        raised(frame("tree.visit"), frame("tree.leaf")),
    ),
    "decorator": (
        raised(frame("web.page"), frame("shop.pay"), frame("acme.deco.wrapper"), frame("shop.charge_card")),
        raised(frame("web.page"), frame("shop.pay"), frame("shop.charge_card")),
    ),
    "library frames": (
        raised(frame("shop.pay"), frame("json.decoder.decode", in_app=False)),
        raised(frame("shop.pay")),
    ),
    "missing source line": (raised(frame("shop.pay", "return a / b")), raised(frame("shop.pay"))),
    "start folder": (raised(frame("src.shop.pay")), raised(frame("shop.pay"))),
    "comprehension": (raised(frame("shop.pay"), frame("shop.<genexpr>")), raised(frame("shop.pay"))),
    "Java lambda": (raised(frame("com.Cart.lambda$sum$0")), raised(frame("com.Cart.lambda$sum$3"))),
    "Java class": (raised(frame("com.Sender$1.run")), raised(frame("com.Sender$2.run"))),
    "Java proxy": (
        raised(frame("com.Order$$EnhancerBySpringCGLIB$$4f3a.place")),
        raised(frame("com.Order.place")),
    ),
    "Go closure": (
        raised(Frame(module="acme/api", function="(*Server).handle.func1")),
        raised(Frame(module="acme/api", function="(*Server).handle.func2")),
    ),
    "C# state machine": (
        raised(Frame(module="Acme.Importer+<ImportAsync>d__12", function="MoveNext")),
        raised(Frame(module="Acme.Importer+<ImportAsync>d__14", function="MoveNext")),
    ),
    "bundle hash": (
        raised(Frame(filename="https://x.example/js/app.98f13708.js", function="track")),
        raised(Frame(filename="https://x.example/js/app.5d41402a.js", function="track")),
    ),
    "release folder": (
        raised(Frame(filename="/srv/app/releases/20261101/tax/zone.py", function="find")),
        raised(Frame(filename="/srv/app/releases/20261114/tax/zone.py", function="find")),
    ),
    "severity": (error(message="full"), error(message="full", environment="test", release="2")),
    "template": (
        error(message="login of kim refused", template="login of %s refused"),
        error(message="login of lee refused", template="login of %s refused"),
    ),
    "group size": (
        error(
            exceptions=(
                ExceptionInfo(type="KeyError", frames=(frame("a.b"),)),
                ExceptionInfo(type="ExceptionGroup", value="(1 sub-exception)", is_group=True),
            )
        ),
        error(
            exceptions=(
                ExceptionInfo(type="KeyError", frames=(frame("a.b"),)),
                ExceptionInfo(type="KeyError", frames=(frame("a.b"),)),
                ExceptionInfo(type="ExceptionGroup", value="(2 sub-exceptions)", is_group=True),
            )
        ),
    ),
    "client's own": (
        raised(frame("a.b"), fingerprint=("gateway",)),
        raised(frame("c.d"), type="OSError", fingerprint=("gateway",)),
    ),
}
OTHER = {
    "type": (raised(frame("shop.pay")), raised(frame("shop.pay"), type="TypeError")),
    "function": (raised(frame("shop.pay")), raised(frame("shop.refund"))),
    "module": (raised(frame("shop.pay")), raised(frame("mail.pay"))),
    "cause": (
        error(
            exceptions=(
                ExceptionInfo(type="KeyError"),
                ExceptionInfo(type="RepositoryError", frames=(frame("repo.load"),)),
            )
        ),
        error(
            exceptions=(
                ExceptionInfo(type="TimeoutError"),
                ExceptionInfo(type="RepositoryError", frames=(frame("repo.load"),)),
            )
        ),
    ),
    "caller of a shared layer": (
        raised(frame("plans.repo.list_plans"), frame("core.db.execute")),
        raised(frame("seats.repo.count_seats"), frame("core.db.execute")),
    ),
    "missing attribute": (
        raised(frame("a.b"), type="AttributeError", value="'NoneType' object has no attribute 'cart'"),
        raised(frame("a.b"), type="AttributeError", value="'NoneType' object has no attribute 'user'"),
    ),
    "undefined name": (
        raised(frame("a.b"), type="ReferenceError", value="gtag is not defined", platform="javascript"),
        raised(frame("a.b"), type="ReferenceError", value="fbq is not defined", platform="javascript"),
    ),
    "general type": (
        raised(frame("a.b"), type="*errors.errorString", value="bucket empty"),
        raised(frame("a.b"), type="*errors.errorString", value="no route"),
    ),
    "minified": (
        raised(
            Frame(filename="main.3f9a1c7e.js", function="t", lineno=1, colno=8123),
            type="TypeError",
            value="reading 'total'",
        ),
        raised(
            Frame(filename="main.b0d24c11.js", function="t", lineno=1, colno=8123),
            type="TypeError",
            value="reading 'items'",
        ),
    ),
    "message": (error(message="disk full"), error(message="disk away")),
    "logger": (error(message="refused", logger="billing.db"), error(message="refused", logger="search.http")),
    "stack of a message": (
        error(message="x", frames=(frame("a.b"),)),
        error(message="x", frames=(frame("c.d"),)),
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_same_group_in_spite_of(name):
    """What changes from run to run, release to release and install to install does not change the group."""
    one, other = SAME[name]
    assert fingerprint(one) == fingerprint(other)


@pytest.mark.parametrize("name", OTHER)
def test_another_group_by(name):
    """What makes another fault makes another group."""
    one, other = OTHER[name]
    assert fingerprint(one).hash != fingerprint(other).hash


def test_parts_say_why():
    """The parts read as the reason on a page."""
    parts = fingerprint(raised(frame("shop.pay.charge"))).parts
    assert parts == ("type: ValueError", "frame: shop.pay.charge")


def test_default_of_the_client_stands_for_our_own_parts():
    """``{{ default }}`` in a client's fingerprint is replaced by what would have been taken."""
    plain = fingerprint(raised(frame("a.b")))
    extended = fingerprint(raised(frame("a.b"), fingerprint=("{{ default }}", "eu")))
    assert extended.parts == (*plain.parts, "client: eu")


def test_hash_is_sha256_of_version_and_parts():
    """The hash has 64 hexadecimal digits and its first half is the id of the group."""
    print_ = fingerprint(error(message="x"))
    assert (len(print_.hash), print_.group_id.hex()) == (64, print_.hash[:32])


@pytest.mark.parametrize("library", [True, False])
def test_stack_without_application_frames(library):
    """Without a frame of the application the innermost library frames name the place."""
    frames = (frame("a.b", in_app=False), frame("c.d", in_app=False))
    event = raised(*frames) if library else raised(*frames[:1])
    assert ("frame: c.d" in fingerprint(event).parts) is library


PRIVATE = st.sampled_from(
    [
        "ann@example.com",
        "203.0.113.9",
        "2001:db8::17",
        "4111 1111 1111 1111",
        "password=hunter22",
        "Authorization: Bearer abc123def456",
        "https://kim:s3cret@db.example.com/x?token=abc",
        "AKIAIOSFODNN7EXAMPLE",
        "/home/kim/app.py",
        "+49 170 1234567",
        "DE89 3704 0044 0532 0130 00",
    ]
)
TEXT = st.lists(st.one_of(PRIVATE, st.text(max_size=12)), max_size=5).map(" ".join)
FRAMES = st.lists(
    st.builds(
        Frame,
        function=TEXT,
        module=TEXT,
        filename=TEXT,
        context_line=TEXT,
        in_app=st.booleans(),
        lineno=st.integers(0, 9),
    ),
    max_size=4,
).map(tuple)
EVENTS = st.builds(
    error,
    message=TEXT,
    template=TEXT,
    logger=TEXT,
    platform=st.sampled_from(["python", "javascript", "java"]),
    fingerprint=st.lists(st.one_of(TEXT, st.just("{{ default }}")), max_size=2).map(tuple),
    frames=FRAMES,
    exceptions=st.lists(
        st.builds(
            ExceptionInfo,
            type=st.one_of(TEXT, st.sampled_from(["KeyError", "AttributeError", "Error"])),
            value=TEXT,
            frames=FRAMES,
            is_group=st.booleans(),
            is_synthetic=st.booleans(),
        ),
        max_size=3,
    ).map(tuple),
)
MASKER = Masker()


@settings(max_examples=100, deadline=None)
@given(EVENTS)
def test_masking_does_not_move_an_error(event):
    """An error is in the same group before and after masking."""
    assert fingerprint(MASKER.mask_event(event).event) == fingerprint(event)


def test_masked_value_and_raw_value_are_one_group():
    """A client that masks itself sends its errors to the same group as one that does not."""
    raw = error(message="mail to ann@example.com from 203.0.113.9 failed")
    masked = replace(raw, message="mail to [email] from [ip] failed")
    assert fingerprint(raw) == fingerprint(masked)


@pytest.mark.parametrize(
    "fields",
    [
        {"message": ""},
        {"message": "m", "template": "t"},
        {"message": "m", "fingerprint": ("x",)},
        {"message": "m", "frames": (frame("shop.pay"),)},
        {"message": "m", "exceptions": (ExceptionInfo(type="E", value="v"),)},
    ],
)
def test_only_bare_messages_have_mined_templates(fields):
    """For all other errors the id of a template changes nothing."""
    event = error(**fields)
    assert not is_bare(event)
    assert fingerprint(event, template_id=7) == fingerprint(event)


def test_a_mined_template_stands_for_the_text():
    """Its id takes the place of the masked text; the logger stays."""
    event = error(message="tape 7 is full", logger="shop.jobs")
    assert fingerprint(event, template_id=7).parts == ("template: #7", "logger: shop.jobs")
    assert fingerprint(event, template_id=7) == template_fingerprint(7, fingerprint(event).parts)
    assert fingerprint(event, template_id=7).hash != fingerprint(event).hash


@given(st.text(max_size=30))
def test_no_template_of_a_client_is_taken_for_a_mined_one(text):
    """Masks take the digits of what a client calls its template."""
    parts = fingerprint(error(template=f"#7{text}", message="m")).parts
    assert not re.fullmatch(r"template: #\d+", parts[0])


def test_people_read_the_text_of_a_template():
    """The text takes the place of the first part; without one the parts stay."""
    parts = ("message: tape full", "logger: a")
    assert template_parts("tape <*> full", parts) == ("template: tape <*> full", "logger: a")
    assert template_parts("", parts) == parts


FROZEN = {
    "message": error(message="user 42 not found at 10.0.0.7", logger="shop.auth"),
    "template": error(message="user 42 not found", template="user %s not found"),
    "place": raised(frame("web.page"), frame("shop.pay"), type="KeyError"),
    "layer": raised(frame("shop.pay", "run(job)"), frame("deep.sea", "return fn(*args)")),
    "data layer": raised(frame("shop.pay"), frame("pond.send"), type="DatabaseError"),
    "name": raised(frame("shop.pay"), type="AttributeError", value="'Cart' object has no attribute 'sum'"),
    "client": error(message="m", fingerprint=("{{ default }}", "tenant")),
}


def test_version_1_is_frozen():
    """A hash that changes here regroups every installation: add a version instead."""
    found = {name: fingerprint(event) for name, event in FROZEN.items()}
    assert {each.version for each in found.values()} == {1}
    assert {name: each.hash[:12] for name, each in found.items()} == {
        "message": "21604f83c397",
        "template": "9f08604b8153",
        "place": "3ee63dccfe5b",
        "layer": "d6391721827a",
        "data layer": "dc49d6df016a",
        "name": "9f0f95eae526",
        "client": "ca9c251020b9",
    }
