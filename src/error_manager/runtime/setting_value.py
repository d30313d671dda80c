"""What is known of one setting, and how its text becomes a value (seed box: Configuration)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ENVIRONMENT_PREFIX: Final = "ERROR_MANAGER_"
_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingInfo:
    """What is known of one setting; ``key`` is dotted (``server.port``)."""

    key: str
    type: type
    is_optional: bool
    default: object
    help: str
    unit: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    is_secret: bool

    @property
    def variable(self) -> str:
        """Return the name of its environment variable."""
        return ENVIRONMENT_PREFIX + self.key.upper().replace(".", "__")


def convert(info: SettingInfo, raw: object) -> object:
    """Return ``raw`` as the setting's type.

    Raises:
        ValueError: saying what was expected.
    """
    if raw is None or (info.is_optional and isinstance(raw, str) and raw.strip().lower() in {"", "none"}):
        if info.is_optional:
            return None
        raise ValueError(_expected(info))
    try:
        value = _scalar(info.type, raw)
    except (ValueError, OverflowError, RuntimeError) as error:  # RuntimeError: ~nobody-of-that-name
        raise ValueError(_expected(info)) from error
    if info.choices and value not in info.choices:
        raise ValueError(_expected(info))
    if isinstance(value, int | float) and not (
        (info.low is None or value >= info.low) and (info.high is None or value <= info.high)
    ):
        raise ValueError(_expected(info))
    return value


def _scalar(kind: type, raw: object) -> object:
    text = str(raw).strip()
    if kind is bool:
        if text.lower() in _TRUE | _FALSE:
            return text.lower() in _TRUE
    elif kind is int and not isinstance(raw, bool | float):
        return int(text)
    elif kind is float and not isinstance(raw, bool):
        return float(text)
    elif kind is Path and isinstance(raw, str | Path):
        return Path(text).expanduser()
    elif kind is str and isinstance(raw, str):
        return text
    raise ValueError


def _expected(info: SettingInfo) -> str:
    names: Mapping[type, str] = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        Path: "a path",
    }
    text = names.get(info.type, "a text")
    if info.choices:
        text = "one of " + ", ".join(info.choices)
    if info.low is not None and info.high is not None:
        text += f" from {info.low:g} to {info.high:g}"
    elif info.low is not None:
        text += f" of at least {info.low:g}"
    return f"{text} {info.unit}".strip() + (" (or none)" if info.is_optional else "")
