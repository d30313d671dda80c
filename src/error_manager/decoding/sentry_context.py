"""What surrounded a Sentry event: breadcrumbs, user, request (seed box: Error Entry)."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from error_manager.core.limits import MAX_BREADCRUMBS, MAX_LABEL_CHARS, MAX_TEXT_CHARS, cut_text
from error_manager.core.quick import maker
from error_manager.core.types import Breadcrumb, Request, User
from error_manager.decoding.reader import FieldReader, kind_name
from error_manager.decoding.times import parse_time

_breadcrumb_of: Final = maker(Breadcrumb)
_user_of: Final = maker(User)
_request_of: Final = maker(Request)
_USER_FIELDS: Final = ("id", "email", "username", "ip_address")


def read_breadcrumbs(reader: FieldReader, value: object) -> tuple[Breadcrumb, ...]:
    """Return the newest ``MAX_BREADCRUMBS`` steps of a list or of ``{"values": [...]}``, oldest first."""
    if not value:
        return ()
    reader.path = ""
    members = [member for member in reader.values(value, "breadcrumbs") if isinstance(member, dict)]
    if len(members) > MAX_BREADCRUMBS:
        reader.note("breadcrumbs", f"cut from {len(members)} to the newest {MAX_BREADCRUMBS}")
    read = []
    for place, member in enumerate(members[-MAX_BREADCRUMBS:]):
        reader.path = f"breadcrumbs.{place}"
        read.append(_breadcrumb(reader, member))
    reader.path = ""
    return tuple(read)


def read_user(reader: FieldReader, value: object) -> User | None:
    """Return who was hit, or None when the client said nothing."""
    if not value:
        return None
    reader.path = ""
    if not isinstance(value, dict):
        reader.note("user", f"dropped: expected an object, got {kind_name(value)}")
        return None
    reader.path = "user"
    texts = {name: reader.text(value.get(name), name, MAX_LABEL_CHARS) for name in _USER_FIELDS}
    others = {name: member for name, member in value.items() if name not in texts and member is not None}
    data = reader.mapping(others, "data") if others else {}
    reader.path = ""
    return _user_of(**texts, data=data) if data or any(texts.values()) else None


def read_request(reader: FieldReader, value: object) -> Request | None:
    """Return the web request, or None when the client said nothing."""
    if not value:
        return None
    reader.path = ""
    if not isinstance(value, dict):
        reader.note("request", f"dropped: expected an object, got {kind_name(value)}")
        return None
    reader.path = "request"
    request = _request_of(
        url=reader.text(value.get("url"), "url"),
        method=reader.text(value.get("method"), "method", MAX_LABEL_CHARS),
        query_string=_query_string(reader, value.get("query_string")),
        headers=reader.pairs(value.get("headers"), "headers"),
        cookies=_cookies(reader, value.get("cookies")),
        data=reader.anything(value.get("data"), "data"),
        env=reader.mapping(value.get("env"), "env"),
    )
    reader.path = ""
    return request


def _breadcrumb(reader: FieldReader, value: dict[str, object]) -> Breadcrumb:
    get = value.get
    said = get("timestamp")
    time = parse_time(said)
    if time is None and said is not None:
        reader.note("timestamp", "dropped: expected a time from 1970 to 2099")
    data = get("data")
    if isinstance(data, str):
        data = {"data": data}
    return _breadcrumb_of(
        timestamp=time,
        category=reader.text(get("category"), "category", MAX_LABEL_CHARS),
        message=reader.json_text(get("message"), "message"),
        level=reader.text(get("level"), "level", MAX_LABEL_CHARS),
        type=reader.text(get("type"), "type", MAX_LABEL_CHARS),
        data=reader.mapping(data, "data") if data else {},
    )


def _query_string(reader: FieldReader, value: object) -> str:
    if isinstance(value, dict | list):
        return cut_text(urlencode(list(reader.pairs(value, "query_string").items())), MAX_TEXT_CHARS)
    return reader.text(value, "query_string")


def _cookies(reader: FieldReader, value: object) -> dict[str, str]:
    if isinstance(value, str):
        parts = [part.partition("=") for part in value.split(";") if part.strip()]
        value = [[name.strip(), content.strip()] for name, _, content in parts]
    return reader.pairs(value, "cookies")
