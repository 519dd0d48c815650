"""How fast a manager stream becomes calls: events per CPU second, beside panoramisk 1.4 on the same bytes.

Ours: bytes -> messages -> channel facts -> folded calls. Theirs: bytes -> messages -> a callback that does nothing
(panoramisk folds no calls). The stream is every recorded trace of tests/transcripts one after the other, without the
login that begins each, in pieces as a socket gives them. The two run by turns, round after round, in one process; what
is told is the median of the rounds, and the ratio is the median of each round's ratio.

    python bench/ami.py [--rounds 9] [--piece 65536]
"""

import argparse
import asyncio
import gzip
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from panoramisk.ami_protocol import AMIProtocol  # noqa: E402
from panoramisk.manager import Manager  # noqa: E402

from bridge.rules.switchboard import Switchboard  # noqa: E402
from bridge.wire.ami import AmiStream  # noqa: E402
from bridge.wire.asterisk import EVENTS, translate  # noqa: E402

BANNER = b"Asterisk Call Manager/11.0.0\r\n"
TRUNKS = ("trunk", "trunkb")


def recorded_stream() -> bytes:
    """All traces, the answers to the recorder's login taken off."""
    stream = b""
    for path in sorted((ROOT / "tests/transcripts/asterisk").glob("*/*/ami.txt.gz")):
        raw = gzip.decompress(path.read_bytes())
        if b"Event: Shutdown" in raw:  # panoramisk would close and connect again
            continue
        logged_in = raw.find(b"\r\n\r\n", raw.find(b"Event: SuccessfulAuth")) + 4
        stream += raw[logged_in:]
    return stream


def pieces_of(stream: bytes, size: int) -> list[bytes]:
    return [stream[start : start + size] for start in range(0, len(stream), size)]


class Ours:
    """Our stages. The clock goes on by an hour each round, so that ended calls are forgotten."""

    def __init__(self) -> None:
        self.stream = AmiStream(EVENTS)
        self.stream.receive(BANNER)
        self.board = Switchboard(source="pbx", trunks=TRUNKS)
        self.now = 1_800_000_000.0
        self.told = 0

    def parse(self, pieces: list[bytes]) -> None:
        for piece in pieces:
            self.stream.receive(piece)

    def translate(self, pieces: list[bytes]) -> None:
        now = self.now
        for piece in pieces:
            for message in self.stream.receive(piece):
                translate(message, now)

    def fold(self, pieces: list[bytes]) -> None:
        self.now += 3600
        now = self.now
        advance = self.board.advance
        for piece in pieces:
            now += 0.01
            for message in self.stream.receive(piece):
                fact = translate(message, now)
                if fact is not None:
                    self.told += len(advance(fact))
        self.told += len(self.board.tick(now + 1))


class NoWire:
    """A transport for panoramisk that goes nowhere."""

    def write(self, data: bytes) -> None:
        pass

    def close(self) -> None:
        pass


class Theirs:
    """panoramisk's own protocol and manager with a synchronous callback for every event."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.events = 0
        self.manager = Manager(loop=loop)
        self.manager.register_event("*", self.count)
        self.protocol = AMIProtocol()
        self.protocol.connection_made(NoWire())
        self.protocol.factory = self.manager
        self.protocol.encoding = "utf8"
        self.protocol.data_received(BANNER)

    def count(self, _manager: Manager, _event: Any) -> None:
        self.events += 1

    def run(self, pieces: list[bytes]) -> None:
        for piece in pieces:
            self.protocol.data_received(piece)


def cpu_seconds(work: Callable[[list[bytes]], None], pieces: list[bytes]) -> float:
    begun = time.process_time()
    work(pieces)
    return time.process_time() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--piece", type=int, default=65_536, help="bytes that arrive at once")
    wanted = parser.parse_args()
    stream = recorded_stream()
    pieces = pieces_of(stream, wanted.piece)
    events = stream.count(b"\r\n\r\nEvent: ") + stream.startswith(b"Event: ")
    ours, theirs = Ours(), Theirs(asyncio.new_event_loop())
    works = {"parse": ours.parse, "translate": ours.translate, "fold": ours.fold, "panoramisk": theirs.run}
    for work in works.values():  # once to warm up
        work(pieces)
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(wanted.rounds):
        for name, work in works.items():
            times[name].append(cpu_seconds(work, pieces) / events * 1e6)
    middle = {name: statistics.median(taken) for name, taken in times.items()}
    ratio = statistics.median(them / us for us, them in zip(times["fold"], times["panoramisk"], strict=True))
    stages = (
        ("bytes to messages", middle["parse"]),
        ("messages to facts", middle["translate"] - middle["parse"]),
        ("facts to calls", middle["fold"] - middle["translate"]),
    )
    print(f"{events} events, {len(stream) / events:.0f} bytes each, {wanted.rounds} rounds")
    for name, taken in stages:
        print(f"  {name:<20}{taken:8.2f} us/event{taken / middle['fold']:8.0%}")
    print(f"  {'bytes to calls':<20}{middle['fold']:8.2f} us/event{1e6 / middle['fold']:12,.0f} events/s")
    print(f"  {'panoramisk 1.4':<20}{middle['panoramisk']:8.2f} us/event{1e6 / middle['panoramisk']:12,.0f} events/s")
    print(f"  {'ratio':<20}{ratio:8.1f}")
    print(
        json.dumps(
            {
                "bench": "ami",
                "events": events,
                "events_per_cpu_second": round(1e6 / middle["fold"]),
                "panoramisk_events_per_cpu_second": round(1e6 / middle["panoramisk"]),
                "ratio": round(ratio, 2),
                "us_per_event": {name: round(taken, 3) for name, taken in stages},
            }
        )
    )


if __name__ == "__main__":
    main()
