"""An error as text and as Markdown, to paste into a chat or a ticket (seed box: Dashboard). Pure."""

from __future__ import annotations

from typing import Final

from error_manager.core.types import ErrorEvent, Frame
from error_manager.integrations.web.trace import ExceptionView, exceptions_of
from error_manager.integrations.web.view import absolute_time, value_text, visible

_MAX_VARIABLES: Final = 12
_MAX_BREADCRUMBS: Final = 15
_FENCE: Final = "```"


def error_text(event: ErrorEvent) -> str:
    """Return the error as plain text: what, where, when, and the stack, oldest call first."""
    lines = [visible(event.message), *(f"{name}: {value}" for name, value in _facts(event)), ""]
    for view in exceptions_of(event):
        lines += _exception_lines(view)
    return "\n".join(lines).rstrip() + "\n"


def error_markdown(event: ErrorEvent, *, url: str) -> str:
    """Return the error as Markdown with code, locals of in-app frames and the last steps before it.

    Args:
        event: masked, as everything that is stored.
        url: of the page this was copied from.
    """
    lines = [f"# {_one_line(event.message)}", ""]
    lines += [f"- {name}: {_code(value)}" for name, value in _facts(event)]
    lines += [f"- link: {url}", ""]
    for view in exceptions_of(event):
        lines += _exception_markdown(view)
    if event.breadcrumbs:
        lines += ["## Before it", ""]
        lines += [
            f"- {_code(step.category or step.type or 'step')} {_one_line(step.message)}"
            for step in event.breadcrumbs[-_MAX_BREADCRUMBS:]
        ]
        lines.append("")
    if event.tags:
        lines += ["## Tags", "", *(f"- {_code(key)}: {_code(value)}" for key, value in event.tags), ""]
    return "\n".join(lines).rstrip() + "\n"


def _facts(event: ErrorEvent) -> list[tuple[str, str]]:
    facts = (
        ("severity", event.severity.value),
        ("time", absolute_time(event.timestamp)),
        ("module", event.module),
        ("code", event.error_code),
        ("service", event.service),
        ("environment", event.environment),
        ("release", event.release),
        ("host", event.server_name),
        ("transaction", event.transaction),
        ("id", event.event_id),
    )
    return [(name, visible(value)) for name, value in facts if value]


def _exception_lines(view: ExceptionView) -> list[str]:
    title = _title(view)
    head = f"{view.relation}: {title}" if view.relation else title
    return [head, *(f"  {_frame_line(frame)}" for frame in _oldest_first(view)), ""]


def _exception_markdown(view: ExceptionView) -> list[str]:
    lines = [f"## {_one_line(_title(view))}{f' ({view.relation})' if view.relation else ''}", "", _FENCE]
    for frame in _oldest_first(view):
        lines.append(_fenced(_frame_line(frame)))
        if frame.in_app and frame.context_line:
            lines.append(_fenced(f"    {frame.context_line.strip()}"))
    lines += [_FENCE, ""]
    newest = next((f for f in reversed(_oldest_first(view)) if f.in_app and f.variables), None)
    if newest is not None:
        lines += [f"Locals of {_code(newest.function or newest.module)}:", ""]
        shown = list(newest.variables.items())[:_MAX_VARIABLES]
        lines += [f"- {_code(name)} = {_code(value_text(value))}" for name, value in shown]
        lines.append("")
    return lines


def _oldest_first(view: ExceptionView) -> tuple[Frame, ...]:
    return view.exception.frames


def _title(view: ExceptionView) -> str:
    exception = view.exception
    if exception.type and exception.value:
        return visible(f"{exception.type}: {exception.value}")
    return visible(exception.type or exception.value or "Stack")


def _frame_line(frame: Frame) -> str:
    place = frame.filename or frame.abs_path or frame.module or "unknown place"
    line = f", line {frame.lineno}" if frame.lineno else ""
    function = f", in {frame.function}" if frame.function else ""
    return visible(f"{'' if frame.in_app else '(library) '}{place}{line}{function}")


def _one_line(text: str) -> str:
    """Return the text on one line, with Markdown's own signs taken literally."""
    flat = " ".join(visible(text).split())
    return "".join(f"\\{sign}" if sign in "\\`*_[]<>#|" else sign for sign in flat)


def _code(text: str) -> str:
    """Return inline code that cannot be closed from inside."""
    flat = " ".join(visible(text).split())
    if "`" in flat:
        return f"``` {flat.replace(_FENCE, '` ` `')} ```"
    return f"`{flat}`" if flat else ""


def _fenced(text: str) -> str:
    return visible(text).replace(_FENCE, "` ` `")
