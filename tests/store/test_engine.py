import asyncio
import stat
import subprocess
import sys
from contextlib import suppress

import pytest
from sqlalchemy import text

from bridge.store.engine import Store
from bridge.store.errors import (
    SchemaOutdated,
    SchemaTooNew,
    StoreCorrupt,
    StoreError,
    StoreInUse,
    StoreUnavailable,
)
from bridge.store.journal import append, pending
from bridge.store.migrate import migrate
from tests.store.builders import URL, entry, on_sqlite


async def pragma(conn, name):
    return (await conn.execute(text(f"PRAGMA {name}"))).scalar_one()


async def count(store):
    async with store.reading() as conn:
        return len(await pending(conn, 10_000))


@on_sqlite
async def test_a_commit_is_on_the_disk_before_it_is_acknowledged(store):
    async with store.writing() as conn:
        assert await pragma(conn, "journal_mode") == "wal"
        assert await pragma(conn, "synchronous") == 2  # FULL
        assert await pragma(conn, "busy_timeout") == 5000
        assert await pragma(conn, "foreign_keys") == 0


async def test_what_a_broken_block_wrote_is_not_there(store):
    with suppress(ZeroDivisionError):
        async with store.writing() as conn:
            await append(conn, [entry(1)])
            1 / 0  # noqa: B018
    assert await count(store) == 0


async def test_what_a_cancelled_block_wrote_is_not_there_and_the_next_writer_gets_his_turn(store):
    writing = asyncio.Event()

    async def never_ends():
        async with store.writing() as conn:
            await append(conn, [entry(1)])
            writing.set()
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(never_ends())
        await writing.wait()
        task.cancel()
    async with asyncio.timeout(5), store.writing() as conn:
        await append(conn, [entry(2)])
    assert await count(store) == 1


@on_sqlite
async def test_two_writers_take_turns_and_both_are_kept(store):
    at_work = 0

    async def write(n):
        nonlocal at_work
        async with store.writing() as conn:
            at_work += 1
            assert at_work == 1
            await append(conn, [entry(n)])
            at_work -= 1

    async with asyncio.TaskGroup() as group:
        for n in range(20):
            group.create_task(write(n))
    assert await count(store) == 20


async def test_a_reader_neither_waits_for_a_writer_nor_sees_half_of_what_he_writes(store):
    async with store.writing() as conn:
        await append(conn, [entry(1)])
        async with asyncio.timeout(2):
            assert await count(store) == 0
    assert await count(store) == 1


async def test_one_reading_sees_one_moment(store):
    async with store.reading() as conn:
        before = await pending(conn, 10)
        async with store.writing() as other:
            await append(other, [entry(1)])
        assert await pending(conn, 10) == before


async def test_nobody_writes_by_way_of_reading(store):
    with pytest.raises(StoreError, match=r"read-?only"):
        async with store.reading() as conn:
            await append(conn, [entry(1)])


@on_sqlite
async def test_a_second_daemon_on_one_store_is_refused_and_told_who_holds_it(store, tmp_path):
    with pytest.raises(StoreInUse, match=r"Another bridge works on this store: process \d+ holds .*bridge\.db\.lock"):
        await Store.open(URL, data_dir=tmp_path)


async def test_a_command_works_beside_the_daemon(store, url, tmp_path):
    beside = await Store.open(url, data_dir=tmp_path, alone=False)
    async with beside.writing() as conn:
        await append(conn, [entry(1)])
    await beside.close()
    assert await count(store) == 1


async def test_a_store_that_was_closed_can_be_opened_again(store, url, tmp_path):
    await store.close()
    await store.close()
    again = await Store.open(url, data_dir=tmp_path)
    await again.close()


async def test_a_daemon_that_was_killed_does_not_keep_the_store(tmp_path):
    await migrate(URL, tmp_path)
    program = (
        "import asyncio, pathlib, sys\n"
        "from bridge.store.engine import Store\n"
        "async def main():\n"
        f"    await Store.open({URL!r}, data_dir=pathlib.Path(sys.argv[1]))\n"
        "    print('open', flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", program, tmp_path]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as daemon:  # noqa: ASYNC220 # nothing else is to run
        assert daemon.stdout.readline() == b"open\n"
        with pytest.raises(StoreInUse, match=str(daemon.pid)):
            await Store.open(URL, data_dir=tmp_path)
        daemon.kill()
        daemon.wait()
        again = await Store.open(URL, data_dir=tmp_path)
        await again.close()


@on_sqlite
async def test_other_users_of_the_machine_cannot_read_the_store(store, tmp_path):
    async with store.writing() as conn:
        await append(conn, [entry(1)])
    files = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert set(files) >= {"bridge.db", "bridge.db-wal"}
    assert {mode & 0o077 for mode in files.values()} == {0}


async def test_a_store_without_tables_names_the_command_that_makes_them(tmp_path):
    with pytest.raises(SchemaOutdated, match="run `bridge migrate`"):
        await Store.open(URL, data_dir=tmp_path)


async def test_a_store_of_a_newer_version_is_refused(store, url, tmp_path):
    async with store.writing() as conn:
        await conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await store.close()
    with pytest.raises(SchemaTooNew, match="9999"):
        await Store.open(url, data_dir=tmp_path)


async def test_a_file_that_is_no_store_is_refused_with_the_remedy(tmp_path):
    (tmp_path / "bridge.db").write_bytes(b"Dear diary, today nobody called. " * 300)
    with pytest.raises(StoreCorrupt, match="put the last backup in its place"):
        await Store.open(URL, data_dir=tmp_path)


@on_sqlite
async def test_a_store_whose_tables_are_damaged_is_refused_with_the_remedy(store, tmp_path):
    async with store.writing() as conn:
        await append(conn, [entry(n) for n in range(500)])
    await store.close()
    file = tmp_path / "bridge.db"
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + bytes([0x5A]) * (len(whole) - 4096))
    with pytest.raises(StoreCorrupt, match=r"bridge\.db.*put the last backup in its place"):
        await Store.open(URL, data_dir=tmp_path)


@on_sqlite
async def test_a_store_with_one_damaged_page_is_refused_with_the_remedy(store, tmp_path):
    async with store.writing() as conn:
        await append(conn, [entry(n) for n in range(500)])
    await store.close()
    file = tmp_path / "bridge.db"
    whole = file.read_bytes()
    assert len(whole) > 60 * 4096
    file.write_bytes(whole[: -8 * 4096] + bytes([0x5A]) * 4096 + whole[-7 * 4096 :])
    with pytest.raises(StoreCorrupt, match=r"bridge\.db.*put the last backup in its place"):
        await Store.open(URL, data_dir=tmp_path)


@on_sqlite
async def test_a_full_store_refuses_for_now_and_recovers_by_itself(store):
    async with store.writing() as conn:
        await append(conn, [entry(1)])
        pages = await pragma(conn, "page_count")
        await conn.execute(text(f"PRAGMA max_page_count = {pages + 2}"))
    with pytest.raises(StoreUnavailable, match="full"):
        async with store.writing() as conn:
            await append(conn, [entry(n) for n in range(2, 1000)])
    assert await count(store) == 1
    async with store.writing() as conn:
        await conn.execute(text("PRAGMA max_page_count = 1000000"))
    async with store.writing() as conn:
        assert await append(conn, [entry(n) for n in range(2, 1000)]) == 998
    assert await count(store) == 999


@on_sqlite
async def test_a_store_that_another_program_keeps_locked_refuses_for_now(store, tmp_path):
    async with store.writing() as conn:
        await conn.execute(text("PRAGMA busy_timeout = 20"))
    beside = await Store.open(URL, data_dir=tmp_path, alone=False)
    async with beside.writing() as conn:
        await append(conn, [entry(1)])
        with pytest.raises(StoreUnavailable, match="locked"):
            async with store.writing() as other:
                await append(other, [entry(2)])
    async with store.writing() as conn:
        assert await append(conn, [entry(2)]) == 1
    await beside.close()


async def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "occupied").write_text("")
    with pytest.raises(StoreUnavailable, match="occupied"):
        await Store.open(URL, data_dir=tmp_path / "occupied" / "data")


@pytest.mark.parametrize("url", ["bridge.db", "mysql://root@host/bridge", "sqlite://", "sqlite:///:memory:"])
async def test_a_url_of_an_unknown_kind_is_refused_with_an_example(tmp_path, url):
    with pytest.raises(StoreError, match=r"sqlite:///bridge\.db"):
        await Store.open(url, data_dir=tmp_path)


async def test_the_password_of_a_refused_url_is_not_told(tmp_path):
    with pytest.raises(StoreError) as refused:
        await Store.open("mysql://root:letmein@host/bridge", data_dir=tmp_path)
    assert "letmein" not in str(refused.value)
