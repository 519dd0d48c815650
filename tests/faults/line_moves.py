"""The line to a PBX is held by one of three nodes, and by another within five seconds, whatever happens to the first.

The PBX is never quiet: calls that one node saw whole are as they were, and nobody invents a missed one.
"""

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

from tests.faults.cluster import HUB_WORLD, Cluster, Node, cluster
from tests.faults.load import settled

PBX_PORT = 5038
TAKEOVER_SECONDS = 5.0
PATIENCE = 60.0
SOURCE = f"""
[[source]]
id = "pbx"
kind = "ami"
host = "{HUB_WORLD}"
port = {PBX_PORT}
username = "bridge"
secret = "s3cret"
trunks = ["trunk"]
"""


class Watched:
    """The PBX in the hub, and what it has told until now."""

    def __init__(self, made: Cluster) -> None:
        self.told: list[dict[str, Any]] = []
        command = [sys.executable, "-m", "tests.faults.busy_pbx", HUB_WORLD, str(PBX_PORT)]
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", made.net.hub, *command],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
        )  # fmt: skip
        Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.told.append(json.loads(line))

    def logins(self, since: float = 0.0) -> list[dict[str, Any]]:
        return [told for told in self.told if told["what"] == "login" and told["t"] >= since]

    def connected(self) -> set[str]:
        """The addresses that hold a line now."""
        lines: list[str] = []
        for told in list(self.told):
            if told["what"] == "login":
                lines.append(told["address"])
            elif told["what"] == "gone" and told["address"] in lines:
                lines.remove(told["address"])
        return set(lines)

    def calls(self) -> list[dict[str, Any]]:
        return [told for told in self.told if told["what"] == "call"]

    def finish(self) -> None:
        self.process.stdin.close()
        assert self.process.wait(PATIENCE) == 0
        until(lambda: any(told["what"] == "end" for told in self.told))
        self.process.stdout.close()


def until(condition) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextlib.contextmanager
def a_pbx(made: Cluster) -> Iterator[Watched]:
    pbx = Watched(made)
    try:
        yield pbx
    finally:
        if pbx.process.poll() is None:
            pbx.process.kill()
            pbx.process.wait()


def holder(made: Cluster, pbx: Watched) -> Node:
    """The one node that is logged in."""
    until(lambda: len(pbx.connected()) == 1)
    (address,) = pbx.connected()
    return next(node for node in made.nodes if node.address == address)


def took_over(pbx: Watched, former: Node, since: float) -> dict[str, Any]:
    """The login of another node; within the time."""
    until(lambda: any(login["address"] != former.address for login in pbx.logins(since)))
    login = next(login for login in pbx.logins(since) if login["address"] != former.address)
    assert login["t"] - since <= TAKEOVER_SECONDS, f"it took {login['t'] - since:.1f} s"
    return login


def told_by_the_store(made: Cluster) -> dict[str, tuple[str, bool]]:
    rows = made.server.ask("SELECT key, outcome, incomplete FROM call ORDER BY key", "bridge").splitlines()
    return {key: (outcome, incomplete == "t") for key, outcome, incomplete in (row.split("|") for row in rows)}


def compare(made: Cluster, pbx: Watched, gaps: list[tuple[float, float]]) -> None:
    """Calls that touch no gap are exactly as they were; of the others nothing is invented."""
    until(lambda: made.server.ask("SELECT count(*) FROM event WHERE state = 'pending'", "bridge") == "0")
    settled(made.ask)
    found = told_by_the_store(made)
    assert set(found) <= {call["key"] for call in pbx.calls()}
    whole = 0
    for call in pbx.calls():
        outcome, incomplete = found.get(call["key"], (None, True))
        if all(call["t"] < begun - 0.5 or call["begun"] > ended + 1.0 for begun, ended in gaps):
            assert (outcome, incomplete) == (call["outcome"], False), call
            whole += 1
        elif outcome == "missed":
            assert call["outcome"] == "missed", call
    assert whole > 20
    cases = made.server.ask("SELECT client_number, count(*) FROM missed_case GROUP BY 1 HAVING count(*) > 1", "bridge")
    assert cases == ""


def after_a_quiet_moment() -> None:
    time.sleep(3)


def test_the_line_is_taken_over_when_its_holder_dies_and_when_it_stops(tmp_path):
    with cluster(tmp_path, SOURCE) as made, a_pbx(made) as pbx:
        first = holder(made, pbx)
        begun = pbx.logins()[0]["t"]
        after_a_quiet_moment()
        died = time.monotonic()
        first.kill()
        after_kill = took_over(pbx, first, died)
        first.start()
        after_a_quiet_moment()
        second = holder(made, pbx)
        stopped = time.monotonic()
        second.process.send_signal(signal.SIGTERM)
        after_stop = took_over(pbx, second, stopped)
        after_a_quiet_moment()
        second.process.wait(PATIENCE)
        pbx.finish()
        gaps = [(0, begun), (died, after_kill["t"]), (stopped, after_stop["t"])]
        compare(made, pbx, gaps)


def test_a_holder_that_stands_still_is_replaced_and_writes_nothing_when_it_goes_on(tmp_path):
    with cluster(tmp_path, SOURCE) as made, a_pbx(made) as pbx:
        first = holder(made, pbx)
        begun = pbx.logins()[0]["t"]
        after_a_quiet_moment()
        stood_still = time.monotonic()
        first.process.send_signal(signal.SIGSTOP)
        login = took_over(pbx, first, stood_still)
        time.sleep(max(0.0, 10 - (time.monotonic() - stood_still)))
        first.process.send_signal(signal.SIGCONT)
        until(lambda: first.address not in pbx.connected())
        after_a_quiet_moment()
        assert len(pbx.connected()) == 1
        pbx.finish()
        compare(made, pbx, [(0, begun), (stood_still, login["t"])])


def test_a_holder_that_is_cut_off_from_the_database_lets_go_before_another_begins(tmp_path):
    with cluster(tmp_path, SOURCE) as made, a_pbx(made) as pbx:
        first = holder(made, pbx)
        begun = pbx.logins()[0]["t"]
        after_a_quiet_moment()
        cut_off = time.monotonic()
        made.net.cut(first.number)
        login = took_over(pbx, first, cut_off)
        left = next(told for told in pbx.told if told["what"] == "gone" and told["address"] == first.address)
        assert left["t"] < login["t"], "two held the line at once"
        after_a_quiet_moment()
        made.net.mend(first.number)
        after_a_quiet_moment()
        assert pbx.connected() == {login["address"]}
        pbx.finish()
        compare(made, pbx, [(0, begun), (cut_off, login["t"])])
