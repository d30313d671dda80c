"""Made-up errors by seed, each of a place of its own: applications with modules, layers and messages."""

from __future__ import annotations

import random
from datetime import datetime

from error_manager.core.ids import new_event_id
from error_manager.core.types import ErrorEvent, ExceptionInfo, Frame

_THINGS = (
    "order",
    "cart",
    "user",
    "invoice",
    "payment",
    "stock",
    "shipment",
    "coupon",
    "session",
    "token",
    "report",
    "export",
    "import",
    "search",
    "image",
    "price",
    "product",
    "review",
    "address",
    "account",
    "ledger",
    "quote",
    "refund",
    "ticket",
    "message",
    "queue",
    "job",
    "batch",
    "webhook",
    "audit",
)
_DEEDS = (
    "load",
    "save",
    "find",
    "send",
    "parse",
    "render",
    "update",
    "delete",
    "create",
    "check",
    "merge",
    "split",
    "apply",
    "charge",
    "cancel",
    "resize",
    "encode",
    "decode",
    "publish",
    "consume",
    "validate",
    "lookup",
    "reserve",
    "release",
    "sync",
    "fetch",
    "notify",
    "archive",
    "restore",
)
_LAYERS = (
    "api",
    "views",
    "tasks",
    "services",
    "models",
    "store",
    "client",
    "handlers",
    "jobs",
)
_TYPES = (
    "KeyError",
    "ValueError",
    "TypeError",
    "AttributeError",
    "TimeoutError",
    "ConnectionError",
    "PermissionError",
    "LookupError",
    "OperationalError",
    "IntegrityError",
    "HTTPError",
    "JSONDecodeError",
    "UnicodeDecodeError",
    "OSError",
    "RuntimeError",
    "NotFoundError",
    "ConflictError",
    "RateLimitError",
    "ValidationError",
    "StateError",
)
_TEXTS = (
    "no {thing} with id {number}",
    "{thing} {number} is already {deed}d",
    "could not {deed} {thing}: connection to 10.0.{small}.7:5432 refused",
    "timed out after {small} s waiting for {thing}",
    "expected {thing} to be a dict, got None",
    "unexpected status {status} from https://api.example.com/{thing}/{number}",
    "duplicate key value violates unique constraint {thing}_pkey",
    "{deed} of {thing} {number} failed",
)
_LIBRARIES = ("django.core.handlers.base", "celery.app.trace", "requests.sessions", "sqlalchemy.engine.base")


def event(seed: int, number: int, *, at: datetime) -> ErrorEvent:
    """Return the ``number``-th error; no two have the same place and type."""
    rnd = random.Random(f"{seed} {number}")
    thing, deed = rnd.choice(_THINGS), rnd.choice(_DEEDS)
    module = f"{thing}s{number % 997}.{rnd.choice(_LAYERS)}"
    function = f"{deed}_{thing}_{number // 997}"
    frames = [_library(rnd) for _ in range(rnd.randrange(4))]
    frames += [
        _own(rnd, f"app{rnd.randrange(20)}.{rnd.choice(_LAYERS)}") for _ in range(rnd.randrange(2, 12))
    ]
    frames.append(_frame(module, function, f"return self.{deed}({thing})", number % 400 + 1))
    raised = rnd.choice(_TYPES)
    text = rnd.choice(_TEXTS).format(
        thing=thing, deed=deed, number=number, small=rnd.randrange(1, 250), status=rnd.choice((500, 502, 404))
    )
    return ErrorEvent(
        event_id=new_event_id(rnd.randbytes(16)),
        timestamp=at,
        message=f"{raised}: {text}",
        platform="python",
        exceptions=(ExceptionInfo(type=raised, value=text, frames=tuple(frames)),),
    )


def _own(rnd: random.Random, module: str) -> Frame:
    deed, thing = rnd.choice(_DEEDS), rnd.choice(_THINGS)
    return _frame(module, f"{deed}_{thing}", f"return {deed}_{thing}({thing})", rnd.randrange(1, 900))


def _library(rnd: random.Random) -> Frame:
    module = rnd.choice(_LIBRARIES)
    path = f"/usr/lib/python3/site-packages/{module.replace('.', '/')}.py"
    return Frame(function=f"call_{rnd.randrange(6)}", module=module, abs_path=path, lineno=7, in_app=False)


def _frame(module: str, function: str, line: str, lineno: int) -> Frame:
    path = f"{module.replace('.', '/')}.py"
    return Frame(
        function=function,
        module=module,
        filename=path,
        abs_path=f"/srv/{path}",
        lineno=lineno,
        context_line=line,
        pre_context=("    # made up", "    value = None"),
        post_context=("", ""),
    )
