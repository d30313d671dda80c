"""Names of places in code that outlast installs, releases and generated classes (seed box: Fingerprint)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from error_manager.core.types import Frame

_GENERATED_CLASS: Final = re.compile(
    r"\$\$(?:Lambda|EnhancerBy\w*|FastClassBy\w*|SpringCGLIB|HibernateProxy|Proxy|_\w*)[\w$/.]*"
    r"|\$Proxy[0-9]+|\$(?:Lambda)?[0-9]+(?:/0x[0-9a-f]+)?"  # anonymous classes and lambdas of the JVM
    r"|/0x[0-9a-f]+"
    r"|\+?<>c(?:__DisplayClass[0-9_]+)?"  # closures of .NET
)
_STATE_MACHINE: Final = re.compile(r"\+?<(\w+)>d__[0-9]+")
_GENERATED_FUNCTION: Final = (
    (re.compile(r"^lambda\$(\w+)\$[0-9]+$"), r"\1"),
    (re.compile(r"^<(\w+)>[bg]__[\w|]+$"), r"\1"),
    (re.compile(r"(?:\.func[0-9]+|\.gowrap[0-9]+|\.[0-9]+)+$"), ".func"),
    (re.compile(r"_v[0-9]+$"), ""),
    (re.compile(r"::h[0-9a-f]{16}$"), ""),
    (re.compile(r"^(?:async|bound|Object|Module) (?=\w)"), ""),
    (re.compile(r"^(?:block(?: \([0-9]+ levels\))? in|rescue in|ensure in) "), ""),
    (re.compile(r"\.<locals>"), ""),
)
_BUNDLE_HASH: Final = re.compile(r"[.\-_~](?=[0-9a-fA-F]*[0-9])[0-9a-fA-F]{5,64}(?=[.\-_~])")
_VERSION_FOLDER: Final = re.compile(
    r"/(?:releases?|rel|versions?|v|build)?[-_.]?v?[0-9]+(?:[.\-_][0-9]+)*(?=/)"
)
_ROOTS: Final = ("/site-packages/", "/dist-packages/", "/node_modules/", "/src/", "/lib/", "/app/")
_ENDINGS: Final = re.compile(r"\.(?:pyc?|js|jsx|mjs|cjs|ts|tsx|java|kt|go|rb|php|cs|vue)$")
_SCHEME: Final = re.compile(r"^[a-z][a-z0-9+.-]{0,20}://[^/]*/")
_ANONYMOUS: Final = frozenset({"", "?", "<anonymous>", "<unknown>", "anonymous", "<lambda>"})

_COMPREHENSIONS: Final = frozenset(
    {"<genexpr>", "<listcomp>", "<dictcomp>", "<setcomp>", "<lambda>", "<anonymous>", "?", ""}
)
"""Frames inside a function that older runtimes show and newer ones do not (PEP 709), or that have no name."""

_ROOT_PARTS: Final = frozenset({"src", "app", "apps", "lib", "source", "__main__"})
"""Leading parts of a module that depend on from where the program is started."""


@lru_cache(maxsize=8_192)
def plain_module(module: str, filename: str) -> str:
    """Return the module without generated parts, or the file without install folder and hash."""
    if module:
        plain = _GENERATED_CLASS.sub("", _STATE_MACHINE.sub("", module))
        parts = plain.split(".")
        while len(parts) > 1 and parts[0] in _ROOT_PARTS:
            del parts[0]
        return ".".join(parts)
    path = _SCHEME.sub("", filename.replace("\\", "/")).split("?", 1)[0]
    path = _VERSION_FOLDER.sub("", f"/{path.lstrip('./')}")
    for root in _ROOTS:
        path = path.rpartition(root)[2]
    path = _ENDINGS.sub("", _BUNDLE_HASH.sub("", path)).strip("/")
    return "/".join(path.split("/")[-3:])


@lru_cache(maxsize=8_192)
def plain_function(function: str, module: str = "") -> str:
    """Return the name of the function without what compilers and releases append, "" for an anonymous one."""
    if function in _ANONYMOUS:
        return ""
    if function == "MoveNext" and (found := _STATE_MACHINE.search(module)):
        return found.group(1)
    for pattern, replacement in _GENERATED_FUNCTION:
        function = pattern.sub(replacement, function)
    return function


def place_name(frame: Frame) -> str:
    """Return ``module.function`` of a frame in its lasting form."""
    module = plain_module(frame.module, frame.filename or frame.abs_path)
    function = plain_function(frame.function, frame.module)
    return ".".join(part for part in (module, function) if part)


def is_nested(frame: Frame) -> bool:
    """Return whether a frame is a nameless function inside another one."""
    return frame.function.rpartition(".")[2] in _COMPREHENSIONS


def is_nameless(frame: Frame) -> bool:
    """Return whether the frame has no function to go by: the top of a module, an anonymous function."""
    return is_nested(frame) or frame.function in {"<module>", "<top>", "main.<anonymous>"}


def is_minified(frame: Frame) -> bool:
    """Return whether names and lines of a frame mean nothing: a bundle of JavaScript without source map."""
    name = frame.filename or frame.abs_path
    return frame.lineno <= 2 and frame.colno > 200 and len(frame.function) <= 3 and ".js" in name


def collapse(frames: Iterable[Frame]) -> list[Frame]:
    """Return the frames with each row of the same function (recursion) as one: its last call."""
    kept: list[Frame] = []
    for frame in frames:
        if kept and (kept[-1].function, kept[-1].module, kept[-1].filename) == (
            frame.function,
            frame.module,
            frame.filename,
        ):
            kept[-1] = frame
        else:
            kept.append(frame)
    return kept
