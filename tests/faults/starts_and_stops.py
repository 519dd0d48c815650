"""Starts and stops that take their time: many at once, at any moment, with much to do, with a store that hangs."""

import asyncio
import contextlib
import signal
import sqlite3
import subprocess
from concurrent.futures import ThreadPoolExecutor

from bridge.flow.identity import lane_of_event
from bridge.store.engine import Store
from bridge.store.journal import NewEntry, append
from bridge.store.migrate import migrate
from tests.daemon.conftest import bridge
from tests.daemon.process import BRIDGE, PATIENCE, ended
from tests.daemon.service_manager import service_manager
from tests.daemon.test_hardship import until_handled
from tests.daemon.test_sole_use import HELD
from tests.daemon.test_stopping import asked, stopped_within_the_grace_time
from tests.flow.builders import missed
from tests.store.builders import URL

__all__ = ["bridge"]

MANY = 6000


def test_of_daemons_that_are_started_at_the_very_same_moment_exactly_one_works(bridge):
    """Also on a store that has yet to be made."""
    words = [BRIDGE, "run", "--config", str(bridge.path)]
    many = [
        subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=bridge.environment, cwd=bridge.folder)
        for _ in range(5)
    ]
    told = {process.pid: process.stderr.readline() for process in many}
    working = [process for process in many if "bridge.started" in told[process.pid]]
    assert len(working) == 1, told
    for process in many:
        with process:
            if process in working:
                process.terminate()
                process.stderr.read()
                assert process.wait(PATIENCE) == 0
            else:
                assert HELD in told[process.pid]
                assert process.wait(PATIENCE) == 1


def test_a_stop_at_any_moment_of_the_start_ends_it_and_the_next_start_is_a_good_one(bridge):
    words = [BRIDGE, "run", "--config", str(bridge.path)]
    for heard in range(3):
        with subprocess.Popen(
            words, stderr=subprocess.PIPE, text=True, env=bridge.environment, cwd=bridge.folder
        ) as it:
            if heard == 1:
                while not (bridge.folder / "data" / "bridge.db.lock").exists():  # in the middle of it
                    assert it.poll() is None
            if heard == 2:
                it.stderr.readline()
            it.terminate()
            assert it.wait(PATIENCE) in {0, -signal.SIGTERM}
    with bridge.started():
        assert bridge.push(ended("c1"))[0] == 202


async def fill_the_journal(bridge):
    """As if it had been killed after it had acknowledged them."""
    data = bridge.folder / "data"
    await migrate(URL, data)
    store = await Store.open(URL, data_dir=data)
    async with store.writing() as conn:
        facts = [missed(f"c{n}", client_number=f"+4477{n:08d}") for n in range(MANY)]
        await append(conn, [NewEntry(event=fact, lane=lane_of_event(fact, "GB")) for fact in facts])
    await store.close()


def test_thousands_that_wait_in_the_journal_are_left_there_and_the_next_start_handles_them(bridge):
    asyncio.run(fill_the_journal(bridge))
    bridge.start()
    stopped_within_the_grace_time(bridge, signal.SIGTERM)
    (left,) = asked(bridge, "SELECT count(*) FROM event WHERE state = 'pending'")[0]
    assert left > 0  # it did not work off everything first
    assert asked(bridge, "SELECT count(*) FROM event") == [(MANY,)]
    with bridge.started():
        until_handled(bridge)
        assert bridge.figure("callbridge_events_handled_total") == left
    for table in ("lead", "contact", "missed_case", "task", "call"):
        assert asked(bridge, f"SELECT count(*) FROM {table}") == [(MANY,)], table  # noqa: S608


def test_a_store_that_hangs_does_not_hold_it_beyond_the_grace_time(bridge):
    """Somebody else writes for ever; what could not be stored was not acknowledged."""
    bridge.start()
    with contextlib.closing(sqlite3.connect(bridge.folder / "data" / "bridge.db", isolation_level=None)) as store:
        store.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(1) as people:
            answer = people.submit(bridge.push, ended("c1"))
            bridge.get("/healthz")
            stopped_within_the_grace_time(bridge, signal.SIGTERM)
            with contextlib.suppress(OSError):
                assert answer.result()[0] == 503
    assert asked(bridge, "SELECT count(*) FROM event") == [(0,)]


def test_the_pings_go_on_while_the_store_cannot_be_used(bridge, tmp_path):
    with service_manager(tmp_path) as manager:
        bridge.environment |= manager.environment | {"WATCHDOG_USEC": "100000"}
        with bridge.started():
            with contextlib.closing(
                sqlite3.connect(bridge.folder / "data" / "bridge.db", isolation_level=None)
            ) as store:
                store.execute("BEGIN IMMEDIATE")  # for longer than anybody waits
                assert bridge.push(ended("c1"))[0] == 503
                assert bridge.hears("store.lost")
                for _ in range(20):
                    assert manager.hears("WATCHDOG")
            bridge.hears("store.recovered")
            assert bridge.push(ended("c1"))[0] == 202
