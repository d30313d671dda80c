"""The application behind the ingest endpoints: pages, API, live events (seed boxes: REST API, Dashboard)."""

from __future__ import annotations

from typing import Final

from litestar import Litestar, Router
from litestar.datastructures import MutableScopeHeaders
from litestar.di import Provide
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.types import Message, Scope

from error_manager.flows.services import QueryServices
from error_manager.integrations.api import books, errors, findings, patterns, projects, regrouping, rules
from error_manager.integrations.web.api_docs import show_docs
from error_manager.integrations.web.failure import answer_failure
from error_manager.integrations.web.gate import require_caller
from error_manager.integrations.web.live import stream_events
from error_manager.integrations.web.login import show_link, show_login, sign_in, sign_out
from error_manager.integrations.web.pages import router as pages
from error_manager.integrations.web.template import SECURITY_HEADERS

_MAX_BODY_BYTES: Final = 64 * 1024


def create_app(services: QueryServices) -> Litestar:
    """Return the application; it keeps no state but ``services`` and needs no start-up."""
    app = bare_app(services.version)
    give(app, services)
    return app


def give(app: Litestar, services: QueryServices) -> None:
    """Let a bare application answer from these services."""
    app.state.services = services


def bare_app(version: str) -> Litestar:
    """Return the application without services; it can be made before there are any, once for many processes.

    Args:
        version: of the product, for the description of the API.
    """
    api = Router(
        path="/api/v1",
        route_handlers=[
            errors.router,
            patterns.router,
            regrouping.router,
            projects.router,
            rules.router,
            findings.router,
            books.router,
        ],
    )
    app = Litestar(
        route_handlers=[
            api,
            pages,
            books.read_metrics,
            show_login,
            show_link,
            sign_in,
            sign_out,
            stream_events,
            show_docs,
        ],
        guards=[require_caller],
        dependencies={"services": Provide(lambda: app.state.services, sync_to_thread=False, use_cache=True)},
        exception_handlers={Exception: answer_failure},
        before_send=[_add_security_headers],
        openapi_config=_openapi(version),
        request_max_body_size=_MAX_BODY_BYTES,
        logging_config=None,
        debug=False,
        pdb_on_exception=False,
    )
    return app


def _openapi(version: str) -> OpenAPIConfig:
    scheme = SecurityScheme(
        type="http",
        scheme="bearer",
        description="An API key: `admin_token` in the data folder's `connection.json`.",
    )
    return OpenAPIConfig(
        title="Error Manager",
        use_handler_docstrings=True,
        version=version,
        description="Errors, patterns and the ledger. Errors of the API are RFC 9457 problem details.",
        components=Components(security_schemes={"key": scheme}),
        security=[{"key": []}],
        render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        openapi_router=Router(
            path="/api", route_handlers=[], opt={"is_public": True}, include_in_schema=False
        ),
    )


async def _add_security_headers(message: Message, scope: Scope) -> None:  # noqa: ARG001  # Litestar passes both
    """Add the headers that every answer carries, also those of failures; what a route set itself stays."""
    if message["type"] != "http.response.start":
        return
    headers = MutableScopeHeaders.from_message(message)
    for name, value in SECURITY_HEADERS.items():
        if name not in headers:
            headers[name] = value
