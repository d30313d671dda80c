"""A Django project in one file whose view fails while another exception is handled."""

from __future__ import annotations

import django
import reporting
import sentry_sdk
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from sentry_sdk.integrations.django import DjangoIntegration

reporting.start(integrations=[DjangoIntegration()])
settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="k", MIDDLEWARE=[])
django.setup()


def stock(_request: HttpRequest, article: str) -> HttpResponse:
    shelf: dict[str, int] = {}
    try:
        return HttpResponse(str(shelf[article]))
    except KeyError:
        raise LookupError(f"no shelf for {article}")  # crash  # noqa: B904  # the implicit chain is the point


urlpatterns = [path("stock/<str:article>/", stock)]
print("status", Client(raise_request_exception=False).get("/stock/lamp/").status_code)
sentry_sdk.flush()
