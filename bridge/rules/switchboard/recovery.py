"""After a gap: which calls still live, which are gone, and which began while nobody listened."""

from bridge.model.call import Call, Direction, Rang, RangResult, Talk
from bridge.model.channels import ChannelKind, ChannelListed, ChannelState
from bridge.model.moment import Instant
from bridge.rules.switchboard.live import Channel, HandOver, Leg, LiveCall, Role, Spell
from bridge.rules.switchboard.registry import Registry
from bridge.rules.switchboard.talk import regroup


def restored(call: Call) -> LiveCall:
    """A live call as the store remembers it from before a restart of ours; its channels are still to be found."""
    live = LiveCall(call.platform_call_id, started_at=call.started_at)
    live.revision = call.revision
    live.merged = tuple(key.removeprefix(f"{call.source}/") for key in call.merged)
    live.direction = call.direction
    live.number, live.line, live.name = call.raw_number, call.raw_line, call.client_name
    live.caller, live.queue, live.menu = call.caller, call.queue, call.menu
    live.rang = [_leg(rang) for rang in call.rang]
    live.spells = [_spell(talk) for talk in call.talked]
    live.recordings = call.recordings
    live.answered_at = call.answered_at
    live.incomplete = call.incomplete
    for transfer in call.transfers:
        over = HandOver(transfer.kind, by=transfer.by, to=transfer.to, at=transfer.at)
        over.answered = transfer.answered
        live.transfers.append(over)
    return live


def _leg(rang: Rang) -> Leg:
    leg = Leg(None, rang.party, rang.since)
    leg.until, leg.result = rang.until, rang.result
    return leg


def _spell(talk: Talk) -> Spell:
    spell = Spell(None, talk.party, talk.since)
    spell.until = talk.until
    return spell


def last_known(call: LiveCall) -> Instant:
    """The latest moment of which we know that the call lived."""
    rang = [moment for leg in call.rang for moment in (leg.since, leg.until)]
    talked = [moment for spell in call.spells for moment in (spell.since, spell.until)]
    return max([call.started_at, *(moment for moment in (*rang, *talked) if moment is not None)])


def reconcile(
    registry: Registry,
    listing: dict[str, ChannelListed | None],
    roles: dict[str, Role],
    *,
    lost_at: Instant,
    at: Instant,
) -> list[LiveCall]:
    """Bring channels and bridges in line with what the PBX lists as living; the calls that did not survive.

    `lost_at` is when we heard the PBX last. Ids without a fact were born while the list was made.
    """
    vanished = [channel for channel in registry.channels.values() if not channel.gone and channel.id not in listing]
    for channel in vanished:
        registry.leave(channel)
        registry.bury(channel, at)
        for spell in channel.call.spells:
            if spell.channel is channel and spell.until is None:
                spell.until = lost_at
    listed = [fact for fact in listing.values() if fact is not None]
    listed.sort(key=lambda fact: fact.linked != fact.channel)  # roots first
    channels = [_found(registry, fact, roles[fact.channel]) for fact in listed]
    for channel, fact in zip(channels, listed, strict=True):
        _place(registry, channel, fact)
    _join_halves(channels)
    calls = {id(call): call for call in registry.calls.values()}
    dead = [call for call in calls.values() if call.live and call.over()]
    for call in calls.values():
        if call.live and call not in dead:
            _look_again(registry, call, at)
    return dead


def _found(registry: Registry, fact: ChannelListed, role: Role) -> Channel:
    channel = registry.channels.get(fact.channel)
    if channel is None:
        return _adopted(registry, fact, role)
    match fact.state:
        case ChannelState.UP if channel.up_at is None:
            channel.up_at = fact.at
        case ChannelState.RINGING:
            channel.rang = True
        case _:
            pass
    if channel.recording is None:
        channel.recording = fact.recording
    return channel


def _adopted(registry: Registry, fact: ChannelListed, role: Role) -> Channel:
    """A channel that we did not see being born, put into the call that it is linked to."""
    began = fact.born if fact.born is not None else fact.at
    call = registry.calls.get(fact.linked)
    known = call is not None
    if call is None:
        call = registry.open_call(fact.linked, began)
        call.adopted = True
    root = fact.linked == fact.channel
    channel = Channel(fact.channel, call=call, role=role, endpoint=fact.endpoint, rung_by_us=not root)
    channel.up_at = fact.at if fact.state is ChannelState.UP else None
    channel.rang = fact.state is ChannelState.RINGING
    channel.recording = fact.recording
    registry.channels[fact.channel] = channel
    call.channels.append(channel)
    if root:
        _take_root(call, channel, fact)
    elif role is Role.TRUNK:
        channel.number = fact.number  # an outgoing channel's caller id is the number that was dialled
        if call.client is None and call.direction is not Direction.INBOUND:
            _take_client(call, channel, known=known)
    if not root and role in {Role.PHONE, Role.TRUNK} and channel is not call.client:
        _take_leg(call, channel, began)
    registry.report(call)
    return channel


def _take_root(call: LiveCall, root: Channel, fact: ChannelListed) -> None:
    call.root = root
    if call.pivot is None:
        call.pivot = root
    if root.role is Role.TRUNK:
        call.client = call.pivot = root
        if call.direction is None:
            call.direction = Direction.INBOUND
            call.number, call.name, call.line = fact.number, fact.name, fact.exten
    elif root.role is Role.PHONE and call.caller is None:
        call.caller = root.endpoint
        call.dialled = fact.exten


def _take_client(call: LiveCall, channel: Channel, *, known: bool) -> None:
    call.direction = Direction.OUTBOUND
    call.client = call.pivot = channel
    if not known or call.number is None:
        call.number = channel.number


def _take_leg(call: LiveCall, channel: Channel, since: Instant) -> None:
    """The ringing that this channel was, or still is; one that the store remembers becomes its own."""
    for leg in call.rang:
        if leg.channel is None and leg.party == channel.party and leg.until is None:
            leg.channel = channel
            break
    else:
        leg = Leg(channel, channel.party, since)
        call.rang.append(leg)
    if channel.up_at is not None:
        leg.end(channel.up_at, RangResult.ANSWERED)


def _place(registry: Registry, channel: Channel, fact: ChannelListed) -> None:
    """Into the bridge that the list names. Of a bridge met here first, the kind is not known: say it mixes."""
    if fact.bridge is None:
        registry.leave(channel)
    else:
        registry.enter(channel, fact.bridge, holding=False)
    if fact.kind is ChannelKind.LOCAL:
        channel.pair = fact.pair


def _join_halves(channels: list[Channel]) -> None:
    waiting: dict[str, Channel] = {}
    for channel in channels:
        if channel.pair is not None and channel.other_half is None:
            other = waiting.pop(channel.pair, None)
            if other is None:
                waiting[channel.pair] = channel
            else:
                channel.other_half, other.other_half = other, channel


def _look_again(registry: Registry, call: LiveCall, at: Instant) -> None:
    """Who talks now? Whoever began unseen makes the call incomplete: his pick-up was not seen, nor what was before."""
    if call.pivot is None:
        return
    known = len(call.spells)
    regroup(registry, [call.pivot], at)
    if len(call.spells) > known:
        call.incomplete = True
        registry.report(call)
