"""Turns a filter of patterns into the parameters of the statements in ``patterns.sql`` (pure)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from error_manager.core.types import PatternStatus
from error_manager.storage.base import PatternFilter
from error_manager.storage.postgres.reader import some

_COLUMNS = {
    "module": "modules",
    "code": "codes",
    "type": "titles",
    "platform": "platforms",
    "severity": "severities",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TagTerm:
    """A tag that patterns must (or may not) have."""

    key: str
    value: str
    is_negated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternTerms:
    """``values`` are the parameters of ``pattern_filter`` and ``release_filter``; tags take own queries."""

    values: dict[str, object]
    tags: tuple[TagTerm, ...] = field(default=())

    @property
    def needs_rollups(self) -> bool:
        """Return whether environment or release are asked for, which only rollups know."""
        return any(
            self.values[name] is not None
            for name in ("environments", "not_environments", "releases", "not_releases")
        )


def pattern_terms(where: PatternFilter) -> PatternTerms:
    """Return the filter as parameters. Values of one field are alternatives, all fields must hold."""
    wanted: dict[str, list[str]] = defaultdict(list)
    unwanted: dict[str, list[str]] = defaultdict(list)
    tags: list[TagTerm] = []
    regressed: bool | None = None
    for name, value, is_negated in where.fields:
        into = unwanted if is_negated else wanted
        match name:
            case "environment" | "release":
                into[f"{name}s"].append(value)
            case "is" if value.lower() in {"regressed", "regression"}:
                regressed = not is_negated
            case "is":
                into["statuses"].append(value.lower())
            case _ if name in _COLUMNS:
                into[_COLUMNS[name]].append(value.lower())
            case _:
                tags.append(TagTerm(key=name.removeprefix("tag."), value=value, is_negated=is_negated))
    _add(wanted, where)
    values: dict[str, object] = {"projects": some(where.project_ids), "regressed": regressed}
    for name in ("statuses", "environments", "releases", *_COLUMNS.values()):
        values[name] = wanted.get(name)
        values[f"not_{name}"] = unwanted.get(name)
    return PatternTerms(values=values, tags=tuple(tags))


def _add(wanted: dict[str, list[str]], where: PatternFilter) -> None:
    """Add what the filter's own attributes say; they narrow what was typed."""
    narrow(wanted, "statuses", [where.status.value] if isinstance(where.status, PatternStatus) else [])
    narrow(wanted, "severities", [severity.value for severity in where.severities])
    narrow(wanted, "environments", [where.environment] if where.environment else [])
    narrow(wanted, "releases", [where.release] if where.release else [])


def narrow(wanted: dict[str, list[str]], name: str, values: Iterable[str]) -> None:
    """Leave of the wanted values of a field those that are also in ``values``, unless these are none."""
    chosen = list(values)
    if chosen:
        wanted[name] = [value for value in chosen if value in wanted[name]] if wanted.get(name) else chosen
