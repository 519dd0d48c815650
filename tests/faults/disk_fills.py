"""Promise 1 at a disk that is full: 503, nothing acknowledged is lost, and it recovers by itself when there is room."""

import contextlib
import json
import os
import subprocess
import urllib.error
import urllib.request
from time import monotonic, sleep

import pytest

from tests.daemon.process import PATIENCE, SETTINGS, TOKEN, Bridge, ended
from tests.faults.load import asking_file, settled

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")


@pytest.fixture
def disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def pushed(bridge: Bridge, batch: int) -> tuple[int, str | None]:
    events = [
        ended(f"c{batch}-{n}", f"+44770{batch:03d}{n:04d}", client_name="n" * 180, utm={"content": "c" * 480})
        for n in range(40)
    ]
    asked = urllib.request.Request(
        bridge.url("/hooks/shop"), json.dumps(events).encode(), {"Authorization": f"Bearer {TOKEN}"}
    )
    try:
        with urllib.request.urlopen(asked, timeout=PATIENCE) as answer:
            return answer.status, None
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.headers["Retry-After"]


def until_ready(bridge: Bridge, *, within: float) -> None:
    """Nobody pushes meanwhile: who looks at /readyz before he sends must see that there is room again."""
    give_up = monotonic() + within
    while bridge.get("/readyz")[0] != 200:
        assert monotonic() < give_up
        sleep(0.1)


def test_a_full_disk_is_503_and_when_there_is_room_again_everything_acknowledged_is_there_and_made(tmp_path, disk):
    bridge = Bridge(tmp_path, SETTINGS.replace('data_dir = "data"', f'data_dir = "{disk}/data"'))
    (tmp_path / "data").symlink_to(disk / "data")
    bridge.start()
    acknowledged = 0
    while (answer := pushed(bridge, acknowledged))[0] == 202:
        acknowledged += 1
    assert answer[0] == 503
    assert int(answer[1]) > 0
    assert bridge.get("/readyz")[0] == 503
    assert bridge.get("/healthz")[0] == 200
    assert bridge.items("/v1/calls?limit=1")  # what is there can be read
    bridge.kill()  # and a restart on a full disk is no end either
    bridge.start()
    assert pushed(bridge, 999)[0] == 503
    subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
    until_ready(bridge, within=10.0)
    found = settled(asking_file(bridge))
    bridge.stop()
    told = {event_id for event_id, _ in found["facts"]}
    assert told == {f"c{batch}-{n}-end" for batch in range(acknowledged) for n in range(40)}
    assert len(found["calls"]) == len(found["leads"]) == len(found["cases"]) == acknowledged * 40 > 0
    with contextlib.suppress(FileNotFoundError):
        (tmp_path / "data").unlink()
