"""Killing the process between any two instructions loses nothing and doubles nothing."""

import asyncio
import shutil
import signal
import sqlite3
import sys

import pytest
from sqlalchemy import event

from bridge.store.driver import OneTripConnection
from tests.flow.builders import acme
from tests.stories.a_day import BLOCKED, a_day
from tests.stories.office import open_office

LATER = 7200.0
COMPANY = acme(blocked=[BLOCKED])


class PlugPulled(BaseException):
    """Nothing after this instruction happens; like a power cut, no `except Exception` sees it."""


class Plug:
    """What keeps a connection to the database going, for as many instructions as are `left` (None: for ever)."""

    left: int | None = None

    def connect(self, database: str, **options) -> "Mortal":
        return Mortal(self, database, options)

    def step(self) -> None:
        if self.left == 0:
            raise PlugPulled
        self.left = None if self.left is None else self.left - 1


class Mortal(OneTripConnection):
    """A connection over which every instruction may be the last."""

    def __init__(self, plug: Plug, database: str, options: dict) -> None:
        super().__init__(lambda: sqlite3.connect(database, **options), iter_chunk_size=64)
        self.plug = plug

    async def visit(self, work):
        self.plug.step()
        return await super().visit(work)

    async def commit(self) -> None:
        self.plug.step()
        await super().commit()


async def pull_the_plug(store, *, before: int) -> None:
    """Die before the n-th instruction to the database (0: the first), the commits included."""
    plug = Plug()
    event.listen(
        store._writer.sync_engine,
        "do_connect",
        lambda _dialect, _record, _arguments, options: options.update(async_creator_fn=plug.connect),
    )
    async with store.writing():  # connected, with all that belongs to it
        pass
    plug.left = before


async def outcome(folder) -> dict:
    """What is there after everything has been worked off."""
    async with open_office(folder, COMPANY) as office:
        office.clock.advance(LATER)
        await office.work()
        return await office.everything() | {
            "counters": await office.counters(),
            "verdicts": [len(await office.verdicts(call.key)) for call in await office.calls()],
        }


async def fill(folder) -> None:
    async with open_office(folder, COMPANY) as office:
        office.clock.advance(LATER)
        await office.store_facts(*a_day())


async def crash(folder, *, before: int, size: int = 40) -> bool:
    """Work until the plug is pulled; False: everything was done before that."""
    async with open_office(folder, COMPANY) as office:
        office.clock.advance(LATER)
        await pull_the_plug(office.store, before=before)
        office.lanes._size = size
        try:
            await office.work()
        except PlugPulled:
            return True
        return False


@pytest.fixture
async def undisturbed(tmp_path):
    await fill(tmp_path / "undisturbed")
    return await outcome(tmp_path / "undisturbed")


async def test_a_crash_between_any_two_steps_of_a_batch_changes_nothing(tmp_path, undisturbed):
    await fill(tmp_path / "full")
    crashes = 0
    while True:
        folder = tmp_path / str(crashes)
        shutil.copytree(tmp_path / "full", folder)
        if not await crash(folder, before=crashes):
            break
        assert await outcome(folder) == undisturbed, f"crashed before step {crashes}"
        crashes += 1
    assert crashes > 20


async def test_a_bridge_that_crashes_again_and_again_at_ever_later_steps_gets_through(tmp_path, undisturbed):
    await fill(tmp_path / "again")
    steps = 1
    while await crash(tmp_path / "again", before=steps, size=3):
        steps += 3
    assert await outcome(tmp_path / "again") == undisturbed


async def test_what_was_not_acknowledged_when_the_plug_was_pulled_may_be_sent_again(tmp_path):
    day = a_day()
    async with open_office(tmp_path, COMPANY) as office:
        await pull_the_plug(office.store, before=2)
        with pytest.raises(BaseExceptionGroup):
            await office.store_facts(*day)
    async with open_office(tmp_path, COMPANY) as office:
        assert (await office.store_facts(*day)).accepted == len(day)


async def kill_after(folder, batches: int, size: int) -> bool:
    """Start the worker and kill it with -9 when it has told of so many batches; True: it was done before that."""
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.stories.worker", str(folder), str(size), stdout=asyncio.subprocess.PIPE
    )
    assert worker.stdout is not None
    told = 0
    async with asyncio.timeout(30):
        while line := await worker.stdout.readline():
            told += 1
            if told == batches and line.strip() != b"done":
                worker.send_signal(signal.SIGKILL)
        return await worker.wait() == 0


async def test_a_bridge_killed_with_nine_in_the_middle_of_its_work_makes_the_same_as_one_that_was_not(
    tmp_path, undisturbed
):
    await fill(tmp_path / "killed")
    kills = 0
    while not await kill_after(tmp_path / "killed", batches=3, size=4):
        kills += 1
    assert kills >= 2
    assert await outcome(tmp_path / "killed") == undisturbed
