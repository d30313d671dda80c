"""ASGI and WSGI: errors carry their request; what the application raises is reported and raised again."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

import error_manager
from error_manager.client.frameworks.asgi import AsgiMiddleware
from error_manager.client.frameworks.wsgi import WsgiMiddleware


def asgi_scope(**changes):
    """Return the scope of a request."""
    return {
        "type": "http",
        "scheme": "https",
        "method": "POST",
        "path": "/pay/7",
        "query_string": b"a=1",
        "headers": [
            (b"host", b"shop.example"),
            (b"user-agent", b"curl"),
            (b"authorization", b"Bearer s3cret"),
        ],
    } | changes


def test_asgi_reports_request_and_route(begin, transport):
    """The error of a request carries address, method, harmless headers, and the route as transaction."""
    begin()

    async def app(scope, receive, send):
        scope["route"] = SimpleNamespace(path="/pay/{order}")
        raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        asyncio.run(AsgiMiddleware(app)(asgi_scope(), None, None))
    assert error_manager.flush(5)
    (error,) = transport.errors
    assert error["request"] == {
        "url": "https://shop.example/pay/7",
        "method": "POST",
        "query_string": "a=1",
        "headers": {"host": "shop.example", "user-agent": "curl"},
    }
    assert error["transaction"] == "POST /pay/{order}"
    assert (error["exceptions"][-1]["mechanism"], error["exceptions"][-1]["is_handled"]) == ("asgi", False)


def test_asgi_adds_the_request_to_handled_errors(begin, transport):
    """An error reported inside a request carries it; one after the request does not."""
    begin(fold_window_s=0)

    async def app(scope, receive, send):
        error_manager.capture_message("inside")

    async def run():
        await AsgiMiddleware(app)(asgi_scope(server=("10.0.0.1", 80), headers=[]), None, None)
        error_manager.capture_message("outside")

    asyncio.run(run())
    assert error_manager.flush(5)
    assert [("request" in error, error["message"]) for error in transport.errors] == [
        (True, "inside"),
        (False, "outside"),
    ]


def test_asgi_nested_middleware_reports_once(begin, transport):
    """Two middlewares around one application report its error once."""
    begin()

    async def app(scope, receive, send):
        raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        asyncio.run(AsgiMiddleware(AsgiMiddleware(app))(asgi_scope(), None, None))
    assert error_manager.flush(5)
    assert error_manager.stats().captured == 1


ENVIRON = {
    "REQUEST_METHOD": "GET",
    "SCRIPT_NAME": "/shop",
    "PATH_INFO": "/cart",
    "QUERY_STRING": "",
    "SERVER_NAME": "box",
    "SERVER_PORT": "80",
    "wsgi.url_scheme": "http",
    "HTTP_COOKIE": "session=1",
    "HTTP_ACCEPT": "*/*",
    "CONTENT_TYPE": "text/plain",
}


def test_wsgi_reports_errors_of_the_call(begin, transport):
    """An error of the application carries its request and is raised again."""
    begin()

    def app(environ, start_response):
        raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        WsgiMiddleware(app)(dict(ENVIRON), None)
    assert error_manager.flush(5)
    (error,) = transport.errors
    assert error["request"] == {
        "url": "http://box:80/shop/cart",
        "method": "GET",
        "headers": {"Accept": "*/*", "Content-Type": "text/plain"},
    }
    assert error["transaction"] == "GET /shop/cart"


def test_wsgi_reports_errors_of_the_answer(begin, transport):
    """Errors while the answer is made and while it is closed are reported; parts pass unchanged."""
    begin()

    class Answer:
        def __iter__(self):
            yield b"one"
            raise ValueError("later")

        def close(self):
            raise KeyError("closing")

    answer = WsgiMiddleware(lambda environ, start_response: Answer())(dict(ENVIRON), None)
    parts = iter(answer)
    assert next(parts) == b"one"
    with pytest.raises(ValueError, match="later"):
        next(parts)
    with pytest.raises(KeyError):
        answer.close()
    assert error_manager.flush(5)
    assert [error["exceptions"][-1]["type"] for error in transport.errors] == ["ValueError", "KeyError"]
    assert all(error["request"]["method"] == "GET" for error in transport.errors)


def test_wsgi_passes_a_plain_answer(begin, transport):
    """A list is passed part by part, and nothing is reported."""
    begin()
    answer = WsgiMiddleware(lambda environ, start_response: [b"a", b"b"])(dict(ENVIRON), None)
    assert list(answer) == [b"a", b"b"]
    answer.close()
    assert error_manager.stats().captured == 0
