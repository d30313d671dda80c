"""Splits the body of ``POST /api/v1/errors``: object, list, or lines of objects (seed box: Validator)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

import msgspec

from error_manager.core.errors import MalformedPayloadError, PayloadTooLargeError
from error_manager.decoding.json_text import decode_json

MAX_BATCH_ITEMS: Final = 10_000
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchItem:
    """One item: its JSON as sent and its value, or ``problem`` when it cannot be read."""

    raw: bytes
    value: object = None
    problem: str = ""


def split_batch(body: bytes, *, is_lines: bool) -> tuple[BatchItem, ...]:
    """Return the items of a body.

    Args:
        body: JSON text, or lines of JSON text.
        is_lines: the sender said that these are lines (``application/x-ndjson``); found out otherwise.

    Raises:
        MalformedPayloadError: it is neither.
        PayloadTooLargeError: it has more than ``MAX_BATCH_ITEMS`` items.
    """
    text = body.strip()
    if not text:
        raise MalformedPayloadError("The body is empty.")
    if is_lines:
        return _lines(text)
    if text.startswith(b"["):
        return _list(text)
    try:
        return (BatchItem(raw=text, value=decode_json(text)),)
    except MalformedPayloadError:
        if b"\n" not in text:
            raise
        return _lines(text)


def _lines(text: bytes) -> tuple[BatchItem, ...]:
    lines = [line for line in text.splitlines() if line.strip()]
    _check_count(len(lines))
    return tuple(_item(line) for line in lines)


def _list(text: bytes) -> tuple[BatchItem, ...]:
    try:
        raws = [bytes(raw) for raw in _LIST.decode(text)]
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        values = decode_json(text)
        if not isinstance(values, list):
            raise MalformedPayloadError("The body is not a list.") from None
        raws = [json.dumps(value).encode() for value in values]
    _check_count(len(raws))
    return tuple(_item(raw) for raw in raws)


def _item(raw: bytes) -> BatchItem:
    try:
        return BatchItem(raw=raw, value=decode_json(raw))
    except MalformedPayloadError as error:
        return BatchItem(raw=raw, problem=str(error))


def _check_count(count: int) -> None:
    if count > MAX_BATCH_ITEMS:
        raise PayloadTooLargeError(f"More than {MAX_BATCH_ITEMS} errors at once; send several requests.")
