"""The ground that figures stand on: fresh stores of both kinds on one disk, a company, a mix of facts, what work cost.

The machine is never ours alone. So everything that is compared takes turns, what is told is the median of the rounds
with their spread, and beside the wall clock there is the CPU time, which a neighbour spoils less.
"""

import logging
import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from sys import path as places
from typing import Self

ROOT = Path(__file__).resolve().parent.parent
places.insert(0, str(ROOT))

import structlog  # noqa: E402

from bridge.config import Configuration, load_everything  # noqa: E402
from bridge.model.call import Direction, Outcome  # noqa: E402
from bridge.model.events import (  # noqa: E402
    CallAnswered,
    CallEnded,
    CallRecorded,
    CallRinging,
    CallStep,
)
from bridge.rules.rows import Matrix  # noqa: E402
from tests.postgres import PostgresServer, running  # noqa: E402

ENGINES = ("sqlite", "postgresql")
START = 1_790_000_000.0
SQLITE_URL = "sqlite:///bridge.db"
SETTINGS = ("shared_buffers=512MB", "max_wal_size=4GB", "max_connections=50")
"""Of PostgreSQL: what everybody changes first. It keeps its promises: fsync and the rest are as they are delivered."""

CONFIG = """
[bridge]
name = "Bench"
timezone = "Europe/London"
country = "GB"
data_dir = "{home}"
[store]
url = "{store}"
[web]
listen = "127.0.0.1:{port}"
anonymous = "read"
[policy]
settle = "0s"
senior = "olga"
top = "anna"
[scenarios]
file = "{matrix}"
[[employee]]
id = "jan"
name = "Jan Kowalski"
extensions = ["101"]
[[employee]]
id = "olga"
name = "Olga Senior"
role = "senior"
extensions = ["102"]
[[employee]]
id = "anna"
name = "Anna Top"
role = "top"
extensions = ["103"]
[[line]]
number = "+44 20 7946 0100"
name = "Main"
"""
LINE = "+442079460100"


def write_configuration(home: Path, *, store: str = SQLITE_URL, port: int = 0, sources: str = "") -> Path:
    """A small company's configuration with these sources."""
    home.mkdir(parents=True, exist_ok=True)
    path = home / "bridge.toml"
    matrix = ROOT / "config" / "scenarios.toml"
    path.write_text(CONFIG.format(home=home, store=store, port=port, matrix=matrix) + sources)
    return path


def small_company(home: Path) -> tuple[Configuration, Matrix, str]:
    """The same, read; and the text of its scenarios."""
    configuration, matrix = load_everything(write_configuration(home))
    return configuration, matrix, configuration.scenarios_path.read_text()


@contextmanager
def folder_on_disk() -> Iterator[Path]:
    """A folder for the stores, where PostgreSQL keeps its data, too (TMPDIR says where): both use the same disk."""
    with tempfile.TemporaryDirectory(prefix="bridge-bench-") as folder:
        yield Path(folder)


@contextmanager
def durable_postgres(*settings: str) -> Iterator[PostgresServer]:
    """A server that brings each commit to the disk before it says so."""
    with running(*SETTINGS, *settings) as server:
        assert server.ask("SHOW fsync") == server.ask("SHOW synchronous_commit") == "on"
        yield server


def number_of(client: int) -> str:
    """The number of a client of the store, in an area (+1 555) that nobody was ever given; below zero: of a new one."""
    if client >= 0:
        return f"+1555{client:07d}"
    return f"+1{200 + -client // 100}55501{-client % 100:02d}"  # 555-01xx is fiction in every area


MOST_NEW = 80_000


STORIES = ((0.35, "missed"), (0.75, "answered"), (0.85, "busy"), (1.0, "placed"))
"""How calls go, and up to which throw of the dice: ten out of them tell 27 facts."""


def facts_of_call(call: str, client: int, story: str, at: float) -> list[CallStep]:
    """What a platform pushes of one call."""

    def told(step: str, seconds: float) -> dict[str, object]:
        return {
            "event_id": f"{call}-{step}",
            "source": "bench",
            "occurred_at": at + seconds,
            "received_at": at + seconds,
            "platform_call_id": call,
            "direction": Direction.OUTBOUND if story == "placed" else Direction.INBOUND,
            "client_number": number_of(client),
            "client_name": f"Client {client}",
            "line_number": LINE,
        }

    if story == "missed":
        end = CallEnded(**told("end", 20), outcome=Outcome.MISSED, ring_seconds=20)
        return [CallRinging(**told("ring", 0)), end]
    if story == "busy":
        return [CallEnded(**told("end", 1), outcome=Outcome.BUSY)]
    ours = {"employee": "101"}
    talked = [
        CallAnswered(**told("pick", 6), **ours),
        CallEnded(**told("end", 66), **ours, outcome=Outcome.ANSWERED, ring_seconds=6, talk_seconds=60),
    ]
    if story == "placed":
        return talked
    recording = f"https://pbx.example/rec/{call}.mp3"
    return [CallRinging(**told("ring", 0)), *talked, CallRecorded(**told("rec", 70), recording_url=recording)]


def mix_of_facts(events: int, *, run: str, known: int, new: float = 0.5, first_new: int = 1) -> list[CallStep]:
    """So many facts in the order of their arrival, some calls at a time; the same throws of the dice for each `run`.

    A share of `new` calls comes from clients that no store knows, numbered from `first_new`, the others from any of
    `known` clients.
    """
    chance = random.Random(run)
    found: list[CallStep] = []
    call = 0
    while len(found) < events:
        who, which, dice = chance.random(), chance.random(), chance.random()
        client = -(first_new + call) % -MOST_NEW if who < new else int(which * known)
        story = next(name for most, name in STORIES if dice < most)
        found += facts_of_call(f"{run}-{call}", client, story, START + call / 10)
        call += 1
    return sorted(found[:events], key=lambda fact: fact.received_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Seconds: by the clock, of our CPU, and of the database server's CPU."""

    wall: float
    cpu: float
    server: float = 0.0


class Meter:
    """Measures a block of work: `with Meter(server) as meter: …`, then `meter.cost`."""

    cost: Cost

    def __init__(self, server: PostgresServer | None = None) -> None:
        self._server = server

    def __enter__(self) -> Self:
        self._before = self._now()
        return self

    def __exit__(self, *_problem: object) -> None:
        wall, cpu, server = (now - then for now, then in zip(self._now(), self._before, strict=True))
        self.cost = Cost(wall=wall, cpu=cpu, server=server)

    def _now(self) -> tuple[float, float, float]:
        server = cpu_of_family(self._server.pid) if self._server is not None else 0.0
        return time.perf_counter(), time.process_time(), server


def cpu_of_family(pid: int) -> float:
    """CPU seconds of this process, its children, and those of its children that have ended."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sum(_cpu_of(int(each)) for each in (pid, *children))


def _cpu_of(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def middle(values: Sequence[float]) -> float:
    return statistics.median(values)


def spread(values: Sequence[float]) -> str:
    """The median, and how far the rounds lie apart: the noise of the machine."""
    low, high = min(values), max(values)
    return f"{middle(values):9.1f} ({low:.1f} to {high:.1f})"


def the_machine() -> str:
    """The load that the figures were taken under."""
    one, five, _ = os.getloadavg()
    return f"{os.cpu_count()} processors, load {one:.1f} (last minute) {five:.1f} (five minutes)"


def quiet() -> None:
    """No log lines: the daemon writes one for each verdict, which is measured where the daemon is."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
