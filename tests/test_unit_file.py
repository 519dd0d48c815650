"""The unit that we ship is one that systemd understands, and one that the documentation tells the truth about."""

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
UNIT = ROOT / "systemd" / "bridge.service"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="this machine has no systemd")
def test_systemd_knows_every_key_of_the_unit(tmp_path):
    unit = tmp_path / "bridge.service"
    unit.write_text(UNIT.read_text().replace("/opt/bridge/bin/bridge", shutil.which("true")))
    subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", unit], check=True, capture_output=True
    )


def test_every_path_of_the_unit_is_in_the_guide():
    guide = (ROOT / "docs" / "how-to" / "install.md").read_text()
    for path in ("/opt/bridge", "/etc/bridge/bridge.toml", "/etc/bridge/credentials", "/etc/bridge/environment"):
        assert path in UNIT.read_text()
        assert path in guide


def test_the_backup_of_the_guide_is_a_whole_copy_of_a_store_in_use(tmp_path):
    guide = (ROOT / "docs" / "how-to" / "install.md").read_text()
    program = guide.split("<<'PY'\n")[1].split("PY\n```")[0].replace("/var/lib/bridge", str(tmp_path))
    live = sqlite3.connect(tmp_path / "bridge.db")
    live.execute("PRAGMA journal_mode = WAL")
    live.execute("CREATE TABLE client (name)")
    live.execute("INSERT INTO client VALUES ('Anna')")
    live.commit()
    live.execute("INSERT INTO client VALUES ('not yet')")
    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    live.close()
    path, verdict = told.split()
    assert verdict == "ok"
    copy = sqlite3.connect(path)
    assert copy.execute("SELECT name FROM client").fetchall() == [("Anna",)]
    copy.close()
