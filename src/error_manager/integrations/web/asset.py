"""The files of the pages: styles, scripts, icons; read and compressed once, cached by hash."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parent / "static"
_TYPES: Final = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".json": "application/json",
}
_PREFIX: Final = "/static/"
_TAG_CHARS: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One file. ``tag`` is the start of its SHA-256; addresses carry it, so browsers may keep it for ever."""

    name: str
    content_type: str
    body: bytes
    compressed: bytes
    tag: str


@cache
def assets() -> dict[str, Asset]:
    """Return every shipped file by its name (``app.css``, ``vendor/htmx.min.js``)."""
    return {asset.name: asset for asset in map(_load, sorted(_ROOT.rglob("*"))) if asset is not None}


def asset_url(name: str) -> str:
    """Return the address of a file; templates call it, so an unknown name fails in the first test."""
    return f"{_PREFIX}{name}?v={assets()[name].tag}"


def _load(path: Path) -> Asset | None:
    content_type = _TYPES.get(path.suffix)
    if content_type is None or not path.is_file():
        return None
    body = path.read_bytes()
    return Asset(
        name=path.relative_to(_ROOT).as_posix(),
        content_type=content_type,
        body=body,
        compressed=gzip.compress(body, compresslevel=9, mtime=0),
        tag=hashlib.sha256(body).hexdigest()[:_TAG_CHARS],
    )
