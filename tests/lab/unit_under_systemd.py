"""The unit as it is shipped, under a real systemd that is booted for it: this machine's, in a container of its own.

The container sees this machine's files and keeps what it writes to itself (an overlay in memory), so nothing has to be
fetched. It needs root, systemd and systemd-container.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.daemon.process import SETTINGS, TOKEN

ROOT = Path(__file__).parents[2]
SECONDS_FOR_ALL = 120
BRIDGE = """#!/bin/sh
export PYTHONPATH=/opt/bridge/packages:/opt/bridge/source LD_LIBRARY_PATH=/opt/bridge/python/lib
exec /opt/bridge/python/bin/{python} -c 'from bridge.cli import main; main()' "$@"
"""
STORY = r"""
say() { echo "== $1"; }
show() { systemctl show bridge -p ActiveState,SubState,Result,NRestarts,StatusText; }
until_restarted() {
    for _ in $(seq 300); do
        [ "$(systemctl show bridge -p NRestarts --value)" -ge "$1" ] && systemctl is-active --quiet bridge && return
        sleep 0.1
    done
}
ask() { python3 -c 'import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=9).status)' "$1"; }
useradd --system --home-dir /var/lib/bridge --shell /usr/sbin/nologin bridge
journal() { say journal; journalctl -u bridge -o cat --no-pager; }
say start; systemctl start bridge || { journal; exit; }
echo "status $?"; ask http://127.0.0.1:8080/readyz; show
say reload; sed -i 's/S4/S4-ours/' /etc/bridge/scenarios.toml; systemctl reload bridge; echo "status $?"; show
say refused; mv /etc/bridge/scenarios.toml /etc/bridge/good; echo '[[' >/etc/bridge/scenarios.toml
systemctl reload bridge; show
mv /etc/bridge/good /etc/bridge/scenarios.toml; systemctl reload bridge
say hangs; kill -STOP "$(systemctl show bridge -p MainPID --value)"; until_restarted 1
ask http://127.0.0.1:8080/readyz; show
say killed; kill -KILL "$(systemctl show bridge -p MainPID --value)"; until_restarted 2
ask http://127.0.0.1:8080/readyz; show
say stop; systemctl stop bridge; echo "status $?"; show
say folder; stat -c '%U %a' /var/lib/bridge /var/lib/bridge/bridge.db
journal
say end
"""
TARGET = """[Unit]
Requires=basic.target
Wants=story.service
After=basic.target
"""
DRIVER = """[Unit]
DefaultDependencies=no
After=basic.target
[Service]
Type=oneshot
TimeoutStartSec=infinity
StandardOutput=file:/story.log
StandardError=inherit
ExecStart=/bin/bash /story.sh
ExecStopPost=/bin/systemctl --no-block --force poweroff
"""
QUICK = """[Service]
WatchdogSec=3
TimeoutAbortSec=3
LoadCredential=
"""


@pytest.fixture
def machine(tmp_path):
    """A root of its own, on which the unit is installed as the guide says."""
    assert os.geteuid() == 0, "booting a systemd needs root"
    memory, root = tmp_path / "memory", tmp_path / "root"
    memory.mkdir()
    root.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", memory], check=True)
    try:
        for layer in ("upper", "work"):
            (memory / layer).mkdir()
        layers = f"lowerdir=/,upperdir={memory}/upper,workdir={memory}/work"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, root], check=True)
        try:
            install(root)
            yield root
        finally:
            subprocess.run(["umount", "-l", root], check=True)
    finally:
        subprocess.run(["umount", "-l", memory], check=True)


def install(root: Path) -> None:
    (root / "etc" / "machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    units = root / "etc" / "systemd" / "system"
    shutil.copy(ROOT / "systemd" / "bridge.service", units)
    (units / "bridge.service.d").mkdir()
    (units / "bridge.service.d" / "quick.conf").write_text(QUICK)
    (units / "story.service").write_text(DRIVER)
    (units / "story.target").write_text(TARGET)
    (root / "story.sh").write_text(STORY)
    program = root / "opt" / "bridge" / "bin" / "bridge"
    program.parent.mkdir(parents=True)
    program.write_text(BRIDGE.format(python=Path(sys.executable).resolve().name))
    program.chmod(0o755)
    for mounted in ("packages", "source", "python"):
        (program.parents[1] / mounted).mkdir()
    settings = root / "etc" / "bridge"
    settings.mkdir()
    (settings / "bridge.toml").write_text(
        SETTINGS.replace('data_dir = "data"', 'data_dir = "/var/lib/bridge"').replace("127.0.0.1:0", "127.0.0.1:8080")
    )
    shutil.copy(ROOT / "config" / "scenarios.toml", settings)
    (settings / "environment").write_text(f"SHOP_TOKEN={TOKEN}\n")


def booted(root: Path) -> dict[str, str]:
    """Boot, let the story happen, power off; gives what was said in each of its chapters."""
    subprocess.run(
        [
            "systemd-nspawn", "--quiet", f"--directory={root}", "--boot", "--register=no", "--keep-unit",
            "--console=pipe", "--private-network", f"--bind-ro={ROOT}:/opt/bridge/source",
            f"--bind-ro={sysconfig.get_path('purelib')}:/opt/bridge/packages",
            f"--bind-ro={sys.base_prefix}:/opt/bridge/python", "systemd.unit=story.target",
        ],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT,
        timeout=SECONDS_FOR_ALL, check=False,
    )  # fmt: skip
    story = (root / "story.log").read_text()
    assert "== end" in story, story
    chapters = story.split("== ")[1:]
    return dict(chapter.split("\n", 1) for chapter in chapters)


def test_the_shipped_unit_starts_reloads_is_watched_and_stops_under_a_real_systemd(machine):
    told = booted(machine)
    working = ("ActiveState=active", "SubState=running")
    for chapter in ("start", "reload", "refused", "hangs", "killed"):
        assert all(word in told[chapter] for word in working), (chapter, told)
    assert told["start"].startswith("status 0\n200\n"), told["journal"]  # ready when `systemctl start` returns
    assert "StatusText=works, 1 sources" in told["start"]
    assert "status 0" in told["reload"]
    assert "newest configuration was refused" in told["refused"]
    assert "200\n" in told["hangs"]
    assert "NRestarts=1" in told["hangs"]
    assert "NRestarts=2" in told["killed"]
    assert "ActiveState=inactive" in told["stop"]
    assert "Result=success" in told["stop"]
    assert "configuration.reloaded" in told["journal"]
    assert "bridge.stopped" in told["journal"]
    assert told["folder"].split() == ["bridge", "750", "bridge", "600"]
