"""Three nodes, a PostgreSQL and the platforms that push to them, each in a network namespace of its own.

The hub holds the server, the senders and a PBX. Every node has two wires to it, one to the database and one to the
rest of the world, so that it can be cut off from the one and not from the other. Needs root.
"""

import contextlib
import ctypes
import http.client
import json
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random  # noqa: TID251 # the tests bring their own chance, and tell it
from time import monotonic, sleep
from typing import Self

from tests.daemon.process import SETTINGS, TOKEN, Bridge
from tests.faults.load import PATIENCE, Fact, Load, Row, asking_server
from tests.postgres import PostgresServer, running

HUB_DATABASE, HUB_WORLD = "192.0.2.1", "198.51.100.1"
PORT = 8080
SYNCED = ("max_connections=100", "fsync=on")


def _ip(*words: str, inside: str | None = None) -> None:
    namespace = ["ip", "netns", "exec", inside] if inside else []
    subprocess.run([*namespace, "ip", *words], check=True, capture_output=True, text=True)


class Net:
    """The hub and its wires; everything in it is gone when it is left."""

    def __init__(self) -> None:
        self.name = f"cb{os.getpid()}"
        self.hub = f"{self.name}h"
        self.nodes: list[str] = []

    def __enter__(self) -> Self:
        self._make(self.hub)
        for wire, address in (("db", HUB_DATABASE), ("lan", HUB_WORLD)):
            _ip("link", "add", wire, "type", "bridge", inside=self.hub)
            _ip("addr", "add", f"{address}/24", "dev", wire, inside=self.hub)
            _ip("link", "set", wire, "up", inside=self.hub)
        return self

    def __exit__(self, *_told: object) -> None:
        for namespace in (*self.nodes, self.hub):
            _ip("netns", "del", namespace)

    def _make(self, namespace: str) -> None:
        _ip("netns", "add", namespace)
        _ip("link", "set", "lo", "up", inside=namespace)

    def wire(self, number: int) -> str:
        """A namespace for this node, wired to the hub."""
        namespace = f"{self.name}n{number}"
        self._make(namespace)
        self.nodes.append(namespace)
        for wire, network in (("db", "192.0.2"), ("lan", "198.51.100")):
            port = f"{wire}{number}"
            _ip("link", "add", port, "type", "veth", "peer", "name", wire, "netns", namespace, inside=self.hub)
            _ip("link", "set", port, "master", wire, "up", inside=self.hub)
            _ip("addr", "add", f"{network}.{10 + number}/24", "dev", wire, inside=namespace)
            _ip("link", "set", wire, "up", inside=namespace)
        return namespace

    def cut(self, number: int, wire: str = "db") -> None:
        """Nothing passes between this node and the hub, and nobody is told."""
        _ip("link", "set", f"{wire}{number}", "down", inside=self.hub)

    def mend(self, number: int, wire: str = "db") -> None:
        _ip("link", "set", f"{wire}{number}", "up", inside=self.hub)

    def enter(self) -> None:
        """From now on this thread lives in the hub (setns(2); it concerns the calling thread only)."""
        with Path(f"/var/run/netns/{self.hub}").open() as handle:
            if ctypes.CDLL(None, use_errno=True).setns(handle.fileno(), 0):
                raise OSError(ctypes.get_errno(), "setns")


class Node(Bridge):
    """One daemon in its namespace."""

    patience = 90.0  # three of them are loaded at once, on two cores

    def __init__(self, folder: Path, number: int, namespace: str, url: str, more: str = "") -> None:
        folder.mkdir(parents=True)
        settings = SETTINGS.replace('listen = "127.0.0.1:0"', f'listen = "0.0.0.0:{PORT}"')
        settings = settings.replace('anonymous = "read"', 'anonymous = "none"')
        super().__init__(folder, f"{settings}\n[store]\nurl = {json.dumps(url)}\n{more}")
        self.number = number
        self.address = f"198.51.100.{10 + number}"
        self._namespace = namespace

    def words(self) -> list[str]:
        return ["ip", "netns", "exec", self._namespace, *super().words()]

    def start(self) -> None:
        self.launch()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(signal.SIGTERM)
            # SIGTERM ends it at once while it is still being loaded.
            assert self.process.wait(PATIENCE) in {0, -signal.SIGTERM}, self.log[-20:]


class Cluster:
    """Nodes on one server."""

    def __init__(self, net: Net, server: PostgresServer, folder: Path, more: str = "") -> None:
        self.net = net
        self.server = server
        self.url = server.make("bridge")
        self.nodes = [Node(folder / str(n), n, net.wire(n), self.url, more) for n in range(3)]

    def ask(self, question: str) -> Sequence[Row]:
        return asking_server(self.server, "bridge")(question)


@contextlib.contextmanager
def cluster(folder: Path, more: str = "", *, of: int = 3) -> Iterator[Cluster]:
    """Three nodes at work."""
    with Net() as net, running(*SYNCED, host=HUB_DATABASE, prefix=("ip", "netns", "exec", net.hub)) as server:
        made = Cluster(net, server, folder, more)
        del made.nodes[of:]
        try:
            for node in made.nodes:
                node.start()
            for node in made.nodes:
                node.hears("bridge.started")
            yield made
        finally:
            for node in made.nodes:
                with contextlib.suppress(ProcessLookupError):
                    node.process.send_signal(signal.SIGCONT)
                node.stop()


class ClusterLoad(Load):
    """Senders in the hub, each of whom tries another node whenever one does not answer, as behind a balancer."""

    def __init__(
        self, net: Net, nodes: Sequence[Node], facts: list[list[Fact]], chance: Random, *, rest: float = 0.0
    ) -> None:
        super().__init__(nodes[0], facts, chance)
        self._rest = rest
        self._net = net
        self._addresses = [node.address for node in nodes]

    def _send(self, clients: Sequence[list[Fact]], chance: Random) -> None:
        self._net.enter()
        super()._send(clients, chance)

    def _push(self, facts: Sequence[Fact]) -> bool:
        sleep(self._rest)
        address = self._addresses[hash((facts[0]["event_id"], monotonic())) % len(self._addresses)]
        line = http.client.HTTPConnection(address, PORT, timeout=3)
        with contextlib.closing(line):
            line.request("POST", "/hooks/shop", json.dumps(facts), {"Authorization": f"Bearer {TOKEN}"})
            status = line.getresponse().status
            assert status in {202, 503}, status
            return status == 202
