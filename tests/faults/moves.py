# ruff: noqa: S311 # chance need not be secret here
"""The real `bridge migrate --to`, killed with -9 at random moments and begun again each time.

SEED says which chance, it is told at a failure.
"""

import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random  # noqa: TID251 # the test brings its own chance, and tells it

import pytest

from bridge.store.schema import metadata
from tests.daemon.process import BRIDGE, PATIENCE, Bridge

ROWS = 60_000
MOST_LIVES = 12
LONGEST_LIFE = 5.0
"""Seconds from the start of a move to its death, at most."""
COUNTED = ("event", "call_alias", "quarantine")


@pytest.fixture
def seed() -> int:
    return int(os.environ.get("SEED", "0")) or time.time_ns() % 1_000_000  # noqa: TID251 # a test is told so


def fill(file: Path) -> None:
    with closing(sqlite3.connect(file)) as store, store:
        events = ((f"e{n}", f"+4477009{n % 900:05d}", n * 0.1, '{"name": "Zoë"}' * 8) for n in range(ROWS))
        store.executemany(
            "INSERT INTO event (source, event_id, type, lane, occurred_at, received_at, body, state) "
            "VALUES ('shop', ?, 'call.ended', ?, ?, 1.5, ?, 'done')",
            events,
        )
        store.executemany("INSERT INTO call_alias VALUES (?, ?)", ((f"k{n}", f"c{n}") for n in range(ROWS)))
        store.executemany(
            "INSERT INTO quarantine (source, received_at, body, problem, state) VALUES ('shop', ?, ?, '', 'waiting')",
            ((n * 0.3, bytes([n % 256]) * 200) for n in range(500)),
        )


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """Whatever runs the tests in the background lets them ignore SIGINT, and so everything that they start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def begun(bridge: Bridge, url: str) -> subprocess.Popen[str]:
    line = [BRIDGE, "migrate", "--to", url, "--json", "--config", str(bridge.path)]
    return subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=bridge.environment, cwd=bridge.folder
    )


def test_a_move_that_is_killed_again_and_again_moves_every_row_once(tmp_path, seed, postgres, empty_postgres_url):
    chance = Random(seed)
    bridge = Bridge(tmp_path)
    bridge.command("migrate")
    file = tmp_path / "data" / "bridge.db"
    fill(file)
    before = file.read_bytes()
    lives, answer = 0, None
    while answer is None:
        move = begun(bridge, empty_postgres_url)
        lives += 1
        try:
            # After many short lives it may go on to its end: a machine may be so slow that it gets nowhere in one.
            move.wait(chance.uniform(0.3, LONGEST_LIFE) if lives < MOST_LIVES else 10 * PATIENCE)
        except subprocess.TimeoutExpired:
            move.kill()
            move.communicate(timeout=PATIENCE)
            continue
        said, complained = move.communicate()
        told = json.loads(said)
        if move.returncode == 0:
            answer = told
        else:
            assert "NotEmpty" not in told["error"], f"SEED={seed}: {told} {complained}"
            break  # the one before was finished at the very moment of its death
    database = empty_postgres_url.rpartition("/")[2]
    counted = {name: int(postgres.ask(f"SELECT count(*) FROM {name}", database)) for name in COUNTED}  # noqa: S608
    assert counted == {"event": ROWS, "call_alias": ROWS, "quarantine": 500}, f"SEED={seed}, {lives} lives"
    compared = bridge.command("migrate", "--to", empty_postgres_url, "--verify", "--json", patience=10 * PATIENCE)
    assert compared.returncode == 0, f"SEED={seed}: {compared.stdout}"
    assert {each["name"] for each in json.loads(compared.stdout)["tables"]} < set(metadata.tables)
    assert answer is None or answer["copied_again"] == []
    assert int(postgres.ask("SELECT nextval(pg_get_serial_sequence('event', 'id'))", database)) == ROWS + 1
    assert file.read_bytes() == before
    assert lives > 1


@pytest.mark.usefixtures("_interruptible")
def test_an_interrupted_move_says_how_to_go_on_and_does(tmp_path, postgres, empty_postgres_url):
    bridge = Bridge(tmp_path)
    bridge.command("migrate")
    fill(tmp_path / "data" / "bridge.db")
    database = empty_postgres_url.rpartition("/")[2]
    move = begun(bridge, empty_postgres_url)
    there = "SELECT count(*) FROM pg_tables WHERE tablename = 'move_progress'"
    while not int(postgres.ask(there, database)) or not int(
        postgres.ask("SELECT coalesce(sum(rows), 0) FROM move_progress", database)
    ):
        assert move.poll() is None
    move.send_signal(signal.SIGINT)
    said, complained = move.communicate(timeout=PATIENCE)
    assert (move.returncode, complained) == (1, "")
    assert "the same command goes on where it stopped" in json.loads(said)["error"]
    answer, _ = begun(bridge, empty_postgres_url).communicate(timeout=10 * PATIENCE)
    assert json.loads(answer)["resumed"]
    assert int(postgres.ask("SELECT count(*) FROM event", database)) == ROWS
