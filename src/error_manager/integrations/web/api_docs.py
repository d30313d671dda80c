"""A readable page of the OpenAPI description, without anything from elsewhere (seed box: REST API)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from litestar import Request, Response, get

from error_manager.integrations.web.template import html

_METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterLine:
    """One parameter as the page shows it."""

    name: str
    where: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationLine:
    """One operation as the page shows it."""

    method: str
    path: str
    summary: str
    description: str
    parameters: tuple[ParameterLine, ...]


@get("/api/docs", opt={"is_public": True}, include_in_schema=False)
async def show_docs(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Show the operations of the API."""
    return html("api_docs.html", frame=None, operations=operations(request.app.openapi_schema.to_schema()))


def operations(schema: dict[str, Any]) -> tuple[OperationLine, ...]:
    """Return the operations of an OpenAPI description, by path.

    Raises:
        KeyError: a parameter says nothing of itself, which a test finds first.
    """
    return tuple(
        OperationLine(
            method=method.upper(),
            path=path,
            summary=item[method].get("summary", ""),
            description=item[method].get("description", ""),
            parameters=tuple(_parameter(found) for found in item[method].get("parameters", ())),
        )
        for path, item in sorted(schema["paths"].items())
        for method in _METHODS
        if method in item
    )


def _parameter(found: dict[str, Any]) -> ParameterLine:
    return ParameterLine(name=found["name"], where=found["in"], description=found["description"])
