"""One configured client: takes errors in the caller's thread, never raises into it, never blocks it."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Hashable, Mapping
from linecache import getlines
from typing import Final
from uuid import uuid4

from error_manager.client.builder import EventBuilder
from error_manager.client.capture import Captured, freeze_context
from error_manager.client.counters import Stats
from error_manager.client.dispatcher import Busy, Dispatcher
from error_manager.client.folding import context_key, exception_key
from error_manager.client.log_records import read_record
from error_manager.client.marks import context_of, mark, mark_of
from error_manager.client.masking import make_mask
from error_manager.client.scope import current_context, merge
from error_manager.client.settings import ClientSettings
from error_manager.client.transport import Transport
from error_manager.core.severity import Severity
from error_manager.core.snapshot import MAX_VALUE_CHARS, take_snapshot

DIRECT: Final = "direct"
"""Route of errors that the application reports itself; hooks name themselves."""


class Client:
    """Takes errors and hands them to its dispatcher."""

    def __init__(self, settings: ClientSettings, *, transport: Transport) -> None:
        self.settings = settings
        self._busy = Busy()
        builder = EventBuilder(settings, mask=make_mask(), read_lines=self._read_lines)
        self.dispatcher = Dispatcher(settings, build=builder.build, transport=transport, busy=self._busy)

    def capture_exception(
        self,
        exc: BaseException | None = None,
        *,
        route: str = DIRECT,
        mechanism: str = "generic",
        is_handled: bool = True,
        message: str = "",
        template: str = "",
        logger: str = "",
        severity: Severity = Severity.ERROR,
        context: Mapping[str, object] | None = None,
    ) -> str:
        """Take an exception and return the id of its error, "" when it was not taken.

        Args:
            exc: the exception; None is the one being handled.
            route: who reports it. One exception by two routes is one error; by one route again, two.
            mechanism: what caught it, as it is shown.
            is_handled: False when it ended a thread, a request or the process.
            message: a text of its own, "" is type and value.
            template: that text before its values were put in.
            logger: name of the logger that reported it.
            severity: how bad it is.
            context: more context than what is bound.
        """
        exc = exc if exc is not None else sys.exc_info()[1]
        if exc is None or not self._enter():
            return ""
        try:
            known = mark_of(exc)
            if known is not None and known[0] != route:
                return known[1]
            bound = merge_all(context_of(exc), current_context(), context)
            key = exception_key(exc, bound)
            event_id = self._take(
                key,
                lambda event_id, now_s: Captured(
                    event_id=event_id,
                    timestamp_s=now_s,
                    context=freeze_context(bound) if bound else {},
                    snapshot=take_snapshot(exc, with_locals=self.settings.with_locals),
                    message=message[:MAX_VALUE_CHARS],
                    template=template[:MAX_VALUE_CHARS],
                    logger=logger,
                    severity=severity,
                    mechanism=mechanism,
                    is_handled=is_handled,
                ),
            )
            mark(exc, route, event_id)
            return event_id
        except Exception as failure:  # noqa: BLE001  # the guard: nothing of ours reaches the application
            return self._fail(failure)
        finally:
            self._busy.is_inside = False

    def capture_message(
        self,
        message: str,
        *,
        severity: Severity = Severity.ERROR,
        template: str = "",
        logger: str = "",
        context: Mapping[str, object] | None = None,
    ) -> str:
        """Take a message and return the id of its error, "" when it was not taken.

        Args:
            message: the text.
            severity: how bad it is.
            template: the text before its values were put in: what groups it.
            logger: name of the logger that reported it.
            context: more context than what is bound.
        """
        if not self._enter():
            return ""
        try:
            bound = merge_all({}, current_context(), context)
            key = ("message", template or message, logger, severity, context_key(bound))
            return self._take(
                key,
                lambda event_id, now_s: Captured(
                    event_id=event_id,
                    timestamp_s=now_s,
                    context=freeze_context(bound) if bound else {},
                    message=message[:MAX_VALUE_CHARS],
                    template=template[:MAX_VALUE_CHARS],
                    logger=logger,
                    severity=severity,
                ),
            )
        except Exception as failure:  # noqa: BLE001  # the guard, as above
            return self._fail(failure)
        finally:
            self._busy.is_inside = False

    def capture_record(self, record: logging.LogRecord) -> str:
        """Take a log record as an error and return its id, "" when it was not taken.

        Args:
            record: the record; what ``extra=`` gave it becomes context.
        """
        try:
            logged = read_record(record)
        except Exception as failure:  # noqa: BLE001  # the guard, as above
            self._busy.is_admitted = False
            return self._fail(failure)
        if logged.exc is None:
            return self.capture_message(
                logged.message,
                severity=logged.severity,
                template=logged.template,
                logger=record.name,
                context=logged.context,
            )
        return self.capture_exception(
            logged.exc,
            route=f"logging:{record.pathname}:{record.lineno}",
            mechanism="logging",
            message=logged.message,
            template=logged.template,
            logger=record.name,
            severity=logged.severity,
            context=logged.context,
        )

    def flush(self, timeout_s: float) -> bool:
        """Send what waits; return whether all of it has met its end in time."""
        return self.dispatcher.flush(timeout_s)

    def close(self, timeout_s: float) -> bool:
        """Send what waits and stop; return whether that was done in time."""
        return self.dispatcher.close(timeout_s)

    def stats(self) -> Stats:
        """Return what became of the errors so far."""
        return self.dispatcher.stats()

    def _enter(self) -> bool:
        if self._busy.is_inside:
            self.dispatcher.drop("reentrant", is_admitted=False)
            return False
        self._busy.is_inside, self._busy.is_admitted = True, False
        return True

    def _take(self, key: Hashable, snapshot: Callable[[str, float], Captured]) -> str:
        """Count an error, fold it, or take its snapshot and hand it over."""
        now_s = time.time()
        folded_into, is_first = self.dispatcher.admit(key, now_s)
        if folded_into:
            return folded_into
        self._busy.is_admitted = True
        captured = snapshot(uuid4().hex, now_s)
        if is_first:
            self.dispatcher.put(captured)
        else:
            self.dispatcher.hold(key, captured)
        return captured.event_id

    def _fail(self, failure: Exception) -> str:
        """Count a failure of our own and tell whoever asked to hear of it (tests let it raise)."""
        self.dispatcher.drop("internal", is_admitted=self._busy.is_admitted)
        self._busy.is_admitted = False
        if self.settings.on_internal_error is not None:
            self.settings.on_internal_error(failure)
        return ""

    def _read_lines(self, path: str, module: str, loader: object) -> list[str]:
        """Return the lines of a source file, also of one inside an archive."""
        if not self.settings.with_source:
            return []
        return getlines(path, {"__name__": module, "__loader__": loader} if loader is not None else None)


def merge_all(
    inner: Mapping[str, object], bound: Mapping[str, object], more: Mapping[str, object] | None
) -> Mapping[str, object]:
    """Return what is bound, over it what came with the exception, over it what the caller says."""
    merged = merge(bound, inner) if inner else bound
    return merge(merged, more) if more else merged
