# ruff: noqa: S311 # chance need not be secret here
"""The whole daemon: killed with -9 at any moment, under load, it loses nothing and doubles nothing. On either store.

Some minutes long, and left to chance: SEED says which chance, it is told at a failure.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from random import Random  # noqa: TID251 # the test brings its own chance, and tells it

import pytest

from tests.daemon.process import SETTINGS, Bridge, QuickBridge
from tests.faults.load import Ask, Load, Row, a_days_facts, asking_file, asking_server, settled
from tests.postgres import running

CLIENTS = 800
LONGEST_LIFE = 0.6
"""Seconds from the start of a daemon to its death, at most."""
LIVES = 200
"""So many deaths there are, in as many days as that takes."""

Make = Callable[[Path], tuple[Bridge, Ask]]
"""Makes a bridge in this folder, with a new store, and says how the store is asked."""


@pytest.fixture
def seed() -> int:
    return int(os.environ.get("SEED", "0")) or time.time_ns() % 1_000_000  # noqa: TID251 # a test is told so


@pytest.fixture(params=["sqlite", "postgresql"])
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    if request.param == "sqlite":
        yield on_a_file
        return
    numbers = count(1)
    with running("fsync=on") as server:

        def on_the_server(folder: Path) -> tuple[Bridge, Ask]:
            name = f"bridge{next(numbers)}"
            folder.mkdir()
            settings = f'{SETTINGS}\n[store]\nurl = "{server.make(name)}"\n'
            return QuickBridge(folder, settings), asking_server(server, name)

        yield on_the_server


def on_a_file(folder: Path) -> tuple[Bridge, Ask]:
    folder.mkdir()
    bridge = QuickBridge(folder)
    return bridge, asking_file(bridge)


def undisturbed(made: tuple[Bridge, Ask], seed: int) -> dict[str, list[Row]]:
    bridge, ask = made
    with bridge.started():
        load = Load(bridge, a_days_facts(Random(seed), CLIENTS), Random(seed), again=0.0)
        with load.pushed() as senders:
            for sender in senders:
                sender.join()
        return settled(ask)


@pytest.mark.timeout(1800)
def test_a_bridge_that_is_killed_two_hundred_times_under_load_makes_what_an_undisturbed_one_makes(tmp_path, seed, make):
    deaths = day = 0
    while deaths < LIVES:
        folder = tmp_path / str(day)
        folder.mkdir()
        expected = undisturbed(make(folder / "undisturbed"), seed + day)
        deaths += a_day_of_deaths(make(folder / "killed"), expected, seed + day, most=LIVES - deaths)
        day += 1


def a_day_of_deaths(made: tuple[Bridge, Ask], expected: dict[str, list[Row]], seed: int, most: int) -> int:
    """Push a day's facts at a bridge that is killed again and again, and compare; gives how often it died."""
    (bridge, ask), chance, deaths = made, Random(seed), 0
    with bridge.started():
        load = Load(bridge, a_days_facts(Random(seed), CLIENTS), chance)
        with load.pushed() as senders:
            while deaths < most and any(sender.is_alive() for sender in senders):
                time.sleep(chance.uniform(0.0, LONGEST_LIFE))
                if chance.random() < 0.3:
                    bridge.process.send_signal(signal.SIGHUP)
                bridge.kill()
                deaths += 1
                bridge.start()
            for sender in senders:
                sender.join()
        found = settled(ask)
    told = {event_id for event_id, _ in found["facts"]}
    assert load.acknowledged <= told, f"SEED={seed}: acknowledged and lost"
    assert found["twice"] == [], f"SEED={seed}"
    for name, rows in expected.items():
        assert found[name] == rows, f"SEED={seed}, {deaths} deaths: {name} differ"
    return deaths
