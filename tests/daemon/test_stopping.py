"""SIGTERM: takes nothing more, finishes the batch, leaves the rest in the journal, exits within the grace time."""

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
from tests.daemon.process import BRIDGE, PATIENCE, SETTINGS, Bridge, ended

MANY = 6000


def asked(bridge, question):
    with contextlib.closing(sqlite3.connect(bridge.folder / "data" / "bridge.db")) as store:
        return store.execute(question).fetchall()


def stopped_within_the_grace_time(bridge, *signals):
    began = monotonic()
    for number in signals:
        bridge.process.send_signal(number)
    assert bridge.process.wait(GRACE_SECONDS + PATIENCE) == 0
    assert monotonic() - began < GRACE_SECONDS


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
