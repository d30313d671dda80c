"""Makes the bytes of an error from a snapshot, in the background thread: wrap, enrich, mask, cut, encode."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from error_manager.client.capture import Captured
from error_manager.client.settings import ClientSettings
from error_manager.core.encoding import event_to_json, time_to_text
from error_manager.core.frozen import cut_texts, describe, plain
from error_manager.core.limits import (
    MAX_EXCEPTIONS,
    MAX_LABEL_CHARS,
    MAX_MESSAGE_CHARS,
    MAX_NAME_CHARS,
    MAX_TAGS,
    MAX_TEXT_CHARS,
    cut_text,
)
from error_manager.core.severity import Severity, severity_of_name
from error_manager.core.types import ErrorEvent, EventId, ExceptionInfo, FieldNote, Request, User
from error_manager.core.validator import validate
from error_manager.core.version import VERSION
from error_manager.core.wrapper import ReadLines, cut_locals, expand

Mask = Callable[[ErrorEvent], ErrorEvent]

MAX_LOCAL_CHARS: Final = 100
MAX_EXTRA_CHARS: Final = 512
_SDK: Final = f"error-manager-python/{VERSION}"
_TEXT_FIELDS: Final = ("module", "error_code", "manager_context", "transaction", "trace_id", "span_id")
_USER_FIELDS: Final = ("id", "email", "username", "ip_address")
_HANDLED: Final = frozenset({*_TEXT_FIELDS, "user", "tags", "contexts", "severity", "fingerprint", "request"})


class EventBuilder:
    """The steps between a snapshot and the wire."""

    def __init__(self, settings: ClientSettings, *, mask: Mask, read_lines: ReadLines) -> None:
        self._settings = settings
        self._mask = mask
        self._read_lines = read_lines
        self._environment_contexts = _environment_contexts()

    def build(self, captured: Captured) -> bytes | str:
        """Return one line of JSON, or the reason why the error is not sent."""
        event = self._enrich(self._wrap(captured), captured)
        if self._settings.before_send is not None:
            kept = self._settings.before_send(event)
            if kept is None:
                return "before_send"
            event = kept
        event = _cut(self._mask_all_but_identity(event))
        if validate(event):
            return "invalid"
        return json.dumps(event_to_json(event), separators=(",", ":"), default=_safe_repr).encode("ascii")

    def _wrap(self, captured: Captured) -> ErrorEvent:
        """Return the error with its exceptions and message."""
        exceptions: tuple[ExceptionInfo, ...] = ()
        notes: tuple[FieldNote, ...] = ()
        message = captured.message
        if captured.snapshot is not None:
            exceptions = expand(
                captured.snapshot,
                read_lines=self._read_lines,
                mechanism=captured.mechanism,
                is_handled=captured.is_handled,
                thread_id=captured.thread_id,
            )
            if captured.snapshot.is_cut:
                notes = (
                    FieldNote(path="exceptions", reason=f"more than {MAX_EXCEPTIONS}; the rest was left out"),
                )
            raised = exceptions[-1]
            message = message or (f"{raised.type}: {raised.value}" if raised.value else raised.type)
        return ErrorEvent(
            event_id=EventId(captured.event_id),
            timestamp=datetime.fromtimestamp(captured.timestamp_s, UTC),
            message=message if message.strip() else "(empty message)",
            severity=captured.severity,
            exceptions=exceptions,
            template=captured.template,
            logger=captured.logger,
            occurrences=captured.occurrences,
            notes=notes,
        )

    def _enrich(self, event: ErrorEvent, captured: Captured) -> ErrorEvent:
        """Return the error with bound context and what is known of process, thread and release."""
        context = captured.context
        texts = {name: str(plain(context[name])) for name in _TEXT_FIELDS if context.get(name)}
        contexts: dict[str, object] = {
            **self._environment_contexts,
            "thread": {"id": captured.thread_id, "name": captured.thread_name},
        }
        if captured.occurrences > 1:
            contexts["folding"] = {
                "first": time_to_text(datetime.fromtimestamp(captured.first_timestamp_s, UTC)),
                "last": time_to_text(event.timestamp),
            }
        bound = plain(context.get("contexts"))
        request = context.get("request")
        return replace(
            event,
            module=texts.get("module", ""),
            error_code=texts.get("error_code", ""),
            manager_context=texts.get("manager_context", ""),
            transaction=texts.get("transaction", "") or _transaction_of(request),
            trace_id=texts.get("trace_id", ""),
            span_id=texts.get("span_id", ""),
            severity=_severity_of(context.get("severity"), event.severity),
            platform="python",
            sdk=_SDK,
            release=self._settings.release,
            environment=self._settings.environment,
            service=self._settings.service,
            server_name=self._settings.server_name,
            tags=_tags_of(context.get("tags")),
            user=_user_of(context.get("user")),
            request=_request_of(request),
            contexts=contexts | bound if isinstance(bound, dict) else contexts,
            extra={name: plain(value) for name, value in context.items() if name not in _HANDLED},
            fingerprint=_fingerprint_of(context.get("fingerprint")),
        )

    def _mask_all_but_identity(self, event: ErrorEvent) -> ErrorEvent:
        """Return the masked error with the four identifying fields of its user as the application gave them.

        The server counts users by a keyed hash of these before it masks them; masked here, all users whose
        e-mail address is their only name would be one.
        """
        masked = self._mask(event)
        if event.user is None or masked.user is None:
            return masked
        identity = {name: getattr(event.user, name) for name in _USER_FIELDS}
        own = {f"user.{name}" for name in _USER_FIELDS}
        notes = tuple(note for note in masked.notes if note.path not in own)
        return replace(masked, user=replace(masked.user, **identity), notes=notes)


def _cut(event: ErrorEvent) -> ErrorEvent:
    """Return the error within the caps that the masked texts could exceed until now."""
    exceptions = tuple(
        replace(exception, value=cut_text(exception.value, MAX_TEXT_CHARS)) for exception in event.exceptions
    )
    return replace(
        event,
        message=cut_text(event.message, MAX_MESSAGE_CHARS),
        template=cut_text(event.template, MAX_MESSAGE_CHARS),
        manager_context=cut_text(event.manager_context, MAX_TEXT_CHARS),
        module=cut_text(event.module, MAX_NAME_CHARS),
        error_code=cut_text(event.error_code, MAX_NAME_CHARS),
        transaction=cut_text(event.transaction, MAX_NAME_CHARS),
        logger=cut_text(event.logger, MAX_LABEL_CHARS),
        release=cut_text(event.release, MAX_LABEL_CHARS),
        environment=cut_text(event.environment, MAX_LABEL_CHARS),
        service=cut_text(event.service, MAX_LABEL_CHARS),
        server_name=cut_text(event.server_name, MAX_LABEL_CHARS),
        extra={name: cut_texts(value, MAX_EXTRA_CHARS) for name, value in event.extra.items()},
        contexts={name: cut_texts(value, MAX_EXTRA_CHARS) for name, value in event.contexts.items()},
        exceptions=cut_locals(exceptions, max_chars=MAX_LOCAL_CHARS),
    )


def _transaction_of(request: object) -> str:
    return str(request.get("transaction", "")) if isinstance(request, Mapping) else ""


def _severity_of(value: object, otherwise: Severity) -> Severity:
    return severity_of_name(value, otherwise) if isinstance(value, str) else otherwise


def _tags_of(value: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict):
        return ()
    pairs = list(value.items())[:MAX_TAGS]
    return tuple((cut_text(str(key), MAX_LABEL_CHARS), _label(inner)) for key, inner in pairs)


def _label(value: object) -> str:
    return cut_text(value if type(value) is str else str(describe(value)), MAX_LABEL_CHARS)


def _user_of(value: object) -> User | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        return User(id=_label(value))
    names = {name: _label(value[name]) for name in _USER_FIELDS if value.get(name) not in (None, "")}
    rest = {name: plain(inner) for name, inner in value.items() if name not in _USER_FIELDS}
    return User(
        id=names.get("id", ""),
        email=names.get("email", ""),
        username=names.get("username", ""),
        ip_address=names.get("ip_address", ""),
        data=rest,
    )


def _request_of(value: object) -> Request | None:
    if not isinstance(value, Mapping):
        return None
    headers = value.get("headers")
    return Request(
        url=str(value.get("url", "")),
        method=str(value.get("method", "")),
        query_string=str(value.get("query_string", "")),
        headers={str(key): str(inner) for key, inner in headers.items()}
        if isinstance(headers, Mapping)
        else {},
    )


def _fingerprint_of(value: object) -> tuple[str, ...]:
    if isinstance(value, list):
        return tuple(_label(part) for part in value)
    return () if value is None else (_label(value),)


def _environment_contexts() -> dict[str, object]:
    """Return interpreter and operating system."""
    version = ".".join(map(str, sys.version_info[:3]))
    contexts: dict[str, object] = {"runtime": {"name": sys.implementation.name, "version": version}}
    if hasattr(os, "uname"):
        system = os.uname()
        contexts["os"] = {"name": system.sysname, "version": system.release}
    else:
        contexts["os"] = {"name": sys.platform}
    return contexts


def _safe_repr(value: object) -> str:
    """Return a text for what JSON does not know (``before_send`` may put anything into an error)."""
    try:
        return repr(value)
    except Exception:  # noqa: BLE001  # __repr__ of the application is broken
        return f"<{type(value).__name__}>"
