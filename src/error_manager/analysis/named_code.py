"""Codes that a text names: of SQL, databases, errno, gRPC, HTTP (seed box: Recommendation Engine).

Servers word their errors in many languages and versions; the code stays. A code is read only in the forms in
which drivers and runtimes print one, never as a bare number; a form that others use too (``(42000): ``,
``ABORTED: ``) only beside an exception of such a driver. Source: PostgreSQL "Error Codes"; MySQL "Server
Error Message Reference"; winsock2.h; errno.h of Linux; grpc "Status codes and their use".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

_LINUX: Final = {
    1: "EPERM", 2: "ENOENT", 5: "EIO", 11: "EAGAIN", 12: "ENOMEM", 13: "EACCES", 16: "EBUSY", 23: "ENFILE",
    24: "EMFILE", 26: "ETXTBSY", 28: "ENOSPC", 30: "EROFS", 32: "EPIPE", 98: "EADDRINUSE", 101: "ENETUNREACH",
    104: "ECONNRESET", 110: "ETIMEDOUT", 111: "ECONNREFUSED", 112: "EHOSTDOWN", 113: "EHOSTUNREACH",
    116: "ESTALE", 122: "EDQUOT",
}  # fmt: skip
_WINDOWS: Final = {
    3: "ENOENT", 5: "EACCES", 8: "ENOMEM", 14: "ENOMEM", 32: "EBUSY", 33: "EBUSY",
    39: "ENOSPC", 112: "ENOSPC",
    10024: "EMFILE", 10048: "EADDRINUSE", 10050: "ENETDOWN", 10051: "ENETUNREACH", 10053: "ECONNRESET",
    10054: "ECONNRESET", 10060: "ETIMEDOUT", 10061: "ECONNREFUSED", 10064: "EHOSTDOWN", 10065: "EHOSTUNREACH",
    11001: "EAI_NONAME", 11002: "EAI_AGAIN", 11003: "EAI_NONAME", 11004: "EAI_NONAME",
    12007: "EAI_NONAME", 12029: "ECONNREFUSED", 12030: "ECONNRESET", 12152: "ECONNRESET",
}  # fmt: skip
_DARWIN: Final = {
    1: "EPERM", 2: "ENOENT", 5: "EIO", 12: "ENOMEM", 13: "EACCES", 24: "EMFILE", 28: "ENOSPC", 30: "EROFS",
    32: "EPIPE", 48: "EADDRINUSE", 50: "ENETDOWN", 51: "ENETUNREACH", 53: "ECONNABORTED", 54: "ECONNRESET",
    57: "ENOTCONN", 60: "ETIMEDOUT", 61: "ECONNREFUSED", 64: "EHOSTDOWN", 65: "EHOSTUNREACH",
}  # fmt: skip
_WINSOCK: Final = 10_000
"""From here on numbers are of Windows' sockets; smaller ones are others in errno than in Windows."""
_GRPC: Final = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
    "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip
_GRPC_NAMES: Final = {name.replace("_", ""): name for name in _GRPC}
_NAME_CHARS: Final = 200
"""Of the name of a type so much of its end is looked at."""
_SQL_TYPE: Final = re.compile(
    r"(?i:sql|postgres|psycopg|snowflake|[jo]dbc|r2dbc)|(?:^|\W)(?:Operational|Programming|Integrity|Data|Database"
    r"|Internal|Interface|NotSupported)Error$",
    re.ASCII | re.MULTILINE,
)
"""Exceptions of database drivers; those of Python's DB-API (PEP 249) also without their package."""
_GRPC_TYPE: Final = re.compile(
    r"\bg?rpc\b|Grpc|GRPC|Rpc|RPC|\bgoogle\b|(?:^|\W)(?:Status(?:Runtime)?|Spanner)Exception$",
    re.ASCII | re.MULTILINE,
)


def _sqlstate(code: str) -> tuple[str, ...]:
    return (code, f"SQLSTATE {code[:2]}")


def _exact(code: str) -> tuple[str, ...]:
    return (code,)


def _errno(number: str) -> tuple[str, ...]:
    known = _WINDOWS if int(number) >= _WINSOCK else _LINUX
    return tuple(filter(None, (known.get(int(number)),)))


def _windows(number: str) -> tuple[str, ...]:
    return tuple(filter(None, (_WINDOWS.get(int(number)),)))


def _grpc(name: str) -> tuple[str, ...]:
    known = _GRPC_NAMES.get(name.replace("_", "").upper())
    return (f"GRPC {known}",) if known else ()


def _darwin(number: str) -> tuple[str, ...]:
    return tuple(filter(None, (_DARWIN.get(int(number)),)))


def _upper(code: str) -> tuple[str, ...]:
    return (code.upper(),)


def _numbered_grpc(text: str) -> tuple[str, ...]:
    number, _, name = text.partition(" ")
    return _grpc(name) if _GRPC[int(number) :][:1] == (name,) else ()


def _named(vendor: str) -> Callable[[str], tuple[str, ...]]:
    return lambda number: (f"{vendor} {number}",)


_FORMS: Final = tuple(
    (needle, re.compile(pattern, re.ASCII | re.MULTILINE), read)
    for needle, pattern, read in (
        ("sqlstate", r"(?i:\bSQLSTATE)\W{1,4}([0-9A-Z]{5})\b", _sqlstate),
        ("[", r"\[([0-9A-Z]{5})\] ?\[", _sqlstate),
        ("sqlstate", r"SQLSTATE\[[0-9A-Z]{5}\](?:: [A-Za-z ]{3,60}: | )\[?(\d{4})\b", _named("MYSQL")),
        ("(", r"\b(?:ERROR |Error )?(\d{4}) \((?:\d[0-9A-Z]|HY|XA)[0-9A-Z]{3}\)", _named("MYSQL")),
        ("error ", r"\bError (\d{4}): ", _named("MYSQL")),
        ("errno", r"\berrno: (\d{4})\b", _named("MYSQL")),
        ("msg ", r"\bMsg (\d{2,5}), Level", _named("MSSQL")),
        ("error", r"\bError(?: Number)?: ?(\d{2,5}), ?(?:Severity|State)", _named("MSSQL")),
        ("(sql", r"\((\d{2,5})\) \(SQL\w{1,20}\)", _named("MSSQL")),
        ("ora-", r"\bORA-(\d{5})\b", _named("ORA")),
        ("sqlcode", r"\bSQLCODE\W{1,2}(-\d{3,5})\b", _named("DB2")),
        ("errno", r"\b[Ee]rrno[ =:]{1,2}(\d{1,5})\b", _errno),
        ("failed (", r"\bfailed \((\d{1,3}): ", _errno),
        ("os error", r"\bos error (\d{1,5})\b", _errno),
        ("winerror", r"\bWinError (\d{1,5})\b", _windows),
        ("socket", r"Socket\w{0,9} ?(?:[Ee]rror|Exception)\w{0,9}:? ?\(?(\d{5})\b", _windows),
        ("code", r"\bcode ?= ?([A-Z]\w{1,20}) desc\b", _grpc),
        ("statuscode", r"\bStatusCode\W{1,2}\"?([A-Z]\w{1,20})", _grpc),
        (": ", r"^(\d{1,2} [A-Z]{2,20}(?:_[A-Z]{1,20})?): ", _numbered_grpc),
        (": ", r"^([A-Z]{2,20}_[A-Z]{1,20}): ", _grpc),
        ("status", r"\b[Ss]tatus(?:[ _]?[Cc]ode)?(?: is| of)?\W{1,3}([45]\d\d)\b", _named("HTTP")),
        ("curl", r"\b[cC](?:URL|url):? (?:error:? )?\(?(\d{1,2})\b", _named("CURL")),
        ("nsurlerror", r"NSURLErrorDomain\W{1,3}(?:[Cc]ode|error)?\W{0,3}(-\d{1,4})\b", _named("NSURL")),
        ("cfnetwork", r"ErrorDomainCFNetwork\W{1,3}(?:[Cc]ode|error)?\W{0,3}(-\d{1,4})\b", _named("NSURL")),
        ("nscocoa", r"NSCocoaErrorDomain\W{1,3}(?:[Cc]ode|error)?\W{0,3}(\d{1,6})\b", _named("NSCOCOA")),
        ("nsposix", r"NSPOSIXErrorDomain\W{1,3}(?:[Cc]ode|error)?\W{0,3}(\d{1,3})\b", _darwin),
        ("_", r"\b([A-Z]{2,20}(?:_[A-Z0-9]{1,20}){1,7})\b", _exact),
        ("0x", r"\b(0x[8C][0-9A-Fa-f]{7})\b", _upper),
        ("winhttp", r"\b[Ee]rror (12\d{3})\b", _windows),
        (
            "server on",
            r"[Cc]an't connect to (?:\w+ )?server on .{1,99}?\((\d{1,5})(?: [\x22'].{1,60})?\)",
            _errno,
        ),
        ("codename", r"\bcodeName\W{1,5}(\w{3,60})", _named("MONGO")),
        ("_exception", r"\b([a-z]{2,20}(?:_[a-z]{1,20}){1,7}_exception)\b", _upper),
        (": ", r"\b(?:[Cc]ode['\"]?|Error): ?['\"]?(P[1-6]\d{3})\b", _exact),
        ("error{", r"\bKafkaError\{code=(\w{3,60})", _named("KAFKA")),
        (".", r"\b([45]\d\d)[ -]#?[45]\.\d{1,3}\.\d{1,3}\b", _named("SMTP")),
        ("ldap", r"\bLDAP: error code (\d{1,3})\b", _named("LDAP")),
        (")", r"\b[A-Z][A-Za-z]{3,30} \(([45]\d\d)\)", _named("HTTP")),
        (")", r"\(([45]\d\d)\) [A-Z][a-z]{2,12}\b", _named("HTTP")),
        ("http", r"\bHTTP (?:[Ee]rror |[Ss]tatus |response code )?([45]\d\d)\b", _named("HTTP")),
    )
)
_FORMS_OF_DRIVERS: Final = tuple(
    (of_type, re.compile(pattern, re.ASCII | re.MULTILINE), read)
    for of_type, pattern, read in (
        (_SQL_TYPE, r"\(([0-9][0-9A-Z]{4})\): ", _exact),
        (_SQL_TYPE, r"^\((\d{4}), ['\"]", _named("MYSQL")),
        (_GRPC_TYPE, r"^([A-Z]{2,20}): ", _grpc),
    )
)
"""Forms in which others write too, each with the exceptions beside which it is read."""


def named_codes(text: str, types: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the codes a text names, as the families write them, the exact before its class.

    Args:
        text: the texts of an error.
        types: the names of its exceptions; some forms are read only beside those of a driver.
    """
    lowered = text.lower()
    found: list[str] = []
    for needle, pattern, read in _FORMS:
        if needle in lowered:
            for match in pattern.finditer(text):
                found += read(match[1])
    names = "\n".join(name[-_NAME_CHARS:] for name in types)
    for of_type, pattern, read in _FORMS_OF_DRIVERS:
        if of_type.search(names):
            for match in pattern.finditer(text):
                found += read(match[1])
    return tuple(dict.fromkeys(found))
