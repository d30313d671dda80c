"""From bare messages to templates: one worker learns, all match (seed box: Pattern Analyzer; ADR 0011).

Start at ``Mining.round``: each project's new groups of bare messages are read, their messages learned, and
the lesson is kept in one transaction: the templates published, the groups of one template in one pattern.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from error_manager.analysis.template_snapshot import TemplateSnapshot
from error_manager.analysis.templates import TemplateMiner
from error_manager.core.errors import StaleCursorError, StorageError, TemplateSnapshotError
from error_manager.core.fingerprint import LOGGER_PART, MESSAGE_PART, template_fingerprint
from error_manager.core.types import PatternId, ProjectId
from error_manager.storage.base import Lesson, NewGroup, TemplateLink, TemplateStore

BATCH: Final = 1_000
"""Groups that are learned in one transaction."""
_MAX_HELD: Final = 16
"""Projects whose templates the miner keeps in memory; those of others are read anew."""
_RETRY: Final = tuple(timedelta(seconds=seconds) for seconds in (1, 2, 5, 10, 30, 60))
"""How long a project is left alone after each failure in a row: a lesson that waits for a lock, or is too
slow for the database, keeps batches of its project waiting each time."""
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class _PutOff:
    """A project whose lesson has failed so many times in a row."""

    failures: int
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """The templates of a project as they were last published, and up to which pattern they have read."""

    miner: TemplateMiner
    version: int
    pattern_id: PatternId


class Mining:
    """The miner of all projects; only one worker has it at a time, and another one's work is never undone."""

    def __init__(self, store: TemplateStore, *, clock: Callable[[], datetime]) -> None:
        """Keep where templates are kept, and the clock (UTC)."""
        self._store = store
        self._clock = clock
        self._held: dict[ProjectId, _Held] = {}
        self._unreadable: set[ProjectId] = set()
        self._put_off: dict[ProjectId, _PutOff] = {}

    async def round(self) -> int:
        """Learn all that is new; return how many groups that were.

        A project whose lesson fails is left alone for a while, longer each time; the next round goes on with
        the others.

        Raises:
            StorageError: the database is away, or another miner was faster; try again.
        """
        learned = 0
        for project in await self._store.waiting():
            put_off = self._put_off.get(project)
            if put_off is not None and self._clock() < put_off.until:
                continue
            try:
                learned += await self._learn_all(project)
            except StaleCursorError:  # another miner was faster, and its lesson stands: nothing failed
                raise
            except StorageError:
                failures = put_off.failures + 1 if put_off else 1
                rest = _RETRY[min(failures, len(_RETRY)) - 1]
                self._put_off[project] = _PutOff(failures=failures, until=self._clock() + rest)
                raise
            self._put_off.pop(project, None)
        return learned

    async def _learn_all(self, project: ProjectId) -> int:
        """Take in all new groups of a project; one that fails is left alone from now on.

        The reason is a fault of ours and comes again with the same messages: storing must not end with it.
        """
        learned = 0
        while project not in self._unreadable:
            try:
                count = await self._learn(project)
            except StorageError:
                raise
            except Exception:  # noqa: BLE001  # see above
                self._unreadable.add(project)
                _log.exception("mining_failed", project_id=project)
                break
            learned += count
            if count < BATCH:
                break
        return learned

    async def _learn(self, project: ProjectId) -> int:
        """Take in the next groups of a project; what goes wrong leaves all that is published as it was."""
        held = self._held.pop(project, None) or await self._restored(project)
        if held is None:
            return 0
        end, groups = await self._store.unread(project, held.pattern_id, limit=BATCH)
        if end == held.pattern_id:
            return 0
        studied = await asyncio.to_thread(study, held.miner, groups)
        merged = await self._store.template_groups(project, studied.merged) if studied.merged else ()
        links = (*studied.links, *linked(held.miner, merged))
        snapshot = await asyncio.to_thread(held.miner.publish)
        lesson = Lesson(
            project_id=project,
            start=held.pattern_id,
            end=end,
            content=await asyncio.to_thread(snapshot.to_bytes),
            is_changed=snapshot.version != held.version,
            links=links,
            texts=_texts(held.miner, links),
        )
        await self._store.learn(lesson, now=self._clock())
        self._keep(project, _Held(miner=held.miner, version=snapshot.version, pattern_id=end))
        return len(groups)

    async def _restored(self, project: ProjectId) -> _Held | None:
        state = await self._store.state(project)
        if not state.content:
            return _Held(miner=TemplateMiner(), version=0, pattern_id=state.pattern_id)
        try:
            snapshot = await asyncio.to_thread(TemplateSnapshot.from_bytes, state.content)
        except TemplateSnapshotError as error:  # of a later release: its workers mine
            self._unreadable.add(project)
            _log.error("templates_unreadable", project_id=project, detail=str(error))
            return None
        miner = await asyncio.to_thread(TemplateMiner.restore, snapshot)
        return _Held(miner=miner, version=snapshot.version, pattern_id=state.pattern_id)

    def _keep(self, project: ProjectId, held: _Held) -> None:
        self._held[project] = held
        if len(self._held) > _MAX_HELD:
            del self._held[next(iter(self._held))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Studied:
    """What a miner found out: where groups belong, and templates that were merged into older ones."""

    links: tuple[TemplateLink, ...]
    merged: tuple[int, ...]


def study(miner: TemplateMiner, groups: Sequence[NewGroup]) -> Studied:
    """Let a miner learn the messages of new groups, in their order."""
    before = [template.id for template in miner.templates]
    found = [(group, miner.add(group.message).id) for group in groups if _is_text(group)]
    texts = tuple(_link(group, miner.resolve(template)) for group, template in found)
    late = [group for group in groups if group.template_id is not None]
    return Studied(
        links=(*texts, *linked(miner, late)),
        merged=tuple(template for template in before if miner.resolve(template) != template),
    )


def linked(miner: TemplateMiner, groups: Iterable[NewGroup]) -> tuple[TemplateLink, ...]:
    """Return where groups of templates belong that were merged into others."""
    return tuple(
        _link(group, miner.resolve(group.template_id))
        for group in groups
        if group.template_id is not None and miner.resolve(group.template_id) != group.template_id
    )


def _link(group: NewGroup, template: int) -> TemplateLink:
    fingerprint = template_fingerprint(template, group.parts)
    return TemplateLink(group_id=group.group_id, template_group=fingerprint.group_id, template_id=template)


def _is_text(group: NewGroup) -> bool:
    """Return whether a group is of bare messages: their text, and their logger if they have one."""
    message, *rest = group.parts
    is_bare = message.startswith(MESSAGE_PART) and all(part.startswith(LOGGER_PART) for part in rest)
    return is_bare and group.template_id is None and bool(group.message)


def _texts(miner: TemplateMiner, links: Iterable[TemplateLink]) -> tuple[tuple[int, str], ...]:
    found = ((number, miner.get(number)) for number in sorted({link.template_id for link in links}))
    return tuple((number, template.text) for number, template in found if template is not None)
