"""When errors were taken in is told, also what was taken in while the database was away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from error_manager.core.errors import StorageUnavailableError
from error_manager.flows.collecting import Collecting

START = datetime(2026, 5, 4, tzinfo=UTC)
STEP = timedelta(seconds=15)


class _World:
    def __init__(self):
        self.now, self.is_taking, self.is_away = START, True, False
        self.told, self.waiting_told = [], []

    async def note(self, start, end):
        if self.is_away:
            raise StorageUnavailableError("away")
        self.told.append((start, end))

    async def note_waiting(self, at):
        if self.is_away:
            raise StorageUnavailableError("away")
        self.waiting_told.append(at)

    async def steps(self, count, collecting):
        for _ in range(count):
            await collecting.tell()
            self.now += STEP


def _collecting(world):
    return Collecting(
        world.note, world.note_waiting, is_taking=lambda: world.is_taking, clock=lambda: world.now
    )


async def test_the_span_grows_over_an_absence_of_the_database():
    """Errors were taken in meanwhile: it is one span."""
    world = _World()
    collecting = _collecting(world)
    await world.steps(2, collecting)
    world.is_away = True
    await world.steps(10, collecting)
    world.is_away = False
    await world.steps(1, collecting)
    assert world.told == [(START, START), (START, START + STEP), (START, START + 12 * STEP)]


async def test_the_span_ends_when_errors_are_refused():
    """A full disk: what follows is another span."""
    world = _World()
    collecting = _collecting(world)
    await world.steps(2, collecting)
    world.is_taking = False
    await world.steps(2, collecting)
    world.is_taking = True
    await world.steps(2, collecting)
    begun = START + 4 * STEP
    assert world.told[-2:] == [(begun, begun), (begun, begun + STEP)]


async def test_what_waits_is_told_while_errors_are_refused():
    """The inbox is full: that is when most waits."""
    world = _World()
    world.is_taking = False
    await world.steps(2, _collecting(world))
    assert (world.told, world.waiting_told) == ([], [START, START + STEP])
