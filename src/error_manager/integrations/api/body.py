"""Reads small JSON bodies into typed values (seed box: REST API)."""

from __future__ import annotations

from typing import Any, Final, TypeVar

import msgspec
from litestar import Request

from error_manager.core.errors import MalformedPayloadError, ValidationError
from error_manager.core.types import FieldError
from error_manager.security.auth import check_json

T = TypeVar("T")


class WeightBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """How much something matters to the business, 0.25 to 4; 1 is usual."""

    weight: float | None = None


_PREFIX: Final = "$."


async def read_json(request: Request[Any, Any, Any], kind: type[T]) -> T:
    """Return the body as ``kind``; an empty body is ``{}``.

    Raises:
        AuthorizationError: the body is a form.
        MalformedPayloadError: it is no JSON.
        ValidationError: a field is missing, wrong or unknown.
    """
    check_json(request.headers.get("content-type", ""))
    try:
        return msgspec.json.decode(await request.body() or b"{}", type=kind)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `")
        field = FieldError(path=path.rstrip("`").removeprefix(_PREFIX), message=message)
        raise ValidationError((field,)) from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise MalformedPayloadError from error
