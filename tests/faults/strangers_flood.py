"""A flood on the HTTP socket: memory stays bounded, and who has something to say is heard."""

import contextlib
import resource
import socket
from pathlib import Path
from time import monotonic

import pytest

from tests.daemon.process import SETTINGS, Bridge, ended

MOST_GROWTH = 150
"""Mebibytes."""
SIGNED = """
[[source]]
id = "signed"
kind = "webhook"
signing_secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"""
PRETENDED = b"webhook-id: a\r\nwebhook-timestamp: 1\r\nwebhook-signature: v1,aaa\r\nContent-Length: 1048576\r\n\r\n"
FLOODS = {
    "silence": (3000, b""),
    "half a head": (1500, b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 8000),
    "bodies that nothing proves": (300, b"POST /hooks/signed HTTP/1.1\r\nHost: x\r\n" + PRETENDED + b"x" * 1_000_000),
    "sign-ins": (
        500,
        b"POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 262000\r\n\r\n" + b"x" * 200_000,
    ),
    "a thousand questions at once": (20, b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n" * 1000),
}


def mebibytes(bridge: Bridge) -> int:
    status = Path(f"/proc/{bridge.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) // 1024


def knock(port: int, said: bytes) -> socket.socket:
    """Say it, as far as anybody takes it."""
    line = socket.create_connection(("127.0.0.1", port), timeout=10)
    line.setblocking(False)
    with contextlib.suppress(OSError):
        line.send(said)
    return line


@pytest.fixture(autouse=True)
def enough_files():
    """As many of our own as a flood needs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_fills_no_memory_and_delays_nobody_for_long(tmp_path, flood):
    many, said = FLOODS[flood]
    bridge = Bridge(tmp_path, SETTINGS + SIGNED)
    with bridge.started():
        assert bridge.push(ended("before", "+447700900001"))[0] == 202
        before = mebibytes(bridge)
        lines = [knock(bridge.port, said) for _ in range(many)]
        asked_at = monotonic()
        assert bridge.push(ended("amid", "+447700900002"))[0] == 202
        assert monotonic() - asked_at < 2.0
        assert mebibytes(bridge) - before < MOST_GROWTH
        for line in lines:
            line.close()
