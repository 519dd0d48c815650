# ruff: noqa: S311 # chance need not be secret here
"""The whole daemon beside a CRM that is ill by chance and knows no key again, killed with -9 at any moment.

In the end the CRM has exactly what the bridge has decided, each client's in order. Left to chance: SEED says which.
"""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections import Counter, defaultdict
from contextlib import contextmanager
from pathlib import Path
from random import Random  # noqa: TID251 # the test brings its own chance, and tells it

import pytest

from tests.daemon.process import SETTINGS, Bridge
from tests.faults.load import Load, a_days_facts, asking_file, settled

CLIENTS = 150
LONGEST_LIFE = 2.5
"""Seconds from the start of a daemon to its death, at most."""
LIVES = 12
PATIENCE = 200.0
CRM = """
[crm]
kind = "http"
url = "{url}"
token = "crm-token"
per_second = 1000
burst = 1000
concurrency = 16
timeout_seconds = 0.5
retry_first_seconds = 0.1
retry_most_seconds = 2
most_attempts = 1000
"""
MADE = {
    "open_lead": ("lead", "SELECT id FROM lead"),
    "open_contact": ("contact", "SELECT id FROM contact"),
    "add_task": ("task", "SELECT id FROM task"),
    "open_case": ("case", "SELECT id FROM missed_case"),
}


@pytest.fixture
def seed() -> int:
    return int(os.environ.get("SEED", "0")) or time.time_ns() % 1_000_000  # noqa: TID251 # a test is told so


@contextmanager
def ill_crm(seed: int):
    """Its address, and that of the desk where one asks what it has."""
    line = [sys.executable, "-m", "tests.crm.serve", str(seed)]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    try:
        url, desk = process.stdout.readline().split()
        yield url, desk
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def asked(url: str, data: bytes | None = None) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(url, data=data), timeout=30) as answer:
        return answer.read()


def keys_of(bridge: Bridge) -> list[str]:
    return [key for (key,) in asking_file(bridge)("SELECT key FROM outbox ORDER BY id")]


def delivered(bridge: Bridge) -> None:
    """Wait until nothing is left to deliver."""
    until = time.monotonic() + PATIENCE
    while left := asking_file(bridge)("SELECT state, count(*) FROM outbox WHERE state != 'done' GROUP BY state"):
        assert time.monotonic() < until, left
        time.sleep(0.2)


def test_a_crm_that_fails_in_every_way_has_what_was_intended_though_the_bridge_was_killed(tmp_path, seed):
    chance = Random(seed)
    with ill_crm(seed) as (url, desk):
        bridge = Bridge(tmp_path, SETTINGS + CRM.format(url=url))
        bridge.start()
        load = Load(bridge, a_days_facts(Random(seed), CLIENTS), chance)
        with load.pushed() as senders:
            for _ in range(LIVES):
                time.sleep(chance.uniform(0.0, LONGEST_LIFE))
                bridge.kill()
                bridge.start()
            for sender in senders:
                sender.join()
        settled(asking_file(bridge))
        asked(f"{desk}/heal", b"")
        delivered(bridge)
        records = json.loads(asked(f"{desk}/records"))
        intended = keys_of(bridge)
        told = f"SEED={seed}"
        assert [key for key, times in Counter(record["key"] for record in records).items() if times > 1] == [], told
        assert {record["key"] for record in records} == set(intended), told
        places = {key: place for place, key in enumerate(intended)}
        by_lane = defaultdict(list)
        for record in records:
            by_lane[record["client"]["lane"]].append(places[record["key"]])
        assert [lane for lane, order in by_lane.items() if order != sorted(order)] == [], told
        for effect, (member, question) in MADE.items():
            made = sorted(record[member]["id"] for record in records if record["effect"] == effect)
            assert made == sorted(id_ for (id_,) in asking_file(bridge)(question)), f"{told}: {effect}"
        bridge.stop()
