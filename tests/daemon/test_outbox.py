"""The real daemon, a CRM in a process of its own, and a person at the command line."""

import json

import pytest

from tests.daemon.process import SETTINGS, QuickBridge, ended
from tests.faults.crm_fails import CRM, asked, delivered, ill_crm
from tests.faults.load import asking_file


@pytest.fixture
def crm():
    with ill_crm(1) as (url, desk):
        asked(f"{desk}/heal", b"")
        yield url, desk


@pytest.fixture
def told(tmp_path, crm):
    made = QuickBridge(tmp_path, SETTINGS + CRM.format(url=crm[0]))
    yield made
    if made.process is not None and made.process.poll() is None:
        made.kill()


def test_a_missed_call_reaches_the_crm_in_the_order_in_which_it_was_decided(told, crm):
    with told.started():
        told.push(ended("c-1"))
        while not asking_file(told)("SELECT 1 FROM outbox"):
            pass
        delivered(told)
        effects = [record["effect"] for record in json.loads(asked(f"{crm[1]}/records"))]
        assert effects.index("open_contact") < effects.index("open_lead") < effects.index("add_task")
        (system,) = told.get("/readyz")[1]["systems"]
        assert (system["id"], system["state"], system["alarms"]) == ("http", "closed", [])
        checked = told.command("check", "--connect", "--json")
        assert {line["source"]: line["good"] for line in json.loads(checked.stdout)["connections"]}["crm"] is True


def test_a_reload_to_another_crm_keeps_what_waits(told, crm):
    told.path.write_text(SETTINGS + CRM.format(url="http://127.0.0.1:9"))
    with told.started():
        told.push(ended("c-1"))
        while not asking_file(told)("SELECT 1 FROM outbox"):
            pass
        told.path.write_text(SETTINGS + CRM.format(url=crm[0]))
        told.reload()
        told.hears("configuration.reloaded")
        delivered(told)
    assert len(json.loads(asked(f"{crm[1]}/records"))) == len(asking_file(told)("SELECT 1 FROM outbox"))


def test_replay_handles_again_what_waits_for_a_person_beside_the_running_daemon(bridge):
    with bridge.started():
        assert bridge.push({"nonsense": 1})[0] == 422
        nothing = bridge.command("replay", "--dead", "--json")
        assert (nothing.returncode, json.loads(nothing.stdout)["dead"]["replayed"]) == (0, [])
        dry = bridge.command("replay", "--dry-run", "--json")
        assert dry.returncode == 1
        assert json.loads(dry.stdout)["quarantined"]["refused"][0]["id"] == 1
        told = bridge.command("replay", "--quarantined", "1", "99", "--since", "1h")
        assert told.returncode == 1
        assert "quarantined: 0 replayed" in told.stdout
        assert "99: nothing with this id" in told.stderr


@pytest.mark.parametrize("words", [("7",), ("--dead", "x"), ("--dead", "--failed", "7"), ("--since", "yesterday")])
def test_replay_says_what_it_does_not_understand(bridge, words):
    answer = bridge.command("replay", *words)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr
