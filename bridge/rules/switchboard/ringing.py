"""Whom a call rings, what becomes of it, and when ringing somebody means calling a client."""

from typing import assert_never

from bridge.model.call import Direction, HungUpBy, RangResult
from bridge.model.channels import ChannelHungUp, DialBegun, DialEnded, DialStatus, PickedUp
from bridge.model.moment import Instant
from bridge.rules.switchboard import handover
from bridge.rules.switchboard.live import Channel, Leg, LiveCall, Role
from bridge.rules.switchboard.registry import Registry

_RESULTS = {
    DialStatus.ANSWER: RangResult.ANSWERED,
    DialStatus.BUSY: RangResult.BUSY,
    DialStatus.NO_ANSWER: RangResult.NO_ANSWER,
    DialStatus.UNAVAILABLE: RangResult.UNAVAILABLE,
    DialStatus.CONGESTION: RangResult.FAILED,
    DialStatus.REFUSED: RangResult.REJECTED,
    DialStatus.OTHER: RangResult.CANCELLED,
}


def dial_begun(registry: Registry, fact: DialBegun) -> None:
    """A channel is rung: a phone of ours, a mobile of ours, or the client."""
    rung = registry.channels.get(fact.channel)
    if rung is None:
        return
    dialler = registry.channels.get(fact.dialler) if fact.dialler is not None else None
    if dialler is not None:
        registry.join(dialler.call, rung.call)
    call = rung.call
    if not call.live or rung.gone:
        return
    if rung.role is Role.TRUNK and fact.number is not None:
        rung.number = fact.number
    if dialler is not None and dialler is call.pivot:
        _goes_on(call)
        handover.redirected(registry, call, rung, fact.at)
    if rung.role is Role.LOCAL or rung.role is Role.MACHINE:
        return
    if _leads_to_client(call, rung):
        _reach_out(registry, call, rung, fact)
        return
    _ring(registry, call, rung, fact.at)
    if dialler is not None and dialler.role is Role.LOCAL and call.spells:
        handover.consultation_begun(call, dialler, rung, fact.at)


def _goes_on(call: LiveCall) -> None:
    """Somebody hung up, but the client was led on to somebody else."""
    if call.hung_up_by is HungUpBy.EMPLOYEE and call.answered_at is not None:
        call.hung_up_by = None


def _leads_to_client(call: LiveCall, rung: Channel) -> bool:
    """Whether ringing this trunk means calling a client, and not a mobile of one of ours."""
    if rung.role is not Role.TRUNK or rung is call.root:
        return False
    match call.direction:
        case Direction.INBOUND:
            return False
        case Direction.OUTBOUND:
            return call.answered_at is None and rung is not call.client
        case Direction.INTERNAL | None:
            # A colleague's phone rings and his mobile, too: that stays inside. Who has talked inside and is then
            # connected to the outside calls a client.
            colleagues = any(leg.channel is not call.root for leg in call.rang)
            return bool(call.spells) or not colleagues
        case _:
            assert_never(call.direction)


def _reach_out(registry: Registry, call: LiveCall, client: Channel, fact: DialBegun) -> None:
    """The call goes outside, or tries another carrier."""
    if call.direction is None:
        call.direction = Direction.OUTBOUND
        by_phone = call.root is not None and call.root.role is Role.PHONE
        inside = by_phone and any(spell.channel is not call.root for spell in call.spells)
        call.number = None if inside else call.dialled  # inside, a colleague's extension was dialled
        call.spells = ()
        call.recordings = ()
        call.answered_at = None
        call.hung_up_by = None
    if call.number is None:
        call.number = client.number
    call.client = call.pivot = client
    if fact.shown != call.caller:
        call.line = fact.shown
    registry.dials(call)
    registry.report(call)


def _ring(registry: Registry, call: LiveCall, rung: Channel, at: Instant) -> None:
    root = call.root
    if root is not None and root is not rung and root.role is Role.TRUNK and root.rung_by_us and call.direction is None:
        _found_client(registry, call, root)
    if call.leg_of(rung) is not None:
        return
    call.rang += (Leg(rung, rung.party, at),)
    if call.caller is None and call.direction is not Direction.INBOUND:
        call.caller = rung.party
    if len(call.rang) == 1:
        registry.report(call)
    else:
        registry.report_soon(call)


def _found_client(registry: Registry, call: LiveCall, root: Channel) -> None:
    """The PBX called the outside first and now looks for somebody of ours."""
    call.direction = Direction.OUTBOUND
    call.client = root
    call.number = root.number or call.dialled
    call.rang = tuple(leg for leg in call.rang if leg.channel is not root)
    call.caller = None
    registry.report(call)


def dial_ended(registry: Registry, fact: DialEnded) -> None:
    """A channel rings no more; the first word counts (a queue says NOANSWER, then CANCEL)."""
    rung = registry.channels.get(fact.channel)
    if rung is None or rung.status is not None:
        return
    rung.status = fact.status
    leg = rung.call.leg_of(rung)
    if leg is not None:
        leg.end(fact.at, _result(rung.call, fact))


def _result(call: LiveCall, fact: DialEnded) -> RangResult:
    if fact.forwarded:
        return RangResult.FORWARDED
    if fact.status is not DialStatus.CANCEL:
        return _RESULTS[fact.status]
    if call.pivot is not None and call.pivot.asked_to_end:
        return RangResult.CANCELLED
    if any(leg.result is RangResult.ANSWERED for leg in call.rang):
        return RangResult.ELSEWHERE
    return RangResult.NO_ANSWER  # the PBX stopped ringing it: a queue went on to the next


def explain(leg: Leg, channel: Channel, fact: ChannelHungUp) -> None:
    """The cause tells apart what the dial status does not: declined, switched off, taken by somebody else."""
    leg.end(fact.at, RangResult.NO_ANSWER if channel.up_at is None else RangResult.ANSWERED)
    if leg.result is not RangResult.NO_ANSWER and leg.result is not RangResult.CANCELLED:
        return
    match fact.cause:
        case 26:
            leg.result = RangResult.ELSEWHERE
        case 21:
            leg.result = RangResult.REJECTED
        case 17:
            leg.result = RangResult.BUSY
        case 1 | 20:
            leg.result = RangResult.UNAVAILABLE
        case 19 if not channel.rang and channel.asked_to_end:
            leg.result = RangResult.UNAVAILABLE  # do not disturb: refused at once, without ringing
        case _:
            pass


def picked_up(registry: Registry, fact: PickedUp) -> None:
    """Somebody takes the call that rings at a colleague's."""
    picker, target = registry.channels.get(fact.channel), registry.channels.get(fact.target)
    if picker is None or target is None:
        return
    registry.join(target.call, picker.call)
    leg = target.call.leg_of(target)
    if leg is not None:
        leg.end(fact.at, RangResult.ELSEWHERE)
