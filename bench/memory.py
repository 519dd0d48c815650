"""What the daemon holds: resident memory when nothing happens, and per call that is going on.

    python bench/memory.py [--calls 4000]

Idle: the whole daemon on its demo configuration (a port of its own, nothing pushed), five seconds after it is ready.
Per call: the recorded bytes of an answered call up to the moment when both talk (two channels, a recording, a
bridge) go through the parser and the switchboard, again and again with ids of their own, and nobody hangs up.
"""

import argparse
import gc
import gzip
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import tracemalloc
import urllib.error
import urllib.request

from bridge.rules.switchboard import Switchboard
from bridge.wire.ami import AmiStream
from bridge.wire.asterisk import EVENTS, translate

ROOT = pathlib.Path(__file__).parent.parent
TRACE = ROOT / "tests/transcripts/asterisk/22/in_direct_answered/ami.txt.gz"


def resident_mib(pid: int) -> float:
    """VmRSS of a process in MiB."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024


def idle(port: int) -> float:
    with tempfile.TemporaryDirectory() as home:
        folder = pathlib.Path(home)
        demo = (ROOT / "config/demo.toml").read_text().replace("127.0.0.1:8080", f"127.0.0.1:{port}")
        (folder / "demo.toml").write_text(demo.replace("../var/demo", str(folder / "data")))
        (folder / "scenarios.toml").write_text((ROOT / "config/scenarios.toml").read_text())
        command = [str(pathlib.Path(sys.executable).with_name("bridge")), "run", "--config", str(folder / "demo.toml")]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=os.environ | {"MALLOC_ARENA_MAX": "2"})
        try:
            for _ in range(200):
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2).read()
                    break
                except OSError:
                    time.sleep(0.05)
            time.sleep(5)
            return resident_mib(process.pid)
        finally:
            process.terminate()
            process.wait()


def answered_call() -> bytes:
    """The recorded bytes from the first channel up to the second party's entering the bridge."""
    raw = gzip.decompress(TRACE.read_bytes())
    end = [found.start() for found in re.finditer(rb"Event: BridgeEnter\r\n", raw)][1]
    end = raw.index(b"\r\n\r\n", end) + 4
    return raw[raw.index(b"Event: Newchannel") : end]


def of_another_call(raw: bytes, number: int) -> bytes:
    """The same call with ids, channel names, bridge and caller of its own."""
    raw = raw.replace(b"1795315274.", b"%d." % (1_000_000_000 + number))
    raw = raw.replace(b"-00000000", b"-%08x" % (2 * number)).replace(b"-00000001", b"-%08x" % (2 * number + 1))
    raw = raw.replace(b"bbf0d5ec", b"%08x" % number)
    return raw.replace(b"+447700900101", b"+44770090%04d" % (number % 10_000))


def per_call(calls: int) -> float:
    """Bytes of one live call, the parser's and the switchboard's tables included."""
    raw = answered_call()
    stream, board = AmiStream(EVENTS), Switchboard(source="pbx", trunks=("trunk",))
    stream.receive(b"Asterisk Call Manager/11.0.0\r\n")
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(calls):
        for message in stream.receive(of_another_call(raw, number)):
            fact = translate(message, 1_795_315_274.0 + number / 100)
            if fact is not None:
                for _ in board.advance(fact):
                    pass
    del message, fact
    gc.collect()
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    live = len(board.live_calls())
    if live != calls:
        raise RuntimeError(f"{live} calls live instead of {calls}")
    return held / calls


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=4000)
    parser.add_argument("--port", type=int, default=18098)
    wanted = parser.parse_args()
    print(f"a live call: {per_call(wanted.calls):.0f} bytes (the aim is at most 2048)")
    print(f"idle: {idle(wanted.port):.1f} MiB resident (the aim is at most 70)")


if __name__ == "__main__":
    main()
