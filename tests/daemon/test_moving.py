"""The whole bridge moves from its file to a PostgreSQL, and goes on there."""

import json
import sqlite3
from contextlib import closing
from subprocess import CompletedProcess

import pytest

from tests.daemon.process import PATIENCE, SETTINGS, QuickBridge, ended

pytestmark = pytest.mark.timeout(300)


def on(bridge: QuickBridge, url: str) -> QuickBridge:
    """The same one with its store there."""
    return QuickBridge(bridge.folder, SETTINGS.replace("[policy]", f'[store]\nurl = "{url}"\n\n[policy]'))


def moving(bridge: QuickBridge, url: str, *words: str) -> CompletedProcess[str]:
    """`bridge migrate --to`, finished, however slow the machine is."""
    return bridge.command("migrate", "--to", url, *words, patience=PATIENCE * 5)


def heard(bridge: QuickBridge) -> dict[str, list]:
    return {name: bridge.items(f"/v1/{name}?limit=200") for name in ("calls", "leads", "tasks", "cases", "contacts")}


def when_handled(bridge: QuickBridge) -> None:
    while any(each["state"] == "pending" for each in bridge.items("/v1/events?limit=200")) or not all(
        each["scenario"] for each in bridge.items("/v1/calls")
    ):
        pass


def test_a_bridge_moves_and_goes_on_with_the_same_calls_records_tokens_and_blocked_numbers(bridge, empty_postgres_url):
    bridge.command("block", "add", "+447700900666")
    token = json.loads(bridge.command("token", "add", "laptop", "--json").stdout)["token"]
    with bridge.started():
        for n in range(5):
            assert bridge.push(ended(f"c{n}", f"+44770090010{n}"))[0] == 202
        when_handled(bridge)
        before = heard(bridge)
        at_work = moving(bridge, empty_postgres_url)
        assert (at_work.returncode, "stop it first" in at_work.stderr) == (1, True)
    moved = moving(bridge, empty_postgres_url)
    assert moved.returncode == 0, moved.stderr
    assert "counts and checksums are equal" in moved.stdout
    assert f'url = "{empty_postgres_url}"' in moved.stdout
    assert moving(bridge, empty_postgres_url, "--verify").returncode == 0
    bridge = on(bridge, empty_postgres_url)
    with bridge.started():
        assert heard(bridge) == before
        assert bridge.push(ended("c0", "+447700900100"))[1] == {"accepted": 0, "duplicates": 1}
        assert bridge.get("/v1/leads", Authorization=f"Bearer {token}")[0] == 200
        again = ended("c9", "+447700900101", occurred_at="2026-11-22T10:20:00+00:00")
        assert bridge.push(again, ended("c10", "+447700900666"))[1] == {"accepted": 2, "duplicates": 0}
        when_handled(bridge)
        assert {each["attempts"] for each in bridge.items("/v1/cases")} == {1, 2}
        assert len(bridge.items("/v1/leads")) == len(before["leads"])


def test_a_move_answers_programs_with_json(bridge, empty_postgres_url):
    bridge.command("block", "add", "+447700900666")
    told = json.loads(moving(bridge, empty_postgres_url, "--json").stdout)
    assert (told["equal"], told["resumed"], told["differences"], told["nul_replaced"]) == (True, False, [], {})
    assert {"name": "blocked_number", "rows": 1} in [
        {"name": each["name"], "rows": each["rows"]} for each in told["tables"]
    ]
    refused = moving(bridge, empty_postgres_url, "--json")
    assert refused.returncode == 1
    assert "make a new database" in json.loads(refused.stdout)["error"]


def test_stores_that_differ_are_found_wanting_and_the_table_is_named(bridge, empty_postgres_url, postgres):
    bridge.command("block", "add", "+447700900666")
    moving(bridge, empty_postgres_url)
    postgres.ask("UPDATE blocked_number SET reason = 'other'", empty_postgres_url.rpartition("/")[2])
    compared = moving(bridge, empty_postgres_url, "--verify")
    assert compared.returncode == 1
    assert "blocked_number: the source has 1 rows" in compared.stderr


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--to", "postgresql://bridge:secret@127.0.0.1/bridge"), 2, "PGPASSWORD"),
        (("--verify",), 2, "name it with --to"),
        (("--to", "mysql://bridge@127.0.0.1/bridge"), 1, "no known kind"),
        (("--to", "postgresql://bridge@127.0.0.1:9/bridge"), 1, "cannot be used now"),
        (("--to", "sqlite:///bridge.db"), 1, "name another one"),
    ],
)
def test_a_move_to_nowhere_is_a_sentence_and_no_secret_is_repeated(bridge, words, status, said):
    bridge.command("migrate", patience=PATIENCE * 5)
    refused = bridge.command("migrate", *words, patience=PATIENCE * 5)
    assert refused.returncode == status
    assert said in refused.stderr
    assert "secret" not in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_a_store_that_a_newer_version_wrote_is_refused_everywhere_with_a_sentence(
    bridge, engine, request, empty_postgres_url
):
    if engine == "postgresql":
        url = request.getfixturevalue("postgres_url")
        bridge = on(bridge, url)
        server = request.getfixturevalue("postgres")
        server.ask("UPDATE alembic_version SET version_num = '9999'", url.rpartition("/")[2])
    else:
        bridge.command("migrate", patience=PATIENCE * 5)
        with closing(sqlite3.connect(bridge.folder / "data" / "bridge.db")) as store, store:
            store.execute("UPDATE alembic_version SET version_num = '9999'")
    every = (("run",), ("check", "--connect"), ("migrate",), ("migrate", "--to", empty_postgres_url), ("token", "list"))
    for words in every:
        refused = bridge.command(*words, patience=PATIENCE * 5)
        assert refused.returncode == 1, words
        assert "newer callbridge" in refused.stdout + refused.stderr, words
        assert "9999" in refused.stdout + refused.stderr, words
        assert "Traceback" not in refused.stderr
