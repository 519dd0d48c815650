"""SIGTERM: takes nothing more, finishes the batch, leaves the rest in the journal, exits within the grace time."""

import asyncio
import contextlib
import json
import signal
import socket
import sqlite3
import subprocess
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import pytest

from bridge.app.daemon import GRACE_SECONDS
from bridge.flow.identity import lane_of_event
from bridge.store.engine import Store
from bridge.store.journal import NewEntry, append
from bridge.store.migrate import migrate
from tests.daemon.process import BRIDGE, PATIENCE, SETTINGS, Bridge, ended
from tests.daemon.test_hardship import until_handled
from tests.flow.builders import missed
from tests.store.builders import URL

MANY = 6000


def asked(bridge, question):
    with contextlib.closing(sqlite3.connect(bridge.folder / "data" / "bridge.db")) as store:
        return store.execute(question).fetchall()


async def fill_the_journal(bridge):
    """As if it had been killed after it had acknowledged them."""
    data = bridge.folder / "data"
    await migrate(URL, data)
    store = await Store.open(URL, data_dir=data)
    async with store.writing() as conn:
        facts = [missed(f"c{n}", client_number=f"+4477{n:08d}") for n in range(MANY)]
        await append(conn, [NewEntry(event=fact, lane=lane_of_event(fact, "GB")) for fact in facts])
    await store.close()


def stopped_within_the_grace_time(bridge, *signals):
    began = monotonic()
    for number in signals:
        bridge.process.send_signal(number)
    assert bridge.process.wait(GRACE_SECONDS + PATIENCE) == 0
    assert monotonic() - began < GRACE_SECONDS


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


@pytest.mark.parametrize("signals", [(signal.SIGTERM,) * 3, (signal.SIGINT,), (signal.SIGTERM, signal.SIGINT)])
def test_being_told_twice_or_by_ctrl_c_is_being_told(bridge, signals):
    bridge.start()
    bridge.push(ended("c1"))
    stopped_within_the_grace_time(bridge, *signals)
    assert asked(bridge, "SELECT count(*) FROM event") == [(1,)]


def test_clients_that_hang_do_not_hold_it(bridge):
    bridge.start()
    heads = (
        b"", b"GET /v1/st", b"POST /hooks/shop HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n[",
        b"GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    )  # fmt: skip
    lines = [socket.create_connection(("127.0.0.1", bridge.port), timeout=PATIENCE) for _ in heads]
    for line, said in zip(lines, heads, strict=True):
        line.sendall(said)
    assert bridge.push(ended("c1"))[0] == 202
    stopped_within_the_grace_time(bridge, signal.SIGTERM)
    for line in lines:
        line.close()


def test_whoever_pushes_while_it_stops_is_acknowledged_and_stored_or_told_to_come_again(bridge):
    bridge.start()
    acknowledged = set()

    def push_until_gone(sender):
        for n in range(100_000):
            try:
                status, _ = bridge.push(ended(f"c{sender}-{n}", f"+4477{sender}{n:07d}"))
            except OSError:
                return
            assert status in {202, 503}
            if status == 202:
                acknowledged.add(f"c{sender}-{n}-end")

    with ThreadPoolExecutor(6) as senders:
        each = [senders.submit(push_until_gone, sender) for sender in range(6)]
        while len(acknowledged) < 50:
            bridge.get("/healthz")
        stopped_within_the_grace_time(bridge, signal.SIGTERM)
        for sender in each:
            sender.result()
    assert acknowledged <= {event_id for (event_id,) in asked(bridge, "SELECT event_id FROM event")}


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


def test_a_reload_asked_for_while_it_starts_is_done_once_it_has(tmp_path):
    bridge = Bridge(tmp_path, SETTINGS)
    words = [BRIDGE, "run", "--config", str(bridge.path)]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=bridge.environment, cwd=bridge.folder) as it:
        while not (bridge.folder / "data" / "bridge.db").exists():
            assert it.poll() is None
        it.send_signal(signal.SIGHUP)
        told = [json.loads(it.stderr.readline())["event"] for _ in range(2)]
        it.terminate()
        it.stderr.read()
        assert it.wait(PATIENCE) == 0
    assert set(told) == {"bridge.started", "configuration.reloaded"}
