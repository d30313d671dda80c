"""A Flask shop whose payment fails with a cause; tags, user and breadcrumbs are set on the way."""

from __future__ import annotations

import flask
import reporting
import sentry_sdk
from sentry_sdk.integrations.flask import FlaskIntegration

reporting.start(integrations=[FlaskIntegration()])
app = flask.Flask(__name__)


class PaymentError(Exception):
    """The payment did not go through."""


def charge(amount: int) -> int:
    """Fail."""
    return amount // 0  # cause


@app.post("/orders/<int:order>/pay")
def pay(order: int) -> str:
    """Fail with a cause."""
    sentry_sdk.set_tag("shop", "north")
    sentry_sdk.set_tag("attempt", 2)
    sentry_sdk.set_user({"id": "u-17", "username": "ada", "plan": "gold"})
    sentry_sdk.add_breadcrumb(category="cart", message="order is complete", level="info", data={"lines": 3})
    try:
        charge(order)
    except ZeroDivisionError as error:
        raise PaymentError("order cannot be paid") from error  # crash
    return "paid"


print("status", app.test_client().post("/orders/7/pay?coupon=spring").status_code)
sentry_sdk.flush()
