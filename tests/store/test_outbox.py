import asyncio

import pytest
from sqlalchemy import text

from bridge.store.gauges import OutboxSize, gauges
from bridge.store.outbox import (
    Again,
    Dead,
    Done,
    OutboxState,
    claim,
    enqueue,
    forget_delivered,
    next_moment,
    outbox_items,
    replay_dead,
    settle,
)
from tests.flow.parcels import SYSTEM, listed, parcels_of, put
from tests.store.builders import NOON


async def claimed(store, *, holder="a", now=NOON, limit=10, lease=30.0):
    async with store.writing() as conn:
        return await claim(conn, SYSTEM, holder=holder, now=now, until=now + lease, limit=limit)


async def settled(store, *each, now=NOON):
    async with store.writing() as conn:
        return await settle(conn, SYSTEM, each, now)


def again(item, *, at=NOON + 5, unknown=False):
    return Again(item=item, at=at, attempts=item.attempts + 1, unknown=unknown, problem="500")


async def test_only_the_first_of_each_lane_is_claimed_and_comes_back_whole(store):
    await put(store, [*parcels_of(1), *parcels_of(2)], NOON)
    items = await claimed(store)
    assert [item.outgoing for item in items] == [parcels_of(1)[0], parcels_of(2)[0]]
    assert not any(item.unknown for item in items)
    assert all(item.unknown for item in await claimed(store, holder="b", now=NOON + 31))


async def test_a_claimed_lane_is_nobodys_else_until_the_lease_runs_out(store):
    await put(store, parcels_of(1), NOON)
    (mine,) = await claimed(store)
    assert await claimed(store, holder="b", now=NOON + 29) == []
    (theirs,) = await claimed(store, holder="b", now=NOON + 30)
    assert theirs.id == mine.id
    assert await settled(store, again(mine)) == [], "it is not ours any more"
    assert len(await settled(store, Done(item=theirs, made=(("lead", "lead1"), "77")))) == 1


async def test_what_is_done_makes_room_for_the_next_which_knows_the_remote_id(store):
    await put(store, parcels_of(1), NOON)
    (first,) = await claimed(store)
    await settled(store, Done(item=first, made=(("lead", "lead1"), "77")))
    (second,) = await claimed(store)
    assert second.outgoing == parcels_of(1)[1]
    assert second.remote == {("lead", "lead1"): "77"}


async def test_what_is_to_be_tried_again_blocks_its_own_lane_until_then(store):
    await put(store, [*parcels_of(1), *parcels_of(2)], NOON)
    first, second = await claimed(store)
    await settled(store, again(first), Done(item=second))
    assert [item.lane for item in await claimed(store)] == [second.lane]
    (later,) = await claimed(store, now=NOON + 6)
    assert (later.id, later.attempts, later.unknown) == (first.id, 1, False)


async def test_a_lane_without_work_costs_nothing_and_opens_again(store):
    await put(store, parcels_of(1, 1), NOON)
    (only,) = await claimed(store)
    await settled(store, Done(item=only))
    async with store.reading() as conn:
        assert await next_moment(conn, SYSTEM, "a") is None
        assert (await conn.execute(text("SELECT count(*) FROM outbox_lane"))).scalar_one() == 0
    await put(store, parcels_of(1, 2, first=1), NOON)
    assert len(await claimed(store)) == 1


async def test_what_comes_while_the_last_of_its_lane_is_under_way_is_not_forgotten(store):
    await put(store, parcels_of(1, 1), NOON)
    (only,) = await claimed(store)
    await put(store, parcels_of(1, 2, first=1), NOON)
    assert await claimed(store, holder="b") == []
    await settled(store, Done(item=only))
    assert len(await claimed(store, holder="b")) == 1


async def test_a_dead_letter_is_told_apart_from_what_it_holds_back(store):
    await put(store, parcels_of(1), NOON)
    (first,) = await claimed(store)
    await settled(store, Dead(item=first, hold_until=NOON + 60, attempts=1, unknown=True, problem="422"))
    assert [item.state for item in await listed(store)] == [OutboxState.DEAD, OutboxState.HELD, OutboxState.HELD]
    assert len(await listed(store, OutboxState.HELD)) == 2
    assert await listed(store, OutboxState.WAITING) == []
    assert (await gauges(store)).outbox == (OutboxSize(system=SYSTEM, held=2, dead=1, oldest_at=NOON),)
    assert [item.id for item in await claimed(store, now=NOON + 60)] == [first.id + 1]


async def test_a_replayed_letter_waits_again_with_a_clean_sheet_and_is_looked_for_first(store):
    await put(store, parcels_of(1), NOON)
    (first,) = await claimed(store)
    await settled(store, Dead(item=first, hold_until=NOON + 60, attempts=9, unknown=True, problem="422"))
    async with store.writing() as conn:
        assert await replay_dead(conn, NOON + 1, ids=[first.id + 1, 999]) == []
        assert await replay_dead(conn, NOON + 1, since=NOON + 1) == []
        assert await replay_dead(conn, NOON + 1, ids=[first.id], since=NOON) == [first.id]
    (item,) = await claimed(store, now=NOON + 1)
    assert (item.id, item.attempts, item.unknown, item.since) == (first.id, 0, True, NOON + 1)


async def test_a_letter_replayed_while_its_lane_is_held_by_a_node_waits_for_that_node(store):
    await put(store, parcels_of(1), NOON)
    (first,) = await claimed(store)
    await settled(store, Dead(item=first, hold_until=NOON, attempts=1, unknown=False, problem="422"))
    (second,) = await claimed(store)
    async with store.writing() as conn:
        await replay_dead(conn, NOON, ids=[first.id])
    assert await claimed(store, holder="b") == []
    await settled(store, Done(item=second))
    assert [item.id for item in await claimed(store, holder="b")] == [first.id]


async def test_what_no_version_of_ours_can_read_comes_with_its_problem(store):
    await put(store, parcels_of(1, 1), NOON)
    async with store.writing() as conn:
        await conn.execute(text('UPDATE outbox SET body = \'{"effect": {"is": "Dance"}}\''))
    (item,) = await claimed(store)
    assert item.outgoing is None
    assert "cannot be read" in (item.problem or "")
    async with store.reading() as conn:
        (seen,) = (await outbox_items(conn)).items
    assert (seen.state, seen.outgoing) == (OutboxState.WAITING, None)


async def test_what_was_delivered_long_ago_is_forgotten_a_piece_at_a_time(store):
    await put(store, [item for client in range(5) for item in parcels_of(client, 1)], NOON)
    items = await claimed(store)
    await settled(store, *[Done(item=item) for item in items])
    async with store.writing() as conn:
        assert await forget_delivered(conn, NOON, 3) == 0
        assert await forget_delivered(conn, NOON + 1, 3) == 3
        assert await forget_delivered(conn, NOON + 1, 3) == 2


async def test_two_nodes_never_have_the_same_lane(store):
    await put(store, [item for client in range(60) for item in parcels_of(client)], NOON)
    taken = []

    async def node(name):
        while items := await claimed(store, holder=name, limit=7):
            taken.extend(item.lane for item in items)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks:
        for name in "abc":
            tasks.create_task(node(name))
    assert len(taken) == len(set(taken)) == 60


@pytest.mark.parametrize("url", ["sqlite:///bridge.db"])
async def test_however_much_waits_the_next_piece_is_found_through_indexes(store):
    await put(store, [item for client in range(300) for item in parcels_of(client, 4)], NOON)
    asked = []
    async with store.writing() as conn:
        for statement in (
            "SELECT lane FROM outbox_lane WHERE system = 'http' AND next_at <= 5 ORDER BY next_at, lane LIMIT 5",
            "SELECT next_at FROM outbox_lane WHERE system = 'http' AND holder IS NULL ORDER BY next_at LIMIT 1",
            """SELECT (SELECT min(o.id) FROM outbox o WHERE o.system = l.system AND o.lane = l.lane AND
            o.state = 'waiting') FROM outbox_lane l WHERE l.system = 'http' AND l.lane IN ('a', 'b')""",
            "SELECT id FROM outbox WHERE state = 'done' AND finished_at < 5 LIMIT 5",
            "SELECT system, count(*), min(id) FROM outbox WHERE state = 'waiting' GROUP BY system",
        ):
            asked += (await conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")).all()
    plans = [row[3] for row in asked]
    assert not [plan for plan in plans if plan.startswith("SCAN") and "INDEX" not in plan and "CONSTANT" not in plan]


async def test_an_effect_that_is_put_there_twice_is_there_once(store):
    async with store.writing() as conn:
        assert await enqueue(conn, SYSTEM, [*parcels_of(1), *parcels_of(1)], NOON) == 3
        assert await enqueue(conn, SYSTEM, parcels_of(1), NOON) == 0
