"""Recorded manager streams: how they are read, played to a switchboard, and compared with what really happened."""

import gzip
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.model.call import Call
from bridge.model.channels import LinkLost
from bridge.model.events import CallSeen
from bridge.rules.switchboard import Switchboard
from bridge.wire.ami import AmiMessage, AmiStream
from bridge.wire.asterisk import EVENTS, translate

HERE = Path(__file__).parent / "asterisk"
SOURCE = "pbx"
TRUNKS = ("trunk", "trunkb")


@dataclass(frozen=True, slots=True)
class Part:
    """One connection: its bytes, and for each message when it came and where it ends."""

    raw: bytes
    arrivals: tuple[tuple[float, int], ...]

    def pieces(self) -> Iterator[tuple[float, bytes]]:
        """The bytes of each message (and odd blank lines before it) with their time."""
        start = 0
        for at, end in self.arrivals:
            yield at, self.raw[start:end]
            start = end


@dataclass(frozen=True, slots=True)
class Trace:
    """One scenario on one version of Asterisk."""

    folder: Path
    truth: dict[str, Any]
    parts: tuple[Part, ...]

    @property
    def t0(self) -> float:
        """When the first call began, Unix seconds; the times of the truth count from here."""
        return float(self.truth["t0_epoch"])


def read_trace(folder: Path) -> Trace:
    """A trace of the lab kit (or of ours, which leave out what tests do not need)."""
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    parts = []
    for number in range(1, 10):
        suffix = "" if number == 1 else f".{number}"
        if not (folder / f"ami{suffix}.txt.gz").exists():
            break
        raw = gzip.decompress((folder / f"ami{suffix}.txt.gz").read_bytes())
        lines = (folder / f"ami{suffix}.jsonl").read_text(encoding="utf-8").splitlines()
        messages = [json.loads(line) for line in lines]
        arrivals = tuple((float(truth["t0_epoch"]) + x["t"], x["o"] + x["n"]) for x in messages)
        parts.append(Part(raw, arrivals))
    return Trace(folder, truth, tuple(parts))


def all_traces(root: Path = HERE) -> list[Path]:
    """The folders of all traces, both versions."""
    return sorted(path.parent for path in root.glob("*/*/truth.json"))


def play(
    trace: Trace,
    board: Switchboard | None = None,
    *,
    keep: Callable[[AmiMessage], bool] = lambda _: True,
    times: int = 1,
    cut: Callable[[Part], Iterable[tuple[float, bytes]]] = Part.pieces,
) -> list[CallSeen]:
    """What a switchboard tells of this trace.

    `keep` says which messages arrive at all, `times` how often each fact is taken in, `cut` in which pieces the bytes
    come.
    """
    board = board or Switchboard(source=SOURCE, trunks=TRUNKS)
    told: list[CallSeen] = []
    last = trace.t0
    for number, part in enumerate(trace.parts):
        if number:
            told += board.advance(LinkLost(at=last))
        stream = AmiStream(EVENTS)
        for at, piece in cut(part):
            for message in stream.receive(piece):
                fact = translate(message, at) if keep(message) else None
                if fact is not None:
                    told += [seen for _ in range(times) for seen in board.advance(fact)]
            told += board.tick(at)
            last = at
    told += board.tick(last + 3600)
    return told


def final_calls(told: Iterable[CallSeen]) -> dict[str, Call]:
    """The last account of every call, without those that were absorbed by another."""
    calls: dict[str, Call] = {}
    for seen in told:
        known = calls.get(seen.call.key)
        assert known is None or known.revision < seen.call.revision
        calls[seen.call.key] = seen.call
        for merged in seen.call.merged:
            calls.pop(merged, None)
    return calls


def main() -> None:
    """Print what a switchboard tells of the traces whose folders are named."""
    for folder in sys.argv[1:]:
        trace = read_trace(Path(folder))
        print(trace.truth["description"])  # noqa: T201 - a program
        for seen in play(trace):
            print(f"  {seen.occurred_at - trace.t0:7.3f} {seen.call}")  # noqa: T201 - the same


if __name__ == "__main__":
    main()
