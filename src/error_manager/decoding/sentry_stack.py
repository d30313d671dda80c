"""Exceptions, stacks and threads of a Sentry event (seed box: Error Wrapper).

Source: recordings of released clients; the last exception is the raised one, the last frame the crashing one.
"""

from __future__ import annotations

from typing import Final

from error_manager.core.in_app import is_in_app
from error_manager.core.limits import (
    MAX_CONTEXT_LINES,
    MAX_EXCEPTIONS,
    MAX_FRAMES,
    MAX_LABEL_CHARS,
    MAX_NAME_CHARS,
    MAX_TEXT_CHARS,
    cut_middle,
)
from error_manager.core.quick import maker
from error_manager.core.types import ExceptionInfo, Frame
from error_manager.decoding.exception_tree import repair_tree
from error_manager.decoding.reader import FieldReader, kind_name
from error_manager.decoding.sentry_wire import (
    WireException,
    WireExceptions,
    WireFrame,
    WireMechanism,
    WireStack,
)

_frame_of: Final = maker(Frame)
_exception_of: Final = maker(ExceptionInfo)
_NO_MECHANISM: Final[dict[str, object]] = {}
_NO_WIRE_MECHANISM: Final = WireMechanism()


def read_exceptions(reader: FieldReader, value: object, platform: str) -> tuple[ExceptionInfo, ...]:
    """Return the exceptions of ``exception``: ``{"values": [...]}``, a bare list, or a single object."""
    reader.path = ""
    if isinstance(value, WireExceptions):
        typed = (_typed_exception(member, platform) for member in value.values)
        return repair_tree(tuple(exception for exception in typed if exception is not None), reader)
    members = [member for member in reader.values(value, "exceptions") if isinstance(member, dict)]
    if len(members) > MAX_EXCEPTIONS:
        reader.note("exceptions", f"cut in the middle from {len(members)} to {MAX_EXCEPTIONS}")
    chain = [
        _exception(reader, member, f"exceptions.{place}", platform)
        for place, member in enumerate(cut_middle(members, MAX_EXCEPTIONS))
    ]
    reader.path = ""
    return repair_tree(tuple(exception for exception in chain if exception is not None), reader)


def read_stack(reader: FieldReader, value: object, path: str, platform: str) -> tuple[Frame, ...]:
    """Return the frames of ``{"frames": [...]}`` or of a bare list; null frames are skipped.

    Args:
        reader: takes the notes.
        value: the stack trace as sent.
        path: dotted path of what holds ``frames``, "" for the error itself.
        platform: of the error; decides which frames are in-app when the client did not say.
    """
    reader.path = path
    frames = value.get("frames") if isinstance(value, dict) else value
    if frames is None:
        return ()
    if not isinstance(frames, list):
        reader.note("frames", f"dropped: expected a list, got {kind_name(frames)}")
        return ()
    members = [frame for frame in frames if isinstance(frame, dict)]
    if len(members) > MAX_FRAMES:
        reader.note("frames", f"cut in the middle from {len(members)} to {MAX_FRAMES}")
    prefix = f"{path}.frames" if path else "frames"
    read: list[Frame] = []
    for place, frame in enumerate(cut_middle(members, MAX_FRAMES)):
        reader.path = f"{prefix}.{place}"
        read.append(_frame(reader, frame, platform))
    reader.path = path
    return tuple(read)


def read_threads(reader: FieldReader, value: object, platform: str) -> tuple[Frame, ...]:
    """Return the stack of the thread that crashed, else of the current, else of the first that has one."""
    threads = [
        thread
        for thread in reader.values(value, "threads")
        if isinstance(thread, dict) and thread.get("stacktrace")
    ]
    if not threads:
        return ()
    chosen = next((thread for thread in threads if thread.get("crashed") is True), None)
    chosen = chosen or next((thread for thread in threads if thread.get("current") is True), threads[0])
    return read_stack(reader, chosen["stacktrace"], "", platform)


def _exception(
    reader: FieldReader, value: dict[str, object], path: str, platform: str
) -> ExceptionInfo | None:
    reader.path = path
    found = value.get("mechanism")
    mechanism = found if isinstance(found, dict) else _NO_MECHANISM
    handled = mechanism.get("handled")
    frames = read_stack(reader, value.get("stacktrace") or value.get("raw_stacktrace"), path, platform)
    exception = _exception_of(
        type=reader.text(value.get("type"), "type", MAX_NAME_CHARS),
        value=reader.json_text(value.get("value"), "value"),
        module=reader.text(value.get("module"), "module", MAX_NAME_CHARS),
        frames=frames,
        mechanism=reader.text(mechanism.get("type"), "mechanism", MAX_LABEL_CHARS),
        is_handled=handled if isinstance(handled, bool) else None,
        is_synthetic=mechanism.get("synthetic") is True,
        exception_id=reader.whole(mechanism.get("exception_id"), "exception_id"),
        parent_id=reader.whole(mechanism.get("parent_id"), "parent_id"),
        is_group=mechanism.get("is_exception_group") is True,
        source=reader.text(mechanism.get("source"), "source", MAX_LABEL_CHARS),
        thread_id=reader.text(value.get("thread_id"), "thread_id", MAX_LABEL_CHARS),
    )
    return exception if exception.type or exception.value or frames else None


def _typed_exception(value: WireException, platform: str) -> ExceptionInfo | None:
    """Return what ``_exception`` returns for an exception whose types and caps the parser has checked."""
    mechanism = value.mechanism or _NO_WIRE_MECHANISM
    frames = _typed_frames(value.stacktrace, platform)
    exception = _exception_of(
        type=value.type or "",
        value=value.value or "",
        module=value.module or "",
        frames=frames,
        mechanism=mechanism.type or "",
        is_handled=mechanism.handled,
        is_synthetic=mechanism.synthetic is True,
        exception_id=mechanism.exception_id,
        parent_id=mechanism.parent_id,
        is_group=mechanism.is_exception_group is True,
        source=mechanism.source or "",
        thread_id="" if value.thread_id is None else str(value.thread_id),
    )
    return exception if exception.type or exception.value or frames else None


def _typed_frames(stack: WireStack | None, platform: str) -> tuple[Frame, ...]:
    if stack is None or not stack.frames:
        return ()
    return tuple([_typed_frame(frame, platform) for frame in stack.frames])


def _typed_frame(value: WireFrame, platform: str) -> Frame:
    in_app = value.in_app
    if in_app is None:
        in_app = is_in_app(
            platform=platform,
            filename=value.filename or "",
            abs_path=value.abs_path or "",
            module=value.module or "",
            package=value.package or "",
        )
    return _frame_of(
        function=value.function or "",
        module=value.module or "",
        filename=value.filename or "",
        abs_path=value.abs_path or "",
        lineno=value.lineno or 0,
        colno=value.colno or 0,
        in_app=in_app,
        context_line=value.context_line or "",
        pre_context=value.pre_context or (),
        post_context=value.post_context or (),
        variables=value.vars or {},
        package=value.package or "",
    )


def _frame(reader: FieldReader, value: dict[str, object], platform: str) -> Frame:
    get = value.get
    text = reader.text
    function = text(get("function"), "function", MAX_NAME_CHARS)
    module = text(get("module"), "module", MAX_NAME_CHARS)
    filename = text(get("filename"), "filename", MAX_NAME_CHARS)
    abs_path = text(get("abs_path"), "abs_path", MAX_NAME_CHARS)
    package = text(get("package"), "package", MAX_NAME_CHARS)
    in_app = get("in_app")
    if type(in_app) is not bool:
        in_app = is_in_app(
            platform=platform, filename=filename, abs_path=abs_path, module=module, package=package
        )
    variables = get("vars")
    return _frame_of(
        function=function,
        module=module,
        filename=filename,
        abs_path=abs_path,
        lineno=reader.line(get("lineno"), "lineno"),
        colno=reader.line(get("colno"), "colno"),
        in_app=in_app,
        context_line=text(get("context_line"), "context_line"),
        pre_context=_lines(reader, get("pre_context"), "pre_context"),
        post_context=_lines(reader, get("post_context"), "post_context"),
        variables=reader.mapping(variables, "variables") if variables else {},
        package=package,
    )


def _lines(reader: FieldReader, value: object, name: str) -> tuple[str, ...]:
    if not value:
        return ()
    # The usual five short lines need no look at each field; anything else goes the long way.
    if type(value) is list and len(value) <= MAX_CONTEXT_LINES:
        for line in value:
            if type(line) is not str or len(line) > MAX_TEXT_CHARS:
                break
        else:
            return tuple(value)
    return reader.texts(value, name, MAX_CONTEXT_LINES)
