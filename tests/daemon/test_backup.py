"""`bridge backup`, and the way back: a damaged store is refused with the steps, and the steps work."""

import json
import shutil

from tests.daemon.process import ended
from tests.daemon.test_hardship import until_handled


def backed_up(bridge, name="copy.db"):
    done = bridge.command("backup", str(bridge.folder / name), "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def damage(bridge):
    file = bridge.folder / "data" / "bridge.db"
    with file.open("r+b") as pages:
        pages.seek(4096)
        pages.write(b"\xaa" * (file.stat().st_size - 4096))


def follow_the_remedy(bridge, *, keep_wal: bool = False):
    data = bridge.folder / "data"
    (bridge.folder / "aside").mkdir()
    for file in [data / "bridge.db", *data.glob("bridge.db-*")]:
        if not (keep_wal and file.name.endswith("-wal")):
            shutil.move(file, bridge.folder / "aside")
    shutil.copy(bridge.folder / "copy.db", data / "bridge.db")


def test_a_backup_of_a_working_bridge_can_be_put_in_its_place_and_goes_on(bridge):
    bridge.start()
    bridge.push(ended("c1", "+447700900101"))
    until_handled(bridge)
    told = backed_up(bridge)
    assert told["bytes"] == (bridge.folder / "copy.db").stat().st_size
    bridge.push(ended("c2", "+447700900102"))
    until_handled(bridge)
    bridge.kill()
    follow_the_remedy(bridge)
    with bridge.started():
        assert [call["client_number"] for call in bridge.items("/v1/calls")] == ["+447700900101"]
        assert bridge.push(ended("c1", "+447700900101"), ended("c2", "+447700900102"))[1] == {
            "accepted": 1, "duplicates": 1
        }  # fmt: skip
        until_handled(bridge)
        assert len(bridge.items("/v1/leads")) == len(bridge.items("/v1/tasks")) == 2


def test_a_damaged_store_is_refused_at_the_start_by_every_command_with_steps_that_work(bridge):
    with bridge.started():
        bridge.push(*[ended(f"c{call}", f"+447700{call:06d}") for call in range(300)])
        until_handled(bridge)
        backed_up(bridge)
    damage(bridge)
    for words in (("run",), ("token", "list"), ("backup", "another.db")):
        refused = bridge.command(*words)
        assert refused.returncode == 1, words
        assert "bridge.db and the files -wal and -shm beside it to another folder" in refused.stderr
        assert "Traceback" not in refused.stderr
    assert not list(bridge.folder.glob("another*"))
    follow_the_remedy(bridge)
    with bridge.started():
        assert len(bridge.items("/v1/leads?limit=200")) == 200


def test_a_wal_that_was_left_behind_is_not_written_into_the_restored_file(bridge):
    bridge.start()
    bridge.push(ended("c1"))
    until_handled(bridge)
    backed_up(bridge)
    bridge.push(ended("c2", "+447700900102"))
    bridge.kill()
    follow_the_remedy(bridge, keep_wal=True)
    for words in (("run",), ("token", "list"), ("migrate",), ("backup", "another.db")):
        refused = bridge.command(*words)
        assert refused.returncode == 1, words
        assert "bridge.db-wal belongs to another file" in refused.stderr
    shutil.move(bridge.folder / "data" / "bridge.db-wal", bridge.folder / "aside")
    with bridge.started():
        assert len(bridge.items("/v1/calls")) == 1


def test_a_backup_overwrites_nothing_and_one_of_nothing_says_so(bridge):
    assert "there is no store" in bridge.command("backup", "copy.db").stderr
    bridge.command("migrate")
    first = bridge.command("backup", "copy.db")
    assert first.returncode == 0
    assert "complete and on the disk" in first.stdout
    again = bridge.command("backup", "copy.db", "--json")
    assert again.returncode == 1
    assert "exists; choose another name" in json.loads(again.stdout)["error"]
