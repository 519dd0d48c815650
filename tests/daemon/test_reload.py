"""The configuration is read again while the daemon works: for a signal or over the API, all of it or nothing."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.daemon.process import SETTINGS, ended
from tests.daemon.service_manager import service_manager
from tests.daemon.test_hardship import until_handled

EVA = '\n[[employee]]\nid = "eva"\nname = "Eva"\nextensions = ["104"]\n'


@pytest.fixture
def token(bridge):
    return bridge.command("token", "add", "laptop").stdout.strip()


def test_the_api_reloads_and_tells_what_has_changed_and_what_needs_a_restart(bridge, token):
    with bridge.started():
        assert bridge.post("/v1/reload", token) == (200, {
            "scenarios": bridge.get("/v1/scenarios")[1]["version"], "changed": [], "needs_restart": []
        })  # fmt: skip
        moved = SETTINGS.replace("127.0.0.1:0", "127.0.0.1:1")
        bridge.path.write_text(moved + EVA)
        bridge.matrix.write_text(bridge.matrix.read_text().replace('name = "S4"', 'name = "S4-ours"'))
        status, told = bridge.post("/v1/reload", token)
        assert (status, told["changed"], told["needs_restart"]) == (200, ["web", "company", "scenarios"], ["web"])
        assert told["scenarios"] == bridge.get("/v1/scenarios")[1]["version"]
        again = bridge.post("/v1/reload", token)[1]
        assert (again["changed"], again["needs_restart"]) == ([], ["web"])  # it still needs it
        bridge.hears("configuration.reloaded")
        assert bridge.hears("configuration.reloaded")["asked_by"] == ["token laptop"]
        bridge.push(ended("c1", outcome="answered", employee="104", talk_seconds=60))
        bridge.hears("call.decided")
        assert bridge.items("/v1/leads")[0]["responsible_id"] == "eva"


def test_a_reload_that_is_refused_is_answered_with_everything_that_is_wrong_and_changes_nothing(bridge, token):
    with bridge.started():
        bridge.path.write_text(SETTINGS.replace('top = "anna"', 'top = "ana"') + EVA)
        bridge.matrix.write_text(bridge.matrix.read_text().replace("open_lead", "open_leed", 1))
        status, told = bridge.post("/v1/reload", token)
        assert status == 422
        assert {error["path"].split(":")[0].rpartition("/")[2] for error in told["errors"]} == {
            "bridge.toml", "scenarios.toml"
        }  # fmt: skip
        assert bridge.hears("configuration.refused")["asked_by"] == ["token laptop"]
        assert "eva" not in [employee["id"] for employee in bridge.items("/v1/employees")]
        assert bridge.get("/readyz")[1]["refused_reload"]


def test_only_who_may_write_may_reload(bridge):
    only_looks = bridge.command("token", "add", "screen", "--scope", "read").stdout.strip()
    with bridge.started():
        assert bridge.post("/v1/reload", only_looks)[0] == 403
        assert bridge.post("/v1/reload", "")[0] == 401


def test_fifty_reloads_while_webhooks_come_lose_nothing_and_give_nobody_an_error(bridge, token):
    """Half of them good, half refused, over the API and by signal, while eight senders push."""
    good, spoilt, answers = bridge.matrix.read_text(), "[[[", []
    over = threading.Event()

    def send(sender: int) -> int:
        sent = 0
        while not over.is_set() or sent == 0:
            answers.append(bridge.push(ended(f"c{sender}-{sent}", f"+44770090{sender}{sent:03d}"))[0])
            sent += 1
        return sent

    with bridge.started(), ThreadPoolExecutor(8) as senders:
        sent = [senders.submit(send, sender) for sender in range(8)]
        for turn in range(50):
            fresh = bridge.matrix.with_name("fresh")
            fresh.write_text(spoilt if turn % 2 else f"{good}\n# {turn}\n")
            fresh.replace(bridge.matrix)
            bridge.reload()
            assert bridge.post("/v1/reload", token)[0] == (422 if turn % 2 else 200)
        over.set()
        pushed = sum(each.result() for each in sent)
        assert set(answers) == {202}
        until_handled(bridge)
        assert bridge.figure("callbridge_events_accepted_total") == pushed
        assert bridge.figure("callbridge_events_handled_total") == pushed
        assert bridge.figure("callbridge_events_failed_total") == 0
        assert bridge.figure("callbridge_task_restarts_total") == 0


def test_many_reloads_at_once_are_each_answered_by_the_files_as_they_are(bridge, token):
    with bridge.started(), ThreadPoolExecutor(16) as people:
        assert bridge.post("/v1/reload", token)[0] == 200  # from now on it is a token that is known
        answers = [people.submit(bridge.post, "/v1/reload", token) for _ in range(32)]
        assert {answer.result()[0] for answer in answers} == {200}


def test_a_live_call_is_judged_by_the_scenarios_it_began_with_also_over_a_restart(bridge):
    ringing = {"type": "call.ringing", "outcome": None}
    bridge.start()
    for call in ("c1", "c2"):
        bridge.push(ended(call, f"+4477009001{call[1]}0", event_id=f"{call}-ring", **ringing))
    until_handled(bridge)
    bridge.matrix.write_text(bridge.matrix.read_text().replace('name = "S4"', 'name = "S4-ours"'))
    bridge.reload()
    bridge.hears("configuration.reloaded")
    bridge.push(ended("c1", "+44770090011" + "0"))
    assert bridge.hears("call.decided")["scenario"] == "S4"
    bridge.kill()
    with bridge.started():
        bridge.push(ended("c2", "+447700900120"))
        assert bridge.hears("call.decided")["scenario"] == "S4"
        bridge.push(ended("c3", "+447700900130"))
        assert bridge.hears("call.decided")["scenario"] == "S4-ours"


def test_a_stop_does_not_wait_for_a_reload_that_hangs_and_whoever_waits_for_it_is_told(bridge, token):
    with bridge.started(), ThreadPoolExecutor(1) as people:
        bridge.path.unlink()
        os.mkfifo(bridge.path)
        waiting = people.submit(bridge.post, "/v1/reload", token)
        line = os.open(bridge.path, os.O_WRONLY)  # returns when the daemon reads
        bridge.process.terminate()
        bridge.hears("bridge.stopping")
        status, told = waiting.result()
        assert status == 503, told
        os.close(line)
        assert bridge.process.wait(20) == 0


def test_systemd_is_told_of_the_start_each_reload_and_the_stop(bridge, tmp_path):
    with service_manager(tmp_path) as manager:
        bridge.environment |= manager.environment | {"WATCHDOG_USEC": "200000"}
        with bridge.started():
            assert "1 sources" in manager.hears("READY")["STATUS"]
            assert manager.hears("WATCHDOG")
            good = bridge.matrix.read_text()
            bridge.matrix.write_text("[[[")
            bridge.reload()
            assert int(manager.hears("RELOADING")["MONOTONIC_USEC"]) > 0
            assert "refused" in manager.hears("READY")["STATUS"]
            bridge.matrix.write_text(good)
            bridge.reload()
            manager.hears("RELOADING")
            assert "refused" not in manager.hears("READY")["STATUS"]
            assert manager.hears("WATCHDOG")
        manager.hears("STOPPING")
