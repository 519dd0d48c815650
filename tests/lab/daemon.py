"""The daemon as a process of its own, and its API as the stage asks it."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

CONFIG = """
[bridge]
name = "Lab"
country = "GB"
timezone = "Europe/London"
data_dir = "{data}"

[web]
listen = "127.0.0.1:{web}"
anonymous = "read"

[policy]
senior = "dan"
top = "eva"
settle = "1s"
outbound.min_talk = "1s"
blocked_numbers = ["+44 7700 900666"]

[[employee]]
id = "ann"
name = "Ann Agent"
extensions = ["101"]

[[employee]]
id = "boris"
name = "Boris Agent"
extensions = ["102"]

[[employee]]
id = "celia"
name = "Celia Agent"
extensions = ["103"]

[[employee]]
id = "dan"
name = "Dan Senior"
role = "senior"
extensions = ["104"]
phones = ["+44 7700 900555"]

[[employee]]
id = "eva"
name = "Eva Top"
role = "top"
extensions = ["105"]

[[employee]]
id = "fred"
name = "Fred Frontdesk"
extensions = ["106"]

{lines}

[[source]]
id = "pbx"
kind = "ami"
port = {ami}
username = "callbridge"
secret = {{ env = "LAB_AMI_SECRET" }}
filter = false
trunks = ["trunk", "trunkb"]
recordings = "https://pbx.example/monitor/{{file}}"
voicemails = "https://pbx.example/voicemail/{{file}}.wav"
{more}
"""
LINES = ("101", "102", "103", "104", "111", "200", "300", "302", "400", "500", "600", "901", "100")
POLL = 0.1
"""Seconds between two questions to the daemon; the stage waits for other processes, so it has to ask again."""


class Daemon:
    """`bridge run` on a configuration of its own; `more` is what it says of the source besides."""

    def __init__(self, folder: Path, *, ami: int, web: int, more: str = "") -> None:
        self.folder = folder
        self.base = f"http://127.0.0.1:{web}"
        self.config = folder / "bridge.toml"
        lines = "\n".join(f'[[line]]\nnumber = "+442079460{digits}"\nname = "{digits}"' for digits in LINES)
        self.config.write_text(CONFIG.format(data=folder / "data", web=web, ami=ami, lines=lines, more=more))
        (folder / "data").mkdir()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = Path(sys.executable).parent / "bridge"
        with (self.folder / "bridge.log").open("ab") as log:
            self.process = subprocess.Popen(
                [program, "run", "--config", self.config],
                stdout=log,
                stderr=log,
                env={**os.environ, "LAB_AMI_SECRET": "callbridge-secret"},  # noqa: TID251  # a child's environment
            )
        self.until("the line to the PBX is held", self.ready, 20)

    def ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"the daemon ended, see {self.folder}/bridge.log:\n{self.log()[-3000:]}"
        try:
            answer = self.get("/readyz")
        except (urllib.error.URLError, ConnectionError):
            return False
        return answer["ready"] and all(source["state"] == "connected" for source in answer["sources"])

    def log(self) -> str:
        return (self.folder / "bridge.log").read_text()

    def kill(self) -> None:
        """SIGKILL: what is not on disk now never was."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)

    def get(self, path: str, **query: str):
        url = f"{self.base}{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        with urllib.request.urlopen(url, timeout=10) as answer:  # our own daemon
            return json.load(answer) if "json" in answer.headers["Content-Type"] else answer.read().decode()

    def items(self, path: str, **query: str) -> list[dict]:
        """A whole list, every page of it, newest first."""
        found, cursor = [], None
        while True:
            page = self.get(path, **query, limit="100", **({"cursor": cursor} if cursor else {}))
            found += page["items"]
            cursor = page["next"]
            if not cursor:
                return found

    def until(self, what: str, condition, seconds: float = 15):
        """What the condition gives when it gives something; a failure names what was waited for."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = condition()
            if found:
                return found
            time.sleep(POLL)
        raise AssertionError(f"not within {seconds} s: {what}")
