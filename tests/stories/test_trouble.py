"""Poison, full disks, stale calls: one thing that goes wrong must not stop the others."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import structlog
from sqlalchemy import text, update

from bridge.flow.bulletin import Topic
from bridge.flow.supervision import keep
from bridge.model.call import Outcome
from bridge.store.errors import StoreUnavailable
from bridge.store.journal import EntryState, entries, retry_failed
from bridge.store.schema import call as call_table
from bridge.store.schema import event as event_table
from tests.flow.builders import ANNA, BELLA, CARLA, answered, missed, ringing
from tests.flow.hand_clock import NOON, HandClock
from tests.store.builders import on_sqlite
from tests.stories.office import open_office

HOUR = 3600.0


async def refuse(conn, table, when):
    """The database refuses rows of which this holds."""
    if conn.dialect.name == "sqlite":
        body = "BEGIN SELECT RAISE(ABORT, 'refused'); END"
        await conn.execute(text(f"CREATE TRIGGER refuse BEFORE INSERT ON {table} WHEN {when} {body}"))
        return
    raising = "BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = 'check_violation'; END"
    await conn.execute(text(f"CREATE FUNCTION refusing() RETURNS trigger LANGUAGE plpgsql AS $$ {raising} $$"))
    before = f"BEFORE INSERT ON {table} FOR EACH ROW WHEN ({when})"
    await conn.execute(text(f"CREATE TRIGGER refuse {before} EXECUTE FUNCTION refusing()"))


async def spoil(office, event_id: str, body: str) -> None:
    """An event that another version wrote, or that a bug of ours cannot handle."""
    async with office.store.writing() as conn:
        await conn.execute(update(event_table).where(event_table.c.event_id == event_id).values(body=body))


async def failed(office):
    async with office.store.reading() as conn:
        return (await entries(conn, state=EntryState.FAILED)).items


@pytest.mark.parametrize(
    "body",
    [
        '{"is":"CallTeleported","event_id":"x"}',
        '{"is":"CallEnded","event_id":"x","source":"shop","occurred_at":"noon","received_at":1,"platform_call_id":"c2","outcome":"missed"}',
        "not even JSON",
    ],
)
async def test_an_event_that_cannot_be_handled_is_put_aside_and_everybody_else_is_served(office, body):
    told = [missed(f"c{n}", client_number=number) for n, number in enumerate((ANNA, BELLA, CARLA), start=1)]
    await office.store_facts(*told)
    await spoil(office, told[1].event_id, body)
    await office.pass_by(HOUR)
    assert {case.client_number for case in await office.cases()} == {ANNA, CARLA}
    (entry,) = await failed(office)
    assert entry.event_id == told[1].event_id
    assert entry.problem
    assert office.tally.failed == 1


async def test_an_event_that_was_put_aside_can_be_replayed(office):
    fact = missed()
    await office.store_facts(fact)
    async with office.store.reading() as conn:
        (entry,) = (await entries(conn)).items
        good = (await conn.execute(text("SELECT body FROM event"))).scalar_one()
    await spoil(office, fact.event_id, "{}")
    await office.pass_by(HOUR)
    assert await office.leads() == ()
    await spoil(office, fact.event_id, good)
    async with office.store.writing() as conn:
        assert await retry_failed(conn, [entry.id]) == 1
    await office.pass_by(HOUR)
    assert len(await office.leads()) == 1


async def test_an_event_that_breaks_the_writing_is_found_by_ever_smaller_batches(office):
    """It passes the fold and the rules, and the database refuses what comes of it."""
    told = [missed(f"c{n}", client_number=f"+4477009004{n:02d}") for n in range(40)]
    await office.store_facts(*told)
    async with office.store.writing() as conn:
        await refuse(conn, "call", "new.key = 'shop/c17'")
    await office.pass_by(HOUR)
    assert len(await office.cases()) == 39
    (entry,) = await failed(office)
    assert entry.call_key == "shop/c17"
    assert "refused" in (entry.problem or "")


async def test_a_call_that_cannot_be_judged_is_tried_again_later_and_holds_up_nobody(office):
    await office.hear(missed("c1"), missed("c2", client_number=BELLA))
    async with office.store.writing() as conn:
        await refuse(conn, "lead", "new.origin = 'shop/c1'")
    await office.pass_by(3)
    assert [case.client_number for case in await office.cases()] == [BELLA]
    async with office.store.writing() as conn:
        await conn.execute(
            text("DROP TRIGGER refuse" if office.store.place.embedded else "DROP TRIGGER refuse ON lead")
        )
    await office.pass_by(HOUR)
    assert len(await office.cases()) == 2


async def test_calls_due_at_one_moment_are_judged_in_turn_also_one_that_only_this_batch_has_heard_of(office):
    clients = ("+447700900401", "+447700900402", "+447700900403")
    first = [missed(f"c{n}", NOON + n, client_number=number) for n, number in enumerate(clients)]
    at = NOON + 60
    office.clock.advance(60)
    await office.store_facts(*[replace(fact, received_at=at) for fact in first])
    await office.work()
    await office.store_facts(replace(missed("again", NOON + 50, client_number=clients[-1]), received_at=at))
    office.clock.advance(HOUR)
    office.lanes._size = 2
    await office.work()
    cases = {case.client_number: case.origin for case in await office.cases()}
    assert cases[clients[-1]] == "shop/c2"


@on_sqlite
async def test_while_the_disk_is_full_nothing_is_lost_and_afterwards_everything_is_made(office):
    await office.store_facts(missed(client_name="x" * 100_000))
    await fill_disk(office, full=True)
    office.clock.advance(HOUR)
    with pytest.raises(StoreUnavailable):
        await office.work()
    assert await failed(office) == ()
    await fill_disk(office, full=False)
    await office.work()
    assert len(await office.leads()) == 1


async def fill_disk(office, *, full: bool) -> None:
    """A full disk, as SQLite sees it: the file may not grow."""
    async with office.store.writing() as conn:
        pages = (await conn.execute(text("PRAGMA page_count"))).scalar_one()
        await conn.execute(text(f"PRAGMA max_page_count = {pages if full else 1_000_000}"))


@asynccontextmanager
async def at_work(office):
    """Lanes and intake as the daemon keeps them, woken by each other and by the clock."""
    stopping = asyncio.Event()
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        for name, work in (
            ("lanes", office.lanes.work),
            ("intake", office.intake.work),
            ("chores", office.chores.work),
        ):
            tasks.create_task(keep(name, work, clock=office.clock, tally=office.tally, stopping=stopping))
        yield
        stopping.set()
        office.intake.close()
        office.lanes.close()
        office.chores.close()


async def until(condition) -> None:
    while not await condition():  # noqa: ASYNC110  # it asks the store, which tells nobody when it changes
        await asyncio.sleep(0)


async def test_lanes_are_woken_by_intake_and_by_the_clock(office):
    async def judged():
        return len(await office.leads()) == 1

    async def folded():
        return len(await office.calls()) == 1

    async with at_work(office):
        office.clock.advance(20)
        await office.intake.accept([missed()])
        await until(folded)
        assert await office.leads() == ()
        office.clock.advance(3)
        await until(judged)


@on_sqlite
async def test_the_lanes_wait_out_a_full_disk_and_say_so_once(office):
    await office.store_facts(missed(client_name="x" * 100_000))
    await fill_disk(office, full=True)
    office.clock.advance(HOUR)

    async def lost():
        return office.lanes._outage.lost

    async def judged():
        return len(await office.leads()) == 1

    with structlog.testing.capture_logs() as lines, office.bulletin.listening() as listener:
        async with at_work(office):
            await until(lost)
            for _ in range(20):
                await asyncio.sleep(0)
            await fill_disk(office, full=False)
            await until(judged)
    told = [line["event"] for line in lines if line["event"].startswith("store.")]
    assert told == ["store.lost", "store.recovered"]
    assert (await listener.next()).topic is Topic.RESYNC, "what became of the commit that broke nobody knows"


async def test_after_chores_that_broke_pages_read_everything_again(office, monkeypatch):
    rounds = []

    async def breaks_once():
        rounds.append(office.clock.now())
        if len(rounds) == 1:
            raise StoreUnavailable("gone at the commit")

    async def twice():
        office.chores.use(office.company)
        return len(rounds) > 1

    monkeypatch.setattr(office.chores, "round", breaks_once)
    with office.bulletin.listening() as listener:
        async with at_work(office):
            await until(twice)
        async with asyncio.timeout(5):
            assert (await listener.next()).topic is Topic.RESYNC


async def test_calls_that_were_due_while_the_bridge_was_down_are_judged_when_it_is_up_again(office):
    await office.hear(missed())
    office.clock.advance(HOUR)

    async def judged():
        return len(await office.leads()) == 1

    async with at_work(office):
        await until(judged)


async def test_a_stopped_bridge_leaves_the_rest_in_the_journal(office):
    await office.store_facts(*[missed(f"c{n}", client_number=f"+4477009004{n:02d}") for n in range(20)])
    office.lanes._size = 1
    office.lanes.close()
    await office.lanes.work()
    async with office.store.reading() as conn:
        assert len((await entries(conn, state=EntryState.PENDING)).items) == 20


async def test_a_call_that_nobody_ends_is_closed_as_incomplete_and_is_no_missed_call(office):
    await office.hear(ringing("c1"), ringing("c2", client_number=BELLA), answered("c2", client_number=BELLA))
    office.clock.advance(13 * HOUR)
    await office.chores.round()
    await office.work()
    rung, talking = sorted(await office.calls(), key=lambda call: call.key)
    assert (rung.body.incomplete, rung.outcome, rung.judge_at) == (True, None, None)
    assert (talking.body.incomplete, talking.outcome) == (True, Outcome.ANSWERED)
    assert await office.cases() == ()
    assert len(await office.leads()) == 1


async def test_the_end_of_a_call_that_was_given_up_still_counts(office):
    await office.hear(ringing())
    office.clock.advance(13 * HOUR)
    await office.chores.round()
    await office.settle(missed(received_at=office.clock.now()))
    assert len(await office.cases()) == 1
    (call,) = await office.calls()
    assert call.body.incomplete is False


async def test_a_call_of_eleven_hours_is_left_alone(office):
    await office.hear(ringing())
    office.clock.advance(11 * HOUR)
    await office.chores.round()
    (call,) = await office.calls()
    assert call.body.ended_at is None


async def test_a_call_that_began_with_a_version_nobody_can_read_any_more_is_judged_by_the_present_one(office):
    await office.hear(missed())
    async with office.store.writing() as conn:
        await conn.execute(update(call_table).values(matrix="lost"))
    await office.pass_by(3)
    assert (await office.call("shop/c1")).scenario == "S4"


async def test_a_clock_that_jumps_to_and_fro_by_an_hour_judges_every_call_once_and_in_order(office):
    for jump, call in enumerate((HOUR, -HOUR, HOUR, HOUR, -2 * HOUR)):
        number = f"+44770090040{jump}"
        await office.store_facts(ringing(f"c{call}-{jump}", client_number=number, received_at=office.clock.now()))
        await office.work()
        office.clock.advance(call)
        ended = missed(f"c{call}-{jump}", client_number=number, received_at=office.clock.now())
        assert (await office.store_facts(ended, ended)).accepted == 1
        await office.pass_by(3)
        await office.work()
    calls = await office.calls()
    assert [call.scenario for call in calls] == ["S4"] * 5
    assert [len(await office.verdicts(call.key)) for call in calls] == [1] * 5
    assert len(await office.cases()) == len(await office.leads()) == 5


async def test_a_call_that_ended_while_the_clock_was_a_day_ahead_is_judged_at_the_next_round_once_it_is_right(office):
    office.clock.advance(24 * HOUR)
    await office.hear(missed(received_at=office.clock.now()))
    office.clock.advance(-24 * HOUR)
    await office.work()
    assert await office.cases() == ()
    await office.chores.round()
    await office.work()
    assert len(await office.cases()) == len(await office.leads()) == 1
    await office.pass_by(25 * HOUR)
    assert len(await office.verdicts("shop/c1")) == 1


class NappingClock(HandClock):
    """Whoever waits gets up again and again, as on a real clock."""

    async def wait(self, woken, *, until=None) -> None:
        await asyncio.sleep(0)


async def test_the_round_comes_when_the_clock_was_set_back_by_a_day(tmp_path):
    async with open_office(tmp_path, clock=NappingClock()) as office, at_work(office):
        office.clock.advance(24 * HOUR)
        await office.intake.accept([missed(received_at=office.clock.now())])

        async def folded():
            return len(await office.calls()) == 1

        async def judged():
            office.clock.advance(60)
            return len(await office.leads()) == 1

        await until(folded)
        office.clock.advance(-24 * HOUR)
        await until(judged)
