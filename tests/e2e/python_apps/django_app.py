"""A Django project in one file whose view fails while another exception is handled."""

from __future__ import annotations

import reporting
import sentry_sdk
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path
from sentry_sdk.integrations.django import DjangoIntegration
from werkzeug.test import Client

reporting.start(integrations=[DjangoIntegration()])
settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="k", MIDDLEWARE=[])


def stock(_request: HttpRequest, article: str) -> HttpResponse:
    """Fail while failing."""
    shelf: dict[str, int] = {}
    try:
        return HttpResponse(str(shelf[article]))
    except KeyError:
        raise LookupError(f"no shelf for {article}")  # crash  # noqa: B904  # the implicit chain is the point


urlpatterns = [path("stock/<str:article>/", stock)]
print("status", Client(get_wsgi_application()).get("/stock/lamp/?shelf=3").status_code)
sentry_sdk.flush()
