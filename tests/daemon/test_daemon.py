"""The daemon as a sysadmin meets it: a process that starts, reloads, refuses, is killed and stops."""

import json
import socket

from tests.daemon.process import SETTINGS, QuickBridge, ended


def test_a_missed_call_pushed_over_http_is_one_lead_one_case_and_one_task_for_the_senior(bridge):
    with bridge.started():
        assert bridge.push(ended("c1")) == (202, {"accepted": 1, "duplicates": 0})
        bridge.hears("call.decided")
        (lead,) = bridge.items("/v1/leads")
        (task,) = bridge.items("/v1/tasks")
        (case,) = bridge.items("/v1/cases")
        (call,) = bridge.items("/v1/calls")
    assert (call["outcome"], call["scenario"], call["lead_id"]) == ("missed", "S4", lead["id"])
    assert (task["kind"], task["status"], task["assignee_id"]) == ("callback", "open", "olga")
    assert (case["client_number"], case["task_id"], case["attempts"]) == ("+447700900123", task["id"], 1)


def test_the_same_event_again_is_counted_as_a_duplicate_and_changes_nothing(bridge):
    with bridge.started():
        bridge.push(ended("c1"))
        bridge.hears("call.decided")
        assert bridge.push(ended("c1")) == (202, {"accepted": 0, "duplicates": 1})
        assert len(bridge.items("/v1/tasks")) == 1


def test_what_was_acknowledged_survives_kill_9_and_is_handled_once(bridge):
    bridge.start()
    for number in range(20):
        assert bridge.push(ended(f"c{number}", f"+4477009001{number:02d}"))[0] == 202
    bridge.kill()
    with bridge.started():
        bridge.push(ended("last", "+447700900999"))
        while len(bridge.items("/v1/calls?outcome=missed")) < 21:
            bridge.hears("call.decided")
        assert len(bridge.items("/v1/leads")) == 21
        assert len(bridge.items("/v1/tasks")) == 21


def test_a_scenario_file_that_does_not_validate_leaves_the_old_one_in_force_and_is_shown_in_readyz(bridge):
    with bridge.started():
        good = bridge.matrix.read_text()
        bridge.matrix.write_text(good.replace("open_lead", "open_leed", 1))
        bridge.reload()
        refused = bridge.hears("configuration.refused")
        assert "open_leed" in json.dumps(refused)
        status, ready = bridge.get("/readyz")
        assert status == 200
        assert "open_leed" in json.dumps(ready)
        bridge.push(ended("c1"))
        assert bridge.hears("call.decided")["scenario"] == "S4"
        bridge.matrix.write_text(good)
        bridge.reload()
        bridge.hears("configuration.reloaded")
        assert "open_leed" not in json.dumps(bridge.get("/readyz")[1])


def test_s3_24_an_edited_row_holds_for_the_next_call(bridge):
    with bridge.started():
        bridge.push(ended("c1"))
        assert bridge.hears("call.decided")["scenario"] == "S4"
        bridge.matrix.write_text(bridge.matrix.read_text().replace('name = "S4"', 'name = "S4-ours"'))
        bridge.reload()
        bridge.hears("configuration.reloaded")
        bridge.push(ended("c2", "+447700900124"))
        assert bridge.hears("call.decided")["scenario"] == "S4-ours"


def test_an_employee_added_by_a_reload_is_known_for_the_next_call(bridge):
    with bridge.started():
        bridge.path.write_text(SETTINGS + '\n[[employee]]\nid = "eva"\nname = "Eva"\nextensions = ["104"]\n')
        bridge.reload()
        bridge.hears("configuration.reloaded")
        bridge.push(ended("c1", outcome="answered", employee="104", talk_seconds=60))
        bridge.hears("call.decided")
        assert bridge.items("/v1/leads")[0]["responsible_id"] == "eva"


def test_everything_wrong_with_the_configuration_is_told_at_once_and_nothing_is_started(tmp_path):
    wrong = SETTINGS.replace('role = "senior"', 'role = "senoir"').replace('country = "GB"', 'country = "XX"')
    refused = QuickBridge(tmp_path, wrong).command("run")
    assert refused.returncode == 1
    assert "senoir" in refused.stderr
    assert '"senior"' in refused.stderr
    assert "XX" in refused.stderr
    assert not (tmp_path / "data").exists()


def test_a_second_daemon_on_the_same_store_is_refused(bridge):
    with bridge.started():
        refused = bridge.command("run")
        assert refused.returncode == 1
        assert "Another bridge works on this store" in refused.stderr


def test_a_taken_port_is_named_with_the_key_that_chose_it(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = QuickBridge(tmp_path, SETTINGS.replace("127.0.0.1:0", f"127.0.0.1:{port}")).command("run")
    assert refused.returncode == 1
    assert f"127.0.0.1:{port}" in refused.stderr


def test_no_log_line_holds_a_whole_number(bridge):
    with bridge.started():
        bridge.push(ended("call-of-447700900123"))
        bridge.hears("call.decided")
    assert "7700900123" not in json.dumps(bridge.log)


def test_a_number_blocked_on_the_command_line_touches_nothing_from_then_on(bridge):
    with bridge.started():
        assert bridge.command("block", "add", "07700 900123").returncode == 0
        bridge.push(ended("c1"), ended("c2", "+447700900124"))
        bridge.hears("call.decided")
        assert [call["client_number"] for call in bridge.items("/v1/calls")] == ["+447700900124"]
        assert len(bridge.items("/v1/leads")) == 1
        assert bridge.command("block", "remove", "00447700900123").returncode == 0
        bridge.push(ended("c3"))
        bridge.hears("call.decided")
        assert len(bridge.items("/v1/leads")) == 2


def test_a_token_made_on_the_command_line_opens_the_api_and_revoked_it_does_not(tmp_path):
    closed = QuickBridge(tmp_path, SETTINGS.replace('anonymous = "read"\n', ""))
    with closed.started():
        assert closed.get("/v1/leads")[0] == 401
        token = closed.command("token", "add", "laptop").stdout.strip()
        assert closed.get("/v1/leads", Authorization=f"Bearer {token}")[0] == 200
        assert closed.command("token", "revoke", "laptop").returncode == 0
        listed = json.loads(closed.command("token", "list", "--json").stdout)
        assert listed[0]["revoked_at"] is not None
        assert token not in json.dumps(listed)


def test_explain_tells_on_the_command_line_why_a_call_led_to_a_task(bridge):
    with bridge.started():
        bridge.push(ended("c1"))
        call_id = bridge.hears("call.decided")["call_id"]
        told = bridge.command("explain", call_id)
        as_json = json.loads(bridge.command("explain", call_id, "--json").stdout)
    assert told.returncode == 0
    assert "S4" in told.stdout
    assert "not S1" in told.stdout
    assert as_json["decisions"][-1]["scenario"] == "S4"
