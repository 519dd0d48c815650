"""The daemon where things are not as they should be: it says so in a sentence, and goes on or ends as it must."""

import contextlib
import json
import re
import socket
import sqlite3
import subprocess
from time import sleep

import pytest

from tests.daemon.process import BRIDGE, PATIENCE, SETTINGS, Bridge, ended

TELEPHONE = "447700900123"
DEEP = f"deep = {'[' * 5000}{']' * 5000}\n"


def asked_in_odd_ways(port: int, *lines: str) -> bytes:
    """Send a request as it stands, and hear all that comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as line:
        line.sendall("\r\n".join((*lines, "", "")).encode())
        return b"".join(iter(lambda: line.recv(65536), b""))


def until_handled(bridge: Bridge) -> None:
    """Wait where the log cannot be heard."""
    for _ in range(400):
        with contextlib.suppress(OSError):
            status, ready = bridge.get("/readyz")
            if status == 200 and ready["journal"]["pending"] == 0:
                return
        sleep(0.05)
    raise AssertionError("it never became ready")


def running(bridge: Bridge, *before: str, **more) -> subprocess.Popen:
    words = [*before, BRIDGE, "run", "--config", str(bridge.path)]
    return subprocess.Popen(words, env=bridge.environment, cwd=bridge.folder, **more)


def test_a_log_that_nobody_reads_any_more_stops_no_call(bridge):
    with running(bridge, stderr=subprocess.PIPE, text=True) as process:
        bridge.port = int(re.search(r":(\d+)\"", process.stderr.readline()).group(1))
        process.stderr.close()
        for call in range(3):
            assert bridge.push(ended(f"c{call}", f"+44770090012{call}"))[0] == 202
            until_handled(bridge)
        assert len(bridge.items("/v1/leads")) == 3
        process.terminate()
        assert process.wait(PATIENCE) == 0


def test_a_bridge_without_standard_streams_works_and_writes_no_log_into_its_store(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    bridge = Bridge(tmp_path, SETTINGS.replace("127.0.0.1:0", f"127.0.0.1:{port}"))
    bridge.port = port
    with running(bridge, "sh", "-c", 'exec "$0" "$@" <&- >&- 2>&-') as process:
        until_handled(bridge)
        assert bridge.push(ended("c1"))[0] == 202
        until_handled(bridge)
        assert len(bridge.items("/v1/leads")) == 1
        process.terminate()
        assert process.wait(PATIENCE) == 0


def test_what_keeps_the_daemon_from_starting_is_a_sentence_and_no_traceback(tmp_path):
    (tmp_path / "data" / "session.key").mkdir(parents=True)
    refused = Bridge(tmp_path).command("run")
    assert refused.returncode == 1
    assert "session.key" in refused.stderr
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        (tmp_path / "data" / "session.key").rmdir()
        also_refused = Bridge(tmp_path, SETTINGS.replace("127.0.0.1:0", address)).command("run")
    assert also_refused.returncode == 1
    assert address in also_refused.stderr
    assert "Traceback" not in refused.stderr + also_refused.stderr


def test_strangers_who_speak_no_http_leave_no_number_no_secret_and_no_traceback_in_the_log(bridge):
    with bridge.started():
        for odd in (
            (f"GET /v1/leads?phone=%2B{TELEPHONE} HTTP/9.9", "Host: x"),
            ("GET /healthz HTTP/1.1", "Host: x", f"Authorization: Bearer cb_secret\x00{TELEPHONE}"),
            (f"CALL {TELEPHONE} HTTP/1.1", "Host: x"),
            ("POST /hooks/shop HTTP/1.1", "Host: x", "Transfer-Encoding: chunked", "", f"X{TELEPHONE}"),
        ):
            assert b" 400 " in asked_in_odd_ways(bridge.port, *odd)
        bridge.push(ended("c1"))
        bridge.hears("call.decided")
    told = json.dumps(bridge.log)
    assert TELEPHONE[2:] not in told
    assert "cb_secret" not in told
    assert "Traceback" not in told
    assert {entry["event"] for entry in bridge.log} <= {
        "bridge.started", "call.decided", "bridge.stopping", "bridge.stopped"
    }  # fmt: skip


def test_no_state_of_its_files_ends_a_daemon_that_is_told_to_read_them_again(bridge):
    good = bridge.matrix.read_text()
    with bridge.started():
        for spoil in (
            lambda: bridge.matrix.write_bytes(b"\xff\x00"),
            lambda: bridge.matrix.write_text(DEEP),
            lambda: (bridge.matrix.write_text(good), bridge.path.write_text(DEEP)),
            bridge.path.unlink,
        ):
            spoil()
            bridge.reload()
            bridge.hears("configuration.refused")
            assert bridge.get("/readyz")[1]["refused_reload"]
        bridge.push(ended("c1"))
        assert bridge.hears("call.decided")["scenario"] == "S4"
        bridge.path.write_text(SETTINGS)
        bridge.reload()
        bridge.hears("configuration.reloaded")
        assert bridge.get("/readyz")[1]["refused_reload"] is None


def test_reloads_by_the_dozen_disturb_nobody_who_pushes(bridge):
    with bridge.started():
        for call in range(60):
            bridge.reload()
            assert bridge.push(ended(f"c{call}", f"+4477009001{call:02d}"))[0] == 202
        until_handled(bridge)
        assert len(bridge.items("/v1/leads?limit=200")) == 60


def test_a_store_that_is_damaged_at_work_ends_the_daemon_with_the_remedy_and_names_nobody(bridge):
    bridge.start()
    bridge.push(*[ended(f"c{call}", f"+447700{call:06d}", client_name="Zebedee Quux") for call in range(300)])
    until_handled(bridge)
    file = bridge.folder / "data" / "bridge.db"
    with contextlib.closing(sqlite3.connect(file)) as store:
        store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with file.open("r+b") as pages:
        pages.seek(4096)
        pages.write(b"\xaa" * (file.stat().st_size - 4096))
    with contextlib.suppress(OSError):
        assert bridge.push(ended("late", client_name="Zebedee Quux"))[0] == 503
    assert bridge.process.wait(PATIENCE) == 1
    while bridge.said.get(timeout=PATIENCE)["event"] != "(the end)":
        pass
    assert "put the last backup in its place" in bridge.log[-1]["event"]
    assert "Traceback" not in json.dumps(bridge.log)
    assert "Quux" not in json.dumps(bridge.log)


def test_an_ipv6_address_is_written_as_addresses_are(tmp_path):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    bridge = Bridge(tmp_path, SETTINGS.replace("127.0.0.1:0", "[::1]:0"))
    bridge.start()
    assert bridge.log[0]["listen"] == f"[::1]:{bridge.port}"
    bridge.path.write_text(bridge.path.read_text().replace("[::1]:0", f"[::1]:{bridge.port}"))
    assert bridge.command("simulate", "busy").returncode == 0
    bridge.stop()
