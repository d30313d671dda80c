"""Grouping rules of a project: write, dry-run, switch on and off (seed box: Pattern Matcher).

Also what another version of the fingerprint would change.

A dry run reads the newest stored errors themselves, not a sample per group: what it says of them is exact.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final
from weakref import WeakKeyDictionary

import msgspec
import structlog

from error_manager.analysis.regrouping import Part, Plan, plan
from error_manager.core.cataloger import catalog
from error_manager.core.errors import NotFoundError, StorageError, ValidationError
from error_manager.core.fingerprint import VERSION, VERSIONS, ruled_fingerprint, template_parts
from error_manager.core.quick import evolve
from error_manager.core.rule_form import MAX_NOTE_CHARS, MAX_RULES, NO_NUL, NUL, check_rules
from error_manager.core.rules import GroupingRule, Ruled, RuleSet
from error_manager.core.text_mask import remember_masked
from error_manager.core.types import (
    ErrorEvent,
    FieldError,
    Fingerprint,
    GroupId,
    PatternId,
    ProjectId,
)
from error_manager.decoding.native import decode_stored
from error_manager.decoding.stored import decode_grouped
from error_manager.flows.services import QueryServices
from error_manager.storage.base import ErrorDetail
from error_manager.storage.rules import KeptError, Moves, Preview, RuleBook, StoredRule

AT_ONCE: Final = 1_000
"""Errors of a dry run that is answered at once."""
MAX_ERRORS: Final = 100_000
"""Errors that a dry run, and switching a rule on, look at."""
SILENCE: Final = timedelta(seconds=60)
"""A dry run that has not said for so long how far it is does not run any more."""
_SHOWN: Final = 50
"""Merges and splits that a dry run lists, and parts of each."""
_MESSAGE_CHARS: Final = 300
_BEAT_S: Final = 15.0
"""A dry run that waits for its turn says so this often."""
_TURNS: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore]] = WeakKeyDictionary()
_log = structlog.get_logger()

Told = Callable[[int], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """One way to group: a version of the fingerprint and the rules in force (None = no rules)."""

    rules: RuleSet | None = None
    version: int = VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPart:
    """Some errors of a merge or split; ``pattern_id`` is None for a pattern that does not exist yet."""

    pattern_id: int | None
    title: str
    message: str
    parts: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownChange:
    """One merge (``whole`` is what the parts become) or split (what the parts were)."""

    whole: ShownPart
    parts: tuple[ShownPart, ...]
    more: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What another grouping makes of the newest errors.

    ``errors`` were looked at, ``changed`` come to another group, ``moved`` to another pattern; ``follow``
    groups can be moved as a whole, ``stays`` errors cannot: their group falls apart, so only new ones like
    them come elsewhere. Counts are occurrences.
    """

    errors: int
    changed: int
    moved: int
    follow: int
    stays: int
    merged: int
    split: int
    merges: tuple[ShownChange, ...]
    splits: tuple[ShownChange, ...]
    sentence: str


@dataclass(slots=True)
class _Tally:
    """Counts of errors by their group and the one they would come to, with an error of each new one."""

    flows: Counter[tuple[GroupId, GroupId]] = field(default_factory=Counter)
    examples: dict[GroupId, tuple[tuple[str, ...], ErrorEvent]] = field(default_factory=dict)


# --- rules --------------------------------------------------------------------------------------------------


async def add(
    svc: QueryServices, project_id: ProjectId, rule: GroupingRule, *, note: str, person_id: int | None
) -> StoredRule:
    """Store a rule, switched off; return it.

    Raises:
        ValidationError: it cannot work, or there are too many.
    """
    _check(svc, rule, note)
    book = await svc.rules.book(project_id)
    if len(book.rules) >= MAX_RULES:
        raise ValidationError([FieldError(path="rules", message=f"a project has at most {MAX_RULES} rules")])
    number = await svc.rules.add_rule(project_id, rule, note=note, person_id=person_id, now=svc.clock())
    return await find(svc, project_id, number)


async def change(svc: QueryServices, project_id: ProjectId, rule: GroupingRule, *, note: str) -> StoredRule:
    """Replace a rule that is switched off; return it.

    Raises:
        ValidationError: it cannot work.
        ConflictError: it is switched on.
    """
    _check(svc, rule, note)
    await svc.rules.change_rule(project_id, rule, note=note)
    return await find(svc, project_id, rule.id)


async def find(svc: QueryServices, project_id: ProjectId, rule_id: int) -> StoredRule:
    """Return a rule.

    Raises:
        NotFoundError: there is no such rule.
    """
    book = await svc.rules.book(project_id)
    found = next((stored for stored in book.rules if stored.rule.id == rule_id), None)
    if found is None:
        message = f"There is no rule {rule_id} in this project."
        raise NotFoundError(message)
    return found


async def explain(svc: QueryServices, error: ErrorDetail) -> Fingerprint:
    """Return the fingerprint that an error is stored by, with the rules that had a say.

    When the rules have changed since, it is the one without rules: the group alone says what it was then.
    """
    version = error.fingerprint_version if error.fingerprint_version in VERSIONS else VERSION
    plain = ruled_fingerprint(error.event, None, version=version)
    if error.placement.template:
        return evolve(plain, {"parts": template_parts(error.placement.template, plain.parts)})
    if plain.group_id.hex() == error.placement.group:
        return plain
    book = await svc.rules.book(error.row.project_id)
    ruled = _looked(grouping(svc, book.active()), error.event)
    found = ruled_fingerprint(error.event, ruled, version=version)
    return found if found.group_id.hex() == error.placement.group else plain


async def switch_on(
    svc: QueryServices,
    project_id: ProjectId,
    rule_id: int,
    *,
    moves_known: bool,
    person_id: int | None,
    errors: int = MAX_ERRORS,
) -> int:
    """Switch a rule on for errors to come; with ``moves_known`` known groups follow. Return how many.

    Raises:
        NotFoundError: there is no such rule.
        ConflictError: it is switched on already, or rules changed while its moves were planned.
    """
    moves, book = Moves(), None
    if moves_known:
        await find(svc, project_id, rule_id)
        book = await svc.rules.book(project_id)
        moves = moves_of(await planned(svc, project_id, _flipped(svc, book, rule_id), errors=errors))
    return await svc.rules.switch_on(
        project_id, rule_id, moves, person_id=person_id, now=svc.clock(), planned_for=book
    )


async def switch_off(
    svc: QueryServices, project_id: ProjectId, rule_id: int, *, person_id: int | None
) -> int:
    """Switch a rule off and move back what it moved; return how many groups moved."""
    return await svc.rules.switch_off(project_id, rule_id, person_id=person_id, now=svc.clock())


def _check(svc: QueryServices, rule: GroupingRule, note: str) -> None:
    check_rules([rule], svc.compile_pattern, is_single=True)
    if len(note) > MAX_NOTE_CHARS:
        raise ValidationError(
            [FieldError(path="note", message=f"expected at most {MAX_NOTE_CHARS} characters")]
        )
    if NUL in note:
        raise ValidationError([FieldError(path="note", message=NO_NUL)])


# --- dry runs -----------------------------------------------------------------------------------------------


async def flip(svc: QueryServices, project_id: ProjectId, rule_id: int) -> tuple[Grouping, Grouping]:
    """Return the grouping as it is, and with one rule switched the other way."""
    await find(svc, project_id, rule_id)
    return _flipped(svc, await svc.rules.book(project_id), rule_id)


def _flipped(svc: QueryServices, book: RuleBook, rule_id: int) -> tuple[Grouping, Grouping]:
    flipped = tuple(
        replace(stored, is_active=stored.is_active != (stored.rule.id == rule_id)) for stored in book.rules
    )
    return grouping(svc, book.active()), grouping(svc, replace(book, rules=flipped).active())


async def draft(
    svc: QueryServices, project_id: ProjectId, rules: Sequence[GroupingRule]
) -> tuple[Grouping, Grouping]:
    """Return the grouping as it is, and with these rules instead of the active ones.

    Raises:
        ValidationError: a rule cannot work.
    """
    check_rules(rules, svc.compile_pattern)
    book = await svc.rules.book(project_id)
    return grouping(svc, book.active()), grouping(svc, rules)


def grouping(svc: QueryServices, rules: Sequence[GroupingRule], *, version: int = VERSION) -> Grouping:
    """Return the grouping by these rules."""
    return Grouping(rules=RuleSet(rules, svc.compile_pattern) if rules else None, version=version)


async def compare(
    svc: QueryServices,
    project_id: ProjectId,
    ways: tuple[Grouping | None, Grouping],
    *,
    errors: int,
    told: Told | None = None,
) -> Comparison:
    """Return what the second way to group makes of errors that the first one has grouped.

    The first one None means: compare with the groups as they are stored.
    """
    tally = await _tallied(svc, project_id, ways, errors=errors, told=told)
    homes = await svc.rules.homes(project_id, _groups(tally))
    return await _shown(svc, project_id, plan(tally.flows, homes), tally)


async def planned(
    svc: QueryServices,
    project_id: ProjectId,
    ways: tuple[Grouping | None, Grouping],
    *,
    errors: int,
    told: Told | None = None,
) -> Plan:
    """Return the plan behind ``compare``, with the groups that would move."""
    tally = await _tallied(svc, project_id, ways, errors=errors, told=told)
    return plan(tally.flows, await svc.rules.homes(project_id, _groups(tally)))


def moves_of(plan_: Plan) -> Moves:
    """Return what a plan moves in the map."""
    return Moves(groups=plan_.moves, taken_on=plan_.taken_on)


async def regroup(
    svc: QueryServices,
    project_id: ProjectId,
    *,
    version: int,
    errors: int,
    is_dry: bool,
    told: Told | None = None,
) -> tuple[Comparison, int]:
    """Return what a version of the fingerprint with the active rules changes, and how many groups moved.

    Raises:
        ValidationError: there is no such version.
    """
    if version not in VERSIONS:
        known = ", ".join(map(str, sorted(VERSIONS)))
        raise ValidationError([FieldError(path="version", message=f"unknown; there is {known}")])
    book = await svc.rules.book(project_id)
    ways = (None, grouping(svc, book.active(), version=version))
    tally = await _tallied(svc, project_id, ways, errors=errors, told=told)
    made = plan(tally.flows, await svc.rules.homes(project_id, _groups(tally)))
    shown = await _shown(svc, project_id, made, tally)
    if is_dry:
        return shown, 0
    return shown, await svc.rules.move(project_id, moves_of(made), person_id=None, now=svc.clock())


@asynccontextmanager
async def _turn(told: Told | None) -> AsyncGenerator[None, None]:
    """Let one dry run of this process at a time read errors: each holds a connection of the pool meanwhile.

    Those that wait say so, lest they count as ended.
    """
    turn = _TURNS.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(1))
    while True:
        try:
            async with asyncio.timeout(_BEAT_S):
                await turn.acquire()
            break
        except TimeoutError:
            if told is not None:
                await told(0)
    try:
        yield
    finally:
        turn.release()


async def _tallied(
    svc: QueryServices,
    project_id: ProjectId,
    ways: tuple[Grouping | None, Grouping],
    *,
    errors: int,
    told: Told | None,
) -> _Tally:
    tally = _Tally()
    done = 0
    async with _turn(told), aclosing(svc.rules.newest(project_id, limit=errors)) as chunks:
        async for chunk in chunks:
            await asyncio.to_thread(_count, tally, chunk, *ways)
            done += len(chunk)
            if told is not None:
                await told(done)
    return tally


def _count(tally: _Tally, chunk: Iterable[KeptError], before: Grouping | None, after: Grouping) -> None:
    is_headed = before is not None and before.version == after.version and not _need_frames(before, after)
    for error in chunk:
        new = error.group_id
        if not is_headed or _meets_any(error.body, before, after):
            new = _new_group(tally, error, before, after)
        tally.flows[error.group_id, new] += error.occurrences


def _need_frames(*ways: Grouping | None) -> bool:
    return any(way.rules.needs_frames for way in ways if way is not None and way.rules is not None)


def _meets_any(body: bytes, *ways: Grouping | None) -> bool:
    """Return whether an error meets a rule; none of them looks at frames, two thirds of a body."""
    event = _read(body, is_head=True)
    return any(_looked(way, event) is not None for way in ways if way is not None)


def _read(body: bytes, *, is_head: bool = False) -> ErrorEvent:
    event = decode_grouped(body, is_head=is_head) or decode_stored(body)
    remember_masked((event.message, *[exception.value for exception in event.exceptions]))
    return event


def _new_group(tally: _Tally, error: KeptError, before: Grouping | None, after: Grouping) -> GroupId:
    """Return the group an error would come to: its own one unless the two ways disagree about it.

    Mined templates are the same either way: what one has grouped stays, unless a rule comes first.
    """
    event = _read(error.body)
    ruled = _looked(after, event)
    if error.has_template and ruled is None:
        return error.group_id
    was = _looked(before, event) if before is not None else None
    if before is not None and was is None and ruled is None and before.version == after.version:
        return error.group_id
    new = ruled_fingerprint(event, ruled, version=after.version)
    if new.group_id == error.group_id:
        return error.group_id
    if before is not None and ruled_fingerprint(event, was, version=before.version).hash == new.hash:
        return error.group_id
    tally.examples.setdefault(new.group_id, (new.parts, event))
    return new.group_id


def _looked(way: Grouping, event: ErrorEvent) -> Ruled | None:
    return way.rules.look(event) if way.rules is not None else None


def _groups(tally: _Tally) -> list[GroupId]:
    return sorted({group for pair in tally.flows for group in pair})


# --- what a person is told ----------------------------------------------------------------------------------


async def _shown(svc: QueryServices, project_id: ProjectId, made: Plan, tally: _Tally) -> Comparison:
    merges, splits = made.merges[:_SHOWN], made.splits[:_SHOWN]
    listed = [part for merge in merges for part in (merge.into, *merge.parts[:_SHOWN])]
    listed += [part for split in splits for part in (split.pattern, *split.parts[:_SHOWN])]
    numbers = {part.pattern_id for part in listed if part.pattern_id is not None}
    titles = {number: await _title(svc, project_id, number) for number in sorted(numbers)}
    return Comparison(
        errors=made.errors,
        changed=made.changed,
        moved=made.moved,
        follow=len(made.moves),
        stays=made.stays,
        merged=sum(len(merge.parts) for merge in made.merges),
        split=len(made.splits),
        merges=tuple(_shown_change(merge.into, merge.parts, titles, tally) for merge in merges),
        splits=tuple(_shown_change(split.pattern, split.parts, titles, tally) for split in splits),
        sentence=sentence(made),
    )


def _shown_change(
    whole: Part,
    parts: tuple[Part, ...],
    titles: Mapping[PatternId, tuple[str, str]],
    tally: _Tally,
) -> ShownChange:
    return ShownChange(
        whole=_shown_part(whole, titles, tally),
        parts=tuple(_shown_part(part, titles, tally) for part in parts[:_SHOWN]),
        more=max(0, len(parts) - _SHOWN),
    )


def _shown_part(part: Part, titles: Mapping[PatternId, tuple[str, str]], tally: _Tally) -> ShownPart:
    fingerprint_parts, event = tally.examples.get(part.group_id, ((), None))
    if part.pattern_id is not None:
        title, message = titles[part.pattern_id]
    else:
        title, message = (catalog(event).title, event.message[:_MESSAGE_CHARS]) if event else ("", "")
    return ShownPart(
        pattern_id=part.pattern_id, title=title, message=message, parts=fingerprint_parts, count=part.count
    )


async def _title(svc: QueryServices, project_id: ProjectId, number: PatternId) -> tuple[str, str]:
    row = await svc.queries.pattern(number, project_ids=(project_id,))
    return row.title or row.error_code, row.message[:_MESSAGE_CHARS]


def sentence(made: Plan) -> str:
    """Return what would change in one sentence."""
    if not made.changed:
        return f"Nothing would change for the last {made.errors:,} errors."
    anew = f"Of the last {made.errors:,} errors this would group {made.changed:,} anew"
    if not made.moved:
        return f"{anew}, each of them in the pattern it is in now: no pattern would change."
    sources = sum(len(merge.parts) for merge in made.merges)
    return (
        f"{anew}: merge {sources:,} patterns into {len(made.merges):,}, split {len(made.splits):,}, "
        f"and move {made.moved:,} error{'' if made.moved == 1 else 's'} to another pattern."
    )


# --- dry runs in the background -----------------------------------------------------------------------------


async def start_preview(
    svc: QueryServices,
    project_id: ProjectId,
    ways: tuple[Grouping, Grouping],
    *,
    rule_id: int | None,
    errors: int,
) -> tuple[int, Callable[[], Awaitable[None]]]:
    """Register a dry run; return its id, and what runs it."""
    total = await svc.rules.count_newest(project_id, limit=errors)
    number = await svc.rules.add_preview(project_id, rule_id=rule_id, total=total, now=svc.clock())

    async def told(done: int) -> None:
        await svc.rules.note_preview(project_id, number, done=done, now=svc.clock())

    async def run() -> None:
        try:
            result = await compare(svc, project_id, ways, errors=errors, told=told)
            kept = msgspec.to_builtins(result)
            await svc.rules.note_preview(project_id, number, done=total, now=svc.clock(), result=kept)
        except StorageError as error:
            _log.warning("preview_failed", project_id=project_id, detail=str(error))
            await failed("The database went away. Try again.")
        except Exception:  # noqa: BLE001  # entry point: nobody waits for it, so the preview says that it failed
            _log.exception("preview_failed", project_id=project_id)
            await failed("It failed. The log of the server says why.")

    async def failed(why: str) -> None:
        try:
            await svc.rules.note_preview(project_id, number, done=0, now=svc.clock(), failure=why)
        except StorageError as error:  # it counts as failed when it says nothing more
            _log.warning("preview_not_noted", project_id=project_id, detail=str(error))

    return number, run


async def find_preview(svc: QueryServices, project_id: ProjectId, number: int) -> Preview:
    """Return a dry run; one that says nothing any more has failed: its process has ended.

    Raises:
        NotFoundError: there is none of that id.
    """
    preview = await svc.rules.preview(project_id, number)
    is_open = preview.result is None and not preview.failure
    if is_open and svc.clock() - preview.updated_at > SILENCE:
        return replace(preview, failure="It ended without a result. Try again.")
    return preview


def comparison_of(preview: Preview) -> Comparison | None:
    """Return the result of a dry run, None while it runs or when it failed."""
    return None if preview.result is None else msgspec.convert(dict(preview.result), Comparison)
