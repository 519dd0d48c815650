"""The unit that we ship is one that systemd understands, and one that the documentation tells the truth about."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bridge.app.daemon import GRACE_SECONDS

ROOT = Path(__file__).parents[1]
UNIT = ROOT / "systemd" / "bridge.service"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="this machine has no systemd")
def test_systemd_knows_every_key_of_the_unit(tmp_path):
    unit = tmp_path / "bridge.service"
    unit.write_text(UNIT.read_text().replace("/opt/bridge/bin/bridge", shutil.which("true")))
    subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", unit], check=True, capture_output=True
    )


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="this machine has no systemd")
def test_the_service_may_do_little_more_than_it_must():
    """Exposure as systemd reckons it, from 0.0 (none) to 10.0, times ten."""
    subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=25", "--no-pager", UNIT],
        check=True,
        capture_output=True,
    )


def seconds(key: str) -> float:
    (written,) = re.findall(rf"^{key}=(\d+)$", UNIT.read_text(), re.MULTILINE)
    return float(written)


def test_systemd_waits_longer_for_a_stop_and_for_a_sign_of_life_than_the_daemon_ever_takes():
    assert seconds("TimeoutStopSec") > GRACE_SECONDS + 5
    assert seconds("WatchdogSec") > GRACE_SECONDS + 5


def test_every_path_of_the_unit_is_in_the_guide():
    guide = (ROOT / "docs" / "how-to" / "install.md").read_text()
    for path in ("/opt/bridge", "/etc/bridge/bridge.toml", "/etc/bridge/credentials", "/etc/bridge/environment"):
        assert path in UNIT.read_text()
        assert path in guide
