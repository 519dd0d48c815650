"""One embedded store has one daemon, however it is named and whenever the second one is started."""

import pytest

from tests.daemon.process import SETTINGS, QuickBridge, ended
from tests.daemon.test_hardship import until_handled

HELD = "Another bridge works on this store"


def named_otherwise(first: QuickBridge, folder, way: str) -> QuickBridge:
    """A second configuration that means the same file."""
    folder.mkdir()
    data = first.folder / "data"
    (folder / "link").symlink_to(data)
    (folder / "data").mkdir()
    (folder / "data" / "mine.db").symlink_to(data / "bridge.db")
    told = {
        "another folder's link": SETTINGS.replace('"data"', f'"{folder}/link"'),
        "with dots": SETTINGS.replace('"data"', f'"{folder}/../{data.parent.name}/./data"'),
        "a link to the file": SETTINGS + '\n[store]\nurl = "sqlite:///mine.db"\n',
    }
    return QuickBridge(folder, told[way])


@pytest.mark.parametrize("way", ["another folder's link", "with dots", "a link to the file"])
def test_a_second_daemon_is_refused_under_whichever_name_it_knows_the_file(tmp_path, way):
    (tmp_path / "one").mkdir()
    first = QuickBridge(tmp_path / "one")
    with first.started():
        second = named_otherwise(first, tmp_path / "two", way)
        for words in (("run",), ("migrate",)):
            refused = second.command(*words)
            assert refused.returncode == 1, words
            assert HELD in refused.stderr, words
        assert first.push(ended("c1"))[0] == 202


def test_commands_work_beside_a_daemon_and_only_migrate_is_refused(bridge):
    with bridge.started():
        assert bridge.command("token", "list").returncode == 0
        assert bridge.command("block", "add", "+447700900777").returncode == 0
        assert bridge.command("migrate").returncode == 1
        bridge.push(ended("c1"))
        until_handled(bridge)
        assert len(bridge.items("/v1/leads")) == 1
