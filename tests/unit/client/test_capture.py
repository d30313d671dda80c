"""What reaches the server of an exception, a message and bound context."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

import pytest

import error_manager


def fail(order: int) -> None:
    """Raise an exception that names the order."""
    raise ValueError(f"order {order}")


def capture(order: int = 1) -> str:
    """Report an exception of one place."""
    try:
        fail(order)
    except ValueError:
        return error_manager.capture_exception()


def test_an_exception_arrives_whole(begin, transport):
    """Type, message, frames, locals, release, runtime and thread arrive under the returned id."""
    begin(release="shop@1.2", environment="test", service="cart")
    event_id = capture(7)
    assert error_manager.flush(5)
    (error,) = transport.errors
    assert (error["event_id"], error["message"]) == (event_id, "ValueError: order 7")
    assert (error["release"], error["environment"], error["service"], error["server_name"]) == (
        "shop@1.2",
        "test",
        "cart",
        "box",
    )
    assert error["platform"] == "python"
    assert error["contexts"]["runtime"]["name"] == "cpython"
    assert error["contexts"]["thread"]["name"] == threading.current_thread().name
    exception = error["exceptions"][-1]
    assert (exception["type"], exception["value"], exception["is_handled"]) == ("ValueError", "order 7", True)
    frame = exception["frames"][-1]
    assert (frame["function"], frame["variables"]) == ("fail", {"order": "7"})
    assert "raise ValueError" in frame["context_line"]


def test_a_message_carries_severity_and_template(begin, transport):
    """A message arrives with its severity and template; an unknown severity counts as error."""
    begin()
    assert error_manager.capture_message("disk 1 full", severity="critical", template="disk %s full")
    assert error_manager.capture_message("odd", severity="no such thing")
    assert error_manager.flush(5)
    assert [(error["message"], error["severity"], error.get("template")) for error in transport.errors] == [
        ("disk 1 full", "critical", "disk %s full"),
        ("odd", "error", None),
    ]


def test_bound_context_goes_to_its_fields(begin, transport):
    """Names that are fields fill them, other names become extra data, values are those of the moment."""
    begin()
    cart = {"items": [1]}
    with error_manager.bind(
        user={"id": "u1", "plan": "pro"},
        tags={"shard": 3},
        contexts={"order": {"lines": 2}},
        transaction="POST /pay",
        module="shop.pay",
        error_code="E42",
        manager_context="checkout",
        severity="fatal",
        fingerprint=["pay", "declined"],
        cart=cart,
    ):
        capture()
        cart["items"].append(2)
    assert error_manager.flush(5)
    (error,) = transport.errors
    assert error["user"] == {"id": "u1", "data": {"plan": "pro"}}
    assert error["tags"] == {"shard": "3"}
    assert error["contexts"]["order"] == {"lines": 2}
    assert (error["transaction"], error["module"], error["error_code"]) == ("POST /pay", "shop.pay", "E42")
    assert (error["manager_context"], error["severity"]) == ("checkout", "fatal")
    assert error["fingerprint"] == ["pay", "declined"]
    assert error["extra"] == {"cart": {"items": [1]}}


def test_bind_ends_with_its_block_and_joins_tags(begin, transport):
    """Inner tags join outer ones; after the block only the outer ones are left."""
    begin(fold_window_s=0)
    with error_manager.bind(tags={"a": "1"}):
        with error_manager.bind(tags={"b": "2"}):
            capture()
        capture()
    capture()
    assert error_manager.flush(5)
    assert [error.get("tags") for error in transport.errors] == [{"a": "1", "b": "2"}, {"a": "1"}, None]


def test_bind_without_a_block_stays_for_the_task(begin, transport):
    """A permanent binding holds in its task alone."""
    begin(fold_window_s=0)

    async def work(name: str) -> None:
        error_manager.bind(tags={"task": name})
        await asyncio.sleep(0)
        capture()

    async def run() -> None:
        await asyncio.gather(work("one"), work("two"))

    asyncio.run(run())
    capture()
    assert error_manager.flush(5)
    assert [error.get("tags") for error in transport.errors] == [{"task": "one"}, {"task": "two"}, None]


def test_an_exception_takes_its_context_along(begin, transport):
    """Context of blocks that the exception has left is reported with it, the inner value winning."""
    begin()
    try:
        with error_manager.bind(order=1, step="outer"), error_manager.add_context(step="inner"):
            fail(1)
    except ValueError as exc:
        error_manager.capture_exception(exc)
    assert error_manager.flush(5)
    assert transport.errors[0]["extra"] == {"order": 1, "step": "inner"}


def test_the_decorator_adds_context_and_reraises(begin, transport):
    """Plain and async functions raise and return what they did before, with the context added."""
    begin(fold_window_s=0)

    @error_manager.add_context(part="plain")
    def plain(number: int) -> int:
        if number < 0:
            fail(number)
        return number

    @error_manager.add_context(part="async")
    async def later(number: int) -> int:
        await asyncio.sleep(0)
        return plain(number)

    assert plain(3) == 3
    assert asyncio.run(later(4)) == 4
    assert plain.__name__ == "plain"
    with pytest.raises(ValueError, match="order -1") as caught:
        plain(-1)
    error_manager.capture_exception(caught.value)
    with pytest.raises(ValueError, match="order -2") as caught:
        asyncio.run(later(-2))
    error_manager.capture_exception(caught.value)
    assert error_manager.flush(5)
    assert [error["extra"] for error in transport.errors] == [{"part": "plain"}, {"part": "plain"}]


def test_a_binding_survives_a_generator_closed_elsewhere(begin):
    """A block that is left in another context than it was entered in raises nothing."""
    begin()

    def numbers():
        with error_manager.bind(a=1):
            yield 1

    generator = numbers()
    thread = threading.Thread(target=lambda: next(generator))
    thread.start()
    thread.join()
    generator.close()


def test_secrets_are_masked_before_they_leave(begin, transport):
    """Texts, locals and extra data are masked; the user's identity is left to the server."""
    begin()
    with error_manager.bind(user={"email": "ada@example.com"}, contact="bob@example.com"):
        password = "hunter2-hunter2"  # noqa: F841  # it is to be found as a local
        try:
            raise ValueError("mail to carol@example.com failed")
        except ValueError:
            error_manager.capture_exception()
    assert error_manager.flush(5)
    (error,) = transport.errors
    text = str({name: value for name, value in error.items() if name != "user"})
    assert error["user"]["email"] == "ada@example.com"
    assert "bob@example" not in text
    assert "carol@example" not in text
    variables = error["exceptions"][-1]["frames"][-1]["variables"]
    assert "hunter2" not in variables["password"]


def test_before_send_may_change_or_keep_back(begin, transport):
    """What ``before_send`` returns is sent; None keeps the error back and is counted."""
    begin(before_send=lambda event: None if "secret" in event.message else event)
    error_manager.capture_message("open")
    error_manager.capture_message("secret")
    assert error_manager.flush(5)
    assert [error["message"] for error in transport.errors] == ["open"]
    assert error_manager.stats().dropped == {"before_send": 1}


def test_long_texts_are_cut_to_what_the_server_takes(begin, transport):
    """Texts of any length, and empty ones, are made to fit what the validator takes."""
    begin()
    with error_manager.bind(transaction="t" * 5_000, tags={"k" * 500: "v" * 500}, note="n" * 5_000):
        error_manager.capture_message("m" * 50_000, template="t" * 50_000)
        error_manager.capture_message("  ")
    assert error_manager.flush(5)
    first, second = transport.errors
    assert (len(first["message"]), len(first["template"]), len(first["transaction"])) == (8_192, 8_192, 1_024)
    assert first["extra"] == {"note": "n" * 511 + "…"}
    assert second["message"] == "(empty message)"


def test_odd_context_and_long_chains_arrive(begin, transport):
    """Values of unexpected types are described; a chain over the cap is cut, with a note that says so."""
    begin()
    exc: Exception = ValueError("first")
    for number in range(60):
        outer = ValueError(number)
        outer.__cause__ = exc
        exc = outer
    with error_manager.bind(user={"id": ["u", 1]}, tags="none", fingerprint="one", contexts=5):
        error_manager.capture_exception(exc)
    with error_manager.bind(user="u-9"):
        error_manager.capture_message("m")
    assert error_manager.flush(5)
    first, second = transport.errors
    assert (first["user"], second["user"]) == ({"id": str(["'u'", "1"])}, {"id": "u-9"})
    assert first["fingerprint"] == ["one"]
    assert len(first["exceptions"]) == 50
    assert first["notes"][0]["path"] == "exceptions"


def test_labels_are_cut(begin, transport):
    """Release and environment, given or changed by ``before_send``, are cut to what the server takes."""
    begin(release="r" * 300, before_send=lambda event: replace(event, environment="e" * 300))
    error_manager.capture_message("m")
    assert error_manager.flush(5)
    (error,) = transport.errors
    assert (error["release"], error["environment"]) == ("r" * 199 + "…", "e" * 199 + "…")


def test_what_before_send_breaks_is_dropped(begin, transport):
    """An error that ``before_send`` made invalid is counted, not sent."""
    begin(before_send=lambda event: replace(event, message=""))
    error_manager.capture_message("m")
    assert error_manager.flush(5)
    assert error_manager.stats().dropped == {"invalid": 1}


def test_nothing_happens_without_init(begin, transport):
    """Before ``init`` and after ``close`` every function is harmless."""
    assert error_manager.capture_exception(ValueError("x")) == ""
    assert error_manager.capture_message("x") == ""
    assert error_manager.flush()
    assert error_manager.close()
    assert error_manager.stats().captured == 0
    begin()
    assert error_manager.capture_exception() == ""


@pytest.mark.parametrize(
    "dsn", ["ftp://key@host/1", "http://host/1", "http://key@host", "http://key@:x/1", "nonsense"]
)
def test_a_wrong_dsn_is_named_and_switches_off(dsn, capsys):
    """A DSN that cannot be used is told on stderr; the application goes on."""
    assert not error_manager.init(dsn)
    assert "errors are not reported" in capsys.readouterr().err
    assert error_manager.capture_message("x") == ""


def test_the_environment_is_read(monkeypatch, begin, transport):
    """Release and environment come from the variables when no argument says otherwise."""
    monkeypatch.setenv("ERROR_MANAGER_RELEASE", "r9")
    monkeypatch.setenv("ERROR_MANAGER_ENVIRONMENT", "staging")
    begin(environment="argument")
    error_manager.capture_message("x")
    assert error_manager.flush(5)
    assert (transport.errors[0]["release"], transport.errors[0]["environment"]) == ("r9", "argument")


def test_all_names_are_the_documented_ones():
    """``__all__`` of the package is that of the module behind it."""
    from error_manager.client import api  # noqa: PLC0415  # private to this test

    assert error_manager.__all__ == api.__all__
