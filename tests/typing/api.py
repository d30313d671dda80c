"""Uses of the client library that mypy must accept and understand."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import assert_type

import error_manager
from error_manager.client.frameworks.asgi import AsgiMiddleware
from error_manager.client.frameworks.wsgi import WsgiMiddleware
from error_manager.core.types import ErrorEvent


def keep(event: ErrorEvent) -> ErrorEvent | None:
    return event


assert_type(error_manager.init("http://key@host/1", release="r", before_send=keep, hooks=["logging"]), bool)
assert_type(error_manager.capture_exception(), str)
assert_type(error_manager.capture_exception(ValueError("x")), str)
assert_type(error_manager.capture_message("x", severity="fatal"), str)
assert_type(error_manager.flush(1.0), bool)
assert_type(error_manager.close(), bool)
assert_type(error_manager.stats().dropped, Mapping[str, int])
error_manager.bind(user={"id": "1"}, anything=object())


@error_manager.add_context(part="plain")
def double(number: int) -> int:
    return 2 * number


@error_manager.add_context(part="async")
async def later(number: int) -> str:
    await asyncio.sleep(0)
    return str(number)


async def use() -> None:
    with error_manager.bind(a=1), error_manager.add_context(b=2):
        assert_type(double(1), int)
    assert_type(await later(1), str)
    error_manager.watch_loop(asyncio.get_running_loop())


async def asgi(scope: object, receive: object, send: object) -> None:
    return


asgi_app = AsgiMiddleware(asgi)
wsgi_app = WsgiMiddleware(lambda environ, start_response: [b"ok"])
