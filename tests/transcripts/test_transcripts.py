"""Every recorded call is told as it happened: on both versions, whole or in crumbs, with and without the extras."""

from collections.abc import Iterator
from pathlib import Path
from random import Random  # noqa: TID251 - seeded: the same cuts in every run

import pytest

from bridge.model.call import Direction
from bridge.model.phone import Hidden, PhoneNumber, read_number
from bridge.rules.switchboard import Switchboard
from bridge.wire.ami import AmiMessage
from tests.transcripts.trace import (
    HERE,
    SOURCE,
    TRUNKS,
    Part,
    Trace,
    all_traces,
    final_calls,
    play,
    read_trace,
)
from tests.transcripts.verify import verify

TRACES = all_traces()
QUEUE_UNNAMED = {"q_nobody_logged_in"}  # only Newexten names a queue that lets nobody in
RECORDING_UNNAMED = {"ami_reconnect_midcall"}  # named while the link was down; Cdr tells it afterwards
EXTRAS = (b"Newexten", b"Cdr", b"CEL", b"TestEvent")


def name(folder: Path) -> str:
    return f"{folder.parent.name}-{folder.name}"


@pytest.mark.parametrize("folder", TRACES, ids=name)
def test_every_recorded_call_is_told_as_it_happened(folder: Path):
    trace = read_trace(folder)
    assert verify(trace, final_calls(play(trace))) == []


@pytest.mark.parametrize("folder", TRACES, ids=name)
def test_an_account_with_few_rights_loses_nothing_that_matters(folder: Path):
    """Classes call, agent and dialplan with a filter on variables: no CEL, no Cdr, no TestEvent, no Newexten."""
    trace = read_trace(folder)
    problems = verify(trace, final_calls(play(trace, keep=_lean)))
    if folder.name in QUEUE_UNNAMED:
        problems = [problem for problem in problems if "queue was" not in problem]
    if folder.name in RECORDING_UNNAMED:
        problems = [problem for problem in problems if "recorded in" not in problem]
    assert problems == []


def _lean(message: AmiMessage) -> bool:
    return message.event not in EXTRAS


@pytest.mark.parametrize("folder", TRACES, ids=name)
def test_every_fact_twice_counts_once(folder: Path):
    trace = read_trace(folder)
    assert verify(trace, final_calls(play(trace, times=2))) == []


@pytest.mark.parametrize("folder", TRACES, ids=name)
def test_the_bytes_may_be_cut_anywhere(folder: Path):
    trace = read_trace(folder)
    assert verify(trace, final_calls(play(trace, cut=_crumbs))) == []


def _crumbs(part: Part) -> Iterator[tuple[float, bytes]]:
    chance = Random(part.raw)  # noqa: S311 - not a secret
    arrivals = iter(part.arrivals)
    at, end = next(arrivals)
    start = 0
    while start < len(part.raw):
        stop = start + chance.choice((1, 2, 3, 7, 50, 300))
        while end < stop:
            following = next(arrivals, None)
            if following is None:
                break
            at, end = following
        yield at, part.raw[start:stop]
        start = stop


@pytest.mark.parametrize("version", ["16", "22"])
def test_two_pbxs_and_twenty_calls_at_once_do_not_mix(version: str):
    """One switchboard per source; the same twenty calls run through each."""
    trace = read_trace(HERE / version / "mix_20_concurrent")
    calls = final_calls(play(trace))
    other = final_calls(play(trace, Switchboard(source="other", trunks=TRUNKS)))
    assert verify(trace, calls) == []
    assert {key.replace(SOURCE, "other", 1) for key in calls} == set(other)


@pytest.mark.parametrize("folder", [path for path in TRACES if path.name.startswith("num_")], ids=name)
def test_the_clients_number_is_readable_however_the_carrier_writes_it(folder: Path):
    trace = read_trace(folder)
    (truth,) = trace.truth["calls"]
    (call,) = final_calls(play(trace)).values()
    number = read_number(call.raw_number, "GB")
    if truth["number"] is None:
        assert number == Hidden()
    elif truth["e164"] is None:
        assert not isinstance(number, PhoneNumber)
    else:
        assert number == PhoneNumber(truth["e164"])


@pytest.mark.parametrize("folder", TRACES, ids=name)
def test_a_call_is_told_a_few_times_and_never_after_its_last_word_changed_nothing(folder: Path):
    """Begun, ringing, picked up, handed on, over: the journal is not flooded."""
    told = play(read_trace(folder))
    by_key: dict[str, list[int]] = {}
    for seen in told:
        by_key.setdefault(seen.call_key, []).append(seen.call.revision)
        assert seen.event_id == f"{seen.call_key}#{seen.call.revision}"
    for revisions in by_key.values():
        assert revisions == list(range(1, len(revisions) + 1))
        assert len(revisions) <= 16


@pytest.mark.parametrize("folder", TRACES, ids=name)
def test_when_all_is_over_nothing_is_kept(folder: Path):
    board = Switchboard(source=SOURCE, trunks=TRUNKS)
    play(read_trace(folder), board)
    registry = board._registry
    assert board.live_calls() == ()
    assert (registry.channels, registry.calls, registry.bridges) == ({}, {}, {})
    assert (registry.dialling, registry.holding) == ({}, {})


@pytest.mark.parametrize("folder", TRACES[::5], ids=name)
@pytest.mark.parametrize("seed", range(3))
def test_events_in_an_odd_order_never_raise(folder: Path, seed: int):
    play(read_trace(folder), cut=lambda part: _shuffled(part, seed))


def _shuffled(part: Part, seed: int) -> list[tuple[float, bytes]]:
    (greeting, *pieces) = part.pieces()
    Random(seed).shuffle(pieces)  # noqa: S311 - not a secret
    return [greeting, *((at, piece.lstrip(b"\r\n")) for at, piece in pieces)]


def test_an_internal_call_is_told_once_when_it_is_over():
    trace = read_trace(HERE / "22" / "int_answered")
    (seen,) = play(trace)
    assert seen.call.direction is Direction.INTERNAL
    assert seen.call.ended
    assert seen.call.raw_number is None


def test_a_call_that_is_refused_before_a_channel_exists_is_nobodys_call():
    trace: Trace = read_trace(HERE / "22" / "out_not_permitted")
    assert play(trace) == []
