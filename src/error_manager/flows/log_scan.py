"""Scans a block of a log: headers off, traces together, equal lines counted (seed box: Pattern Analyzer).

A block begins and ends with a record, so that blocks can be read apart, in any process. Lines that differ in
digits alone are split once: they are looked up by their text with all digits as zeros.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from error_manager.analysis.found import SAMPLE_CHARS
from error_manager.core.types import Severity
from error_manager.decoding.log_clock import minute_of, seconds_past_minute
from error_manager.decoding.log_line import split_line
from error_manager.decoding.log_trace import is_another, is_head, is_inside, is_start
from error_manager.decoding.log_wrapper import unwrap
from error_manager.flows.log_error import TraceGroup, group_trace
from error_manager.flows.log_form import BARE, HEADED, PIECE, ZERO_TEXT, Form, FormBook, NewPattern

_ZERO: Final = bytes(48 if 48 <= byte <= 57 else byte for byte in range(256))
_MAX_MINUTES: Final = 200_000
_MAX_SECONDS: Final = 60_000
"""All seconds of a minute to the millisecond."""
ORDER_S: Final = 2.5e-7
"""Lines of one whole second are this much apart, so that their order is known: the least a float can tell."""
_MAX_LINE_CHARS: Final = 16_384
_MAX_PIECES: Final = 2_000
_MAX_TRACE_CHARS: Final = 262_144


@dataclass(slots=True, kw_only=True)
class Counted:
    """What one block has of one pattern; ``minutes`` are counts by minute since 1970.

    ``times`` are seconds since 1970, empty when nobody asked.
    """

    count: int = 0
    rank: int = -1
    minutes: dict[int, int] = field(default_factory=dict)
    times: array[float] = field(default_factory=lambda: array("d"))
    first: str = ""
    last: str = ""
    samples: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a block holds. ``numbers`` are those of its lines, 0 for blank ones; None when nobody asked.

    ``is_reset``: the numbers of earlier blocks mean nothing any more.
    """

    is_reset: bool
    new: list[NewPattern]
    counted: dict[int, Counted]
    numbers: array[int] | None
    lines: int


@dataclass(slots=True)
class _Record:
    """A record whose lines may be a trace: its first line (-1: none) and those below it."""

    place: int
    form: Form
    pieces: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)


class LogScanner:
    """Scans the blocks of an input, one after the other, and remembers the forms of lines."""

    def __init__(self, *, now: datetime, samples: int, keeps_numbers: bool, keeps_times: bool) -> None:
        """Start without knowledge.

        Args:
            now: aware; the year of times that have none.
            samples: lines kept per pattern and block.
            keeps_numbers: also return the number of each line.
            keeps_times: also return the time of each record.
        """
        self._now = now
        self._samples = samples
        self._keeps_numbers = keeps_numbers
        self._keeps_times = keeps_times
        self._minutes: dict[str, int | None] = {}
        self._seconds: dict[str, float] = {}
        self._book = FormBook()
        self._traces: dict[str, TraceGroup | None] = {}

    def scan(self, block: bytes) -> Findings:
        """Return what a block of whole records holds."""
        is_reset = self._book.trim()
        self._traces = {} if is_reset else self._traces
        if b"\r" in block:
            block = block.replace(b"\r\n", b"\n")
        self._lines = block.decode("utf-8", "replace").split("\n")
        zeroed = block.translate(_ZERO).decode("utf-8", "replace").split("\n")
        self._numbers = array("I", bytes(4 * len(self._lines)))
        self._found: dict[int, Counted] = {}
        self._newest: dict[int, tuple[int, Form]] = {}
        self._heads: dict[str, tuple[int, Form]] = {}
        self._records: dict[str, _Record] = {}
        self._read(zeroed)
        for record in self._records.values():
            self._close(record)
        for number, (place, form) in self._newest.items():
            self._found[number].last = self._lines[place][form.time_at : form.time_end]
        return Findings(
            is_reset=is_reset,
            new=self._book.take_new(),
            counted=self._found,
            numbers=self._numbers if self._keeps_numbers else None,
            lines=len(self._lines) - (1 if not self._lines[-1] else 0),
        )

    def _read(self, zeroed: list[str]) -> None:
        known, records = self._book.forms.get, self._records
        for place, form_text in enumerate(zeroed):
            form = known(form_text)
            if form is None:
                if not form_text or form_text.isspace():
                    self._blank(place)
                    continue
                form = self._book.learn(self._lines[place], form_text)
            if form.kind != HEADED:
                self._take_other(place, form)
                continue
            if records and form.stream in records:
                self._close(records.pop(form.stream))
            self._take(place, form)

    # --- one line --------------------------------------------------------------------------------

    def _take(self, place: int, form: Form) -> None:
        """Count a line as a record of its own."""
        if form.digits is not None:
            digits = self._lines[place][form.digits[0] : form.digits[1]]
            if digits != form.digits_text:
                form = self._book.with_digits(form, digits)
        number = form.number
        counted = self._found.get(number)
        if counted is None:
            counted = self._found[number] = Counted(first=self._lines[place][form.time_at : form.time_end])
        counted.count += 1
        counted.rank = max(counted.rank, form.rank)
        if form.minute_end:
            minute = self._minute(place, form)
            if minute is not None:
                counted.minutes[minute] = counted.minutes.get(minute, 0) + 1
                if self._keeps_times:
                    counted.times.append(self._time(place, form, minute))
        if len(counted.samples) < self._samples:
            counted.samples.append(self._lines[place][:SAMPLE_CHARS])
        head = (place, form)
        self._newest[number] = head
        self._heads[form.stream] = head
        self._numbers[place] = number

    def _take_other(self, place: int, form: Form) -> None:
        """Take a line without a header of its own."""
        record = self._records.get(form.stream)
        text = self._content(place, form)
        if form.kind != PIECE and not self._continues(form.stream, record, text):
            if record is not None:
                self._close(self._records.pop(form.stream))
            self._take(place, form)
            return
        if record is not None and is_another(text, next(filter(None, reversed(record.texts)), "")):
            self._close(self._records.pop(form.stream))
            record = None
        if record is None:
            head = self._heads.pop(form.stream, None) or (-1, form)
            record = self._records[form.stream] = _Record(*head)
        if len(record.texts) < _MAX_PIECES:
            record.texts.append(text)
        record.pieces.append(place)
        if record.place >= 0:
            self._numbers[place] = self._numbers[record.place]

    def _continues(self, stream: str, record: _Record | None, text: str) -> bool:
        if record is not None:
            return is_inside(text, record.texts[-1])
        head = self._heads.get(stream)
        if head is None:
            return False
        place, form = head
        if is_head(text):
            return form.kind == HEADED and not form.is_carried and _is_bad(form)
        return "panicked at " in self._lines[place]

    def _blank(self, place: int) -> None:
        """Keep a blank line inside a trace: causes stand behind one."""
        for record in self._records.values():
            if record.pieces[-1] == place - 1 and len(record.texts) < _MAX_PIECES:
                record.texts.append("")
                record.pieces.append(place)

    def _content(self, place: int, form: Form) -> str:
        line = self._lines[place]
        if form.content_at >= 0:
            return line[form.content_at :]
        return unwrap(line).content

    def _minute(self, place: int, form: Form) -> int | None:
        line = self._lines[place]
        text = line[form.time_at : form.minute_end]
        if form.tail_at < form.time_end:
            text = f"{text}|{line[form.tail_at : form.time_end]}"
        try:
            return self._minutes[text]
        except KeyError:
            if len(self._minutes) >= _MAX_MINUTES:
                self._minutes.clear()
            clock, _, tail = text.partition("|")
            minute = minute_of(clock, tail, now=self._now)
            self._minutes[text] = minute
            return minute

    def _time(self, place: int, form: Form, minute: int) -> float:
        """Return the time of a line, seconds since 1970, and later lines of a whole second a little later."""
        line = self._lines[place]
        rest = line[form.minute_end : form.time_end]
        if rest[:1] == ":" and rest in self._seconds:  # a third of the time of reading it anew
            seconds = self._seconds[rest]
        else:
            seconds = seconds_past_minute(line[form.time_at : form.minute_end], rest)
            if rest[:1] == ":" and len(self._seconds) < _MAX_SECONDS:
                self._seconds[rest] = seconds
        return 60 * minute + (seconds + place * ORDER_S if seconds.is_integer() else seconds)

    # --- the end of a record ---------------------------------------------------------------------

    def _close(self, record: _Record) -> None:
        """Count a record with its pieces as one error, when they are a trace."""
        while not record.texts[-1] and 1 < len(record.texts) == len(record.pieces):
            record.texts.pop()
            self._numbers[record.pieces.pop()] = 0
        has_head = record.place >= 0
        head = self._message(record) if has_head else ""
        takes_head = has_head and _takes_head(record.form, head, record.texts[0])
        text = "\n".join([head, *record.texts] if takes_head else record.texts)[:_MAX_TRACE_CHARS]
        group = self._group(text, head)
        if group is not None:
            self._count_trace(record, group, text, takes_head=takes_head)
        elif has_head:
            self._lengthen(record)
        else:  # indented text with nothing above it
            for place in record.pieces:
                self._count_alone(place)

    def _count_trace(self, record: _Record, group: TraceGroup, text: str, *, takes_head: bool) -> None:
        number = self._book.number_of_group(group)
        form = record.form
        place = record.place if record.place >= 0 else record.pieces[0]
        minute = self._minute(place, form) if form.minute_end else None
        if takes_head:
            self._uncount(record, minute)
            self._numbers[record.place] = number
        for piece in record.pieces:
            self._numbers[piece] = number
        counted = self._found.get(number)
        if counted is None:
            counted = self._found[number] = Counted(first=self._lines[place][form.time_at : form.time_end])
        counted.count += 1
        counted.rank = max(counted.rank, form.rank if takes_head else -1, Severity.ERROR.rank)
        if minute is not None:
            counted.minutes[minute] = counted.minutes.get(minute, 0) + 1
            if self._keeps_times:
                counted.times.append(self._time(place, form, minute))
        self._newest[number] = (place, form)
        if len(counted.samples) < self._samples:
            counted.samples.append(text[:SAMPLE_CHARS])

    def _uncount(self, record: _Record, minute: int | None) -> None:
        """Take back a line that turned out to be the head of a trace."""
        counted = self._found[self._numbers[record.place]]
        counted.count -= 1
        if minute is not None:
            counted.minutes[minute] -= 1
            if not counted.minutes[minute]:
                del counted.minutes[minute]
            if self._keeps_times:
                counted.times.remove(self._time(record.place, record.form, minute))

    def _message(self, record: _Record) -> str:
        line = self._lines[record.place]
        if record.form.kind == BARE or record.form.is_carried:
            return self._content(record.place, record.form)
        return split_line(unwrap(line).content).message

    def _group(self, text: str, message: str) -> TraceGroup | None:
        key = text.translate(ZERO_TEXT)
        if key in self._traces:
            return self._traces[key]
        group = group_trace(text, message)
        self._traces[key] = group
        self._book.count_chars(len(key) + 400)
        return group

    def _count_alone(self, place: int) -> None:
        message = self._lines[place].strip()
        number = self._book.number_of_message(message)
        self._numbers[place] = number
        counted = self._found.setdefault(number, Counted())
        counted.count += 1
        if len(counted.samples) < self._samples:
            counted.samples.append(message[:SAMPLE_CHARS])

    def _lengthen(self, record: _Record) -> None:
        """Let the first sample of a message show the lines below it."""
        line = self._lines[record.place]
        samples = self._found[self._numbers[record.place]].samples
        if line[:SAMPLE_CHARS] in samples:
            place = samples.index(line[:SAMPLE_CHARS])
            samples[place] = "\n".join([line, *record.texts])[:SAMPLE_CHARS]


def _is_bad(form: Form) -> bool:
    return form.rank < 0 or form.rank >= Severity.WARNING.rank


def _takes_head(form: Form, head: str, first: str) -> bool:
    """Return whether the line above a trace is part of that error, and not just before it."""
    if form.kind == BARE and form.rank < 0:
        return is_head(head) or not (form.is_carried or is_start(first))
    return _is_bad(form)
