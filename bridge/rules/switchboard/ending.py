"""How calls end: somebody hangs up, everybody is gone, or we lost sight of it."""

from bridge.model.call import Direction, HungUpBy
from bridge.model.channels import ChannelHungUp, HangupAsked
from bridge.model.moment import Instant
from bridge.rules.switchboard import handover
from bridge.rules.switchboard.live import Channel, LiveCall, Role, Whereabouts
from bridge.rules.switchboard.registry import Registry
from bridge.rules.switchboard.ringing import explain
from bridge.rules.switchboard.talk import regroup


def hangup_asked(registry: Registry, fact: HangupAsked) -> None:
    """Who hangs up ends the call, if the client is not led on to somebody else. Nobody: the PBX does."""
    channel = registry.channels.get(fact.channel)
    if channel is None or channel.asked_to_end:
        return
    channel.asked_to_end = True
    call = channel.call
    if not call.live:
        return
    if channel is call.client and (call.direction is Direction.INBOUND or call.answered_at is not None):
        call.hung_up_by = HungUpBy.CLIENT
        if call.answered_at is None:
            call.gave_up = _whereabouts(call)
    elif _talks_alone(call, channel) or (call.answered_at is None and _is_caller(call, channel)):
        call.hung_up_by = HungUpBy.EMPLOYEE


def _whereabouts(call: LiveCall) -> Whereabouts:
    if call.queued:
        return Whereabouts.QUEUE
    if any(leg.until is None for leg in call.rang):
        return Whereabouts.RINGING
    if call.client is not None and call.client.bridge is not None:
        return Whereabouts.RINGING  # alone in a conference: he waits for a person as one does who hears ringing
    return Whereabouts.ELSEWHERE


def _talks_alone(call: LiveCall, channel: Channel) -> bool:
    """Whether the client is left alone when this one goes; in a conference others may stay."""
    return [spell.channel for spell in call.spells if spell.until is None] == [channel]


def _is_caller(call: LiveCall, channel: Channel) -> bool:
    """Whether one of ours placed the call from this channel; by click-to-call he is rung first."""
    if call.direction is Direction.INBOUND:
        return False
    if channel is call.root:
        return True
    return call.direction is Direction.OUTBOUND and channel.role is Role.PHONE and channel.up_at is not None


def hung_up(registry: Registry, fact: ChannelHungUp) -> None:
    """A channel is gone, and perhaps the call with it."""
    channel = registry.channels.get(fact.channel)
    if channel is None or channel.gone:
        return
    channel.cause = fact.cause
    call = channel.call
    leg = call.leg_of(channel)
    if leg is not None:
        explain(leg, channel, fact)
    stay = registry.leave(channel)
    half = channel.other_half
    if half is not None:
        half.other_half = channel.other_half = None
        stay = [*stay, half]
    registry.bury(channel, fact.at)
    if call.live and call.over():
        _end(registry, call, fact.at)
    elif stay:
        regroup(registry, stay, fact.at)


def _end(registry: Registry, call: LiveCall, at: Instant) -> None:
    call.ended_at = max(at, call.answered_at or call.started_at)  # a clock may be set back
    for spell in call.spells:
        spell.end(at)
    for over in call.transfers:
        over.answered = bool(over.answered)
    if call.consulting is not None:
        call.consulting.answered = False
        call.transfers += (call.consulting,)
        call.consulting = None
    if call.hung_up_by is None:
        call.hung_up_by = HungUpBy.SYSTEM
    registry.dials_no_more(call)
    handover.consultation_ended(registry, call)
    registry.report(call)


def lose(registry: Registry, call: LiveCall, at: Instant, *, now: Instant, crashed: bool = False) -> None:
    """The call ended unseen, at the moment `at` or later; what became of it is not invented.

    Its channels are believed dead from `now` on, whatever was heard of them.
    """
    for channel in call.channels:
        if not channel.gone:
            registry.leave(channel)
            registry.bury(channel, now)
    call.ended_at = max(at, call.answered_at or call.started_at)
    call.incomplete = True
    call.crashed = crashed
    call.unseen_end = call.answered_at is None
    for leg in call.rang:
        if leg.until is None:
            leg.until = max(at, leg.since)
    for spell in call.spells:
        spell.end(at)
    call.consults = None
    registry.dials_no_more(call)
    registry.report(call)
    if not call.channels:
        registry.forget_call(call)
