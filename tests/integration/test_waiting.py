"""A receiving process tells since when something waits in its inbox, from the real files of it."""

from __future__ import annotations

from contextlib import asynccontextmanager

from tests.integration.test_inbox_faults import NOW, SEALER, new_inbox, record

from error_manager.runtime.settings import load_settings
from error_manager.runtime.wiring.serve import _collecting
from error_manager.storage.base import Cursor


class _Spans:
    """What is told, and up to where each slot was processed."""

    def __init__(self):
        self.done, self.waiting = {}, {}

    async def cursors(self):
        return self.done

    async def note(self, slot, started_at, ended_at):
        pass

    async def note_waiting(self, slot, told_at, since):
        del told_at
        self.waiting[slot] = since


@asynccontextmanager
async def _inbox(folder, slot):
    inbox = new_inbox(folder, slot=slot)
    await inbox.open()
    yield inbox
    await inbox.close()


async def test_what_waits_in_a_slot_is_told_until_it_was_processed(tmp_path):
    """By the process of the slot; by that of the first one of slots, too, that no process has any more."""
    settings = load_settings({"data_dir": tmp_path, "server.processes": 2}, environ={})
    folder, spans = tmp_path / "inbox", _Spans()
    async with _inbox(folder, 0) as first, _inbox(folder, 1) as second, _inbox(folder, 2) as left:
        for inbox in (second, left):
            await inbox.put([record(1)])
        for slot, inbox in enumerate((first, second)):
            await _collecting(settings, slot, inbox, SEALER, spans).tell()
        assert spans.waiting == {0: None, 1: NOW, 2: NOW}
        spans.done = {1: Cursor(seq=int(NOW.timestamp()), row=1)}
        await _collecting(settings, 1, second, SEALER, spans).tell()
        assert spans.waiting == {0: None, 1: None, 2: NOW}
