"""The commands that need no running daemon: what they answer, and their exit status (0 good, 1 wanting, 2 misuse)."""

import json
import subprocess

import pytest

from tests.daemon.process import BRIDGE, SETTINGS, Bridge, QuickBridge


def test_check_says_good_and_warns_of_a_secret_in_the_file(tmp_path):
    plain = Bridge(tmp_path, SETTINGS.replace('{ env = "SHOP_TOKEN" }', '"written-here"'))
    checked = plain.command("check")
    assert checked.returncode == 0
    assert "good" in checked.stdout
    assert "the secret stands in the file" in checked.stderr
    assert "written-here" not in checked.stdout + checked.stderr


def test_check_names_problems_of_configuration_and_matrix_together(bridge):
    bridge.path.write_text(SETTINGS.replace('top = "anna"', 'top = "ana"'))
    bridge.matrix.write_text(bridge.matrix.read_text().replace("open_lead", "open_leed", 1))
    checked = bridge.command("check", "--json")
    problems = json.loads(checked.stdout)["problems"]
    assert checked.returncode == 1
    assert {"bridge.toml", "scenarios.toml"} <= {problem["file"].rpartition("/")[2] for problem in problems}
    assert all(problem["line"] > 0 and problem["remedy"] for problem in problems)


def test_config_prints_what_counts_and_no_secret(bridge):
    shown = bridge.command("config", "--json")
    assert shown.returncode == 0
    assert json.loads(shown.stdout)["policy"]["settle"] is not None
    assert "platform-token" not in shown.stdout


def test_migrate_makes_the_tables_and_a_second_time_changes_nothing(bridge):
    first = json.loads(bridge.command("migrate", "--json").stdout)
    second = json.loads(bridge.command("migrate", "--json").stdout)
    assert first["before"] is None
    assert second["before"] == second["after"] == first["after"]


def test_a_blocked_number_is_blocked_under_every_spelling(bridge):
    assert bridge.command("block", "add", "+447700900123", "--reason", "robot").returncode == 0
    for spelling in ("07700900123", "(07700) 900-123"):
        tested = bridge.command("block", "test", spelling)
        assert tested.returncode == 0
        assert "blocked" in tested.stdout


def test_a_number_that_is_not_blocked_is_found_wanting(bridge):
    assert bridge.command("block", "test", "07700900124").returncode == 1


def test_what_the_configuration_blocks_is_one_number_however_it_may_be_dialled_and_stays_blocked(tmp_path):
    argentine = "+5491123456789"  # abroad with a 9, at home without
    bridge = QuickBridge(tmp_path, SETTINGS.replace("[policy]", f'[policy]\nblocked_numbers = ["{argentine}"]'))
    assert len(json.loads(bridge.command("block", "list", "--json").stdout)) == 1
    assert bridge.command("block", "test", "+541123456789").returncode == 0
    bridge.command("block", "add", argentine)
    refused = bridge.command("block", "remove", argentine)
    assert refused.returncode == 1
    assert "bridge.toml" in refused.stderr


def test_what_is_no_number_is_misuse(bridge):
    assert bridge.command("block", "add", "anonymous").returncode == 2


def test_an_unknown_call_is_told_with_where_ids_are(bridge):
    refused = bridge.command("explain", "nosuchcall")
    assert refused.returncode == 1
    assert "GET /v1/calls" in refused.stderr


def test_simulate_without_a_bridge_says_who_did_not_answer(bridge):
    refused = bridge.command("simulate", "missed", "--to", "http://127.0.0.1:9/hooks/shop")
    assert refused.returncode == 1
    assert "did not take it" in refused.stderr


def test_an_unknown_simulation_is_misuse_and_names_the_known(bridge):
    refused = bridge.command("simulate", "misssed")
    assert refused.returncode == 2
    assert "missed" in refused.stderr


def test_simulated_calls_are_understood_by_a_running_bridge(bridge):
    with bridge.started():
        for name in ("blocked",):
            played = bridge.command("simulate", name, "--to", bridge.url("/hooks/shop"))
            assert played.returncode == 0, played.stderr
        assert bridge.items("/v1/quarantine") == []


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("explain", "\udcff"), 2),
        (("block", "add", "anonymous"), 2),
        (("token", "revoke", "nobody"), 1),
        (("token", "add", "\x1b[31mred"), 2),
    ],
)
def test_a_program_that_asks_for_json_gets_json_also_when_it_is_refused(bridge, words, status):
    refused = bridge.command(*words, "--json")
    assert (refused.returncode, refused.stderr) == (status, "")
    assert json.loads(refused.stdout)["error"]


def test_a_store_that_is_damaged_or_in_use_is_told_as_json_too(bridge):
    with bridge.started():
        in_use = bridge.command("migrate", "--json")
    (bridge.folder / "data" / "bridge.db").write_bytes(b"no database" * 1000)
    damaged = bridge.command("token", "list", "--json")
    assert (in_use.returncode, damaged.returncode) == (1, 1)
    assert "Another bridge" in json.loads(in_use.stdout)["error"]
    assert "last backup" in json.loads(damaged.stdout)["error"]


@pytest.mark.parametrize("file", ["path", "matrix"])
def test_a_file_that_is_nested_without_end_is_a_problem_with_a_place(bridge, file):
    getattr(bridge, file).write_text(f"deep = {'[' * 5000}")
    checked = bridge.command("check", "--json")
    assert checked.returncode == 1
    assert "nested too deep" in json.loads(checked.stdout)["problems"][0]["remedy"]


def test_whoever_stops_reading_an_answer_gets_no_traceback(bridge):
    words = [BRIDGE, "config", "--config", str(bridge.path), "--json"]
    cut_off = subprocess.run(
        ["bash", "-c", '"$@" | true; exit ${PIPESTATUS[0]}', "-", *words], capture_output=True, check=False
    )
    assert cut_off.returncode in {0, 1}
    assert cut_off.stderr == b""
