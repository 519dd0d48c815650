"""What really happened, held against what the switchboard says."""

from collections.abc import Mapping
from typing import Any

from bridge.model.call import Call, Direction, HungUpBy, MissedReason, Outcome, TransferKind
from tests.transcripts.trace import Trace

_MISSED = {
    "missed": {MissedReason.NO_ANSWER},
    "abandoned": {
        MissedReason.ABANDONED_RINGING,
        MissedReason.ABANDONED_IN_QUEUE,
        MissedReason.ABANDONED_IN_MENU,
    },
    "busy": {MissedReason.BUSY},
    "rejected": {MissedReason.REJECTED},
    "unavailable": {MissedReason.UNAVAILABLE},
    "failed": {MissedReason.FAILED},
    "voicemail": {MissedReason.VOICEMAIL},
    "announcement": {MissedReason.OUT_OF_HOURS},
}
_ABANDONED_AT = {"queue": MissedReason.ABANDONED_IN_QUEUE, "ivr": MissedReason.ABANDONED_IN_MENU}
_OUTBOUND = {
    "answered": Outcome.ANSWERED,
    "busy": Outcome.BUSY,
    "cancelled": Outcome.CANCELLED,
    "failed": Outcome.FAILED,
    "noanswer": Outcome.MISSED,
    "rejected": Outcome.BUSY,
}
_ENDED_BY = {
    "caller": {HungUpBy.CLIENT},
    "customer": {HungUpBy.CLIENT},
    "agent": {HungUpBy.EMPLOYEE},
    "pbx": {HungUpBy.SYSTEM},
    "network": {HungUpBy.SYSTEM},
}


def verify(trace: Trace, calls: Mapping[str, Call]) -> list[str]:
    """Every difference between the truth and the calls, in words; none is what one wants."""
    problems: list[str] = []
    left = dict(calls)
    for truth in trace.truth["calls"]:
        if truth.get("ami_visible") is False:
            continue
        call = _counterpart(truth, left, trace)
        if call is None:
            problems.append(f"{truth['label']}: no such call among {[c.key for c in calls.values()]}")
            continue
        del left[call.key]
        checked = _inside(truth, call) if not truth["crm_event"] else _outside(trace, truth, call)
        problems += [f"{truth['label']}: {problem}" for problem in checked]
    problems += [f"nobody made this call: {call}" for call in left.values() if call.direction is not Direction.INTERNAL]
    return problems


def _counterpart(truth: dict[str, Any], calls: Mapping[str, Call], trace: Trace) -> Call | None:
    """The call with the truth's id; where the truth has none, the one that began then."""
    if truth["uniqueid"] is not None:
        return next((call for call in calls.values() if call.platform_call_id == truth["uniqueid"]), None)
    return next((call for call in calls.values() if abs(call.started_at - trace.t0 - truth["start"]) < 1), None)


def _inside(_truth: dict[str, Any], call: Call) -> list[str]:
    return [] if call.direction is Direction.INTERNAL else [f"told as {call.direction}"]


def _outside(trace: Trace, truth: dict[str, Any], call: Call) -> list[str]:
    problems: list[str] = []

    def check(what: str, want: object, got: object) -> None:
        if want != got:
            problems.append(f"{what} was {want!r}, told as {got!r}")

    check("direction", truth["direction"], call.direction)
    told = None if truth.get("withheld") and call.raw_number == "anonymous" else call.raw_number
    check("number", truth["number"], told)
    if call.direction is Direction.INBOUND:
        check("line", truth["did"], call.raw_line)
        if truth["queue"] is not None:
            check("queue", truth["queue"], call.queue)
    else:
        check("caller", truth["extension"], call.caller)
    problems += _ending(trace, truth, call)
    problems += _people(trace, truth, call)
    check("transfers", *_transfers(truth, call))
    problems += _recordings(truth, call)
    return problems


def _ending(trace: Trace, truth: dict[str, Any], call: Call) -> list[str]:
    status = truth["status"]
    if call.direction is Direction.OUTBOUND:
        outcomes, reasons = {_OUTBOUND[status]}, {MissedReason.NO_ANSWER if status == "noanswer" else None}
    elif status == "answered":
        outcomes, reasons = {Outcome.ANSWERED}, {None}
    else:
        outcomes = {Outcome.MISSED}
        reasons = _MISSED[status]
        if status == "abandoned":
            reasons = {_ABANDONED_AT.get(truth["entry"], MissedReason.ABANDONED_RINGING)}
    problems = []
    if call.outcome not in outcomes or call.missed_reason not in reasons:
        problems.append(f"{status} was told as {call.outcome}, {call.missed_reason}")
    if call.hung_up_by not in _ENDED_BY[truth["hangup_by"]] and not call.incomplete:
        problems.append(f"ended by {truth['hangup_by']}, told as {call.hung_up_by}")
    if call.ended_at is None or (abs(call.ended_at - trace.t0 - truth["end"]) > 1 and not call.incomplete):
        problems.append(f"ended at {truth['end']}, told as {call.ended_at and call.ended_at - trace.t0}")
    if abs(call.started_at - trace.t0 - truth["start"]) > 1:
        problems.append(f"began at {truth['start']}, told as {call.started_at - trace.t0}")
    return problems


def _people(trace: Trace, truth: dict[str, Any], call: Call) -> list[str]:
    problems = []
    first = truth["first_human_answer"]
    if truth["answered_by"] and call.direction is Direction.INBOUND:
        first = truth["answered_by"][0]["at"]  # he picked up, even if he had to press a key then
    answered_at = None if call.answered_at is None else call.answered_at - trace.t0
    if (first is None) != (answered_at is None) or (first is not None and abs(first - answered_at) > 1):
        problems.append(f"answered at {first}, told as {answered_at}")
    if call.direction is Direction.INBOUND:
        want = [(who["party"], who["at"]) for who in truth["answered_by"]]
        got = [(talk.party, talk.since - trace.t0) for talk in call.talked]
        if [party for party, _ in want] != [party for party, _ in got]:
            problems.append(f"talked {want}, told as {got}")
        first_at, told_at = dict(reversed(want)), dict(reversed(got))  # the truth knows when each first answered
        problems += [
            f"{party} talked from {want}, told as {got}"
            for party, at in first_at.items()
            if abs(at - told_at.get(party, 0)) > 1
        ]
    if truth["status"] == "answered" and truth["final_party"] != call.last_talker:
        problems.append(f"{truth['final_party']} talked last, told as {call.last_talker}")
    if any(talk.until is None for talk in call.talked):
        problems.append(f"somebody talks for ever: {call.talked}")
    return problems


def _transfers(truth: dict[str, Any], call: Call) -> tuple[object, object]:
    kinds = {"blind": TransferKind.BLIND, "attended": TransferKind.ATTENDED, "redirect": TransferKind.BLIND}
    want = [(kinds[t["type"]], t["by"], t["to"], t["result"] == "answered") for t in truth["transfers"]]
    got = [(t.kind, t.by, t.to, t.answered) for t in call.transfers]
    return want, got


def _recordings(truth: dict[str, Any], call: Call) -> list[str]:
    if not truth["recorded"]:
        return [f"nothing was recorded, told as {call.recordings}"] if call.recordings else []
    if not call.recordings or call.recordings[0] != truth["recording"]["path"]:
        return [f"recorded in {truth['recording']['path']}, told as {call.recordings}"]
    return []
