"""What only one of several nodes may do is done by one, and by another soon after he is gone. Real PostgreSQL."""

import asyncio
import signal
from contextlib import asynccontextmanager

import pytest

from bridge.flow.clock import Clock
from bridge.flow.holding import Holds
from bridge.store.engine import Store
from bridge.store.errors import StoreUnavailable, Superseded
from bridge.store.holds import Hold, News, require_hold, take_over, tell_nodes
from bridge.store.migrate import migrate
from tests.postgres import HASTY, running

URL = "sqlite:///bridge.db"
PATIENCE = 30


class Node:
    """A node that wants to hold the line to one PBX, and says when it does."""

    def __init__(self, store: Store, name: str) -> None:
        self.store = store
        self.holds = Holds(store, Clock(), name, heard=self.hear)
        self.hold: Hold | None = None
        self.begun = 0
        self.changed = asyncio.Condition()
        self.heard: list[News] = []

    def hear(self, news: News) -> None:
        self.heard.append(news)

    async def line(self, hold: Hold | None) -> None:
        self.begun += 1
        await self.tell(hold)
        try:
            await asyncio.Event().wait()
        finally:
            await self.tell(None)

    async def tell(self, hold: Hold | None) -> None:
        async with self.changed:
            self.hold = hold
            self.changed.notify_all()

    async def until(self, *, holding: bool) -> None:
        async with asyncio.timeout(PATIENCE), self.changed:
            await self.changed.wait_for(lambda: (self.hold is not None) is holding)

    async def write(self, hold: Hold) -> None:
        async with self.store.writing() as conn:
            await require_hold(conn, hold)


@asynccontextmanager
async def node(url, folder, name):
    store = await Store.open(url, data_dir=folder)
    one = Node(store, name)
    try:
        async with asyncio.TaskGroup() as tasks:
            guard = tasks.create_task(one.holds.work())
            line = tasks.create_task(one.holds.during("pbx", one.line))
            yield one
            line.cancel()
            one.holds.close()
            await guard
    finally:
        await store.close()


async def eventually(condition):
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 # what we wait for is another process's answer
            await asyncio.sleep(0.02)


async def test_on_an_embedded_store_there_is_nobody_to_ask(tmp_path):
    await migrate(URL, tmp_path)
    store = await Store.open(URL, data_dir=tmp_path)
    holds = Holds(store, Clock(), "one", heard=lambda _news: None)
    shown = []

    async def work(hold):
        shown.append(hold)

    await holds.during("pbx", work)
    assert shown == [None]
    holds.close()
    await holds.work()
    await store.close()


async def test_one_of_two_holds_the_line_and_the_other_takes_over_when_it_stops(postgres_url, tmp_path):
    async with node(postgres_url, tmp_path, "two") as two:
        await two.until(holding=True)
        async with node(postgres_url, tmp_path, "one") as one:
            await eventually(lambda: one.heard)  # it is at work
            assert one.hold is None
            assert two.holds.has("pbx")
            assert not one.holds.has("pbx")
            first = two.hold
            two.holds.close()
            await one.until(holding=True)
            assert one.hold.epoch == first.epoch + 1
            with pytest.raises(Superseded, match="one"):
                await two.write(first)
            await one.write(one.hold)


async def test_while_the_server_is_being_restarted_the_holder_goes_on_and_keeps_its_epoch(tmp_path):
    with running(*HASTY) as server:
        url = server.make("bridge")
        await migrate(url, tmp_path)
        async with node(url, tmp_path, "one") as one:
            await one.until(holding=True)
            hold = one.hold
            server.stop(signal.SIGINT)
            with pytest.raises(StoreUnavailable):
                await one.write(hold)
            server.start()
            await eventually(lambda: not one.holds._outage.lost and one.holds.has("pbx"))
            await one.write(hold)
            assert (one.begun, one.hold) == (1, hold)


async def test_a_holder_that_gets_no_answer_lets_go_and_begins_anew_when_it_gets_one(tmp_path):
    with running(*HASTY) as server:
        url = server.make("bridge")
        await migrate(url, tmp_path)
        async with node(url, tmp_path, "one") as one:
            await one.until(holding=True)
            server.pause()
            try:
                await one.until(holding=False)
            finally:
                server.resume()
            await one.until(holding=True)
            assert one.begun == 2


async def test_a_holder_that_the_server_lets_in_no_more_lets_go(tmp_path):
    """The server is there, and others may be let in and take over."""
    with running(*HASTY) as server:
        url = server.make("bridge")
        await migrate(url, tmp_path)
        async with node(url, tmp_path, "one") as one:
            await one.until(holding=True)
            guards = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%guard%'"
            server.ask(f"ALTER ROLE bridge NOLOGIN; {guards}")
            await one.until(holding=False)


async def test_a_holder_whose_guard_breaks_unexpectedly_lets_go(postgres, postgres_url, tmp_path):
    store = await Store.open(postgres_url, data_dir=tmp_path)
    one = Node(store, "one")
    one.holds = Holds(store, Clock(), "one", heard=lambda _news: one.heard.append(1 / (1 - len(one.heard))))
    async with asyncio.TaskGroup() as tasks:
        guard = tasks.create_task(broken_by(one.holds.work(), ZeroDivisionError))
        line = tasks.create_task(one.holds.during("pbx", one.line))
        await one.until(holding=True)
        guards = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'callbridge guard one'"
        )
        postgres.ask(guards)
        await guard
        assert not one.holds.has("pbx")
        await one.until(holding=False)
        line.cancel()
    await store.close()


async def broken_by(work, error):
    with pytest.raises(error):
        await work


async def test_nobody_begins_before_his_takeover_is_committed(postgres, postgres_url, tmp_path):
    """Else two could begin with one count, and neither would be refused."""
    postgres.ask(
        """CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '57P01'; END $$;
           CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT OR UPDATE ON hold
           DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()""",
        postgres_url.rpartition("/")[2],
    )
    async with node(postgres_url, tmp_path, "one") as one:
        await eventually(lambda: one.holds._outage.lost)
        await asyncio.sleep(0)
        assert one.begun == 0


async def test_who_waits_for_his_turn_goes_home_when_nothing_more_is_asked_for(postgres_url, tmp_path):
    async with node(postgres_url, tmp_path, "one") as one:
        await one.until(holding=True)
        two = Holds(one.store, Clock(), "two", heard=one.hear)
        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(two.during("pbx", one.line))
            await asyncio.sleep(0)
            one.holds.ask_no_more()
            two.ask_no_more()
            await waiting
        assert one.holds.has("pbx")


async def test_a_line_that_is_slow_to_end_does_not_take_the_next_ones_right_with_it(postgres_url, tmp_path):
    store = await Store.open(postgres_url, data_dir=tmp_path)
    one, ended = Node(store, "one"), asyncio.Event()

    async def slow(hold):
        try:
            await one.line(hold)
        finally:
            await ended.wait()

    async with asyncio.TaskGroup() as tasks:
        guard = tasks.create_task(one.holds.work())
        first = tasks.create_task(one.holds.during("pbx", slow))
        await one.until(holding=True)
        first.cancel()
        await one.until(holding=False)
        second = tasks.create_task(one.holds.during("pbx", one.line))
        await one.until(holding=True)
        ended.set()
        await asyncio.wait((first,))
        assert one.holds.has("pbx")
        second.cancel()
        one.holds.close()
        await guard
    await store.close()


async def test_nodes_hear_each_other_but_not_themselves(postgres_url, tmp_path):
    async with node(postgres_url, tmp_path, "one") as one, node(postgres_url, tmp_path, "two") as two:
        await eventually(lambda: one.heard and two.heard)  # each begins with what nobody could tell it before
        one.heard.clear()
        two.heard.clear()
        async with one.store.writing() as conn:
            await tell_nodes(conn, News.RECORDS, "one")
        async with two.store.writing() as conn:
            await tell_nodes(conn, News.FACTS, "two")
        await eventually(lambda: News.RECORDS in two.heard and News.FACTS in one.heard)
        assert News.RECORDS not in one.heard
        assert News.FACTS not in two.heard


async def test_who_takes_over_waits_for_what_the_former_holder_is_about_to_write(postgres_url, tmp_path):
    store = await Store.open(postgres_url, data_dir=tmp_path)
    async with store.writing() as conn:
        former = await take_over(conn, "pbx", "one", 0.0)
    entered, go_on = asyncio.Event(), asyncio.Event()
    order = []

    async def write():
        async with store.writing() as conn:
            await require_hold(conn, former)
            entered.set()
            await go_on.wait()
            order.append("written")

    async def take():
        await entered.wait()
        go_on.set()
        async with store.writing() as conn:
            await take_over(conn, "pbx", "two", 1.0)
            order.append("taken over")

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(write())
        tasks.create_task(take())
    assert order == ["written", "taken over"]
    await store.close()
