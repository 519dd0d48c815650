"""How many facts a second come to the disk, beside the least that could be done: a bare loop of grouped inserts.

    python bench/intake.py [--quick] [--engine sqlite] [--rounds 7]

Ours is `Intake.accept` with 1, 16 or 64 senders, each of which waits for its acknowledgement before it sends the next
fact. The bare loop has as many senders and one writer, which inserts all that waits as rows of (source, event_id,
body), unique by the first two, in one transaction: by the sqlite3 module in a thread (WAL, `synchronous=FULL`), or by
asyncpg. The texts of its bodies are made beforehand. Both use the same disk and take turns.
"""

import argparse
import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import uvloop
from ground import (
    ENGINES,
    SQLITE_URL,
    Cost,
    Meter,
    durable_postgres,
    folder_on_disk,
    middle,
    mix_of_facts,
    quiet,
    small_company,
    spread,
    the_machine,
)

from bridge.flow.clock import Clock
from bridge.flow.intake import Intake
from bridge.flow.tally import Tally
from bridge.model.events import CallStep
from bridge.model.people import Company
from bridge.store.documents import event_text
from bridge.store.engine import Store
from bridge.store.migrate import migrate
from tests.postgres import PostgresServer

EVENTS = {1: 600, 16: 6_000, 64: 12_000}
"""For each number of senders, how many facts one round has."""
TABLE = (
    "CREATE TABLE bare (source TEXT NOT NULL, event_id TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (source, event_id))"
)

Row = tuple[str, str, str]
Send = Callable[[CallStep], Awaitable[object]]


class BareLoop:
    """One writer for everybody: what waits when he begins shares his transaction."""

    def __init__(self, insert: Callable[[Sequence[Row]], Awaitable[None]]) -> None:
        self._insert = insert
        self._waiting: list[tuple[Row, asyncio.Future[None]]] = []
        self._news = asyncio.Event()

    async def store(self, row: Row) -> None:
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((row, stored))
        self._news.set()
        await stored

    async def work(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            group, self._waiting = self._waiting, []
            await self._insert([row for row, _ in group])
            for _, stored in group:
                stored.set_result(None)


@asynccontextmanager
async def bare_sqlite(file: Path) -> AsyncIterator[BareLoop]:
    base = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
    base.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; {TABLE}")

    def insert(rows: Sequence[Row]) -> None:
        base.execute("BEGIN IMMEDIATE")
        base.executemany("INSERT INTO bare VALUES (?, ?, ?) ON CONFLICT DO NOTHING", rows)
        base.execute("COMMIT")

    yield BareLoop(lambda rows: asyncio.to_thread(insert, rows))
    base.close()


@asynccontextmanager
async def bare_postgres(server: PostgresServer) -> AsyncIterator[BareLoop]:
    base = await asyncpg.connect(server.make("bare"))
    await base.execute(TABLE)

    async def insert(rows: Sequence[Row]) -> None:
        async with base.transaction():
            await base.executemany("INSERT INTO bare VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", rows)

    yield BareLoop(insert)
    await base.close()


@asynccontextmanager
async def our_intake(url: str, folder: Path, company: Company) -> AsyncIterator[Intake]:
    await migrate(url, folder)
    store = await Store.open(url, data_dir=folder)
    yield Intake(store, company, Tally(), lambda: None, clock=Clock())
    await store.close()


async def round_of(work: Callable[[], Awaitable[None]], send: Send, facts: Sequence[CallStep], senders: int,
                   server: PostgresServer | None) -> Cost:  # fmt: skip
    async def sender(own: Sequence[CallStep]) -> None:
        for fact in own:
            await send(fact)

    async with asyncio.TaskGroup() as tasks:
        working = tasks.create_task(work())
        with Meter(server) as meter:
            async with asyncio.TaskGroup() as sending:
                for place in range(senders):
                    sending.create_task(sender(facts[place::senders]))
        working.cancel()
    return meter.cost


async def measure(engine: str, folder: Path, server: PostgresServer | None, wanted: argparse.Namespace) -> None:
    company = small_company(folder)[0].company
    url = server.make("ours") if server is not None else SQLITE_URL
    bare = bare_postgres(server) if server is not None else bare_sqlite(folder / "bare.db")
    async with our_intake(url, folder, company) as intake, bare as loop:
        for senders, most in EVENTS.items():
            events = most // 6 if wanted.quick else most
            ours: list[Cost] = []
            theirs: list[Cost] = []
            for turn in range(wanted.rounds):
                facts = mix_of_facts(events, run=f"{senders}-{turn}", known=1_000, new=0.2)
                rows = {fact.event_id: (fact.source, fact.event_id, event_text(fact)) for fact in facts}
                ours.append(await round_of(intake.work, lambda f: intake.accept([f]), facts, senders, server))
                theirs.append(
                    await round_of(loop.work, lambda f, rows=rows: loop.store(rows[f.event_id]), facts, senders, server)
                )
            tell(engine, senders, events, ours, theirs)


def tell(engine: str, senders: int, events: int, ours: Sequence[Cost], theirs: Sequence[Cost]) -> None:
    print(f"{engine}, {senders} senders, {len(ours)} rounds of {events} facts; {the_machine()}")
    for name, costs in (("callbridge", ours), ("bare loop", theirs)):
        print(f"  {name:12} facts/s {spread([events / cost.wall for cost in costs])}", end="")
        print(f"   CPU us/fact {spread([cost.cpu / events * 1e6 for cost in costs])}", end="")
        print(f"   the server's {middle([cost.server / events * 1e6 for cost in costs]):.0f}")
    ratio = middle([them.wall / us.wall for us, them in zip(ours, theirs, strict=True)])
    print(f"  callbridge is {ratio:.2f} of the bare loop")
    print(json.dumps({"bench": "intake", "engine": engine, "senders": senders, "ratio": round(ratio, 2)}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a sixth of the facts, three rounds")
    parser.add_argument("--engine", choices=ENGINES, action="append")
    parser.add_argument("--rounds", type=int, default=7)
    wanted = parser.parse_args()
    if wanted.quick:
        wanted.rounds = 3
    quiet()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for engine in wanted.engine or ENGINES:
            with folder_on_disk() as folder:
                if engine == "sqlite":
                    runner.run(measure(engine, folder, None, wanted))
                    continue
                with durable_postgres() as server:
                    runner.run(measure(engine, folder, server, wanted))


if __name__ == "__main__":
    main()
