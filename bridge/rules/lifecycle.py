"""The fold: many steps of one call, in any order and any number of times, are one call."""

from collections.abc import Iterable
from dataclasses import replace
from typing import assert_never

from bridge.model.call import (
    Call,
    Direction,
    MissedReason,
    Outcome,
    Rang,
    RangResult,
    Talk,
    Transfer,
    TransferKind,
    Utm,
)
from bridge.model.events import (
    CallAnswered,
    CallEnded,
    CallEvent,
    CallRecorded,
    CallRinging,
    CallSeen,
    CallStep,
    CallTransferred,
)
from bridge.model.moment import Instant
from bridge.model.people import Company
from bridge.model.phone import PhoneNumber, lookup_keys, read_number
from bridge.rules.staff import employee_of

IN_A_CALL = {CallRinging: 0, CallAnswered: 1, CallTransferred: 2, CallEnded: 3, CallRecorded: 4}
"""The order of steps that bear the same second."""


def advance(call: Call | None, event: CallEvent, *, steps: Iterable[CallStep], company: Company) -> Call:
    """The call after this event. `steps` are those of the call that came before, for calls that are pushed in steps.

    A whole call that a switchboard has seen replaces what is known if its revision is not lower.
    """
    match event:
        case CallSeen():
            return event.call if call is None or event.call.revision >= call.revision else call
        case CallRinging() | CallAnswered() | CallTransferred() | CallEnded() | CallRecorded():
            return fold_steps((*steps, event), company)
        case _:
            assert_never(event)


def fold_steps(steps: Iterable[CallStep], company: Company) -> Call:
    """The call that these steps tell, whatever their order; a step that comes twice counts once.

    A platform may push `call.ended` alone: the beginning is then counted back from its end. A call that a person
    answered stays answered, whatever the last step says.

    Raises:
        ValueError: there is no step.

    """
    told = _in_order(steps)
    if not told:
        raise ValueError("a call has at least one step")
    first = told[0]
    ended = _end(told)
    direction = _direction(told, ended, company)
    answered_at = _answered_at(told, ended)
    started_at = _started_at(told, ended, answered_at)
    if answered_at is not None:
        answered_at = max(answered_at, started_at)
        answered_at = min(answered_at, ended.occurred_at) if ended is not None else answered_at
    handed = _handed(told, ended)
    talked = _talked(told, ended, answered_at, handed)
    outcome, reason = _outcome(ended, direction, answered=answered_at is not None, queue=_first(told, ended, "queue"))
    recordings = _recordings(told)
    return Call(
        key=first.call_key,
        source=first.source,
        platform_call_id=first.platform_call_id,
        direction=direction,
        started_at=started_at,
        raw_number=_first(told, ended, "client_number"),
        raw_line=_first(told, ended, "line_number"),
        client_name=_first(told, ended, "client_name"),
        caller=_caller(told) if direction is not Direction.INBOUND else None,
        queue=_first(told, ended, "queue"),
        rang=_rang(told, ended, talked) if direction is not Direction.OUTBOUND else (),
        talked=talked,
        transfers=_transfers(ended, handed, talked),
        recordings=recordings,
        voicemail=recordings[0] if recordings and ended is not None and ended.outcome is Outcome.VOICEMAIL else None,
        answered_at=answered_at,
        ended_at=ended.occurred_at if ended is not None else None,
        outcome=outcome,
        missed_reason=reason,
        utm=next((step.utm for step in told if step.utm != Utm()), Utm()),
        revision=len(told),
    )


def _in_order(steps: Iterable[CallStep]) -> list[CallStep]:
    unique: dict[str, CallStep] = {}
    for step in sorted(steps, key=lambda step: (step.occurred_at, IN_A_CALL[type(step)], step.event_id)):
        unique.setdefault(step.event_id, step)
    return list(unique.values())


def _end(told: list[CallStep]) -> CallEnded | None:
    """The end that counts: the last one told. A platform that tells the end of each phone may tell of one that rang
    in vain after the one that was answered; the answer counts.
    """  # noqa: D205
    ends = [step for step in told if isinstance(step, CallEnded)]
    answered = [step for step in ends if step.outcome is Outcome.ANSWERED]
    return next(reversed(answered or ends), None)


def _first(told: list[CallStep], ended: CallEnded | None, name: str) -> str | None:
    """What the steps say of this; the end of the call knows best, else whoever said it first."""
    steps: list[CallStep] = told if ended is None else [ended, *told]
    return next((value for step in steps if isinstance(value := getattr(step, name), str) and value), None)


def _direction(told: list[CallStep], ended: CallEnded | None, company: Company) -> Direction:
    """As the platform says; if it says nothing, a call with a client's number came in, one with our own is internal."""
    said = next((step.direction for step in ([ended] if ended else []) + told if step.direction is not None), None)
    if said is not None:
        return said
    number = read_number(_first(told, ended, "client_number"), company.country)
    if isinstance(number, PhoneNumber):
        own = not company.own_numbers.isdisjoint(lookup_keys(number))
    else:
        own = employee_of(company, _first(told, ended, "client_number")) is not None
    return Direction.INTERNAL if own else Direction.INBOUND


def _answered_at(told: list[CallStep], ended: CallEnded | None) -> Instant | None:
    seen = next((step.occurred_at for step in told if isinstance(step, CallAnswered)), None)
    if ended is None or ended.outcome is not Outcome.ANSWERED:
        return seen
    # Clocks differ: an answer after the end was stamped by another clock, how long they talked by one alone.
    if seen is not None and (seen <= ended.occurred_at or ended.talk_seconds is None):
        return seen
    if ended.talk_seconds is not None:
        return ended.occurred_at - ended.talk_seconds
    begun = next((step.occurred_at for step in told if isinstance(step, CallRinging)), None)
    if begun is not None and ended.ring_seconds is not None:
        return begun + ended.ring_seconds
    return next((step.occurred_at for step in told if isinstance(step, CallTransferred)), ended.occurred_at)


def _started_at(told: list[CallStep], ended: CallEnded | None, answered_at: Instant | None) -> Instant:
    """When it was first heard of, or as long before the answer (or the end) as it is said to have rung."""
    heard = told[0].occurred_at
    if ended is None or ended.ring_seconds is None or isinstance(told[0], CallRinging):
        return heard if answered_at is None else min(heard, answered_at)
    rang_until = answered_at if answered_at is not None else ended.occurred_at
    return min(heard, rang_until - ended.ring_seconds)


def _handed(told: list[CallStep], ended: CallEnded | None) -> list[Transfer]:
    """Every transfer once, in order.

    A platform that names one employee only means who handed it over if he was talking, else who got it. If he handed
    it over, whoever talks next has got it.
    """
    talking: set[str] = set()
    seen: set[Transfer] = set()
    handed: list[Transfer] = []
    latest: str | None = None
    for step in told:
        if isinstance(step, CallTransferred):
            by, to = step.employee, step.to
            if to is None and by is not None and by not in talking:
                by, to = latest, by
            transfer = Transfer(kind=step.kind, by=by, to=to, at=step.occurred_at)
            if transfer not in seen:
                seen.add(transfer)
                handed.append(transfer)
        if isinstance(step, CallAnswered) and step.employee:
            _got_by(handed, step.employee)
            talking.add(step.employee)
            latest = step.employee
    if ended is not None and ended.outcome is Outcome.ANSWERED and ended.employee:
        _got_by(handed, ended.employee)
    return handed


def _got_by(handed: list[Transfer], party: str) -> None:
    if handed and handed[-1].to is None and handed[-1].by != party:
        handed[-1] = replace(handed[-1], to=party)


def _talked(
    told: list[CallStep], ended: CallEnded | None, answered_at: Instant | None, handed: list[Transfer]
) -> tuple[Talk, ...]:
    """Everybody who picked up, from his pick-up to the next one's, his own transfer, or the end."""
    if answered_at is None:
        return ()
    over = ended.occurred_at if ended is not None else None
    begun = [
        (step.occurred_at if over is None or step.occurred_at <= over else answered_at, step.employee)
        for step in told
        if isinstance(step, CallAnswered) and step.employee
    ]
    begun = [talk for place, talk in enumerate(begun) if place == 0 or begun[place - 1][1] != talk[1]]
    if not begun and handed and handed[0].by:
        begun.append((answered_at, handed[0].by))
    last = _unseen_talker(told, ended, handed)
    if last is not None and all(party != last for _, party in begun):
        got = next((transfer.at for transfer in handed if transfer.to == last), None)
        # Somebody nobody saw picking up: he was there from the transfer on, or, if that was not seen, at the end.
        late = ended.occurred_at if ended is not None and begun else answered_at
        since = got if got is not None else late
        begun.append((max(since, begun[-1][0]) if begun else since, last))
    ends = [*(since for since, _ in begun[1:]), over]
    return tuple(
        Talk(party=party, since=since, until=_left(party, since, handed, until))
        for (since, party), until in zip(begun, ends[: len(begun)], strict=True)
    )


def _unseen_talker(told: list[CallStep], ended: CallEnded | None, handed: list[Transfer]) -> str | None:
    """Who talked at the end although no step says that he picked up."""
    if ended is not None and ended.outcome is not Outcome.ANSWERED:
        return None
    if ended is not None and ended.employee:
        return ended.employee
    got = {step.employee for step in told if isinstance(step, CallTransferred) and step.to is None}
    # Who was consulted before the transfer had picked up.
    got |= {transfer.to for transfer in handed if transfer.kind is TransferKind.ATTENDED}
    return next((transfer.to for transfer in reversed(handed) if transfer.to in got), None)


def _left(party: str, since: Instant, handed: list[Transfer], until: Instant | None) -> Instant | None:
    left = next((transfer.at for transfer in handed if transfer.by == party and transfer.at >= since), until)
    # Clocks differ: nobody leaves before he came.
    return None if left is None else max(left, since)


def _transfers(ended: CallEnded | None, handed: list[Transfer], talked: tuple[Talk, ...]) -> tuple[Transfer, ...]:
    """The transfers with what became of them; whoever talked has taken the one that went to him."""
    talkers = {talk.party for talk in talked}
    nobody = False if ended is not None else None
    return tuple(replace(transfer, answered=True if transfer.to in talkers else nobody) for transfer in handed)


def _rang(told: list[CallStep], ended: CallEnded | None, talked: tuple[Talk, ...]) -> tuple[Rang, ...]:
    """Every phone once. A phone of whose ringing nothing was told is not invented."""
    picked_up = {talk.party: talk.since for talk in reversed(talked)}
    first_talk = talked[0].since if talked else None
    over = ended.occurred_at if ended is not None else None
    since: dict[str, Instant] = {}
    for step in told:
        if isinstance(step, CallRinging) and step.employee:
            since.setdefault(step.employee, step.occurred_at)
    return tuple(
        Rang(party=party, since=begun, until=until, result=result)
        for party, begun in since.items()
        for until, result in [_stopped(picked_up.get(party), begun, first_talk, over)]
    )


def _stopped(
    own: Instant | None, begun: Instant, first_talk: Instant | None, over: Instant | None
) -> tuple[Instant | None, RangResult | None]:
    if own is not None:
        return max(own, begun), RangResult.ANSWERED
    if first_talk is not None and first_talk >= begun:
        return first_talk, RangResult.ELSEWHERE
    return over, RangResult.NO_ANSWER if over is not None else None


def _caller(told: list[CallStep]) -> str | None:
    return next((step.employee for step in told if step.employee), None)


def _recordings(told: list[CallStep]) -> tuple[str, ...]:
    links = (step.recording_url for step in told if isinstance(step, CallEnded | CallRecorded))
    return tuple(dict.fromkeys(link for link in links if link))


def _outcome(
    ended: CallEnded | None, direction: Direction, *, answered: bool, queue: str | None
) -> tuple[Outcome | None, MissedReason | None]:
    """An inbound call is answered, or missed for a reason; an outbound call keeps what the platform says."""
    if ended is None:
        return None, None
    if answered:
        return Outcome.ANSWERED, None
    if direction is Direction.OUTBOUND:
        return ended.outcome, MissedReason.NO_ANSWER if ended.outcome is Outcome.MISSED else None
    match ended.outcome:
        case Outcome.ANSWERED | Outcome.MISSED:
            return Outcome.MISSED, MissedReason.NO_ANSWER
        case Outcome.BUSY:
            return Outcome.MISSED, MissedReason.BUSY
        case Outcome.FAILED:
            return Outcome.MISSED, MissedReason.FAILED
        case Outcome.VOICEMAIL:
            return Outcome.MISSED, MissedReason.VOICEMAIL
        case Outcome.CANCELLED:
            given_up = MissedReason.ABANDONED_IN_QUEUE if queue else MissedReason.ABANDONED_RINGING
            return Outcome.MISSED, given_up
        case _:
            assert_never(ended.outcome)
