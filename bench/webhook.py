"""From HTTP request to committed verdict and records, beside a bare loop that only stores the bodies.

    python bench/webhook.py [--calls 4000] [--rounds 3]

Three programs get the same requests from the same load generator (a process of its own, keep-alive connections, each
waits for its answer before it sends the next), alternating within one run:

* callbridge: the whole daemon; its time runs until every call has its verdict and records on disk;
* bare: an aiohttp handler that parses the JSON, appends to a queue and answers after one task has inserted the batch
  into SQLite (WAL, `synchronous=FULL`);
* bare, hasty: the same, but it answers before anything is on disk.

Every call is a missed call of a new client, the dearest kind: contact, organisation, lead, task, case, verdict.
Prints calls per second, the ratios, and p50/p99 of the answer.
"""

import argparse
import asyncio
import json
import multiprocessing
import multiprocessing.connection
import pathlib
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from ground import cpu_of_family, write_configuration

TOKEN = "bench-token"  # noqa: S105  # no secret: it lives as long as the run
HERE = pathlib.Path(__file__).parent


def body(run: int, number: int) -> bytes:
    """A missed call of a client who has never called before, as the generic dialect writes it."""
    call = f"b{run}-{number}"
    return json.dumps(
        {
            "event_id": f"{call}-end", "type": "call.ended", "call_id": call,
            "occurred_at": "2026-11-22T10:15:30+00:00", "direction": "inbound",
            "client_number": f"+1{200 + number // 100}55501{number % 100:02d}",  # 555-01xx is fiction in every area
            "line_number": "+442079460100", "outcome": "missed", "ring_seconds": 12,
        }
    ).encode()  # fmt: skip


class Connection(asyncio.Protocol):
    """One keep-alive connection: sends the next request when the last one is answered."""

    def __init__(self, path: str, bodies: list[bytes], latencies: list[float], done: asyncio.Future[None]) -> None:
        self.head = (
            f"POST {path} HTTP/1.1\r\nHost: b\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
        )
        self.bodies, self.latencies, self.done = bodies, latencies, done
        self.seen = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.send()

    def send(self) -> None:
        if not self.bodies:
            self.transport.close()
            self.done.set_result(None)
            return
        data = self.bodies.pop()
        self.started = time.perf_counter()
        self.transport.write(f"{self.head}Content-Length: {len(data)}\r\n\r\n".encode() + data)

    def data_received(self, data: bytes) -> None:
        self.seen += data
        head, found, rest = self.seen.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        if len(rest) < length:
            return
        if not head.startswith(b"HTTP/1.1 202"):
            self.done.set_exception(RuntimeError(self.seen[:300].decode()))
            return
        self.latencies.append(time.perf_counter() - self.started)
        self.seen = b""
        self.send()


async def load(port: int, path: str, run: int, calls: int, connections: int) -> tuple[float, list[float]]:
    """Sends the calls; the wall clock when the first request left, and each answer's latency."""
    loop = asyncio.get_running_loop()
    bodies = [body(run, number) for number in range(calls)]
    latencies: list[float] = []
    started, finished = time.time(), []
    for part in range(connections):
        done = loop.create_future()
        await loop.create_connection(
            lambda p=part, d=done: Connection(path, bodies[p::connections], latencies, d), "127.0.0.1", port
        )
        finished.append(done)
    for done in finished:
        await done
    return started, latencies


def load_in_a_process(pipe: multiprocessing.connection.Connection, *wanted: object) -> None:
    """What the load generator's process runs."""
    pipe.send(asyncio.run(load(*wanted)))


def fire(port: int, path: str, run: int, calls: int, connections: int) -> tuple[float, list[float]]:
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=load_in_a_process, args=(theirs, port, path, run, calls, connections)
    )
    process.start()
    theirs.close()
    result = ours.recv()
    process.join()
    return result


SOURCE = f"""
[[source]]
id = "bench"
kind = "webhook"
dialect = "generic"
token = "{TOKEN}"
per_second = 1000000
burst = 1000000
"""


def answers(port: int, path: str = "/metrics") -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return answer.read().decode()


def start(command: list[str], port: int, path: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    for _ in range(300):
        if process.poll() is not None:
            raise RuntimeError(f"{command} ended with {process.returncode}")
        try:
            answers(port, path)
        except urllib.error.HTTPError:
            return process
        except OSError:
            time.sleep(0.05)
        else:
            return process
    raise RuntimeError(f"{command} does not answer")


def bare(
    kind: str, home: pathlib.Path, run: int, calls: int, connections: int, port: int
) -> tuple[float, list[float], float]:
    base = home / f"{kind}-{run}.db"
    process = start([sys.executable, str(HERE / "bare_loop.py"), kind, str(base), str(port)], port, "/")
    try:
        before = cpu_of_family(process.pid)
        started, latencies = fire(port, "/hooks/bench", run, calls, connections)
        reader = sqlite3.connect(base)
        while reader.execute("SELECT count(*) FROM event").fetchone()[0] < calls:
            time.sleep(0.005)
        return calls / (time.time() - started), latencies, cpu_of_family(process.pid) - before
    finally:
        process.terminate()
        process.wait()


def ours(home: pathlib.Path, run: int, calls: int, connections: int, port: int) -> tuple[float, list[float], float]:
    path = write_configuration(home / f"bridge-{run}", port=port, sources=SOURCE)
    process = start([str(pathlib.Path(sys.executable).with_name("bridge")), "run", "-c", str(path)], port, "/healthz")
    try:
        before = cpu_of_family(process.pid)
        started, latencies = fire(port, "/hooks/bench", run, calls, connections)
        reader = sqlite3.connect(path.with_name("bridge.db"))
        want = "SELECT count(*) FROM verdict WHERE occasion = 'ended'"
        patience = time.time() + 120
        while reader.execute(want).fetchone()[0] < calls and time.time() < patience:
            time.sleep(0.005)
        ended = time.time()
        for table in ("lead", "contact", "organisation", "task", "missed_case", "verdict", "call"):
            found = reader.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            if found != calls:
                raise RuntimeError(f"{found} rows of {table} after {calls} calls")
        return calls / (ended - started), latencies, cpu_of_family(process.pid) - before
    finally:
        process.terminate()
        process.wait()


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--port", type=int, default=18099)
    wanted = parser.parse_args()
    run = 0
    for connections in (16, 64):
        rates: dict[str, list[float]] = {"callbridge": [], "bare": [], "bare, hasty": []}
        times: dict[str, list[float]] = {name: [] for name in rates}
        cpu: dict[str, list[float]] = {name: [] for name in rates}
        with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as home:
            for _ in range(wanted.rounds):
                for name, measure in (
                    ("callbridge", lambda *a: ours(pathlib.Path(home).resolve(), *a)),
                    ("bare", lambda *a: bare("durable", pathlib.Path(home).resolve(), *a)),
                    ("bare, hasty", lambda *a: bare("hasty", pathlib.Path(home).resolve(), *a)),
                ):
                    run += 1
                    rate, latencies, used = measure(run, wanted.calls, connections, wanted.port)
                    rates[name].append(rate)
                    times[name] += latencies
                    cpu[name].append(used / wanted.calls * 1e6)
        print(f"{connections} connections, {wanted.calls} calls, {wanted.rounds} rounds (medians)")
        for name, found in rates.items():
            share = statistics.median(o / b for o, b in zip(rates["callbridge"], found, strict=True))
            print(
                f"  {name:12s} {statistics.median(found):7.0f} calls/s"
                f"   answer p50 {percentile(times[name], 0.5):6.1f} ms  p99 {percentile(times[name], 0.99):6.1f} ms"
                f"   {statistics.median(cpu[name]):5.0f} us CPU a call"
                f"   callbridge is {share:.2f} of it"
            )


if __name__ == "__main__":
    main()
