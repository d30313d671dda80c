"""The words of the system: errors, their parts, outcomes, ids, as immutable values (seed box: Error Entry).

Every layer speaks in these types. Bytes are turned into them once, in ``decoding``; after that nobody
checks for missing fields again: an absent text is ``""``, an absent number ``None`` (or 0 for lines and
columns).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

from error_manager.core.severity import Severity as Severity  # noqa: PLC0414  # a word for every layer, said again here

ProjectId = NewType("ProjectId", int)
PatternId = NewType("PatternId", int)
ErrorId = NewType("ErrorId", UUID)
EventId = NewType("EventId", str)
"""32 lower-case hexadecimal digits, chosen by the client (or by the server when the client sent none)."""
GroupId = NewType("GroupId", bytes)
"""16 bytes: one fingerprint of one fingerprint version; the map ``pattern_groups`` says its pattern."""

JsonObject = Mapping[str, object]


class OutcomeKind(StrEnum):
    """The one end of each received item (design D5)."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    FILTERED = "filtered"
    RATE_LIMITED = "rate_limited"
    INVALID = "invalid"
    DEAD_LETTER = "dead_letter"


class ItemCategory(StrEnum):
    """What an item is, for quotas and the ledger; ``error`` is what the ledger shows unless asked."""

    ERROR = "error"
    ATTACHMENT = "attachment"
    FEEDBACK = "feedback"
    SESSION = "session"
    TRANSACTION = "transaction"
    CHECK_IN = "check_in"
    LOG = "log"
    CLIENT_REPORT = "client_report"
    OTHER = "other"


class PatternStatus(StrEnum):
    """The state a person gives a pattern."""

    UNRESOLVED = "unresolved"
    RESOLVED = "resolved"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One call of a stack, oldest call first in every tuple of frames."""

    function: str = ""
    module: str = ""
    filename: str = ""
    abs_path: str = ""
    lineno: int = 0
    colno: int = 0
    in_app: bool = True
    context_line: str = ""
    pre_context: tuple[str, ...] = ()
    post_context: tuple[str, ...] = ()
    variables: JsonObject = field(default_factory=dict)
    package: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionInfo:
    """One exception of a chain or group.

    In a tuple the oldest cause comes first and the raised exception last (the order of the Sentry protocol).
    ``exception_id`` and ``parent_id`` draw the tree of a group; plain chains have neither.
    """

    type: str = ""
    value: str = ""
    module: str = ""
    frames: tuple[Frame, ...] = ()
    mechanism: str = ""
    is_handled: bool | None = None
    is_synthetic: bool = False
    exception_id: int | None = None
    parent_id: int | None = None
    is_group: bool = False
    source: str = ""
    thread_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Breadcrumb:
    """One step before the error; ``timestamp`` is None when the client gave none that can be read."""

    timestamp: datetime | None = None
    category: str = ""
    message: str = ""
    level: str = ""
    type: str = ""
    data: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Who was hit. ``data`` holds whatever else the client sent."""

    id: str = ""
    email: str = ""
    username: str = ""
    ip_address: str = ""
    data: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The web request during which the error occurred."""

    url: str = ""
    method: str = ""
    query_string: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    data: object = None
    env: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldNote:
    """A field that was dropped, cut or masked, and why; ``path`` is dotted (``exceptions.0.value``)."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorEvent:
    """One error with all that is known of it (the document's entry and the structured fields behind it).

    ``timestamp`` is the event time (aware, UTC). ``message`` is one readable text: the log message, or
    ``Type: value`` of the raised exception. ``template`` is the unformatted log message when the client sent
    one. ``frames`` is the stack of a message without exception. ``occurrences`` counts errors the client
    folded into this one (>= 1). ``original_timestamp`` keeps what the client said when it was out of range.
    """

    event_id: EventId
    timestamp: datetime
    message: str
    severity: Severity = Severity.ERROR
    stack_trace: str = ""
    module: str = ""
    error_code: str = ""
    manager_context: str = ""
    platform: str = ""
    logger: str = ""
    transaction: str = ""
    server_name: str = ""
    service: str = ""
    release: str = ""
    dist: str = ""
    environment: str = ""
    template: str = ""
    exceptions: tuple[ExceptionInfo, ...] = ()
    frames: tuple[Frame, ...] = ()
    breadcrumbs: tuple[Breadcrumb, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    user: User | None = None
    request: Request | None = None
    contexts: Mapping[str, object] = field(default_factory=dict)
    extra: JsonObject = field(default_factory=dict)
    modules: Mapping[str, str] = field(default_factory=dict)
    sdk: str = ""
    fingerprint: tuple[str, ...] = ()
    occurrences: int = 1
    trace_id: str = ""
    span_id: str = ""
    original_timestamp: str = ""
    notes: tuple[FieldNote, ...] = ()

    @property
    def raised(self) -> ExceptionInfo | None:
        """Return the exception that was raised (the last of the chain), or None for a bare message."""
        return self.exceptions[-1] if self.exceptions else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """Why an error is in its group: the versioned parts and their hash.

    ``hash`` is the SHA-256 of version and parts as 64 hexadecimal digits (column ``pattern_hash``). ``rules``
    are the ids of the project's rules that had a say in the parts.
    """

    version: int
    parts: tuple[str, ...]
    hash: str
    rules: tuple[int, ...] = ()

    @property
    def group_id(self) -> GroupId:
        """Return the first 16 bytes of the hash."""
        return GroupId(bytes.fromhex(self.hash[:32]))


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogEntry:
    """Where an error belongs: the document's columns and the fingerprint.

    ``module`` has at most 100 characters, ``error_code`` at most 50 (cut from the left; the full texts stay
    in the event). ``title`` is the raised type or the masked message, ``culprit`` the in-app place that
    failed. ``former`` is the fingerprint by which the version before knows the same error, during a
    transition: a pattern it names keeps its identity.
    """

    module: str
    error_code: str
    severity: Severity
    title: str
    culprit: str
    template: str
    fingerprint: Fingerprint
    former: Fingerprint | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """One wrong field of a submission; ``path`` is dotted, ``message`` says what was expected."""

    path: str
    message: str
