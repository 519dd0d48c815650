import asyncio
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import select, text

from bridge.flow import intake as intake_module
from bridge.flow.intake import PROBE_SECONDS, Accepted, Intake, Overloaded, Stopping
from bridge.flow.tally import Tally
from bridge.store.errors import StoreUnavailable
from bridge.store.schema import event, quarantine
from tests.flow.builders import ANNA, acme, missed, recorded, ringing, talked
from tests.flow.hand_clock import HandClock


class Door:
    """An intake over a real store; `open` keeps it at work."""

    def __init__(self, store):
        self.store = store
        self.tally = Tally()
        self.woken = 0
        self.clock = HandClock()
        self.intake = Intake(store, acme(), self.tally, self._wake, clock=self.clock)

    def _wake(self):
        self.woken += 1

    @asynccontextmanager
    async def open(self):
        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            tasks.create_task(self.intake.work())
            yield self.intake
            self.intake.close()

    async def accept_together(self, *arrivals):
        """Many senders at once: all are waiting before the writer begins."""
        async with asyncio.TaskGroup() as tasks:
            senders = [tasks.create_task(self.intake.accept(events)) for events in arrivals]
            await asyncio.sleep(0)
            async with self.open():
                await asyncio.wait(senders)
        return [sender.result() for sender in senders]

    async def stored(self, column=event.c.event_id):
        async with self.store.reading() as conn:
            return list((await conn.execute(select(column).order_by(column.table.c.id))).scalars())


@pytest.fixture
def door(store):
    return Door(store)


async def test_what_was_accepted_is_on_disk_and_the_lanes_are_woken(door):
    async with door.open() as intake:
        fact = missed()
        assert await intake.accept([fact]) == Accepted(accepted=1, duplicates=0)
        assert await door.stored() == [fact.event_id]
        assert door.woken == 1


async def test_an_event_that_comes_again_is_a_duplicate(door):
    async with door.open() as intake:
        await intake.accept([missed()])
        assert await intake.accept([missed(), missed("c2")]) == Accepted(accepted=1, duplicates=1)


async def test_the_same_event_twice_in_one_body_counts_once(door):
    async with door.open() as intake:
        assert await intake.accept([missed(), missed()]) == Accepted(accepted=1, duplicates=1)


async def test_the_same_event_from_two_senders_at_once_counts_for_one_of_them(door):
    first, second = await door.accept_together([missed()], [missed()])
    assert (first.accepted, second.accepted) == (1, 0)
    assert (first.duplicates, second.duplicates) == (0, 1)


async def test_senders_who_wait_together_share_one_commit(door):
    answers = await door.accept_together(*([missed(f"c{number}")] for number in range(50)))
    assert [answer.accepted for answer in answers] == [1] * 50
    assert door.tally.commits == 1
    assert door.tally.accepted == 50


async def test_an_event_waits_in_the_lane_of_its_client_under_every_spelling(door):
    spellings = [ANNA, "07700 900111", "+44 (0)7700 900-111", "00447700900111"]
    async with door.open() as intake:
        await intake.accept([missed(f"c{n}", client_number=raw) for n, raw in enumerate(spellings)])
    assert await door.stored(event.c.lane) == [ANNA] * 4


async def test_hidden_callers_share_the_lane_of_the_line_and_a_step_without_a_number_waits_in_its_calls(door):
    async with door.open() as intake:
        await intake.accept([missed("c1", client_number="anonymous"), recorded("c2")])
    assert await door.stored(event.c.lane) == ["hidden:+442079460100", "call:shop/c2"]


async def test_a_body_that_nobody_can_read_is_kept_as_it_came(door):
    async with door.open() as intake:
        await intake.quarantine("shop", "text/plain", b"\xff\x00call", "not JSON")
    async with door.store.reading() as conn:
        row = (await conn.execute(select(quarantine.c.body, quarantine.c.problem, quarantine.c.state))).one()
    assert tuple(row) == (b"\xff\x00call", "not JSON", "waiting")
    assert door.tally.quarantined == 1


async def fill_disk(store, *, full):
    """A full disk, as SQLite sees it: the file may not grow."""
    async with store.writing() as conn:
        pages = (await conn.execute(text("PRAGMA page_count"))).scalar_one()
        limit = pages if full else 1_000_000
        await conn.execute(text(f"PRAGMA max_page_count = {limit}"))


async def test_while_the_disk_is_full_every_sender_is_refused_and_afterwards_taken_again(door):
    big = {"client_name": "x" * 200_000}
    await fill_disk(door.store, full=True)
    async with door.open() as intake:
        with pytest.raises(StoreUnavailable):
            await intake.accept([ringing(**big)])
        assert not intake.ready
        await fill_disk(door.store, full=False)
        assert await intake.accept([ringing(**big)]) == Accepted(accepted=1, duplicates=0)
        assert intake.ready


async def test_a_disk_that_has_room_again_is_noticed_though_nobody_sends(door):
    """A load balancer that sees /readyz refuse sends nothing: waiting for its push would be waiting for ever."""
    await fill_disk(door.store, full=True)
    async with door.open() as intake:
        with pytest.raises(StoreUnavailable):
            await intake.accept([ringing(client_name="x" * 200_000)])
        door.clock.advance(PROBE_SECONDS)
        await asyncio.sleep(0.05)
        assert not intake.ready
        await fill_disk(door.store, full=False)
        async with asyncio.timeout(5):
            while not intake.ready:
                door.clock.advance(PROBE_SECONDS)
                await asyncio.sleep(0.01)
        assert await door.stored(quarantine.c.id) == []


async def test_an_event_that_cannot_be_written_is_refused_alone(door):
    async def send_half_a_character():
        with pytest.raises((TypeError, UnicodeEncodeError)):
            await door.intake.accept([missed("c2", client_name="\ud800")])

    async with asyncio.TaskGroup() as tasks:
        good = tasks.create_task(door.intake.accept([missed("c1")]))
        bad = tasks.create_task(send_half_a_character())
        await asyncio.sleep(0)
        async with door.open():
            await asyncio.wait([good, bad])
    assert good.result().accepted == 1


async def test_senders_beyond_the_bound_are_asked_to_come_again(door, monkeypatch):
    monkeypatch.setattr(intake_module, "MOST_WAITING", 2)
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(door.intake.accept([missed("c1"), missed("c2")]))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await door.intake.accept([missed("c3")])
        async with door.open():
            assert (await first).accepted == 2
    assert door.tally.overloads == 1


async def test_bodies_beyond_the_bound_are_asked_to_come_again(door, monkeypatch):
    monkeypatch.setattr(intake_module, "MOST_BYTES", 1000)
    with pytest.raises(Overloaded):
        await door.intake.quarantine("shop", None, b"x" * 1001, "not JSON")


async def test_a_stopped_intake_stores_what_waits_and_takes_nothing_more(door):
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(door.intake.accept([missed()]))
        await asyncio.sleep(0)
        door.intake.close()
        with pytest.raises(Stopping):
            await door.intake.accept([talked()])
        await door.intake.work()
        assert (await waiting).accepted == 1


async def test_a_sender_who_hangs_up_meanwhile_disturbs_nobody(door):
    async with asyncio.TaskGroup() as tasks:
        leaves = tasks.create_task(door.intake.accept([missed("c1")]))
        stays = tasks.create_task(door.intake.accept([missed("c2")]))
        await asyncio.sleep(0)
        leaves.cancel()
        async with door.open():
            assert (await stays).accepted == 1
