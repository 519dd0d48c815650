"""Three equal nodes on one PostgreSQL make exactly what one bridge makes that is alone."""

import asyncio
from contextlib import AsyncExitStack
from random import Random  # noqa: TID251 # a test brings its own chance

import pytest

from bridge.model.call import Direction
from bridge.store.calls import next_due
from bridge.store.errors import StoreError
from bridge.store.journal import pending
from bridge.store.records import Changes, save
from tests.flow.builders import acme, answered, missed, recorded, ringing, talked, transferred
from tests.flow.hand_clock import NOON, HandClock
from tests.store.builders import contact
from tests.stories.a_day import BLOCKED, a_day
from tests.stories.office import Office, open_office

LATER = 7200.0
CLIENTS = 30


def a_busy_day():
    """Thirty clients like Anna: ring, miss, call back, talk to somebody unknown; half the steps tell no number."""
    facts = a_day()
    for n in range(CLIENTS):
        told, at = {"client_number": f"+4477009005{n:02d}"}, NOON + n
        facts += [
            ringing(f"m{n}", at, **told),
            missed(f"m{n}", at + 20, client_number=None),
            missed(f"n{n}", at + 300, **told),
            talked(f"o{n}", at + 1200, direction=Direction.OUTBOUND, employee="102", **told),
            recorded(f"o{n}", at + 1320, client_number=None),
            ringing(f"p{n}", at + 2400, **told),
            answered(f"p{n}", at + 2405, employee="101", client_number=None),
            transferred(f"p{n}", at + 2460, employee="101", to="199", **told),
            talked(f"p{n}", at + 2580, employee="199", client_number=None),
        ]
    return sorted(facts, key=lambda fact: fact.received_at)


async def prepared(office: Office) -> None:
    """Ten contacts have two of these numbers each, so that two lanes share them."""
    pairs = [(f"+4477009005{n:02d}", f"+4477009005{n + 15:02d}") for n in range(10)]
    people = [contact(n, *pair, created_at=NOON - 1) for n, pair in enumerate(pairs)]
    async with office.store.writing() as conn:
        await save(conn, Changes(contacts=people))


async def made_by(office: Office) -> dict:
    return await office.everything() | {"counters": await office.counters()}


def gist(made: dict) -> dict:
    """What was made, but for the moments at which it was made."""
    return {
        "leads": sorted((lead.contact_id, lead.owner_id, lead.status) for lead in made["leads"]),
        "contacts": sorted(contact.phones for contact in made["contacts"]),
        "tasks": sorted(
            (task.kind, task.status, task.assignee_id, task.contact_id, task.count, task.subject or "", task.call_id)
            for task in made["tasks"]
        ),
        "cases": sorted((case.id, case.status, case.attempts, case.resolved_by or "") for case in made["cases"]),
        "calls": sorted((call.id, call.outcome, call.answered_by or "", call.scenario) for call in made["calls"]),
        "counters": made["counters"],
    }


async def alone(folder, facts, *, shared: bool) -> dict:
    async with open_office(folder, acme(blocked=[BLOCKED])) as office:
        office.clock.advance(LATER)
        if shared:
            await prepared(office)
        await office.store_facts(*facts)
        await office.work()
        return await made_by(office)


async def work_off(office: Office, chance: Random) -> None:
    """As `Lanes.work`, until nothing waits any more."""
    async with asyncio.timeout(60):
        while True:
            office.lanes._size = chance.choice((1, 3, 20))
            more = await office.lanes.turn()
            await asyncio.sleep(chance.random() * 0.003)
            async with office.store.reading() as conn:
                if not more and not await pending(conn, 1) and await next_due(conn) is None:
                    return


async def together(url, folder, facts, seed: int, *, shared: bool) -> dict:
    clock = HandClock()
    clock.advance(LATER)
    async with AsyncExitStack() as stack:
        company = acme(blocked=[BLOCKED])
        nodes = [await stack.enter_async_context(open_office(folder, company, clock, url=url)) for _ in range(3)]
        if shared:
            await prepared(nodes[0])
        await nodes[0].store_facts(*facts)
        async with asyncio.TaskGroup() as tasks:
            for place, node in enumerate(nodes):
                tasks.create_task(work_off(node, Random(seed + place)))  # noqa: S311
        assert all(node.tally.handled for node in nodes), "each node does a part of the work"
        left = len(facts) - sum(node.tally.handled for node in nodes)
        assert left in (0, 1), "the blocked call's last fact may be forgotten before it is handled"
        assert sum(node.tally.failed for node in nodes) == 0
        return await made_by(nodes[0])


@pytest.mark.parametrize("seed", range(2))
async def test_three_nodes_make_what_one_makes(postgres_url, tmp_path, seed):
    facts = a_busy_day()
    expected = await alone(tmp_path, facts, shared=False)
    made = await together(postgres_url, tmp_path, facts, seed, shared=False)
    assert gist(made) == gist(expected)
    assert {lead.id for lead in made["leads"]} == {lead.id for lead in expected["leads"]}


@pytest.mark.parametrize("seed", range(2))
async def test_nodes_that_meet_at_one_contact_do_not_undo_each_other(postgres_url, tmp_path, seed):
    facts = a_busy_day()
    expected = gist(await alone(tmp_path, facts, shared=True))
    made = gist(await together(postgres_url, tmp_path, facts, seed, shared=True))
    assert made["contacts"] == expected["contacts"]
    assert made["cases"] == expected["cases"]
    assert [call[:3] for call in made["calls"]] == [call[:3] for call in expected["calls"]]
    assert len({contact_id for contact_id, *_ in made["leads"]}) == len(made["leads"]), "one lead for each contact"
    assert made["counters"] == expected["counters"]


async def test_facts_that_several_nodes_are_told_at_once_count_once(postgres_url, tmp_path):
    facts = a_busy_day()
    clock = HandClock()
    async with AsyncExitStack() as stack:
        nodes = [
            await stack.enter_async_context(open_office(tmp_path, clock=clock, url=postgres_url)) for _ in range(3)
        ]
        async with asyncio.TaskGroup() as tasks:
            told = [tasks.create_task(node.store_facts(*facts[:: 1 - 2 * (n % 2)])) for n, node in enumerate(nodes)]
        assert sum(each.result().accepted for each in told) == len(facts)
        assert sum(each.result().duplicates for each in told) == 2 * len(facts)


async def test_a_node_that_stops_in_the_midst_of_a_batch_holds_up_nobody_for_ever(postgres, postgres_url, tmp_path):
    """Its transaction stays open, as of a machine that was cut off; the server takes back what it held."""
    clock = HandClock()
    clock.advance(LATER)
    async with AsyncExitStack() as stack:
        stopped, other = [
            await stack.enter_async_context(open_office(tmp_path, clock=clock, url=postgres_url)) for _ in range(2)
        ]
        await stopped.store_facts(*a_day())
        entered, go_on = asyncio.Event(), asyncio.Event()
        carry_out = stopped.store.writing

        async def stand_still() -> None:
            async with carry_out() as conn:
                held = await conn.exec_driver_sql("SELECT slot FROM lane_slot FOR UPDATE SKIP LOCKED")
                assert len(held.all()) == 8192
                entered.set()
                await go_on.wait()

        async with asyncio.TaskGroup() as tasks:
            standing = tasks.create_task(refused(stand_still))
            await entered.wait()
            assert not await other.lanes.turn()
            assert other.tally.handled == 0
            postgres.ask(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE state = 'idle in transaction' AND datname = current_database()",
                postgres_url.rpartition("/")[2],
            )
            await other.work()
            go_on.set()
            assert await standing
        assert other.tally.handled == len(a_day())


async def refused(work) -> bool:
    try:
        await work()
    except StoreError:
        return True
    return False
