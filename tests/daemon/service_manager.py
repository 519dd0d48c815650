"""systemd's end of the notification socket, as far as a daemon can see it."""

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

PATIENCE = 20.0


class ServiceManager:
    """Hears what a service says; `environment` is what the service is started with."""

    def __init__(self, line: socket.socket, address: str) -> None:
        self._line = line
        self.environment = {"NOTIFY_SOCKET": address}

    def hears(self, word: str) -> dict[str, str]:
        """The next notification with this word; what came before it is passed over."""
        while True:
            told = dict(entry.split("=", 1) for entry in self._line.recv(4096).decode().split("\n"))
            if word in told:
                return told

    def heard_nothing(self) -> bool:
        self._line.setblocking(False)
        try:
            return not self._line.recv(4096)
        except BlockingIOError:
            return True
        finally:
            self._line.settimeout(PATIENCE)


@contextlib.contextmanager
def service_manager(folder: Path, *, abstract: bool = False) -> Iterator[ServiceManager]:
    """One that listens at a path in this folder, or at an abstract address."""
    address = f"@callbridge-test-{os.getpid()}-{folder.name}" if abstract else str(folder / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.settimeout(PATIENCE)
        line.bind(address.replace("@", "\0", 1) if abstract else address)
        yield ServiceManager(line, address)
