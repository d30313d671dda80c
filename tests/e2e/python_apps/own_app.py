"""Our own client: causes, groups, notes, context, logging, a tight loop, middleware, and a crash at last."""

from __future__ import annotations

import contextlib
import logging
import sys

import error_manager
from error_manager.client.frameworks.wsgi import WsgiMiddleware

error_manager.init(sys.argv[1], release="shop@1.4.2", environment="staging", service="orders")


class PaymentError(Exception):
    """The payment did not go through."""


def charge(amount: int) -> int:
    """Fail."""
    card = "4111 1111 1111 1111"
    return len(card) // (amount - amount)  # cause


@error_manager.add_context(part="checkout")
def pay(order: int) -> int:
    """Fail with a cause and a note."""
    try:
        return charge(order)
    except ZeroDivisionError as error:
        failed = PaymentError("order cannot be paid")
        failed.add_note("the customer is waiting")
        raise failed from error  # crash


def tell(event_id: str) -> None:
    """Print the id as all applications do."""
    print(f"sent {event_id}", flush=True)


with error_manager.bind(user={"id": "u-17", "username": "ada"}, tags={"shop": "north"}):
    try:
        pay(7)
    except PaymentError as error:
        tell(error_manager.capture_exception(error))
tell(
    error_manager.capture_exception(
        ExceptionGroup("no offer", [TimeoutError("east did not answer"), ValueError("west sent nonsense")])
    )
)
tell(error_manager.capture_message("stock is low", severity="warning"))
logging.getLogger("shop.batch").error("%d orders are late in %s", 12, "warehouse 3")
for _ in range(100):
    error_manager.capture_message("tight loop")


def application(environ: object, start_response: object) -> list[bytes]:
    """Fail on every request."""
    raise LookupError("no such page")


request = {"REQUEST_METHOD": "GET", "PATH_INFO": "/offers", "HTTP_HOST": "shop"}
with contextlib.suppress(LookupError):
    WsgiMiddleware(application)(request, lambda *_: None)
error_manager.flush(10)
pay(8)
