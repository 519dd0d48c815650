"""A folder that may not be written: refused at the start with the remedy; 503 at work, and it recovers by itself."""

import os
import subprocess
from time import monotonic, sleep

import pytest

from tests.daemon.process import SETTINGS, Bridge, ended
from tests.faults.load import asking_file, settled

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")


@pytest.fixture
def disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def remount(disk, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", disk], check=True)


def test_at_the_start_it_is_refused_with_the_remedy(tmp_path, disk):
    bridge = Bridge(tmp_path, SETTINGS.replace('data_dir = "data"', f'data_dir = "{disk}/data"'))
    remount(disk, "ro")
    refused = bridge.command("run")
    assert refused.returncode == 1
    assert str(disk) in refused.stderr
    assert "right to write there" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_at_work_it_is_503_and_what_was_acknowledged_is_made_when_it_may_be_written_again(tmp_path, disk):
    """No file system can be made read-only under open files: the limit on the size of files does what that would."""
    bridge = Bridge(tmp_path, SETTINGS.replace('data_dir = "data"', f'data_dir = "{disk}/data"'))
    (tmp_path / "data").symlink_to(disk / "data")
    bridge.start()
    assert bridge.push(ended("c1"))[0] == 202
    forbid = ["prlimit", f"--pid={bridge.process.pid}", "--fsize=1:unlimited"]
    subprocess.run(forbid, check=True)
    assert bridge.push(ended("c2", "+447700900102"))[0] == 503
    assert bridge.get("/readyz")[0] == 503
    assert bridge.get("/healthz")[0] == 200
    subprocess.run(["prlimit", f"--pid={bridge.process.pid}", "--fsize=unlimited:unlimited"], check=True)
    give_up = monotonic() + 20
    while bridge.get("/readyz")[0] != 200:
        assert monotonic() < give_up
        sleep(0.1)
    assert bridge.push(ended("c2", "+447700900102"))[0] == 202
    assert len(settled(asking_file(bridge))["cases"]) == 2
    bridge.stop()
