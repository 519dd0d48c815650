"""Channels on their way: answered, into bridges and out of them, joined by local pairs, put on hold."""

from typing import assert_never

from bridge.model.channels import BridgeEntered, BridgeLeft, ChannelState, HalvesJoined, HoldChanged, StateChanged
from bridge.rules.switchboard.live import Channel, Role
from bridge.rules.switchboard.registry import Registry
from bridge.rules.switchboard.talk import regroup


def state_changed(registry: Registry, fact: StateChanged) -> None:
    """A channel got further."""
    channel = registry.channels.get(fact.channel)
    if channel is None:
        return
    match fact.state:
        case ChannelState.UP:
            if channel.up_at is None:
                channel.up_at = fact.at
                if channel.bridge is not None:
                    regroup(registry, (channel,), fact.at)
        case ChannelState.RINGING:
            channel.rang = True
        case ChannelState.CALLING:
            if channel is channel.call.root:
                channel.rung_by_us = False  # an analogue phone is off the hook before it dials
        case ChannelState.DOWN | ChannelState.OTHER:
            pass
        case _:
            assert_never(fact.state)


def entered(registry: Registry, fact: BridgeEntered) -> None:
    """Who is in a bridge hears the others; whom he hears may turn out to belong to the same call."""
    channel = registry.channels.get(fact.channel)
    if channel is None or channel.gone:
        return
    if fact.linked is not None and fact.linked != channel.call.id:
        linked = registry.calls.get(fact.linked)
        if linked is not None:
            registry.join(linked, channel.call)
    if fact.swapped is not None:
        _take_place(registry, fact.swapped, channel)
    registry.enter(channel, fact.bridge, holding=fact.holding)
    regroup(registry, (channel,), fact.at)


def _take_place(registry: Registry, swapped: str, channel: Channel) -> None:
    """A client's own PBX may replace his channel by another one: it is the same client."""
    old = registry.channels.get(swapped)
    if old is None or old.call.client is not old or channel.role is not Role.TRUNK or channel.rung_by_us:
        return
    call, other = old.call, channel.call
    if call is not other and other.client is channel and call.live:
        other.client = other.pivot = None
        registry.join(call, other)
        call.client = call.pivot = channel


def left(registry: Registry, fact: BridgeLeft) -> None:
    """Out of a bridge; a late word about an earlier one says nothing."""
    channel = registry.channels.get(fact.channel)
    if channel is None or channel.bridge is None or channel.bridge.id != fact.bridge:
        return
    stay = registry.leave(channel)
    regroup(registry, (channel, *stay), fact.at)


def halves_joined(registry: Registry, fact: HalvesJoined) -> None:
    """A local pair: what one half hears, the other says."""
    one, two = registry.channels.get(fact.channel), registry.channels.get(fact.other)
    if one is None or two is None or one.gone or two.gone:
        return
    registry.join(one.call, two.call)
    one.other_half, two.other_half = two, one
    regroup(registry, (one,), fact.at)


def hold_changed(registry: Registry, fact: HoldChanged) -> None:
    """While a phone holds a client, a call that it places may be a consultation."""
    channel = registry.channels.get(fact.channel)
    if channel is None or channel.gone or channel.role is not Role.PHONE:
        return
    holding = registry.holding
    if fact.held:
        if channel.call.client is not None:
            holding[channel.endpoint] = channel
    elif holding.get(channel.endpoint) is channel:
        del holding[channel.endpoint]
