"""The nested parts of our own JSON form: exceptions, breadcrumbs, user, request (seed box: Validator)."""

from __future__ import annotations

from error_manager.core.limits import (
    MAX_BREADCRUMBS,
    MAX_CONTEXT_LINES,
    MAX_EXCEPTIONS,
    MAX_FRAMES,
    MAX_LABEL_CHARS,
    MAX_NAME_CHARS,
    MAX_NOTES,
    cut_middle,
)
from error_manager.core.types import Breadcrumb, ExceptionInfo, FieldNote, Frame, Request, User
from error_manager.decoding.exception_tree import repair_tree
from error_manager.decoding.strict_reader import StrictReader
from error_manager.decoding.times import parse_time


def read_exceptions(reader: StrictReader, value: object) -> tuple[ExceptionInfo, ...]:
    """Return the chain or group, oldest first."""
    members = reader.objects(value, "exceptions")
    if len(members) > MAX_EXCEPTIONS:
        reader.note("exceptions", f"cut in the middle from {len(members)} to {MAX_EXCEPTIONS}")
    chain = [
        _exception(reader, member, f"exceptions.{place}")
        for place, member in enumerate(cut_middle(members, MAX_EXCEPTIONS))
    ]
    reader.path = ""
    return repair_tree(tuple(chain), reader)


def read_frames(reader: StrictReader, value: object, path: str) -> tuple[Frame, ...]:
    """Return a stack, oldest call first; ``path`` is that of the object that holds ``frames``."""
    reader.path = path
    members = reader.objects(value, "frames")
    if len(members) > MAX_FRAMES:
        reader.note("frames", f"cut in the middle from {len(members)} to {MAX_FRAMES}")
    prefix = f"{path}.frames" if path else "frames"
    frames: list[Frame] = []
    for place, member in enumerate(cut_middle(members, MAX_FRAMES)):
        reader.path = f"{prefix}.{place}"
        frames.append(_frame(reader, member))
    reader.path = path
    return tuple(frames)


def read_breadcrumbs(reader: StrictReader, value: object) -> tuple[Breadcrumb, ...]:
    """Return the newest steps, oldest first."""
    members = reader.objects(value, "breadcrumbs")
    if len(members) > MAX_BREADCRUMBS:
        reader.note("breadcrumbs", f"cut from {len(members)} to the newest {MAX_BREADCRUMBS}")
    breadcrumbs: list[Breadcrumb] = []
    for place, member in enumerate(members[-MAX_BREADCRUMBS:]):
        reader.path = f"breadcrumbs.{place}"
        breadcrumbs.append(_breadcrumb(reader, member))
    reader.path = ""
    return tuple(breadcrumbs)


def read_user(reader: StrictReader, value: object) -> User | None:
    """Return who was hit, or None."""
    if value is None:
        return None
    if not isinstance(value, dict):
        reader.expect("user", "an object", value)
        return None
    reader.path = "user"
    user = User(
        id=reader.scalar(value.get("id"), "id", MAX_LABEL_CHARS),
        email=reader.text(value.get("email"), "email", MAX_LABEL_CHARS),
        username=reader.text(value.get("username"), "username", MAX_LABEL_CHARS),
        ip_address=reader.text(value.get("ip_address"), "ip_address", MAX_LABEL_CHARS),
        data=reader.mapping(value.get("data"), "data"),
    )
    reader.path = ""
    return user


def read_request(reader: StrictReader, value: object) -> Request | None:
    """Return the web request, or None."""
    if value is None:
        return None
    if not isinstance(value, dict):
        reader.expect("request", "an object", value)
        return None
    reader.path = "request"
    request = Request(
        url=reader.text(value.get("url"), "url"),
        method=reader.text(value.get("method"), "method", MAX_LABEL_CHARS),
        query_string=reader.text(value.get("query_string"), "query_string"),
        headers=reader.pairs(value.get("headers"), "headers"),
        cookies=reader.pairs(value.get("cookies"), "cookies"),
        data=reader.anything(value.get("data"), "data"),
        env=reader.mapping(value.get("env"), "env"),
    )
    reader.path = ""
    return request


def read_notes(reader: StrictReader, value: object) -> tuple[FieldNote, ...]:
    """Return the notes the client made, then those made here; call it last."""
    notes: list[FieldNote] = []
    for place, member in enumerate(reader.objects(value, "notes")[:MAX_NOTES]):
        reader.path = f"notes.{place}"
        path = reader.text(member.get("path"), "path", MAX_NAME_CHARS)
        notes.append(FieldNote(path=path, reason=reader.text(member.get("reason"), "reason", MAX_NAME_CHARS)))
    reader.path = ""
    return (*notes, *reader.notes)


def _exception(reader: StrictReader, value: dict[str, object], path: str) -> ExceptionInfo:
    frames = read_frames(reader, value.get("frames"), path)
    return ExceptionInfo(
        type=reader.text(value.get("type"), "type", MAX_NAME_CHARS),
        value=reader.text(value.get("value"), "value"),
        module=reader.text(value.get("module"), "module", MAX_NAME_CHARS),
        frames=frames,
        mechanism=reader.text(value.get("mechanism"), "mechanism", MAX_LABEL_CHARS),
        is_handled=reader.truth(value.get("is_handled"), "is_handled"),
        is_synthetic=bool(reader.truth(value.get("is_synthetic"), "is_synthetic")),
        exception_id=reader.whole(value.get("exception_id"), "exception_id"),
        parent_id=reader.whole(value.get("parent_id"), "parent_id"),
        is_group=bool(reader.truth(value.get("is_group"), "is_group")),
        source=reader.text(value.get("source"), "source", MAX_LABEL_CHARS),
        thread_id=reader.scalar(value.get("thread_id"), "thread_id", MAX_LABEL_CHARS),
    )


def _frame(reader: StrictReader, value: dict[str, object]) -> Frame:
    get = value.get
    text = reader.text
    return Frame(
        function=text(get("function"), "function", MAX_NAME_CHARS),
        module=text(get("module"), "module", MAX_NAME_CHARS),
        filename=text(get("filename"), "filename", MAX_NAME_CHARS),
        abs_path=text(get("abs_path"), "abs_path", MAX_NAME_CHARS),
        lineno=reader.line(get("lineno"), "lineno"),
        colno=reader.line(get("colno"), "colno"),
        in_app=reader.truth(get("in_app"), "in_app") is not False,
        context_line=text(get("context_line"), "context_line"),
        pre_context=reader.texts(get("pre_context"), "pre_context", MAX_CONTEXT_LINES),
        post_context=reader.texts(get("post_context"), "post_context", MAX_CONTEXT_LINES),
        variables=reader.mapping(get("variables"), "variables"),
        package=text(get("package"), "package", MAX_NAME_CHARS),
    )


def _breadcrumb(reader: StrictReader, value: dict[str, object]) -> Breadcrumb:
    get = value.get
    said = get("timestamp")
    time = parse_time(said)
    if time is None and said is not None:
        reader.fail("timestamp", "expected a time from 1970 to 2099: RFC 3339 text or seconds since 1970")
    return Breadcrumb(
        timestamp=time,
        category=reader.text(get("category"), "category", MAX_LABEL_CHARS),
        message=reader.text(get("message"), "message"),
        level=reader.text(get("level"), "level", MAX_LABEL_CHARS),
        type=reader.text(get("type"), "type", MAX_LABEL_CHARS),
        data=reader.mapping(get("data"), "data"),
    )
