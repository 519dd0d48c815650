import stat

import pytest

from bridge.store.backups import backup
from bridge.store.engine import Store
from bridge.store.errors import StoreError, StoreUnavailable
from bridge.store.journal import append, pending
from tests.store.builders import URL, entry, on_sqlite


@on_sqlite
async def test_a_backup_of_a_running_store_is_whole_and_can_be_started_from(store, tmp_path):
    async with store.writing() as conn:
        await append(conn, [entry(n) for n in range(100)])
    async with store.writing() as conn:
        await append(conn, [entry(100)])  # not committed yet, so not in the copy
        size = await backup(URL, tmp_path, tmp_path / "copies" / "today.db")
    copy = tmp_path / "copies" / "today.db"
    assert size == copy.stat().st_size > 0
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert [file.name for file in copy.parent.iterdir()] == ["today.db"]
    restored = await Store.open("sqlite:///today.db", data_dir=copy.parent)
    async with restored.writing() as conn:
        assert len(await pending(conn, 1000)) == 100
        assert await append(conn, [entry(500)]) == 1
    await restored.close()


@on_sqlite
async def test_a_backup_never_overwrites(store, tmp_path):
    (tmp_path / "old.db").write_text("precious")
    with pytest.raises(StoreError, match="exists; choose another name"):
        await backup(URL, tmp_path, tmp_path / "old.db")
    assert (tmp_path / "old.db").read_text() == "precious"


async def test_a_backup_of_nothing_and_of_a_server_is_refused(tmp_path):
    with pytest.raises(StoreError, match="there is no store"):
        await backup(URL, tmp_path, tmp_path / "copy.db")
    with pytest.raises(StoreError, match="pg_dump"):
        await backup("postgresql://bridge@127.0.0.1/bridge", tmp_path, tmp_path / "copy.db")


@on_sqlite
async def test_a_backup_to_a_place_where_nobody_can_write_says_so_and_leaves_nothing(store, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="file"):
        await backup(URL, tmp_path, tmp_path / "file" / "copy.db")
