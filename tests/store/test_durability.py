"""What was acknowledged is there, whatever happens to the process or to the disk."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.store.engine import Store
from bridge.store.errors import StoreUnavailable
from bridge.store.journal import append, pending
from bridge.store.migrate import migrate
from tests.store.builders import URL, entry

HERE = Path(__file__).resolve().parents[2]
APPENDER = """
import asyncio, pathlib, sys
from bridge.store.engine import Store
from bridge.store.journal import append
from tests.store.builders import URL, entry

async def main():
    store = await Store.open(URL, data_dir=pathlib.Path(sys.argv[1]))
    for n in range(0, 1_000_000, 5):
        async with store.writing() as conn:
            await append(conn, [entry(k) for k in range(n, n + 5)])
        print(n, flush=True)

asyncio.run(main())
"""


def appender(folder):
    return subprocess.Popen(
        [sys.executable, "-c", APPENDER, folder], stdout=subprocess.PIPE, cwd=HERE, text=True, bufsize=1
    )


@pytest.mark.parametrize("acknowledged", [1, 7, 40])
async def test_every_entry_that_was_acknowledged_outlives_a_kill(tmp_path, acknowledged):
    await migrate(URL, tmp_path)
    with appender(tmp_path) as daemon:
        last = [int(daemon.stdout.readline()) for _ in range(acknowledged)][-1]
        daemon.send_signal(signal.SIGKILL)
        last = max([last, *map(int, daemon.stdout.read().split())])
        daemon.wait()
    store = await Store.open(URL, data_dir=tmp_path)
    async with store.reading() as conn:
        kept = {found.event_id for found in await pending(conn, 1_000_000)}
    await store.close()
    assert kept >= {f"e{n}" for n in range(last + 5)}
    assert len(kept) % 5 == 0  # no half transaction


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of one and a half mebibytes."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mounted = os.geteuid() == 0 and (
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1536k", "tmpfs", folder], check=False).returncode == 0
    )
    if not mounted:
        pytest.skip("mounting a small file system needs root; test_engine fills a store without one")
    yield folder
    subprocess.run(["umount", folder], check=True)


async def test_a_full_disk_refuses_for_now_loses_nothing_and_recovers_by_itself(tiny_disk):
    await migrate(URL, tiny_disk)
    store = await Store.open(URL, data_dir=tiny_disk)
    ballast = tiny_disk / "ballast"
    ballast.write_bytes(bytes(600_000))
    stored = 0
    with pytest.raises(StoreUnavailable, match=r"full|I/O"):  # noqa: PT012 # it is not known which one is refused
        for n in range(0, 100_000, 50):
            async with store.writing() as conn:
                await append(conn, [entry(k) for k in range(n, n + 50)])
            stored = n + 50
    async with store.reading() as conn:
        assert len(await pending(conn, 1_000_000)) == stored > 0
    with pytest.raises(StoreUnavailable):
        async with store.writing() as conn:
            await append(conn, [entry(k) for k in range(stored, stored + 3000)])
    ballast.unlink()
    async with store.writing() as conn:
        assert await append(conn, [entry(k) for k in range(stored + 50)]) == 50
    await store.close()
    again = await Store.open(URL, data_dir=tiny_disk)
    async with again.reading() as conn:
        assert len(await pending(conn, 1_000_000)) == stored + 50
    await again.close()
