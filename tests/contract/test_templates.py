"""The in-memory store of templates keeps the contract."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.contract.template_store_contract import LATER, TemplateStoreContract, stop_and_go
from tests.mined import PROJECT

from error_manager.storage.base import PatternRow
from error_manager.storage.memory_groups import GroupMap
from error_manager.storage.memory_templates import MemoryTemplates
from error_manager.storage.regrouping import PatternState


class _World:
    """A map of groups with the errors that made it."""

    def __init__(self):
        self.errors = []
        self.map = GroupMap(self._last_seen)
        self.templates = MemoryTemplates(self.map)

    def _held(self, pattern_id):
        groups = self.map.held_by(pattern_id)
        return [error for error in self.errors if (PROJECT, error.entry.fingerprint.group_id) in groups]

    def _last_seen(self, pattern_id):
        return max(error.event.timestamp for error in self._held(pattern_id))

    async def put(self, *errors):
        for error in errors:
            key = (error.project_id, error.entry.fingerprint.group_id)
            if key not in self.map.placed:
                self.map.add(key, error)
            self.errors.append(error)

    async def placed(self):
        return {key[1]: (placed.pattern, placed.by) for key, placed in self.map.placed.items()}

    async def pattern(self, pattern_id):
        found = self.map.find(pattern_id)
        errors = self._held(found.id)
        first = found.first
        return PatternRow(
            id=found.id,
            project_id=PROJECT,
            pattern_hash=found.hash,
            title=found.title,
            message=first.event.message,
            culprit="",
            module=first.entry.module,
            error_code=first.entry.error_code,
            severity=first.entry.severity,
            status=found.state.status,
            count=len(errors),
            users=0,
            first_seen=min(error.event.timestamp for error in errors),
            last_seen=self._last_seen(found.id),
        )

    async def merge(self, pattern_id, other):
        self.map.merge(self.map.find(pattern_id), [other], now=LATER)

    async def split(self, pattern_id, group):
        sizes = dict.fromkeys(self.map.placed, 1)
        self.map.split(self.map.find(pattern_id), [group], title="", sizes=sizes, now=LATER)

    async def undo(self, pattern_id):
        self.map.undo(self.map.find(pattern_id), now=LATER)

    async def set_status(self, pattern_id, status):
        state = PatternState(status=status, resolved_at=LATER if status.value == "resolved" else None)
        self.map.set_state(self.map.find(pattern_id), state, action=status.value, now=LATER)

    async def actions(self, pattern_id):
        return [line.action for line in self.map.lines(pattern_id)]


class TestMemoryTemplates(TemplateStoreContract):
    """The twin."""

    @pytest.fixture
    def world(self):
        return _World()


@given(stops=st.lists(st.sampled_from([None, True, False]), max_size=6))
@settings(max_examples=10, deadline=None)
def test_stops_anywhere_lose_nothing(stops):
    """Whenever the miner is stopped, in the end each text is learned once."""
    asyncio.run(stop_and_go(_World(), stops))
