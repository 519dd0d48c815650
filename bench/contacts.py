"""What an event costs in a store of ten thousand, a million and ten million contacts. The aim: at most 1.3 times.

    python bench/contacts.py [--quick] [--engine sqlite] [--sizes 10000 1000000 10000000] [--rounds 10] [--events 2000]

The stores are filled by SQL, as the bridge would have: each contact with his number, a lead, a task, a call and a
verdict, every second one with an organisation, every twentieth with an open case; ids are scattered as ours are. Then
the same mix of facts (half of the calls of strangers, half of clients drawn from the whole store) goes through
journal and lanes of each store, in turns. The million takes a minute to fill, ten millions a quarter of an
hour and 18 GB; they go away at the end.
"""

import argparse
import asyncio
import contextlib
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ground import (
    ENGINES,
    SQLITE_URL,
    START,
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

from bridge.config import Configuration
from bridge.flow.bulletin import Bulletin
from bridge.flow.clock import Clock
from bridge.flow.identity import identity_of, lane_of_event
from bridge.flow.lanes import Lanes
from bridge.flow.tally import Tally
from bridge.model.phone import lookup_keys, read_number
from bridge.rules.rows import Matrix
from bridge.store.engine import Store
from bridge.store.journal import NewEntry, append_new
from bridge.store.migrate import migrate
from tests.postgres import PostgresServer

SIZES = (10_000, 1_000_000, 10_000_000)
COMMIT = 200
"""Facts that are stored and then handled together."""

BODY = "x" * 300
"""Documents of the past, which nothing of today reads."""

TABLES = {
    "identity": (1, "kind, value, contact_id", "'phone', {number}, {contact}"),
    "contact": (
        1,
        "id, name, phones, emails, owner_id, organisation_id, origin, created_at, version, touched",
        """{contact}, 'Client ' || n, '["' || {number} || '"]', '[]', 'jan', {organisation}, 'old/' || n, {at}, 1,
        {no}""",
    ),
    "organisation": (
        2,
        "id, name, owner_id, origin, created_at, version, touched",
        "{organisation}, 'Organisation ' || n, 'jan', 'old/' || n, {at}, 1, {no}",
    ),
    "lead": (
        1,
        """id, title, status, owner_id, contact_id, organisation_id, source, utm, tags, origin, created_at, active_at,
        version, touched""",
        """{lead}, 'Call from ' || {number}, CASE n % 3 WHEN 0 THEN 'open' ELSE 'converted' END, 'jan', {contact},
        {organisation}, 'bench', '{{}}', '[]', 'old/' || n, {at}, {at}, 1, {no}""",
    ),
    "task": (
        1,
        """id, kind, status, assignee_id, title, text, due_at, lead_id, contact_id, call_id, scenario, count, priority,
        origin, last_fact, created_at, version""",
        """{task}, 'callback', CASE n % 20 WHEN 0 THEN 'open' ELSE 'done' END, 'jan', 'Call back', 'He rang for 20 s',
        {at}, {lead}, {contact}, {call}, 'S4', 1, 0, 'old/' || n, 'old/' || n, {at}, 1""",
    ),
    "call": (
        1,
        """id, key, source, platform_call_id, lane, direction, raw_number, client_number, started_at, ended_at,
        incomplete, listed, lead_id, contact_id, scenario, pickup_judged, judged_at, matrix, revision, body, version""",
        f"""{{call}}, 'old/' || n, 'old', n || '', {{number}}, 'inbound', {{number}}, {{number}}, {{at}}, {{at}} + 20,
        {{no}}, {{yes}}, {{lead}}, {{contact}}, 'S4', {{no}}, {{at}} + 20, 'm', 1, '{BODY}', 1""",
    ),
    "verdict": (
        1,
        "fact, call_id, occasion, decided_at, matrix, scenario, body",
        f"'old/' || n, {{call}}, 'ended', {{at}}, 'm', 'S4', '{BODY}'",
    ),
    "missed_case": (
        20,
        """id, client, client_number, line_number, attempts, callbacks, first_at, last_at, due_at, task_id, status,
        origin, last_fact, version""",
        """{case}, {number}, {number}, '+442079460100', 1, 0, {at}, {at}, {at} + 14400, {task}, 'open', 'old/' || n,
        'old/' || n, 1""",
    ),
}
"""For how many contacts there is one row, its columns, and their values for the contact with the number `n`."""

KINDS = ("contact", "organisation", "lead", "task", "call", "case")
SPREAD, SPACE = 638_941_372_417, 1 << 52
"""An odd factor and a power of two: every `n` gets an id of its own, and neighbours get ids far apart."""


def filling(table: str, contacts: int, *, sqlite: bool) -> str:
    """The statement that fills this table."""
    every, columns, values = TABLES[table]
    values = values.format(**_words(sqlite=sqlite))
    if sqlite:
        last = f"FROM numbers WHERE n + {every} < {contacts}"
        numbers = f"WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + {every} {last})"
        return f'INSERT INTO "{table}" ({columns}) {numbers} SELECT {values} FROM numbers'
    series = f"generate_series(0::bigint, {contacts - 1}, {every}) AS numbers (n)"
    return f'INSERT INTO "{table}" ({columns}) SELECT {values} FROM {series}'


def _words(*, sqlite: bool) -> dict[str, str]:
    """SQL for the number, the ids and the rest of what belongs to the contact `n`."""
    pad = "printf('%07d', n)" if sqlite else "lpad(n::text, 7, '0')"
    words = {"number": f"('+1555' || {pad})", "at": f"({START - 1e8:.0f} + n * 5.0)"}
    words |= {"no": "0", "yes": "1"} if sqlite else {"no": "false", "yes": "true"}
    for place, kind in enumerate(KINDS):
        scattered = f"(n * {SPREAD} + {place * 7_777_777_777}) % {SPACE}"
        words[kind] = f"printf('%013x', {scattered})" if sqlite else f"lpad(to_hex({scattered}), 13, '0')"
    words["organisation"] = f"CASE n % 2 WHEN 0 THEN {words['organisation']} END"
    return words


def fill_sqlite(file: Path, contacts: int) -> None:
    """Rows first, indexes after them; nothing is safe until it is done."""
    base = sqlite3.connect(file, isolation_level=None)
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-4000000", "threads=2"):
        base.execute(f"PRAGMA {pragma}")
    names = ", ".join(f"'{table}'" for table in TABLES)
    indexes = base.execute(
        f"SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ({names})"
    ).fetchall()
    base.execute("BEGIN")
    for name, _ in indexes:
        base.execute(f'DROP INDEX "{name}"')
    for table in TABLES:
        base.execute(filling(table, contacts, sqlite=True))
    for _, sql in indexes:
        base.execute(sql)
    base.execute("COMMIT")
    base.execute("PRAGMA journal_mode=WAL")
    base.close()


def fill_postgres(server: PostgresServer, database: str, contacts: int) -> None:
    """The same, with keys made at the end, too; then what its own housekeeping would do at some quiet hour."""
    names = ", ".join(f"'{table}'" for table in TABLES)
    keys = server.ask(
        "SELECT format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid))"
        f" FROM pg_constraint WHERE contype = 'p' AND conrelid IN (SELECT to_regclass(quote_ident(name))"
        f" FROM unnest(ARRAY[{names}]) AS name)",
        database,
    )
    drops = server.ask(
        "SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname)"
        f" FROM pg_constraint WHERE contype = 'p' AND conrelid IN (SELECT to_regclass(quote_ident(name))"
        f" FROM unnest(ARRAY[{names}]) AS name)",
        database,
    )
    indexes = server.ask(
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexname LIKE 'ix%'"
        f" AND tablename IN ({names})",
        database,
    )
    dropped = server.ask(
        "SELECT format('DROP INDEX %I', indexname) FROM pg_indexes WHERE schemaname = 'public'"
        f" AND indexname LIKE 'ix%' AND tablename IN ({names})",
        database,
    )
    steps = [*drops.splitlines(), *dropped.splitlines()]
    # Made empty and filled in one transaction, a table needs no log of what it gets (wal_level=minimal).
    steps += [f'TRUNCATE "{table}"' for table in TABLES]
    steps += [filling(table, contacts, sqlite=False) for table in TABLES]
    steps += [*keys.splitlines(), *indexes.splitlines()]
    server.ask(f"SET maintenance_work_mem = '1GB'; BEGIN; {'; '.join(steps)}; COMMIT", database)
    server.ask("VACUUM (FREEZE, ANALYZE)", database)
    server.ask("CHECKPOINT", database)


@dataclass(slots=True, kw_only=True)
class Shop:
    """One open store with its lanes, and what the rounds on it cost (µs an event)."""

    contacts: int
    store: Store
    lanes: Lanes
    tally: Tally
    costs: list[Cost] = field(default_factory=list)

    async def handle(self, run: str, events: int, first_new: int, server: PostgresServer | None, country: str) -> None:
        """One round."""
        facts = mix_of_facts(events, run=run, known=self.contacts, first_new=first_new)
        for remembered in (read_number, lookup_keys, identity_of):
            remembered.cache_clear()
        handled = self.tally.handled
        with Meter(server) as meter:
            for start in range(0, events, COMMIT):
                piece = [NewEntry(event=f, lane=lane_of_event(f, country)) for f in facts[start : start + COMMIT]]
                async with self.store.writing() as conn:
                    await append_new(conn, piece)
                while await self.lanes.turn():
                    pass
        assert self.tally.handled - handled == events
        cost = meter.cost
        share = 1e6 / events
        self.costs.append(Cost(wall=cost.wall * share, cpu=cost.cpu * share, server=cost.server * share))


@contextlib.asynccontextmanager
async def opened(
    url: str, folder: Path, contacts: int, company: tuple[Configuration, Matrix, str]
) -> AsyncIterator[Shop]:
    configuration, matrix, text = company
    store = await Store.open(url, data_dir=folder)
    tally = Tally()
    lanes = Lanes(store, Clock(), configuration.company, matrix, text, bulletin=Bulletin(), tally=tally)
    try:
        yield Shop(contacts=contacts, store=store, lanes=lanes, tally=tally)
    finally:
        await store.close()


@contextlib.contextmanager
def filled(engine: str, sizes: Sequence[int], folder: Path) -> Iterator[tuple[PostgresServer | None, dict[int, str]]]:
    """The server, if it is one, and the URLs of the stores by their sizes."""
    if engine == "sqlite":
        for size in sizes:
            asyncio.run(migrate(SQLITE_URL, folder / str(size)))
            filling_told(engine, size, lambda size=size: fill_sqlite(folder / str(size) / "bridge.db", size))
        yield None, dict.fromkeys(sizes, SQLITE_URL)
        return
    with durable_postgres("wal_level=minimal", "max_wal_senders=0") as server:
        urls = {size: server.make(f"contacts{size}") for size in sizes}
        for size, url in urls.items():
            asyncio.run(migrate(url, folder))
            filling_told(engine, size, lambda size=size: fill_postgres(server, f"contacts{size}", size))
        yield server, urls


def filling_told(engine: str, size: int, fill: Callable[[], None]) -> None:
    begun = time.perf_counter()
    fill()
    print(f"  {engine}: {size:,} contacts filled in {time.perf_counter() - begun:.0f} s", flush=True)


async def measure(
    server: PostgresServer | None, urls: dict[int, str], folder: Path, wanted: argparse.Namespace
) -> list[Shop]:
    company = small_company(folder)
    country = company[0].company.country
    async with contextlib.AsyncExitStack() as stack:
        shops = [
            await stack.enter_async_context(opened(url, folder / str(size), size, company))
            for size, url in urls.items()
        ]
        for turn in range(wanted.rounds + 1):
            for shop in shops:
                await shop.handle(f"r{turn}", wanted.events, 1 + turn * wanted.events // 2, server, country)
            shops = shops[1:] + shops[:1]
        return sorted(shops, key=lambda shop: shop.contacts)


def tell(engine: str, shops: Sequence[Shop], wanted: argparse.Namespace) -> None:
    print(f"{engine}: {wanted.rounds} rounds of {wanted.events} events on each store, in turns; {the_machine()}")
    least = shops[0].costs[1:]
    for shop in shops:
        costs = shop.costs[1:]  # the first one warms up
        cpu = [cost.cpu + cost.server for cost in costs]
        small = [cost.cpu + cost.server for cost in least]
        ratio = middle([many / few for many, few in zip(cpu, small, strict=True)])
        wall = middle([many.wall / few.wall for many, few in zip(costs, least, strict=True)])
        server = f", the server's {middle([cost.server for cost in costs]):.0f}" if engine == "postgresql" else ""
        print(f"  {shop.contacts:>12,} contacts: CPU us/event {spread(cpu)}{server}")
        print(f"  {'':>12}            wall us/event {spread([cost.wall for cost in costs])}")
        print(f"  {'':>12}            beside the smallest: CPU {ratio:.2f}, wall {wall:.2f}")
        print(
            json.dumps(
                {"bench": "contacts", "engine": engine, "contacts": shop.contacts, "cpu": round(ratio, 2),
                 "wall": round(wall, 2)}
            )
        )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a hundred thousand at most, three rounds")
    parser.add_argument("--engine", choices=ENGINES, action="append")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--events", type=int, default=2000)
    wanted = parser.parse_args()
    if wanted.quick:
        wanted.sizes, wanted.rounds = [10_000, 100_000], 3
    quiet()
    for engine in wanted.engine or ENGINES:
        with folder_on_disk() as folder, filled(engine, sorted(wanted.sizes), folder) as (server, urls):
            tell(engine, asyncio.run(measure(server, urls, folder, wanted)), wanted)


if __name__ == "__main__":
    main()
