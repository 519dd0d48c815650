"""How soon another node holds the line to a PBX when the one that held it is killed, stands still or is cut off.

    python bench/takeover.py [--quick] [--times 10]

Two whole daemons share a PostgreSQL, and both want the line to one PBX (a manager port of our own that takes their
login). What is measured is the time from the harm to the other's login. The harms: kill -9; SIGSTOP; and a cut-off,
where nothing passes between the holder and PostgreSQL any more though no connection is closed, while it still reaches
the PBX. Afterwards the harm is undone, and the next one waits until the former holder stands by. The aim is five
seconds at most.
"""

import argparse
import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from ground import durable_postgres, folder_on_disk, middle, the_machine, write_configuration

from tests.postgres import PostgresServer, free_port
from tests.sources.fake_asterisk import FakeAsterisk

SOURCE = """
[[source]]
id = "pbx"
kind = "ami"
host = "127.0.0.1"
port = {port}
username = "bridge"
secret = "s3cret"
trunks = ["trunk"]
"""
PATIENCE = 60.0
LOOK_SECONDS = 0.01
HARMS = ("killed", "stopped", "cut off")


class Wire:
    """What leads from one node to PostgreSQL; while it is `cut` nothing passes, and nobody is told."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._whole = asyncio.Event()
        self._whole.set()

    @asynccontextmanager
    async def laid(self) -> AsyncIterator["Wire"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    def cut(self) -> None:
        self._whole.clear()

    def mend(self) -> None:
        self._whole.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.CancelledError):  # the end of the bench
            await self._whole.wait()
            there, back = await asyncio.open_connection("127.0.0.1", self._to)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._pass_on(reader, back))
                tasks.create_task(self._pass_on(there, writer))

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await self._whole.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


@dataclass(slots=True)
class Node:
    """One daemon."""

    path: Path
    port: int
    wire: Wire
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [str(Path(sys.executable).with_name("bridge")), "run", "-c", str(self.path)]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        if number is signal.SIGKILL:
            self.process.wait()

    async def state(self, web: aiohttp.ClientSession) -> str:
        """How the line is, as this node says."""
        try:
            async with web.get(f"http://127.0.0.1:{self.port}/readyz") as answer:
                told: dict[str, Any] = await answer.json()
                return str(told["sources"][0]["state"])
        except (aiohttp.ClientError, TimeoutError):
            return "silent"

    async def becomes(self, state: str, web: aiohttp.ClientSession) -> None:
        async with asyncio.timeout(PATIENCE):
            while await self.state(web) != state:  # noqa: ASYNC110 # another process has no event to wait for
                await asyncio.sleep(0.1)


def harm(node: Node, how: str) -> None:
    match how:
        case "killed":
            node.send(signal.SIGKILL)
        case "stopped":
            node.send(signal.SIGSTOP)
        case _:
            node.wire.cut()


def heal(node: Node, how: str) -> None:
    match how:
        case "killed":
            node.start()
        case "stopped":
            node.send(signal.SIGCONT)
        case _:
            node.wire.mend()


def logins(pbx: FakeAsterisk) -> int:
    return sum(heard["action"].lower() == "login" for heard in pbx.heard)


async def once(holder: Node, other: Node, how: str, pbx: FakeAsterisk, web: aiohttp.ClientSession) -> float:
    """Seconds from the harm to the other's login; everything is as before then, with the roles changed."""
    await holder.becomes("connected", web)
    await other.becomes("standby", web)
    before = logins(pbx)
    begun = time.perf_counter()
    harm(holder, how)
    async with asyncio.timeout(PATIENCE):
        while logins(pbx) == before:  # noqa: ASYNC110 # the other end of this line is another process
            await asyncio.sleep(LOOK_SECONDS)
    taken = time.perf_counter() - begun
    await other.becomes("connected", web)
    heal(holder, how)
    return taken


async def measure(server: PostgresServer, folder: Path, times: int) -> dict[str, list[float]]:
    url = server.make("takeover")
    async with AsyncExitStack() as stack:
        pbx = await stack.enter_async_context(FakeAsterisk())
        web = await stack.enter_async_context(aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)))
        nodes: list[Node] = []
        for name in ("a", "b"):
            wire = await stack.enter_async_context(Wire(server.port).laid())
            port = free_port()
            store = url.replace(f":{server.port}/", f":{wire.port}/")
            path = write_configuration(folder / name, store=store, port=port, sources=SOURCE.format(port=pbx.port))
            nodes.append(Node(path, port, wire))
        holder, other = nodes
        taken: dict[str, list[float]] = {how: [] for how in HARMS}
        try:
            holder.start()
            await holder.becomes("connected", web)
            other.start()
            for turn in range(times * len(HARMS)):
                how = HARMS[turn % len(HARMS)]
                taken[how].append(await once(holder, other, how, pbx, web))
                holder, other = other, holder
        finally:
            for node in nodes:
                node.wire.mend()
                if node.process is not None:
                    node.send(signal.SIGKILL)
        return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two of each")
    parser.add_argument("--times", type=int, default=10)
    wanted = parser.parse_args()
    times = 2 if wanted.quick else wanted.times
    with folder_on_disk() as folder, durable_postgres() as server:
        taken = asyncio.run(measure(server, folder, times))
    print(f"seconds until the other node has logged in to the PBX, {times} times each; {the_machine()}")
    for how, seconds in taken.items():
        print(f"  {how:10} median {middle(seconds):5.2f}   most {max(seconds):5.2f}")
        print(json.dumps({"bench": "takeover", "harm": how, "median": round(middle(seconds), 2),
                          "most": round(max(seconds), 2)}))  # fmt: skip


if __name__ == "__main__":
    main()
