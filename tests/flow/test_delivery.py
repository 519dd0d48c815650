"""Delivery to a real CRM over real sockets, which fails in every way; only the time is simulated."""

import asyncio
import re
from dataclasses import replace

import pytest

from bridge.crm.http import HttpCrmAdapter
from bridge.crm.settings import HttpCrm
from bridge.flow.breaker import BreakerState
from bridge.flow.delivery import Delivery
from bridge.flow.limits import Limits
from bridge.flow.tally import Tally
from bridge.store.engine import Store
from bridge.store.outbox import OutboxState, next_moment, replay_dead
from tests.crm.fake_crm import open_crm
from tests.flow.hand_clock import NOON, HandClock
from tests.flow.parcels import SYSTEM, drive, intended, listed, one_turn, parcels_of, put

LIMITS = Limits(per_second=1000, burst=1000, concurrency=8, timeout=30.0, retry_first=1.0, retry_most=60.0)
IMPATIENT = replace(LIMITS, timeout=0.4)
"""For a CRM that never answers: how long we really wait, so it is for those alone."""
DAY = 86400.0


def limits_for(mood):
    return IMPATIENT if "hangs" in mood or "drips" in mood else LIMITS


class Desk:
    """One node's delivery to one CRM."""

    def __init__(self, store, clock, crm, *, limits=LIMITS, name="node", chance=0.5) -> None:
        settings = HttpCrm(url=crm.url, token="secret-token", timeout_seconds=limits.timeout)
        self.store = store
        self.clock = clock
        self.limits = limits
        self.tally = Tally()
        self.adapter = HttpCrmAdapter(settings, clock)
        self.delivery = Delivery(
            store, clock, self.adapter, limits, system=SYSTEM, holder=name, chance=lambda: chance, tally=self.tally
        )

    async def drive(self, seconds: float, *, step: float = 5.0) -> None:
        await drive(self.delivery, self.clock, seconds, step=step)

    async def states(self) -> dict[str, OutboxState]:
        return {item.key: item.state for item in await listed(self.store)}


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
async def crm():
    async with open_crm() as opened:
        yield opened


@pytest.fixture
async def forgetful_crm():
    async with open_crm(forgetful=True) as opened:
        yield opened


@pytest.fixture
async def node(store, clock):
    """Makes desks, and closes them."""
    made = []

    def make(crm, *, of=store, **more):
        made.append(Desk(of, clock, crm, **more))
        return made[-1]

    yield make
    for each in made:
        await each.adapter.close()


@pytest.fixture
def desk(node, crm):
    return node(crm)


async def test_what_waits_is_delivered_in_order_for_each_client_and_then_forgotten(desk, store, crm):
    items = [item for client in range(20) for item in parcels_of(client, 4)]
    assert await put(store, items, NOON) == 80
    await desk.drive(0)
    assert crm.by_lane() == intended(items)
    assert {item.state for item in await listed(store)} == {OutboxState.DONE}
    assert all(item.outgoing is None for item in await listed(store)), "nothing of the client is kept"
    assert await put(store, items, NOON) == 0, "the same again is known"
    await desk.drive(31 * DAY, step=DAY)
    assert await listed(store) == []
    assert len(crm.records) == 80


FAILURES = [
    "hangs", "done, hangs", "shuts", "done, shuts", "done, half", "done, drips", "done, huge", "done, no json",
    "done, no id", "redirects", "done, redirects", "429", "patience", "500", "done, 500", "502", "done, 504", "503",
    "408", "599",
]  # fmt: skip


@pytest.mark.parametrize("mood", FAILURES)
async def test_a_crm_that_fails_for_a_while_has_exactly_what_was_intended_when_it_is_well_again(
    store, clock, node, forgetful_crm, mood
):
    """It does not know a repeated key, so only looking keeps the records single."""
    crm = forgetful_crm
    desk = node(crm, limits=limits_for(mood))
    items = [item for client in range(6) for item in parcels_of(client)]
    await put(store, items, NOON)
    crm.moods = [mood] * 9
    await desk.drive(900)
    assert crm.moods == []
    assert crm.by_lane() == intended(items)
    assert {item.state for item in await listed(store)} == {OutboxState.DONE}
    assert desk.delivery.status.breaker is BreakerState.CLOSED


@pytest.mark.parametrize("mood", ["hangs", "shuts", "500", "429", "done, no json", "done, half"])
async def test_looking_may_fail_too(store, clock, node, forgetful_crm, mood):
    crm = forgetful_crm
    desk = node(crm, limits=limits_for(mood))
    items = parcels_of(1)
    await put(store, items, NOON)
    crm.moods, crm.look_moods = ["done, shuts", "shuts"], [mood] * 3
    await desk.drive(900)
    assert crm.look_moods == []
    assert crm.by_lane() == intended(items)


async def test_a_crm_that_is_not_there_for_hours_loses_nothing_and_nothing_is_given_up(desk, store, crm):
    items = [item for client in range(5) for item in parcels_of(client)]
    await put(store, items, NOON)
    await crm.leave()
    await desk.drive(4 * 3600.0, step=60.0)
    assert desk.delivery.status.breaker is not BreakerState.CLOSED
    assert set((await desk.states()).values()) == {OutboxState.WAITING}
    await crm.arrive()
    await desk.drive(600)
    assert crm.by_lane() == intended(items)


async def test_ten_minutes_of_500_cost_a_question_now_and_then_and_no_record(desk, store, crm):
    items = [item for client in range(30) for item in parcels_of(client)]
    await put(store, items, desk.clock.now())
    crm.mood = "500"
    await desk.drive(600, step=1.0)
    assert crm.requests.total() < 40, "the breaker keeps us from asking"
    assert desk.delivery.status.problem == "it answered 500 Internal Server Error"
    crm.mood = "works"
    await desk.drive(600)
    assert crm.by_lane() == intended(items)
    assert desk.delivery.status.problem is None


async def test_the_breaker_lets_one_through_to_see_whether_the_system_is_back(desk, store, crm):
    await put(store, [item for client in range(30) for item in parcels_of(client, 1)], NOON)
    crm.mood = "500"
    await one_turn(desk.delivery)
    assert desk.delivery.status.breaker is BreakerState.OPEN
    assert await one_turn(desk.delivery) == []
    desk.clock.advance(60.0)
    assert desk.delivery.status.breaker is BreakerState.HALF_OPEN
    crm.mood = "works"
    assert len(await one_turn(desk.delivery)) == 1
    assert desk.delivery.status.breaker is BreakerState.CLOSED
    assert len(await one_turn(desk.delivery)) == 8


async def test_a_system_that_asks_for_patience_is_left_alone_as_a_whole(desk, store, crm):
    items = [item for client in range(3) for item in parcels_of(client, 1)]
    await put(store, items[:1], NOON)
    crm.moods = ["patience"]
    await one_turn(desk.delivery)
    await put(store, items[1:], NOON)
    await desk.drive(29, step=1.0)
    assert crm.requests["POST"] == 1
    assert desk.delivery.status.paused_until is not None
    await desk.drive(31, step=1.0)
    assert crm.by_lane() == intended(items)
    assert desk.delivery.status.breaker is BreakerState.CLOSED, "it is busy, not ill"


async def test_a_dead_letter_holds_back_its_own_client_for_a_while_and_nobody_else(desk, store, crm):
    bad, good = parcels_of(1), parcels_of(2)
    await put(store, [*bad, *good], desk.clock.now())
    crm.moods = ["422"]
    await desk.drive(LIMITS.hold - 10)
    assert crm.by_lane() == intended(good)
    states = await desk.states()
    assert [states[item.key] for item in bad] == [OutboxState.DEAD, OutboxState.HELD, OutboxState.HELD]
    (dead,) = await listed(store, OutboxState.DEAD)
    assert dead.problem == "it answered 422 Unprocessable Entity: told 422"
    await desk.drive(20)
    assert crm.by_lane() == intended([*bad[1:], *good]), "the rest is worth more than nothing"


async def test_a_dead_letter_holds_back_also_what_its_client_has_only_later(desk, store, crm):
    bad = parcels_of(1)
    await put(store, bad[:1], desk.clock.now())
    crm.moods = ["422"]
    await desk.drive(5)
    await put(store, bad, desk.clock.now())
    await desk.drive(60)
    states = await desk.states()
    assert [states[item.key] for item in bad] == [OutboxState.DEAD, OutboxState.HELD, OutboxState.HELD]
    await desk.drive(LIMITS.hold)
    assert crm.by_lane() == intended(bad[1:])
    async with store.reading() as conn:
        assert await next_moment(conn, SYSTEM, "nobody") is None, "nothing is left of the lane"


async def test_a_dead_letter_that_is_replayed_goes_before_what_it_held_back(desk, store, crm):
    items = parcels_of(1)
    await put(store, items, desk.clock.now())
    crm.moods = ["422"]
    await desk.drive(60)
    async with store.writing() as conn:
        (again,) = await replay_dead(conn, desk.clock.now())
        assert await replay_dead(conn, desk.clock.now()) == []
    assert again == (await listed(store))[0].id
    await desk.drive(0)
    assert crm.by_lane() == intended(items)


async def test_an_effect_that_fails_while_others_succeed_is_given_up_in_the_end(store, clock, node, crm):
    desk = node(crm)
    poison = parcels_of(0, 1)
    await put(store, poison, clock.now())
    others = []
    for client in range(1, 400):
        crm.moods = ["500"]
        await one_turn(desk.delivery)
        crm.moods = []
        others += parcels_of(client, 1)
        await put(store, others[-1:], clock.now())
        await one_turn(desk.delivery)
        clock.advance(30.0)
        if (await desk.states())[poison[0].key] is OutboxState.DEAD:
            break
    (dead,) = await listed(store, OutboxState.DEAD)
    assert dead.attempts == LIMITS.most_attempts
    assert dead.unknown, "so whoever replays it looks first"


async def test_what_is_too_old_is_given_up_when_it_fails_again(store, clock, node, crm):
    desk = node(crm)
    await put(store, parcels_of(1, 1), clock.now())
    crm.mood = "500"
    await desk.drive(LIMITS.give_up + DAY, step=DAY)
    assert len(await listed(store, OutboxState.DEAD)) == 1


async def test_a_crm_that_does_not_know_us_any_more_parks_itself_and_not_what_it_is_to_be_told(desk, store, crm):
    items = [item for client in range(9) for item in parcels_of(client)]
    await put(store, items, desk.clock.now())
    crm.mood = "401"
    await desk.drive(3600, step=10.0)
    assert desk.delivery.status.breaker is BreakerState.REFUSED
    assert set((await desk.states()).values()) == {OutboxState.WAITING}
    assert crm.requests["POST"] < 80, "asked about once a minute"
    crm.mood = "works"
    await desk.drive(120)
    assert crm.by_lane() == intended(items)


async def test_no_more_requests_are_under_way_or_begun_than_the_limits_allow(store, clock, node, crm):
    limits = Limits(per_second=2, burst=6, concurrency=3, timeout=5.0)
    desk = node(crm, limits=limits)
    await put(store, [item for client in range(50) for item in parcels_of(client, 1)], clock.now())
    while await one_turn(desk.delivery):
        pass
    assert (crm.requests["POST"], crm.most_at_once <= 3) == (6, True)
    clock.advance(10.0)
    while await one_turn(desk.delivery):
        pass
    assert crm.requests["POST"] == 12
    for _ in range(10):
        clock.advance(1.0)
        await one_turn(desk.delivery)
    assert crm.requests["POST"] == 32


async def test_the_remote_id_of_a_record_comes_with_whatever_names_it_later(desk, store, crm):
    await put(store, parcels_of(1), NOON)
    await desk.drive(0)
    lead, first, _ = crm.records
    assert lead["remote"] == {}
    assert first["remote"] == {"lead": {"lead1": "r1"}}


async def test_a_record_that_was_made_long_ago_is_not_made_again_whatever_the_index_says(desk, store, crm):
    items = parcels_of(1, 1)
    await put(store, items, NOON)
    await desk.drive(31 * DAY, step=DAY)
    crm.ids.clear()
    assert await put(store, items, desk.clock.now()) == 1, "we have forgotten it"
    await desk.drive(0)
    assert len(crm.records) == 1


async def test_a_node_that_died_is_followed_by_another_which_looks_first(store, clock, node, forgetful_crm):
    crm = forgetful_crm
    first, second = node(crm, name="a"), node(crm, name="b")
    items = parcels_of(1)
    await put(store, items, NOON)
    (attempt,) = await first.delivery.turn()
    await first.delivery.attempt(attempt)  # and it dies before it can write that down
    assert await one_turn(second.delivery) == [], "it may still be speaking"
    await second.drive(LIMITS.lease_seconds + 1)
    assert crm.by_lane() == intended(items)
    assert crm.requests["GET"] == 1
    first.delivery.note(await first.delivery.attempt(attempt))  # it was only asleep
    await first.drive(60)


async def test_a_node_that_wakes_up_after_its_time_does_not_speak_any_more(desk, store, crm):
    await put(store, parcels_of(1, 1), NOON)
    (attempt,) = await desk.delivery.turn()
    late = type(attempt)(item=attempt.item, ends=asyncio.get_running_loop().time() - 1.0, well=True)
    desk.delivery.note(await desk.delivery.attempt(late))
    assert crm.requests.total() == 0
    await desk.drive(60)
    assert len(crm.records) == 1
    assert (await listed(store))[0].attempts == 0


async def test_no_claim_is_taken_over_by_its_own_holder_when_the_clock_jumps(desk, store, crm):
    await put(store, parcels_of(1), NOON)
    (attempt,) = await desk.delivery.turn()
    desk.clock.advance(3600.0)
    assert await desk.delivery.turn() == []
    desk.delivery.note(await desk.delivery.attempt(attempt))
    await desk.drive(0)
    assert len(crm.records) == 3


async def test_an_adapter_that_breaks_harms_one_effect_and_says_so(store, clock, node, crm, capsys):
    desk = node(crm)

    class Broken:
        async def deliver(self, _parcel):
            raise ZeroDivisionError

        async def find(self, _parcel):
            return None

    desk.delivery._crm = Broken()
    await put(store, parcels_of(1, 1), NOON)
    await one_turn(desk.delivery)
    await desk.delivery.turn()
    (item,) = await listed(store)
    assert (item.state, item.problem) == (OutboxState.WAITING, "the adapter broke: ZeroDivisionError")
    assert item.unknown


async def test_a_new_right_is_asked_for_once_and_then_used(store, clock, node, crm):
    desk = node(crm)
    asked = []

    async def reauthorise():
        asked.append(clock.now())
        return True

    desk.adapter.reauthorise = reauthorise
    await put(store, parcels_of(1, 1), NOON)
    crm.moods = ["401"]
    await one_turn(desk.delivery)
    assert (len(asked), len(crm.records)) == (1, 1)


async def test_work_delivers_by_itself_and_ends_when_it_is_closed(desk, store, crm):
    items = [item for client in range(40) for item in parcels_of(client)]
    await put(store, items[:60], NOON)
    async with asyncio.TaskGroup() as tasks:
        working = tasks.create_task(desk.delivery.work())
        await crm.has(60)
        await put(store, items[60:], NOON)
        desk.delivery.wake()
        await crm.has(120)
        desk.delivery.close()
        await working
    assert crm.by_lane() == intended(items)
    assert {item.state for item in await listed(store)} == {OutboxState.DONE}, "what has ended is written down"


async def test_work_that_is_cut_off_leaves_what_is_under_way_to_be_looked_at(store, clock, node, forgetful_crm):
    crm = forgetful_crm
    desk = node(crm, limits=replace(LIMITS, concurrency=4, timeout=30.0))
    items = [item for client in range(7) for item in parcels_of(client)]
    await put(store, items, NOON)
    crm.mood = "done, hangs"
    async with asyncio.TaskGroup() as tasks:
        working = tasks.create_task(desk.delivery.work())
        await crm.has(4)
        assert desk.delivery.status.under_way == 4, "and no more, though seven could be"
        working.cancel()
    crm.mood = "works"
    assert [item.unknown for item in await listed(store)].count(True) == 4
    again = node(crm, name="again")
    await again.drive(desk.limits.lease_seconds + 60)
    assert crm.by_lane() == intended(items)


async def test_who_is_begun_anew_in_the_same_process_takes_over_what_the_former_one_was_cut_off_from(
    store, clock, node, forgetful_crm
):
    crm = forgetful_crm
    desk = node(crm)
    items = parcels_of(1)
    await put(store, items, NOON)
    crm.mood = "done, hangs"
    async with asyncio.TaskGroup() as tasks:
        working = tasks.create_task(desk.delivery.work())
        await crm.has(1)
        working.cancel()
    crm.mood = "works"
    again = node(crm)  # of the same name, as after a reload
    async with asyncio.TaskGroup() as tasks:
        working = tasks.create_task(again.delivery.work())
        async with asyncio.timeout(20):
            while len(crm.records) < len(items):  # the clock goes on while it works
                clock.advance(5)
                await asyncio.sleep(0.01)
        again.delivery.close()
        await working
    assert crm.by_lane() == intended(items)


async def test_a_clock_that_was_far_ahead_and_is_set_right_holds_nothing_up(desk, store, clock, crm):
    clock.advance(365 * DAY)
    first, second = parcels_of(1), parcels_of(2)
    await put(store, first, clock.now())
    clock.advance(-365 * DAY)
    await desk.drive(LIMITS.longest_wait + 60, step=60.0)
    assert crm.by_lane() == intended(first)
    crm.moods = ["patience"]
    await put(store, second, clock.now())
    await desk.drive(0)
    clock.advance(-DAY)
    await desk.drive(LIMITS.longest_wait + 60, step=60.0)
    assert crm.by_lane() == intended([*first, *second])


async def test_three_nodes_on_one_postgresql_tell_everything_once_though_one_is_cut_off(
    postgres_url, tmp_path, clock, node, forgetful_crm
):
    crm = forgetful_crm
    stores = [await Store.open(postgres_url, data_dir=tmp_path) for _ in range(3)]
    desks = [node(crm, name=name, of=store) for name, store in zip("abc", stores, strict=True)]
    items = [item for client in range(60) for item in parcels_of(client, 4)]
    await put(stores[0], items[:120], NOON)
    async with asyncio.TaskGroup() as tasks:
        working = [tasks.create_task(desk.delivery.work()) for desk in desks]
        await crm.has(20)
        working[0].cancel()
        await put(stores[1], items[120:], NOON)
        desks[1].delivery.wake()
        desks[2].delivery.wake()
        await crm.has(200)
        for desk in desks[1:]:
            desk.delivery.close()
    heir = node(crm, name="heir", of=stores[1])
    await heir.drive(LIMITS.lease_seconds + 60)
    assert crm.by_lane() == intended(items)
    assert {item.state for item in await listed(stores[1])} == {OutboxState.DONE}
    for store in stores:
        await store.close()


async def test_no_name_number_or_secret_is_logged(desk, store, crm, capsys):
    await put(store, parcels_of(1), NOON)
    crm.moods = ["500", "422"]
    await desk.drive(900)
    said = capsys.readouterr()
    assert re.search(r"effect.parked", said.out + said.err)
    assert not re.search(r"7700|secret-token|Lead 1", said.out + said.err)
