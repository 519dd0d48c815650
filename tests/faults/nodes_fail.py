# ruff: noqa: S311 # chance need not be secret here
"""Three nodes on one PostgreSQL, killed, stopped and cut off at random under load: nothing lost, nothing twice.

Some minutes long, and left to chance: SEED says which chance, it is told at a failure.
"""

import contextlib
import os
import signal
import time
from random import Random  # noqa: TID251 # the test brings its own chance, and tells it
from threading import Thread

import pytest

from tests.faults.cluster import Cluster, ClusterLoad, Node, cluster
from tests.faults.load import a_days_facts, settled

CLIENTS = 600
REST = 0.15
"""Seconds between two pushes of one sender, so that there is time for harm."""
SECONDS_STOPPED = 10.0
SECONDS_CUT_OFF = 8.0
SECONDS_OF_HARM = 90.0
LONGEST_LIFE = 1.5
ACTS = ("kill", "kill", "kill", "stop", "cut off", "reload", "restart the server")


@pytest.fixture
def seed() -> int:
    return int(os.environ.get("SEED", "0")) or time.time_ns() % 1_000_000  # noqa: TID251 # a test is told so


def harm(made: Cluster, node: Node, act: str) -> None:
    """Do it, and put it right again."""
    match act:
        case "kill":
            node.kill()
            begin_again(node)
        case "stop":
            node.process.send_signal(signal.SIGSTOP)
            time.sleep(SECONDS_STOPPED)
            node.process.send_signal(signal.SIGCONT)
        case "cut off":
            made.net.cut(node.number)
            time.sleep(SECONDS_CUT_OFF)
            made.net.mend(node.number)
        case "reload":
            node.reload()
        case "restart the server":
            made.server.stop(signal.SIGQUIT)  # as a crash: it has to recover
            time.sleep(1)
            made.server.start()


def begin_again(node: Node) -> None:
    """As systemd does: a start that meets a server which is just being restarted is tried again."""
    deadline = time.monotonic() + node.patience
    while time.monotonic() < deadline:
        node.start()
        with contextlib.suppress(AssertionError):
            node.hears("bridge.started")
            return
        node.process.wait(node.patience)
        time.sleep(1)
    raise AssertionError(f"node {node.number} does not start: {node.log[-5:]}")


def fate(made: Cluster, node: Node, chance: Random, acts: list[str], senders: list[Thread]) -> None:
    """What befalls one node for as long as anybody sends, and no longer than is fair on a slow machine."""
    end = time.monotonic() + SECONDS_OF_HARM
    while any(sender.is_alive() for sender in senders) and time.monotonic() < end:
        time.sleep(chance.uniform(0.2, LONGEST_LIFE))
        act = chance.choice(ACTS if node.number == 0 else ACTS[:-1])
        acts.append(act)
        harm(made, node, act)


def undisturbed(folder, seed: int) -> dict:
    with cluster(folder, of=1) as made:
        load = ClusterLoad(made.net, made.nodes, a_days_facts(Random(seed), CLIENTS), Random(seed))
        load.again = 0.0
        with load.pushed() as senders:
            for sender in senders:
                sender.join()
        return settled(made.ask)


def test_three_nodes_that_are_killed_stopped_and_cut_off_make_what_an_undisturbed_one_makes(tmp_path, seed):
    expected = undisturbed(tmp_path / "undisturbed", seed)
    acts: list[str] = []
    with cluster(tmp_path / "nodes") as made:
        load = ClusterLoad(made.net, made.nodes, a_days_facts(Random(seed), CLIENTS), Random(seed), rest=REST)
        with load.pushed() as senders:
            fates = [
                Thread(target=fate, args=(made, node, Random(seed + node.number), acts, senders)) for node in made.nodes
            ]
            for thread in fates:
                thread.start()
            for thread in (*senders, *fates):
                thread.join()
        found = settled(made.ask)
    assert set(acts) >= {"kill", "stop", "cut off"}, f"SEED={seed}: {acts}"
    told = {event_id for event_id, _ in found["facts"]}
    assert load.acknowledged <= told, f"SEED={seed}: acknowledged and lost"
    for name, rows in expected.items():
        assert found[name] == rows, f"SEED={seed}, {len(acts)} acts: {name} differ"
