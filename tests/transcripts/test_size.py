"""What a live call costs in memory, measured on recorded bytes."""

import gc
import re
import tracemalloc

from bridge.rules.switchboard import Switchboard
from bridge.wire.ami import AmiStream
from bridge.wire.asterisk import EVENTS, translate
from tests.transcripts.trace import HERE, SOURCE, TRUNKS, read_trace

CALLS = 500
MOST = 2048


def test_a_live_call_costs_at_most_two_kibibytes():
    trace = read_trace(HERE / "22" / "in_direct_answered")
    raw = trace.parts[0].raw
    talking = raw[raw.index(b"Event: Newchannel") : raw.index(b"Event: HangupRequest")]
    board = Switchboard(source=SOURCE, trunks=TRUNKS)
    stream = AmiStream(EVENTS)
    stream.receive(b"Asterisk Call Manager/11.0.0\r\n")

    def begin(number: int) -> None:
        at = trace.t0 + number / 1000
        for message in stream.receive(_of_its_own(talking, number)):
            fact = translate(message, at)
            if fact is not None:
                board.advance(fact)

    begin(0)  # what is remembered once is not the call's
    gc.collect()
    tracemalloc.start()
    for number in range(1, CALLS + 1):
        begin(number)
    gc.collect()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(board.live_calls()) == CALLS + 1
    assert all(call.answered for call in board.live_calls())
    assert used / CALLS <= MOST


def _of_its_own(talking: bytes, number: int) -> bytes:
    """The same call with ids of the same length that no other call has."""
    talking = re.sub(rb"id: \d{10}\.", b"id: 18%08d." % number, talking)
    return re.sub(rb"BridgeUniqueid: \w{8}", b"BridgeUniqueid: %08x" % number, talking)
