"""Every recorded call, told by its CDR alone and by its CEL alone: as it happened, or said to be incomplete."""

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random  # noqa: TID251 - seeded: the same cuts in every run

import pytest

from bridge.model.call import Call, Direction, Outcome
from bridge.model.call_records import RecordKind
from bridge.model.channels import LinkLost, SnapshotBegun, SnapshotEnded
from bridge.rules.hindsight import EVIDENCE, completed
from bridge.rules.switchboard import Switchboard
from bridge.wire.ami import AmiStream
from bridge.wire.asterisk import EVENTS, translate
from tests.transcripts.records import calls_of, recorded, rows_of
from tests.transcripts.trace import SOURCE, TRUNKS, Trace, final_calls, play, read_trace
from tests.transcripts.verify import verify

FOLDERS = recorded()
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "asterisk.md"


def name(folder: Path) -> str:
    return f"{folder.parent.name}-{folder.name}"


def outside(trace: Trace):
    """The calls of the truth that a CRM hears of."""
    return [truth for truth in trace.truth["calls"] if truth["crm_event"]]


def by_id(calls):
    return {call.platform_call_id: call for call in calls}


@pytest.mark.parametrize("kind", list(RecordKind))
@pytest.mark.parametrize("folder", FOLDERS, ids=name)
def test_no_record_invents_an_answer_or_a_miss_or_a_second_call(folder: Path, kind: RecordKind):
    trace = read_trace(folder)
    told = by_id(calls_of(rows_of(folder, kind)))
    truths = {truth["uniqueid"]: truth for truth in outside(trace)}
    assert {key for key, call in told.items() if call.direction is not Direction.INTERNAL} <= truths.keys()
    for key, truth in truths.items():
        if key not in told:
            assert kind is RecordKind.CDR  # no row at all: it never rang anybody
            assert truth["status"] in {"rejected", "unavailable"}
            continue
        call, answered = told[key], truth["status"] == "answered"
        assert (call.outcome is Outcome.ANSWERED) <= answered
        assert (call.outcome is Outcome.MISSED) <= (not answered)
        assert call.answered == (call.outcome is Outcome.ANSWERED)
        assert call.incomplete or (call.outcome is Outcome.ANSWERED) == answered


@pytest.mark.parametrize("folder", FOLDERS, ids=name)
def test_what_channel_events_call_complete_is_the_truth_in_every_field(folder: Path):
    trace = read_trace(folder)
    calls = {call.key: call for call in calls_of(rows_of(folder, RecordKind.CEL))}
    incomplete = {call.platform_call_id for call in calls.values() if call.incomplete}
    excused = {truth["label"] for truth in trace.truth["calls"] if truth["uniqueid"] in incomplete}
    problems = [problem for problem in verify(trace, calls) if problem.partition(":")[0] not in excused]
    # CEL does not name files; a call without its link is not a call that was not seen
    assert [problem for problem in problems if "recorded in" not in problem] == []


@pytest.mark.parametrize("folder", FOLDERS, ids=name)
def test_a_summary_is_never_called_complete(folder: Path):
    assert all(call.incomplete for call in calls_of(rows_of(folder, RecordKind.CDR)))


@pytest.mark.parametrize("kind", list(RecordKind))
@pytest.mark.parametrize("folder", FOLDERS, ids=name)
def test_who_answered_and_the_number_are_right(folder: Path, kind: RecordKind):
    told = by_id(calls_of(rows_of(folder, kind)))
    for truth in outside(read_trace(folder)):
        call = told.get(truth["uniqueid"])
        if call is None or call.outcome is not Outcome.ANSWERED:
            continue
        assert (call.raw_number or "").removeprefix("anonymous") == (truth["number"] or "")
        if truth["direction"] == "inbound":
            parties = [who["party"] for who in truth["answered_by"]]
            assert [talk.party for talk in call.talked][-len(parties) :] == parties
        else:
            assert (call.caller, call.direction) == (truth["extension"], Direction.OUTBOUND)


@pytest.mark.parametrize("folder", FOLDERS, ids=name)
def test_a_pbx_that_writes_no_answers_proves_no_miss(folder: Path):
    """Without ANSWER and BRIDGE_ENTER in cel.conf an answered call looks like one that nobody answered."""
    rows = [row for row in rows_of(folder, RecordKind.CEL) if row.kind not in {"ANSWER", "BRIDGE_ENTER"}]
    kinds = frozenset(row.kind for row in rows)
    assert [call for call in calls_of(rows, kinds) if call.outcome is Outcome.MISSED] == []


@pytest.mark.parametrize("folder", FOLDERS, ids=name)
def test_what_has_just_ended_is_not_called_missed_by_a_summary(folder: Path):
    """The record of its answer may come in the next batch."""
    rows = rows_of(folder, RecordKind.CDR)
    first = min((row.ended_at for row in rows), default=0.0)
    assert all(call.outcome is not Outcome.MISSED for call in calls_of(rows, written_by=first - 1))


@pytest.mark.parametrize("kind", list(RecordKind))
@pytest.mark.parametrize("folder", FOLDERS, ids=name)
def test_records_in_an_odd_order_and_twice_tell_the_same(folder: Path, kind: RecordKind):
    rows = rows_of(folder, kind)
    if kind is RecordKind.CEL:  # the order of what happened within a second is the order of the file
        rows = [row for row in rows for _ in range(2)]
    else:
        Random(1).shuffle(rows)  # noqa: S311 - not a secret
    assert by_id(calls_of(rows)) == by_id(calls_of(rows_of(folder, kind)))


# ---- the line, cut anywhere, and the records of what it missed


def with_a_gap(trace: Trace, begin: float, end: float) -> dict[str, Call]:
    """What the switchboard tells if nobody listens between these two moments; afterwards nothing lives any more."""
    board = Switchboard(source=SOURCE, trunks=TRUNKS)
    told = []
    last = trace.t0
    for part in trace.parts:
        stream = AmiStream(EVENTS)
        for at, piece in part.pieces():
            for message in stream.receive(piece):
                fact = translate(message, at)
                if fact is not None and not begin <= at < end:
                    if last < begin <= at:
                        told += board.advance(LinkLost(at=begin))
                    told += board.advance(fact)
            last = at
            told += board.tick(at)
    for fact in (LinkLost(at=begin), SnapshotBegun(at=last), SnapshotEnded(at=last)):
        told += board.advance(fact)
    told += board.tick(last + 3600)
    return final_calls(told)


def essence(call: Call):
    """What a verdict goes by."""
    return (
        call.direction,
        call.raw_number,
        call.outcome,
        call.missed_reason,
        call.caller,
        tuple(talk.party for talk in call.talked),
        tuple((over.kind, over.by, over.to, over.answered) for over in call.transfers),
    )


@pytest.mark.parametrize("kind", list(RecordKind))
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("folder", FOLDERS, ids=name)
def test_a_line_cut_anywhere_and_the_records_give_the_undisturbed_call_or_say_incomplete(
    folder: Path, seed: int, kind: RecordKind
):
    trace = read_trace(folder)
    if len(trace.parts) > 1:
        return  # its own gap is in the way
    whole = final_calls(play(trace))
    chance = Random(f"{folder.name}{seed}")  # noqa: S311 - not a secret
    moments = [at for at, _ in trace.parts[0].arrivals]
    begin = chance.choice(moments)
    seen = with_a_gap(trace, begin, moments[-1] + 1)  # everything ends before we are back
    absorbed = {merged: call.key for call in seen.values() for merged in call.merged}
    for told in calls_of(rows_of(folder, kind)):
        known = seen.get(absorbed.get(told.key, told.key))
        if known is None and told.direction is Direction.INTERNAL:
            continue
        again = completed(known, told)
        if again is not None:
            seen[again.key] = again
            for merged in again.merged:
                seen.pop(merged, None)
            assert completed(again, told) is None
    for key, call in seen.items():
        if call.direction is Direction.INTERNAL:
            continue
        undisturbed = whole[key]
        assert (call.outcome is Outcome.MISSED) <= (undisturbed.outcome is Outcome.MISSED)
        assert (call.outcome is Outcome.ANSWERED) <= (undisturbed.outcome is Outcome.ANSWERED)
        assert call.incomplete or essence(call) == essence(undisturbed)


def test_the_page_says_how_many_calls_each_place_explains():
    counted = {kind: Counter() for kind in RecordKind}
    for folder in FOLDERS:
        trace = read_trace(folder)
        for kind in RecordKind:
            told = by_id(calls_of(rows_of(folder, kind)))
            for truth in outside(trace):
                call = told.get(truth["uniqueid"])
                counted[kind][_explained(call)] += 1
    page = PAGE.read_text(encoding="utf-8")
    for kind, counts in counted.items():
        (row,) = re.findall(rf"^\| `{kind}` \|(.*)\|$", page, flags=re.MULTILINE)
        stated = [int(cell) for cell in row.split("|")]
        assert stated == [counts[what] for what in ("complete", "outcome", "unknown", "absent")]


def _explained(call: Call | None) -> str:
    if call is None:
        return "absent"
    if not call.incomplete:
        return "complete"
    sure = call.outcome is not Outcome.FAILED
    return "outcome" if sure else "unknown"


def test_evidence_of_another_call_is_none_of_this_one():
    """Two calls in one file: a broken one takes nothing from the other."""
    rows = rows_of(FOLDERS[0], RecordKind.CEL)
    whole = by_id(calls_of(rows))
    broken = [replace(row, linked=row.unique + "x", unique=row.unique + "x") for row in rows if row.kind == "ANSWER"]
    assert by_id(calls_of([*rows, *broken], EVIDENCE)) == whole
