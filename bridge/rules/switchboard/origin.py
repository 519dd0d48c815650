"""How calls begin: a first channel, and what is learned about the client soon after."""

from sys import intern

from bridge.model.call import Direction
from bridge.model.channels import CallerLearned, ChannelBorn, ChannelState, LineTold, Originated
from bridge.rules.switchboard.live import Channel, LiveCall, Role
from bridge.rules.switchboard.registry import Registry

_NO_EXTENSION = frozenset((None, "s", "h", "i", "t", "o", "a", "e", "fax", "failed"))
"""Extensions of the dialplan that nobody dials."""


def extension(exten: str | None) -> str | None:
    """What was dialled, None if the dialplan only says where it is."""
    return None if exten in _NO_EXTENSION else exten


def born(registry: Registry, fact: ChannelBorn, role: Role) -> None:
    """A channel is there: the first one of a call, or one more of the call that it is linked to."""
    known = registry.channels.get(fact.channel)
    if known is not None:
        _tell_again(registry, known, fact)
        return
    call = registry.calls.get(fact.linked)
    if call is None:
        call = registry.open_call(fact.linked, fact.at)
        call.incomplete = fact.linked != fact.channel  # how it began was not seen
    rung_by_us = fact.state is ChannelState.DOWN
    channel = Channel(fact.channel, call=call, role=role, endpoint=intern(fact.endpoint), rung_by_us=rung_by_us)
    if fact.state is ChannelState.UP:
        channel.up_at = fact.at
    registry.channels[channel.id] = channel
    call.channels += (channel,)
    if fact.linked == fact.channel and call.root is None and call.live:
        _begin(registry, call, channel, fact)


def _begin(registry: Registry, call: LiveCall, root: Channel, fact: ChannelBorn) -> None:
    """The first channel of a call decides what kind of call it is, as far as one can know yet."""
    call.root = call.pivot = root
    if root.role is Role.PHONE:
        call.caller = root.endpoint
        call.dialled = extension(fact.exten)
        held = registry.holding.get(root.endpoint)
        if held is not None and not root.rung_by_us:
            call.consults = held.call
    elif root.role is Role.TRUNK and not root.rung_by_us:
        call.direction = Direction.INBOUND
        call.client = root
        call.number, call.name, call.line = fact.number, fact.name, extension(fact.exten)
        out = registry.loop_of(call)
        if out is not None:
            call.direction = out.direction = Direction.INTERNAL
        registry.report_soon(call)  # in a moment a phone rings: that is worth telling


def _tell_again(registry: Registry, channel: Channel, fact: ChannelBorn) -> None:
    """A repeat; or the birth of a channel that was listed before we heard of it, which knows what was dialled."""
    call = channel.call
    if call.adopted and channel is call.client and call.direction is Direction.INBOUND:
        call.adopted = False
        call.number, call.name, call.line = fact.number, fact.name, extension(fact.exten)
        registry.report(call)


def caller_learned(registry: Registry, fact: CallerLearned) -> None:
    """Caller ids come late on analogue lines; what is known is not rewritten."""
    call = _inbound_call(registry, fact.channel)
    if call is None or not call.live:
        return
    if (call.number is None and fact.number is not None) or (call.name is None and fact.name is not None):
        call.number = call.number or fact.number
        call.name = call.name or fact.name
        registry.report(call)


def line_told(registry: Registry, fact: LineTold) -> None:
    """On an analogue line only the dialplan knows which number was called."""
    call = _inbound_call(registry, fact.channel)
    if call is not None and call.line is None:
        call.line = fact.line
        registry.report(call)


def _inbound_call(registry: Registry, channel: str) -> LiveCall | None:
    """The call that came in on this very channel."""
    found = registry.channels.get(channel)
    if found is None or found.rung_by_us or found.call.client is not found:
        return None
    return found.call


def originated(registry: Registry, fact: Originated) -> None:
    """The agent answered a click-to-call; this is the number that he wants, whatever prefix the trunk gets."""
    channel = registry.channels.get(fact.channel)
    if channel is None or not channel.call.live or channel.call.answered_at is not None:
        return
    call = channel.call
    call.dialled = extension(fact.exten) or call.dialled
    if call.direction is Direction.OUTBOUND and call.dialled is not None and call.number != call.dialled:
        registry.dials_no_more(call)
        call.number = call.dialled
        registry.dials(call)
        registry.report(call)
