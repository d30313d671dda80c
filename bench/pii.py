"""PII: each text as the server would keep it, put where it would stand in an error."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import re2
from bench.files import find, open_text

from error_manager.core.ids import new_event_id
from error_manager.core.types import ErrorEvent, Request
from error_manager.security.pii import Masker

SETS = ("corpus.jsonl", "presidio.jsonl")
_AT = datetime(2026, 1, 1, tzinfo=UTC)


def run(data: Path, out: Path) -> None:
    masker = Masker(re2.compile)
    for name in SETS:
        path = find(data, name)
        if path is None:
            print(f"pii {name}: not in {data}; skipped")
            continue
        with open_text(path) as source:
            rows = [json.loads(line) for line in source]
        started = time.perf_counter()
        masked = [(row["id"], _masked(masker, row)) for row in rows]
        each_us = (time.perf_counter() - started) / max(1, len(rows)) * 1e6
        with (out / name).open("w", encoding="utf-8") as target:
            target.writelines(json.dumps({"id": key, "masked_text": text}) + "\n" for key, text in masked)
        print(f"pii {name}: {len(rows)} texts, {each_us:.0f} us each")


def _masked(masker: Masker, row: dict[str, object]) -> str:
    parts = row.get("parts")
    text = "".join(map(str, parts)) if isinstance(parts, list) else str(row["text"])
    key = str(row.get("key") or "")
    if not key:
        return masker.mask_text(text)
    event = ErrorEvent(event_id=new_event_id(bytes(16)), timestamp=_AT, message="")
    if row.get("field") == "header":
        event = ErrorEvent(
            event_id=event.event_id, timestamp=_AT, message="", request=Request(headers={key: text})
        )
        request = masker.mask_event(event).event.request
        return "" if request is None else request.headers[key]
    event = ErrorEvent(event_id=event.event_id, timestamp=_AT, message="", extra={key: text})
    return str(masker.mask_event(event).event.extra[key])
