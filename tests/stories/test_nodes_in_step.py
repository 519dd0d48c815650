"""Two nodes on one PostgreSQL, one of which is held up in the midst of its batch: what the other may do meanwhile."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import pytest

from bridge.model.call import Outcome
from bridge.model.crm import CaseStatus
from bridge.store.claims import slot_of
from bridge.store.edits import complete_task
from bridge.store.errors import StoreUnavailable
from bridge.store.journal import pending
from tests.flow.builders import ANNA, BELLA, CARLA, SALES, missed, pbx_call, seen, talked
from tests.flow.hand_clock import NOON, HandClock
from tests.stories.office import open_office

PATIENCE = 20
WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


@pytest.fixture
async def offices(postgres_url, tmp_path):
    """Two nodes with one clock."""
    clock = HandClock()
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(open_office(tmp_path, clock=clock, url=postgres_url)) for _ in range(2)]


@asynccontextmanager
async def somebody_edits(office, table: str, where: str):
    """A person is just changing such a row, or another batch is: whoever wants it waits."""
    async with office.store.writing() as conn:
        assert (await conn.exec_driver_sql(f"SELECT 1 FROM {table} WHERE {where} FOR UPDATE")).all()  # noqa: S608 # our own words
        yield


async def until_somebody_waits(office, *, count=1):
    async with asyncio.timeout(PATIENCE):
        while True:
            async with office.store.reading() as conn:
                if len((await conn.exec_driver_sql(WAITING)).all()) >= count:
                    return
            await asyncio.sleep(0.01)


async def while_held_up(one, two, table, where):
    """The first of the two waits for this row with the oldest fact in hand, while the other does what it can."""
    async with asyncio.TaskGroup() as tasks, somebody_edits(two, table, where):
        one.lanes._size = 1
        tasks.create_task(one.lanes.turn())
        await until_somebody_waits(two)
        await two.lanes.turn()
    for _ in range(3):
        await one.work()
        await two.work()


async def test_a_snapshot_that_was_held_up_does_not_undo_a_newer_one_in_another_lane(offices):
    """The PBX told the number only with the second one, and then the call had ended."""
    one, two = offices
    await one.settle(seen(pbx_call("0.9", raw_number=None, ended_at=NOON + 20, outcome=Outcome.MISSED)))
    began = pbx_call("1.1", raw_number=None, started_at=NOON + 60)
    ended = replace(began, raw_number=ANNA, ended_at=NOON + 80, outcome=Outcome.MISSED, revision=2)
    one.clock.advance(100)
    await one.store_facts(seen(began), seen(ended))
    await while_held_up(one, two, "missed_case", f"client = 'hidden:{SALES}'")
    call = await one.call("pbx/1.1")
    assert (call.body.revision, call.client_number, call.body.ended) == (2, ANNA, True)


async def test_a_call_that_is_absorbed_while_another_node_first_hears_of_it_is_no_call_of_its_own(offices):
    one, two = offices
    await one.settle(missed("m1", client_number=BELLA))
    apart = pbx_call("2.1", raw_number=BELLA, started_at=NOON + 60)
    whole = pbx_call("1.1", raw_number=ANNA, started_at=NOON + 59, merged=("pbx/2.1",), revision=3)
    one.clock.advance(100)
    await one.store_facts(seen(apart), seen(whole, NOON + 61))
    await while_held_up(one, two, "missed_case", f"client = '{BELLA}'")
    assert [call.key for call in await one.calls() if call.source == "pbx"] == ["pbx/1.1"]


async def test_a_deadline_that_has_to_wait_keeps_back_what_its_client_does_later(offices):
    """The settings task about 199 is in another node's hands, and Carla's first call waits for it."""
    one, two = offices
    await one.hear(talked("a1", NOON + 60, employee="199", client_number=CARLA))
    one.clock.advance(600)
    await one.store_facts(missed("a2", NOON + 300, client_number=CARLA))
    async with somebody_edits(two, "lane_slot", f"slot = {slot_of('subject:party:199')}"):
        await one.work()
    one.clock.advance(600)
    await one.work()
    first, second = await one.call("shop/a1"), await one.call("shop/a2")
    assert first.judged_at <= second.judged_at


async def test_alone_with_one_thing_a_node_takes_the_fact_before_the_later_deadline(offices):
    """After a broken batch things are taken one by one; that the call had been answered came before its deadline."""
    one, _ = offices
    await one.hear(missed("a1", NOON + 20))
    await one.store_facts(talked("a1", NOON + 21))
    one.clock.advance(600)
    one.lanes._size = 1
    await one.work()
    assert not await one.cases()
    assert (await one.call("shop/a1")).outcome is Outcome.ANSWERED


async def test_what_another_machine_received_in_our_future_is_handled_now(offices):
    one, _ = offices
    await one.store_facts(missed("a1", NOON + 30))
    await one.work()
    assert (await one.call("shop/a1")).body.ended


async def test_a_batch_that_the_server_has_ended_is_tried_again_as_a_smaller_one(offices):
    """It may have stood still for too long, and would again."""
    one, two = offices
    await one.settle(missed("a1"))
    await one.store_facts(missed("a2", NOON + 60))
    size = one.lanes._size
    async with somebody_edits(two, "missed_case", f"client = '{ANNA}'"), asyncio.TaskGroup() as tasks:
        held_up = tasks.create_task(refused(one.lanes.turn()))
        await until_somebody_waits(two)
        async with two.store.reading() as conn:
            await conn.exec_driver_sql(f"SELECT pg_terminate_backend(pid) FROM ({WAITING}) AS waiting")  # noqa: S608 # the same
        await held_up
    assert one.lanes._size == size // 2


async def refused(work):
    with pytest.raises(StoreUnavailable):
        await work


async def test_a_person_and_a_batch_that_meet_at_a_case_do_not_wait_for_each_other(offices):
    """Whoever hides his number has no contact, so his task is found by his case, and the person's case by the task."""
    one, two = offices
    await one.settle(seen(pbx_call("0.9", raw_number=None, ended_at=NOON + 20, outcome=Outcome.MISSED)))
    (case,) = await one.cases()
    await one.store_facts(seen(pbx_call("1.1", raw_number=None, started_at=NOON + 60)))

    async def complete():
        async with two.store.writing() as conn:
            await complete_task(conn, case.task_id, NOON + 90, by="jan")

    async with asyncio.TaskGroup() as tasks, somebody_edits(two, "missed_case", f"id = '{case.id}'"):
        tasks.create_task(one.lanes.turn())
        await until_somebody_waits(two)
        tasks.create_task(complete())
        await until_somebody_waits(two, count=2)
    assert [case.status for case in await one.cases()] == [CaseStatus.CLOSED]


async def test_a_commit_that_was_in_anothers_way_keeps_the_order_of_what_happened(postgres, postgres_url, offices):
    """Carla rang, then Anna; by their names Anna's call would be first."""
    one, _ = offices
    postgres.ask(
        """CREATE SEQUENCE tries;
           CREATE FUNCTION stand_in_the_way() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN IF nextval('tries') = 1 THEN RAISE EXCEPTION USING ERRCODE = '40P01'; END IF; RETURN NULL; END $$;
           CREATE TRIGGER once BEFORE INSERT ON event FOR EACH STATEMENT EXECUTE FUNCTION stand_in_the_way()""",
        postgres_url.rpartition("/")[2],
    )
    await one.store_facts(missed("z", NOON + 20, client_number=CARLA), missed("a", NOON + 30))
    async with one.store.reading() as conn:
        assert [entry.call_key for entry in await pending(conn, 2)] == ["shop/z", "shop/a"]
