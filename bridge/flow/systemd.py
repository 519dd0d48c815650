"""Tells the service manager how we are: one datagram for each change, to the socket that systemd names (sd_notify(3)).

Without that socket (a terminal, a container) nobody is told, and nothing else is different.
"""

import contextlib
import socket
from collections.abc import Mapping
from typing import Final

import structlog

from bridge.flow.clock import Clock

log = structlog.get_logger()

MICROSECONDS: Final = 1_000_000
PATIENCE_SECONDS: Final = 0.5
"""The event loop stands still meanwhile; but a READY that is lost would get us killed."""
LONGEST_STATUS: Final = 200


class Systemd:
    """The service manager that started us, if one did; `environ` is what it told this process.

    `watchdog_seconds` is within how many seconds it wants to hear that we are alive; None: it does not watch us.
    """

    def __init__(self, environ: Mapping[str, str], clock: Clock, *, pid: int) -> None:
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self._clock = clock
        self._deaf = False
        self.watchdog_seconds = _watchdog(environ, pid) if self._address is not None else None

    def ready(self, status: str) -> None:
        """We can accept, or a reload is over; `status` is a line for `systemctl status`."""
        self._tell("READY=1", _status(status))

    def reloading(self) -> None:
        """The files are being read anew. `Type=notify-reload` insists on the time, so that it knows an old one."""
        usec = round(self._clock.uptime() * MICROSECONDS)
        self._tell("RELOADING=1", f"MONOTONIC_USEC={usec}", _status("reading the configuration again"))

    def stopping(self) -> None:
        """We take nothing more."""
        self._tell("STOPPING=1", _status("finishing what is begun"))

    def alive(self) -> None:
        """We work as we should; not being told so for `watchdog_seconds` it kills us and starts us again."""
        self._tell("WATCHDOG=1")

    def _tell(self, *lines: str) -> None:
        """Send it. Its queue holds some ten words; if it is full, systemd is busy, and we wait for it a moment."""
        if self._address is None:
            return
        try:
            with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)) as line:
                line.settimeout(PATIENCE_SECONDS)
                line.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            if not self._deaf:
                log.warning("systemd.missed", told=lines[0], problem=str(error))
            self._deaf = True
        else:
            self._deaf = False


def _address(named: str) -> str | None:
    """A path, or with @ for its first character an abstract name; what else systemd may name is none of ours."""
    if named.startswith("@"):
        return f"\0{named[1:]}"
    return named if named.startswith("/") else None


def _status(text: str) -> str:
    return f"STATUS={' '.join(text.split())[:LONGEST_STATUS]}"


def _watchdog(environ: Mapping[str, str], pid: int) -> float | None:
    """As sd_watchdog_enabled(3) reads it: the time may be meant for another process of the service."""
    meant_for, usec = environ.get("WATCHDOG_PID", str(pid)), environ.get("WATCHDOG_USEC", "")
    if meant_for != str(pid) or not (usec.isascii() and usec.isdecimal()) or int(usec) == 0:
        return None
    return int(usec) / MICROSECONDS
