# ruff: noqa: S311 # chance need not be secret here
"""The whole daemon: killed with -9 at any moment, under load, it loses nothing and doubles nothing.

A minute long, and left to chance: run it with `pytest tests/faults/*.py`; SEED says which chance, it is told at a
failure.
"""

import os
import signal
import time
from pathlib import Path
from random import Random  # noqa: TID251 # the test brings its own chance, and tells it

import pytest

from tests.daemon.process import Bridge, QuickBridge
from tests.faults.load import Load, a_days_facts, settled

CLIENTS = 800
LONGEST_LIFE = 0.6
"""Seconds from the start of a daemon to its death, at most."""
LIVES = 200
"""So many deaths there are, in as many days as that takes."""
MOST_LIVES_OF_A_DAY = 200


@pytest.fixture
def seed() -> int:
    return int(os.environ.get("SEED", "0")) or time.time_ns() % 1_000_000  # noqa: TID251 # a test is told so


def started(folder: Path) -> Bridge:
    folder.mkdir()
    bridge = QuickBridge(folder)
    bridge.start()
    return bridge


def undisturbed(folder: Path, seed: int) -> dict[str, list]:
    bridge = started(folder)
    load = Load(bridge, a_days_facts(Random(seed), CLIENTS), Random(seed), again=0.0)
    with load.pushed() as senders:
        for sender in senders:
            sender.join()
    found = settled(bridge)
    bridge.stop()
    return found


@pytest.mark.timeout(1800)
def test_a_bridge_that_is_killed_two_hundred_times_under_load_makes_what_an_undisturbed_one_makes(tmp_path, seed):
    deaths = day = 0
    while deaths < LIVES:
        deaths += a_day_of_deaths(tmp_path / str(day), seed + day)
        day += 1


def a_day_of_deaths(folder: Path, seed: int) -> int:
    """Push a day's facts at a bridge that is killed again and again, and compare; gives how often it died."""
    folder.mkdir()
    expected = undisturbed(folder / "undisturbed", seed)
    chance = Random(seed)
    bridge = started(folder / "killed")
    load = Load(bridge, a_days_facts(Random(seed), CLIENTS), chance)
    deaths = 0
    with load.pushed() as senders:
        while any(sender.is_alive() for sender in senders):
            time.sleep(chance.uniform(0.0, LONGEST_LIFE))
            if chance.random() < 0.3:
                bridge.process.send_signal(signal.SIGHUP)
            bridge.kill()
            deaths += 1
            assert deaths < MOST_LIVES_OF_A_DAY
            bridge.start()
    found = settled(bridge)
    bridge.stop()
    assert deaths > 4
    told = {event_id for event_id, _ in found["facts"]}
    assert load.acknowledged <= told, f"SEED={seed}: acknowledged and lost"
    for name, rows in expected.items():
        assert found[name] == rows, f"SEED={seed}, {deaths} deaths: {name} differ"
    return deaths
