"""Which frames belong to the application and which to a library or the runtime (seed box: Error Wrapper).

Used where the client did not say: by the decoders, and by our own client. A wrong answer costs little (a
frame is folded on the page); so the rules are few, by platform, and need no file system.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Final

_LIBRARY_FOLDERS: Final = (
    "/site-packages/",
    "/dist-packages/",
    "/node_modules/",
    "/bower_components/",
    "/vendor/bundle/",
    "/.cargo/registry/",
    "/pkg/mod/",
    "/.pub-cache/",
    "/usr/local/go/",
    "/rustc/",
)
"""In a path of any platform: code that was installed, not written here."""

_NATIVE_PACKAGES: Final = (
    "/usr/lib",
    "/lib/",
    "/lib64/",
    "/System/Library/",
    "/usr/local/lib/",
    "C:/Windows/",
)

_JAVASCRIPT_PREFIXES: Final = (
    "node:",
    "internal/",
    "webpack/",
    "webpack:///webpack/",
    "chrome-extension://",
    "moz-extension://",
    "safari-extension://",
    "safari-web-extension://",
    "<anonymous>",
    "native ",
    "[native",
)

_JVM_PREFIXES: Final = (
    "java.",
    "javax.",
    "jakarta.",
    "jdk.",
    "sun.",
    "com.sun.",
    "kotlin.",
    "kotlinx.",
    "scala.",
    "groovy.",
    "clojure.",
    "android.",
    "androidx.",
    "com.android.",
    "dalvik.",
    "akka.",
    "io.netty.",
    "io.grpc.",
    "io.micronaut.",
    "io.quarkus.",
    "io.vertx.",
    "io.sentry.",
    "io.undertow.",
    "reactor.",
    "org.apache.",
    "org.codehaus.",
    "org.eclipse.",
    "org.hibernate.",
    "org.jboss.",
    "org.junit.",
    "org.postgresql.",
    "org.slf4j.",
    "org.springframework.",
    "ch.qos.logback.",
    "com.fasterxml.",
    "com.google.common.",
    "com.mysql.",
    "com.zaxxer.hikari.",
    "feign.",
    "okhttp3.",
    "retrofit2.",
)
_DOTNET_PREFIXES: Final = ("System.", "Microsoft.", "Windows.", "Sentry.", "Newtonsoft.", "Npgsql.", "Mono.")
_RUST_PREFIXES: Final = (
    "std::",
    "core::",
    "alloc::",
    "tokio::",
    "<core::",
    "<alloc::",
    "<std::",
    "__rust",
    "rust_",
)

_GO_ROOTS: Final = frozenset(
    [
        "archive",
        "bufio",
        "bytes",
        "cmp",
        "compress",
        "container",
        "context",
        "crypto",
        "database",
        "debug",
        "embed",
        "encoding",
        "errors",
        "expvar",
        "flag",
        "fmt",
        "go",
        "hash",
        "html",
        "image",
        "index",
        "io",
        "iter",
        "log",
        "maps",
        "math",
        "mime",
        "net",
        "os",
        "path",
        "plugin",
        "reflect",
        "regexp",
        "runtime",
        "slices",
        "sort",
        "strconv",
        "strings",
        "sync",
        "syscall",
        "testing",
        "text",
        "time",
        "unicode",
        "unique",
        "unsafe",
        "vendor",
    ]
)
_LIBRARY_MODULES: Final = {
    "csharp": _DOTNET_PREFIXES,
    **dict.fromkeys(("java", "kotlin", "scala", "groovy", "android", "clojure"), _JVM_PREFIXES),
}
_JAVASCRIPT: Final = frozenset({"javascript", "node", "typescript"})
_NATIVE: Final = frozenset({"native", "c", "cocoa", "objc", "swift", "rust"})


@lru_cache(maxsize=8_192)
def is_in_app(*, platform: str, filename: str, abs_path: str, module: str, package: str) -> bool:
    """Return whether a frame is code of the application.

    Args:
        platform: as the client names it ("python", "node", "java"); unknown ones follow the common rules.
        filename: short name of the file, "" when unknown.
        abs_path: full path or address of the file, "" when unknown.
        module: dotted (or slashed) module or class, "" when unknown.
        package: library or jar the frame comes from, "" when unknown.
    """
    path = (abs_path or filename).replace("\\", "/")
    rooted = path if path.startswith("/") else f"/{path}"
    if any(folder in rooted for folder in _LIBRARY_FOLDERS):
        return False
    if platform == "python":
        return _is_python_app(rooted, path, module)
    if platform in _JAVASCRIPT:
        return not (path.startswith(_JAVASCRIPT_PREFIXES) or filename.startswith(_JAVASCRIPT_PREFIXES))
    if platform in _LIBRARY_MODULES:
        return not module.startswith(_LIBRARY_MODULES[platform])
    if platform == "go":
        return module.partition("/")[0].partition(".")[0] not in _GO_ROOTS
    if platform in {"php", "ruby"}:
        return not (
            "/vendor/" in rooted or "/gems/" in rooted or "/lib/ruby/" in rooted or path.startswith("<")
        )
    if platform in _NATIVE:
        return not (package.startswith(_NATIVE_PACKAGES) or module.startswith(_RUST_PREFIXES))
    return not path.startswith(_JAVASCRIPT_PREFIXES)


def _is_python_app(rooted: str, path: str, module: str) -> bool:
    if path.startswith("<frozen"):
        return False
    if "/lib/python3" in rooted or "/lib/python2" in rooted or "/Lib/" in rooted:
        return False
    # Without a full path only the name of the module is left to go by; "__main__" counts as the application.
    if path.startswith("/") or path[1:3] == ":/":
        return True
    root = module.partition(".")[0]
    return root == "__main__" or root not in sys.stdlib_module_names
