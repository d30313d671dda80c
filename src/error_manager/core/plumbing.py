"""Which frames of an application only carry others: retries, guards, data layers (seed box: Fingerprint).

Such a frame is where many different faults surface; what called it is the better name of the place. Its line
of code says it best (it forwards its arguments, or raises what it was given) and needs no list of names.
Where the line is missing, or says nothing, the usual names of such layers decide.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from error_manager.core.place import plain_module
from error_manager.core.types import Frame

_FORWARDS: Final = re.compile(
    r"\(\s*\*\w+|,\s*\*\*?\w+\s*\)"  # f(*args), f(self, *args, **kwargs)
    r"|\(\s*\.\.\.\w+|,\s*\.\.\.\w+\s*\)"  # f(...args)
    r"|\.(?:apply|call)\(\s*(?:this|null|self|undefined)\b"  # f.apply(this, arguments)
    r"|\bblock\.call\b|\byield\b|\.invoke\(|\bproceed\(\)"
)
"""Calls that hand on whatever they were given."""
_RAISES_GIVEN: Final = re.compile(
    r"\b(?:raise|throw)"
    r"(?:(?:\s+(?:self\.|this\.|\$)?_{0,2}[a-z]\w*(?:\.\w+)?(?:\s+from\s+\w+)?)?\s*;?\s*$"  # raise error
    r"|\s+(?:new\s+)?[A-Za-z_][\w.:]*\(\s*\$?(?:msg|message|text|reason|error|err|exc|detail)\s*\))"
)
"""Raises what a caller made, or with the words of a caller."""
_RAISES: Final = re.compile(r"\b(?:raise|throw)\s+(?:new\s+)?[A-Za-z_][\w.:]*\b|\bpanic\(")
_DATA_TYPE: Final = re.compile(
    r"(?:Database|SQL|Sql|Query|Cursor|Operational|Programming|Integrity|Interface|Redis|Mongo|Driver|Storage)"
    r"\w*"
    r"(?:Error|Exception)$"
)
"""Types that a data layer raises for whatever its callers asked of it."""
_PLUMBING_WORDS: Final = frozenset(
    [
        "wrapper",
        "wrapped",
        "wrap",
        "inner",
        "outer",
        "decorator",
        "decorated",
        "invoke",
        "invoker",
        "call",
        "caller",
        "retry",
        "retrying",
        "retries",
        "attempt",
        "execute",
        "exec",
        "executor",
        "db",
        "sql",
        "query",
        "statement",
        "cursor",
        "run",
        "runner",
        "fetchone",
        "fetchall",
        "many",
        "step",
        "unwrap",
        "expect",
        "ensure",
        "check",
        "guard",
        "assert",
        "raise",
        "reraise",
        "throw",
        "fail",
        "apply",
        "dispatch",
        "proxy",
        "intercept",
        "interceptor",
        "timed",
        "traced",
        "measured",
        "transaction",
        "tx",
        "in",
        "with",
        "for",
        "status",
        "ok",
        "error",
        "async",
        "sync",
        "to",
        "thread",
    ]
)
"""A function whose name has only such words says how it is called, not what it does."""
_PLUMBING_MODULES: Final = frozenset(
    [
        "db",
        "database",
        "sql",
        "util",
        "utils",
        "helper",
        "helpers",
        "common",
        "commons",
        "shared",
        "decorators",
        "decorator",
        "wrappers",
        "retry",
        "retrying",
        "retries",
        "middleware",
        "result",
        "results",
        "guard",
        "guards",
        "tx",
        "transaction",
        "transactions",
        "pipeline",
        "metrics",
        "tracing",
    ]
)
"""Layers shared by many callers, by the last part of the module's name."""
_LAYER_PACKAGES: Final = frozenset(
    [
        "core",
        "common",
        "commons",
        "lib",
        "libs",
        "shared",
        "infra",
        "infrastructure",
        "util",
        "utils",
        "helper",
        "helpers",
        "base",
        "support",
        "platform",
        "kernel",
        "foundation",
        "framework",
        "toolkit",
        "toolbox",
        "tools",
        "middleware",
        "internal",
        "system",
    ]
)
"""Packages of an application that hold its layers, by the first part of the module's name."""


def anchor(own: Sequence[Frame], raised: str, *, is_leaf_own: bool) -> int:
    """Return the index of the frame that names the place of an error, the innermost one that is no plumbing.

    Args:
        own: frames of the application, oldest first, at least one; recursion is one frame.
        raised: the type of the raised exception, "" when unknown.
        is_leaf_own: whether the innermost frame of the whole stack is the last of them.
    """
    last = len(own) - 1
    if is_leaf_own and _DATA_TYPE.search(raised):
        while last > 0 and _module(own[last]) == _module(own[-1]):
            last -= 1
        if _module(own[last]) == _module(own[-1]):
            last = len(own) - 1  # the whole application is one module
    for place in range(last, -1, -1):
        if not is_plumbing(own[place]):
            return place
    return len(own) - 1


def is_plumbing(frame: Frame) -> bool:
    """Return whether a frame of the application only carries others."""
    line = frame.context_line
    if line:
        verdict = _verdict(line)
        if verdict is not None:
            return verdict
    return _is_plumbing_name(frame.function, _module(frame), has_line=bool(line))


def _module(frame: Frame) -> str:
    return plain_module(frame.module, frame.filename)


@lru_cache(maxsize=8_192)
def _verdict(line: str) -> bool | None:
    """Return what the line says of its frame: plumbing, the place itself, or (None) nothing."""
    line = line.strip()[:500]
    if _FORWARDS.search(line) or _RAISES_GIVEN.search(line):
        return True
    return False if _RAISES.search(line) else None


@lru_cache(maxsize=8_192)
def _is_plumbing_name(function: str, module: str, *, has_line: bool) -> bool:
    words = [word for word in function.rpartition(".")[2].lower().split("_") if word]
    if words and all(word in _PLUMBING_WORDS for word in words):
        return True
    parts = module.lower().replace("/", ".").split(".")
    return parts[-1] in _PLUMBING_MODULES or (not has_line and len(parts) > 1 and parts[0] in _LAYER_PACKAGES)
