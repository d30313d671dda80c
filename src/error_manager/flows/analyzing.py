"""The path of a log file: blocks -> scan -> template or group -> patterns (seed box: Pattern Analyzer)."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from error_manager.analysis.event_times import EventTimes
from error_manager.analysis.found import MAX_PATTERNS, OTHER, FoundPattern, FoundPatterns
from error_manager.analysis.templates import Template, TemplateMiner
from error_manager.core.types import Severity
from error_manager.flows.log_error import TraceGroup
from error_manager.flows.log_form import NewPattern
from error_manager.flows.log_scan import Counted, Findings

_SEVERITIES: Final = tuple(Severity)
_NO_PATTERN: Final = 0

Target = Template | TraceGroup | None
"""What a number of a scanner stands for; None: beyond the patterns that are kept apart."""


@dataclass(slots=True)
class _Known:
    """What the numbers of one scanner stand for; number 0 is no pattern.

    ``new`` have not been counted yet: the lines of a trace have numbers, too, and would only make templates.
    """

    new: dict[int, NewPattern] = field(default_factory=dict)
    targets: dict[int, Target] = field(default_factory=dict)
    wheres: dict[int, str] = field(default_factory=dict)
    places: dict[int, int] = field(default_factory=lambda: {_NO_PATTERN: _NO_PATTERN})


class LogAnalysis:
    """Finds the patterns of log lines, block by block."""

    def __init__(self, *, samples: int, keeps_rows: bool) -> None:
        """Start with nothing found.

        Args:
            samples: lines to keep per pattern.
            keeps_rows: remember the pattern of each line, four bytes each.
        """
        self.patterns = FoundPatterns(samples=samples)
        self.times = EventTimes()
        self.lines = 0
        self._miner = TemplateMiner()
        self._known: dict[int, _Known] = {}
        self._rows: array[int] | None = array("I") if keeps_rows else None
        self._places: dict[str, int] = {}
        self._keys: list[str] = [""]

    def add(self, scanner: int, findings: Findings) -> list[FoundPattern]:
        """Take the findings of one block and return the patterns that are new.

        Args:
            scanner: whose numbers the findings use.
            findings: of the block that follows the one before.
        """
        if findings.is_reset:
            self._known[scanner] = _Known()
        known = self._known[scanner]
        known.new.update((new.number, new) for new in findings.new)
        counted = (
            self._count(known, number, each) for number, each in findings.counted.items() if each.count
        )
        fresh = [pattern for pattern in counted if pattern is not None]
        self.lines += findings.lines
        if self._rows is not None and findings.numbers is not None:
            places = known.places
            self._rows.extend([places[number] for number in findings.numbers[: findings.lines]])
        return fresh

    def _target(self, new: NewPattern) -> Target:
        if new.group is not None:
            return new.group
        return self._miner.add(new.message) if not self.patterns.is_full else None

    def _count(self, known: _Known, number: int, counted: Counted) -> FoundPattern | None:
        """Count a pattern of a block and return it when it is new."""
        if number in known.new:
            new = known.new.pop(number)
            known.targets[number] = self._target(new)
            known.wheres[number] = new.where
            known.places[number] = self._place(known.targets[number])
        target = known.targets[number]
        before = self.patterns.size
        pattern = self.patterns.add(
            key_of(target),
            text=text_of(target),
            samples=counted.samples,
            times=(counted.first, counted.last),
            minutes=counted.minutes,
            count=counted.count,
            severity=_SEVERITIES[counted.rank] if counted.rank >= 0 else None,
            where=known.wheres[number],
            why=target.why if isinstance(target, TraceGroup) else (),
        )
        if counted.times and pattern.id != OTHER:
            self.times.add(pattern.id, counted.times)
        return pattern if self.patterns.size > before else None

    def _place(self, target: Target) -> int:
        key = key_of(target)
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = len(self._keys)
            self._keys.append(key)
        return place

    def settle(self) -> None:
        """Join patterns whose templates were merged after they were counted; bring all texts up to date."""
        for key in self.patterns.keys:
            template = self._template(key)
            if template is not None:
                self.patterns.join(key, key_of(template), text=template.text)
                self.times.join(key, key_of(template))

    def _template(self, key: str) -> Template | None:
        """Return the template that answers for a key now, None for what is no template."""
        return self._miner.get(int(key[1:])) if key.startswith("E") else None

    def rows(self) -> Iterator[tuple[int, str, str]]:
        """Yield number, pattern and final template of each line that is not blank."""
        self.settle()
        templates = [self._template(key) for key in self._keys]
        keys = [
            key if template is None else key_of(template)
            for key, template in zip(self._keys, templates, strict=True)
        ]
        texts = [self.patterns.text(key) for key in keys]
        for line, place in enumerate(self._rows or (), start=1):
            if place:
                yield line, keys[place], texts[place]


def key_of(target: Target) -> str:
    """Return the name of a pattern: ``E`` and number of a template, ``T`` and start of a group."""
    if target is None:
        return OTHER
    return f"E{target.id}" if isinstance(target, Template) else f"T{target.id[:12]}"


def text_of(target: Target) -> str:
    """Return how a pattern is shown."""
    if target is None:
        return f"(more than {MAX_PATTERNS:,} patterns: the rest)"
    return target.text if isinstance(target, Template) else target.title
