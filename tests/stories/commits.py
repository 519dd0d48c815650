"""A bridge that lives through a day and dies by itself before or after its n-th commit, as by kill -9.

It takes the day's facts, some at a time and some of them twice, and handles them in between.
"""

import asyncio
import logging
import multiprocessing
import os
import sqlite3
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import event

from bridge.store.driver import OneTripConnection
from tests.flow.builders import acme
from tests.flow.hand_clock import HandClock
from tests.stories.a_day import BLOCKED, a_day
from tests.stories.office import Office, open_office

PIECE = 3
SETTLED = 7200.0
DIED = 9
NEVER = -1
CLOCK = "clock"
PATIENCE = 60.0
COMPANY = acme(blocked=[BLOCKED])


class Commits:
    """Counts the commits of a store's writer, and ends the process at one of them, as kill -9 would."""

    def __init__(self, folder: Path, fatal: int, when: str) -> None:
        self.folder = folder
        self.fatal = fatal
        self.when = when
        self.many = 0

    def watch(self, office: Office) -> None:
        """From now on; the writer is not yet connected."""
        self.clock = office.clock
        event.listen(
            office.store._writer.sync_engine,
            "do_connect",
            lambda _dialect, _record, _arguments, options: options.update(async_creator_fn=self.connect),
        )

    def die(self) -> None:
        (self.folder / CLOCK).write_text(repr(self.clock.now()))
        os._exit(DIED)

    def connect(self, database: str, **options: Any) -> "Counted":
        return Counted(self, database, options)


class Counted(OneTripConnection):
    """A connection whose commits are counted."""

    def __init__(self, commits: Commits, database: str, options: dict[str, Any]) -> None:
        super().__init__(lambda: sqlite3.connect(database, **options), iter_chunk_size=64)
        self.commits = commits

    async def commit(self) -> None:
        number = self.commits.many
        self.commits.many += 1
        if (number, "before") == (self.commits.fatal, self.commits.when):
            self.commits.die()
        await super().commit()
        if (number, "after") == (self.commits.fatal, self.commits.when):
            self.commits.die()


async def live(office: Office) -> None:
    """The day as it happens; every fact that was not acknowledged before is told again by its sender."""
    await office.chores.round()
    day = a_day()
    for start in range(0, len(day), PIECE):
        piece = day[start : start + PIECE]
        office.clock.advance(max(0.0, piece[-1].received_at - office.clock.now()))
        await office.store_facts(*piece)
        await office.store_facts(piece[0], *piece)
        office.lanes._size = PIECE
        await office.work()
    await office.pass_by(SETTLED)


async def _live(folder: Path, fatal: int, when: str) -> None:
    stopped = folder / CLOCK  # the next life begins when the one before ended: clocks do not go back by a day's calls
    clock = HandClock(float(stopped.read_text())) if stopped.exists() else HandClock()
    async with open_office(folder, COMPANY, clock) as office:
        commits = Commits(folder, fatal, when)
        commits.watch(office)
        await live(office)
    (folder / "commits").write_text(str(commits.many))


def a_life(folder: Path, fatal: int, when: str) -> None:
    """All of it, in a process of its own; if it is not cut short, the file `commits` says how many there were."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    asyncio.run(_live(folder, fatal, when))


_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.stories.commits"])


def lived(folder: Path, fatal: int = NEVER, when: str = "before") -> int:
    """The exit status of such a life: 0, or DIED."""
    process = _CONTEXT.Process(target=a_life, args=(folder, fatal, when))
    process.start()
    process.join(PATIENCE)
    assert process.exitcode is not None
    return process.exitcode
