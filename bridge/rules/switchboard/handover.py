"""How a client is handed on: transfers that are told, redirections that are not, consultations, parking."""

from bridge.model.call import TransferKind
from bridge.model.channels import AttendedTransferred, BlindTransferred, Parked
from bridge.model.moment import Instant
from bridge.rules.switchboard.live import Channel, HandOver, LiveCall, Role
from bridge.rules.switchboard.registry import Registry, is_person
from bridge.rules.switchboard.talk import regroup

_TOGETHER = 1.0
"""Seconds within which two events tell of the same thing (parking is told as a transfer as well, in either order)."""


def blind_transferred(registry: Registry, fact: BlindTransferred) -> None:
    """Somebody sent the client to an extension."""
    by = registry.channels.get(fact.channel)
    transferred = registry.channels.get(fact.transferred) if fact.transferred is not None else None
    subject = transferred or by
    if by is None or subject is None or not subject.call.live:
        return
    call = subject.call
    if call.parked_at is not None and abs(fact.at - call.parked_at) <= _TOGETHER:
        return
    _hand_over(registry, call, TransferKind.BLIND, by=by, to=fact.exten, at=fact.at)


def attended_transferred(registry: Registry, fact: AttendedTransferred) -> None:
    """Somebody joined the client and a colleague whom he had asked."""
    by = registry.channels.get(fact.channel)
    second = registry.channels.get(fact.second)
    if by is None or second is None:
        return
    call = registry.join(by.call, second.call, consultation=True) or by.call
    if not call.live:
        return
    call.consulting = None
    if call.pivot is not None:
        regroup(registry, [call.pivot], fact.at)  # an outside colleague was a client until now
    to = _consulted(registry, call, by, fact.target)
    over = _hand_over(registry, call, TransferKind.ATTENDED, by=by, to=to.party if to is not None else None, at=fact.at)
    if over is not None and to is not None and any(s.channel is to and s.until is None for s in call.spells):
        over.answered = True


def _consulted(registry: Registry, call: LiveCall, by: Channel, target: str | None) -> Channel | None:
    """The colleague: the channel told, or behind the local pair told; else who has the client now, or is being rung."""
    told = registry.channels.get(target) if target is not None else None
    if told is not None:
        for channel in told.reach():
            if channel is not call.pivot and channel.endpoint != by.endpoint and is_person(channel):
                return channel
    for spell in reversed(call.spells):
        if spell.until is None and spell.channel is not None and spell.channel.endpoint != by.endpoint:
            return spell.channel
    for leg in reversed(call.rang):
        if leg.until is None and leg.channel is not None:
            return leg.channel
    return None


def _hand_over(
    registry: Registry, call: LiveCall, kind: TransferKind, *, by: Channel, to: str | None, at: Instant
) -> HandOver | None:
    """Note the transfer, unless it is a repeat of the last one."""
    party = None if by is call.client else by.party
    last = call.transfers[-1] if call.transfers else None
    if last is not None and (last.kind, last.by, last.to) == (kind, party, to) and at - last.at <= _TOGETHER:
        return None
    over = HandOver(kind, by=party, to=to, at=at)
    call.transfers += (over,)
    registry.report(call)
    return over


def parked(registry: Registry, fact: Parked) -> None:
    """The client waits in a parking place; the transfer to it was none."""
    channel = registry.channels.get(fact.channel)
    if channel is None or not channel.call.live:
        return
    call = channel.call
    call.parked_at = fact.at
    last = call.transfers[-1] if call.transfers else None
    if last is None or last.answered is not None or last.kind is not TransferKind.BLIND:
        return
    if abs(fact.at - last.at) <= _TOGETHER:
        call.transfers = call.transfers[:-1]
        registry.report(call)


def redirected(registry: Registry, call: LiveCall, rung: Channel, at: Instant) -> None:
    """The client's own channel rings somebody after a talk. If nobody said so, a panel redirected him (AMI Redirect).

    Not if the last talker hung up himself (then the dialplan went on), if the client comes out of parking, or if a
    transfer was told and waits for its answer.
    """
    last = call.spells[-1] if call.spells else None
    if last is None or call.parked_at is not None or any(spell.until is None for spell in call.spells):
        return
    if last.channel is None or last.channel.asked_to_end:
        return
    if call.transfers and call.transfers[-1].answered is None:
        return
    to = rung.endpoint.partition("@")[0] if rung.role is Role.LOCAL else rung.party
    call.transfers += (HandOver(TransferKind.BLIND, by=last.party, to=to, at=at),)
    registry.report(call)


def consultation_begun(call: LiveCall, dialler: Channel, rung: Channel, at: Instant) -> None:
    """A talker of this call, led away by a feature code, has a colleague rung through a local pair."""
    half = dialler.other_half
    if half is None or half.bridge is None:
        return
    talkers = {spell.channel for spell in call.spells}
    for member in half.bridge.members:
        if member in talkers and member is not call.pivot:
            call.consulting = HandOver(TransferKind.ATTENDED, by=member.party, to=rung.party, at=at)


def consultation_ended(registry: Registry, asked: LiveCall) -> None:
    """The colleague was asked in a call of its own and that is over: the client was not handed on.

    If the colleague never answered, or is outside, it was just another call of a phone that happened to hold one.
    """
    parent = asked.consults
    asked.consults = None
    if parent is None or not parent.live or asked.client is not None or asked.caller is None or not asked.spells:
        return
    to = asked.spells[0].party
    over = HandOver(TransferKind.ATTENDED, by=asked.caller, to=to, at=asked.started_at)
    over.answered = False
    parent.transfers += (over,)
    registry.report(parent)
