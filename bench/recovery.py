"""How long the daemon needs for a hundred thousand facts that were acknowledged but not handled when it went down.

    python bench/recovery.py [--quick] [--engine sqlite] [--events 100000] [--rounds 3]

The facts lie in the journal; then the whole daemon is started: seconds until /readyz is good (new facts are taken from
then on, while the old ones are being handled), seconds until the journal is empty, its CPU and its largest memory.
"""

import argparse
import asyncio
import json
import re
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ground import (
    ENGINES,
    SQLITE_URL,
    cpu_of_family,
    durable_postgres,
    folder_on_disk,
    middle,
    mix_of_facts,
    quiet,
    spread,
    the_machine,
    write_configuration,
)

from bridge.flow.identity import lane_of_event
from bridge.store.engine import Store
from bridge.store.journal import NewEntry, append_new
from bridge.store.migrate import migrate
from tests.postgres import PostgresServer, free_port

CLIENTS = 20_000
COMMIT = 1000
PENDING = "SELECT count(*) FROM (SELECT 1 FROM event WHERE state = 'pending' ORDER BY id LIMIT 1) AS oldest"
HANDLED = "SELECT (SELECT count(*) FROM event WHERE state = 'done') || ' ' || (SELECT count(*) FROM verdict)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """Seconds from the start of the process; the CPU is ours and the server's."""

    ready: float
    empty: float
    cpu: float
    server: float
    peak_mib: float


async def leave_behind(url: str, folder: Path, events: int) -> None:
    """A store with so many facts that nobody has handled."""
    await migrate(url, folder)
    store = await Store.open(url, data_dir=folder)
    facts = mix_of_facts(events, run="recovery", known=CLIENTS)
    for start in range(0, events, COMMIT):
        async with store.writing() as conn:
            piece = facts[start : start + COMMIT]
            await append_new(conn, [NewEntry(event=fact, lane=lane_of_event(fact, "GB")) for fact in piece])
    await store.close()


def recover(path: Path, port: int, ask: Callable[[str], str], server: PostgresServer | None, events: int) -> Recovery:
    command = [str(Path(sys.executable).with_name("bridge")), "run", "-c", str(path)]
    served = cpu_of_family(server.pid) if server is not None else 0.0
    begun = time.perf_counter()
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        while not is_ready(port):
            assert process.poll() is None, process.returncode
            time.sleep(0.02)
        ready = time.perf_counter() - begun
        while int(ask(PENDING)):
            time.sleep(0.5)  # psql is a process each time
        empty = time.perf_counter() - begun
        cpu = cpu_of_family(process.pid)
        status = Path(f"/proc/{process.pid}/status").read_text()
        done, verdicts = map(int, ask(HANDLED).split())
        assert done == events, (done, verdicts)
        assert verdicts >= events / 4, (done, verdicts)
        return Recovery(
            ready=ready,
            empty=empty,
            cpu=cpu,
            server=cpu_of_family(server.pid) - served if server is not None else 0.0,
            peak_mib=int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) / 1024,
        )
    finally:
        process.terminate()
        process.wait()


def is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.HTTPError, OSError):
        return False


@contextmanager
def left_behind(folder: Path, events: int, server: PostgresServer | None) -> Iterator[tuple[str, Callable[[str], str]]]:
    """The URL of such a store, and a way to ask it."""
    url = SQLITE_URL
    if server is not None:
        url = server.make(folder.name)
    asyncio.run(leave_behind(url, folder, events))
    if server is not None:
        server.ask("VACUUM ANALYZE", folder.name)  # as its own housekeeping would have, long before
        yield url, lambda sql: server.ask(sql, folder.name)
        return
    reader = sqlite3.connect(folder / "bridge.db")
    yield url, lambda sql: str(reader.execute(sql).fetchone()[0])
    reader.close()


def measure(engine: str, wanted: argparse.Namespace, folder: Path, server: PostgresServer | None) -> list[Recovery]:
    found = []
    for turn in range(wanted.rounds):
        home = folder / f"{engine}{turn}"
        home.mkdir()
        with left_behind(home, wanted.events, server) as (url, ask):
            port = free_port()
            path = write_configuration(home, store=url, port=port)
            found.append(recover(path, port, ask, server, wanted.events))
    return found


def tell(engine: str, events: int, found: list[Recovery]) -> None:
    print(f"{engine}: {events} facts left behind, {len(found)} rounds; {the_machine()}")
    print(f"  ready after s       {spread([each.ready for each in found])}")
    print(f"  journal empty after {spread([each.empty for each in found])}")
    print(f"  facts a second      {spread([events / each.empty for each in found])}")
    print(f"  CPU us/fact         {spread([each.cpu / events * 1e6 for each in found])}")
    print(f"  the server's        {spread([each.server / events * 1e6 for each in found])}")
    print(f"  largest memory MiB  {spread([each.peak_mib for each in found])}")
    seconds = round(middle([each.empty for each in found]), 1)
    print(json.dumps({"bench": "recovery", "engine": engine, "events": events, "seconds": seconds}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="ten thousand facts, once")
    parser.add_argument("--engine", choices=ENGINES, action="append")
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args()
    if wanted.quick:
        wanted.events, wanted.rounds = 10_000, 1
    quiet()
    for engine in wanted.engine or ENGINES:
        with folder_on_disk() as folder:
            if engine == "sqlite":
                tell(engine, wanted.events, measure(engine, wanted, folder, None))
                continue
            with durable_postgres() as server:
                tell(engine, wanted.events, measure(engine, wanted, folder, server))


if __name__ == "__main__":
    main()
