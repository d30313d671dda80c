"""Errors of the API as RFC 9457 problem details (seed box: REST API). Pure."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from litestar.exceptions import HTTPException, ValidationException

from error_manager.core.errors import (
    PoisonBatchError,
    RateLimitedError,
    RequestError,
    StorageUnavailableError,
    ValidationError,
)

MEDIA_TYPE: Final = "application/problem+json"
_AWAY: Final = (
    "The database is away. Errors are still accepted and wait in the inbox; nothing is lost. Try again in "
    "a few seconds; if it stays away, run: error-manager doctor"
)
_DETAILS: Final = {404: "There is nothing at this address. /api/docs lists what there is."}
_CODES: Final = {
    400: "malformed",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_encoding",
    422: "invalid_fields",
    429: "rate_limited",
}


def problem(error: Exception) -> tuple[int, dict[str, object], dict[str, str]]:  # noqa: PLR0911  # one line per kind
    """Return status, body and headers that tell of an exception; foreign ones say nothing but "internal"."""
    match error:
        case ValidationError():
            wrong = [{"path": field.path, "message": field.message} for field in error.errors]
            return _made(error.status, error.code, str(error), errors=wrong)
        case RateLimitedError():
            return _made(
                error.status, error.code, str(error), headers={"Retry-After": str(error.retry_after_s)}
            )
        case RequestError(status=401):
            headers = {"WWW-Authenticate": 'Bearer realm="error-manager"'}
            return _made(401, error.code, str(error), headers=headers)
        case RequestError():
            return _made(error.status, error.code, str(error))
        case StorageUnavailableError():
            return _made(503, error.code, _AWAY, headers={"Retry-After": "5"})
        case PoisonBatchError():
            return _made(422, "invalid_fields", "A value is outside of what the database can look for.")
        case ValidationException():
            return _made(422, "invalid_fields", "Fields are wrong.", errors=_fields(error))
        case HTTPException():
            code = _CODES.get(error.status_code, "request")
            headers = dict(error.headers or {})
            detail = _DETAILS.get(error.status_code) or HTTPStatus(error.status_code).description or ""
            return _made(error.status_code, code, detail, headers=headers)
        case _:
            return _made(500, "internal", "Something in Error Manager went wrong; its log says what.")


def _made(
    status: int,
    code: str,
    detail: str,
    *,
    errors: list[dict[str, str]] | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, dict[str, object], dict[str, str]]:
    body: dict[str, object] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
    }
    if errors:
        body["errors"] = errors
    return status, body, headers or {}


def _fields(error: ValidationException) -> list[dict[str, str]]:
    """Return Litestar's findings in our form."""
    found = error.extra if isinstance(error.extra, list) else []
    return [
        {"path": str(item.get("key", "")), "message": str(item.get("message", ""))}
        for item in found
        if isinstance(item, dict)
    ]
