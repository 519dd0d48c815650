"""The real daemon in a process of its own, and people who talk to it over HTTP and on the command line."""

import contextlib
import json
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

from tests.daemon.forked import Launched, finished

CONFIG = Path(__file__).parents[2] / "config"
BRIDGE = str(Path(sys.executable).with_name("bridge"))
PATIENCE = 45.0
TOKEN = "platform-token"

SETTINGS = """
[bridge]
name = "Acme"
timezone = "Europe/London"
country = "GB"
data_dir = "data"

[web]
listen = "127.0.0.1:0"
anonymous = "read"

[policy]
senior = "olga"
top = "anna"
settle = "0s"

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
name = "Sales"

[[source]]
id = "shop"
kind = "webhook"
token = { env = "SHOP_TOKEN" }
"""


class Bridge:
    """One configured bridge in a folder; `started` runs it, as the command that people type."""

    patience = PATIENCE

    def __init__(self, folder: Path, settings: str = SETTINGS) -> None:
        self.folder = folder
        self.path = folder / "bridge.toml"
        self.path.write_text(settings)
        self.matrix = folder / "scenarios.toml"
        shutil.copy(CONFIG / "scenarios.toml", self.matrix)
        self.environment = {"SHOP_TOKEN": TOKEN, "PATH": "/usr/bin:/bin", "HOME": str(folder)}
        self.process: subprocess.Popen[str] | Launched | None = None
        self.said: Queue[dict[str, Any]] = Queue()
        self.log: list[dict[str, Any]] = []
        self.port = 0

    def command(self, *words: str, patience: float = PATIENCE) -> subprocess.CompletedProcess[str]:
        """`bridge words… --config …`, finished."""
        line = [BRIDGE, *words, "--config", str(self.path)]
        return subprocess.run(
            line, capture_output=True, text=True, timeout=patience, env=self.environment, check=False, cwd=self.folder
        )

    @contextlib.contextmanager
    def started(self) -> Iterator["Bridge"]:
        """Run until the block is left; SIGTERM then, and it must end well."""
        self.start()
        try:
            yield self
        finally:
            self.stop()

    def words(self) -> list[str]:
        """The command that runs it."""
        return [BRIDGE, "run", "--config", str(self.path)]

    def launch(self) -> None:
        """Start it and wait for nothing."""
        self.process = subprocess.Popen(
            self.words(),
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
            cwd=self.folder,
        )
        self._listen()

    def _listen(self) -> None:
        self.said = Queue()
        Thread(target=self._read, args=(self.process, self.said), daemon=True).start()

    def start(self) -> None:
        self.launch()
        self.port = int(re.search(r":(\d+)$", self.hears("bridge.started")["listen"]).group(1))

    def _read(self, process: subprocess.Popen[str] | Launched, said: Queue[dict[str, Any]]) -> None:
        for line in process.stderr:
            entry = json.loads(line) if line.startswith("{") else {"event": line.strip()}
            self.log.append(entry)
            said.put(entry)
        process.stderr.close()
        said.put({"event": "(the end)"})

    def hears(self, event: str) -> dict[str, Any]:
        """The next log entry with this name; everything before it is passed over."""
        while True:
            entry = self.said.get(timeout=self.patience)
            if entry["event"] == event:
                return entry
            if entry["event"] == "(the end)":
                raise AssertionError(f"{event} was never logged; it said {self.log}")

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(PATIENCE) == 0, self.log

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)
        while self.said.get(timeout=PATIENCE)["event"] != "(the end)":
            pass

    def reload(self) -> None:
        self.process.send_signal(signal.SIGHUP)

    def get(self, path: str, **headers: str) -> tuple[int, Any]:
        return self._ask(urllib.request.Request(self.url(path), headers=headers))

    def push(self, *events: dict[str, Any], token: str = TOKEN) -> tuple[int, Any]:
        data = json.dumps(events).encode()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        return self._ask(urllib.request.Request(self.url("/hooks/shop"), data=data, headers=headers))

    def post(self, path: str, token: str) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self._ask(urllib.request.Request(self.url(path), data=b"", headers=headers, method="POST"))

    def figure(self, metric: str) -> float:
        """A metric that has no labels."""
        return float(re.search(rf"^{metric} (\S+)$", self.get("/metrics")[1], re.MULTILINE).group(1))

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    @staticmethod
    def _ask(request: urllib.request.Request) -> tuple[int, Any]:
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status, _content(answer.read())
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, _content(refusal.read())

    def items(self, path: str) -> list[dict[str, Any]]:
        status, answer = self.get(path)
        assert status == 200, answer
        return answer["items"]


class QuickBridge(Bridge):
    """The same without the seconds that the interpreter takes for its imports."""

    def command(self, *words: str, patience: float = PATIENCE) -> subprocess.CompletedProcess[str]:
        words = (*words, "--config", str(self.path))
        return finished(words, env=self.environment, cwd=self.folder, timeout=patience)

    def launch(self) -> None:
        self.process = Launched(["run", "--config", str(self.path)], env=self.environment, cwd=self.folder)
        self._listen()


def _content(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode()


def ended(call: str, number: str = "+447700900123", **more: Any) -> dict[str, Any]:
    """`call.ended` of a missed call, unless more is said."""
    return {
        "event_id": f"{call}-end", "type": "call.ended", "call_id": call, "occurred_at": "2026-11-22T10:15:30+00:00",
        "direction": "inbound", "client_number": number, "line_number": "+442079460100", "outcome": "missed", **more,
    }  # fmt: skip
