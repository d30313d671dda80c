"""What clients of the ingest protocols are answered: status, headers, body (seed box: REST API).

Every answer carries the CORS headers: a browser hides from its page, and from the SDK in it, an answer
without them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from error_manager.core.errors import RateLimitedError, RequestError, ValidationError
from error_manager.flows.accepting import OVER_QUOTA, Acceptance, BatchAcceptance, ItemResult
from error_manager.storage.base import Grant

UNSUPPORTED: Final = (
    "86400:transaction;span;profile;profile_chunk;replay;session;trace_metric;metric_bucket"
    ":project:unsupported"
)
"""``X-Sentry-Rate-Limits`` that keeps SDKs from sending for a day what would be dropped; legal on 200."""
_CORS: Final = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"x-sentry-error, x-sentry-rate-limits, retry-after"),
)
_ALLOWED_HEADERS: Final = (
    b"x-sentry-auth, x-requested-with, x-forwarded-for, origin, referer, accept, content-type, "
    b"authentication, authorization, content-encoding, transfer-encoding"
)
_PREFLIGHT: Final = (
    (b"access-control-allow-methods", b"POST"),
    (b"access-control-allow-headers", _ALLOWED_HEADERS),
    (b"access-control-max-age", b"3600"),
)
_JSON: Final = (b"content-type", b"application/json")
_PROBLEM: Final = (b"content-type", b"application/problem+json")
_CLOSE: Final = (b"connection", b"close")
_TITLES: Final[Mapping[int, str]] = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    500: "Internal Server Error",
}
_MAX_HEADER_CHARS: Final = 200
Header = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, sent in one piece."""

    status: int
    body: bytes
    headers: tuple[Header, ...]


def preflight() -> Answer:
    """Return the answer to OPTIONS."""
    return Answer(204, b"", (*_CORS, *_PREFLIGHT))


def accepted(acceptance: Acceptance) -> Answer:
    """Return 200 with the id, and what not to send for a while."""
    limits = UNSUPPORTED
    grant = acceptance.grant
    if grant is not None and grant.retry_after_s:
        limits = f"{limits}, {_quota_limit(grant)}"
    return _sentry(200, {"id": acceptance.event_id} if acceptance.event_id else {}, limits)


def refused(error: RequestError) -> Answer:
    """Return the refusal as Sentry clients read it."""
    message = str(error)
    header = (b"x-sentry-error", _header_text(message))
    if isinstance(error, RateLimitedError):
        limits = f"{_limit(error)}, {UNSUPPORTED}"
        answer = _sentry(error.status, {"detail": message, "causes": []}, limits, header, _retry_after(error))
    else:
        answer = _sentry(error.status, {"detail": message, "causes": []}, UNSUPPORTED, header)
    return _closing(answer, error.status)


def results(acceptance: BatchAcceptance) -> Answer:
    """Return what became of each error in our own form: 200, or 422 when none is valid.

    When some are over quota, the answer says when to send those again.
    """
    items, grant = acceptance.items, acceptance.grant
    if any(item.event_id and not item.errors for item in items):
        headers = [*_CORS, _JSON]
        if grant.retry_after_s:
            headers.append((b"retry-after", str(grant.retry_after_s).encode()))
            headers.append((b"x-sentry-rate-limits", _quota_limit(grant).encode()))
        return Answer(200, msgspec.json.encode({"results": [_result(item) for item in items]}), (*headers,))
    errors = [
        {"index": item.index, "path": error.path, "message": error.message}
        for item in items
        for error in item.errors
    ]
    detail = "; ".join(f"{error['path'] or 'error'}: {error['message']}" for error in errors[:20])
    return problem(422, ValidationError.code, detail, errors=errors)


def refused_errors(error: RequestError) -> Answer:
    """Return the refusal of a request in our own form."""
    extra: tuple[Header, ...] = ()
    if isinstance(error, RateLimitedError):
        extra = (_retry_after(error), (b"x-sentry-rate-limits", _limit(error).encode()))
    return _closing(problem(error.status, error.code, str(error), *extra), error.status)


def problem(status: int, code: str, detail: str, *headers: Header, **members: object) -> Answer:
    """Return problem details (RFC 9457) with our stable ``code``."""
    body = {
        "type": "about:blank",
        "title": _TITLES[status],
        "status": status,
        "code": code,
        "detail": detail,
        **members,
    }
    return Answer(status, msgspec.json.encode(body), (*_CORS, _PROBLEM, *headers))


def plain(status: int, body: Mapping[str, object]) -> Answer:
    """Return a JSON object."""
    return Answer(status, msgspec.json.encode(body), (*_CORS, _JSON))


def _sentry(status: int, body: Mapping[str, object], limits: str, *headers: Header) -> Answer:
    return Answer(
        status,
        msgspec.json.encode(body),
        (*_CORS, _JSON, (b"x-sentry-rate-limits", limits.encode()), *headers),
    )


def _closing(answer: Answer, status: int) -> Answer:
    """Close the connection where the rest of a body is not wanted."""
    if status not in {408, 413}:
        return answer
    return Answer(answer.status, answer.body, (*answer.headers, _CLOSE))


def _limit(error: RateLimitedError) -> str:
    """Return ``seconds:categories:scope:reason``: a quota stops errors, overload stops everything."""
    categories = "error" if error.reason == RateLimitedError.reason else ""
    return f"{error.retry_after_s}:{categories}:{error.scope}:{error.reason}"


def _quota_limit(grant: Grant) -> str:
    return f"{grant.retry_after_s}:error:{grant.scope}:{RateLimitedError.reason}"


def _retry_after(error: RateLimitedError) -> Header:
    return b"retry-after", str(math.ceil(error.retry_after_s)).encode()


def _result(item: ItemResult) -> dict[str, object]:
    if item.errors:
        code = RateLimitedError.code if item.errors == (OVER_QUOTA,) else ValidationError.code
        errors = [{"path": error.path, "message": error.message, "code": code} for error in item.errors]
        return {"index": item.index, "errors": errors}
    return {"index": item.index, "id": item.event_id}


def _header_text(message: str) -> bytes:
    return " ".join(message.split())[:_MAX_HEADER_CHARS].encode("ascii", "replace")
