"""What a live call amounts to: the `Call` as far as it is known, its outcome and why it was missed."""

from typing import assert_never

from bridge.model.call import Call, Direction, HungUpBy, MissedReason, Outcome, Rang, RangResult, Talk, Transfer
from bridge.model.channels import DialStatus
from bridge.rules.switchboard.live import HandOver, LiveCall, Spell, Whereabouts

_NOT_REACHABLE = frozenset((1, 2, 3, 6, 22, 25, 27, 28, 29, 34, 38, 41, 42, 44, 47, 50, 55, 57, 58, 63, 65, 69, 79, 88))
"""Q.850 causes with which a network says that it could not even try: no such number, no circuit, out of order."""
_DECLINED = frozenset((17, 21))
_AUDIBLE = 0.2
"""Seconds of talk below which a recording holds nothing."""
_PLAYED = frozenset((0, 16, 31, 127))
"""Q.850 causes of a call that ended in the ordinary way: the dialplan came to its end, the caller hung up."""


def account(call: LiveCall, source: str) -> Call:
    """The whole call as it is known now. An unknown direction is inside the house."""
    outcome, reason = judge(call) if call.ended_at is not None else (None, None)
    return Call(
        key=f"{source}/{call.id}",
        source=source,
        platform_call_id=call.id,
        direction=call.direction or Direction.INTERNAL,
        started_at=call.started_at,
        raw_number=call.number,
        raw_line=call.line,
        client_name=call.name,
        caller=call.caller,
        queue=call.queue,
        menu=call.menu,
        rang=tuple([Rang(party=leg.party, since=leg.since, until=leg.until, result=leg.result) for leg in call.rang]),
        talked=tuple([Talk(party=spell.party, since=spell.since, until=spell.until) for spell in call.spells]),
        transfers=tuple([_transfer(over) for over in call.transfers]),
        recordings=_recordings(call),
        voicemail=call.voicemail if call.voicemail_left and call.answered_at is None else None,
        answered_at=call.answered_at,
        ended_at=call.ended_at,
        outcome=outcome,
        missed_reason=reason,
        hung_up_by=call.hung_up_by,
        incomplete=call.incomplete,
        merged=tuple([f"{source}/{key}" for key in call.merged]),
        revision=call.revision,
    )


def _transfer(over: HandOver) -> Transfer:
    return Transfer(kind=over.kind, by=over.by, to=over.to, at=over.at, answered=over.answered)


def _recordings(call: LiveCall) -> tuple[str, ...]:
    """The files that hold a conversation.

    A file exists for an unanswered call, too: it is an empty one, as is that of a caller who hung up at the very moment
    of the answer; but a message that was left in a mailbox behind a member is in it. After a crash of the PBX the
    file's header was never completed, so there is nothing to play.
    """
    if call.crashed:
        return ()
    if call.answered_at is None:
        return call.recordings if call.voicemail_left else ()
    if (
        call.ended_at is not None
        and not call.incomplete
        and not any(_seconds(spell) > _AUDIBLE for spell in call.spells)
    ):
        return ()
    if not call.recordings and call.from_record is not None:
        return (call.from_record,)
    return call.recordings


def _seconds(spell: Spell) -> float:
    return 0.0 if spell.until is None else spell.until - spell.since


def judge(call: LiveCall) -> tuple[Outcome, MissedReason | None]:
    """Outcome and reason of an ended call.

    A call that nobody had answered when we lost sight of it FAILED, and is `incomplete`: to call it missed, or
    answered, would be invented.
    """
    if call.answered_at is not None:
        return Outcome.ANSWERED, None
    if call.unseen_end:
        return Outcome.FAILED, None
    match call.direction:
        case Direction.INBOUND:
            return Outcome.MISSED, _why_missed(call)
        case Direction.OUTBOUND:
            return _how_it_failed(call)
        case Direction.INTERNAL | None:
            return _how_it_failed_inside(call)
        case _:
            assert_never(call.direction)


def _how_it_failed(call: LiveCall) -> tuple[Outcome, MissedReason | None]:
    """Why the outside was not reached: the last try counts (a second carrier may have been tried after the first).

    Who hangs up after the outside has refused, because he hears the busy tone, cancelled nothing.
    """
    status, cause = (call.client.status, call.client.cause) if call.client is not None else (None, 0)
    if call.hung_up_by is HungUpBy.EMPLOYEE and status in {None, DialStatus.CANCEL}:
        return Outcome.CANCELLED, None
    if status is DialStatus.BUSY or cause in _DECLINED:
        return Outcome.BUSY, None
    if status in {DialStatus.CONGESTION, DialStatus.UNAVAILABLE} or cause in _NOT_REACHABLE:
        return Outcome.FAILED, None
    return Outcome.MISSED, MissedReason.NO_ANSWER


def _how_it_failed_inside(call: LiveCall) -> tuple[Outcome, MissedReason | None]:
    if call.rang and all(leg.result is RangResult.BUSY for leg in call.rang):
        return Outcome.BUSY, None
    if call.hung_up_by is HungUpBy.EMPLOYEE:
        return Outcome.CANCELLED, None
    return (Outcome.MISSED, MissedReason.NO_ANSWER) if call.rang else (Outcome.FAILED, None)


def _why_missed(call: LiveCall) -> MissedReason:
    """Why an inbound call was not answered by a person: by where the caller was and what the phones said."""
    if call.voicemail_left:
        return MissedReason.VOICEMAIL
    if call.gave_up is Whereabouts.QUEUE:
        return MissedReason.ABANDONED_IN_QUEUE
    if call.gave_up is Whereabouts.RINGING:
        return MissedReason.ABANDONED_RINGING
    if call.rang:
        return _why_nobody_took_it(call)
    if call.nobody is not None:
        return call.nobody
    if call.mailbox or call.queue is not None:
        return MissedReason.NO_ANSWER
    return _why_nobody_was_rung(call)


def _why_nobody_took_it(call: LiveCall) -> MissedReason:
    """What the phones that were rung said; if one of them just rang, nobody answered it."""
    results = {leg.result for leg in call.rang}
    for result, reason in (
        (RangResult.REJECTED, MissedReason.REJECTED),
        (RangResult.BUSY, MissedReason.BUSY),
        (RangResult.UNAVAILABLE, MissedReason.UNAVAILABLE),
        (RangResult.FAILED, MissedReason.FAILED),
    ):
        if results <= _NEVER_RANG and result in results:
            return reason
    return MissedReason.NO_ANSWER


_NEVER_RANG = frozenset((RangResult.REJECTED, RangResult.BUSY, RangResult.UNAVAILABLE, RangResult.FAILED))


def _why_nobody_was_rung(call: LiveCall) -> MissedReason:
    """No phone rang: a menu, an announcement, or the PBX turned the call away with a cause of its own."""
    client = call.client
    if call.menu:
        return MissedReason.ABANDONED_IN_MENU
    if call.announced:
        return MissedReason.OUT_OF_HOURS
    if call.gave_up is not None:
        up = client is not None and client.up_at is not None
        return MissedReason.ABANDONED_IN_MENU if up else MissedReason.ABANDONED_RINGING
    match client.cause if client is not None else 0:
        case 17:
            return MissedReason.BUSY
        case 21:
            return MissedReason.REJECTED
        case 18 | 20:
            return MissedReason.UNAVAILABLE
        case 19:
            return MissedReason.NO_ANSWER
        case cause if cause in _PLAYED:
            return MissedReason.OUT_OF_HOURS
        case _:
            return MissedReason.FAILED
