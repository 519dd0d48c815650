"""PostgreSQL is gone for a minute under load: pushes get 503 and nothing acknowledged is lost; a PBX is listened to
all the while, within the bound, and what did not fit is said.
"""

import http.client
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from threading import Event, Thread
from typing import Self

from tests.daemon.process import SETTINGS, TOKEN, Bridge, ended
from tests.faults.line_moves import Watched, told_by_the_store, until
from tests.faults.load import WAITING
from tests.postgres import free_port, running

SECONDS_GONE = 60.0
MOST_WAITING = 100
"""Calls that may wait for the store; the PBX has about 600 in that minute."""


class Loopback:
    """As a cluster, of one node, on loopback."""

    def __init__(self, server) -> None:
        self.server = server


class Pbx(Watched):
    def __init__(self, port: int) -> None:
        self.told = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.busy_pbx", "127.0.0.1", str(port)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
        )  # fmt: skip
        Thread(target=self._read, daemon=True).start()


class Pusher:
    """Pushes one call after the other, whatever comes back, and remembers what did."""

    def __init__(self, bridge: Bridge) -> None:
        self.bridge = bridge
        self.answers: Counter[int] = Counter()
        self.acknowledged: set[str] = set()
        self.longest = 0.0
        self.without_hint = 0
        self._done = Event()
        self._thread = Thread(target=self._push, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_told: object) -> None:
        self._done.set()
        self._thread.join(60)

    def _push(self) -> None:
        n = 0
        while not self._done.is_set():
            n += 1
            fact = ended(f"p{n}", f"+4477008{n:05d}")
            line = http.client.HTTPConnection("127.0.0.1", self.bridge.port, timeout=60)
            began = time.monotonic()
            line.request("POST", "/hooks/shop", json.dumps(fact), {"Authorization": f"Bearer {TOKEN}"})
            answer = line.getresponse()
            self.longest = max(self.longest, time.monotonic() - began)
            self.answers[answer.status] += 1
            if answer.status == 202:
                self.acknowledged.add(fact["event_id"])
            else:
                self.without_hint += "Retry-After" not in answer.headers
            line.close()
            self._done.wait(0.05)


def test_a_minute_without_the_database_costs_503_and_no_call_that_fits(tmp_path):
    port = free_port()
    with running("fsync=on") as server:
        settings = f"""{SETTINGS}
[store]
url = "{server.make("bridge")}"
[[source]]
id = "pbx"
kind = "ami"
port = {port}
username = "bridge"
secret = "s3cret"
trunks = ["trunk"]
most_waiting = {MOST_WAITING}
"""
        pbx, bridge = Pbx(port), Bridge(tmp_path, settings)
        bridge.patience = 90.0
        with bridge.started():
            with Pusher(bridge) as pusher:
                until(lambda: pbx.connected() and len(pbx.calls()) > 50)
                server.stop(signal.SIGQUIT)
                gone = time.monotonic()
                until(lambda: pusher.answers[503])
                assert bridge.get("/readyz")[0] == 503
                time.sleep(SECONDS_GONE)
                acknowledged = pusher.answers[202]
                assert pusher.answers[503] > 100, "it answers quickly"
                server.start()
                until(lambda: pusher.answers[202] > acknowledged)
                until(lambda: bridge.get("/readyz")[0] == 200)
                back = time.monotonic()
                time.sleep(3)
                pbx.finish()
            until(lambda: server.ask(WAITING, "bridge") == "0")
            found = told_by_the_store(Loopback(server))
            kept = set(server.ask("SELECT event_id FROM event WHERE source = 'shop'", "bridge").split())
    assert set(pusher.answers) == {202, 503}, pusher.answers
    assert pusher.longest < 10
    assert pusher.without_hint == 0
    assert pusher.acknowledged == kept
    assert len(pbx.logins()) == 1, "the line was held all the while"
    dropped = [entry["dropped"] for entry in bridge.log if entry["event"] == "source.calls_dropped"]
    seen = [call for call in pbx.calls() if call["begun"] > pbx.logins()[0]["t"] + 1]
    lost = [call for call in seen if call["key"] not in found]
    assert dropped, "what did not fit was said"
    assert 100 < len(lost) < (back - gone) * 10 * 1.2
    assert all(gone - 2 < call["t"] < back + 2 for call in lost), "only calls of that minute"
    for call in seen:
        if call["key"] in found:
            assert found[call["key"]] == (call["outcome"], False), call
