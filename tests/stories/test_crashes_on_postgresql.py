"""On PostgreSQL: a node that dies between two instructions loses nothing and doubles nothing; another one goes on."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from unittest.mock import patch

import pytest
from sqlalchemy import event

from bridge.store.postgres import StraightConnection
from tests.stories.a_day import a_day
from tests.stories.office import open_office
from tests.stories.test_crashes import COMPANY, LATER, PlugPulled

NUMBERS = count(1)


class Plug:
    """Lets so many instructions of one store's writers through, the commits included, and then none ever again.

    Most go past SQLAlchemy to the driver, where its events do not see them.
    """

    def __init__(self, store) -> None:
        self.left: int | None = None
        engine = store._writer.sync_engine
        event.listen(engine, "before_cursor_execute", lambda *_told: self.step())
        event.listen(engine, "commit", lambda _connection: self.step())

    def step(self) -> None:
        if self.left == 0:
            raise PlugPulled
        self.left = None if self.left is None else self.left - 1

    @contextmanager
    def pulled(self, *, before: int) -> Iterator[None]:
        """In this block the n-th instruction is the last (0: none is carried out)."""

        async def rows(connection, *asked):
            self.step()
            return await straight_rows(connection, *asked)

        async def for_each(connection, *asked):
            self.step()
            await straight_for_each(connection, *asked)

        self.left = before
        straight_rows, straight_for_each = StraightConnection.rows, StraightConnection.for_each
        with patch.multiple(StraightConnection, rows=rows, for_each=for_each):
            yield


@pytest.fixture
def full(postgres, postgres_url, tmp_path):
    """A store with a day in its journal; gives a function that makes another copy of it."""
    name = postgres_url.rpartition("/")[2]

    async def fill() -> None:
        async with open_office(tmp_path, COMPANY, url=postgres_url) as office:
            office.clock.advance(LATER)
            await office.store_facts(*a_day())

    asyncio.run(fill())
    return lambda: postgres.make(f"{name}_{next(NUMBERS)}", name)


async def outcome(url, folder) -> dict:
    """What is there after another node has worked everything off."""
    async with open_office(folder, COMPANY, url=url) as office:
        office.clock.advance(LATER)
        await office.work()
        return await office.everything() | {
            "counters": await office.counters(),
            "verdicts": [len(await office.verdicts(call.key)) for call in await office.calls()],
        }


async def crash(url, folder, *, before: int, size: int = 40) -> bool:
    """Work until the plug is pulled; False: everything was done before that."""
    async with open_office(folder, COMPANY, url=url) as office:
        office.clock.advance(LATER)
        office.lanes._size = size
        try:
            with Plug(office.store).pulled(before=before):
                await office.work()
        except PlugPulled:
            return True
        return False


async def test_a_node_that_crashes_again_and_again_at_ever_later_steps_gets_through(full, tmp_path):
    undisturbed = await outcome(full(), tmp_path)
    url, steps = full(), 1
    while await crash(url, tmp_path, before=steps, size=3):
        steps += 4
    assert steps > 20, "it died again and again"
    assert await outcome(url, tmp_path) == undisturbed
