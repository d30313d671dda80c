"""Rules over PostgreSQL: the contract, dry runs that come true, undo that leaves no trace, transitions."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import msgspec
import psycopg
import pytest
from tests.contract.rule_store_contract import NOW, ONE, RuleStoreContract, errors, event, stored

from error_manager.core.cataloger import catalog
from error_manager.core.encoding import event_to_json
from error_manager.core.errors import ConflictError, StorageUnavailableError, ValidationError
from error_manager.core.fingerprint import VERSION, VERSIONS
from error_manager.core.ids import uuid7
from error_manager.core.rules import GroupingRule, IgnoreFrames, MaskMessage, Matcher, RuleSet, SetParts
from error_manager.core.types import ErrorId, EventId, GroupId
from error_manager.flows import rules
from error_manager.runtime.wiring.linear import compile_linear
from error_manager.storage.base import NO_SLOT, Cursor, StoreBatch, TemplateMatch
from error_manager.storage.compression import BodyCodec
from error_manager.storage.postgres.connection import connect, pool
from error_manager.storage.postgres.errors import PostgresErrorStore
from error_manager.storage.postgres.queries import PostgresQueries
from error_manager.storage.postgres.rule_moves import MapMoves
from error_manager.storage.postgres.rules import PostgresRules
from error_manager.storage.rules import Moves

_CODEC = BodyCodec()
_PATTERNS = """
    SELECT id, pattern_hash, frequency, users, first_seen, last_seen, severity, severity_rank, status,
        resolved_at, ignore_until, regressed_at, first_release, last_release, merged_into
    FROM error_patterns ORDER BY id
"""
_HOMES = """
    SELECT event_id, pattern_id FROM project_errors JOIN pattern_groups USING (project_id, group_id)
"""
_GHOSTS = """
    SELECT p.id FROM error_patterns p LEFT JOIN pattern_groups g ON g.pattern_id = p.id
    GROUP BY p.id, p.merged_into HAVING (p.merged_into IS NULL) <> (count(g.*) > 0)
"""
"""Live patterns without a group, and groups in patterns that lead on."""
_GROUPS = "SELECT group_id, pattern_id, by FROM pattern_groups ORDER BY group_id"


async def keep(database, kept) -> None:
    """Store errors through the product's own store, with their bodies."""
    store = PostgresErrorStore(
        lambda: connect(database.url, application_name="test"), shard=0, failpoint=lambda step: None
    )
    whole = [
        replace(one, body=_CODEC.compress(ONE, msgspec.json.encode(event_to_json(one.event)))[1])
        for one in kept
    ]
    await store.commit(StoreBatch(slot=NO_SLOT, start=Cursor(), end=Cursor(), errors=tuple(whole)))
    await store.close()


def rows(database, statement: str) -> list[tuple]:
    """Return the rows of a statement."""
    with psycopg.connect(database.owner_url) as connection:
        return connection.execute(statement).fetchall()


@pytest.fixture
async def filled(database):
    """A fresh database with the contract's errors, and a pool."""
    with psycopg.connect(database.owner_url) as connection:
        connection.execute(
            "INSERT INTO projects (id, organization_id, name, slug, subject_key) "
            "VALUES (1, 1, 'One', 'one', 'k'), (2, 1, 'Two', 'two', 'k')"
        )
    await keep(database, errors())
    connections = pool(database.url, application_name="test", min_size=1, max_size=4, autocommit=True)
    await connections.open()
    yield SimpleNamespace(database=database, pool=connections)
    await connections.close()


class TestPostgresRules(RuleStoreContract):
    """The real one."""

    @pytest.fixture
    def store(self, filled):
        """Return rules over a fresh database with the contract's errors."""
        return PostgresRules(filled.pool)


@pytest.fixture
def svc(filled):
    """What the flow of rules needs."""
    return SimpleNamespace(
        rules=PostgresRules(filled.pool),
        queries=PostgresQueries(filled.pool),
        compile_pattern=compile_linear,
        clock=lambda: NOW,
        database=filled.database,
    )


def glob(field: str, pattern: str) -> Matcher:
    """Return a matcher by a glob."""
    return Matcher(field=field, pattern=pattern, is_glob=True)


BY_TYPE = GroupingRule(action=SetParts(parts=("{{ type }}",)), matchers=(glob("type", "ValueError"),))
BY_TENANT = GroupingRule(
    action=SetParts(parts=("{{ default }}", "{{ tag.tenant }}")),
    matchers=(glob("environment", "production"),),
)
BY_NAME = GroupingRule(
    action=SetParts(parts=("{{ capture.1 }}",)),
    matchers=(Matcher(field="message", pattern="order ([A-Z]) is"), glob("in_app.function", "[pl]*")),
)
NO_CART = GroupingRule(action=IgnoreFrames(glob="shop.cart.pay"))
ONLY_SOME = GroupingRule(action=SetParts(parts=("staged",)), matchers=(glob("tag.tenant", "1"),))
MASKED = GroupingRule(action=MaskMessage(pattern="order [A-Z]", name="order"))


def again(number: int, one, rule_set):
    """Return an error that came before, once more, under the rules of now."""
    fresh = replace(one.event, event_id=EventId(f"{number:032x}"))
    made = stored(number, fresh, rules=rule_set)
    return replace(made, error_id=ErrorId(uuid7(fresh.timestamp, os.urandom(10))))


@pytest.mark.parametrize("rule", [BY_TYPE, BY_TENANT, BY_NAME, NO_CART, ONLY_SOME, MASKED])
async def test_a_dry_run_comes_true(svc, rule) -> None:
    """Switched on, the same errors come to the patterns that the dry run said: exactly as many move."""
    stored_rule = await rules.add(svc, ONE, rule, note="", person_id=None)
    number = stored_rule.rule.id
    ways = await rules.flip(svc, ONE, number)
    said = await rules.compare(svc, ONE, ways, errors=1000)
    home = dict(rows(svc.database, _HOMES))
    first = {f"{one.event.event_id}": one for one in errors()}
    await rules.switch_on(svc, ONE, number, moves_known=True, person_id=None)
    rule_set = RuleSet([replace(rule, id=number)], compile_linear)
    kept = list(first.values())
    await keep(svc.database, [again(1000 + place, one, rule_set) for place, one in enumerate(kept)])
    now = {event_id.int: pattern for event_id, pattern in rows(svc.database, _HOMES)}
    was = {event_id.int: pattern for event_id, pattern in home.items()}
    pairs = [(was[int(one.event.event_id, 16)], now[1000 + place]) for place, one in enumerate(kept)]
    assert said.errors == 60
    assert said.moved == sum(old != new for old, new in pairs)
    merged = {new: {old for old, other in pairs if other == new} for _, new in pairs}
    assert said.merged == sum(len(olds) for olds in merged.values() if len(olds) > 1)
    parted = {old: {new for other, new in pairs if other == old} for old, _ in pairs}
    assert said.split == sum(len(news) > 1 for news in parted.values())
    followed = sum(was[int(one.event.event_id, 16)] != now[int(one.event.event_id, 16)] for one in kept)
    assert followed == said.moved - said.stays


@pytest.mark.parametrize("rule", [BY_TYPE, BY_TENANT, BY_NAME, NO_CART, MASKED])
async def test_undo_restores_every_pattern(svc, rule) -> None:
    """On and off again: counts, users, times, states and the map are exactly what they were."""
    before = rows(svc.database, _PATTERNS), rows(svc.database, _GROUPS)
    number = (await rules.add(svc, ONE, rule, note="", person_id=None)).rule.id
    await rules.switch_on(svc, ONE, number, moves_known=True, person_id=None)
    total = rows(svc.database, "SELECT sum(frequency) FROM error_patterns WHERE merged_into IS NULL")
    assert total == [(60,)]
    await rules.switch_off(svc, ONE, number, person_id=None)
    assert (rows(svc.database, _PATTERNS), rows(svc.database, _GROUPS)) == before


async def test_errors_between_on_and_off_are_counted_where_they_are(svc) -> None:
    """What came while a rule was on keeps its group; every error is counted once, before and after."""
    number = (await rules.add(svc, ONE, BY_TYPE, note="", person_id=None)).rule.id
    await rules.switch_on(svc, ONE, number, moves_known=True, person_id=None)
    merged = rows(svc.database, "SELECT count(*) FROM error_patterns WHERE merged_into IS NULL")
    assert merged == [(4,)]
    rule_set = RuleSet([replace(BY_TYPE, id=number)], compile_linear)
    await keep(svc.database, [stored(100, event(100), rules=rule_set)])
    why = rows(svc.database, "SELECT by FROM pattern_groups WHERE by = 'rule'")
    assert len(why) == 3
    await rules.switch_off(svc, ONE, number, person_id=None)
    counts = rows(svc.database, "SELECT frequency FROM error_patterns WHERE merged_into IS NULL ORDER BY 1")
    assert counts == [(10,), (10,), (10,), (10,), (10,), (11,)]


async def test_what_a_person_merged_stays(svc) -> None:
    """A rule moves no group that a person placed, and its undo moves none back."""
    ids = [row[0] for row in rows(svc.database, "SELECT id FROM error_patterns ORDER BY id")]
    await svc.queries.merge(ids[0], (ids[1],), person_id=None, now=NOW + timedelta(seconds=1))
    placed = rows(svc.database, "SELECT group_id, pattern_id FROM pattern_groups WHERE by = 'person'")
    number = (await rules.add(svc, ONE, BY_TYPE, note="", person_id=None)).rule.id
    await rules.switch_on(svc, ONE, number, moves_known=True, person_id=None)
    query = "SELECT group_id, pattern_id FROM pattern_groups WHERE by = 'person'"
    assert rows(svc.database, query) == placed
    await rules.switch_off(svc, ONE, number, person_id=None)
    assert rows(svc.database, query) == placed
    assert rows(svc.database, "SELECT sum(frequency) FROM error_patterns WHERE merged_into IS NULL") == [
        (60,)
    ]


async def _switched_on(svc) -> tuple[int, int, list[int], int]:
    """Switch BY_TYPE on; return the rule, what it merged into, what leads there now, and another pattern."""
    number = (await rules.add(svc, ONE, BY_TYPE, note="", person_id=None)).rule.id
    await rules.switch_on(svc, ONE, number, moves_known=True, person_id=None)
    led = rows(svc.database, "SELECT id, merged_into FROM error_patterns WHERE merged_into IS NOT NULL")
    other = "SELECT min(id) FROM error_patterns p WHERE merged_into IS NULL AND frequency = 10"
    return number, led[0][1], [row[0] for row in led], rows(svc.database, other)[0][0]


async def test_undo_leaves_no_ghost_where_a_person_merged_on(svc) -> None:
    """No group moves back, so the patterns that were emptied lead on to where their groups are."""
    number, into, led, other = await _switched_on(svc)
    await svc.queries.merge(other, (into,), person_id=None, now=NOW + timedelta(seconds=1))
    before = rows(svc.database, _PATTERNS), rows(svc.database, _GROUPS)
    assert await rules.switch_off(svc, ONE, number, person_id=None) == 0
    assert (rows(svc.database, _PATTERNS), rows(svc.database, _GROUPS)[: len(before[1])]) == before
    assert (rows(svc.database, _GHOSTS), len(led)) == ([], 2)


async def test_undo_restores_what_was_not_moved_on_alone(svc) -> None:
    """Of two merged patterns one was split off and merged elsewhere: only the other one is back."""
    number, into, led, other = await _switched_on(svc)
    group = rows(svc.database, f"SELECT group_id FROM pattern_groups WHERE origin_id = {led[0]}")[0][0]
    later = NOW + timedelta(seconds=1)
    home = await svc.queries.split(into, (group,), title="", person_id=None, now=later)
    await svc.queries.merge(other, (led[0],), person_id=None, now=later)
    assert await rules.switch_off(svc, ONE, number, person_id=None) == 1
    found = dict(rows(svc.database, "SELECT id, merged_into FROM error_patterns"))
    assert (found[led[0]], found[led[1]], rows(svc.database, _GHOSTS)) == (other, None, [])
    assert home is not None


async def test_groups_go_back_to_where_their_pattern_leads(svc) -> None:
    """A person merged the pattern a group comes from, that kept others: the group follows them."""
    number = (await rules.add(svc, ONE, BY_TYPE, note="", person_id=None)).rule.id
    ids = [row[0] for row in rows(svc.database, "SELECT id FROM error_patterns ORDER BY id")]
    groups = dict(rows(svc.database, "SELECT pattern_id, group_id FROM pattern_groups"))
    move = Moves(groups=((GroupId(bytes(groups[ids[1]])), ids[0]), (GroupId(bytes(groups[ids[2]])), ids[1])))
    await svc.rules.move(ONE, Moves(groups=move.groups[1:]), person_id=None, now=NOW)
    await svc.rules.switch_on(ONE, number, Moves(groups=move.groups[:1]), person_id=None, now=NOW)
    await svc.queries.merge(ids[3], (ids[1],), person_id=None, now=NOW + timedelta(seconds=1))
    assert await rules.switch_off(svc, ONE, number, person_id=None) == 1
    homes = dict(rows(svc.database, "SELECT group_id, pattern_id FROM pattern_groups"))
    assert (homes[groups[ids[1]]], rows(svc.database, _GHOSTS)) == (ids[3], [])
    counts = rows(svc.database, "SELECT frequency FROM error_patterns WHERE merged_into IS NULL ORDER BY 1")
    assert counts == [(10,), (10,), (10,), (30,)]


async def test_a_note_holds_no_nul(svc) -> None:
    """The field is named; the database is not asked."""
    with pytest.raises(ValidationError):
        await rules.add(svc, ONE, BY_TYPE, note="a\0b", person_id=None)


async def test_a_rule_for_errors_to_come_only_moves_nothing(svc) -> None:
    """Without known groups following, stored patterns stay as they are."""
    before = rows(svc.database, _PATTERNS), rows(svc.database, _GROUPS)
    number = (await rules.add(svc, ONE, BY_TYPE, note="", person_id=None)).rule.id
    assert await rules.switch_on(svc, ONE, number, moves_known=False, person_id=None) == 0
    assert (rows(svc.database, _PATTERNS), rows(svc.database, _GROUPS)) == before


async def test_a_rule_is_not_switched_on_by_a_plan_for_other_rules(svc, monkeypatch) -> None:
    """Another rule is switched on while the moves are planned: a conflict, and nothing moved."""
    number = (await rules.add(svc, ONE, BY_TYPE, note="", person_id=None)).rule.id
    other = (await rules.add(svc, ONE, MASKED, note="", person_id=None)).rule.id
    homes = svc.rules.homes

    async def homes_late(*args):
        await svc.rules.switch_on(ONE, other, Moves(), person_id=None, now=NOW)
        return await homes(*args)

    before = rows(svc.database, _GROUPS)
    monkeypatch.setattr(svc.rules, "homes", homes_late)
    with pytest.raises(ConflictError):
        await rules.switch_on(svc, ONE, number, moves_known=True, person_id=None)
    assert rows(svc.database, _GROUPS) == before


async def _started(svc):
    number = (await rules.add(svc, ONE, BY_TYPE, note="", person_id=None)).rule.id
    ways = await rules.flip(svc, ONE, number)
    return await rules.start_preview(svc, ONE, ways, rule_id=number, errors=1000)


@pytest.mark.parametrize("error", [StorageUnavailableError("away"), ValueError("odd")])
async def test_a_preview_says_that_it_failed(svc, monkeypatch, error) -> None:
    """Whatever went wrong in the background, it is not running any more."""
    number, run = await _started(svc)

    async def homes(*args):
        raise error

    monkeypatch.setattr(svc.rules, "homes", homes)
    await run()
    found = await rules.find_preview(svc, ONE, number)
    assert (found.failure != "", found.result) == (True, None)


async def test_a_silent_preview_has_failed(svc) -> None:
    """Its process ended: after a minute without a word it counts as failed; one that is done stays done."""
    number, run = await _started(svc)
    svc.clock = lambda: NOW + timedelta(seconds=60)
    assert (await rules.find_preview(svc, ONE, number)).failure == ""
    svc.clock = lambda: NOW + timedelta(seconds=61)
    assert (await rules.find_preview(svc, ONE, number)).failure != ""
    await run()
    svc.clock = lambda: NOW + timedelta(days=1)
    found = await rules.find_preview(svc, ONE, number)
    assert (found.failure, found.done) == ("", 60)


async def test_dry_runs_take_turns(svc, monkeypatch) -> None:
    """However many are asked for, one reads at a time; those that wait say that they do."""
    reading, most, waits = 0, 0, []
    newest = svc.rules.newest

    async def watched(*args, **kwargs):
        nonlocal reading, most
        reading += 1
        most = max(most, reading)
        await asyncio.sleep(0.02)
        async for chunk in newest(*args, **kwargs):
            yield chunk
        reading -= 1

    async def told(done: int) -> None:
        waits.append(done)

    monkeypatch.setattr(svc.rules, "newest", watched)
    monkeypatch.setattr(rules, "_BEAT_S", 0.01)
    ways = await rules.draft(svc, ONE, [BY_TYPE])
    runs = [rules.compare(svc, ONE, ways, errors=1000, told=told) for _ in range(6)]
    found = await asyncio.wait_for(asyncio.gather(*runs), timeout=30)
    assert ({one.errors for one in found}, most) == ({60}, 1)
    assert (0 in waits, waits.count(60)) == (True, 6)


async def test_many_dry_runs_need_two_connections(svc) -> None:
    """One to read and one to say how far it is: none of eight waits for what the others hold."""
    connections = pool(svc.database.url, application_name="test", min_size=1, max_size=2, autocommit=True)
    await connections.open()
    few = SimpleNamespace(**{**vars(svc), "rules": PostgresRules(connections)})
    started = [await _started(few) for _ in range(8)]
    await asyncio.gather(*(run() for _, run in started))
    found = [await rules.find_preview(svc, ONE, number) for number, _ in started]
    await connections.close()
    assert [(one.failure, one.done) for one in found] == [("", 60)] * 8


class _Counting:
    """A connection that counts its statements."""

    def __init__(self, connection):
        self._connection = connection
        self.statements = 0

    async def execute(self, statement, values):
        self.statements += 1
        return await self._connection.execute(statement, values)


async def test_many_groups_move_in_as_few_statements_as_one(svc) -> None:
    """Batches wait meanwhile, so nothing is asked of each group alone."""
    known = [(GroupId(bytes(group)), pattern) for group, pattern, _ in rows(svc.database, _GROUPS)]
    goal = min(pattern for _, pattern in known)
    moved = [(group, goal) for group, pattern in known if pattern != goal]
    counts = []
    for some in (1, len(moved)):
        taken_on = tuple((GroupId(bytes([200 + number]) * 16), goal) for number in range(some))
        async with svc.rules._pool.connection() as connection, connection.transaction(force_rollback=True):
            counting = _Counting(connection)
            moves = MapMoves(connection=counting, project=ONE, person=None, now=NOW)
            assert (
                await moves.apply(Moves(groups=tuple(moved[:some]), taken_on=taken_on), rule_id=None) == some
            )
        counts.append(counting.statements)
    assert len(moved) > 1
    assert counts[0] == counts[1]


async def test_another_version_keeps_patterns(svc, monkeypatch) -> None:
    """A version that only names its parts otherwise changes no pattern; one that joins types merges them."""
    plain = VERSIONS[VERSION]
    monkeypatch.setitem(VERSIONS, 11, lambda one: [f"v11 {part}" for part in plain(one)])
    before = rows(svc.database, _PATTERNS)
    shown, moved = await rules.regroup(svc, ONE, version=11, errors=1000, is_dry=False)
    assert (shown.changed, shown.moved, shown.merged, shown.split, moved) == (60, 0, 0, 0, 0)
    known = {(group, by) for group, _, by in rows(svc.database, _GROUPS)}
    assert len(known) == 12
    assert rows(svc.database, _PATTERNS) == before
    monkeypatch.setitem(VERSIONS, 12, lambda one: ["frame: any"])
    dry, none = await rules.regroup(svc, ONE, version=12, errors=1000, is_dry=True)
    assert (dry.merged, len(dry.merges), none) == (6, 1, 0)
    _, moved = await rules.regroup(svc, ONE, version=12, errors=1000, is_dry=False)
    assert moved == 5
    live = rows(svc.database, "SELECT frequency FROM error_patterns WHERE merged_into IS NULL")
    assert live == [(60,)]
    with pytest.raises(ValidationError):
        await rules.regroup(svc, ONE, version=99, errors=1, is_dry=True)


def mined(number: int):
    """Return a bare message that the mined template 7 has grouped."""
    bare = replace(event(number), message=f"tape {number} of pool {'xyz'[number % 3]} is lost", exceptions=())
    entry = catalog(bare, template_id=7)
    return replace(stored(number, bare), entry=entry, template=TemplateMatch(id=7, version=1))


async def test_what_a_template_grouped_is_unchanged(svc) -> None:
    """Neither regrouping nor a dry run takes mined errors for changed; a rule they meet comes first."""
    with psycopg.connect(svc.database.owner_url) as connection:
        connection.execute("INSERT INTO templates (project_id, id, text) VALUES (1, 7, 'tape * of pool *')")
    await keep(svc.database, [mined(number) for number in range(100, 109)])
    shown, moved = await rules.regroup(svc, ONE, version=VERSION, errors=1000, is_dry=False)
    assert (shown.errors, shown.changed, shown.follow, moved) == (69, 0, 0, 0)
    on_tape = GroupingRule(action=SetParts(parts=("tape",)), matchers=(glob("message", "tape*"),))
    number = (await rules.add(svc, ONE, on_tape, note="", person_id=None)).rule.id
    await rules.switch_on(svc, ONE, number, moves_known=False, person_id=None)
    shown, _ = await rules.regroup(svc, ONE, version=VERSION, errors=1000, is_dry=True)
    assert (shown.changed, shown.moved) == (9, 0)
    found = await rules.compare(svc, ONE, await rules.flip(svc, ONE, number), errors=1000)
    assert found.changed == 0


async def test_errors_of_a_new_version_come_to_the_pattern_of_the_old_one(svc, monkeypatch) -> None:
    """During a transition an unknown group inherits the pattern that knows the same error."""
    monkeypatch.setitem(VERSIONS, 11, lambda one: [f"v11 {part}" for part in VERSIONS[VERSION](one)])
    one = stored(500, event(500, kind="KeyError"))
    newer = replace(one, entry=replace(one.entry, former=one.entry.fingerprint))
    fingerprint = replace(newer.entry.fingerprint, hash="ab" * 32, version=11)
    patterns = rows(svc.database, "SELECT count(*) FROM error_patterns")
    await keep(svc.database, [replace(newer, entry=replace(newer.entry, fingerprint=fingerprint))])
    known = rows(svc.database, "SELECT count(*) FROM error_patterns")
    inherited = rows(svc.database, "SELECT count(*) FROM pattern_groups WHERE by = 'version'")
    is_known = one.entry.fingerprint.group_id in {
        bytes(row[0]) for row in rows(svc.database, "SELECT group_id FROM pattern_groups")
    }
    assert (is_known, inherited, known) == (True, [(1,)], patterns)
